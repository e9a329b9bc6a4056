import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import * as oidc from 'openid-client'
import { type Browser, createBrowser } from '../support/browser.ts'
import { beginFlow, cliRedirect, discover, redeem, signInByCode, signInOn } from '../support/oidc.ts'
import { activate, createTenant, createUser, goodPassword, type Tenant } from '../support/palisade.ts'
import { tokenSigningKey } from './signing-key.ts'
import { connectRaw, type OpenedPalisade, reborn, requestText, sendRaw, startOpened } from './support.ts'

// Threats B08–B12, B19–B24, B32 (signing in with a browser), C03–C09 and C13 (what is given out), G07 and G08 (what pages
// show), where they touch the issuer: the real program, a client made by others, a browser without JavaScript.

let palisade: OpenedPalisade
let acme: Tenant

before(async () => {
  palisade = await startOpened({ name: 'issuer', env: { PALISADE_SIGN_IN_BANNER: 'Authorised use only <b>here</b>' } })
  acme = await createTenant(palisade, 'acme')
})
after(() => palisade?.stop())

const ada = () => ({ email: acme.adminEmail })
const me = (token: string) => palisade.api.as({ token }).call('GET', '/v1/users/me')

/** @param from an address of this machine: each has budgets of its own */
async function withBrowser(work: (browser: Browser) => Promise<void>, from?: string): Promise<void> {
  const browser = createBrowser(palisade.url, palisade.caPem, from)
  try {
    await work(browser)
  } finally {
    await browser.close()
  }
}

const cookieOf = (browser: Browser, part: string) => browser.cookies().find(({ name }) => name.includes(part))?.value

