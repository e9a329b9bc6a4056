import assert from 'node:assert/strict'
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
import { look, show, tabTo, themes } from './look.ts'
import { signIn } from './sign-in.ts'

// The log narrowed by what one of its entries says: who, on what, of which kind, in which session.

type Entry = {
  readonly metadata: { readonly uid: string; readonly name: string; readonly annotations: Record<string, string> }
  readonly spec: { readonly actor: { readonly user?: { readonly uid: string } }; readonly resource: { uid: string } }
}

describe('the log, narrowed by an entry', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let dev: Awaited<ReturnType<typeof createUser>>
  let west: string
  /** Never did anything. */
  let grace: string
  let opened: Opened | undefined
  /** Statuses of refusals that a test provokes. */
  const provoked: number[] = []
  const found: string[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'audit-filters' })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    dev = await createUser(palisade, acme, 'dana', { firstName: 'Dana', lastName: 'Ortiz' })
    // Two sessions of one person, with something in each; somebody whom nobody knows; a cluster.
    assert.equal((await dev.api.call('GET', '/v1/users')).status, 403)
    const another = await palisade.signIn(dev.email, goodPassword, acme.org)
    assert.equal((await another.call('GET', '/v1/teams')).status, 403)
    const wrong = { emailId: 'nobody@acme.test', password: 'wrong', org: acme.org }
    assert.equal((await palisade.api.call('POST', '/v1/auth/authenticate', { body: wrong })).status, 401)
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'west', labels: {} }, spec: { kubeconfig: kubernetes.kubeconfig(adminToken) } },
    })
    west = imported.uid
    const invited = { metadata: {}, spec: { emailId: 'grace@acme.test', firstName: 'Grace', lastName: 'Hopper' } }
    grace = (await acme.admin.must('POST', '/v1/users', { body: invited })).uid
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await kubernetes?.close()
  })
  afterEach(async () => {
    const complaints = opened?.complaints ?? []
    await opened?.context.close()
    opened = undefined
    assert.deepEqual(found.splice(0), [], 'axe found something')
    assertNoComplaints(complaints, provoked.splice(0))
  })

  async function open(path: string, theme: 'light' | 'dark' = 'light'): Promise<Page> {
    opened = await openPage(browser, { theme })
    await signIn(opened.page, palisade.url + path, { email: acme.adminEmail, password: goodPassword })
    return opened.page
  }

  const entries = async (query: Record<string, string>): Promise<Entry[]> =>
    (await acme.admin.must('GET', `/v1/audits?${new URLSearchParams({ limit: '0', ...query })}`)).items
  async function entry(query: Record<string, string>): Promise<Entry> {
    const [first] = await entries(query)
    return first ?? assert.fail(`no entry has ${JSON.stringify(query)}`)
  }
  const chip = (page: Page, text: string) =>
    page.getByRole('button', { name: `Remove filter: ${text}`, exact: true }).waitFor()
  const only = (page: Page, text: string) => page.getByRole('dialog').getByRole('link', { name: text, exact: true })
  const searchOf = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams)
  /** The list shows as many entries as the log has of this. */
  async function shows(page: Page, query: Record<string, string>): Promise<void> {
    const { length } = await entries(query)
    assert.ok(length > 0)
    await page.getByText(length === 1 ? '1 entry' : `${length} entries`, { exact: true }).waitFor()
  }

  /** Somebody without a role tries one thing after the other. */
  async function refused(): Promise<void> {
    const name = { metadata: { name: 'payments' } }
    for (const [method, path, body] of [
      ...[['GET', '/v1/users'] as const, ['GET', '/v1/teams'] as const, ['GET', '/v1/audits'] as const],
      ...[['POST', '/v1/projects', name] as const, ['POST', '/v1/teams', name] as const],
    ])
      assert.equal((await dev.api.call(method, path, { body })).status, 403, `${method} ${path}`)
  }

  test('by who did it: a chip with the name, which is taken away again', async () => {
    const { uid } = (await entry({ userUid: dev.uid, outcome: 'refused' })).metadata
    const page = await open(`/t/acme/audit?panel=${uid}`)
    await only(page, `Only entries by ${dev.email}`).click()
    await chip(page, `By ${dev.email}`)
    assert.deepEqual(searchOf(page), { user: dev.uid })
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await shows(page, { userUid: dev.uid })
    const who = await page.locator('tbody tr td:nth-child(3)').allInnerTexts()
    assert.deepEqual([...new Set(who)], [dev.email])
    await page.getByRole('button', { name: `Remove filter: By ${dev.email}` }).click()
    await page.waitForURL('**/t/acme/audit')
    await page.getByText('admin@acme.test').first().waitFor()
  })

  test('by kind and by object, one beside the other; a link shows a colleague the same, names and all', async () => {
    const { uid } = (await entry({ resourceUid: west, outcome: 'done' })).metadata
    const page = await open(`/t/acme/audit?panel=${uid}`)
    await only(page, 'Only entries of kind cluster').click()
    await chip(page, 'Kind cluster')
    assert.deepEqual(searchOf(page), { kind: 'spectrocluster' })
    await shows(page, { resourceKind: 'spectrocluster' })
    await page.getByRole('link', { name: 'Cluster imported' }).first().click()
    await only(page, 'Only entries on west').click()
    await chip(page, 'On west')
    await chip(page, 'Kind cluster')
    assert.deepEqual(searchOf(page), { kind: 'spectrocluster', object: west })
    await shows(page, { resourceUid: west })
    await page.reload()
    await chip(page, 'On west')
    await chip(page, 'Kind cluster')
  })

  test('a name is known where no entry in sight has it; a uid stands where there is none', async () => {
    const page = await open(`/t/acme/audit?object=${west}&user=${dev.uid}&state=unknown`)
    await chip(page, 'On west')
    await chip(page, `By ${dev.email}`)
    await page.goto(`${palisade.url}/t/acme/audit?user=${grace}`)
    await chip(page, 'By Grace Hopper')
    await page.goto(`${palisade.url}/t/acme/audit?user=unknown`)
    await chip(page, 'By somebody unknown')
    await page.goto(`${palisade.url}/t/acme/audit?object=${'0'.repeat(24)}`)
    await page.getByText('No entry fits.').waitFor()
    await chip(page, 'On 00000000…')
  })

  test('by session: what was done with this one, and not with another of the same person', async () => {
    provoked.push(400)
    const [last] = (await entries({ userUid: dev.uid })).filter(({ metadata }) => metadata.name === 'access.refused')
    const session = last?.metadata.annotations.session ?? assert.fail('no session')
    const short = `${session.slice(0, 8)}…`
    const page = await open(`/t/acme/audit?panel=${last?.metadata.uid}`)
    await only(page, `Only entries of session ${short}`).click()
    await chip(page, `Session ${short}`)
    assert.deepEqual(searchOf(page), { session })
    await shows(page, { sessionUid: session })
    assert.equal((await entries({ userUid: dev.uid, outcome: 'refused' })).length, 2)
    assert.equal(await page.getByRole('row', { name: /Refused/ }).count(), 1)
    await page.goto(`${palisade.url}/t/acme/audit?session=nonsense`)
    await page.getByRole('alert').getByText('The server did not accept this').waitFor()
    await page.getByRole('button', { name: 'Remove filter: Session nonsense' }).click()
    await page.getByRole('link', { name: 'Cluster imported' }).first().waitFor()
  })

  test('brushing over the bars sets the time, as far as one brushed', async () => {
    const page = await open('/t/acme/audit')
    const bars = page.getByRole('group', { name: 'Entries over time' })
    await bars.waitFor()
    await quiet(page)
    const { from, to, buckets } = await acme.admin.must('GET', '/v1/palisade/audit/histogram?buckets=60')
    const widthMs = (Date.parse(to) - Date.parse(from)) / buckets.length
    const at = async (i: number) => (await bars.getByRole('button').nth(i).boundingBox()) ?? assert.fail('no bar')
    const [first, last] = [await at(40), await at(10)]
    await page.mouse.move(first.x + 1, first.y + 5)
    await page.mouse.down()
    await page.mouse.move(last.x + 1, last.y + 5, { steps: 5 })
    await page.getByRole('status').filter({ hasText: 'Enter narrows to it' }).waitFor()
    // Past the edge of the bars, above them: they still follow.
    await page.mouse.move(last.x + 1, last.y - 200)
    await page.mouse.up()
    await page.waitForURL(/from=.*to=/)
    const chosen = searchOf(page)
    const spanMs = Date.parse(chosen.to ?? '') - Date.parse(chosen.from ?? '')
    // The address has whole seconds.
    assert.ok(Math.abs(spanMs - 31 * widthMs) <= 2_500, `${spanMs} ms of ${31 * widthMs}`)
    await shows(page, {
      startTime: new Date(chosen.from ?? '').toISOString(),
      endTime: new Date(chosen.to ?? '').toISOString(),
    })
  })

  test('what changed stands there from what to what, the log’s own words one click away', async () => {
    const body = {
      metadata: { name: 'Grace Brewster', labels: {} },
      spec: { firstName: 'Brewster', lastName: 'Hopper' },
    }
    await acme.admin.must('PUT', `/v1/users/${grace}`, {
      body: { ...body, spec: { ...body.spec, emailId: 'grace@acme.test' } },
    })
    const { uid } = (await entry({ resourceUid: grace, actionType: 'update' })).metadata
    const page = await open(`/t/acme/audit?panel=${uid}`)
    const changes = page.getByRole('list', { name: 'What changed' })
    await changes.getByText('First name').waitFor()
    assert.match(await changes.getByRole('deletion').innerText(), /Grace$/)
    assert.match(await changes.getByRole('insertion').innerText(), /Brewster$/)
    await page.getByRole('button', { name: 'As JSON' }).click()
    const json = await page.getByRole('region', { name: 'JSON' }).innerText()
    const { changed, firstName } = JSON.parse(json)
    assert.deepEqual([changed, firstName], [['firstName'], { before: 'Grace', after: 'Brewster' }])
    found.push(...(await look(page, 'audit-entry-json', 'light', false)))
    await page.getByRole('button', { name: 'As people read it' }).click()
    await changes.waitFor()
    for (const theme of themes) {
      await show(page, { theme })
      found.push(...(await look(page, 'audit-entry-changes', theme)))
    }
  })

  test('from an object’s own page the object stays', async () => {
    const { uid } = (await entry({ resourceUid: west, outcome: 'done' })).metadata
    const page = await open(`/t/acme/clusters/${west}?tab=audit&panel=${uid}`)
    await only(page, 'Only entries by admin@acme.test').click()
    await page.getByRole('heading', { level: 1, name: 'Audit' }).waitFor()
    await chip(page, 'By admin@acme.test')
    await chip(page, 'On west')
    assert.deepEqual(searchOf(page), { object: west, user: acme.adminUid })
  })

  test('a page is linked of those who have one alone', async () => {
    const place = (one: Entry) => `${palisade.url}/t/acme/audit?panel=${one.metadata.uid}`
    const pageOf = (page: Page) => page.getByRole('dialog').getByRole('link', { name: /^Page of / })
    const refused = await entry({ userUid: dev.uid, outcome: 'refused' })
    const page = await open(`/t/acme/audit?panel=${refused.metadata.uid}`)
    await pageOf(page).click()
    await page.getByRole('heading', { level: 1, name: 'Dana Ortiz' }).waitFor()

    // Whom nobody knows, and the system administrator who made the tenant.
    await page.goto(place(await entry({ userUid: 'unknown' })))
    await only(page, 'Only entries by somebody unknown').waitFor()
    assert.equal(await pageOf(page).count(), 0)
    await page.goto(place(await entry({ resourceKind: 'tenant' })))
    await only(page, `Only entries by ${palisade.administrator.email}`).waitFor()
    assert.equal(await pageOf(page).count(), 0)

    // What Palisade does by itself takes half of a token's life to happen: this entry is told as one of those.
    await page.route(`**/v1/audits/${refused.metadata.uid}`, async (route) => {
      const answer = await route.fetch()
      const body = await answer.json()
      body.spec.actor = { actorType: 'system', serviceName: 'clusters' }
      await route.fulfill({ response: answer, json: body })
    })
    await page.goto(place(refused))
    await page.getByRole('dialog').getByText('Palisade (clusters)', { exact: true }).waitFor()
    assert.equal(await page.getByRole('dialog').getByRole('link', { name: 'Palisade' }).count(), 0)
    assert.equal(await pageOf(page).count(), 0)
  })

  test('the system’s own log has no pages of members', async () => {
    opened = await openPage(browser, { theme: 'light' })
    const { page } = opened
    await signIn(page, `${palisade.url}/t/system/audit`, { ...palisade.administrator, system: true })
    await page.getByRole('row').getByRole('link').first().click()
    await only(page, `Only entries by ${palisade.administrator.email}`).waitFor()
    assert.equal(
      await page
        .getByRole('dialog')
        .getByRole('link', { name: /^Page of / })
        .count(),
      0,
    )
  })

  test('by keyboard alone: into an entry, to its person, and back', async () => {
    const page = await open('/t/acme/audit?state=refused')
    const press = (key: string) => page.keyboard.press(key)
    await page.locator('tbody a').first().waitFor()
    await tabTo(page, (await page.locator('tbody a').first().innerText()).trim())
    await press('ArrowDown')
    await press('Enter')
    await page.getByRole('dialog', { name: 'Audit entry' }).waitFor()
    await page.locator('[role=dialog] :focus').waitFor()
    const name = await page
      .getByRole('dialog')
      .getByRole('link', { name: /^Only entries by / })
      .getAttribute('aria-label')
    await tabTo(page, name ?? '')
    await press('Enter')
    const text = `By ${name?.replace('Only entries by ', '')}`
    await chip(page, text)
    assert.equal(searchOf(page).state, 'refused')
    await tabTo(page, `Remove filter: ${text}`)
    await press('Enter')
    await page.waitForURL((url) => !url.searchParams.has('user'))
    assert.deepEqual(searchOf(page), { state: 'refused' })
  })

  for (const theme of themes)
    test(`axe finds nothing: ${theme}`, async () => {
      await refused()
      const { metadata } = await entry({ userUid: dev.uid, outcome: 'refused' })
      const filters = `user=${dev.uid}&kind=access&session=${metadata.annotations.session}`
      const page = await open(`/t/acme/audit?panel=${metadata.uid}`, theme)
      await only(page, `Only entries by ${dev.email}`).waitFor()
      await refused()
      found.push(...(await look(page, 'audit-entry-filters', theme)))
      await refused()
      await page.goto(`${palisade.url}/t/acme/audit?${filters}`)
      await chip(page, `By ${dev.email}`)
      found.push(...(await look(page, 'audit-narrowed', theme)))
    })
})
