import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { TenantUid } from '../../contract/ids.ts'
import {
  createIdentityWorld,
  goodPassword,
  type IdentityWorld,
  type Replica,
} from '../../tests/support/identity-world.ts'
import { until } from '../../tests/support/until.ts'

let world: IdentityWorld
let other: Replica
let acme: TenantUid
let globex: TenantUid
before(async () => {
  world = await createIdentityWorld()
  other = await world.replica()
  acme = (await world.bear('Acme', 'ada@acme.example')).tenant
  globex = (await world.bear('Globex', 'greta@globex.example')).tenant
  await world.addUser(acme, { email: 'bob@acme.example', password: goodPassword })
  await world.addUser(acme, { email: 'una@acme.example', password: goodPassword, roles: ['Tenant User Admin'] })
})
after(() => world?.stop())

const signIn = (email: string) => world.signIn(email, goodPassword)
const path = (tenant: TenantUid) => `/v1/tenants/${tenant}/authTokenSettings`
const set = (token: string, expiryTimeMinutes: unknown, tenant = acme) =>
  world.call(`PUT ${path(tenant)}`, { as: { authorization: token }, body: { expiryTimeMinutes } })
const read = (token: string, tenant = acme) => world.call(`GET ${path(tenant)}`, { as: { authorization: token } })
const isAlive = async (token: string, on: Replica = world) =>
  (await on.identity.authenticate({ authorization: token })).ok

test('a shorter idle time holds for new sessions, and at once for those that there are, on every replica', async () => {
  const admin = await signIn('ada@acme.example')
  const before = await read(admin)
  assert.deepEqual(before.ok && before.value.body, { expiryTimeMinutes: 240 })
  const old = await signIn('bob@acme.example')
  // In use on both, so that both have it in memory.
  assert.ok((await isAlive(old)) && (await isAlive(old, other)))
  const foreign = await signIn('greta@globex.example')

  assert.equal((await set(admin, 15)).ok, true)
  const fresh = await signIn('bob@acme.example')
  const after = await read(admin)
  assert.deepEqual(after.ok && after.value.body, { expiryTimeMinutes: 15 })
  world.clock.advance(14 * 60)
  assert.ok(await isAlive(foreign))
  world.clock.advance(60 + 1)
  for (const token of [old, fresh]) {
    assert.equal(await isAlive(token), false)
    await until('the other replica to hear of it', async () => ((await isAlive(token, other)) ? undefined : true))
  }
  // Of another tenant nothing has changed; its token alone has come to its end.
  const entry = world.entries.find(({ event }) => event === 'tenant.session.settings.updated')
  assert.deepEqual(entry?.details?.before, 240)
  assert.deepEqual(entry?.details?.after, 15)
})

test('a longer one is for those who sign in under it', async () => {
  const admin = await signIn('ada@acme.example')
  assert.equal((await set(admin, 20)).ok, true)
  const admitted = await signIn('bob@acme.example')
  assert.equal((await set(admin, 1440)).ok, true)
  const rows = await world.inTenant(acme, (tx) =>
    tx.query<{ idle_seconds: number }>('select idle_seconds from sessions where session_id = $1', [
      decodeJwt(admitted).sid,
    ]),
  )
  assert.equal(rows[0]?.idle_seconds, 20 * 60)
  assert.ok(await isAlive(admitted))
})

test('only a Tenant Admin sets it, of the own tenant, within the published bounds', async () => {
  const admin = await signIn('ada@acme.example')
  const users = await signIn('una@acme.example')
  const nobody = await signIn('bob@acme.example')
  for (const [answer, code] of [
    [await set(users, 60), 'forbidden'],
    [await set(nobody, 60), 'forbidden'],
    [await read(nobody), 'forbidden'],
    [await set(admin, 60, globex), 'not_found'],
    [await read(admin, globex), 'not_found'],
    [await set(admin, 14), 'invalid'],
    [await set(admin, 1441), 'invalid'],
    [await set(admin, '60'), 'invalid'],
    [await set(admin, 60.5), 'invalid'],
    [await world.call('GET /v1/system/authTokenSettings', { as: { authorization: admin } }), 'forbidden'],
  ] as const)
    assert.equal(!answer.ok && answer.error.code, code)
})