describe('tokens of the issuer', () => {
  test('B08 an ID token, and a token for somebody else that our own key signed, do not open the API', async () => {
    const { tokens, browser } = await signInByCode(palisade, ada())
    assert.equal((await me(tokens.id_token ?? '')).status, 401)
    const { key, jwk } = await tokenSigningKey(palisade)
    const { iat: _iat, ...claims } = decodeJwt(tokens.access_token)
    const sign = (changed: object) =>
      new SignJWT({ ...claims, ...changed })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: jwk.kid ?? '' })
        .setIssuedAt()
        .sign(key)
    assert.equal((await me(await sign({}))).status, 200, 'the forgery as such is accepted')
    for (const changed of [
      { aud: 'palisade-cli' },
      { aud: [palisade.url, 'palisade-cli'] },
      { aud: undefined },
      { aud: 'palisade-api' },
      { iss: palisade.url },
      { iss: 'https://other.example/oidc' },
      { client_id: undefined },
      { sid: undefined },
      { admin: true },
    ])
      assert.equal((await me(await sign(changed))).status, 401, JSON.stringify(changed))
    await browser.close()
  })

  test('B09 the issuer offers one algorithm and one PKCE method, and takes no others', async () => {
    const { body } = await palisade.api.call('GET', '/oidc/.well-known/openid-configuration')
    for (const [name, value] of Object.entries(body).filter(([name]) => name.endsWith('alg_values_supported')))
      assert.deepEqual(value, ['ES256'], name)
    const config = await discover(palisade)
    await withBrowser(async (browser) => {
      for (const more of [
        { code_challenge_method: 'plain' },
        { response_type: 'token' },
        { response_mode: 'form_post' },
        { response_mode: 'fragment' },
        { request: 'eyJhbGciOiJub25lIn0.e30.' },
      ]) {
        const page = await browser.open((await beginFlow(config, more)).url)
        assert.doesNotMatch(page.text, /name="password"/, JSON.stringify(more))
        assert.ok(!page.url.searchParams.has('code'))
      }
      const { url } = await beginFlow(config)
      url.searchParams.delete('code_challenge')
      url.searchParams.delete('code_challenge_method')
      assert.equal((await browser.open(url)).url.searchParams.get('error'), 'invalid_request')
    })
  })

  test('B10 credentials in odd forms are 4xx at every endpoint, never 500', async () => {
    for (const path of ['token', 'token/introspection', 'token/revocation', 'userinfo', 'device/auth'])
      for (const authorization of [
        'Basic',
        'Basic %%%',
        'Basic ====',
        'Bearer',
        'Bearer  ',
        'Token x',
        `Basic ${'A'.repeat(4000)}`,
      ]) {
        const lines = [`Authorization: ${authorization}`, 'Content-Type: application/x-www-form-urlencoded']
        const { status } = await sendRaw(
          palisade,
          requestText(`POST /oidc/${path}`, lines, 'grant_type=refresh_token&token=x'),
        )
        assert.ok(status >= 400 && status < 500, `${path} ${authorization.slice(0, 20)}: ${status}`)
      }
    const twice = ['Authorization: Bearer x', 'Authorization: Bearer y']
    assert.equal((await sendRaw(palisade, requestText('GET /oidc/userinfo', twice))).status, 400)
  })

  test('B21 C07 what has expired is refused on use, with nobody sweeping it away', async () => {
    const { config, tokens, browser } = await signInByCode(palisade, ada())
    const flow = await beginFlow(config)
    const back = await browser.submit(await browser.open(flow.url), { action: 'continue' })
    await palisade.sql(`update oidc_state set expires_at = now() - interval '1 second'`)
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token ?? ''), { error: 'invalid_grant' })
    await assert.rejects(redeem(config, flow, back.url), { error: 'invalid_grant' })
    const [left] = await palisade.sql<{ count: number }>('select count(*)::int as count from oidc_state')
    assert.ok(left && left.count > 0, 'the rows are still there')
    await browser.close()
  })

  test('B20 of many refreshes at once one wins, and a token that comes again ends its family', async () => {
    const { config, tokens, browser } = await signInByCode(palisade, ada())
    const all = await Promise.allSettled(
      Array.from({ length: 8 }, () => oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')),
    )
    const won = all.filter((one) => one.status === 'fulfilled')
    assert.equal(won.length, 1)
    const [winner] = won
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token ?? ''), { error: 'invalid_grant' })
    assert.equal((await me(winner?.value.access_token ?? '')).status, 401)
    await assert.rejects(oidc.refreshTokenGrant(config, winner?.value.refresh_token ?? ''), { error: 'invalid_grant' })
    await browser.close()
  })

  test('B20 a refresh token is good for its own client alone', async () => {
    const { tokens, browser } = await signInByCode(palisade, ada())
    const body = { name: 'Other', kind: 'native', redirectUris: ['http://127.0.0.1/other'], apiAccess: true }
    const { client } = await acme.admin.must('POST', '/v1/palisade/oidc/clients', { body })
    const other = await discover(palisade, client.clientId)
    await assert.rejects(oidc.refreshTokenGrant(other, tokens.refresh_token ?? ''), { error: 'invalid_grant' })
    await oidc.tokenRevocation(other, tokens.refresh_token ?? '').catch(() => undefined)
    assert.equal((await me(tokens.access_token)).status, 200, 'nor does another client revoke it')
    await browser.close()
  })

  /** Somebody signed in at a client that keeps a secret. */
  async function atConfidentialClient(name: string) {
    const body = { name, kind: 'web', redirectUris: ['https://a.example/cb'], apiAccess: true }
    const { client, clientSecret } = await acme.admin.must('POST', '/v1/palisade/oidc/clients', { body })
    const config = await discover(palisade, client.clientId, clientSecret)
    const browser = createBrowser(palisade.url, palisade.caPem)
    const flow = await beginFlow(config, { redirect_uri: 'https://a.example/cb' })
    const tokens = await redeem(config, flow, (await signInOn(browser, flow, ada())).url)
    await browser.close()
    const ofToken = () =>
      palisade.sql(
        `select state_id, consumed_at, expires_at from oidc_state where kind = 'RefreshToken' order by state_id`,
      )
    return { id: client.clientId as string, secret: clientSecret as string, config, tokens, stored: ofToken }
  }

  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`

  /** A request of a client, proved as it is said and in no other way. */
  async function asClient(path: string, form: Readonly<Record<string, string>>, authorization?: string) {
    const answer = await palisade.api.call('POST', `/oidc/${path}`, {
      body: new URLSearchParams(form).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(authorization === undefined ? {} : { authorization }),
      },
    })
    const { error, error_description: described } = answer.body ?? {}
    return { status: answer.status, error, described, challenge: answer.headers['www-authenticate'], text: answer.text }
  }

  /** The same text with another character at a place. */
  const flipped = (text: string, at: number) =>
    `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`

  test('B20 a refresh token without its client’s proof, or with a wrong one, is refused, and changes nothing', async () => {
    const [one, other] = [await atConfidentialClient('Confidential'), await atConfidentialClient('Neighbour')]
    const token = one.tokens.refresh_token ?? ''
    const before = await one.stored()
    const grant = { grant_type: 'refresh_token', refresh_token: token }
    const byForm = (id: string, secret: string) => ({ client_id: id, client_secret: secret })
    const ways: readonly [what: string, form: Record<string, string>, authorization?: string][] = [
      ['nothing', grant],
      ['its name alone', { ...grant, client_id: one.id }],
      ['no secret', grant, basic(one.id, '')],
      ['no secret in the form', { ...grant, ...byForm(one.id, '') }],
      ['a wrong secret', grant, basic(one.id, flipped(one.secret, 0))],
      ['a wrong secret in the form', { ...grant, ...byForm(one.id, flipped(one.secret, 0)) }],
      ['a part of the secret', grant, basic(one.id, one.secret.slice(0, -1))],
      ['the secret and more', grant, basic(one.id, `${one.secret}A`)],
      ['the secret in two ways', { ...grant, ...byForm(one.id, one.secret) }, basic(one.id, one.secret)],
      ['two names', { ...grant, client_id: other.id }, basic(one.id, one.secret)],
      ['another client’s proof', grant, basic(other.id, other.secret)],
      ['its secret under another name', grant, basic(other.id, one.secret)],
      ['the name of a client without a secret', { ...grant, client_id: 'palisade-cli' }],
      ['the name of the console', grant, basic('palisade-canvas', one.secret)],
      ['a client that does not exist', grant, basic(`poc_${acme.uid}_${'0'.repeat(24)}`, one.secret)],
      ['a token of Palisade', grant, `Bearer ${one.tokens.access_token}`],
    ]
    for (const [what, form, authorization] of ways) {
      for (const path of ['token', 'token/revocation', 'token/introspection']) {
        const of = path === 'token' ? form : { ...form, token }
        const answer = await asClient(path, of, authorization)
        const tellsNothing = path !== 'token' && /^$|^\{"active":false\}$/.test(answer.text)
        assert.ok((answer.status >= 400 && answer.status < 500) || tellsNothing, `${path} with ${what}: ${answer.text}`)
        assert.doesNotMatch(answer.text, /access_token|id_token|"active":true/, `${path} with ${what}`)
      }
      assert.deepEqual(await one.stored(), before, what)
    }
    assert.equal((await me(one.tokens.access_token)).status, 200)
    const next = await oidc.refreshTokenGrant(one.config, token)
    assert.equal((await me(next.access_token)).status, 200, 'the session lives on')

    // Used up by now: who finds it somewhere and proves nothing ends nothing with it either.
    for (const [what, form, authorization] of ways) {
      const { status } = await asClient('token', form, authorization)
      assert.ok(status >= 400 && status < 500, what)
    }
    const last = await oidc.refreshTokenGrant(one.config, next.refresh_token ?? '')
    assert.equal((await me(last.access_token)).status, 200)
    // The deviation from the case that docs/sign-in.md names: from the client itself it ends the session, at once and with no grace.
    await assert.rejects(oidc.refreshTokenGrant(one.config, next.refresh_token ?? ''), { error: 'invalid_grant' })
    assert.equal((await me(last.access_token)).status, 401)
    assert.match(await readFile(new URL('../../docs/sign-in.md', import.meta.url), 'utf8'), /no\s+grace\s+window/)
  })

  test('C05 a wrong client secret is refused alike wherever it first differs, and as a client that does not exist', async () => {
    const { id, secret, tokens } = await atConfidentialClient('Timed')
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' }
    const unknown = await asClient('token', form, basic(id.replace(/.{24}$/, '0'.repeat(24)), secret))
    assert.deepEqual([unknown.status, unknown.error], [401, 'invalid_client'])
    for (const wrong of [0, 21, secret.length - 1].map((at) => flipped(secret, at)))
      assert.deepEqual(await asClient('token', form, basic(id, wrong)), unknown, wrong.replace(/./g, '·'))
    assert.equal((await asClient('token', form, basic(id, secret))).status, 200, 'the right one is taken')
    // The library compares it, and has to go on doing so in constant time.
    const library = (name: string) => readFile(new URL(`./${name}`, import.meta.resolve('oidc-provider')), 'utf8')
    assert.match(
      await library('models/client.js'),
      /compareClientSecret\(actual\) \{\s*return constantEquals\(this\.clientSecret, actual/,
    )
    assert.match(await library('helpers/constant_equals.js'), /return timingSafeEqual\(/)
  })

  test('C03 no two secrets that are given out are alike, and each has at least 256 random bits', async () => {
    const [one, two] = [await signInByCode(palisade, ada()), await signInByCode(palisade, ada())]
    const register = async (name: string) => {
      const body = { name, kind: 'web', redirectUris: ['https://a.example/'] }
      return (await acme.admin.must('POST', '/v1/palisade/oidc/clients', { body })).clientSecret as string
    }
    const secrets = [one.tokens.refresh_token, two.tokens.refresh_token, await register('one'), await register('two')]
    assert.equal(new Set(secrets).size, 4)
    for (const secret of secrets) assert.match(secret ?? '', /^[A-Za-z0-9_-]{43,}$/)
    await Promise.all([one.browser.close(), two.browser.close()])
  })

  test('C05 C13 no token, code, secret or cookie is in the database, the log of the server or the audit log as text', async () => {
    const { config, tokens, browser } = await signInByCode(palisade, ada())
    const flow = await beginFlow(config)
    const back = await browser.submit(await browser.open(flow.url), { action: 'continue' })
    const device = await oidc.initiateDeviceAuthorization(config, { scope: 'openid' })
    const body = { name: 'Canary', kind: 'web', redirectUris: ['https://a.example/'] }
    const { clientSecret } = await acme.admin.must('POST', '/v1/palisade/oidc/clients', { body })
    const canaries = [
      ...[tokens.access_token, tokens.refresh_token, tokens.id_token, clientSecret, device.device_code],
      ...[back.url.searchParams.get('code'), cookieOf(browser, 'issuer')],
    ]
    const tables = await palisade.sql<{ name: string }>(
      `select format('%I', tablename) as name from pg_tables where schemaname = 'public'`,
    )
    const places = [await palisade.log(), (await acme.admin.call('GET', '/v1/palisade/audit/export')).text]
    for (const { name } of tables) places.push(JSON.stringify(await palisade.sql(`select t.*::text from ${name} t`)))
    for (const canary of canaries) {
      assert.ok(canary && canary.length > 20)
      for (const place of places) assert.ok(!place.includes(canary))
    }
    await browser.close()
  })
})

describe('C06 a client that is removed', () => {
  const audience = async (register: OpenedPalisade['api']) => {
    const body = { name: `Removed ${randomUUID()}`, kind: 'native', redirectUris: [cliRedirect], apiAccess: true }
    const { client } = await register.must('POST', '/v1/palisade/oidc/clients', { body })
    const config = await discover(palisade, client.clientId)
    const remove = () => register.must('DELETE', `/v1/palisade/oidc/clients/${client.uid}`)
    return { config, remove }
  }

  for (const whose of ['one tenant', 'all tenants'] as const)
    test(`of ${whose}: its tokens, what was made of them and its streams end at once, and the person goes on`, async () => {
      const { config, remove } = await audience(whose === 'one tenant' ? acme.admin : palisade.system)
      const { config: own, browser, tokens: others } = await signInByCode(palisade, ada())
      const flow = await beginFlow(config)
      const back = await browser.submit(await browser.open(flow.url), { action: 'continue' })
      const tokens = await redeem(config, flow, back.url)
      // The API's own refresh gives another token for the same session, which is the client's as well.
      const renew = (token: string) => palisade.api.call('GET', `/v1/auth/refresh/${token}`)
      const renewed = (await renew(tokens.access_token)).body.Authorization as string
      const twice = (await renew(renewed)).body.Authorization as string
      for (const token of [tokens.access_token, renewed, twice]) assert.equal((await me(token)).status, 200)
      const stream = await connectRaw(palisade)
      stream.write(requestText('GET /v1/palisade/live', [`Authorization: Bearer ${twice}`]))
      await stream.waitFor(/retry: \d/)

      await remove()
      for (const token of [tokens.access_token, renewed, twice]) {
        assert.equal((await me(token)).status, 401)
        assert.equal((await renew(token)).status, 401)
      }
      await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token ?? ''), { error: 'invalid_client' })
      await stream.closed
      // What else the browser let in is of the same session, which was nobody's to end.
      assert.equal((await me(others.access_token)).status, 200)
      assert.equal((await me((await oidc.refreshTokenGrant(own, others.refresh_token ?? '')).access_token)).status, 200)
      await browser.close()
    })
})

describe('signing in with a browser', () => {
  test('B11 a code is good once, with the verifier of its own request, and comes with the issuer’s name', async () => {
    const config = await discover(palisade)
    await withBrowser(async (browser) => {
      const [mine, others] = [await beginFlow(config), await beginFlow(config)]
      const back = await signInOn(browser, mine, ada())
      assert.equal(back.url.searchParams.get('iss'), `${palisade.url}/oidc`)
      assert.equal(back.url.searchParams.get('state'), mine.state)
      await assert.rejects(redeem(config, { ...mine, verifier: others.verifier }, back.url), { error: 'invalid_grant' })
      const flow = await beginFlow(config)
      const again = await browser.submit(await browser.open(flow.url), { action: 'continue' })
      const tokens = await redeem(config, flow, again.url)
      assert.equal(tokens.claims()?.nonce, flow.nonce)
      await assert.rejects(redeem(config, flow, again.url), { error: 'invalid_grant' })
      assert.equal((await me(tokens.access_token)).status, 401, 'a code that comes twice ends what it gave')
    })
  })

  test('B12 a sign-in is opened, answered and resumed by the browser that began it alone', async () => {
    const config = await discover(palisade)
    await withBrowser((victim) =>
      withBrowser(async (attacker) => {
        const form = await victim.open((await beginFlow(config)).url)
        assert.match(form.url.pathname, /^\/sign-in\//)
        for (const page of [
          await attacker.open(form.url),
          await attacker.post(form.url, { action: 'continue' }),
          await attacker.post(form.url, { email: acme.adminEmail, password: goodPassword, action: 'sign-in' }),
          await attacker.open(form.url.pathname.replace('/sign-in/', '/oidc/auth/')),
        ]) {
          assert.equal(page.status, 400)
          assert.doesNotMatch(page.text, /name="password"/)
        }
        // Nor does it go on in its own browser before somebody has signed in.
        const skipped = await victim.open(form.url.pathname.replace('/sign-in/', '/oidc/auth/'))
        assert.ok(!skipped.url.searchParams.has('code'))
      }),
    )
  })

  test('B19 a device’s code that somebody has claimed is nobody else’s to claim', async () => {
    const config = await discover(palisade)
    await withBrowser((first) =>
      withBrowser(async (second) => {
        const { user_code } = await oidc.initiateDeviceAuthorization(config, { scope: 'openid' })
        const confirm = await first.submit(await first.open('/oidc/device'), { user_code })
        const form = await second.open('/oidc/device')
        // Without the browser's own cookie and its form nothing is confirmed.
        const forged = await second.post('/oidc/device', { user_code, confirm: 'yes', xsrf: '0'.repeat(48) })
        assert.doesNotMatch(forged.text, /name="password"/)
        assert.match((await first.submit(confirm, { confirm: 'yes' })).text, /name="password"/)
        const late = await second.submit(form, { user_code })
        assert.doesNotMatch(late.text, /Let this device in\?/)
      }),
    )
  })

  test('B19 C09 a path of the issuer has one spelling: no other one gets around its budget and its form’s origin', async () => {
    await withBrowser(async (browser) => {
      for (const path of ['/oidc/DEVICE', '/oidc/device/', '/oidc/Session/end/confirm', '/oidc/AUTH', '/oidc/token/'])
        for (const origin of [palisade.url, 'https://evil.example'])
          assert.equal((await browser.post(path, { user_code: 'BCDF-GHJK' }, { origin })).status, 404, path)
    })
  })

  const redirects = [
    'https://evil.example/callback',
    '//evil.example/callback',
    '/\\evil.example',
    'http://127.0.0.1@evil.example/callback',
    'http://127.0.0.1.evil.example/callback',
    'http://localhost/callback',
    'https://127.0.0.1/callback',
    'http://127.0.0.1:1/callback/../other',
    'http://127.0.0.1:1/callback?x=1',
    'http://127.0.0.1:1/callback#x',
    'http://127.0.0.1:1/callback%2f%2fevil.example',
    'http://127.0.0.1:1/callback\t',
    'javascript:alert(1)',
    'http:127.0.0.1/callback',
  ]
  test('B22 nobody is sent to an address that is not registered, letter by letter', async () => {
    const config = await discover(palisade)
    await withBrowser(async (browser) => {
      for (const redirect_uri of redirects) {
        const page = await browser.open((await beginFlow(config, { redirect_uri })).url)
        assert.equal(page.status, 400, redirect_uri)
        assert.equal(page.url.origin, palisade.url, redirect_uri)
        assert.equal(page.headers.location, undefined, redirect_uri)
        const out = await browser.open(
          `/oidc/session/end?client_id=palisade-cli&post_logout_redirect_uri=${encodeURIComponent(redirect_uri)}`,
        )
        assert.equal(out.url.origin, palisade.url)
      }
      assert.match((await browser.open((await beginFlow(config)).url)).text, /name="password"/, cliRedirect)
    })
  })

  test('B23 a session’s id is new after signing in, one that was planted is not taken, and the old one is nobody’s', async () => {
    const planted = 'A'.repeat(43)
    const config = await discover(palisade)
    await withBrowser(async (browser) => {
      const flow = await beginFlow(config)
      const form = await browser.open(flow.url)
      await browser.submit(form, { email: acme.adminEmail, password: goodPassword, action: 'sign-in' })
      const first = cookieOf(browser, 'issuer') ?? ''
      assert.ok(first.length >= 43 && first !== planted)
      await signInOn(browser, { url: (await beginFlow(config, { prompt: 'login' })).url }, ada())
      const second = cookieOf(browser, 'issuer') ?? ''
      assert.notEqual(second, first)
      for (const cookie of [first, planted]) {
        const { pathname, search } = (await beginFlow(config)).url
        const raw = await sendRaw(
          palisade,
          requestText(`GET ${pathname}${search}`, [`Cookie: __Host-palisade-issuer=${cookie}`]),
        )
        const uid = /location: (\/sign-in\/[\w-]+)/i.exec(raw.head)?.[1]
        const sent = /set-cookie: (__[^=]+sign-in=[^;]+)/i.exec(raw.head)?.[1]
        const page = await sendRaw(palisade, requestText(`GET ${uid}`, [`Cookie: ${sent}`]))
        assert.match(page.body, /name="password"/)
        assert.doesNotMatch(raw.head, new RegExp(`issuer=${cookie}`))
      }
    })
  })

  test('B24 signing out is the wish of who has the cookie and presses the button; a leaked ID token is none', async () => {
    const { tokens, browser } = await signInByCode(palisade, ada())
    const path = `/oidc/session/end?id_token_hint=${tokens.id_token}`
    await withBrowser(async (attacker) => {
      const page = await attacker.open(path)
      const xsrf = /name="xsrf" value="([^"]*)"/.exec(page.text)?.[1] ?? ''
      await attacker.post('/oidc/session/end/confirm', { xsrf, logout: 'yes' })
    })
    await browser.open(path)
    await browser.post('/oidc/session/end/confirm', { xsrf: '0'.repeat(48), logout: 'yes' })
    assert.equal((await me(tokens.access_token)).status, 200)
    await browser.submit(await browser.open(path), { logout: 'yes' })
    assert.equal((await me(tokens.access_token)).status, 401)
    await browser.close()
  })

  test('B32 pages say what is fixed, run no script and stand in no frame', async () => {
    const config = await discover(palisade)
    const evil = '<script>alert(1)</script>Call 555-0100'
    await withBrowser(async (browser) => {
      const flow = await beginFlow(config, { login_hint: `"><img src=x>${evil}` })
      const pages = [
        await browser.open(flow.url),
        await browser.open(
          `/oidc/auth?client_id=${encodeURIComponent(evil)}&error_description=${encodeURIComponent(evil)}`,
        ),
        await browser.open(`/sign-in/forgotten?error=${encodeURIComponent(evil)}`),
        await browser.open(`/sign-in/${encodeURIComponent(evil)}`),
        await browser.open(`/sign-in/reset/${encodeURIComponent(evil)}`),
        await browser.open(`/oidc/device?user_code=${encodeURIComponent(evil)}`),
        await browser.open('/oidc/no-such-page'),
        await browser.open('/oidc/session/end'),
        await browser.post('/oidc/device', { user_code: evil }),
      ]
      for (const [i, { text, headers }] of pages.entries()) {
        assert.doesNotMatch(text, /<script|<img/, `page ${i}: ${text}`)
        const csp = String(headers['content-security-policy'])
        for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"])
          assert.ok(csp.includes(part), `page ${i}: ${csp}`)
        assert.doesNotMatch(csp, /unsafe|script-src/)
        assert.equal(headers['x-frame-options'], 'DENY')
        assert.equal(headers['x-content-type-options'], 'nosniff')
        assert.equal(headers['cache-control'], 'no-store', `page ${i}`)
      }
      assert.match(pages[0]?.text ?? '', /Authorised use only &#60;b&#62;here/, 'the banner is text')
    })
  })

  test('C04 who somebody is comes from the session, whatever a form says', async () => {
    const { uid } = await createUser(palisade, acme, 'victim')
    const { config, browser } = await signInByCode(palisade, ada())
    const flow = await beginFlow(config)
    const asked = await browser.open(flow.url)
    const form = { action: 'continue', accountId: `${acme.uid}/${uid}`, user: uid, sub: `${acme.uid}/${uid}` }
    const back = await browser.post(asked.url, form)
    assert.equal((await redeem(config, flow, back.url)).claims()?.sub, `${acme.uid}/${acme.adminUid}`)
    await browser.close()
  })

  test('C06 the cookie of a session that has ended shows nobody’s name and lets nobody in', async () => {
    const { config, tokens, browser } = await signInByCode(palisade, ada())
    const flow = await beginFlow(config)
    const asked = await browser.open(flow.url)
    assert.match(asked.text, /You are signed in as/)
    await palisade.api.as({ token: tokens.access_token }).must('POST', '/v1/palisade/logout')
    // Neither a page that was already open nor a new one.
    for (const page of [
      await browser.post(asked.url, { action: 'continue' }),
      await browser.open((await beginFlow(config)).url),
    ]) {
      assert.doesNotMatch(page.text, /You are signed in as/)
      assert.ok(!page.url.searchParams.has('code'))
    }
    await browser.close()
  })

  test('C08 cookies are bound to this host, unreadable for scripts, and one that stands twice is refused', async () => {
    const config = await discover(palisade)
    const { pathname, search } = (await beginFlow(config)).url
    const { head } = await sendRaw(palisade, requestText(`GET ${pathname}${search}`))
    const cookies = [...head.matchAll(/set-cookie: (.*)/gi)].map(([, line]) => line ?? '')
    assert.ok(cookies.length >= 2)
    for (const line of cookies) {
      // The one for the way back has a path of its own, which `__Host-` does not allow: it proves nothing by itself.
      assert.match(line, /^(?:__Host-palisade-[^;]*; path=\/;|__Secure-palisade-resume=)/)
      for (const attribute of [/; secure/i, /; httponly/i, /; samesite=lax/i]) assert.match(line, attribute)
      assert.doesNotMatch(line, /; domain/i)
    }
    const twice = ['Cookie: __Host-palisade-issuer=a; __Host-palisade-issuer=b']
    assert.equal((await sendRaw(palisade, requestText(`GET ${pathname}${search}`, twice))).status, 400)
  })

  describe('C08 B12 B19 cookies of a sign-in under way that a neighbouring domain puts into somebody’s browser', () => {
    /** All that a browser has, set by the neighbour for the whole domain: what a browser takes of it, it takes. */
    const toss = (from: Browser, to: Browser) => {
      for (const cookie of from.cookies()) to.plant(cookie)
    }
    /** The newest: the one before may be left over from a sign-in that was not gone on with. */
    const resumeOf = (browser: Browser) => {
      const found = browser.cookies().findLast(({ name }) => name === '__Secure-palisade-resume')
      assert.ok(found, 'the cookie for the way back')
      return found
    }
    const underWay = ({ url }: { readonly url: URL }) => url.pathname.replace('/sign-in/', '')
    const signIn = { email: '', password: goodPassword, action: 'sign-in' }

    /** A device of the attacker's, whose code they confirmed in their own browser: what is missing is somebody who signs in. */
    async function deviceOf(attacker: Browser) {
      const config = await discover(palisade)
      const device = await oidc.initiateDeviceAuthorization(config, { scope: 'openid' })
      const confirm = await attacker.submit(await attacker.open('/oidc/device'), { user_code: device.user_code })
      const form = await attacker.submit(confirm, { confirm: 'yes' })
      assert.match(form.text, /name="password"/)
      const redeemed = () =>
        oidc.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:device_code', {
          device_code: device.device_code,
        })
      return { uid: underWay(form), form, redeemed }
    }

    let attackers = 0
    const together = (work: (victim: Browser, attacker: Browser) => Promise<void>) =>
      withBrowser((victim) => withBrowser((attacker) => work(victim, attacker), `127.0.9.${++attackers}`))

    // To the library a resumed sign-in that nobody answered is one to begin anew, with cookies that are the victim's own.
    for (const [where, planted] of [
      [(uid: string) => `/sign-in/${uid}`, undefined],
      [(uid: string) => `/oidc/device/${uid}`, undefined],
      [() => '/oidc/device/auth', '/oidc/device'],
      [(_uid: string, own: string) => `/oidc/device/${own}`, '/oidc/device'],
    ] as const)
      test(`let nobody’s device in: ${where('<theirs>', '<the victim’s own>')}`, () =>
        together(async (victim, attacker) => {
          const { uid, redeemed } = await deviceOf(attacker)
          const own = underWay(await victim.open((await beginFlow(await discover(palisade))).url))
          if (planted === undefined) toss(attacker, victim)
          else victim.plant({ ...resumeOf(attacker), path: planted })
          const led = await victim.open(where(uid, own))
          // Somebody who was shown our own page would sign in on it.
          const then = /name="password"/.test(led.text)
            ? await victim.submit(led, { ...signIn, email: acme.adminEmail })
            : led
          assert.doesNotMatch(then.text, /Your device is in/)
          await assert.rejects(redeemed(), { error: 'authorization_pending' })
          assert.equal(led.status, 400)
          // Nor is a password taken that is sent there.
          const sent = await victim.post(`/sign-in/${uid}`, { ...signIn, email: acme.adminEmail })
          assert.equal(sent.status, 400)
        }))

    test('sign nobody in as the attacker, who signed in to it and sends them to its end', () =>
      together(async (victim, attacker) => {
        const mallory = await createUser(palisade, acme, 'mallory')
        for (const kind of ['auth', 'device'] as const) {
          const begun =
            kind === 'device'
              ? (await deviceOf(attacker)).form
              : await attacker.open((await beginFlow(await discover(palisade), { prompt: 'login' })).url)
          const uid = underWay(begun)
          const cookies = attacker.cookies()
          const own = cookies.filter(({ path }) => path === '/' || path === begun.url.pathname)
          const lines = [
            `Cookie: ${own.map(({ name, value }) => `${name}=${value}`).join('; ')}`,
            `Origin: ${palisade.url}`,
            'Content-Type: application/x-www-form-urlencoded',
          ]
          const body = new URLSearchParams({ ...signIn, email: mallory.email }).toString()
          const { head } = await sendRaw(palisade, requestText(`POST ${begun.url.pathname}`, lines, body))
          assert.match(head, new RegExp(`location: \\S*/oidc/${kind}/${uid}`, 'i'), 'signed in, and not yet gone on')
          toss(attacker, victim)
          const resume = resumeOf(attacker)
          assert.deepEqual([resume.value, resume.path], [uid, `/oidc/${kind}/${uid}`])
          // The library looks at the cookie and at no address: another path below the same one would do.
          const ways = [`/oidc/${kind}/${uid}`, '/oidc/device/auth', `/oidc/device/${'A'.repeat(uid.length)}`]
          for (const path of ways) {
            victim.plant({ ...resume, path })
            const page = await victim.open(path)
            assert.equal(page.status, 400, path)
            assert.ok(!victim.cookies().some(({ name }) => name === '__Host-palisade-issuer'), path)
          }
        }
      }))
  })

  test('of two sign-ins begun in one browser the later one goes on, and the older one says so', async () => {
    const config = await discover(palisade)
    await withBrowser(async (browser) => {
      const [older, later] = [await beginFlow(config), await beginFlow(config)]
      const before = await browser.open(older.url)
      const form = await browser.open(later.url)
      const values = { email: acme.adminEmail, password: goodPassword, action: 'sign-in' }
      const stale = await browser.submit(before, values)
      assert.equal(stale.status, 400)
      assert.match(stale.text, /another was begun in this browser/)
      const back = await browser.submit(form, values)
      assert.equal((await redeem(config, later, back.url)).claims()?.email, acme.adminEmail)
    })
  })

  test('C09 a form that another site sends is refused', async () => {
    const config = await discover(palisade)
    await withBrowser(async (browser) => {
      const form = await browser.open((await beginFlow(config)).url)
      const fields = { email: acme.adminEmail, password: goodPassword, action: 'sign-in' }
      for (const origin of [
        'https://evil.example',
        'null',
        palisade.url.replace('https', 'http'),
        `${palisade.url}.evil.example`,
      ])
        for (const path of [form.url.pathname, '/sign-in/forgotten', '/oidc/device', '/oidc/session/end/confirm'])
          assert.equal((await browser.post(path, fields, { origin })).status, 403, `${origin} ${path}`)
      for (const odd of [
        { ...fields, org: 'a\u0000b' },
        { ...fields, email: '\u0000' },
      ])
        assert.equal((await browser.post(form.url, odd)).status, 400, 'nor one with what no field may hold')
      const plain = { 'content-type': 'text/plain' }
      assert.equal((await browser.post(form.url, fields, plain)).status, 400)
      const cookie = browser.cookies().map(({ name, value }) => `${name}=${value}`)
      const lines = [`Cookie: ${cookie.join('; ')}`, 'Content-Type: application/x-www-form-urlencoded']
      const unsaid = await sendRaw(
        palisade,
        requestText(`POST ${form.url.pathname}`, lines, new URLSearchParams(fields).toString()),
      )
      assert.equal(unsaid.status, 403, 'nor one that does not say where it comes from')
    })
  })

  test('G07 of many sign-ins at once everybody gets their own', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, (_, i) => createUser(palisade, acme, `crowd${i}`)))
    const all = await Promise.all(people.map(({ email }) => signInByCode(palisade, { email })))
    for (const [i, { tokens, browser, config }] of all.entries()) {
      assert.equal(tokens.claims()?.email, people[i]?.email)
      assert.equal((await me(tokens.access_token)).body.metadata.uid, people[i]?.uid)
      const page = await browser.open((await beginFlow(config)).url)
      assert.ok(page.text.includes(people[i]?.email ?? ''))
      await browser.close()
    }
  })

  test('G08 names that people choose are shown as text', async () => {
    const name = '<img src=x onerror=alert(1)>'
    const body = { name, kind: 'web', redirectUris: ['https://a.example/'] }
    const { client, clientSecret } = await acme.admin.must('POST', '/v1/palisade/oidc/clients', { body })
    const config = await discover(palisade, client.clientId, clientSecret)
    await withBrowser(async (browser) => {
      const page = await browser.open((await beginFlow(config, { redirect_uri: 'https://a.example/' })).url)
      assert.match(page.text, /&#60;img src=x onerror=alert\(1\)&#62;/)
      assert.doesNotMatch(page.text, /<img/)
    })
  })
})

