import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuse } from '../../contract/errors.ts'
import { ApiKeyUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { callerWithin } from './callers.ts'
import { createRateLimiter, rates } from './limits.ts'
import type { Principal } from './principal.ts'

const somebody: Principal = {
  tenant: TenantUid.parse('a'.repeat(24)),
  user: UserUid.parse('b'.repeat(24)),
  credential: { kind: 'apiKey', key: ApiKeyUid.parse('c'.repeat(24)) },
  origin: {},
  person: { email: 'p@example.com', firstName: 'P', lastName: '', org: 'o' },
  epoch: 1n,
}
const address = '192.0.2.1'
const stopped = () => createRateLimiter({ now: () => 0, monotonicMs: () => 0 })

/** Credentials that are looked up, in a store that counts. */
function store() {
  const counts = { lookedUp: 0 }
  const lookUp =
    (isKnown: boolean) =>
    async (mayLookUp: () => boolean): Promise<Result<Principal, ReturnType<typeof refuse>>> => {
      if (!mayLookUp()) return err(refuse('too_many_requests'))
      counts.lookedUp++
      return isKnown ? ok(somebody) : err(refuse('unauthenticated'))
    }
  return { counts, lookUp }
}
const remembered = async () => ok(somebody)
const codeOf = (caller: Result<unknown, { readonly code: string }>) => (caller.ok ? 'ok' : caller.error.code)

test('made-up keys of one network are looked up as often as its budget says, and no more', async () => {
  const rate = stopped()
  const { counts, lookUp } = store()
  const { burst } = rates.unauthenticated
  for (let i = 0; i < burst; i++)
    assert.equal(codeOf(await callerWithin(rate, address, lookUp(false))), 'unauthenticated')
  const beyond = await callerWithin(rate, address, lookUp(false))
  assert.equal(codeOf(beyond), 'too_many_requests')
  assert.ok(!beyond.ok && (beyond.error.retryAfterSeconds ?? 0) >= 1)
  assert.equal(codeOf(await callerWithin(rate, address, undefined)), 'too_many_requests')
  assert.equal(counts.lookedUp, burst)
  assert.equal(codeOf(await callerWithin(rate, address, remembered)), 'ok', 'who needs no look-up is let in')
  assert.equal(codeOf(await callerWithin(rate, '192.0.2.2', lookUp(true))), 'ok', 'another network has its own')
})

test('a look-up that proves somebody costs their network nothing', async () => {
  const rate = stopped()
  const { counts, lookUp } = store()
  const many = 3 * rates.unauthenticated.burst
  for (let i = 0; i < many; i++) assert.equal(codeOf(await callerWithin(rate, address, lookUp(true))), 'ok')
  assert.equal(counts.lookedUp, many)
})

test('who sends nothing is counted too, and told what to send', async () => {
  const rate = stopped()
  for (let i = 0; i < rates.unauthenticated.burst; i++)
    assert.equal(codeOf(await callerWithin(rate, address, undefined)), 'unauthenticated')
  assert.equal(codeOf(await callerWithin(rate, address, undefined)), 'too_many_requests')
})

test('a caller has a budget of their own', async () => {
  const rate = stopped()
  for (let i = 0; i < rates.caller.burst; i++) assert.equal(codeOf(await callerWithin(rate, address, remembered)), 'ok')
  assert.equal(codeOf(await callerWithin(rate, address, remembered)), 'too_many_requests')
})
