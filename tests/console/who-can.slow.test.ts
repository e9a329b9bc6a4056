import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import { adminToken, type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  activate,
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, openPage, quiet, startBrowser } from './browser.ts'
import { press } from './keys.ts'
import { fits, focused, look, tabTo, themes } from './look.ts'
import { type Person, signIn } from './sign-in.ts'

// Who can, on every page of an object: the subjects of one permission, each with its path, and the other way round what somebody can.

type User = Awaited<ReturnType<typeof createUser>>
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
const uidOf = (role: Parameters<typeof predefinedRole>[0]) => predefinedRole(role).uid

describe('who can, and what somebody can', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  /** Sees members and their roles through a team. */
  let tom: User
  /** Edits clusters until a time. */
  let tia: User
  /** Holds nothing. */
  let nora: User
  let team: string
  let cluster: string
  let page: Page | undefined
  const complaints: string[] = []
  const found: string[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'who-can' })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    const { admin, defaultProject: project } = acme
    tom = await createUser(palisade, acme, 'tom', { firstName: 'Tom', lastName: 'Okafor' })
    tia = await createUser(palisade, acme, 'tia', { firstName: 'Tia', lastName: 'Berg' })
    nora = await createUser(palisade, acme, 'nora', { firstName: 'Nora', lastName: 'Lind' })
    const users = [tom.uid]
    team = (await admin.must('POST', '/v1/teams', { body: { metadata: { name: 'watchers' }, spec: { users } } })).uid
    await admin.must('PUT', `/v1/teams/${team}/roles`, { body: { roles: [uidOf('Tenant Viewer')] } })
    await admin.must('POST', '/v1/palisade/access/assignments', {
      body: { user: tia.uid, role: uidOf('Cluster Editor'), project, endsAt: inDays(7) },
    })
    cluster = (
      await admin.must('POST', '/v1/palisade/clusters', {
        project,
        body: { metadata: { name: 'west' }, spec: { kubeconfig: kubernetes.kubeconfig(adminToken) } },
      })
    ).uid
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await kubernetes?.close()
  })
  afterEach(async () => {
    await page?.context().close()
    page = undefined
    assertNoComplaints(complaints.splice(0))
    assert.deepEqual(found.splice(0), [], 'axe found something')
  })

  const someone = ({ email }: User): Person => ({ email, password: goodPassword })
  const administrator = (): Person => ({ email: acme.adminEmail, password: goodPassword })
  type Opened = { readonly theme?: 'light' | 'dark'; readonly width?: number }
  async function open(who: Person, path: string, { theme = 'light', width = 1280 }: Opened = {}): Promise<Page> {
    await page?.context().close()
    page = (await openPage(browser, { theme, width, complaints })).page
    await signIn(page, `${palisade.url}/t/acme/${path}`, who)
    return page
  }
  const row = (on: Page, name: string) =>
    on.getByRole('row').filter({ has: on.getByRole('link', { name, exact: true }) })
  const refusals = async (user: string): Promise<number> =>
    (await acme.admin.must('GET', `/v1/audits?limit=1&outcome=refused&userUid=${user}`)).listmeta.count

  /** Every page of an object that a right can be about, with the right that is asked about first. */
  const places = (): readonly (readonly [path: string, permission: string])[] => [
    [`clusters/${cluster}?tab=access`, 'cluster.get'],
    [`projects/${acme.defaultProject}?tab=access`, 'cluster.list'],
    [`teams/${team}?tab=who-can`, 'team.get'],
    [`users/${nora.uid}?tab=who-can`, 'user.get'],
    [`roles/${uidOf('Cluster Viewer')}?tab=who-can`, 'role.get'],
    ['filters?tab=who-can', 'filter.get'],
    ['keys?tab=who-can', 'apiKey.list'],
  ]

  test('every page of an object says it, for a sensible permission first', async () => {
    const at = await open(administrator(), 'start')
    for (const [path, permission] of places()) {
      await at.goto(`${palisade.url}/t/acme/${path}`)
      await at.getByRole('heading', { name: 'Who can' }).waitFor()
      await at.getByRole('table', { name: `Who can ${permission}` }).waitFor()
      assert.equal(await at.getByRole('combobox', { name: 'Permission' }).inputValue(), permission)
      await row(at, 'Ada Admin').getByText('Tenant Admin in the tenant ← own').waitFor()
      await row(at, 'Tom Okafor').getByText('Tenant Viewer in the tenant ← through team watchers').waitFor()
      assert.equal(await row(at, 'Nora Lind').count(), 0)
    }
  })

  test('a permission is chosen by keys, stands in the address, and shows until when', async () => {
    const at = await open(administrator(), `clusters/${cluster}?tab=access`)
    await row(at, 'Tom Okafor').waitFor()
    await tabTo(at, 'Permission')
    await press(at, 'Control+a')
    await at.keyboard.type('cluster.update')
    await at.getByRole('option', { name: 'cluster.update' }).waitFor()
    await press(at, 'ArrowDown', 'Enter')
    await row(at, 'Tia Berg')
      .getByText(/^Cluster Editor in project Default, ends .* ← own$/)
      .waitFor()
    await row(at, 'Tom Okafor').waitFor({ state: 'detached' })
    assert.equal(new URL(at.url()).searchParams.get('permission'), 'cluster.update')
    await at.reload()
    await row(at, 'Tia Berg').waitFor()
    assert.equal(await at.getByRole('combobox', { name: 'Permission' }).inputValue(), 'cluster.update')
    // From the list's link to the person's page, by keys.
    await tabTo(at, 'Tia Berg')
    await press(at, 'Enter')
    await at.getByRole('heading', { level: 1, name: 'Tia Berg' }).waitFor()
    // What is no right here is not asked about.
    await at.goto(`${palisade.url}/t/acme/clusters/${cluster}?tab=access&permission=user.delete`)
    await at.getByRole('table', { name: 'Who can cluster.get' }).waitFor()
  })

  test('somebody who may not ask is told so in place, with the right that is missing, and asks nothing', async () => {
    const before = await refusals(nora.uid)
    const at = await open(someone(nora), 'keys?tab=who-can')
    await at.getByText('for those to see who hold user.list and role.get').waitFor()
    await at.getByText('Everybody makes, sees, changes and deletes their own keys').waitFor()
    await tabTo(at, 'Why may I not ask?')
    await press(at, 'Enter')
    const why = at.getByRole('dialog', { name: 'Why?' })
    await why.getByText('user.list').first().waitFor()
    await why.getByText('You do not hold it').waitFor()
    await press(at, 'Escape')
    await why.waitFor({ state: 'hidden' })
    assert.equal(await focused(at), 'Why may I not ask?')
    await quiet(at)
    assert.equal(await refusals(nora.uid), before, 'the console provoked a refusal')
  })

  test('what a member and a team may do, place by place, opened by keys', async () => {
    const at = await open(administrator(), `users/${tia.uid}?tab=access`)
    const section = at.getByRole('region', { name: 'What they may do' })
    await section.getByText('1 place besides').waitFor()
    await section.getByText('nothing').waitFor()
    await tabTo(at, /^\d+ permissions in Default$/)
    await press(at, 'Enter')
    await section.getByText(/^cluster: .*update/).waitFor()
    await at.goto(`${palisade.url}/t/acme/teams/${team}?tab=access`)
    const ofTeam = at.getByRole('region', { name: 'What members may do through it' })
    await ofTeam.getByRole('button', { name: /permissions in the whole tenant$/ }).click()
    await ofTeam.getByText(/^user: .*list/).waitFor()
    await ofTeam.getByText('Nothing in single projects').waitFor()
  })

  test('everybody sees what they may do themselves; of others it says what that takes', async () => {
    const before = await refusals(nora.uid)
    const at = await open(someone(nora), `users/${nora.uid}?tab=access`)
    await at.getByRole('region', { name: 'What they may do' }).getByText('0 places besides').waitFor()
    await quiet(at)
    assert.equal(await refusals(nora.uid), before, 'the console provoked a refusal')
  })

  for (const theme of themes)
    test(`axe finds nothing, and it fits a narrow screen: ${theme}`, async () => {
      const at = await open(administrator(), `clusters/${cluster}?tab=access&permission=cluster.update`, { theme })
      await row(at, 'Tia Berg').waitFor()
      found.push(...(await look(at, 'who-can', theme)))
      await at.goto(`${palisade.url}/t/acme/users/${tia.uid}?tab=access`)
      await at.getByRole('button', { name: /permissions in Default$/ }).click()
      found.push(...(await look(at, 'what-can', theme)))
      const narrow = await open(administrator(), 'start', { theme, width: 390 })
      for (const [path] of [...places(), [`users/${tia.uid}?tab=access`], [`teams/${team}?tab=access`]]) {
        await narrow.goto(`${palisade.url}/t/acme/${path}`)
        await narrow.getByRole('heading', { level: 2 }).last().waitFor()
        found.push(...(await look(narrow, 'who-can-narrow', theme, false)))
        assert.ok(await fits(narrow), `${path} is wider than the screen`)
      }
    })
})

