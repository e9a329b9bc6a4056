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
import { assertNoComplaints, noBrowser, openPage, quiet, startBrowser } from './browser.ts'
import { fits, look, themes } from './look.ts'
import { type Person, signIn } from './sign-in.ts'

// Why something is allowed or refused, and who can reach what, for people who hold roles on what filters select, and for people who hold
// none: in the decision's own words, and without asking for anything that the reader may not have.

type User = Awaited<ReturnType<typeof createUser>>

describe('why, and who can reach what', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  /** Changes the clusters that a filter selects, by a role of their own. */
  let erin: User
  /** Sees them through a team. */
  let tom: User
  /** Holds nothing. */
  let nora: User
  let team: string
  let prod: string
  let dev: string
  let page: Page | undefined
  const complaints: string[] = []
  const provoked: number[] = []
  const found: string[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'why' })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    const { admin, defaultProject: project } = acme
    erin = await createUser(palisade, acme, 'erin')
    tom = await createUser(palisade, acme, 'tom')
    nora = await createUser(palisade, acme, 'nora')
    const users = [tom.uid]
    team = (await admin.must('POST', '/v1/teams', { body: { metadata: { name: 'watchers' }, spec: { users } } })).uid
    const filterGroup = { conjunction: 'and', filters: [{ key: 'env', operator: 'eq', values: ['prod'] }] }
    const filter = await admin.must('POST', '/v1/filters/tag', {
      body: { metadata: { name: 'production' }, spec: { filterGroup } },
    })
    const give = (role: Parameters<typeof predefinedRole>[0]) => ({
      body: { projectUids: [project], filterRefs: [filter.uid], roles: [predefinedRole(role).uid] },
    })
    await admin.must('POST', `/v1/users/${erin.uid}/resourceRoles`, give('Resource Cluster Editor'))
    await admin.must('POST', `/v1/teams/${team}/resourceRoles`, give('Resource Cluster Viewer'))
    const importCluster = async (name: string) =>
      (
        await admin.must('POST', '/v1/palisade/clusters', {
          project,
          body: { metadata: { name, labels: { env: name } }, spec: { kubeconfig: kubernetes.kubeconfig(adminToken) } },
        })
      ).uid
    prod = await importCluster('prod')
    dev = await importCluster('dev')
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

  const someone = ({ email }: User): Person => ({ email, password: goodPassword })
  const administrator = (): Person => ({ email: acme.adminEmail, password: goodPassword })
  async function open(who: Person, path: string, theme: 'light' | 'dark' = 'light'): Promise<Page> {
    await page?.context().close()
    page = (await openPage(browser, { theme, complaints })).page
    await signIn(page, palisade.url + path, who)
    return page
  }
  const whyOf = (on: Page) => on.getByRole('dialog', { name: 'Why?' })
  const refusals = async (user: string): Promise<number> =>
    (await acme.admin.must('GET', `/v1/audits?limit=1&outcome=refused&userUid=${user}`)).listmeta.count

  test('what a filter gives on a cluster is unlocked on its page, and works; what it does not give says why', async () => {
    const at = await open(someone(erin), `/t/acme/clusters/${prod}`)
    await at.getByRole('heading', { level: 1, name: 'prod' }).waitFor()
    await at.getByRole('button', { name: 'Rename', exact: true }).click()
    await at.getByRole('textbox', { name: 'Name' }).fill('production')
    await at.getByRole('dialog').getByRole('button', { name: 'Rename' }).click()
    await at.getByRole('heading', { level: 1, name: 'production' }).waitFor()

    await at.getByRole('button', { name: 'Remove · why?' }).click()
    const why = whyOf(at)
    await why.getByText('cluster.delete').first().waitFor()
    await why.getByText('production').first().waitFor()
    await why.getByText('You do not hold it').waitFor()
    await why.getByText('No role that carries it, here or elsewhere.').waitFor()
    await why.getByText('Resource Cluster Admin').waitFor()
    await why.getByText('on what a filter selects').first().waitFor()
    await why.getByText('Somebody who may change users and holds it themselves').waitFor()
    await at.keyboard.press('Escape')

    await at.getByRole('tab', { name: 'Access' }).click()
    await at.getByText('Who else can is for those to see who hold user.list and role.get').waitFor()
    await at.getByRole('button', { name: 'Can I, and why?' }).click()
    await why.getByText('You hold it now').waitFor()
    await why.getByText('Resource Cluster Editor in project Default, on what filter production selects ← own').waitFor()
  })

  test('a cluster that no filter selects: what nearly gives it, and an administrator is told who can', async () => {
    provoked.push(403)
    const at = await open(someone(erin), `/t/acme/clusters/${dev}`)
    await at.getByRole('alert').getByRole('button', { name: 'Why?', exact: true }).click()
    const why = whyOf(at)
    await why.getByText('You do not hold it').waitFor()
    await why.getByText('Resource Cluster Editor in project Default, on what filter production selects').waitFor()
    await why.getByText('its filters do not select this').waitFor()
    assert.match(await why.getByRole('region', { name: 'Request id' }).innerText(), /^[\w-]{8,}$/)

    const { items } = await acme.admin.must('GET', `/v1/audits?outcome=refused&userUid=${erin.uid}&limit=1`)
    const log = await open(administrator(), `/t/acme/audit?panel=${items[0].metadata.uid}`)
    await log.getByRole('dialog').getByRole('button', { name: 'Why?' }).click()
    await whyOf(log).getByText('Refused then, and it would be today').waitFor()
    await whyOf(log).getByText('its filters do not select this').waitFor()
    await whyOf(log).getByText('Ada Admin: they may change users, and hold it themselves.').waitFor()
  })

  test('an audit entry of what was allowed has the same panel', async () => {
    const { items } = await acme.admin.must(
      'GET',
      `/v1/audits?outcome=done&userUid=${erin.uid}&resourceUid=${prod}&limit=1`,
    )
    const at = await open(administrator(), `/t/acme/audit?panel=${items[0].metadata.uid}`)
    await at.getByRole('dialog').getByRole('button', { name: 'Why?' }).click()
    await whyOf(at).getByText('cluster.update').first().waitFor()
    await whyOf(at).getByText('Allowed then, and it would be today').waitFor()
    await whyOf(at).getByText('Resource Cluster Editor in project Default').waitFor()
  })

  test('who can reach a cluster, and a project: filters, teams and the tenant, each with its way', async () => {
    const at = await open(administrator(), `/t/acme/clusters/${prod}?tab=access`)
    const asked: string[] = []
    at.on('request', (request) => asked.push(new URL(request.url()).pathname))
    const row = (name: string) => at.getByRole('row').filter({ has: at.getByRole('link', { name, exact: true }) })
    await at.getByText('3 people', { exact: true }).waitFor()
    await row('Ada Admin').getByText('in the tenant ← own').waitFor()
    await row('erin Test')
      .getByText('Resource Cluster Editor in project Default, on what filter production selects')
      .waitFor()
    await row('tom Test').getByText('← through team watchers').waitFor()
    await at.goto(`${palisade.url}/t/acme/clusters/${dev}?tab=access`)
    await at.getByText('1 person', { exact: true }).waitFor()
    await at.goto(`${palisade.url}/t/acme/projects/${acme.defaultProject}?tab=access`)
    await at.getByText('3 people', { exact: true }).waitFor()
    await row('erin Test').getByText('on what filter production selects').waitFor()
    await quiet(at)
    const whole = asked.filter((path) => /\/v1\/(?:users\/meta|teams|roles)$/.test(path))
    assert.deepEqual(whole, [], 'whole lists of the tenant were loaded')
  })

  test('the Access tabs of members and teams list what they hold on what filters select', async () => {
    const at = await open(administrator(), `/t/acme/users/${erin.uid}?tab=access`)
    const roles = at.getByRole('region', { name: 'Roles' })
    await roles
      .getByText('Resource Cluster Editor in project Default, on what filter production selects ← given here')
      .waitFor()
    await at.goto(`${palisade.url}/t/acme/users/${tom.uid}?tab=access`)
    await roles.getByText('← through team watchers').waitFor()
    await at.goto(`${palisade.url}/t/acme/teams/${team}?tab=access`)
    await roles.getByText('Resource Cluster Viewer in project Default').waitFor()
  })

  test('somebody without rights asks nothing that is refused: no complaint, and no refusal in the log', async () => {
    const before = await refusals(nora.uid)
    const at = await open(someone(nora), '/t/acme/start')
    await at.getByRole('button', { name: 'Why?' }).click()
    await whyOf(at).getByText('You do not hold it').waitFor()
    await quiet(at)
    await at.goto(`${palisade.url}/t/acme/projects`)
    await at.getByRole('button', { name: 'New project · why?' }).first().click()
    await whyOf(at).getByText('project.create').first().waitFor()
    await whyOf(at).getByText('No role that carries it, here or elsewhere.').waitFor()
    await whyOf(at).getByText('usually a tenant administrator').waitFor()
    await at.goto(`${palisade.url}/t/acme/users/${nora.uid}?tab=access`)
    await at.getByRole('region', { name: 'Roles' }).getByText('None').first().waitFor()
    await at.getByRole('button', { name: 'Change roles · why?' }).click()
    await whyOf(at).getByText('user.update').first().waitFor()
    await quiet(at)
    assert.equal(await refusals(nora.uid), before, 'the console provoked a refusal')
  })

  for (const theme of themes)
    test(`axe finds nothing: ${theme}`, async () => {
      const at = await open(someone(erin), `/t/acme/clusters/${prod}`, theme)
      await at.getByRole('button', { name: 'Remove · why?' }).click()
      await whyOf(at).getByText('The smallest roles').waitFor()
      found.push(...(await look(at, 'why-locked', theme, false)))
      const other = await open(administrator(), `/t/acme/clusters/${prod}?tab=access`, theme)
      await other.getByText('3 people', { exact: true }).waitFor()
      found.push(...(await look(other, 'who-can', theme, false)))
      await other.setViewportSize({ width: 390, height: 800 })
      assert.ok(await fits(other), 'the page is wider than the screen')
    })
})
