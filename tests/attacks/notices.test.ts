import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createBrowser } from '../support/browser.ts'
import { beginFlow, discover, redeem, signInOn } from '../support/oidc.ts'
import { createTenant, createUser, goodPassword, type Tenant } from '../support/palisade.ts'
import { type OpenedPalisade, startOpened } from './support.ts'

// What people read before and after they sign in, and passwords that have expired: threats G08 (text alone) and B29 (nothing
// tells whether an organisation exists), in the real program, by a browser without JavaScript.

let palisade: OpenedPalisade
let acme: Tenant
let globex: Tenant

before(async () => {
  palisade = await startOpened({ name: 'notices', env: { PALISADE_SIGN_IN_BANNER: 'Operated by us' } })
  acme = await createTenant(palisade, 'acme')
  globex = await createTenant(palisade, 'globex')
})
after(() => palisade?.stop())

const markup = '<script>alert(1)</script><b>bold</b> & "quoted"'
const escaped = '&#60;script&#62;alert(1)&#60;/script&#62;&#60;b&#62;bold&#60;/b&#62; &#38; &#34;quoted&#34;'
const banner = (title: string, Message: string, isEnabled = true) => ({ isEnabled, title, Message })
const browserOf = () => createBrowser(palisade.url, palisade.caPem)

test('banners and the classification are there before anything was configured, and come back as they were written', async () => {
  const { admin, uid } = await createTenant(palisade, 'fresh')
  const { system } = palisade
  for (const [who, path] of [
    [admin, `/v1/tenants/${uid}/loginBanner`] as const,
    [system, '/v1/system/loginBanner'] as const,
  ]) {
    assert.deepEqual(await who.must('GET', path), banner('', '', false))
    const written = banner('Hello', 'Two\nlines', false)
    await who.must('PUT', path, { body: written })
    assert.deepEqual(await who.must('GET', path), written)
    // As the Terraform provider takes it away.
    await who.must('PUT', path, { body: { isEnabled: false } })
    assert.deepEqual(await who.must('GET', path), banner('', '', false))
    for (const odd of [
      banner('', 'x'.repeat(1301)),
      banner('x'.repeat(257), ''),
      banner('', '\u001b[31mred'),
      banner('\u202e', ''),
    ])
      assert.equal((await who.call('PUT', path, { body: odd })).status, 400, JSON.stringify(odd).slice(0, 60))
    await who.must('PUT', path, { body: banner('', 'x'.repeat(1300), false) })
  }
  const classified = '/v1/system/classificationBanner'
  assert.deepEqual(await system.must('GET', classified), { config: '' })
  for (const config of [
    'no JSON',
    '[]',
    '"text"',
    '{"text":1}',
    `{"text":"${'x'.repeat(201)}"}`,
    `{"a":"${'x'.repeat(4096)}"}`,
  ])
    assert.equal((await system.call('PUT', classified, { body: { config } })).status, 400, config.slice(0, 40))
  const config = '{"text": "INTERNAL", "color": "#0a0"}'
  await system.must('PUT', classified, { body: { config } })
  assert.deepEqual(await system.must('GET', classified), { config })
  assert.equal((await admin.call('PUT', classified, { body: { config } })).status, 403)
  await system.must('PUT', '/v1/system/loginBanner', { body: banner('', '', false) })
})

test('G08 the installation’s banner and classification stand on every page, as the text that they are', async () => {
  const { system } = palisade
  await system.must('PUT', '/v1/system/loginBanner', { body: banner(markup, `${markup}\nsecond line`) })
  await system.must('PUT', '/v1/system/classificationBanner', { body: { config: JSON.stringify({ text: markup }) } })
  const browser = browserOf()
  const { url } = await beginFlow(await discover(palisade))
  const pages = ['/sign-in/forgotten', '/sign-in/reset/none', '/oidc/device', '/oidc/session/end', url]
  for (const path of pages) {
    const { text } = await browser.open(path)
    assert.doesNotMatch(text, /<script|<b>/, String(path))
    assert.ok(
      text.split(escaped).length - 1 === 4,
      `${path}: title, message, and the classification above and below: ${text}`,
    )
    assert.match(text, /second line/)
    assert.match(text, /Operated by us/)
  }
  await browser.close()
  const open = await palisade.api.must('GET', '/v1/palisade/branding')
  assert.deepEqual(open, { product: 'Palisade', name: 'localhost', classification: markup })
  const login = await palisade.api.must('GET', '/v1/palisade/login')
  assert.deepEqual(login, {
    ...{ org: '', notice: 'Operated by us', banner: { title: markup, message: `${markup}\nsecond line` } },
    ways: [{ kind: 'password', url: palisade.url }],
  })
})

