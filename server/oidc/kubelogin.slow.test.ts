import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { createBrowser } from '../../tests/support/browser.ts'
import { beginFlow, discover, redeem, signInOn } from '../../tests/support/oidc.ts'
import { createTenant, goodPassword, type Palisade, startPalisade, type Tenant } from '../../tests/support/palisade.ts'

// The issuer as kubelogin uses it for an API server: a client of the tenant's own without a secret, code on the loopback
// address or device code, and after that nothing but refreshes, for an ID token each.

let palisade: Palisade
let acme: Tenant
let teamGroup: string
let clientId: string
let config: oidc.Configuration

before(async () => {
  palisade = await startPalisade({ name: 'oidc-kubelogin' })
  acme = await createTenant(palisade, 'acme')
  const { uid } = await acme.admin.must('POST', '/v1/teams', {
    body: { metadata: { name: 'admins' }, spec: { users: [acme.adminUid] } },
  })
  teamGroup = `palisade:team:${acme.uid}:${uid}`
  const { client, clientSecret } = await acme.admin.must('POST', '/v1/palisade/oidc/clients', {
    body: { name: 'kubelogin', kind: 'native', redirectUris: ['http://127.0.0.1/'] },
  })
  assert.equal(clientSecret, undefined)
  clientId = client.clientId
  config = await discover(palisade, clientId)
  // As go-oidc does: the signature is looked at, also of what comes straight from the issuer.
  oidc.enableNonRepudiationChecks(config)
})
after(() => palisade?.stop())

const scope = 'openid email groups offline_access'

function assertIsAdmin(idToken: string | undefined): void {
  const claims = decodeJwt(idToken ?? '')
  assert.equal(claims.iss, `${palisade.url}/oidc`)
  assert.equal(claims.aud, clientId)
  assert.equal(claims.sub, `${acme.uid}/${acme.adminUid}`)
  assert.deepEqual([claims.email, claims.tenant], [acme.adminEmail, acme.uid])
  assert.deepEqual(claims.groups, [teamGroup])
  const lasts = (claims.exp ?? 0) - Date.now() / 1000
  assert.ok(lasts > 0 && lasts <= 900, `${lasts} s`)
}

/** Each refresh gives the next ID token and the next refresh token; one that comes a second time ends it all. */
async function assertRefreshes(tokens: oidc.TokenEndpointResponse): Promise<void> {
  const second = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
  assertIsAdmin(second.id_token)
  assert.notEqual(second.refresh_token, tokens.refresh_token)
  const third = await oidc.refreshTokenGrant(config, second.refresh_token ?? '')
  assertIsAdmin(third.id_token)
  await assert.rejects(oidc.refreshTokenGrant(config, second.refresh_token ?? ''), { error: 'invalid_grant' })
  await assert.rejects(oidc.refreshTokenGrant(config, third.refresh_token ?? ''), { error: 'invalid_grant' })
}

test('code on a port of the loopback address, then refreshes', async () => {
  const arrived = Promise.withResolvers<URL>()
  const listener = createServer((request, response) => {
    arrived.resolve(new URL(request.url ?? '', `http://${request.headers.host}`))
    response.writeHead(200, { connection: 'close' }).end('You may close this page')
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  const flow = await beginFlow(config, { redirect_uri: `http://127.0.0.1:${port}/`, scope, access_type: 'offline' })
  const browser = createBrowser(palisade.url, palisade.caPem)
  const back = await signInOn(browser, flow, { email: acme.adminEmail })
  await fetch(back.url)
  const tokens = await redeem(config, flow, await arrived.promise)
  assertIsAdmin(tokens.id_token)
  await browser.close()
  listener.close()
  await assertRefreshes(tokens)
})

test('device code, then refreshes', async () => {
  const device = await oidc.initiateDeviceAuthorization(config, { scope })
  const polled = oidc.pollDeviceAuthorizationGrant(config, device)
  const browser = createBrowser(palisade.url, palisade.caPem)
  const form = await browser.open(device.verification_uri)
  const confirm = await browser.submit(form, { user_code: device.user_code })
  const signIn = await browser.submit(confirm, { confirm: 'yes' })
  await browser.submit(signIn, { email: acme.adminEmail, password: goodPassword, action: 'sign-in' })
  await browser.close()
  const tokens = await polled
  assertIsAdmin(tokens.id_token)
  await assertRefreshes(tokens)
})
