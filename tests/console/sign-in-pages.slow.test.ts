import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, startBrowser } from './browser.ts'
import { fits, focused, look, type Theme, themes } from './look.ts'
import { fillSignIn, isSignIn, signIn } from './sign-in.ts'

// The pages that people see before the console, in Chromium: each under axe, in both themes, wide and narrow; and by keyboard.

const banner = 'Authorised use only. What you do here is recorded.'

describe('the sign-in pages', { skip: noBrowser }, () => {
  let palisade: Palisade
  let browser: Browser
  let acme: Tenant
  let opened: Opened | undefined
  let made = 0
  /** A page that says no has a status that says no, and the browser writes that down: the statuses that a test provokes. */
  const provoked: number[] = []

  const person = () => ({ email: acme.adminEmail, password: goodPassword })

  before(async () => {
    palisade = await startPalisade({ name: 'sign-in-pages', env: { PALISADE_SIGN_IN_BANNER: banner } })
    ;[browser, acme] = await Promise.all([startBrowser(), createTenant(palisade, 'acme')])
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

  async function open(path: string, options: { theme?: Theme; width?: number; javaScript?: boolean } = {}) {
    opened = await openPage(browser, { theme: 'light', ...options })
    await opened.page.goto(palisade.url + path)
    return opened.page
  }

  /** A user who waits for a password, and the link for it. */
  async function invite(): Promise<{ readonly uid: string; readonly email: string; readonly link: string }> {
    const name = `new${++made}`
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
    })
    return (await answer.json()).user_code
  }

  /** What a program on somebody's machine opens in the browser. */
  const authorization = `/oidc/auth?${new URLSearchParams({
    ...{ client_id: 'palisade-cli', response_type: 'code', scope: 'openid' },
    ...{ redirect_uri: 'http://127.0.0.1:43117/callback', state: 'a-state-of-its-own', nonce: 'a-nonce-of-its-own' },
    ...{ code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
  })}`

  for (const theme of themes)
    for (const width of [1280, 390])
      test(`axe finds nothing on any of them: ${theme}, ${width} px`, async () => {
        provoked.push(400, 401)
        const found: string[] = []
        const page = await open('/', { theme, width })
        const see = async (heading: string, name: string) => {
          await page.getByRole('heading', { level: 1, name: heading }).waitFor()
          assert.ok(await fits(page), `${name} is wider than the screen`)
          const suffix = width === 390 ? '-narrow' : ''
          found.push(...(await look(page, `page-${name}${suffix}`, theme)))
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
        await page.getByLabel('E-mail').fill('somebody@acme.test')
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
        await button('It is mine, continue')
        await see('Continue?', 'device-continue')
        await button('Continue')
        await see('Your device is in', 'device-in')
        await page.goto(`${palisade.url}/oidc/session/end`)
        await see('Sign out?', 'sign-out')
        await button('Sign out')
        await see('You are signed out', 'signed-out')
        assert.deepEqual(found, [], 'axe found something')
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
    const globex = await createTenant(palisade, 'globex')
    const twice = await createUser(palisade, globex, 'twice')
    const { uid } = await acme.admin.must('POST', '/v1/users', {
      body: { metadata: { name: 'twice' }, spec: { emailId: twice.email, firstName: 'twice', lastName: '' } },
    })
    assert.match(uid, /^[0-9a-f]{24}$/)
    const page = await open('/')
    await fillSignIn(page, { email: twice.email, password: goodPassword })
    await page.getByRole('alert').waitFor()
    await fillSignIn(page, { email: twice.email, password: goodPassword, org: 'globex' })
    await page.waitForURL('**/t/globex/start')
  })
})