describe('who can, where they are many', { skip: noBrowser }, () => {
  let palisade: Palisade
  let browser: Browser
  let acme: Tenant

  before(async () => {
    palisade = await startPalisade({ name: 'who-can-many' })
    ;[browser, acme] = await Promise.all([startBrowser(), createTenant(palisade, 'acme')])
    const users: string[] = []
    // Nobody of them signs in: that would be more than one network may in a minute.
    for (let i = 0; i < 50; i++) {
      const spec = { firstName: 'Person', lastName: `${i}`, emailId: `p${i}@acme.test` }
      const { uid } = await acme.admin.must('POST', '/v1/users', { body: { metadata: { name: `p${i}` }, spec } })
      const { status } = await acme.admin.must('GET', `/v1/users/${uid}`)
      await activate(palisade.api, status.activationLink)
      users.push(uid)
    }
    const made = await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'all' }, spec: { users } } })
    await acme.admin.must('PUT', `/v1/teams/${made.uid}/roles`, { body: { roles: [uidOf('Tenant Viewer')] } })
    // One of them holds more than an answer names, ten through each of eleven teams.
    const roles: string[] = []
    for (let i = 0; i < 10; i++) {
      const spec = { permissions: ['apiKey.list'], scope: 'tenant' }
      roles.push(
        (await acme.admin.must('POST', '/v1/roles', { body: { metadata: { name: `lister ${i}` }, spec } })).uid,
      )
    }
    for (let i = 0; i < 11; i++) {
      const body = { metadata: { name: `team ${i}` }, spec: { users: users.slice(0, 1) } }
      const { uid } = await acme.admin.must('POST', '/v1/teams', { body })
      await acme.admin.must('PUT', `/v1/teams/${uid}/roles`, { body: { roles } })
    }
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
  })

  test('of very many ways the first are named, and how many more there are', async () => {
    const { page, complaints } = await openPage(browser, { theme: 'light' })
    const person = { email: acme.adminEmail, password: goodPassword }
    await signIn(page, `${palisade.url}/t/acme/keys?tab=who-can`, person)
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'Person 0', exact: true }) })
    await row.getByText('and 11 more', { exact: true }).waitFor()
    assert.equal(await row.getByRole('listitem').count(), 101)
    assert.equal(await page.getByText(/^and \d+ more$/).count(), 1)
    await page.context().close()
    assertNoComplaints(complaints)
  })

  test('they come in pages, which stand in the address', async () => {
    const { page, complaints } = await openPage(browser, { theme: 'light' })
    const person = { email: acme.adminEmail, password: goodPassword }
    await signIn(page, `${palisade.url}/t/acme/keys?tab=who-can`, person)
    await page.getByText('51 people', { exact: true }).waitFor()
    assert.equal(await page.getByRole('row').count(), 51, 'a page, and the head')
    await tabTo(page, 'Next page')
    await press(page, 'Enter')
    await page.getByText('51–51 of 51').waitFor()
    assert.equal(new URL(page.url()).searchParams.get('page'), '2')
    await page.getByRole('row').nth(2).waitFor({ state: 'detached' })
    assert.equal(await page.getByRole('row').count(), 2)
    await page.context().close()
    assertNoComplaints(complaints)
  })
})
