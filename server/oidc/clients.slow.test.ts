import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as oidc from 'openid-client'
import { createBrowser } from '../../tests/support/browser.ts'
import { beginFlow, discover, redeem, signInOn } from '../../tests/support/oidc.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../../tests/support/palisade.ts'

let palisade: Palisade
let acme: Tenant
let beta: Tenant

before(async () => {
  palisade = await startPalisade({ name: 'oidc-clients' })
  acme = await createTenant(palisade, 'acme')
  beta = await createTenant(palisade, 'beta')
})
after(() => palisade?.stop())

const redirect = 'https://grafana.example/login/callback'
const web = (name: string, more: object = {}) => ({ name, kind: 'web', redirectUris: [redirect], ...more })

const register = (by: Tenant['admin'], body: object) => by.must('POST', '/v1/palisade/oidc/clients', { body })

test('a registered client signs people of its tenant in, and its token does not open the API', async () => {
  const { client, clientSecret } = await register(acme.admin, web('Grafana'))
  const config = await discover(palisade, client.clientId, clientSecret)
  const browser = createBrowser(palisade.url, palisade.caPem)
  const flow = await beginFlow(config, { redirect_uri: redirect })
  const back = await signInOn(browser, flow, { email: acme.adminEmail })
  assert.equal(back.url.origin, 'https://grafana.example')
  const tokens = await redeem(config, flow, back.url)
  assert.equal(tokens.claims()?.email, acme.adminEmail)
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims()?.sub ?? '')
  assert.deepEqual([info.email, info.org], [acme.adminEmail, 'acme'])
  assert.equal((await palisade.api.as({ token: tokens.access_token }).call('GET', '/v1/users/me')).status, 401)

  const seen = await oidc.tokenIntrospection(config, tokens.access_token)
  assert.equal(seen.active, true)
  const { items } = await acme.admin.must('GET', '/v1/palisade/sessions')
  const session = items.find((one: { userAgent: string }) => one.userAgent === 'test browser')
  await acme.admin.must('DELETE', `/v1/palisade/sessions/${session.uid}`)
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false)
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token ?? '')).active, false)
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, oidc.skipSubjectCheck))
  await browser.close()
})

test('with apiAccess its token opens the API, as the person who signed in', async () => {
  const { client, clientSecret } = await register(acme.admin, web('Portal', { apiAccess: true }))
  const config = await discover(palisade, client.clientId, clientSecret)
  const browser = createBrowser(palisade.url, palisade.caPem)
  const flow = await beginFlow(config, { redirect_uri: redirect })
  const back = await signInOn(browser, flow, { email: acme.adminEmail })
  const tokens = await redeem(config, flow, back.url)
  const me = await palisade.api.as({ token: tokens.access_token }).must('GET', '/v1/users/me')
  assert.equal(me.metadata.uid, acme.adminUid)
  await browser.close()
})

test('people of another tenant do not sign in at a tenant’s client, by password or by a session that they have', async () => {
  const { client, clientSecret } = await register(acme.admin, web('Only acme'))
  const config = await discover(palisade, client.clientId, clientSecret)
  const browser = createBrowser(palisade.url, palisade.caPem)
  const person = { email: beta.adminEmail }
  const page = await signInOn(browser, await beginFlow(config, { redirect_uri: redirect }), person)
  assert.equal(page.status, 401)
  // Signed in elsewhere in the same browser, they are asked for a password here all the same.
  const cli = await discover(palisade)
  await signInOn(browser, await beginFlow(cli), person)
  const asked = await browser.open((await beginFlow(config, { redirect_uri: redirect })).url)
  assert.match(asked.text, /name="password"/)
  assert.doesNotMatch(asked.text, /beta/)
  // Clients that a system administrator registers are for all.
  const everybody = await register(palisade.system, web('Everybody'))
  const all = await discover(palisade, everybody.client.clientId, everybody.clientSecret)
  const flow = await beginFlow(all, { redirect_uri: redirect })
  const back = await browser.submit(await browser.open(flow.url), { action: 'continue' })
  assert.equal((await redeem(all, flow, back.url)).claims()?.tenant, beta.uid)
  await browser.close()
})

test('only administrators register clients; a tenant sees its own', async () => {
  const { api } = await createUser(palisade, acme, 'plain')
  for (const [method, path, body] of [
    ['POST', '/v1/palisade/oidc/clients', web('Mine')],
    ['GET', '/v1/palisade/oidc/clients', undefined],
    ['DELETE', `/v1/palisade/oidc/clients/${(await register(acme.admin, web('Kept'))).client.uid}`, undefined],
  ] as const)
    assert.equal((await api.call(method, path, body ? { body } : {})).status, 403, `${method} ${path}`)
  const { client } = await register(acme.admin, web('Mine'))
  const { items } = await beta.admin.must('GET', '/v1/palisade/oidc/clients')
  assert.deepEqual(items, [])
  assert.equal((await beta.admin.call('DELETE', `/v1/palisade/oidc/clients/${client.uid}`)).status, 404)
  const list = await acme.admin.must('GET', '/v1/palisade/oidc/clients')
  assert.ok(!JSON.stringify(list).includes('ecret'), 'no secret is in a list')
  assert.equal((await acme.admin.call('POST', '/v1/palisade/oidc/clients', { body: web('mINE') })).status, 409)
})

test('a client that was removed redeems and refreshes nothing', async () => {
  const { client, clientSecret } = await register(acme.admin, web('Gone'))
  const config = await discover(palisade, client.clientId, clientSecret)
  const browser = createBrowser(palisade.url, palisade.caPem)
  const flow = await beginFlow(config, { redirect_uri: redirect })
  const back = await signInOn(browser, flow, { email: acme.adminEmail })
  const tokens = await redeem(config, flow, back.url)
  await acme.admin.must('DELETE', `/v1/palisade/oidc/clients/${client.uid}`)
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token ?? ''), { status: 401 })
  await browser.close()
})

const badClients: readonly { readonly why: string; readonly body: object }[] = [
  { why: 'plain http', body: web('bad', { redirectUris: ['http://grafana.example/'] }) },
  { why: 'a script', body: web('bad', { redirectUris: ['javascript:alert(1)//https://x'] }) },
  { why: 'a fragment', body: web('bad', { redirectUris: ['https://grafana.example/#x'] }) },
  { why: 'a user', body: web('bad', { redirectUris: ['https://good@evil.example/'] }) },
  { why: 'a back slash', body: web('bad', { redirectUris: ['https:\\\\evil.example/'] }) },
  { why: 'a path that is not canonical', body: web('bad', { redirectUris: ['https://grafana.example/a/../b'] }) },
  { why: 'no address', body: web('bad', { redirectUris: [] }) },
  {
    why: 'a native client elsewhere than on loopback',
    body: { name: 'bad', kind: 'native', redirectUris: [redirect] },
  },
  { why: 'a member that is not known', body: web('bad', { secret: 'mine' }) },
]
for (const { why, body } of badClients)
  test(`a client is not registered with ${why}`, async () => {
    assert.equal((await acme.admin.call('POST', '/v1/palisade/oidc/clients', { body })).status, 400)
  })
