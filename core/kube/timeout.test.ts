import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTarget } from './path.ts'
import { requestedTimeoutMs } from './timeout.ts'

const cases: readonly (readonly [query: string, ms: number | undefined])[] = [
  ['', undefined],
  ['?timeout=34s', 34_000],
  ['?timeout=5m0s', 300_000],
  ['?timeout=1h1m1s1ms', 3_661_001],
  ['?timeout=1.5s', 1500],
  ['?timeout=.5s', 500],
  ['?timeout=250ms', 250],
  ['?timeout=10s&timeout=1h', 10_000],
  ['?timeout=0s', undefined],
  ['?timeout=-5s', undefined],
  ['?timeout=30', undefined],
  ['?timeout=s', undefined],
  ['?timeout=', undefined],
]
for (const [query, ms] of cases) {
  test(`"${query}" asks for ${ms} ms`, () => {
    const target = parseTarget(`/api/v1/pods${query}`)
    assert.ok(target.ok)
    assert.equal(requestedTimeoutMs(target.value), ms)
  })
}
