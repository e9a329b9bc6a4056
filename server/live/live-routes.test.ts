import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TenantUid, UserUid } from '../../contract/ids.ts'
import type { Result } from '../../core/result.ts'
import type { Endpoint } from '../gateway/index.ts'
import { liveEndpoints } from './live-routes.ts'

type Prepared = { readonly value: unknown; readonly forget: () => void }
type Live = {
  prepare(c: object): Promise<Result<Prepared, { readonly code: string }>>
  handle(c: object): Promise<Result<{ readonly body: AsyncIterable<string> }, object>>
}

const principal = { tenant: TenantUid.parse('a'.repeat(24)), user: UserUid.parse('b'.repeat(24)) }

function live(): Live {
  const registered = { recheckAt() {}, done() {} }
  const [endpoint] = liveEndpoints({
    calls: { register: () => registered },
    recheck: () => Promise.reject(new Error('nobody asks')),
    signals: { listen: () => () => {} },
  }) as readonly [Endpoint]
  // As the pipeline calls it, with what this endpoint looks at alone.
  return endpoint as unknown as Live
}

/** The pipeline's way: prepared, handled, committed or not, forgotten. */
async function listen(endpoint: Live, ends: 'committed' | 'rolled back' = 'committed') {
  const prepared = await endpoint.prepare({ principal })
  if (!prepared.ok) return prepared.error.code
  const committed: (() => void)[] = []
  const tx = { afterCommit: (work: () => void) => committed.push(work) }
  const handled = await endpoint.handle({ tx, principal, requestId: 'r', prepared: prepared.value.value })
  assert.ok(handled.ok)
  if (ends === 'committed') for (const work of committed) work()
  prepared.value.forget()
  return handled.value.body[Symbol.asyncIterator]()
}

test('places are counted before anything is done for who takes one', async () => {
  const endpoint = live()
  const all = await Promise.all(Array.from({ length: 40 }, () => listen(endpoint)))
  assert.equal(all.filter((one) => one === 'too_many_requests').length, 8)
})

test('a place is free again however its answer ends: read, broken off, never begun, or never committed', async () => {
  const endpoint = live()
  const all = await Promise.all(Array.from({ length: 32 }, () => listen(endpoint)))
  for (const end of ['never begun', 'read'] as const) {
    assert.equal(await listen(endpoint), 'too_many_requests')
    const one = all.pop()
    assert.ok(one && typeof one !== 'string')
    if (end === 'read') assert.match((await one.next()).value ?? '', /retry/)
    await one.return?.()
    await one.return?.()
    assert.equal(typeof (await listen(endpoint, 'rolled back')), 'object')
    assert.equal(typeof (await listen(endpoint)), 'object', 'one that came to nothing holds no place')
  }
  assert.equal(await listen(endpoint), 'too_many_requests', 'nor is one given back twice')
})