test('B29 what the open doors say is the same whether there is such an organisation, and whether it has a banner', async () => {
  await acme.admin.must('PUT', `/v1/tenants/${acme.uid}/loginBanner`, { body: banner('Of acme', 'For people of acme') })
  const [existing, none] = await Promise.all(
    ['acme', 'nosuch'].map(async (org) => {
      const { status, text } = await palisade.api.call('GET', `/v1/palisade/login?org=${org}`)
      return { status, text: text.replaceAll(org, '<org>') }
    }),
  )
  assert.equal(existing?.status, 200)
  assert.deepEqual(existing, none)
  assert.equal((await palisade.api.call('GET', '/v1/palisade/login?organisation=acme')).status, 400)
})

test('a tenant’s own banner is for its people, once it is known who they are', async () => {
  const config = await discover(palisade)
  const flow = await beginFlow(config)
  const browser = browserOf()
  const form = await browser.open(flow.url)
  assert.doesNotMatch(form.text, /For people of acme/)
  const shown = await signInOn(browser, flow, { email: acme.adminEmail })
  assert.match(shown.text, /<strong>Of acme<\/strong>\nFor people of acme/)
  assert.doesNotMatch(shown.text, /second line/, 'the tenant’s comes in the place of the installation’s')
  const next = /class="button" href="([^"]+)"/.exec(shown.text)?.[1] ?? ''
  const back = await browser.open(next)
  assert.equal((await redeem(config, flow, back.url)).claims()?.sub, `${acme.uid}/${acme.adminUid}`)
  // Here the browser says who it is.
  assert.match((await browser.open((await beginFlow(config)).url)).text, /For people of acme/)
  await browser.close()

  const other = browserOf()
  const otherFlow = await beginFlow(config)
  const straight = await signInOn(other, otherFlow, { email: globex.adminEmail })
  assert.ok(straight.url.searchParams.has('code'), 'without a banner of their own nobody is held up')
  await other.close()

  const { uid } = await acme.admin.must('POST', '/v1/users', {
    body: { spec: { emailId: 'new@acme.test', firstName: 'New' } },
  })
  const { status } = await acme.admin.must('GET', `/v1/users/${uid}`)
  const invited = browserOf()
  assert.match((await invited.open(status.activationLink)).text, /For people of acme/)
  await invited.close()
})

test('on the pages an expired password leads to a new one, and on', async () => {
  const { email, uid, api } = await createUser(palisade, globex, 'gina')
  const policy = { minLength: 8, expiryDurationInDays: 30, firstReminderInDays: 5 }
  await globex.admin.must('POST', `/v1/tenants/${globex.uid}/password/policy`, { body: policy })
  const age = (days: number) =>
    palisade.sql('update users set password_set_at = $1 where user_id = $2', [
      new Date(Date.now() - days * 24 * 3_600_000 + 3_600_000),
      uid,
    ])
  const config = await discover(palisade)

  await age(27)
  const { status } = await api.must('GET', '/v1/users/me')
  assert.equal(status.passwordExpiry.remind, true)
  const reminded = browserOf()
  const first = await beginFlow(config)
  const reminder = await signInOn(reminded, first, { email })
  assert.match(
    reminder.text,
    new RegExp(`Your password expires on <strong>${status.passwordExpiry.expiresAt.slice(0, 10)}<`),
  )
  const href = /class="button" href="([^"]+)"/.exec(reminder.text)?.[1] ?? ''
  assert.ok((await reminded.open(href)).url.searchParams.has('code'))
  await reminded.close()

  await age(31)
  assert.equal((await api.must('GET', '/v1/users/me')).status.passwordExpiry.remind, false, 'what is there goes on')
  const browser = browserOf()
  const flow = await beginFlow(config)
  const asked = await signInOn(browser, flow, { email })
  assert.match(asked.text, /Choose a new password/)
  assert.ok(!asked.text.includes(goodPassword), 'what was typed is on no page')
  const next = 'another-one-for-now'
  const send = (values: object) =>
    browser.submit(asked, {
      action: 'change-expired',
      email,
      current: goodPassword,
      password: next,
      again: next,
      ...values,
    })
  assert.match((await send({ again: 'not-the-same' })).text, /The two passwords are not the same/)
  assert.match((await send({ current: 'not-the-old-one' })).text, /The e-mail, password or organisation is wrong/)
  assert.match((await send({ password: 'short', again: 'short' })).text, /at least 8 characters/)
  assert.match((await send({ password: goodPassword, again: goodPassword })).text, /must differ/)
  const back = await send({})
  assert.equal((await redeem(config, flow, back.url)).claims()?.sub, `${globex.uid}/${uid}`)
  await browser.close()
  const signIn = { emailId: email, password: goodPassword }
  assert.equal((await palisade.api.call('POST', '/v1/auth/authenticate', { body: signIn })).status, 401)
})
