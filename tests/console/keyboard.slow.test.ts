import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { adminToken, type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, quiet, startBrowser } from './browser.ts'
import { choose, enter, inDialog, press, tabRight, whereItStands } from './keys.ts'
import { focused, tabTo } from './look.ts'
import { signIn } from './sign-in.ts'

// Each thing that people come for, by keyboard alone: no test here clicks, fills or focuses anything but by keys.

describe('by keyboard alone', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let dana: Awaited<ReturnType<typeof createUser>>
  let opened: Opened | undefined
  /** Statuses of refusals that a test provokes. */
  const provoked: number[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'keyboard' })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    dana = await createUser(palisade, acme, 'dana', { firstName: 'Dana', lastName: 'Ortiz' })
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await kubernetes?.close()
  })
  afterEach(async (test) => {
    if ('passed' in test && !test.passed && opened) console.error(await whereItStands(opened.page))
    const complaints = opened?.complaints ?? []
    await opened?.context.close()
    opened = undefined
    assertNoComplaints(complaints, provoked.splice(0))
  })

  async function open(path: string): Promise<Page> {
    opened = await openPage(browser, { theme: 'light' })
    await signIn(opened.page, palisade.url + path, { email: acme.adminEmail, password: goodPassword })
    return opened.page
  }

  test('a cluster is imported', async () => {
    const page = await open('/t/acme/clusters')
    await tabTo(page, 'Import cluster')
    await press(page, 'Enter')
    await page.getByRole('heading', { level: 1, name: 'Import a cluster' }).waitFor()
    await tabTo(page, 'Name')
    await page.keyboard.type('west')
    await tabTo(page, 'Kubeconfig')
    // Pasted, as one does.
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(kubernetes.kubeconfig(adminToken))})`)
    await press(page, 'Control+v')
    await tabTo(page, 'Import')
    await press(page, 'Enter')
    await page.getByRole('heading', { name: 'west is ready' }).waitFor()
    await tabTo(page, 'Open west')
    await press(page, 'Enter')
    await page.getByRole('heading', { level: 1, name: 'west' }).waitFor()
    await tabRight(page, 'Overview')
    await page.getByRole('tabpanel').getByText('Who can reach it').waitFor()
    assert.match(page.url(), /tab=access/)
  })

  test('a kubeconfig is downloaded', async () => {
    const [west] = await acme.admin.must('GET', '/v1/dashboard/spectroclusters/meta')
    const page = await open(`/t/acme/clusters/${west.metadata.uid}`)
    // From well before the key on: the browser is told to hand the file over, and is not waited for.
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download kubeconfig' }).waitFor()
    await enter(page, 'Download kubeconfig')
    const file = await download
    assert.equal(file.suggestedFilename(), 'west.kubeconfig')
    assert.match(await readFile(await file.path(), 'utf8'), new RegExp(`server: .*${west.metadata.uid}`))
  })

  test('a member is invited and gets a role', async () => {
    const page = await open('/t/acme/users')
    await page.getByRole('link', { name: 'Ada Admin' }).waitFor()
    await tabTo(page, 'Invite')
    await press(page, 'Enter')
    await inDialog(page)
    await tabTo(page, 'E-mail')
    await page.keyboard.type('grace@acme.test')
    await tabTo(page, 'First name')
    await page.keyboard.type('Grace')
    await press(page, 'Enter')
    await page.getByRole('region', { name: 'Link' }).waitFor()
    await tabTo(page, 'Done')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })

    await tabTo(page, 'Filter members by name or e-mail')
    await page.keyboard.type('grace')
    await page.getByText('1 member', { exact: true }).waitFor()
    await page.getByRole('link', { name: 'Ada Admin' }).waitFor({ state: 'detached' })
    await press(page, 'ArrowDown')
    assert.equal(await focused(page), 'Grace')
    await press(page, 'Enter')
    await page.getByRole('heading', { level: 1, name: 'Grace' }).waitFor()
    await tabRight(page, 'Overview')
    await page.getByRole('button', { name: 'Change roles' }).waitFor()
    await tabTo(page, 'Change roles')
    await press(page, 'Enter')
    await inDialog(page)
    await choose(page, 'Roles', 'Tenant User Admin')
    await page.getByText(/^Gains /).waitFor()
    await tabTo(page, 'Save')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.getByText('given here').waitFor()
  })

  test('an API key is made and deleted by its name', async () => {
    const page = await open('/t/acme/keys')
    await tabTo(page, 'New API key')
    await press(page, 'Enter')
    await inDialog(page)
    await tabTo(page, 'Name')
    await page.keyboard.type('terraform')
    await press(page, 'Enter')
    await page.getByRole('region', { name: 'API key' }).waitFor()
    await tabTo(page, 'Done')
    await press(page, 'Enter')
    await tabTo(page, 'Delete terraform')
    await press(page, 'Enter')
    await page.getByRole('textbox', { name: 'Type terraform to confirm' }).waitFor()
    await page.keyboard.type('terraform')
    await press(page, 'Enter')
    await page.getByText('No API key yet').waitFor()
  })

  test('a session is ended, and the one in use leads to sign-in', async () => {
    provoked.push(401)
    await palisade.signIn(acme.adminEmail, goodPassword, 'acme')
    const page = await open('/t/acme/sessions')
    const rows = page.locator('tbody tr')
    await page.getByText('this one').waitFor()
    const before = await rows.count()
    const name = await page.locator('tbody button:not([aria-label*="this session"])').first().getAttribute('aria-label')
    await tabTo(page, name ?? '')
    await press(page, 'Enter')
    await page.getByRole('dialog').getByText('Whoever uses it').waitFor()
    await inDialog(page)
    await tabTo(page, 'End')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await rows.nth(before - 1).waitFor({ state: 'detached' })
    const own = await page.locator('tbody button[aria-label*="this session"]').getAttribute('aria-label')
    await tabTo(page, own ?? '')
    await press(page, 'Enter')
    await inDialog(page)
    await tabTo(page, 'End')
    await press(page, 'Enter')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  test('the log is filtered, narrowed to a bar of the histogram, and an entry opened and closed', async () => {
    const page = await open('/t/acme/audit')
    await page.getByRole('group', { name: 'Entries over time' }).waitFor()
    await tabTo(page, 'Outcome')
    await press(page, 'ArrowDown')
    await page.getByRole('option', { name: 'Done' }).waitFor()
    const marked = page.locator('[data-combobox-selected]')
    for (let i = 0; i < 5 && (await marked.allInnerTexts()).join() !== 'Done'; i++) await press(page, 'ArrowDown')
    await press(page, 'Enter')
    await page.waitForURL(/state=done/)
    for (let i = 0; i < 20; i++) {
      if (/ entr(?:y|ies), /.test(String(await focused(page)))) break
      await press(page, 'Tab')
    }
    const bar = () =>
      page.evaluate('[...document.activeElement.parentElement.children].indexOf(document.activeElement)')
    assert.equal(await bar(), 0)
    await press(page, 'ArrowRight')
    assert.equal(await bar(), 1)
    await press(page, 'ArrowLeft', 'Shift+ArrowRight')
    await page.getByRole('status').filter({ hasText: 'Enter narrows to it' }).waitFor()
    await press(page, 'Shift+ArrowRight', 'Enter')
    await page.waitForURL(/from=\d{4}-.*to=\d{4}-/)
    await page.locator('tbody a').first().waitFor()
    await quiet(page)
    const entry = (await page.locator('tbody a').first().innerText()).trim()
    await tabTo(page, entry)
    await press(page, 'Enter')
    await page.getByRole('dialog', { name: 'Audit entry' }).waitFor()
    await press(page, 'Escape')
    await page.getByRole('dialog', { name: 'Audit entry' }).waitFor({ state: 'hidden' })
  })

  test('a team is made and given a role in a project', async () => {
    const page = await open('/t/acme/teams')
    await enter(page, 'New team')
    await inDialog(page)
    await page.keyboard.type('platform')
    await choose(page, 'Members', 'Ada Admin (admin@acme.test)')
    await enter(page, 'Create')
    await page.getByRole('heading', { level: 1, name: 'platform' }).waitFor()
    await page.getByText('admin@acme.test').first().waitFor()
    await tabRight(page, 'Overview')
    await page.getByRole('button', { name: 'Change roles' }).waitFor()
    await enter(page, 'Change roles')
    await inDialog(page)
    await choose(page, 'In', 'Project Default')
    await choose(page, 'Roles', 'Cluster Viewer')
    await page.getByText('Gains Cluster Viewer.').waitFor()
    await enter(page, 'Save')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.getByRole('tabpanel').getByRole('link', { name: 'Cluster Viewer' }).waitFor()
  })

  test('somebody is added to a team', async () => {
    const { items } = await acme.admin.must('GET', '/v1/teams')
    const team = items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === 'platform')
    const page = await open(`/t/acme/teams/${team.metadata.uid}`)
    await page.getByRole('link', { name: 'Ada Admin' }).waitFor()
    await enter(page, 'Add members')
    await inDialog(page)
    await choose(page, 'Members', 'Dana Ortiz (dana@acme.test)')
    await page.getByText('1 gain what the team holds.').waitFor()
    await enter(page, 'Add')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.getByRole('link', { name: 'Dana Ortiz' }).waitFor()
  })

  test('the project is switched and the page stays', async () => {
    const { uid } = await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'payments' } } })
    const page = await open('/t/acme/clusters')
    await choose(page, 'Project', 'payments')
    await page.waitForURL(`**/t/acme/clusters?project=${uid}`)
    await page.getByText('No cluster here that you may see').waitFor()
    await choose(page, 'Project', 'All projects')
    await page.waitForURL('**/t/acme/clusters')
    await page.getByRole('link', { name: 'west' }).waitFor()
  })

  test('an entry is verified in the browser, and so is an export', async () => {
    const page = await open('/t/acme/audit')
    await page.locator('tbody a').first().waitFor()
    const entry = (await page.locator('tbody a').first().innerText()).trim()
    await enter(page, entry)
    await inDialog(page)
    await page.getByRole('button', { name: 'Verify here' }).waitFor()
    await enter(page, 'Verify here')
    await page.getByText('The entry stands in the log as this page shows it.').waitFor()
    await press(page, 'Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })

    const download = page.waitForEvent('download')
    await enter(page, 'Export the whole log')
    const file = await (await download).path()
    // From well before the key on: the browser is told to leave the choice to the test, and is not waited for.
    const asked = page.waitForEvent('filechooser')
    await enter(page, 'Verify an export')
    await inDialog(page)
    await tabTo(page, /^Export/)
    await press(page, 'Enter')
    // The dialog of the operating system is where the console ends.
    await (await asked).setFiles({ name: 'audit.jsonl', mimeType: 'application/jsonl', buffer: await readFile(file) })
    await enter(page, 'Verify')
    await page.getByText('Every entry is there, in order, unchanged.').waitFor()
  })

  test('one signs out', async () => {
    provoked.push(401)
    const page = await open('/t/acme/start')
    await enter(page, /^Account /)
    await page.getByRole('menuitem', { name: 'Sign out' }).waitFor()
    for (let i = 0; i < 5 && (await focused(page)) !== 'Sign out'; i++) await press(page, 'ArrowDown')
    assert.equal(await focused(page), 'Sign out')
    await press(page, 'Enter')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.goto(`${palisade.url}/t/acme/start`)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor()

  test('a forgotten password is asked for, set anew by the link, and signs in', async () => {
    opened = await openPage(browser, { theme: 'light' })
    const { page } = opened
    await page.goto(`${palisade.url}/t/acme/start`)
    await heading(page, 'Sign in')
    await enter(page, 'Forgotten your password?')
    await heading(page, 'Forgotten your password?')
    await page.keyboard.type(dana.email)
    await press(page, 'Enter')
    await heading(page, 'Ask your administrator')

    const { status } = await acme.admin.must('GET', `/v1/users/${dana.uid}`)
    await page.goto(status.activationLink)
    await heading(page, 'Choose a new password')
    for (const key of ['Tab', 'Enter']) {
      await page.keyboard.type('Another-Passw0rd-here')
      await press(page, key)
    }
    await heading(page, 'Your password is set')
    await enter(page, 'Sign in')
    await heading(page, 'Sign in')
    await page.keyboard.type(dana.email)
    await press(page, 'Tab')
    await page.keyboard.type('Another-Passw0rd-here')
    await press(page, 'Enter')
    await heading(page, 'Hello Dana')
  })

  test('a device is let in by its code, and another refused', async () => {
    const page = await open('/t/acme/start')
    for (const [answer, then] of [
      ['Refuse', 'Refused'],
      ['It is mine, continue', 'Continue?'],
    ] as const) {
      const form = { client_id: 'palisade-cli', scope: 'openid' }
      const asked = await page.request.post(`${palisade.url}/oidc/device/auth`, { form })
      await page.goto(`${palisade.url}/oidc/device`)
      await heading(page, 'Let a device in')
      await page.keyboard.type((await asked.json()).user_code)
      await press(page, 'Enter')
      await heading(page, 'Let this device in?')
      await enter(page, answer)
      await heading(page, then)
    }
    await enter(page, 'Continue')
    await heading(page, 'Your device is in')
  })

  test('one signs out on the issuer’s own page', async () => {
    const page = await open('/t/acme/start')
    await page.goto(`${palisade.url}/oidc/session/end`)
    await heading(page, 'Sign out?')
    await enter(page, 'Sign out')
    await heading(page, 'You are signed out')
    await page.goto(`${palisade.url}/t/acme/start`)
    await heading(page, 'Sign in')
  })
})
