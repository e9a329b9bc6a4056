import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { text as textOf } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import * as oidc from 'openid-client'
import { createBrowser } from '../../tests/support/browser.ts'
import { beginFlow, discover, redeem, signInByCode, signInOn } from '../../tests/support/oidc.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../../tests/support/palisade.ts'

let palisade: Palisade
let acme: Tenant

before(async () => {
  palisade = await startPalisade({ name: 'oidc-code' })
  acme = await createTenant(palisade, 'acme')
})
after(() => palisade?.stop())

test('what the issuer says of itself names its own address, whatever the request’s headers say', async () => {
  const { body } = await palisade.api.call('GET', '/oidc/.well-known/openid-configuration', {
    headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
  })
  assert.equal(body.issuer, `${palisade.url}/oidc`)
  for (const [name, value] of Object.entries(body))
    if (/_endpoint$|_uri$/.test(name)) assert.ok(String(value).startsWith(`${palisade.url}/oidc/`), `${name}: ${value}`)
  assert.deepEqual(body.response_types_supported, ['code'])
  assert.deepEqual(body.response_modes_supported, ['query'])
  assert.deepEqual(body.grant_types_supported.toSorted(), [
    'authorization_code',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:device_code',
  ])
  assert.deepEqual(body.code_challenge_methods_supported, ['S256'])
  assert.deepEqual(body.id_token_signing_alg_values_supported, ['ES256'])
  const { body: jwks } = await palisade.api.call('GET', '/oidc/jwks')
  assert.deepEqual(
    jwks.keys.map(({ kty, crv, alg, d }: Record<string, string>) => ({ kty, crv, alg, d })),
    [{ kty: 'EC', crv: 'P-256', alg: 'ES256', d: undefined }],
  )
})

test('a person signs in by code, and the token opens the API and the Kubernetes door', async () => {
  const { tokens, browser } = await signInByCode(palisade, { email: acme.adminEmail })
  const claims = tokens.claims()
  assert.equal(claims?.sub, `${acme.uid}/${acme.adminUid}`)
  assert.deepEqual([claims?.tenant, claims?.org, claims?.email], [acme.uid, 'acme', acme.adminEmail])
  assert.equal(decodeProtectedHeader(tokens.access_token).typ, 'at+jwt')
  assert.equal(decodeJwt(tokens.access_token).aud, palisade.url)

  const me = await palisade.api.as({ token: tokens.access_token }).must('GET', '/v1/users/me')
  assert.equal(me.metadata.uid, acme.adminUid)
  const door = (token: string) =>
    palisade.api.call('GET', `/k8s/clusters/${'0'.repeat(24)}/version`, {
      headers: { authorization: `Bearer ${token}` },
    })
  assert.equal((await door(tokens.access_token)).status, 404, 'the caller is known; the cluster is not')
  assert.equal((await door(`${tokens.access_token.slice(0, -2)}AA`)).status, 401)
  await browser.close()
})

test('a refresh gives new tokens; the old refresh token ends the session of whoever has it', async () => {
  const { config, tokens, browser } = await signInByCode(palisade, { email: acme.adminEmail })
  assert.ok(tokens.refresh_token)
  const second = await oidc.refreshTokenGrant(config, tokens.refresh_token)
  assert.ok(second.refresh_token && second.refresh_token !== tokens.refresh_token)
  const me = () => palisade.api.as({ token: second.access_token }).call('GET', '/v1/users/me')
  assert.equal((await me()).status, 200)
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' })
  assert.equal((await me()).status, 401)
  await assert.rejects(oidc.refreshTokenGrant(config, second.refresh_token), { error: 'invalid_grant' })
  await browser.close()
})

test('a second client in the same browser is let in with a click, and not by itself', async () => {
  const { browser, config } = await signInByCode(palisade, { email: acme.adminEmail })
  const flow = await beginFlow(config)
  const asked = await browser.open(flow.url)
  assert.match(asked.text, /Let <strong>Palisade command line<\/strong> in with this account/)
  const back = await browser.submit(asked, { action: 'continue' })
  const tokens = await redeem(config, flow, back.url)
  assert.equal(tokens.claims()?.sub, `${acme.uid}/${acme.adminUid}`)
  await browser.close()
})

test('over HTTP/2, as browsers speak it, pages and addresses are the same', async () => {
  const session = connect(palisade.url, { ca: palisade.caPem })
  const call = async (headers: OutgoingHttpHeaders, body?: string) => {
    const stream = session.request(headers)
    stream.end(body)
    const answered = once(stream, 'response') as Promise<[IncomingHttpHeaders]>
    const text = await textOf(stream)
    const [answer] = await answered
    return { answer, text }
  }
  const discovery = await call({ ':path': '/oidc/.well-known/openid-configuration', ':authority': 'evil.example' })
  assert.equal(JSON.parse(discovery.text).authorization_endpoint, `${palisade.url}/oidc/auth`)

  const config = await discover(palisade)
  const flow = await beginFlow(config)
  const begun = await call({ ':path': `${flow.url.pathname}${flow.url.search}` })
  const path = String(begun.answer.location)
  const cookies = [begun.answer['set-cookie'] ?? []].flat().map((line) => line.split(';')[0])
  const cookie = cookies.join('; ')
  const form = await call({ ':path': path, cookie })
  assert.match(form.text, /name="password"/)
  const fields = new URLSearchParams({ email: acme.adminEmail, password: goodPassword, action: 'sign-in' })
  const post = { ':method': 'POST', 'content-type': 'application/x-www-form-urlencoded', origin: palisade.url }
  const sent = await call({ ...post, ':path': path, cookie }, fields.toString())
  const resume = new URL(String(sent.answer.location), palisade.url)
  assert.equal(resume.origin, palisade.url)
  const back = await call({ ':path': resume.pathname, cookie })
  const tokens = await redeem(config, flow, new URL(String(back.answer.location)))
  assert.equal(tokens.claims()?.email, acme.adminEmail)
  session.close()
})

test('a wrong password, an unknown address and an unknown organisation are the same page', async () => {
  const config = await discover(palisade)
  const user = await createUser(palisade, acme, 'wrong')
  const browser = createBrowser(palisade.url, palisade.caPem)
  const pages = []
  for (const person of [
    { email: user.email, password: 'Not-the-Passw0rd' },
    { email: 'nobody@acme.test', password: 'Not-the-Passw0rd' },
    { email: user.email, password: 'Not-the-Passw0rd', org: 'no-such-org' },
  ]) {
    const page = await signInOn(browser, await beginFlow(config), person)
    const shown = page.text.replace(/value="[^"]*"/g, '')
    pages.push({ status: page.status, shown })
  }
  assert.equal(pages[0]?.status, 401)
  assert.equal(new Set(pages.map(({ shown }) => shown)).size, 1)
  await browser.close()
})
