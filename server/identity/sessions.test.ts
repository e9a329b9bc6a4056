import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import { SessionUid, type TenantUid, type UserUid } from '../../contract/ids.ts'
import {
  createIdentityWorld,
  goodPassword,
  type IdentityWorld,
  type Replica,
} from '../../tests/support/identity-world.ts'
import { until } from '../../tests/support/until.ts'
import type { Principal } from '../gateway/index.ts'
import { createIdentity } from './identity.ts'
import { insertSession } from './session-store.ts'

let world: IdentityWorld
let other: Replica
let acme: TenantUid
let ada: UserUid
let bob: UserUid
let viewer: UserUid

before(async () => {
  world = await createIdentityWorld()
  other = await world.replica()
  const born = await world.bear('Acme', 'ada@acme.example')
  acme = born.tenant
  ada = born.admin
  bob = await world.addUser(acme, { email: 'bob@acme.example', password: goodPassword })
  viewer = await world.addUser(acme, {
    email: 'viewer@acme.example',
    password: goodPassword,
    roles: ['Tenant User Admin'],
  })
  await world.bear('Globex', 'greta@globex.example')
})
after(() => world?.stop())

const signIn = (email: string) => world.signIn(email, goodPassword)
const as = (authorization: string) => ({ as: { authorization } })
const sessionOf = (token: string) => String(decodeJwt(token).sid)

async function principalOf(token: string, on: Replica = world): Promise<Principal> {
  const principal = await on.identity.authenticate({ authorization: token })
  assert.ok(principal.ok)
  return principal.value
}

const refusedOn = (replica: Replica, token: string) =>
  until('the refusal', async () => {
    const answer = await replica.identity.authenticate({ authorization: token })
    return answer.ok ? undefined : answer.error
  })

test('B10 a token is taken as it stands and behind Bearer, in no other way', async () => {
  const token = await signIn('bob@acme.example')
  for (const authorization of [token, `Bearer ${token}`, `bearer ${token}`])
    assert.ok((await world.identity.authenticate({ authorization })).ok, authorization.slice(0, 10))
  const wrong = [
    `Basic ${token}`,
    `Token ${token}`,
    `JWT ${token}`,
    `Bearer  ${token}`,
    `Bearer\t${token}`,
    `Bearer${token}`,
    `Bearer "${token}"`,
    `Bearer ${token} `,
    ` ${token}`,
    `Bearer ${token}, Bearer ${token}`,
    `${token},${token}`,
    'Bearer',
    'Bearer ',
    'Bearer \0',
    '',
    `Basic ${Buffer.from(`ada@acme.example:${goodPassword}`).toString('base64')}`,
  ]
  for (const authorization of wrong) {
    const answer = await world.identity.authenticate({ authorization })
    assert.equal(!answer.ok && answer.error.code, 'unauthenticated', JSON.stringify(authorization.slice(0, 10)))
  }
  for (const presented of [
    {},
    { apiKey: token },
    { authorization: token, apiKey: 'x' },
    { authorization: token, apiKey: '' },
  ])
    assert.equal((await world.identity.authenticate(presented)).ok, false)
})

test('the Kubernetes door takes Bearer alone', async () => {
  const token = await signIn('bob@acme.example')
  assert.ok((await world.identity.authenticate({ authorization: `Bearer ${token}`, bearerOnly: true })).ok)
  assert.equal((await world.identity.authenticate({ authorization: token, bearerOnly: true })).ok, false)
})

test('a request that comes again asks no database', async () => {
  const token = await signIn('bob@acme.example')
  await principalOf(token)
  const before = world.transactions()
  for (let i = 0; i < 20; i++) await principalOf(token)
  const principal = await principalOf(token)
  assert.ok((await world.identity.recheck(principal, await world.access.current(acme))).ok)
  assert.equal(world.transactions(), before)
})

test('what ends a session is found on every replica, and at once where it was done', async () => {
  const token = await signIn('bob@acme.example')
  await principalOf(token, other)
  assert.ok((await world.call('POST /v1/palisade/logout', as(token))).ok)
  const here = await world.identity.authenticate({ authorization: token })
  assert.equal(!here.ok && here.error.detail, 'The session has ended; sign in again')
  await refusedOn(other, token)
})