describe('links on pages', () => {
  test('C03 C07 an activation link sets the password once, and a reset link too', async () => {
    const { uid } = await acme.admin.must('POST', '/v1/users', {
      body: { metadata: { name: 'new' }, spec: { emailId: 'new@acme.test', firstName: 'New', lastName: 'Person' } },
    })
    const link = (await acme.admin.must('GET', `/v1/users/${uid}`)).status.activationLink as string
    assert.match(link, new RegExp(`^${palisade.url}/sign-in/activate/plk_`))
    await withBrowser(async (browser) => {
      const form = await browser.open(link)
      assert.match(form.text, /value="new@acme\.test"/, 'a password manager is told whose password it is')
      for (const [values, says] of [
        [{ password: 'short', again: 'short' }, /role="alert"/],
        [{ password: goodPassword, again: 'other' }, /not the same/],
      ] as const)
        assert.match((await browser.submit(form, values)).text, says)
      const set = await browser.submit(form, { password: goodPassword, again: goodPassword })
      assert.match(set.text, /Your password is set/)
      for (const page of [
        await browser.open(link),
        await browser.submit(form, { password: goodPassword, again: goodPassword }),
      ])
        assert.match(page.text, /This link was used, has expired or was never issued/)
    })
    const { tokens, browser } = await signInByCode(palisade, { email: 'new@acme.test' })
    assert.equal(tokens.claims()?.given_name, 'New')
    // Asking for a reset says the same whoever it is for.
    const said = []
    for (const email of ['new@acme.test', 'nobody@acme.test', 'no address']) {
      const { status, text } = await browser.post('/sign-in/forgotten', { email })
      said.push(`${status} ${text}`)
    }
    assert.equal(new Set(said).size, 1)
    await browser.close()
  })

  test('C07 a link that has expired is refused on its page', async () => {
    const { uid } = await acme.admin.must('POST', '/v1/users', {
      body: { metadata: { name: 'late' }, spec: { emailId: 'late@acme.test', firstName: 'Late', lastName: 'Person' } },
    })
    const link = (await acme.admin.must('GET', `/v1/users/${uid}`)).status.activationLink as string
    await palisade.sql(`update link_tokens set expires_at = now() - interval '1 second' where user_id = $1`, [uid])
    await withBrowser(async (browser) => {
      assert.match((await browser.open(link)).text, /This link does not work/)
    })
    await assert.rejects(activate(palisade.api, link))
  })
})

test('a new signing key is no pause: tokens of the old one count, the next ones are of the new', async () => {
  const { config, tokens, browser } = await signInByCode(palisade, ada())
  await palisade.sql(`update installation_secrets set created_at = now() - interval '31 days' where kind = 'jwt'`)
  await reborn(palisade)
  const { body } = await palisade.api.call('GET', '/oidc/jwks')
  assert.equal(body.keys.length, 2)
  const [newest, oldest] = body.keys.map(({ kid }: { kid: string }) => kid)
  assert.equal(decodeProtectedHeader(tokens.access_token).kid, oldest)
  assert.equal((await me(tokens.access_token)).status, 200)
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
  assert.deepEqual(
    [next.access_token, next.id_token ?? ''].map((token) => decodeProtectedHeader(token).kid),
    [newest, newest],
  )
  assert.equal((await me(next.access_token)).status, 200)
  const page = await browser.open((await beginFlow(config)).url)
  assert.match(page.text, /You are signed in as/, 'the browser is still known')
  await browser.close()
})
