import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type OpenedPalisade, startOpened } from '../attacks/support.ts'
import { createTenant, createUser, goodPassword, type Tenant } from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, startBrowser, untilTrue } from './browser.ts'
import { fits, focused, look, show, themes, widths } from './look.ts'
import { fillSignIn, isSignIn, signIn } from './sign-in.ts'

// The pages that people see before the console, in Chromium: each under axe, in both themes, wide and narrow; and by keyboard.

const banner = 'Authorised use only. What you do here is recorded.'

describe('the sign-in pages', { skip: noBrowser }, () => {
  let palisade: OpenedPalisade
  let browser: Browser
  let acme: Tenant
  /** Its people read a banner of their own. */
  let globex: Tenant
  let reminded: Awaited<ReturnType<typeof createUser>>
  let expired: Awaited<ReturnType<typeof createUser>>
  let opened: Opened | undefined
  let made = 0
  /** A page that says no has a status that says no, and the browser writes that down: the statuses that a test provokes. */
  const provoked: number[] = []

  const person = () => ({ email: acme.adminEmail, password: goodPassword })

  before(async () => {
    palisade = await startOpened({ name: 'sign-in-pages', env: { PALISADE_SIGN_IN_BANNER: banner } })
    ;[browser, acme] = await Promise.all([startBrowser(), createTenant(palisade, 'acme')])
    globex = await createTenant(palisade, 'globex')
    await globex.admin.must('PUT', `/v1/tenants/${globex.uid}/loginBanner`, {
      body: { isEnabled: true, title: 'Globex', Message: 'Changes to production are frozen until 3 January.' },
    })
    reminded = await createUser(palisade, globex, 'gwen', { firstName: 'Gwen', lastName: 'Adler' })
    expired = await createUser(palisade, globex, 'omar', { firstName: 'Omar', lastName: 'Haddad' })
    // A password lives for a year.
    for (const [{ uid }, days] of [
      [reminded, 363],
      [expired, 366],
    ] as const)
      await palisade.sql(`update users set password_set_at = now() - make_interval(days => $1) where user_id = $2`, [
        days,
        uid,
      ])
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
  })
  afterEach(async () => {
    const complaints = opened?.complaints ?? []
    await opened?.context.close()
    opened = undefined
    assertNoComplaints(complaints, provoked.splice(0))
  })

  async function open(path: string) {
    opened = await openPage(browser, { theme: 'light' })
    await opened.page.goto(palisade.url + path)
    return opened.page
  }

  /** A user who waits for a password, and the link for it. */
  async function invite(): Promise<{ readonly uid: string; readonly email: string; readonly link: string }> {
    const name = ['dana', 'tom', 'noor'][made++] ?? `new${made}`
    const email = `${name}@acme.test`
    const { uid } = await acme.admin.must('POST', '/v1/users', {
      body: { metadata: { name }, spec: { emailId: email, firstName: name, lastName: '' } },
    })
    return { uid, email, link: (await acme.admin.must('GET', `/v1/users/${uid}`)).status.activationLink }
  }

  /** The code of a device that wants to be let in. */
  async function deviceCode(page: Page): Promise<string> {
    const answer = await page.request.post(`${palisade.url}/oidc/device/auth`, {
      form: { client_id: 'palisade-cli', scope: 'openid' },
      headers: { 'user-agent': 'palisade-cli' },
    })
    return (await answer.json()).user_code
  }

  /** What a program on somebody's machine opens in the browser. */
  const authorization = `/oidc/auth?${new URLSearchParams({
    ...{ client_id: 'palisade-cli', response_type: 'code', scope: 'openid' },
    ...{ redirect_uri: 'http://127.0.0.1:43117/callback', state: 'a-state-of-its-own', nonce: 'a-nonce-of-its-own' },
    ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
  })}`

  test('axe finds nothing on any of them, in both themes, wide and narrow', async () => {
    provoked.push(400, 401)
    const found: string[] = []
    const page = await open('/')
    const see = async (heading: string, name: string) => {
      await page.getByRole('heading', { level: 1, name: heading }).waitFor()
      for (const [suffix, width] of [
        ['-narrow', widths.narrow],
        ['', widths.wide],
      ] as const)
        for (const theme of themes) {
          await show(page, { theme, width })
          if (!(await fits(page))) found.push(`${name} is wider than ${width} px`)
          found.push(...(await look(page, `page-${name}${suffix}`, theme)))
        }
    }
    const button = (name: string) => page.getByRole('button', { name }).click()

    await see('Sign in', 'sign-in')
    await fillSignIn(page, { email: 'nobody@acme.test', password: 'wrong' })
    await page.getByRole('alert').waitFor()
    await see('Sign in', 'sign-in-refused')
    await page.getByRole('link', { name: 'Sign in as system administrator' }).click()
    await page.getByRole('link', { name: 'Sign in to an organisation' }).waitFor()
    await see('Sign in', 'sign-in-system')
    await page.getByRole('link', { name: 'Forgotten your password?' }).click()
    await see('Forgotten your password?', 'forgotten')
    await page.getByLabel('E-mail').fill('dana@acme.test')
    await button('Ask for a link')
    await see('Ask your administrator', 'forgotten-asked')

    const { link } = await invite()
    await page.goto(link)
    await see('Welcome: choose a password', 'activate')
    await page.getByLabel('New password').fill(goodPassword)
    await page.getByLabel('The same again').fill(`${goodPassword}x`)
    await button('Set the password')
    await page.getByRole('alert').waitFor()
    await see('Welcome: choose a password', 'activate-refused')
    await page.getByLabel('New password').fill(goodPassword)
    await page.getByLabel('The same again').fill(goodPassword)
    await button('Set the password')
    await see('Your password is set', 'password-set')
    await page.goto(link)
    await see('This link does not work', 'dead-link')
    await globex.admin.must('PATCH', `/v1/users/${reminded.uid}/password/reset`)
    await page.goto((await globex.admin.must('GET', `/v1/users/${reminded.uid}`)).status.activationLink)
    await see('Choose a new password', 'reset')

    await page.goto(`${palisade.url}/oidc/session/end`)
    await see('Nobody is signed in', 'nobody')
    await page.goto(`${palisade.url}/oidc/auth?client_id=unknown`)
    await see('This did not work', 'error')
    await page.goto(`${palisade.url}/sign-in/${'x'.repeat(24)}`)
    await see('Start again', 'start-again')
    await page.goto(`${palisade.url}/canvas/callback?code=x&state=y`)
    await see('You are not signed in', 'not-signed-in')

    await signIn(page, `${palisade.url}/t/acme/start`, person())
    await page.goto(palisade.url + authorization)
    await see('Continue?', 'continue')
    await page.goto(`${palisade.url}/oidc/device`)
    await see('Let a device in', 'device')
    await page.getByLabel('Code').fill('WRON-GWRO')
    await button('Continue')
    await page.getByRole('alert').waitFor()
    await see('Let a device in', 'device-refused')
    await page.getByLabel('Code').fill(await deviceCode(page))
    await button('Continue')
    await see('Let this device in?', 'device-confirm')
    await button('Refuse')
    await see('Refused', 'device-not-let-in')
    await page.goto(`${palisade.url}/oidc/device`)
    await page.getByLabel('Code').fill(await deviceCode(page))
    await button('Continue')
    await button('It is mine, continue')
    await see('Continue?', 'device-continue')
    await button('Continue')
    await see('Your device is in', 'device-in')
    await page.goto(`${palisade.url}/oidc/session/end`)
    await see('Sign out?', 'sign-out')
    await button('Sign out')
    await see('You are signed out', 'signed-out')

    await page.goto(`${palisade.url}/canvas/login`)
    await fillSignIn(page, { email: expired.email, password: goodPassword })
    await see('Choose a new password', 'expired')
    await page.getByLabel('The password that has expired').fill(goodPassword)
    await page.getByLabel('New password').fill(goodPassword)
    await page.getByLabel('The same again').fill(goodPassword)
    await button('Set the password and sign in')
    await page.getByRole('alert').waitFor()
    await see('Choose a new password', 'expired-refused')
    await page.goto(`${palisade.url}/canvas/login`)
    await fillSignIn(page, { email: reminded.email, password: goodPassword })
    await page.getByText('Your password expires on').waitFor()
    await see('You are signed in', 'signed-in')
    await page.getByRole('link', { name: 'Continue' }).click()
    await page.waitForURL('**/t/globex/start')
    assert.deepEqual(found, [], 'axe found something')
  })

  test('the classification stands on every page, of signing in and of the console', async () => {
    const text = 'CONFIDENTIAL · ACME INTERNAL'
    const classify = (config: string) =>
      palisade.system.must('PUT', '/v1/system/classificationBanner', { body: { config } })
    await classify(JSON.stringify({ text }))
    try {
      const found: string[] = []
      const page = await open('/')
      const see = async (name: string) => {
        for (const theme of themes)
          for (const width of [widths.narrow, widths.wide]) {
            await show(page, { theme, width })
            if (!(await fits(page))) found.push(`${name} is wider than ${width} px`)
            found.push(...(await look(page, name, theme, width === widths.wide)))
          }
      }
      await page.getByRole('heading', { name: 'Sign in' }).waitFor()
      assert.deepEqual(await page.locator('.classification').allInnerTexts(), [text, text])
      await see('page-classified')
      await signIn(page, `${palisade.url}/t/acme/start`, person())
      const note = page.getByRole('region', { name: 'Classification' }).filter({ hasText: text })
      await note.waitFor()
      await see('classified')
      // It stays in sight on the way down a long page, and so does what is around it.
      await page.goto(`${palisade.url}/t/acme/roles`)
      await page.getByRole('link', { name: 'Tenant Admin' }).waitFor()
      await page.evaluate('scrollTo(0, document.body.scrollHeight)')
      await untilTrue(page, 'scrollY > 100')
      assert.equal((await note.boundingBox())?.y, 0)
      const box = async (name: string) => (await page.getByRole('link', { name, exact: true }).boundingBox())?.y ?? 0
      assert.ok((await box('Start')) > 48, 'the navigation is under the bar')
      assert.deepEqual(found, [], 'axe found something')
    } finally {
      await classify('')
    }
    await opened?.page.reload()
    await opened?.page.getByRole('heading', { level: 1 }).waitFor()
    assert.equal(await opened?.page.locator('.classification').count(), 0)
  })

  test('by keyboard alone: sign in, be refused, sign in again, set a password', async () => {
    provoked.push(401)
    const page = await open('/t/acme/projects')
    const active = () => page.evaluate('document.activeElement.id')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.equal(await active(), 'email', 'the first field has the focus')
    await page.keyboard.type(acme.adminEmail)
    await page.keyboard.press('Tab')
    await page.keyboard.type('wrong')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').waitFor()
    // What was typed is kept, but for the password.
    assert.equal(await page.getByLabel('E-mail').inputValue(), acme.adminEmail)
    assert.equal(await active(), 'password', 'what is still to be typed has the focus')
    await page.keyboard.type(goodPassword)
    await page.keyboard.press('Tab')
    assert.equal(await active(), 'org')
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Sign in')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${palisade.url}/t/acme/projects`)

    const { link } = await invite()
    await page.goto(link)
    assert.equal(await active(), 'password')
    await page.keyboard.type(goodPassword)
    await page.keyboard.press('Tab')
    await page.keyboard.type(goodPassword)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Your password is set' }).waitFor()
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Sign in')
  })

  test('without JavaScript the pages do the same, as far as the console', async () => {
    opened = await openPage(browser, { theme: 'light', javaScript: false })
    const { page } = opened
    await page.goto(`${palisade.url}/canvas/login`)
    await fillSignIn(page, person())
    await page.waitForURL((url) => !isSignIn(url))
    assert.match(await page.content(), /The console needs JavaScript/)
  })

  test('whose address is in two organisations names one', async () => {
    provoked.push(401)
    const initech = await createTenant(palisade, 'initech')
    const twice = await createUser(palisade, initech, 'twice')
    const { uid } = await acme.admin.must('POST', '/v1/users', {
      body: { metadata: { name: 'twice' }, spec: { emailId: twice.email, firstName: 'twice', lastName: '' } },
    })
    assert.match(uid, /^[0-9a-f]{24}$/)
    const page = await open('/')
    await fillSignIn(page, { email: twice.email, password: goodPassword })
    await page.getByRole('alert').waitFor()
    await fillSignIn(page, { email: twice.email, password: goodPassword, org: 'initech' })
    await page.waitForURL('**/t/initech/start')
  })
})