test('signing out ends this session and no other', async () => {
  const [one, two] = [await signIn('bob@acme.example'), await signIn('bob@acme.example')]
  assert.ok((await world.call('POST /v1/palisade/logout', as(one))).ok)
  assert.equal((await world.identity.authenticate({ authorization: one })).ok, false)
  assert.ok((await world.identity.authenticate({ authorization: two })).ok)
  assert.partialDeepStrictEqual(world.entries.at(-1), {
    event: 'session.ended',
    outcome: 'done',
    resource: { uid: sessionOf(one) },
  })
})

test('an open stream learns on newer access data that its session was ended, and when it will end by itself', async () => {
  const token = await signIn('bob@acme.example')
  const principal = await principalOf(token, other)
  const valid = await other.identity.recheck(principal, await other.access.current(acme))
  const endsAt = world.clock.now() + 240 * 60_000
  assert.deepEqual(valid, { ok: true, value: { endsAt, settledUntil: endsAt } })
  const admin = await signIn('ada@acme.example')
  assert.ok((await world.call(`DELETE /v1/palisade/sessions/${sessionOf(token)}`, as(admin))).ok)
  const snapshot = await world.inTenant(acme, (tx) => world.access.inTx(tx))
  const ended = await other.identity.recheck(principal, await other.access.atLeast(acme, snapshot.epoch))
  assert.equal(!ended.ok && ended.error.reason, 'session-ended')
})

test('C06 a session that nobody used is over, for requests, streams, refresh and in the list, with nothing swept away', async () => {
  const token = await signIn('bob@acme.example')
  const principal = await principalOf(token)
  const admin = await signIn('ada@acme.example')
  // Kept alive for four hours by its use, a quarter of an hour at a time.
  let refreshed = admin
  for (let i = 0; i < 15; i++) {
    world.clock.advance(14 * 60)
    refreshed = (await mustRefresh(refreshed)) ?? ''
  }
  world.clock.advance(31 * 60)
  const facts = await world.access.current(acme)
  const stream = await world.identity.recheck(principal, facts)
  assert.equal(!stream.ok && stream.error.reason, 'expired')
  const again = await world.call(`GET /v1/auth/refresh/${token}`)
  assert.equal(!again.ok && again.error.code, 'token_invalid')
  const admins = await signIn('ada@acme.example')
  const list = await world.call('GET /v1/palisade/sessions', { ...as(admins), query: { user: bob } })
  assert.ok(list.ok)
  assert.ok(!list.value.body.items.some(({ uid }: { uid: string }) => uid === sessionOf(token)))
  const [row] = await world.inTenant(acme, (tx) =>
    tx.query<{ ended_at: Date | null }>('select ended_at from sessions where tenant_id = $1 and session_id = $2', [
      acme,
      sessionOf(token),
    ]),
  )
  assert.equal(row?.ended_at, null)
})

async function mustRefresh(token: string): Promise<string> {
  const answer = await world.call(`GET /v1/auth/refresh/${token}`, { query: { setCookie: 'true' } })
  assert.ok(answer.ok)
  assert.deepEqual(Object.keys(answer.value.body).sort(), ['Authorization', 'isMfa'])
  return answer.value.body.Authorization
}

test('a refused request does not keep a session alive', async () => {
  const token = await signIn('bob@acme.example')
  const principal = await principalOf(token)
  await world.identity.recheck(principal, await world.access.current(acme))
  world.clock.advance(901)
  // The token has expired: asking with it moves nothing.
  assert.equal((await world.identity.authenticate({ authorization: token })).ok, false)
  const valid = await world.identity.recheck(principal, await world.access.current(acme))
  assert.equal(valid.ok && valid.value.endsAt, world.clock.now() - 901_000 + 240 * 60_000)
})

