import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, openPage, quiet, startBrowser } from './browser.ts'
import { inDialog, press } from './keys.ts'
import { fits, look, themes } from './look.ts'
import { type Person, signIn } from './sign-in.ts'

// Why, for what the log has: the decision of then beside that of today, by a link, from the log, and by the id of a request.

type User = Awaited<ReturnType<typeof createUser>>
const uidOf = (role: Parameters<typeof predefinedRole>[0]) => predefinedRole(role).uid

describe('why, of what was decided', { skip: noBrowser }, () => {
  let palisade: Palisade
  let browser: Browser
  let acme: Tenant
  let erin: User
  let nora: User
  let page: Page | undefined
  const complaints: string[] = []
  const provoked: (number | RegExp)[] = []
  const found: string[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'why-recorded' })
    ;[browser, acme] = await Promise.all([startBrowser(), createTenant(palisade, 'acme')])
    erin = await createUser(palisade, acme, 'erin')
    nora = await createUser(palisade, acme, 'nora')
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
  })
  afterEach(async () => {
    await page?.context().close()
    page = undefined
    assertNoComplaints(complaints.splice(0), provoked.splice(0))
    assert.deepEqual(found.splice(0), [], 'axe found something')
  })

  const someone = ({ email }: User): Person => ({ email, password: goodPassword })
  const administrator = (): Person => ({ email: acme.adminEmail, password: goodPassword })
  type Opened = { readonly theme?: 'light' | 'dark'; readonly width?: number }
  async function open(who: Person, path: string, { theme = 'light', width = 1280 }: Opened = {}): Promise<Page> {
    await page?.context().close()
    page = (await openPage(browser, { theme, width, complaints })).page
    await signIn(page, palisade.url + path, who)
    return page
  }
  const whyOf = (on: Page) => on.getByRole('dialog', { name: 'Why?' })
  const give = (roles: readonly string[]) => acme.admin.must('PUT', `/v1/users/${erin.uid}/roles`, { body: { roles } })
  /** What erin tries, and the id under which it was decided. */
  async function tried(name: string, status: number): Promise<string> {
    const answer = await erin.api.call('POST', '/v1/teams', { body: { metadata: { name } } })
    assert.equal(answer.status, status)
    return String(answer.headers['x-request-id'])
  }
  /** By keys: the palette takes an id, and opens what was decided under it. */
  async function jump(on: Page, id: string): Promise<void> {
    await press(on, 'Control+k')
    await inDialog(on)
    await on.keyboard.type(id)
    await on.getByRole('button', { name: `Why? What was decided in ${id}` }).waitFor()
    await quiet(on)
    await press(on, 'Enter')
    await whyOf(on).waitFor()
  }

  test('an open panel is in the address: a colleague who follows the link reads about the same person', async () => {
    const at = await open(someone(erin), '/t/acme/projects')
    await at.getByRole('button', { name: 'New project · why?' }).first().click()
    await whyOf(at).getByText('You do not hold it').waitFor()
    const link = new URL(at.url())
    assert.equal(link.searchParams.get('why'), `project.create user.${erin.uid}`)
    await at.reload()
    await whyOf(at).getByText('You do not hold it').waitFor()
    await press(at, 'Escape')
    await whyOf(at).waitFor({ state: 'hidden' })
    assert.equal(new URL(at.url()).search, '')
    await at.getByRole('button', { name: 'New project · why?' }).first().click()
    await whyOf(at).waitFor()
    await at.goBack()
    await whyOf(at).waitFor({ state: 'hidden' })

    const colleague = await open(administrator(), link.pathname + link.search)
    await whyOf(colleague).getByText('erin Test does not hold it').waitFor()
    await whyOf(colleague).getByText('Ada Admin: they may change users, and hold it themselves.').waitFor()
    const other = await open(someone(nora), link.pathname + link.search)
    await whyOf(other).getByText('for those to see who hold user.get and role.get').waitFor()
    await quiet(other)
    await other.goto(`${palisade.url}/t/acme/projects?why=nonsense`)
    await other.getByRole('heading', { level: 1, name: 'Projects' }).waitFor()
    assert.equal(await whyOf(other).count(), 0)
  })

  test('the id of a refused request opens it by keys: refused then and today, and then no more', async () => {
    await give([])
    const request = await tried('refused', 403)
    const at = await open(administrator(), '/t/acme/start')
    await jump(at, request)
    const why = whyOf(at)
    await why.getByText('Refused then, and it would be today').waitFor()
    await why.getByText('team.create').first().waitFor()
    await why.getByText('erin@acme.test').waitFor()
    await why.getByText('The smallest roles that would allow it').waitFor()
    assert.equal(await why.getByRole('region', { name: 'Request id' }).innerText(), request)
    assert.equal(new URL(at.url()).searchParams.get('why'), `recorded.${request}`)

    await give([uidOf('Tenant Team Admin')])
    await at.reload()
    await why.getByText('Refused then; today it would be allowed').waitFor()
    await why.getByText('Tenant Team Admin in the tenant ← own').waitFor()
    await why.getByRole('link', { name: /^Audit entry: / }).click()
    await at.getByRole('dialog', { name: 'Audit entry' }).waitFor()
    await why.waitFor({ state: 'hidden' })
  })

  test('so does the id of an allowed one: allowed then and today, and what it rested on when that is gone', async () => {
    await give([uidOf('Tenant Team Admin')])
    const request = await tried('allowed', 201)
    const at = await open(administrator(), '/t/acme/start')
    await jump(at, request)
    const why = whyOf(at)
    await why.getByText('Allowed then, and it would be today').waitFor()
    await why.getByText('Tenant Team Admin in the tenant ← own').waitFor()
    await give([])
    await at.reload()
    await why.getByText('Allowed then; today it would be refused').waitFor()
    await why.getByText('The grant that it rested on then is no more.').waitFor()
  })

  test('a refused entry of the log has it, whatever it was refused for; both stand in one link', async () => {
    await give([uidOf('Tenant Role Admin'), uidOf('Tenant User Admin')])
    const answer = await erin.api.call('PUT', `/v1/users/${nora.uid}/roles`, {
      body: { roles: [uidOf('Tenant Admin')] },
    })
    assert.equal(answer.status, 403)
    const { items } = await acme.admin.must('GET', `/v1/audits?outcome=refused&userUid=${erin.uid}&limit=1`)
    const entry = items[0].metadata.uid
    const at = await open(administrator(), `/t/acme/audit?panel=${entry}`)
    const panel = at.getByRole('dialog', { name: 'Audit entry' })
    await panel.getByRole('button', { name: 'Why?' }).click()
    const why = whyOf(at)
    await why.getByText('Refused then').waitFor()
    await why.getByText(/^Nobody gives more than they hold\. What was missing then: /).waitFor()
    await at.reload()
    await why.getByText('Refused then').waitFor()
    // What is above goes first, in whatever order they came.
    await press(at, 'Escape')
    await why.waitFor({ state: 'hidden' })
    await panel.waitFor()
    await press(at, 'Escape')
    await panel.waitFor({ state: 'hidden' })
  })

  test('an id that the log does not have, and somebody who may not read the log', async () => {
    const at = await open(administrator(), '/t/acme/start')
    await jump(at, 'f'.repeat(24))
    await whyOf(at)
      .getByText(`The audit log has nothing under ${'f'.repeat(24)}`)
      .waitFor()

    const refused = async (): Promise<number> =>
      (await acme.admin.must('GET', `/v1/audits?limit=1&outcome=refused&userUid=${nora.uid}`)).listmeta.count
    const before = await refused()
    const other = await open(someone(nora), '/t/acme/start')
    await jump(other, 'e'.repeat(24))
    await whyOf(other).getByText('for those to read who hold audit.list').waitFor()
    await whyOf(other).getByRole('button', { name: 'Why may I not read it?' }).click()
    await whyOf(other).getByText('You do not hold it').waitFor()
    await quiet(other)
    assert.equal(await refused(), before, 'the console provoked a refusal')
  })

  test('who reads one project’s log finds what is about it, and nothing else', async () => {
    const { defaultProject: project } = acme
    const projects = [{ projectUid: project, roles: [uidOf('Project Viewer')] }]
    await acme.admin.must('PUT', `/v1/users/${nora.uid}/projects`, { body: { projects } })
    const elsewhere = await tried('elsewhere', 403)
    const at = await open(someone(nora), '/t/acme/start')
    await jump(at, elsewhere)
    await whyOf(at).getByText('as far as it is about project Default').waitFor()
    const here = await erin.api.call('PUT', `/v1/projects/${project}`, { body: { metadata: { name: 'Mine' } } })
    assert.equal(here.status, 403)
    await at.goto(`${palisade.url}/t/acme/start?why=recorded.${here.headers['x-request-id']}`)
    await whyOf(at).getByText('What somebody else holds is for those to see').waitFor()
    await whyOf(at).getByText('project.update').first().waitFor()
  })

  for (const theme of themes)
    test(`axe finds nothing, and it fits a narrow screen: ${theme}`, async () => {
      await give([])
      const request = await tried(`axe ${theme}`, 403)
      await give([uidOf('Tenant Team Admin')])
      const at = await open(administrator(), `/t/acme/audit?why=recorded.${request}`, { theme })
      await whyOf(at).getByText('Refused then; today it would be allowed').waitFor()
      found.push(...(await look(at, 'why-recorded', theme)))
      await press(at, 'Escape', 'Control+k')
      await inDialog(at)
      await at.keyboard.type(request)
      await at.getByRole('button', { name: `Why? What was decided in ${request}` }).waitFor()
      found.push(...(await look(at, 'jump-why', theme, false)))
      const narrow = await open(administrator(), `/t/acme/audit?why=recorded.${request}`, { theme, width: 390 })
      await whyOf(narrow).getByText('Refused then; today it would be allowed').waitFor()
      found.push(...(await look(narrow, 'why-narrow', theme, false)))
      assert.ok(await fits(narrow), 'the page is wider than the screen')
    })
})
