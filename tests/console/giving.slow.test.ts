import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import { adminToken, type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { until } from '../support/until.ts'
import { assertNoComplaints, noBrowser, openPage, startBrowser } from './browser.ts'
import { choose, enter, enterAndClose, inDialog, press } from './keys.ts'
import { fits, focused, look, show, tabTo, themes } from './look.ts'
import { signIn } from './sign-in.ts'

// Roles are made, changed and given by clicking and by keys: what a change does is said before it is made, and what nobody touches stays,
// its end too.

type User = Awaited<ReturnType<typeof createUser>>
type Held = { readonly uid: string; readonly role: { readonly name: string }; readonly endsAt: string | null }

describe('giving roles', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let robin: User
  let team: string
  let project: string
  let page: Page | undefined
  const complaints: string[] = []
  const provoked: number[] = []
  const found: string[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'giving' })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    const { admin } = acme
    project = acme.defaultProject
    robin = await createUser(palisade, acme, 'robin', { firstName: 'Robin', lastName: 'Hale' })
    team = (
      await admin.must('POST', '/v1/teams', { body: { metadata: { name: 'keepers' }, spec: { users: [robin.uid] } } })
    ).uid
    for (const [name, env] of [
      ['one', 'prod-eu'],
      ['two', 'prod-us'],
      ['three', 'test'],
    ] as const)
      await admin.must('POST', '/v1/palisade/clusters', {
        project,
        body: { metadata: { name, labels: { env } }, spec: { kubeconfig: kubernetes.kubeconfig(adminToken) } },
      })
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await kubernetes?.close()
  })
  afterEach(async () => {
    await page?.context().close()
    page = undefined
    assertNoComplaints(complaints.splice(0), provoked.splice(0))
    assert.deepEqual(found.splice(0), [], 'axe found something')
  })

  async function open(path: string, theme: 'light' | 'dark' = 'light'): Promise<Page> {
    await page?.context().close()
    page = (await openPage(browser, { theme, complaints })).page
    await signIn(page, palisade.url + path, { email: acme.adminEmail, password: goodPassword })
    return page
  }

  const customRole = async (name: string, permissions: string[], scope = 'project'): Promise<string> =>
    (
      await acme.admin.must('POST', '/v1/roles', {
        body: {
          metadata: { name, labels: { kept: 'label' }, annotations: { description: 'kept words' } },
          spec: { scope, type: 'user', permissions },
        },
      })
    ).uid

  const heldBy = async (of: string): Promise<readonly Held[]> =>
    (await acme.admin.must('GET', `/v1/palisade/access/assignments?${of}`)).items
  const endOf = (held: readonly Held[], role: string) => held.find((one) => one.role.name === role)?.endsAt

  const inMs = (end: string | null | undefined) => Date.parse(end ?? '') - Date.now()
  const isAbout = (end: string | null | undefined, ms: number) => Math.abs(inMs(end) - ms) < 120_000

  /** In a dialog: for how long a role is held. */
  async function chooseUntil(on: Page, role: string, label: string): Promise<void> {
    await on.getByRole('combobox', { name: `${role}, until when` }).click()
    await on.getByRole('option', { name: label, exact: true }).click()
  }

  async function untilByKeys(on: Page, role: string, label: string): Promise<void> {
    await tabTo(on, `${role}, until when`)
    await press(on, 'Enter')
    await on.getByRole('option', { name: label, exact: true }).waitFor()
    const marked = on.locator('[data-combobox-selected]')
    await until(`${label} to be marked`, async () => {
      if ((await marked.allInnerTexts()).join() === label) return true
      await press(on, 'ArrowDown')
      return undefined
    })
    await press(on, 'Enter')
  }

  async function chooseRole(on: Page, role: string): Promise<void> {
    await on.getByRole('combobox', { name: 'Roles' }).fill(role)
    await on.getByRole('option', { name: role, exact: true }).click()
    await on.keyboard.press('Tab')
  }

  test('a role is made by keys: its kind decides what it may carry, and nobody gains anything', async () => {
    const at = await open('/t/acme/roles')
    await at.getByRole('button', { name: 'New role' }).waitFor()
    await enter(at, 'New role')
    await at.getByRole('heading', { level: 1, name: 'New role' }).waitFor()
    await at.getByRole('checkbox', { name: 'macro.create' }).waitFor()
    await tabTo(at, 'Name')
    await at.keyboard.type('Tone keeper')
    await tabTo(at, 'What for')
    await at.keyboard.type('keeps the tone')
    assert.equal(await at.getByRole('checkbox', { name: 'user.create' }).count(), 0, 'a project role creates no users')
    await tabTo(at, 'Filter permissions')
    await at.keyboard.type('macro')
    await at.getByRole('checkbox', { name: 'cluster.get' }).waitFor({ state: 'detached' })
    await tabTo(at, 'macro.create')
    await press(at, 'Space')
    await tabTo(at, 'macro.get')
    await press(at, 'Space')
    await at.getByText('2 permissions', { exact: true }).waitFor()
    await enter(at, 'Make role')
    await inDialog(at)
    await at.getByText('Nobody holds it, so nobody gains anything yet.').waitFor()
    await enter(at, 'Make')
    await at.getByRole('heading', { level: 1, name: 'Tone keeper' }).waitFor()
    await at.getByText('keeps the tone').waitFor()
    const uid = new URL(at.url()).pathname.split('/').at(-1)
    const { spec } = await acme.admin.must('GET', `/v1/roles/${uid}`)
    assert.deepEqual([spec.scope, spec.permissions.toSorted()], ['project', ['macro.create', 'macro.get']])
  })

  test('before a role is saved the dialog says who gains and loses what, and which recorded requests would be refused', async () => {
    const uid = await customRole('Macro hand', ['macro.create', 'macro.get'])
    await acme.admin.must('PUT', `/v1/teams/${team}/projects`, {
      body: { projects: [{ projectUid: project, roles: [uid] }] },
    })
    const macros = { macros: [{ name: 'TONE', value: 'a' }] }
    await robin.api.must('POST', `/v1/projects/${project}/macros`, { body: macros })
    // The log has it a moment later.
    const change = { kind: 'role', role: uid, permissions: ['macro.get'] }
    await until('the entry', async () => {
      const { replay } = await acme.admin.must('POST', '/v1/palisade/access/simulate', {
        body: { change, replayDays: 7 },
      })
      return replay.refused > 0 || undefined
    })
    const at = await open(`/t/acme/roles/${uid}`)
    await at.getByRole('button', { name: 'Change', exact: true }).click()
    await at.getByRole('checkbox', { name: 'macro.create' }).uncheck()
    await at.getByRole('checkbox', { name: 'macro.list' }).check()
    await at.getByText('2 permissions: 1 more and 1 fewer than now').waitFor()
    await at.getByRole('button', { name: 'Save' }).click()
    const dialog = at.getByRole('dialog', { name: 'Save Macro hand' })
    await dialog.getByText('1 person gains, 1 person loses.').waitFor()
    await dialog
      .getByText(/^1 of \d+ recorded requests? of theirs in the last 7 days would have been refused\.$/)
      .waitFor()
    assert.equal(await dialog.getByText('Robin Hale').count(), 0, 'the list comes on demand')
    await dialog.getByRole('button', { name: 'Who, and what' }).click()
    const who = dialog.getByRole('region', { name: 'Who, and what' })
    await who.getByRole('link', { name: 'Robin Hale' }).waitFor()
    await who.getByText('in project Default: gains macro.list; loses macro.create').waitFor()
    await dialog.getByRole('button', { name: 'Which requests' }).click()
    await dialog.getByRole('region', { name: 'Which requests' }).getByText('macro.create').waitFor()
    assert.deepEqual(
      (await acme.admin.must('GET', `/v1/roles/${uid}`)).spec.permissions.length,
      2,
      'nothing is saved yet',
    )
    for (const theme of themes) {
      await at.emulateMedia({ colorScheme: theme })
      found.push(...(await look(at, 'role-preview', theme)))
    }
    await at.setViewportSize({ width: 390, height: 800 })
    assert.ok(await fits(at), 'the dialog is wider than the screen')
    found.push(...(await look(at, 'role-preview-narrow', 'dark', false)))
    await dialog.getByRole('button', { name: 'Save' }).click()
    await at.getByRole('heading', { level: 1, name: 'Macro hand', exact: true }).waitFor()
    const { metadata, spec } = await acme.admin.must('GET', `/v1/roles/${uid}`)
    assert.deepEqual(spec.permissions.toSorted(), ['macro.get', 'macro.list'])
    assert.deepEqual([metadata.labels, metadata.annotations.description], [{ kept: 'label' }, 'kept words'])
  })

  test('a predefined role is read-only and cloned; a role that is held says who holds it, and stays', async () => {
    const predefined = predefinedRole('Cluster Viewer')
    const at = await open(`/t/acme/roles/${predefined.uid}`)
    await at.getByText('Predefined: read-only; clone it to change it').waitFor()
    assert.equal(await at.getByRole('button', { name: 'Change', exact: true }).count(), 0)
    assert.equal(await at.getByRole('button', { name: 'Delete', exact: true }).count(), 0)
    await enter(at, 'Clone')
    await inDialog(at)
    assert.equal(await focused(at), 'Name')
    await press(at, 'Control+a')
    await at.keyboard.type('Cluster looker')
    await press(at, 'Enter')
    await at.getByRole('heading', { level: 1, name: 'Cluster looker' }).waitFor()
    await at.getByText('Made in this tenant').waitFor()
    const uid = new URL(at.url()).pathname.split('/').at(-1) ?? ''
    const { spec } = await acme.admin.must('GET', `/v1/roles/${uid}`)
    assert.deepEqual(spec.permissions.toSorted(), predefined.permissions.toSorted())

    const body = { user: robin.uid, role: uid, project, endsAt: null }
    const { uid: assignment } = await acme.admin.must('POST', '/v1/palisade/access/assignments', { body })
    provoked.push(409)
    await at.getByRole('button', { name: 'Delete', exact: true }).click()
    const dialog = at.getByRole('dialog', { name: 'Delete role Cluster looker' })
    await dialog.getByRole('textbox', { name: 'Type Cluster looker to confirm' }).fill('Cluster looker')
    await dialog.getByRole('button', { name: 'Delete' }).click()
    const uses = dialog.getByRole('list', { name: 'Held by' })
    await uses.getByRole('link', { name: 'Robin Hale' }).waitFor()
    await uses.getByText(', in project Default').waitFor()
    found.push(...(await look(at, 'role-in-use', 'light', false)))
    await acme.admin.must('DELETE', `/v1/palisade/access/assignments/${assignment}`)
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await at.getByRole('heading', { level: 1, name: 'Roles' }).waitFor()
    assert.equal((await acme.admin.call('GET', `/v1/roles/${uid}`)).status, 404)
  })

  test('a role is given until a time; another one given beside it leaves that end as it is', async () => {
    const uid = (await createUser(palisade, acme, 'timed', { firstName: 'Tim', lastName: 'Odell' })).uid
    const at = await open(`/t/acme/users/${uid}?tab=access`)
    const roles = at.getByRole('region', { name: 'Roles' })
    const dialog = at.getByRole('dialog', { name: 'Roles of Tim Odell' })
    await at.getByRole('button', { name: 'Change roles' }).click()
    await at.getByRole('combobox', { name: 'In', exact: true }).click()
    await at.getByRole('option', { name: 'Project Default' }).click()
    await chooseRole(at, 'Project Viewer')
    await chooseUntil(at, 'Project Viewer', 'For 8 hours')
    await dialog.getByText('Gains Project Viewer for 8 hours.').waitFor()
    for (const theme of themes) {
      await at.emulateMedia({ colorScheme: theme })
      found.push(...(await look(at, 'roles-until', theme)))
    }
    await at.emulateMedia({ colorScheme: 'light' })
    await at.setViewportSize({ width: 390, height: 800 })
    assert.ok(await fits(at), 'the dialog is wider than the screen')
    await at.setViewportSize({ width: 1280, height: 800 })
    await dialog.getByRole('button', { name: 'Save' }).click()
    await roles.getByText(/ends in \d+ hr/).waitFor()
    const first = endOf(await heldBy(`user=${uid}`), 'Project Viewer')
    assert.ok(isAbout(first, 8 * 3_600_000), String(first))

    await at.getByRole('button', { name: 'Change roles' }).click()
    await at.getByRole('combobox', { name: 'In', exact: true }).click()
    await at.getByRole('option', { name: 'Project Default' }).click()
    await chooseRole(at, 'Cluster Viewer')
    await dialog.getByText('Gains Cluster Viewer.').waitFor()
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'hidden' })
    const both = await heldBy(`user=${uid}`)
    assert.deepEqual([endOf(both, 'Project Viewer'), endOf(both, 'Cluster Viewer')], [first, null])

    // Through a team as well, on the pages of both: no published list says it.
    const { uid: crew } = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: 'timed crew' }, spec: { users: [uid], roles: [] } },
    })
    const endsAt = new Date(Date.now() + 3 * 3_600_000).toISOString()
    await acme.admin.must('POST', '/v1/palisade/access/assignments', {
      body: { team: crew, role: predefinedRole('Cluster Editor').uid, project, endsAt },
    })
    for (const [path, says] of [
      [`/t/acme/users/${uid}`, /Cluster Editor.*ends in.*through a team/],
      [`/t/acme/teams/${crew}`, /Cluster Editor.*ends in.*given here/],
    ] as const) {
      const shown = (await open(`${path}?tab=access`)).getByRole('region', { name: 'Roles' })
      await shown.getByRole('listitem').filter({ hasText: says }).waitFor()
    }
  })

  test('a role is given for some requests alone, the conditions are read, changed and taken away', async () => {
    const uid = (await createUser(palisade, acme, 'sometimes', { firstName: 'Ines', lastName: 'Falk' })).uid
    const at = await open(`/t/acme/users/${uid}?tab=access`)
    const roles = at.getByRole('region', { name: 'Roles' })
    const dialog = at.getByRole('dialog', { name: 'Roles of Ines Falk' })
    const forRequests = async (label: string) => {
      await dialog.getByRole('combobox', { name: 'Tenant Viewer, for which requests' }).click()
      await at.getByRole('option', { name: label, exact: true }).click()
    }
    const conditions = async () =>
      (await acme.admin.must('GET', `/v1/palisade/access/assignments?user=${uid}`)).items[0].conditions
    await at.getByRole('button', { name: 'Change roles' }).click()
    await chooseRole(at, 'Tenant Viewer')
    await forRequests('Only some')
    await dialog.getByRole('textbox', { name: 'From networks' }).fill('10.0.0.0/8\n2001:db8::/32')
    await dialog.getByRole('combobox', { name: 'After signing in' }).click()
    await at.getByRole('option', { name: 'Within 15 minutes' }).click()
    await dialog
      .getByText(
        /^Gains Tenant Viewer, only Mon to Fri from 08:00 to 18:00 \(.+\), from 10\.0\.0\.0\/8 or 2001:db8::\/32, within 15 minutes of signing in\.$/,
      )
      .waitFor()
    for (const theme of themes) {
      await at.emulateMedia({ colorScheme: theme })
      found.push(...(await look(at, 'roles-only-when', theme)))
    }
    await at.emulateMedia({ colorScheme: 'light' })
    await at.setViewportSize({ width: 390, height: 800 })
    assert.ok(await fits(at), 'the dialog is wider than the screen')
    await at.setViewportSize({ width: 1280, height: 800 })
    await dialog.getByRole('button', { name: 'Save' }).click()
    await roles.getByText(/only Mon to Fri/).waitFor()
    const { timeWindow, ...others } = await conditions()
    assert.deepEqual(others, { networks: ['10.0.0.0/8', '2001:db8::/32'], signInWithinSeconds: 900 })
    assert.deepEqual([timeWindow.days.length, timeWindow.from, timeWindow.to], [5, '08:00', '18:00'])

    await at.getByRole('button', { name: 'Change roles' }).click()
    await dialog.getByText('Nothing changes yet.').waitFor()
    await forRequests('Only some')
    for (const day of ['Mon', 'Tue', 'Wed', 'Thu', 'Fri']) await dialog.getByRole('checkbox', { name: day }).uncheck()
    const save = dialog.getByRole('button', { name: 'Save' })
    assert.ok(await save.isDisabled(), 'nothing is named that a request could miss')
    await dialog.getByRole('textbox', { name: 'From networks' }).fill('10.0.0.1/8')
    provoked.push(400)
    await save.click()
    await dialog.getByRole('alert').waitFor()
    await dialog.getByRole('textbox', { name: 'From networks' }).fill('192.0.2.0/24')
    await save.click()
    await roles.getByText('only from 192.0.2.0/24').waitFor()
    assert.deepEqual(await conditions(), { networks: ['192.0.2.0/24'] })

    await at.getByRole('button', { name: 'Change roles' }).click()
    await forRequests('Every request')
    await dialog.getByText('Tenant Viewer counts for every request, in place of only from 192.0.2.0/24.').waitFor()
    await save.click()
    await dialog.waitFor({ state: 'hidden' })
    assert.equal(await conditions(), null)
  })

  test('by keys, for a team: until a moment in the reader’s zone, moved, and taken away', async () => {
    const at = await open(`/t/acme/teams/${team}?tab=access`)
    const dialog = at.getByRole('dialog', { name: 'Roles of keepers' })
    const start = async () => {
      await at.getByRole('button', { name: 'Change roles' }).waitFor()
      await enter(at, 'Change roles')
      await inDialog(at)
    }
    await start()
    await choose(at, 'Roles', 'Tenant Viewer')
    await untilByKeys(at, 'Tenant Viewer', 'Until a moment')
    await dialog.getByText(/^Gains Tenant Viewer until .+\. So does its 1 member\.$/).waitFor()
    await enterAndClose(at, 'Save', dialog)
    const given = endOf(await heldBy(`team=${team}`), 'Tenant Viewer')
    assert.ok(isAbout(given, 86_400_000), String(given))

    await start()
    await dialog.getByText('Nothing changes yet.').waitFor()
    await untilByKeys(at, 'Tenant Viewer', 'For 7 days')
    await dialog.getByText(/^Tenant Viewer is held for 7 days, in place of until /).waitFor()
    await enterAndClose(at, 'Save', dialog)
    assert.ok(isAbout(endOf(await heldBy(`team=${team}`), 'Tenant Viewer'), 7 * 86_400_000))

    await start()
    await tabTo(at, 'Roles')
    await press(at, 'Backspace')
    await dialog.getByText(/^Loses Tenant Viewer; what rests on it ends within a second/).waitFor()
    await enterAndClose(at, 'Save', dialog)
    assert.equal(endOf(await heldBy(`team=${team}`), 'Tenant Viewer'), undefined)
  })

  test('what was given before a refusal stays given, and the dialog goes on from there', async () => {
    const uid = (await createUser(palisade, acme, 'halfway')).uid
    const at = await open(`/t/acme/users/${uid}?tab=access`)
    const dialog = at.getByRole('dialog', { name: 'Roles of halfway Test' })
    await at.getByRole('button', { name: 'Change roles' }).click()
    await chooseRole(at, 'Tenant Viewer')
    const gone = await customRole('Soon gone', ['team.get'], 'tenant')
    await chooseRole(at, 'Soon gone')
    await dialog.getByText('Gains Tenant Viewer, Soon gone.').waitFor()
    await acme.admin.must('DELETE', `/v1/roles/${gone}`)
    provoked.push(404)
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByRole('alert').getByText('Not found').waitFor()
    await dialog.getByText('Gains Soon gone.').waitFor()
    assert.equal(endOf(await heldBy(`user=${uid}`), 'Tenant Viewer'), null)
  })

  test('a filter is made in words, says what it selects, and roles are given through it', async () => {
    const at = await open('/t/acme/filters')
    await at.getByText('No filter yet').waitFor()
    await at.getByRole('button', { name: 'New filter' }).first().click()
    const dialog = at.getByRole('dialog', { name: 'New filter' })
    await dialog.getByRole('textbox', { name: 'Name' }).fill('production')
    await dialog.getByRole('textbox', { name: 'Tag 1' }).fill('env')
    await dialog.getByRole('combobox', { name: 'Comparison 1' }).click()
    await at.getByRole('option', { name: 'begins with', exact: true }).click()
    await dialog.getByRole('combobox', { name: 'Values 1' }).fill('prod')
    await dialog.getByRole('combobox', { name: 'Values 1' }).press('Enter')
    await dialog.getByText('Selects 2 of 3 clusters that you see: one, two.').waitFor()
    await dialog.getByRole('button', { name: 'Another comparison' }).click()
    await dialog.getByRole('textbox', { name: 'Tag 2' }).fill('tier')
    await dialog.getByRole('combobox', { name: 'Comparison 2' }).click()
    await at.getByRole('option', { name: 'is at most', exact: true }).click()
    await dialog.getByRole('combobox', { name: 'Values 2' }).fill('two')
    await dialog.getByRole('combobox', { name: 'Values 2' }).press('Enter')
    await dialog.getByText('two: a number such as 5, -5 or 5.25').waitFor()
    assert.ok(await dialog.getByRole('button', { name: 'Make', exact: true }).isDisabled())
    await dialog.getByRole('combobox', { name: 'Values 2' }).press('Backspace')
    await dialog.getByRole('combobox', { name: 'Comparison 2' }).click()
    await at.getByRole('option', { name: 'is not there', exact: true }).click()
    await dialog.getByText('Selects what has: env begins with prod, and tier is not there.').waitFor()
    await dialog.getByText('Selects 2 of 3 clusters that you see: one, two.').waitFor()
    for (const theme of themes) {
      await at.emulateMedia({ colorScheme: theme })
      found.push(...(await look(at, 'filter-form', theme)))
    }
    await at.setViewportSize({ width: 390, height: 800 })
    assert.ok(await fits(at), 'the dialog is wider than the screen')
    found.push(...(await look(at, 'filter-form-narrow', 'dark', false)))
    await at.setViewportSize({ width: 1280, height: 800 })
    await dialog.getByRole('button', { name: 'Make', exact: true }).click()
    const table = at.getByRole('table', { name: 'Filters' })
    await table.getByText('env begins with prod, and tier is not there').waitFor()
    await table.getByText('nobody').waitFor()

    await at.goto(`${palisade.url}/t/acme/users/${robin.uid}?tab=access`)
    await at.getByRole('button', { name: 'Change roles' }).click()
    await at.getByRole('combobox', { name: 'In', exact: true }).click()
    await at.getByRole('option', { name: 'Projects, on what filters select' }).click()
    const giving = at.getByRole('dialog', { name: 'Roles of Robin Hale' })
    await giving.getByText('It takes at least one role, one project and one filter.').waitFor()
    await chooseRole(at, 'Resource Cluster Viewer')
    await giving.getByRole('combobox', { name: 'Projects' }).fill('Default')
    await at.getByRole('option', { name: 'Default', exact: true }).click()
    await at.keyboard.press('Tab')
    await giving.getByRole('combobox', { name: 'Filters' }).fill('production')
    await at.getByRole('option', { name: 'production', exact: true }).click()
    await at.keyboard.press('Tab')
    await giving.getByText('production selects 2 of 3 clusters that you see: one, two.').waitFor()
    await giving
      .getByText('Gains Resource Cluster Viewer in project Default, on what filter production selects.')
      .waitFor()
    for (const theme of themes) {
      await show(at, { theme })
      found.push(...(await look(at, 'roles-filtered', theme)))
    }
    await giving.getByRole('button', { name: 'Give' }).click()
    const roles = at.getByRole('region', { name: 'Roles' })
    await roles.getByText('Resource Cluster Viewer in project Default, on what filter production selects').waitFor()
    assert.equal((await robin.api.must('GET', '/v1/spectroclusters')).listmeta.count, 2)
  })

  test('a filter that is used: who acts through it, who gains and loses by a change, and that it stays', async () => {
    const at = await open('/t/acme/filters')
    const table = at.getByRole('table', { name: 'Filters' })
    await table.getByText('1 resource role').waitFor()
    for (const theme of themes) {
      await at.emulateMedia({ colorScheme: theme })
      found.push(...(await look(at, 'filters', theme)))
    }
    await tabTo(at, 'production')
    await press(at, 'Enter')
    const panel = at.getByRole('dialog', { name: 'Filter production' })
    await panel.getByRole('link', { name: 'Robin Hale' }).waitFor()
    await panel.getByText('Resource Cluster Viewer in project Default').waitFor()
    for (const theme of themes) {
      await at.emulateMedia({ colorScheme: theme })
      found.push(...(await look(at, 'filter', theme)))
    }
    await enter(at, 'Change')
    const dialog = at.getByRole('dialog', { name: 'Change filter production' })
    await dialog.locator(':focus').waitFor()
    await tabTo(at, 'Remove comparison 2')
    await press(at, 'Enter')
    await tabTo(at, 'Values 1')
    await at.keyboard.type('test')
    await press(at, 'Enter')
    await dialog.getByText('Selects what has: env begins with prod or test.').waitFor()
    await dialog.getByText('Selects 3 of 3 clusters that you see: one, three, two.').waitFor()
    await dialog
      .getByText('What 1 person acts on becomes something else. It selects 1 cluster besides and 0 clusters no more.')
      .waitFor()
    await tabTo(at, 'What they did in the last 7 days')
    await press(at, 'Enter')
    await dialog
      .getByText(/^None of \d+ recorded requests? of theirs in the last 7 days would have gone otherwise\.$/)
      .waitFor()
    for (const theme of themes) {
      await show(at, { theme })
      found.push(...(await look(at, 'filter-preview', theme)))
    }
    await enterAndClose(at, 'Save', dialog)
    await panel.getByText('env begins with prod or test').waitFor()
    assert.equal((await robin.api.must('GET', '/v1/spectroclusters')).listmeta.count, 3)

    provoked.push(409)
    await panel.getByRole('button', { name: 'Delete' }).click()
    const deleting = at.getByRole('dialog', { name: 'Delete filter production' })
    await deleting.getByRole('textbox', { name: 'Type production to confirm' }).fill('production')
    await deleting.getByRole('button', { name: 'Delete' }).click()
    await deleting.getByRole('list', { name: 'Held by' }).getByRole('link', { name: 'Robin Hale' }).waitFor()
    await at.keyboard.press('Escape')
    await deleting.waitFor({ state: 'hidden' })

    await at.goto(`${palisade.url}/t/acme/users/${robin.uid}?tab=access`)
    await at.getByRole('button', { name: /^Take away Resource Cluster Viewer/ }).click()
    const taking = at.getByRole('dialog', { name: 'Take from Robin Hale' })
    await taking
      .getByText('Loses Resource Cluster Viewer in project Default, on what filter production selects')
      .waitFor()
    await taking.getByRole('button', { name: 'Take away' }).click()
    await taking.waitFor({ state: 'hidden' })
    assert.deepEqual((await acme.admin.must('GET', `/v1/users/${robin.uid}/resourceRoles`)).resourceRoles, [])
    await at.goto(`${palisade.url}/t/acme/filters`)
    await at.getByRole('link', { name: 'production' }).click()
    await panel.getByText('Nobody: no resource role is given through it.').waitFor()
    await panel.getByRole('button', { name: 'Delete' }).click()
    await deleting.getByRole('textbox', { name: 'Type production to confirm' }).fill('production')
    await deleting.getByRole('button', { name: 'Delete' }).click()
    await at.getByText('No filter yet').waitFor()
  })

  for (const theme of themes)
    test(`the form of a role, axe finds nothing: ${theme}`, async () => {
      const at = await open('/t/acme/roles/new', theme)
      await at.getByRole('checkbox', { name: 'macro.create' }).waitFor()
      found.push(...(await look(at, 'role-form', theme)))
      await at.setViewportSize({ width: 390, height: 800 })
      assert.ok(await fits(at), 'the page is wider than the screen')
      found.push(...(await look(at, 'role-form-narrow', theme, false)))
    })
})