test('use is written at most once a minute, and seen by the other replica', async () => {
  const token = await signIn('bob@acme.example')
  await principalOf(token)
  await world.identity.stop()
  const lastSeen = async () => {
    const rows = await world.inTenant(acme, (tx) =>
      tx.query<{ last_seen_at: Date }>('select last_seen_at from sessions where tenant_id = $1 and session_id = $2', [
        acme,
        sessionOf(token),
      ]),
    )
    return rows[0]?.last_seen_at.getTime()
  }
  const start = world.clock.now()
  world.clock.advance(59)
  await principalOf(token)
  await world.identity.stop()
  assert.equal(await lastSeen(), start)
  world.clock.advance(1)
  const principal = await principalOf(token)
  await world.identity.stop()
  assert.equal(await lastSeen(), start + 60_000)
  const there = await other.identity.recheck(principal, await other.access.current(acme))
  assert.equal(there.ok && there.value.endsAt, start + 60_000 + 240 * 60_000)
  await world.identity.start()
})

test('a stream that goes on keeps its session', async () => {
  const token = await signIn('bob@acme.example')
  const principal = await principalOf(token)
  for (let i = 0; i < 5; i++) {
    world.clock.advance(3600)
    world.identity.touch(principal)
  }
  assert.ok((await world.identity.recheck(principal, await world.access.current(acme))).ok)
})

test('a refreshed token is of the same session, and no use carries a session past its absolute end', async () => {
  let token = await signIn('bob@acme.example')
  const first = decodeJwt(token)
  const start = world.clock.now()
  for (let i = 0; i < 51; i++) {
    world.clock.advance(14 * 60)
    const next = await mustRefresh(token)
    assert.equal(sessionOf(next), first.sid)
    assert.notEqual(decodeJwt(next).jti, decodeJwt(token).jti)
    token = next
  }
  // 11 h 54 min: this token ends with the session and not after fifteen minutes.
  assert.equal(decodeJwt(token).exp, Math.floor(start / 1000) + 12 * 3600)
  world.clock.advance(6 * 60)
  assert.equal((await world.identity.authenticate({ authorization: token })).ok, false)
  assert.equal((await world.call(`GET /v1/auth/refresh/${token}`)).ok, false)
})

test('the old token stays good until its own end: another process may hold it', async () => {
  const token = await signIn('bob@acme.example')
  await mustRefresh(token)
  assert.ok((await world.identity.authenticate({ authorization: token })).ok)
})

test('B21 only a token that is good now is refreshed', async () => {
  const token = await signIn('bob@acme.example')
  for (const wrong of ['x', 'a.b.c', `Bearer ${token}`, `${token}A`]) {
    const answer = await world.call(`GET /v1/auth/refresh/${encodeURIComponent(wrong)}`)
    assert.equal(!answer.ok && answer.error.code, 'token_invalid')
  }
  world.clock.advance(900)
  assert.equal((await world.call(`GET /v1/auth/refresh/${token}`)).ok, false)
})

test('a revoked token ends its session, refreshed tokens included, and is listed', async () => {
  const stolen = await signIn('bob@acme.example')
  const thiefs = await mustRefresh(stolen)
  const mine = await signIn('bob@acme.example')
  const answer = await world.call('POST /v1/users/auth/tokens/revoke', { ...as(mine), body: { tokens: [stolen] } })
  assert.ok(answer.ok && answer.value.auditUid)
  for (const token of [stolen, thiefs])
    assert.equal((await world.identity.authenticate({ authorization: token })).ok, false)
  assert.ok((await world.identity.authenticate({ authorization: mine })).ok)
  const listed = await world.inTenant(acme, (tx) =>
    tx.query('select jti from revoked_tokens where tenant_id = $1 and jti = $2', [acme, decodeJwt(stolen).jti]),
  )
  assert.equal(listed.length, 1)
  assert.deepEqual(world.entries.at(-1)?.details?.sessions, [sessionOf(stolen)])
})

