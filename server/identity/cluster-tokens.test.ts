import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { TenantUid, UserUid } from '../../contract/ids.ts'
import { createIdentityWorld, goodPassword, type IdentityWorld } from '../../tests/support/identity-world.ts'

let world: IdentityWorld
let acme: TenantUid
let ada: UserUid

before(async () => {
  world = await createIdentityWorld()
  const born = await world.bear('Acme', 'ada@acme.example')
  acme = born.tenant
  ada = born.admin
})
after(() => world?.stop())

const signIn = () => world.signIn('ada@acme.example', goodPassword)
const atTheDoor = (token: string) => world.identity.authenticate({ authorization: `Bearer ${token}`, bearerOnly: true })

async function clusterTokenOf(presented: { authorization: string } | { apiKey: string }) {
  const principal = await world.identity.authenticate(presented)
  assert.ok(principal.ok)
  const { token, expiresAt } = await world.identity.issueClusterToken(principal.value)
  return { token: token.reveal(), expiresAt, holder: principal.value.credential }
}

async function newApiKey(expiry?: Date) {
  const made = await world.call('POST /v1/apiKeys', {
    as: { authorization: await signIn() },
    body: { metadata: { name: 'ci' }, spec: { expiry: expiry?.toISOString() } },
  })
  assert.ok(made.ok)
  return made.value.body as { uid: string; apiKey: string } // Cast: the wire schema of the answer.
}

test('a kubeconfig’s token is its holder at the Kubernetes door', async () => {
  const { apiKey, uid } = await newApiKey()
  const ofSession = await clusterTokenOf({ authorization: await signIn() })
  const ofKey = await clusterTokenOf({ apiKey })
  const session = await atTheDoor(ofSession.token)
  const key = await atTheDoor(ofKey.token)
  assert.ok(session.ok && key.ok)
  assert.partialDeepStrictEqual(session.value, { tenant: acme, user: ada, person: { org: 'Acme' } })
  assert.ok(session.value.credential.kind === 'session' && ofSession.holder.kind === 'session')
  assert.equal(session.value.credential.session, ofSession.holder.session)
  assert.deepEqual(key.value.credential, { kind: 'apiKey', key: uid })
  assert.ok(!JSON.stringify(decodeJwt(ofKey.token)).includes(apiKey.slice(-43)))
})

test('no other door takes it, and the Kubernetes door takes API tokens too', async () => {
  const own = await signIn()
  const { token } = await clusterTokenOf({ authorization: own })
  for (const authorization of [token, `Bearer ${token}`])
    assert.equal((await world.identity.authenticate({ authorization })).ok, false)
  assert.equal((await world.call(`GET /v1/auth/refresh/${token}`)).ok, false)
  assert.ok((await atTheDoor(own)).ok)
  assert.equal((await world.identity.authenticate({ authorization: token, bearerOnly: true })).ok, false)
})

test('it ends with its session, its key, and by itself after fifteen minutes', async () => {
  const own = await signIn()
  const ofSession = await clusterTokenOf({ authorization: own })
  assert.ok((await atTheDoor(ofSession.token)).ok)
  assert.ok((await world.call('POST /v1/palisade/logout', { as: { authorization: own } })).ok)
  assert.equal((await atTheDoor(ofSession.token)).ok, false)

  const { apiKey, uid } = await newApiKey()
  const ofKey = await clusterTokenOf({ apiKey })
  assert.ok((await atTheDoor(ofKey.token)).ok)
  const as = { authorization: await signIn() }
  assert.ok((await world.call(`PATCH /v1/apiKeys/${uid}`, { as, body: { isActive: false } })).ok)
  assert.equal((await atTheDoor(ofKey.token)).ok, false)
  assert.ok((await world.call(`PATCH /v1/apiKeys/${uid}`, { as, body: { isActive: true } })).ok)
  assert.ok((await atTheDoor(ofKey.token)).ok)

  assert.equal(ofKey.expiresAt.getTime(), world.clock.now() + 900_000)
  world.clock.advance(899)
  assert.ok((await atTheDoor(ofKey.token)).ok)
  world.clock.advance(1)
  assert.equal((await atTheDoor(ofKey.token)).ok, false)
})

test('it does not outlive a key that expires sooner', async () => {
  const expiry = new Date(world.clock.now() + 60_000)
  const { apiKey } = await newApiKey(expiry)
  const { token, expiresAt } = await clusterTokenOf({ apiKey })
  assert.deepEqual(expiresAt, expiry)
  assert.ok((await atTheDoor(token)).ok)
  world.clock.advance(60)
  assert.equal((await atTheDoor(token)).ok, false)
})

test('a session that has ended gets none', async () => {
  const own = await signIn()
  const principal = await world.identity.authenticate({ authorization: own })
  assert.ok(principal.ok)
  await world.call('POST /v1/palisade/logout', { as: { authorization: own } })
  await assert.rejects(world.identity.issueClusterToken(principal.value), /session-ended/)
})
