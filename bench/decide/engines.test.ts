import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decision } from '../../core/access/index.ts'
import { checkEqualAnswers, createCasl, createCompiled, createPlain } from './engines.ts'
import { makeWorkload, type Size } from './workload.ts'

const size: Size = {
  ...{ tenants: 2, usersPerTenant: 30, teamsPerTenant: 6, projectsPerTenant: 4 },
  ...{ toUsers: 20, toTeams: 12, filtered: 12, requests: 500 },
}
const workload = makeWorkload(size, 1)
const compiled = createCompiled(workload)
const plain = createPlain(workload)
const casl = createCasl(workload)

test('a seed always makes the same workload, and another seed another one', () => {
  assert.deepEqual(makeWorkload(size, 1), workload)
  assert.notDeepEqual(makeWorkload(size, 2), workload)
})

test('the three engines answer alike, and the workload has both answers in it', () => {
  const allowed = checkEqualAnswers(workload, compiled, plain, casl)
  assert.ok(allowed > size.requests * 0.1 && allowed < size.requests * 0.9, `${allowed} of ${size.requests}`)
})

const dropReason = (decision: Decision): Decision => {
  return decision.effect === 'allow' ? { ...decision, because: decision.because.slice(1) } : decision
}
for (const { what, run } of [
  { what: 'another reason', run: () => checkEqualAnswers(workload, (n) => dropReason(compiled(n)), plain, casl) },
  { what: 'another answer', run: () => checkEqualAnswers(workload, compiled, plain, (n) => !casl(n)) },
])
  test(`the benchmark stops at ${what}`, () => assert.throws(run, /the plain rule differ/))