test('a token that has expired can be revoked still, since its session may live', async () => {
  const old = await signIn('bob@acme.example')
  const principal = await principalOf(old)
  world.clock.advance(901)
  const mine = await signIn('bob@acme.example')
  assert.ok((await world.call('POST /v1/users/auth/tokens/revoke', { ...as(mine), body: { tokens: [old] } })).ok)
  const stream = await world.identity.recheck(principal, await world.access.current(acme))
  assert.equal(stream.ok, false)
})

test('C04 revoking somebody else’s token, or what is none, is passed over in silence', async () => {
  const [adas, gretas, mine] = [
    await signIn('ada@acme.example'),
    await signIn('greta@globex.example'),
    await signIn('bob@acme.example'),
  ]
  const body = { tokens: [adas, gretas, 'nonsense', ''] }
  assert.ok((await world.call('POST /v1/users/auth/tokens/revoke', { ...as(mine), body })).ok)
  for (const token of [adas, gretas, mine]) assert.ok((await world.identity.authenticate({ authorization: token })).ok)
  for (const nothing of [undefined, null, {}, { tokens: null }])
    assert.ok((await world.call('POST /v1/users/auth/tokens/revoke', { ...as(mine), body: nothing })).ok)
  assert.ok((await world.identity.authenticate({ authorization: mine })).ok)
})

test('one’s own sessions are listed with where they came from, the current one marked', async () => {
  const user = 'lister@acme.example'
  await world.addUser(acme, { email: user, password: goodPassword })
  const first = await signIn(user)
  world.clock.advance(60)
  const second = await signIn(user)
  const list = await world.call('GET /v1/palisade/sessions', as(second))
  assert.ok(list.ok)
  assert.partialDeepStrictEqual(list.value.body.items, [
    { uid: sessionOf(second), current: true, address: '192.0.2.1', userAgent: 'test' },
    { uid: sessionOf(first), current: false },
  ])
  assert.ok((await world.call(`DELETE /v1/palisade/sessions/${sessionOf(first)}`, as(second))).ok)
  const left = await world.call('GET /v1/palisade/sessions', as(second))
  assert.equal(left.ok && left.value.body.items.length, 1)
})

test('C04 another’s sessions are for who may and holds all that they hold', async () => {
  const [bobs, adas, viewers, gretas] = [
    await signIn('bob@acme.example'),
    await signIn('ada@acme.example'),
    await signIn('viewer@acme.example'),
    await signIn('greta@globex.example'),
  ]
  const list = (token: string, user: string) =>
    world.call('GET /v1/palisade/sessions', { ...as(token), query: { user } })
  const end = (token: string, of: string) => world.call(`DELETE /v1/palisade/sessions/${sessionOf(of)}`, as(token))
  const code = (answer: Awaited<ReturnType<typeof list>>) => (answer.ok ? 'ok' : answer.error.code)

  assert.equal(code(await list(bobs, ada)), 'forbidden')
  assert.equal(code(await end(bobs, adas)), 'forbidden')
  // May change users, but the tenant's administrator holds more.
  assert.equal(code(await list(viewers, ada)), 'exceeds_own_rights')
  assert.equal(code(await end(viewers, adas)), 'exceeds_own_rights')
  assert.equal(code(await list(viewers, bob)), 'ok')
  assert.equal(code(await list(adas, viewer)), 'ok')
  // Another tenant's are not there.
  assert.equal(code(await list(gretas, ada)), 'not_found')
  assert.equal(code(await end(gretas, adas)), 'not_found')
  for (const nobody of ['x', 'f'.repeat(24), 'system']) assert.equal(code(await list(adas, nobody)), 'not_found')
  assert.equal(code(await world.call('DELETE /v1/palisade/sessions/x', as(adas))), 'not_found')
  assert.ok((await world.identity.authenticate({ authorization: adas })).ok)
  assert.equal(code(await end(viewers, bobs)), 'ok')
  assert.equal((await world.identity.authenticate({ authorization: bobs })).ok, false)
})

test('an unknown query parameter is refused: it might be a misspelt one', async () => {
  const answer = await world.call('GET /v1/palisade/sessions', {
    ...as(await signIn('bob@acme.example')),
    query: { usr: ada },
  })
  assert.equal(!answer.ok && answer.error.code, 'invalid')
})

