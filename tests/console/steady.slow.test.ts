import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { Agent, request } from 'undici'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { createTenant, goodPassword, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { until } from '../support/until.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, quiet, startBrowser } from './browser.ts'
import { choose, press } from './keys.ts'
import { fits, focused, look, tabTo } from './look.ts'
import { type Person, signIn } from './sign-in.ts'

/** Both as a list and as a table. */
const emptyList = { metadata: { resourceVersion: '1' }, columnDefinitions: [], rows: [], items: [] }

// What holds under a reader's hand: what is typed while a poll fails, the project that is chosen, one layer for each Escape; what an act
// cuts off, said before; and the scope of everything in a list, however narrow the screen.

describe('steady under the hand', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let watches: Agent
  let acme: Tenant
  let cluster: string
  let key: { readonly uid: string; readonly apiKey: string }
  let opened: Opened | undefined
  const complaints: string[] = []
  /** Statuses of refusals that a test provokes. */
  const provoked: number[] = []

  const admin = (): Person => ({ email: acme.adminEmail, password: goodPassword })
  const operator = (): Person => ({ ...palisade.administrator, system: true })

  before(async () => {
    palisade = await startPalisade({ name: 'steady' })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    // A watch goes on until its client goes.
    kubernetes.intercept = ({ path }) => {
      if (path.includes('watch=1')) return 'endless'
      return /^\/api\/v1\/(?:pods|namespaces)\?limit=/.test(path) ? { status: 200, body: emptyList } : undefined
    }
    watches = new Agent({ connect: { ca: palisade.caPem } })
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'west' }, spec: { kubeconfig: kubernetes.kubeconfig() } },
    })
    cluster = imported.uid
    key = await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'ci' } } })
    await acme.admin.must('POST', '/v1/palisade/filters', {
      body: { name: 'production', conjunction: 'and', expressions: [{ key: 'env', operator: 'eq', values: ['prod'] }] },
    })
    await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'on call' }, spec: { users: [] } } })
  })
  after(async () => {
    await browser?.close()
    await watches?.destroy()
    await palisade?.stop()
    await kubernetes?.close()
  })
  afterEach(async () => {
    await opened?.context.close()
    opened = undefined
    assertNoComplaints(complaints.splice(0), provoked.splice(0))
  })

  async function open(who: Person, path: string, width?: number): Promise<Page> {
    await opened?.context.close()
    opened = await openPage(browser, { theme: 'light', complaints, ...(width === undefined ? {} : { width }) })
    await signIn(opened.page, palisade.url + path, who)
    return opened.page
  }

  /** Answers what fits in place of the server, from now on; undefined lets everything through again. */
  async function answers(page: Page, url: string): Promise<(status: number | undefined) => void> {
    let status: number | undefined
    await page.route(url, (route) =>
      status === undefined
        ? route.continue()
        : route.fulfill({
            status,
            json: { code: `Code${status}`, message: `Answered ${status}`, details: {}, ref: 'ref' },
          }),
    )
    return (next) => {
      if (next !== undefined) provoked.push(next)
      status = next
    }
  }

  /** Waits for something that the next poll brings. Who comes back to a page has it asked again at once. */
  const polled = (page: Page, what: string, is: () => Promise<boolean>) =>
    until(what, async () => {
      await page.evaluate(`dispatchEvent(new Event('visibilitychange'))`)
      return (await is()) || undefined
    })

  const alerts = (page: Page, text: string) => page.getByRole('alert').filter({ hasText: text })

  test('one poll that fails leaves the page and what is typed; a refusal takes them away', async () => {
    const page = await open(admin(), `/t/acme/clusters/${cluster}`)
    const answer = await answers(page, `**/v1/dashboard/spectroclusters/${cluster}/overview`)
    await page.getByRole('button', { name: 'Rename' }).click()
    const name = page.getByRole('dialog').getByRole('textbox', { name: 'Name' })
    await name.fill('a name that took long')
    answer(503)
    const failure = alerts(page, 'Answered 503')
    await polled(page, 'the failure to be said', () => failure.isVisible())
    await failure.getByText('What is shown below is as it was before.').waitFor()
    assert.equal(await name.inputValue(), 'a name that took long')
    assert.ok(await page.getByRole('heading', { level: 1, name: 'west' }).isVisible())
    answer(undefined)
    await polled(page, 'the failure to be over', async () => (await failure.count()) === 0)
    assert.equal(await name.inputValue(), 'a name that took long')

    for (const status of [403, 404]) {
      answer(status)
      await polled(page, 'the refusal', () => alerts(page, `Answered ${status}`).isVisible())
      assert.equal(await page.getByRole('dialog').count(), 0)
      assert.equal(await page.getByText('west', { exact: true }).count(), 0, 'what may no longer be seen is shown')
      answer(undefined)
      await polled(page, 'the page to be back', () => page.getByRole('heading', { level: 1, name: 'west' }).isVisible())
    }
  })

  test('a list keeps its rows and the focus in them while a poll fails, and loses both to a refusal', async () => {
    const page = await open(admin(), '/t/acme/clusters')
    const answer = await answers(page, '**/v1/dashboard/spectroclusters/search*')
    const row = page.getByRole('link', { name: 'west' })
    await row.focus()
    answer(503)
    await polled(page, 'the failure to be said', () => alerts(page, 'Answered 503').isVisible())
    assert.equal(await focused(page), 'west')
    await page.getByText('1 cluster', { exact: true }).waitFor()
    answer(undefined)
    await alerts(page, 'Answered 503').getByRole('button', { name: 'Try again' }).click()
    await alerts(page, 'Answered 503').waitFor({ state: 'detached' })
    answer(403)
    await polled(page, 'the refusal', () => alerts(page, 'Answered 403').isVisible())
    assert.equal(await row.count(), 0)
    assert.equal(await page.getByText('1 cluster', { exact: true }).count(), 0, 'how many there are is still said')
  })

  test('the first page stays while a poll fails, and goes with a refusal', async () => {
    const page = await open(admin(), '/t/acme/start')
    const answer = await answers(page, '**/v1/dashboard/spectroclusters/search*')
    const row = page.getByRole('region', { name: 'What you can reach' }).getByRole('link', { name: 'west' })
    await row.waitFor()
    answer(503)
    await polled(page, 'the failure to be said', () => alerts(page, 'Answered 503').isVisible())
    assert.ok(await row.isVisible())
    answer(403)
    await polled(page, 'the refusal', async () => (await row.count()) === 0)
    await alerts(page, 'Answered 403').waitFor()
  })

  test('the project that is chosen stays chosen wherever a link leads, until all are', async () => {
    const project = acme.defaultProject
    const page = await open(admin(), `/t/acme/start?project=${project}`)
    const shows = async (path: string) => {
      await page.waitForURL((url) => url.pathname === path && url.searchParams.get('project') === project)
      await quiet(page)
    }
    const one = `/t/acme/clusters/${cluster}`
    await page.getByRole('link', { name: 'west' }).click()
    await shows(one)
    await page.getByRole('link', { name: 'Pods' }).click()
    await shows(`${one}/pods`)
    await page.getByRole('main').getByRole('link', { name: 'west' }).click()
    await shows(one)
    await page.getByRole('main').getByRole('link', { name: 'Clusters' }).click()
    await shows('/t/acme/clusters')
    const jump = async (typed: string, to: RegExp) => {
      await press(page, 'Control+k')
      await page.getByRole('textbox', { name: 'Search or jump' }).and(page.locator(':focus')).waitFor()
      await page.keyboard.type(typed)
      await page.getByRole('button', { name: to }).waitFor()
      await press(page, 'ArrowDown', 'Enter')
    }
    await jump('west', /^west/)
    await shows(one)
    await jump('Ada', /^Ada Admin/)
    await shows(`/t/acme/users/${acme.adminUid}`)
    await page.getByRole('button', { name: /^Account / }).click()
    await page.getByRole('menuitem', { name: 'My sessions' }).click()
    await shows('/t/acme/sessions')

    await choose(page, 'Project', 'All projects')
    await page.waitForURL(`${palisade.url}/t/acme/sessions`)
    await page.getByRole('link', { name: 'Clusters' }).click()
    await page.getByRole('link', { name: 'west' }).click()
    await page.waitForURL(palisade.url + one)
  })

  test('one layer goes with each Escape: the search, a dialog, a panel', async () => {
    const page = await open(operator(), `/t/system/tenants?panel=${acme.uid}`)
    const panel = page.getByRole('dialog', { name: 'Tenant acme' })
    const dialog = page.getByRole('dialog', { name: 'Switch off tenant acme' })
    const search = page.getByRole('dialog', { name: 'Search or jump' })
    const gone = async (which: typeof panel) => {
      await press(page, 'Escape')
      await which.waitFor({ state: 'hidden' })
      await page.evaluate('Promise.allSettled(document.getAnimations().map((one) => one.finished))')
    }
    // Opened once before, the search is older than what it will lie over.
    await panel.waitFor()
    await gone(panel)
    await press(page, 'Control+k')
    await search.waitFor()
    await gone(search)

    await page.getByRole('link', { name: 'acme' }).last().click()
    await panel.getByRole('button', { name: 'Switch off' }).click()
    await dialog.waitFor()
    await tabTo(page, 'Cancel')
    await press(page, 'Control+k')
    await search.waitFor()
    await gone(search)
    assert.ok(await dialog.isVisible(), 'Escape closed the dialog below the search')
    await gone(dialog)
    assert.ok(await panel.isVisible(), 'Escape closed the panel below the dialog')
    await press(page, 'Control+k')
    await search.waitFor()
    await gone(search)
    assert.ok(await panel.isVisible(), 'Escape closed the panel below the search')
    await gone(panel)
    assert.doesNotMatch(page.url(), /panel=/)
  })

  test('a list of choices that is open goes before the dialog that it is in', async () => {
    const page = await open(admin(), '/t/acme/teams')
    await page.getByRole('button', { name: 'New team' }).first().click()
    const dialog = page.getByRole('dialog', { name: 'New team' })
    await dialog.getByRole('combobox', { name: 'Members' }).fill('Ada')
    const option = page.getByRole('option', { name: /^Ada Admin/ })
    await option.waitFor()
    await press(page, 'Escape')
    await option.waitFor({ state: 'hidden' })
    assert.ok(await dialog.isVisible())
    await press(page, 'Escape')
    await dialog.waitFor({ state: 'hidden' })
  })

  test('what an act cuts off is counted, and asks for the name where it destroys or cuts off', async () => {
    const { uid: team } = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: 'platform' }, spec: { users: [acme.adminUid] } },
    })
    const streams = async () => (await acme.admin.must('GET', `/v1/palisade/apiKeys/${key.uid}/open`)).streams
    await request(`${palisade.url}/k8s/clusters/${cluster}/api/v1/pods?watch=1`, {
      dispatcher: watches,
      headers: { authorization: `Bearer ${key.apiKey}` },
    })
    await until('the stream', async () => (await streams()) === 1 || undefined)
    const page = await open(admin(), `/t/acme/teams/${team}`)
    const says = async (by: string | RegExp, text: string | RegExp, types: string | undefined) => {
      await page.getByRole('button', { name: by }).first().click()
      const dialog = page.getByRole('dialog').last()
      await dialog.getByText(text).waitFor()
      assert.equal(await dialog.getByRole('textbox', { name: `Type ${types} to confirm` }).count(), types ? 1 : 0)
      await press(page, 'Escape')
      await dialog.waitFor({ state: 'hidden' })
    }
    await says(
      'Delete',
      '1 member loses what the team gave, no roles, and streams that rest on it end within a second, of 1 stream that is open now.',
      'platform',
    )
    await page.goto(`${palisade.url}/t/acme/keys`)
    const ends = 'What uses it is refused at once, and its open streams end: 1 stream now.'
    await says('Switch off ci', ends, 'ci')
    await says('Delete ci', ends, 'ci')
    await page.goto(`${palisade.url}/t/acme/clusters/${cluster}`)
    await says('Remove', /^1 stream through Palisade to it ends at once/, 'west')
    await page.goto(`${palisade.url}/t/acme/sessions`)
    await says(
      /this session$/,
      'You are signed out here, Ada, and the streams of this session end: no streams now.',
      undefined,
    )

    const system = await open(operator(), `/t/system/tenants?panel=${acme.uid}`)
    const dialog = system.getByRole('dialog').last()
    await system.getByRole('dialog').getByRole('button', { name: 'Switch off' }).click()
    await dialog
      .getByText(/end at once: \d+ sessions? and 1 stream now, and 1 API key\. 1 person cannot sign in until/)
      .waitFor()
    await press(system, 'Escape')
    await system.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await dialog
      .getByText(/deletion: 1 person, 1 cluster with their projects, 1 API key\. \d+ sessions? and 1 stream end now\./)
      .waitFor()
  })

  test('one’s sessions come and go by themselves', async () => {
    const page = await open(admin(), '/t/acme/sessions')
    await page.getByText('this one').waitFor()
    await quiet(page)
    const rows = page.locator('tbody tr')
    const before = await rows.count()
    const { Authorization: token } = await palisade.api.must('POST', '/v1/auth/authenticate', {
      body: { emailId: acme.adminEmail, password: goodPassword, org: 'acme' },
    })
    // Within less than the thirty seconds in which they are asked anyway.
    await rows.nth(before).waitFor({ timeout: 10_000 })
    await palisade.api.as({ token }).must('POST', '/v1/palisade/logout')
    await rows.nth(before).waitFor({ state: 'detached', timeout: 10_000 })
  })

  test('in which scope each thing lives is in sight, also at 390 px', async () => {
    const found: string[] = []
    for (const width of [1280, 390]) {
      const page = await open(admin(), '/t/acme/clusters', width)
      for (const [path, scope] of [
        ['clusters', 'Default'],
        ['users', 'tenant'],
        ['projects', 'tenant'],
        ['keys', 'tenant'],
        ['sessions', 'tenant'],
        ['teams', 'tenant'],
        ['filters', 'tenant'],
        // A role says where it may be given.
        ['roles', /^(?:tenant|project|resource)$/],
      ] as const) {
        await page.goto(`${palisade.url}/t/acme/${path}`)
        const cell = page.getByRole('row').nth(1).getByRole('cell', { name: scope, exact: true })
        await cell.waitFor()
        const icon = (await cell.locator('svg').boundingBox()) ?? assert.fail(`${path}: no icon`)
        assert.ok(icon.width > 0 && icon.x + icon.width <= width, `${path} at ${width} px: the icon is out of sight`)
        assert.ok(await fits(page), `${path} is wider than ${width} px`)
        found.push(...(await look(page, `${path} at ${width} px`, 'light', false)))
      }
    }
    assert.deepEqual(found, [])
  })
})
