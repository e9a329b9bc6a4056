import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { Agent, request } from 'undici'
import { features } from '../../contract/features.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
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
import { enter, inDialog, press, tabRight } from './keys.ts'
import { fits, focused, look, tabTo, themes } from './look.ts'
import { fillSignIn, type Person, signIn } from './sign-in.ts'

// What a day brings: reading the log of one's own project, a file that is refused, tags that are put right, an import that fails half-way,
// a page that is left open, another organisation.

type User = Awaited<ReturnType<typeof createUser>>

describe('everyday', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  /** Another one, which the first one's kubeconfig does not trust. */
  let other: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let globex: Tenant
  /** Reads what is in a project. */
  let vera: User
  /** Changes clusters and projects, but no tags. */
  let uma: User
  let cluster: string
  let live: Agent
  let opened: Opened | undefined
  const complaints: string[] = []
  const found: string[] = []
  /** Statuses of refusals that a test provokes. */
  const provoked: number[] = []

  const person = ({ email }: { readonly email: string }): Person => ({ email, password: goodPassword })
  const admin = (of = acme): Person => person({ email: of.adminEmail })
  const give = (user: User, role: string) =>
    acme.admin.must('POST', '/v1/palisade/access/assignments', {
      body: { user: user.uid, role, project: acme.defaultProject, endsAt: null },
    })

  before(async () => {
    palisade = await startPalisade({ name: 'everyday' })
    ;[kubernetes, other, browser, acme, globex] = await Promise.all([
      startFakeKubernetes(),
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
      createTenant(palisade, 'globex'),
    ])
    live = new Agent({ connect: { ca: palisade.caPem }, bodyTimeout: 0 })
    vera = await createUser(palisade, acme, 'vera', { firstName: 'Vera', lastName: 'Stein' })
    uma = await createUser(palisade, acme, 'uma', { firstName: 'Uma', lastName: 'Roy' })
    const { uid: role } = await acme.admin.must('POST', '/v1/roles', {
      body: {
        metadata: { name: 'Changes no tags' },
        spec: {
          permissions: ['cluster.get', 'cluster.list', 'cluster.update', 'project.get', 'project.list'],
          scope: 'project',
          type: 'user',
        },
      },
    })
    await give(vera, predefinedRole('Project Viewer').uid)
    await give(uma, role)
    cluster = await imported('west', { env: 'prod', region: 'eu' })
    await acme.admin.must('PUT', `/v1/projects/${acme.defaultProject}/meta`, {
      body: { annotations: { description: 'What everybody begins with', contact: 'ops' } },
    })
  })
  after(async () => {
    await browser?.close()
    await live?.destroy()
    await palisade?.stop()
    await kubernetes?.close()
    await other?.close()
  })
  afterEach(async () => {
    kubernetes.intercept = undefined
    await opened?.context.close()
    opened = undefined
    assertNoComplaints(complaints.splice(0), provoked.splice(0))
    assert.deepEqual(found.splice(0), [], 'axe found something')
  })

  const imported = async (name: string, labels: Readonly<Record<string, string>>): Promise<string> =>
    (
      await acme.admin.must('POST', '/v1/palisade/clusters', {
        project: acme.defaultProject,
        body: { metadata: { name, labels }, spec: { kubeconfig: kubernetes.kubeconfig() } },
      })
    ).uid

  type Look = { readonly theme?: 'light' | 'dark'; readonly width?: number }
  async function open(who: Person, path: string, { theme = 'light', width = 1280 }: Look = {}): Promise<Page> {
    await opened?.context.close()
    opened = await openPage(browser, { theme, width, complaints })
    await signIn(opened.page, `${palisade.url}/t/acme/${path}`, who)
    return opened.page
  }
  const refusals = async (user: string): Promise<number> =>
    (await acme.admin.must('GET', `/v1/audits?limit=1&outcome=refused&userUid=${user}`)).listmeta.count
  /** Hears what open pages are told. */
  async function hearing() {
    const { Authorization } = await palisade.api.must('POST', '/v1/auth/authenticate', {
      body: { emailId: acme.adminEmail, password: goodPassword, org: 'acme' },
    })
    const { body } = await request(`${palisade.url}/v1/palisade/live`, {
      dispatcher: live,
      headers: { authorization: `Bearer ${Authorization}` },
    })
    let logs = 0
    body.on('data', (piece: Buffer) => {
      logs += String(piece).split('event: log').length - 1
    })
    // It ends when nobody listens any more.
    body.on('error', () => undefined)
    return { told: () => logs, stop: () => body.destroy() }
  }
  const alert = (page: Page, text: string | RegExp) => page.getByRole('alert').filter({ hasText: text })
  const fact = (page: Page, name: string) =>
    page.getByRole('region', { name: 'Overview' }).locator(`dt:text-is("${name}") + dd`)

  test('who may read the log of one project reads it on the pages of what is there, and is refused nothing', async () => {
    const before = await refusals(vera.uid)
    const page = await open(person(vera), `clusters/${cluster}`)
    const rows = page.getByRole('table', { name: 'Audit' }).locator('tbody a')
    await tabRight(page, 'Overview')
    await tabRight(page, 'Access')
    await tabRight(page, 'Streams')
    await rows.first().waitFor()
    await page.goto(`${palisade.url}/t/acme/projects/${acme.defaultProject}?tab=audit`)
    await page.getByRole('link', { name: 'Project changed' }).first().waitFor()
    // From an entry to its like: in the same project.
    await enter(page, 'Project changed')
    await inDialog(page)
    await enter(page, /^Only entries of kind /)
    await page.waitForURL((url) => url.searchParams.get('project') === acme.defaultProject)
    await rows.first().waitFor()
    await quiet(page)
    assert.equal(await refusals(vera.uid), before, 'the console provoked a refusal')
    // Where it does ask for the whole, it says what a person can do about it.
    provoked.push(403)
    await page.goto(`${palisade.url}/t/acme/audit`)
    await alert(page, 'This needs audit.list in tenant acme; for one project alone, choose it above').waitFor()
  })

  test('the tabs of who reads the whole log have what happened outside the project too', async () => {
    const { uid } = await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'young' } } })
    const page = await open(admin(), `projects/${uid}?tab=audit`)
    await page.getByRole('link', { name: 'Project created' }).waitFor()
  })

  test('an export that one may not have is locked, and one that is refused says why', async () => {
    const page = await open(person(vera), `audit?project=${acme.defaultProject}`)
    await page.getByRole('table', { name: 'Audit' }).locator('tbody a').first().waitFor()
    await enter(page, /^Export the whole log.*why\?$/s)
    const why = page.getByRole('dialog', { name: 'Why?' })
    await why.getByText('audit.list').first().waitFor()

    const theirs = await open(admin(), 'audit')
    await theirs.getByRole('table', { name: 'Audit' }).locator('tbody a').first().waitFor()
    const feature = `/v1/system/features/${features.auditExport.uid}`
    await palisade.system.must('PATCH', feature, { body: { isAllowed: false } })
    provoked.push(403)
    await enter(theirs, 'Export the whole log')
    await alert(theirs, 'This feature is switched off here').waitFor()
    await palisade.system.must('PATCH', feature, { body: { isAllowed: true } })
    const download = theirs.waitForEvent('download')
    await enter(theirs, 'Export the whole log')
    assert.equal((await download).suggestedFilename(), 'audit.jsonl')
    await alert(theirs, 'switched off').waitFor({ state: 'detached' })
  })

  test('a kubeconfig that one may not have any more is refused in place', async () => {
    const lena = await createUser(palisade, acme, 'lena')
    const assigned = await give(lena, predefinedRole('Cluster Viewer').uid)
    const page = await open(person(lena), `clusters/${cluster}`)
    await page.getByRole('link', { name: 'Download kubeconfig' }).waitFor()
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    // No answer to the next poll: the page keeps what it shows, as between two of them.
    let isPolled = false
    await page.route('**/overview', () => {
      isPolled = true
    })
    await page.route(`**/v1/palisade/clusters/${cluster}`, async (route) => {
      if (!isPolled) await route.continue()
      isPolled = false
    })
    await acme.admin.must('DELETE', `/v1/palisade/access/assignments/${assigned.uid}`)
    provoked.push(403)
    await enter(page, 'Download kubeconfig')
    await page
      .getByRole('region', { name: 'Use it' })
      .getByRole('alert')
      .filter({ hasText: 'This needs cluster.get in project' })
      .waitFor()
    assert.ok(!asked.some((path) => path.endsWith('/assets/kubeconfig')), 'it was asked for all the same')
  })

  test('tags of a cluster are changed by keys, as a whole, and find it', async () => {
    const page = await open(admin(), `clusters/${cluster}`)
    await enter(page, 'Change tags')
    await inDialog(page)
    const save = page.getByRole('dialog').getByRole('button', { name: 'Save' })
    assert.ok(await save.isDisabled(), 'nothing was changed')
    await tabTo(page, 'Value 1')
    await press(page, 'Control+a')
    await page.keyboard.type('dev')
    await enter(page, 'Remove tag 2')
    await enter(page, 'Another tag')
    // Where one types next.
    assert.equal(await focused(page), 'Tag 2')
    await page.keyboard.type('env')
    await page.getByText('There is a tag of this name').waitFor()
    assert.ok(await save.isDisabled(), 'two tags of one name')
    await press(page, 'Control+a')
    await page.keyboard.type('gpu')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await fact(page, 'Tags').getByText('env:dev', { exact: true }).waitFor()
    assert.deepEqual((await fact(page, 'Tags').innerText()).split('\n').toSorted(), ['env:dev', 'gpu'])
    await until('the focus to be back', async () => (await focused(page)) === 'Change tags' || undefined)
    const { metadata } = await acme.admin.must('GET', `/v1/spectroclusters/${cluster}`)
    assert.deepEqual(metadata.labels, { env: 'dev', gpu: '' })
    await page.goto(`${palisade.url}/t/acme/clusters?tag=gpu`)
    await page.getByRole('link', { name: 'west' }).waitFor()
  })

  test('tags that take a right of their own are refused with it, and stay typed', async () => {
    const page = await open(person(uma), `clusters/${cluster}`)
    await enter(page, 'Change tags')
    await inDialog(page)
    const typed = page.getByRole('textbox', { name: 'Value 1' })
    await tabTo(page, 'Value 1')
    await press(page, 'Control+a')
    await page.keyboard.type('test')
    provoked.push(403)
    await press(page, 'Enter')
    await alert(page, /Changing labels needs tag\.update in project Default/).waitFor()
    assert.equal(await typed.inputValue(), 'test')
    await enter(page, 'Why?')
    await page.getByRole('dialog', { name: 'Why?' }).getByText('tag.update').first().waitFor()
  })

  test('a project is described and labelled by keys; what clients wrote beside it stays', async () => {
    const page = await open(admin(), `projects/${acme.defaultProject}`)
    await fact(page, 'Description').getByText('What everybody begins with').waitFor()
    await enter(page, 'Description and labels')
    await inDialog(page)
    assert.equal(await focused(page), 'Description')
    await press(page, 'Control+a')
    await page.keyboard.type('Payments and what they need')
    await enter(page, 'Add a label')
    await page.keyboard.type('team')
    await tabTo(page, 'Value 1')
    await page.keyboard.type('payments')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await fact(page, 'Description').getByText('Payments and what they need').waitFor()
    assert.equal(await fact(page, 'Labels').innerText(), 'team:payments')
    const { metadata } = await acme.admin.must('GET', `/v1/projects/${acme.defaultProject}`)
    assert.deepEqual(metadata.labels, { team: 'payments' })
    assert.equal(metadata.annotations.contact, 'ops')

    // What a refusal says stands in the dialog; what one holds no right to is locked.
    const theirs = await open(person(uma), `projects/${acme.defaultProject}`)
    await enter(theirs, /^Description and labels.*why\?$/s)
    await theirs.getByRole('dialog', { name: 'Why?' }).getByText('project.update').first().waitFor()
  })

  test('the organisation is chosen like the project: where one is, where it begins, and the way to another', async () => {
    provoked.push(401)
    const page = await open(admin(), 'clusters')
    const item = (name: string) => page.getByRole('menuitem', { name })
    const choose = async (name: string) => {
      await enter(page, 'Palisade, organisation acme')
      await item('Start').waitFor()
      await page.getByText('Organisation acme', { exact: true }).waitFor()
      for (let i = 0; i < 5 && !String(await focused(page)).startsWith(name); i++) await press(page, 'ArrowDown')
      await press(page, 'Enter')
    }
    await choose('Start')
    await page.waitForURL(`${palisade.url}/t/acme/start`)
    await choose('Sign in to another organisation')
    await fillSignIn(page, { ...admin(globex), org: 'globex' })
    await page.waitForURL(`${palisade.url}/t/globex/start`)
    await page.getByRole('button', { name: 'Palisade, organisation globex' }).waitFor()
  })

  test('a page that is left open asks for nothing, whatever happens, until somebody comes back', async () => {
    kubernetes.intercept = ({ path }) => {
      if (path.includes('watch=1')) return 'endless'
      const list = { metadata: { resourceVersion: '1' }, columnDefinitions: [], rows: [], items: [] }
      return /^\/api\/v1\/(?:pods|namespaces)\?limit=/.test(path) ? { status: 200, body: list } : undefined
    }
    const page = await open(admin(), 'start')
    await page.clock.install()
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    const { told, stop } = await hearing()
    const watches = async () => {
      const { items } = await acme.admin.must('GET', `/v1/palisade/clusters/${cluster}/streams`)
      return items.length
    }
    for (const path of ['clusters', 'audit', `clusters/${cluster}/pods`]) {
      await page.goto(`${palisade.url}/t/acme/${path}`)
      await quiet(page)
      asked.length = 0
      await page.clock.runFor(70_000)
      await quiet(page)
      // Else this would show nothing.
      if (path.endsWith('pods'))
        await until('the list of pods to be followed', async () => (await watches()) > 0 || undefined)
      else assert.notDeepEqual(asked, [], `${path} does not ask by itself`)
      await page.clock.runFor(5 * 60_000)
      await quiet(page)
      asked.length = 0
      // The log grows meanwhile, which a page that somebody looks at asks about.
      const before = told()
      await acme.admin.must('PUT', `/v1/projects/${acme.defaultProject}/meta`, { body: { labels: {} } })
      await until('the pages to be told', () => told() > before || undefined)
      await quiet(page)
      await page.clock.runFor(3 * 60_000)
      await quiet(page)
      assert.deepEqual(asked, [], `${path} went on to ask`)
      if (path.endsWith('pods'))
        await until('the list of pods to stand still', async () => (await watches()) === 0 || undefined)
      await press(page, 'Shift')
      await until('the page to ask again', () => asked.length > 0 || undefined)
    }
    await until('the list of pods to be followed again', async () => (await watches()) > 0 || undefined)
    stop()
  })

  test('a page whose session ends while nobody is there is empty, and begins to sign in when somebody is back', async () => {
    const gus = await createUser(palisade, acme, 'gus')
    await give(gus, predefinedRole('Project Viewer').uid)
    const page = await open(person(gus), 'start')
    await page.clock.install()
    await page.goto(`${palisade.url}/t/acme/audit?project=${acme.defaultProject}`)
    await page.getByRole('table', { name: 'Audit' }).locator('tbody a').first().waitFor()
    await quiet(page)
    await page.clock.runFor(6 * 60_000)
    await quiet(page)
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    // As a session that nobody uses does, it ends with the stream by which the page hears of changes.
    const broken = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/live'))
    broken.catch(() => undefined)
    const finished = page.waitForEvent('requestfinished', (request) => request.url().endsWith('/live'))
    finished.catch(() => undefined)
    await acme.admin.must('PATCH', `/v1/users/${gus.uid}`, {
      body: [{ op: 'replace', path: '/status/isActive', value: false }],
    })
    await Promise.any([broken, finished])
    await page.clock.runFor(10_000)
    await page.getByRole('heading', { name: 'Your session has ended' }).waitFor()
    await page.clock.runFor(20 * 60_000)
    assert.equal(await page.getByRole('table').count(), 0, 'it still shows what the session could see')
    assert.deepEqual(asked, ['/canvas/session'], 'it went on to ask')
    const begun = page.waitForRequest((request) => new URL(request.url()).pathname === '/canvas/login')
    await press(page, 'Shift')
    const back = new URL((await begun).url()).searchParams.get('return_to')
    assert.equal(back, `/t/acme/audit?project=${acme.defaultProject}`)
    await page.getByRole('textbox', { name: 'Password' }).waitFor()
  })

  test('who may do nothing in the whole tenant reads so in one line', async () => {
    const page = await open(person(vera), `users/${vera.uid}?tab=access`)
    const part = page.getByRole('region', { name: 'What they may do' })
    const bottom = async (text: string) => {
      const box = await part.getByText(text, { exact: true }).boundingBox()
      return box ? box.y + box.height : assert.fail(`no ${text}`)
    }
    await part.getByText('nothing', { exact: true }).waitFor()
    assert.equal(await bottom('nothing'), await bottom('Whole tenant, and so everywhere in it'))
  })

  for (const theme of themes)
    test(`axe finds nothing, and it fits a narrow screen: ${theme}`, async () => {
      for (const width of [1280, 390]) {
        const page = await open(admin(), 'clusters/import', { theme, width })
        const judge = async (name: string) => {
          found.push(...(await look(page, `${name} at ${width} px`, theme, false)))
          if (!(await fits(page))) found.push(`${name} is wider than ${width} px`)
        }
        await enter(page, 'Palisade, organisation acme')
        await page.getByRole('menuitem', { name: 'Start' }).waitFor()
        await judge('the organisation')
        await press(page, 'Escape')
        await page.getByRole('menuitem', { name: 'Start' }).waitFor({ state: 'hidden' })
        // Not by Tab, which leads over a button with a tooltip: that is below the menu for a moment.
        await page.getByRole('button', { name: /^Account / }).click()
        await page.getByRole('menuitem', { name: 'Sign out' }).waitFor()
        await judge('the account')
        await press(page, 'Escape')
        await page.getByRole('menuitem', { name: 'Sign out' }).waitFor({ state: 'hidden' })

        const cut = await page
          .locator('.bar')
          .getByRole('combobox', { name: 'Project' })
          .evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)
        assert.ok(cut <= 0, `"All projects" is cut off at ${width} px by ${cut}`)
        if (width > 700) {
          const top = async (name: string) =>
            (await page.getByRole('textbox', { name, exact: true }).boundingBox())?.y ?? assert.fail(`no ${name}`)
          const project = page.getByRole('main').getByRole('combobox', { name: 'Project' })
          assert.equal(await top('Name'), (await project.boundingBox())?.y, 'fields side by side are of one height')
        }
        await page.getByRole('textbox', { name: 'Name' }).fill('far')
        // It answers when it is told to: until then it is said what has to hold.
        const held = Promise.withResolvers<undefined>()
        kubernetes.intercept = () => held.promise
        await page.getByRole('textbox', { name: 'Kubeconfig' }).fill(kubernetes.kubeconfig('nobodys'))
        await enter(page, 'Import')
        await page.getByRole('status', { name: 'Checks' }).getByText('It accepts the credential').waitFor()
        provoked.push(422)
        held.resolve(undefined)
        await page.getByRole('list', { name: 'Checks' }).getByText('Failed: it accepts the credential').waitFor()
        await page
          .getByRole('textbox', { name: 'Kubeconfig' })
          .fill(kubernetes.kubeconfig(undefined, { caPem: other.caPem }))
        await enter(page, 'Import')
        await page.getByRole('list', { name: 'Checks' }).getByText('Failed: it proves who it is').waitFor()
        assert.deepEqual(
          (await page.getByRole('list', { name: 'Checks' }).getByRole('listitem').allInnerTexts()).map((text) =>
            text.trim(),
          ),
          [
            'The kubeconfig stands for itself',
            'Its server is at an address that may be a cluster',
            'The server answers',
            'Failed: it proves who it is',
          ],
        )
        await alert(page, /./).first().waitFor()
        await judge('an import that is refused')
        kubernetes.intercept = undefined

        for (const [path, by] of [
          [`clusters/${cluster}`, 'Change tags'],
          [`projects/${acme.defaultProject}`, 'Description and labels'],
        ] as const) {
          await page.goto(`${palisade.url}/t/acme/${path}`)
          await page.getByRole('button', { name: by }).waitFor()
          await enter(page, by)
          await inDialog(page)
          await enter(page, /^(?:Add a|Another) (?:tag|label)$/)
          await judge(by)
        }
      }
    })
})