test('a user who is switched off, and on again, has to sign in anew; a deleted one is nobody', async () => {
  const user = await world.addUser(acme, { email: 'leaver@acme.example', password: goodPassword })
  const token = await signIn('leaver@acme.example')
  const change = (sql: string) =>
    world.inTenant(acme, async (tx) => {
      await world.access.lock(tx)
      await tx.query(sql, [acme, user])
      await world.access.raise(tx, 'access')
    })
  await principalOf(token, other)
  await change(`update users set state = 'inactive', credential_epoch = credential_epoch + 1
                 where tenant_id = $1 and user_id = $2`)
  assert.equal((await refusedOn(world, token)).detail, 'The account is not active')
  await refusedOn(other, token)
  await change(`update users set state = 'active' where tenant_id = $1 and user_id = $2`)
  const active = async () => ((await world.access.current(acme)).users.get(user)?.state === 'active' ? true : undefined)
  await until('the user being on again', active)
  assert.equal((await refusedOn(world, token)).detail, 'The session has ended; sign in again')
  const anew = await signIn('leaver@acme.example')
  await change('delete from users where tenant_id = $1 and user_id = $2')
  await refusedOn(world, anew)
  await refusedOn(other, anew)
})

test('a session of a user whom this replica has not heard of yet is taken: the access data catches up', async () => {
  const stale = await other.access.current(acme)
  const late = createIdentity({ ...other.edges, access: { ...other.access, current: async () => stale } })
  await late.start()
  const user = await world.addUser(acme, { email: 'brand.new@acme.example', password: goodPassword })
  const token = await signIn('brand.new@acme.example')
  const principal = await late.authenticate({ authorization: token })
  assert.ok(principal.ok)
  assert.equal(principal.value.user, user)
  assert.ok(principal.value.epoch > stale.epoch)
  await late.stop()
})

test('a session in use on another replica is not idle here', async () => {
  const token = await signIn('bob@acme.example')
  const here = await principalOf(token)
  const there = await principalOf(token, other)
  world.clock.advance(200 * 60)
  other.identity.touch(there)
  await other.identity.stop()
  world.clock.advance(100 * 60)
  const valid = await world.identity.recheck(here, await world.access.current(acme))
  assert.equal(valid.ok && valid.value.endsAt, world.clock.now() + 140 * 60_000)
  await other.identity.start()
})

test('no session is made for an account that changed while its password was looked at', async () => {
  const uid = SessionUid.parse('c'.repeat(24))
  const client = { address: '192.0.2.1', userAgent: 'test' }
  const now = new Date(world.clock.now())
  const sealer = await world.keys.of(acme)
  const insert = (credentialEpoch: bigint) =>
    world.inTenant(acme, (tx) =>
      insertSession(tx, sealer, { uid, account: { user: bob, credentialEpoch }, client, now }),
    )
  const { credentialEpoch } = (await world.access.current(acme)).users.get(bob) ?? { credentialEpoch: 0n }
  assert.equal(await insert(credentialEpoch - 1n), false)
  assert.equal(await insert(credentialEpoch), true)
})

test('old sessions are forgotten at the next sign-in, with their revoked tokens', async () => {
  const email = 'tidy@acme.example'
  await world.addUser(acme, { email, password: goodPassword })
  const old = await signIn(email)
  const mine = await signIn(email)
  await world.call('POST /v1/users/auth/tokens/revoke', { ...as(mine), body: { tokens: [old] } })
  world.clock.advance(12 * 3600 + 1)
  const now = await signIn(email)
  const rows = await world.inTenant(acme, (tx) =>
    tx.query<{ session_id: string }>(
      `select session_id from sessions where tenant_id = $1 and session_id = any($2)
       union all select session_id from revoked_tokens where tenant_id = $1 and session_id = any($2)`,
      [acme, [old, mine, now].map(sessionOf)],
    ),
  )
  assert.deepEqual(rows, [{ session_id: sessionOf(now) }])
})
