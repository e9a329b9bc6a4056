import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../support/database.ts'
import { adminToken, type FakeKubernetes, limitedToken, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { until } from '../support/until.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, quiet, startBrowser } from './browser.ts'
import { focused } from './look.ts'
import { type Person, signIn } from './sign-in.ts'

// What the console says of people, of tenants, of teams and on its first page: true for any number, and with what to do next.

describe('people, tenants and the first page', { skip: noBrowser }, () => {
  let postgres: TestPostgres
  let database: TestDatabase
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let opened: Opened | undefined
  const complaints: string[] = []
  /** Statuses of refusals that a test provokes. */
  const provoked: number[] = []

  const admin = (): Person => ({ email: acme.adminEmail, password: goodPassword })
  const operator = (): Person => ({ ...palisade.administrator, system: true })

  before(async () => {
    postgres = await startTestPostgres()
    database = await postgres.create()
    const { owner } = database
    const url = new URL(`postgres://${owner.user}:${owner.password.reveal()}@socket:${owner.port}/${owner.database}`)
    url.searchParams.set('host', owner.host)
    palisade = await startPalisade({ name: 'people', env: { PALISADE_DATABASE_URL: url.href } })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await kubernetes?.close()
    await postgres?.stop()
  })
  afterEach(async () => {
    await opened?.context.close()
    opened = undefined
    assertNoComplaints(complaints.splice(0), provoked.splice(0))
  })

  async function open(who: Person, path: string): Promise<Page> {
    await opened?.context.close()
    opened = await openPage(browser, { theme: 'light', complaints })
    await signIn(opened.page, palisade.url + path, who)
    return opened.page
  }

  const invite = async (name: string): Promise<string> =>
    (
      await acme.admin.must('POST', '/v1/users', {
        body: { spec: { emailId: `${name}@acme.test`, firstName: name, lastName: 'Test' } },
      })
    ).uid

  /** A day goes by for the links of one person. */
  const expire = (user: string) =>
    withClient(database.superuser, (client) =>
      client.query('update link_tokens set expires_at = now() where user_id = $1', [user]),
    )

  const linkOn = async (page: Page) => (await page.getByRole('region', { name: 'Link' }).innerText()).trim()

  test('an invitation says how long it works, that it expired, and what to do; a new one replaces it', async () => {
    const uid = await invite('nina')
    const page = await open(admin(), `/t/acme/users/${uid}`)
    await page.getByText(/^Invited until \d/).waitFor()
    await page.getByText(/^Invited, link ends in (?:23|24) hr/).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Switch on' }).count(), 0, 'what is always refused is offered')
    const first = await linkOn(page)
    await expire(uid)
    await page.reload()
    await page.getByText('they cannot sign in. Make a new invitation and pass it on.').waitFor()
    await page.getByText('Invitation expired', { exact: true }).waitFor()
    assert.equal(await page.getByRole('region', { name: 'Link' }).count(), 0)
    await page.getByRole('button', { name: 'New invitation' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Invite again' }).click()
    await page.getByText(/^Invited until \d/).waitFor()
    assert.notEqual(await linkOn(page), first)
  })

  test('a link for a new password says that the old one still works, and that it expired; switched off, there is none', async () => {
    const { uid } = await createUser(palisade, acme, 'rosa')
    const page = await open(admin(), `/t/acme/users/${uid}`)
    await page.getByRole('button', { name: 'New password link' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Make a link' }).click()
    await page
      .getByText(/A link for a new password works until .* until they use it their password still works\./)
      .waitFor()
    assert.match(await linkOn(page), /\/sign-in\/reset\//)
    await page.getByText(/^Active, password link ends in/).waitFor()
    await expire(uid)
    await page.reload()
    await page.getByText(/The link for a new password expired .* their password still works/).waitFor()
    await page.getByText('Active', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Switch off' }).click()
    const off = page.getByRole('dialog', { name: 'Switch off member rosa Test' })
    assert.ok(await off.getByRole('button', { name: 'Switch off' }).isDisabled(), 'it asks for the name')
    await off.getByRole('textbox', { name: 'Type rosa Test to confirm' }).fill('rosa Test')
    await off.getByRole('button', { name: 'Switch off' }).click()
    await page.getByText('Switched off', { exact: true }).waitFor()
    assert.equal(await page.getByRole('button', { name: 'New password link' }).count(), 0)
  })

  test('a key that somebody made for another says so when they hold too little, and the dialogs before', async () => {
    const robot = await createUser(palisade, acme, 'robot')
    const maker = await createUser(palisade, acme, 'maker', { firstName: 'Mia', lastName: 'Maker' })
    const give = (user: string, roles: readonly string[]) =>
      acme.admin.must('PUT', `/v1/users/${user}/roles`, { body: { roles } })
    await give(robot.uid, [predefinedRole('Tenant Viewer').uid])
    await give(maker.uid, [predefinedRole('Tenant Admin').uid])
    await maker.api.must('POST', '/v1/apiKeys', {
      body: { metadata: { name: 'robots' }, spec: { userUid: robot.uid } },
    })
    const page = await open(admin(), '/t/acme/keys')
    const row = page.getByRole('row', { name: /robots/ })
    await row.getByText('Active', { exact: true }).waitFor()

    await page.goto(`${palisade.url}/t/acme/users/${maker.uid}`)
    for (const act of ['Switch off', 'Remove']) {
      await page.getByRole('button', { name: act }).click()
      const dialog = page.getByRole('dialog', { name: `${act} member Mia Maker` })
      await dialog.getByText(/So do API keys that they made for others, and links for others/).waitFor()
      await dialog.getByRole('button', { name: 'Cancel' }).click()
      await dialog.waitFor({ state: 'hidden' })
    }

    await give(maker.uid, [])
    await page.goto(`${palisade.url}/t/acme/keys`)
    await row.getByText('Refused: Mia Maker, who made it, holds too little', { exact: true }).waitFor()
    for (const { uid } of [maker, robot]) await acme.admin.must('DELETE', `/v1/users/${uid}`)
  })

  test('an invitation that somebody read who holds less than the person works no longer, and says what to do', async () => {
    const reader = await createUser(palisade, acme, 'reader')
    await acme.admin.must('PUT', `/v1/users/${reader.uid}/roles`, {
      body: { roles: [predefinedRole('Tenant User Admin').uid] },
    })
    const uid = await invite('vera')
    await reader.api.must('GET', `/v1/users/${uid}`)
    await acme.admin.must('PUT', `/v1/users/${uid}/roles`, { body: { roles: [predefinedRole('Tenant Admin').uid] } })
    const page = await open(admin(), `/t/acme/users/${uid}`)
    await page.getByText(/^The invitation works no longer: they cannot sign in/).waitFor()
    await page.getByText('Invitation works no longer', { exact: true }).waitFor()
    for (const user of [reader.uid, uid]) await acme.admin.must('DELETE', `/v1/users/${user}`)
  })

  test('members are narrowed to a state, by the server, in the address', async () => {
    const late = await invite('late')
    await expire(late)
    await invite('soon')
    const page = await open(admin(), '/t/acme/users')
    const rows = page.locator('tbody tr')
    const narrow = async (state: string, value: string, names: readonly string[]) => {
      await page.getByRole('combobox', { name: 'State' }).click()
      await page.getByRole('option', { name: state, exact: true }).click()
      await page.waitForURL(new RegExp(`state=${value}`))
      await page.getByText(`${names.length} member${names.length === 1 ? '' : 's'}`, { exact: true }).waitFor()
      // Until the answer is there, what was there before stays.
      const shown = async () => (await rows.getByRole('link').allInnerTexts()).join(', ')
      await until(`${names.join(', ')} alone`, async () => (await shown()) === names.join(', ') || undefined)
    }
    await narrow('Invited', 'invited', ['nina Test', 'soon Test'])
    await narrow('Invitation expired', 'expired', ['late Test'])
    await narrow('Switched off', 'inactive', ['rosa Test'])
    await narrow('Active', 'active', ['Ada Admin'])
    await page.goto(`${palisade.url}/t/acme/users?state=expired&q=nobody`)
    await page.getByText('Nothing matches. Clear the filter to see everything.').waitFor()
    await page.goto(`${palisade.url}/t/acme/users?state=nonsense`)
    await rows.nth(4).waitFor()
  })

  test('the start page without a cluster: an administrator imports, somebody without a role is told whom to ask for what', async () => {
    let page = await open(admin(), '/t/acme/start')
    const reach = page.getByRole('region', { name: 'What you can reach' })
    await reach.getByText('No cluster here yet. Import one').waitFor()
    assert.equal(await page.getByRole('heading', { name: 'Needs attention' }).count(), 0, 'nothing needs attention')
    await reach.getByRole('link', { name: 'Import cluster' }).click()
    await page.getByRole('heading', { level: 1, name: 'Import a cluster' }).waitFor()

    const { email } = await createUser(palisade, acme, 'newcomer')
    page = await open({ email, password: goodPassword }, '/t/acme/start')
    await page
      .getByText(`Ask a tenant administrator for a role in the project that holds it; they find you as ${email}.`)
      .waitFor()
    assert.equal(await page.getByRole('link', { name: 'Import cluster' }).count(), 0)
    await page.getByRole('button', { name: 'Why?' }).click()
    await page.getByRole('dialog', { name: 'Why?' }).getByText('cluster.list').first().waitFor()

    // Who may import in one project alone is led to that project.
    const importer = await createUser(palisade, acme, 'importer')
    const { uid: project } = await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'edge' } } })
    await acme.admin.must('PUT', `/v1/users/${importer.uid}/projects`, {
      body: { projects: [{ projectUid: project, roles: [predefinedRole('Cluster Admin').uid] }] },
    })
    page = await open({ email: importer.email, password: goodPassword }, '/t/acme/start')
    await page.getByRole('link', { name: 'Import cluster' }).click()
    await page.waitForURL(new RegExp(`project=${project}`))
  })

  test('the start page counts every cluster: the 61st that needs attention is named', async () => {
    const named = (i: number) => `fleet-${String(i).padStart(2, '0')}`
    for (let i = 0; i < 60; i += 3) await Promise.all([0, 1, 2].map((j) => importCluster(named(i + j), adminToken)))
    const page = await open(admin(), '/t/acme/start')
    await page.getByText('Every cluster is ready and answered last time.').waitFor()
    await page.getByRole('link', { name: 'All 60 clusters' }).waitFor()
    await importCluster('zulu', limitedToken)
    await page.reload()
    const attention = page.getByRole('region', { name: 'Needs attention' })
    await attention.getByRole('link', { name: 'zulu' }).waitFor()
    assert.equal(await attention.getByRole('link').count(), 1)
    for (let i = 0; i < 8; i++) await importCluster(`yankee-${i}`, limitedToken)
    await page.reload()
    await attention.getByRole('link', { name: 'All 9 clusters need attention' }).click()
    await page.waitForURL(/\/clusters\?.*state=attention/)
    await page.getByText('9 clusters', { exact: true }).waitFor()
  })

  const importCluster = (name: string, token: string) =>
    acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name }, spec: { kubeconfig: kubernetes.kubeconfig(token) } },
    })

  test('a dialog and a panel are in the address: back closes, forward opens, a reload keeps them', async () => {
    const page = await open(admin(), '/t/acme/projects')
    const dialog = page.getByRole('dialog', { name: 'New project' })
    await page.getByRole('button', { name: 'New project' }).click()
    await dialog.waitFor()
    await page.goBack()
    await dialog.waitFor({ state: 'hidden' })
    await page.goForward()
    await dialog.waitFor()
    await page.reload()
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    assert.equal(page.url(), `${palisade.url}/t/acme/projects`)
  })

  test('tenants: found by name and state, pending until somebody has a password, the panel in the address', async () => {
    for (let i = 0; i < 55; i += 11)
      await Promise.all(
        Array.from({ length: 11 }, (_, j) =>
          palisade.system.must('POST', '/v1/tenants', {
            body: {
              spec: { orgName: `many-${String(i + j).padStart(2, '0')}`, firstName: 'Max', emailId: 'max@many.test' },
            },
          }),
        ),
      )
    provoked.push(404)
    const page = await open(operator(), '/t/system/tenants')
    await page.getByText('1–50 of 56').waitFor()
    await page.getByRole('searchbox', { name: 'Filter tenants by name' }).fill('MANY-54')
    await page.getByText('1 tenant', { exact: true }).waitFor()
    const row = page.getByRole('row').filter({ hasText: 'many-54' })
    await row.getByText('Pending: nobody has set a password yet').waitFor()
    await row.getByRole('link', { name: 'many-54' }).click()
    const panel = page.getByRole('dialog', { name: 'Tenant many-54' })
    await panel.getByText('max@many.test').waitFor()
    const first = await linkOn(page)
    const uid = new URL(page.url()).searchParams.get('panel') ?? ''
    assert.match(uid, /^[0-9a-f]{24}$/)
    await page.goBack()
    await panel.waitFor({ state: 'hidden' })
    await page.goForward()
    await panel.waitFor()

    const { metadata } = await palisade.system.must('GET', `/v1/tenants/${uid}/user`)
    await expire(metadata.uid)
    await page.reload()
    await panel.getByText('Nobody can get into this tenant: make a new invitation').waitFor()
    await panel.getByRole('button', { name: 'New invitation' }).click()
    await page.getByRole('button', { name: 'Invite again' }).click()
    await panel.getByText(/whoever opens it gets the tenant\. It works until/).waitFor()
    assert.notEqual(await linkOn(page), first)

    await panel.getByRole('button', { name: 'Switch off' }).click()
    await page.getByRole('textbox', { name: 'Type many-54 to confirm' }).fill('many-54')
    await page
      .getByRole('dialog', { name: 'Switch off tenant many-54' })
      .getByRole('button', { name: 'Switch off' })
      .click()
    await panel.getByText('Switched off', { exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await panel.waitFor({ state: 'hidden' })
    await row.getByText('Switched off', { exact: true }).waitFor()
    await page.goto(`${palisade.url}/t/system/tenants?state=active`)
    await page.getByText('1 tenant', { exact: true }).waitFor()
    await page.getByRole('link', { name: 'acme', exact: true }).waitFor()
    await page.goto(`${palisade.url}/t/system/tenants?panel=${'0'.repeat(24)}`)
    await page.getByRole('dialog').getByRole('alert').getByText('Not found').waitFor()
    await page.goto(`${palisade.url}/t/system/tenants?panel=new`)
    await page.getByRole('dialog', { name: 'New tenant' }).waitFor()
  })

  test('a team shows a page of its members and asks for no name beyond it; who joins and leaves is changed one by one', async () => {
    const { uid: carol } = await createUser(palisade, acme, 'carol')
    const crowd: string[] = []
    for (let i = 0; i < 120; i += 20)
      crowd.push(
        ...(await Promise.all(Array.from({ length: 20 }, (_, j) => invite(`crowd${String(i + j).padStart(3, '0')}`)))),
      )
    const { uid } = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: 'crowd' }, spec: { users: crowd } },
    })
    const page = await open(admin(), `/t/acme/teams/${uid}`)
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.reload()
    await page.getByText('1–50 of 120').waitFor()
    assert.equal(await page.locator('tbody tr').count(), 50)
    await quiet(page)
    assert.deepEqual(
      asked.filter((path) => path.endsWith('/v1/users/meta')),
      [],
      'every name of the tenant was loaded',
    )
    await page.getByRole('button', { name: 'Next page' }).click()
    await page.getByRole('link', { name: 'crowd050 Test' }).waitFor()
    await page.getByRole('searchbox', { name: 'Filter members by name or e-mail' }).fill('crowd119')
    await page.getByText('1 member', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Remove crowd119 Test from crowd' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('Nothing matches.').waitFor()
    await page.getByRole('button', { name: 'Add members' }).click()
    await page.getByRole('combobox', { name: 'Members' }).fill('carol')
    await page.getByRole('option', { name: 'carol Test (carol@acme.test)' }).click()
    await page.getByText('1 gain what the team holds.').waitFor()
    await page.keyboard.press('Tab')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    const { spec } = await acme.admin.must('GET', `/v1/teams/${uid}`)
    assert.deepEqual(spec.users, [...crowd.slice(0, 119), carol])
    assert.notEqual(await focused(page), '', 'the focus is lost')
  })
})
