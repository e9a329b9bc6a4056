import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UserUid } from '../../contract/ids.ts'
import { type ApiKeyState, type SessionState, validity } from './validity.ts'

const user = UserUid.parse('aaaaaaaaaaaaaaaaaaaaaaaa')
const facts = (
  tenantState: 'pending' | 'active' | 'inactive' | 'deleting' = 'active',
  state = 'active',
  epoch = 3n,
) => ({
  tenantState,
  // Cast: the cases name states that there are.
  users: new Map([[user, { state: state as 'active', credentialEpoch: epoch, teams: [] }]]),
})
const session: SessionState = {
  kind: 'session',
  user,
  credentialEpoch: 3n,
  lastSeenAt: 1_000,
  provedAt: 0,
  idleMs: 500,
  absoluteEndAt: 2_000,
  ended: false,
  revoked: new Set(['revoked']),
}
const key: ApiKeyState = {
  kind: 'apiKey',
  user,
  createdBy: user,
  secretHash: Buffer.alloc(32),
  active: true,
  expiresAt: 2_000,
}

const cases = [
  { rule: 'a session in use ends at its idle end', state: session, now: 1_200, ends: 1_500 },
  { rule: 'it is over at its idle end, to the millisecond', state: session, now: 1_500, because: 'expired' },
  {
    rule: 'use does not carry it past its absolute end',
    state: { ...session, lastSeenAt: 1_900 },
    now: 1_950,
    ends: 2_000,
  },
  { rule: 'nor at it', state: { ...session, lastSeenAt: 1_999 }, now: 2_000, because: 'expired' },
  {
    rule: 'a session that was ended is over',
    state: { ...session, ended: true },
    now: 1_200,
    because: 'session-ended',
  },
  {
    rule: 'a revoked token of it does not count',
    state: session,
    now: 1_200,
    jti: 'revoked',
    because: 'session-ended',
  },
  { rule: 'another token of it does', state: session, now: 1_200, jti: 'other', ends: 1_500 },
  {
    rule: 'a newer credential epoch voids it',
    state: session,
    now: 1_200,
    on: facts('active', 'active', 4n),
    because: 'session-ended',
  },
  { rule: 'an older one too', state: session, now: 1_200, on: facts('active', 'active', 2n), because: 'session-ended' },
  {
    rule: 'a user who is off has no session',
    state: session,
    now: 1_200,
    on: facts('active', 'inactive'),
    because: 'user-inactive',
  },
  { rule: 'nor who is pending', state: session, now: 1_200, on: facts('active', 'pending'), because: 'user-inactive' },
  {
    rule: 'nor who is not there',
    state: session,
    now: 1_200,
    on: { ...facts(), users: new Map() },
    because: 'user-inactive',
  },
  {
    rule: 'nor anybody of a tenant that is off',
    state: session,
    now: 1_200,
    on: facts('inactive'),
    because: 'tenant-inactive',
  },
  { rule: 'or pending', state: session, now: 1_200, on: facts('pending'), because: 'tenant-inactive' },
  { rule: 'or being deleted', state: session, now: 1_200, on: facts('deleting'), because: 'tenant-inactive' },
  { rule: 'a key ends at its expiry', state: key, now: 1_999, ends: 2_000 },
  { rule: 'and is over at it', state: key, now: 2_000, because: 'expired' },
  {
    rule: 'a key without expiry never ends by itself',
    state: { ...key, expiresAt: undefined },
    now: 9e15,
    ends: Infinity,
  },
  { rule: 'a key that is off does not count', state: { ...key, active: false }, now: 1_000, because: 'key-ended' },
  { rule: 'a new password does not end a key', state: key, now: 1_000, on: facts('active', 'active', 9n), ends: 2_000 },
  {
    rule: 'a key of who is off does not count',
    state: key,
    now: 1_000,
    on: facts('active', 'inactive'),
    because: 'user-inactive',
  },
]
for (const { rule, state, now, jti, on, ends, because } of cases)
  test(rule, () => {
    const valid = validity(state, on ?? facts(), now, jti)
    assert.deepEqual(valid, because ? { ok: false, error: because } : { ok: true, value: { endsAt: ends } })
  })
