import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, quiet, startBrowser } from './browser.ts'
import { choose, enter, inDialog, press } from './keys.ts'
import { fits, focused, look, show, type Theme, tabTo, themes, widths } from './look.ts'
import { signIn } from './sign-in.ts'

// What the console shows as it happens, in a real browser before a real cluster: pods, logs, a terminal, streams, the log and its proof.

const root = join(import.meta.dirname, '../..')
const traffic = [
  ...['GET /health 200 1ms', 'GET /orders?page=1 200 14ms', 'POST /orders 201 31ms', 'GET /orders/7 200 6ms'],
  ...['POST /orders/7 409 4ms: already paid', 'GET /carts/3 200 5ms', 'POST /orders 201 28ms', 'GET /health 200 1ms'],
  ...['GET /orders/8 200 7ms', 'DELETE /orders/8 204 9ms', 'GET /orders/8 404 2ms', 'GET /metrics 200 3ms'],
]
const skip = noBrowser ?? (await clusterSkipReason())

if (!skip) await promisify(execFile)('npm', ['run', '-s', 'build:console'], { cwd: root })

describe('the console on a cluster', { skip }, () => {
  let family: ProcessFamily
  let palisade: Palisade
  let cluster: Cluster
  let browser: Browser
  let acme: Tenant
  let globex: Tenant
  let dev: Awaited<ReturnType<typeof createUser>>
  let project: string
  let team: string
  let uid: string
  const opened: Opened[] = []
  /** What axe found on the pages of one test. */
  const found: string[] = []
  /** Refusals that a test provokes, as the browser itself writes them down. */
  const provoked: (number | RegExp)[] = []

  before(async () => {
    family = await createProcessFamily('console-terminal')
    ;[palisade, cluster, browser] = await Promise.all([
      startPalisade({ family }),
      startCluster({ name: 'west' }),
      startBrowser(),
    ])
    acme = await createTenant(palisade, 'acme')
    globex = await createTenant(palisade, 'globex')
    dev = await createUser(palisade, acme, 'dana', { firstName: 'Dana', lastName: 'Ortiz' })
    project = (await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'payments' } } })).uid
    const made = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: 'devs' }, spec: { users: [dev.uid] } },
    })
    team = made.uid
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project,
      body: { metadata: { name: 'west' }, spec: { kubeconfig: cluster.adminKubeconfigText } },
    })
    uid = imported.uid
    await cluster.createPod('default', 'web')
    await cluster.createPod('shop', 'cart')
    await cluster.appendLog('GET /health 200')
    await give('Cluster Editor')
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await cluster?.stop()
    await family?.stop()
  })
  afterEach(async () => {
    const complaints = opened.flatMap((one) => one.complaints)
    for (const one of opened.splice(0)) await one.context.close()
    assert.deepEqual(found.splice(0), [], 'axe found something')
    assertNoComplaints(complaints, provoked.splice(0))
  })

  const give = (...roles: Parameters<typeof predefinedRole>[0][]) =>
    acme.admin.must('PUT', `/v1/teams/${team}/projects`, {
      body: {
        projects:
          roles.length > 0 ? [{ projectUid: project, roles: roles.map((name) => predefinedRole(name).uid) }] : [],
      },
    })

  async function open(
    who: 'admin' | 'dev',
    path: string,
    options: { theme?: 'light' | 'dark'; width?: number } = {},
  ): Promise<Page> {
    const one = await openPage(browser, { theme: 'light', ...options })
    opened.push(one)
    const email = who === 'admin' ? acme.adminEmail : dev.email
    await signIn(one.page, palisade.url + path, { email, password: goodPassword })
    return one.page
  }

  const pod = (namespace = 'default', name = 'web', query = '') =>
    `/t/acme/clusters/${uid}/pods/${namespace}/${name}${query}`

  const screen = (page: Page) => page.locator('.xterm-rows')

  /** Opens a terminal that answers. */
  async function openTerminal(page: Page): Promise<void> {
    await page.getByRole('button', { name: /^Open (?:terminal|again)$/ }).click()
    await inTerminal(page)
    await types(page, 'echo re$((40+2))dy', /re42dy/)
  }

  /** Waits until what is typed goes to the terminal. */
  async function inTerminal(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'End terminal' }).waitFor()
    await until('the terminal to have the keys', async () =>
      (await page.evaluate(`document.activeElement?.className ?? ''`)) === 'xterm-helper-textarea' ? true : undefined,
    )
  }

  async function types(page: Page, line: string, shows: RegExp): Promise<void> {
    await page.keyboard.type(`${line}\n`)
    await screen(page).filter({ hasText: shows }).waitFor()
  }

  const streams = async (): Promise<{ uid: string; subresource: string; user: { uid: string } }[]> =>
    (await acme.admin.must('GET', `/v1/palisade/clusters/${uid}/streams`)).items
  const execs = async () => (await streams()).filter(({ subresource }) => subresource === 'exec')

  /** The entry that tells how the newest exec ended. */
  const endOfExec = (stream: string) =>
    until('the end in the log', async () => {
      const { items } = await acme.admin.must('GET', `/v1/audits?limit=50&resourceUid=${uid}`)
      return items.find(
        ({ metadata: { name, annotations } }: { metadata: { name: string; annotations: Record<string, string> } }) =>
          name === 'cluster.call.ended' && annotations.intent === stream,
      )
    })

  test('from the cluster to a pod: the list is the cluster’s own and follows it', async () => {
    const page = await open('dev', `/t/acme/clusters/${uid}`)
    await page.getByRole('link', { name: 'Pods' }).click()
    await page.getByRole('link', { name: 'web' }).waitFor()
    await page.getByRole('link', { name: 'cart' }).waitFor()
    await cluster.createPod('shop', 'basket')
    await page.getByRole('link', { name: 'basket' }).waitFor()
    await page.getByRole('combobox', { name: 'Namespace' }).fill('default')
    await page.waitForURL('**ns=default')
    await page.getByRole('status').filter({ hasText: '1 pod' }).waitFor()
    await page.getByRole('link', { name: 'web' }).click()
    await page.getByRole('heading', { level: 1, name: 'web' }).waitFor()
    assert.equal(
      (await streams()).filter((one) => one.user.uid === dev.uid).length <= 2,
      true,
      'a watch was left behind',
    )
  })

  test('a log follows, stands still on request, finds and is taken along', async () => {
    const page = await open('dev', pod())
    const lines = page.getByRole('region', { name: 'Lines' })
    await lines.getByText('GET /health 200').first().waitFor()
    await cluster.appendLog('POST /orders 201')
    await lines.getByText('POST /orders 201').waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await cluster.appendLog('POST /orders 500')
    await page.getByRole('status').filter({ hasText: '1 new' }).waitFor()
    assert.equal(await lines.getByText('POST /orders 500').count(), 0, 'the pause did not hold')
    await page.getByRole('button', { name: 'Go on' }).click()
    await lines.getByText('POST /orders 500').waitFor()
    await page.getByRole('searchbox', { name: 'Search in the log' }).fill('orders')
    await page.getByRole('status').filter({ hasText: '2 matching lines' }).waitFor()
    assert.equal(await lines.locator('mark').count(), 2)
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download' }).click()
    const file = await download
    assert.equal(file.suggestedFilename(), 'web-main.log')
    assert.match(await readFile(await file.path(), 'utf8'), /POST \/orders 201[\s\S]*POST \/orders 500/)
  })

  test('a terminal: types, fits its size, keeps Tab, is left by a key, is ended by its owner', async () => {
    const page = await open('dev', pod('default', 'web', '?tab=terminal'))
    assert.deepEqual(await execs(), [], 'an address opened a terminal')
    await openTerminal(page)
    await types(page, 'printf "\\033[38;2;200;30;30mred\\033[0m %s\\n" "$(stty size | tr " " x)"', /red \d\dx\d{2,3}/)
    const before = /red (\d+)x(\d+)/.exec((await screen(page).textContent()) ?? '')
    await page.setViewportSize({ width: 900, height: 800 })
    await types(page, 'printf "now %s\\n" "$(stty size | tr " " x)"', /now \d\dx\d{2,3}/)
    const after = /now (\d+)x(\d+)/.exec((await screen(page).textContent()) ?? '')
    assert.ok(Number(after?.[2]) < Number(before?.[2]), `${before?.[0]}, then ${after?.[0]}`)
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement?.className'), 'xterm-helper-textarea')
    await page.keyboard.press('Control+F6')
    assert.equal(await page.evaluate('document.activeElement?.textContent'), 'End terminal')
    const [mine] = await execs()
    await page.keyboard.press('Enter')
    await page.getByText('The terminal has ended').waitFor()
    const end = await endOfExec(mine?.uid ?? '')
    assert.match(end.spec.contentMsg, /"cause":"(?:complete|client_closed)"/)
  })

  test('by keyboard alone: from the cluster to a pod, its log, a terminal in it', async () => {
    const page = await open('dev', `/t/acme/clusters/${uid}`)
    await page.getByRole('link', { name: 'Pods' }).waitFor()
    await enter(page, 'Pods')
    await page.getByRole('link', { name: 'web' }).waitFor()
    await choose(page, 'Namespace', 'default')
    await page.waitForURL('**ns=default')
    await tabTo(page, 'Filter pods by name')
    await page.keyboard.type('web')
    await page.getByRole('status').filter({ hasText: '1 pod' }).waitFor()
    await press(page, 'ArrowDown')
    assert.equal(await focused(page), 'web')
    await press(page, 'Enter')
    await page.getByRole('heading', { level: 1, name: 'web' }).waitFor()

    const lines = page.getByRole('region', { name: 'Lines' })
    await lines.getByText('GET /health 200').first().waitFor()
    await tabTo(page, 'Search in the log')
    await page.keyboard.type('health')
    await page
      .getByRole('status')
      .filter({ hasText: /matching lines?$/ })
      .waitFor()
    await choose(page, 'Since', 'Last hour')
    await page.waitForURL('**since=1h')
    await enter(page, 'Pause')
    await page.getByRole('button', { name: 'Go on' }).waitFor()
    await enter(page, 'Go on')
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    const download = page.waitForEvent('download')
    await enter(page, 'Download')
    assert.equal((await download).suggestedFilename(), 'web-main.log')
    // The lines scroll, and so are reached.
    await tabTo(page, 'Lines')

    await tabTo(page, 'Logs')
    await press(page, 'ArrowRight')
    await page.getByText('Opens a shell in main').waitFor()
    await enter(page, 'Open terminal')
    await inTerminal(page)
    await types(page, 'echo by$((40+2))keys', /by42keys/)
    await press(page, 'Control+F6', 'Enter')
    await page.getByText('The terminal has ended').waitFor()
  })

  test('by keyboard alone: an administrator ends the session of a stream', async () => {
    provoked.push(401)
    const theirs = await open('dev', pod('default', 'web', '?tab=terminal'))
    const page = await open('admin', `/t/acme/clusters/${uid}?tab=streams`)
    await openTerminal(theirs)
    await page.getByRole('row').filter({ hasText: 'Exec into default/web (main)' }).waitFor()
    await enter(page, /^End session: Exec into default\/web/)
    await inDialog(page)
    await enter(page, 'End session')
    await theirs.getByRole('alert').getByText('Your session was ended.').waitFor()
    await page.getByText('Nothing runs through Palisade on this cluster now.').waitFor()
  })

  test('the right is taken away: the terminal and the log end within a second, say why, and stay ended', async () => {
    // The log is cut off; what is asked for after that is refused.
    provoked.push(403, /Unexpected response code: 403/, /net::ERR_HTTP2_PROTOCOL_ERROR/)
    const page = await open('dev', pod('default', 'web', '?tab=terminal'))
    const log = await open('dev', pod())
    await log.getByRole('region', { name: 'Lines' }).getByText('GET /health 200').first().waitFor()
    await openTerminal(page)
    const [mine] = await execs()
    await give()
    const alert = page.getByRole('alert').filter({ hasText: 'The terminal was ended' })
    await alert.getByText('A right that it rested on was taken away.').waitFor({ timeout: 1_000 })
    await log.getByText('you may not see more of it').waitFor({ timeout: 2_000 })
    await log
      .getByRole('alert')
      .getByText(/needs permission cluster\.get/)
      .waitFor()
    // A file of it is refused as much, and says so: a browser would not.
    await log.getByRole('link', { name: 'Download' }).click()
    const reasons = log.getByRole('alert').filter({ hasText: /needs permission cluster\.get/ })
    await until('the refusal', async () => (await reasons.count()) === 2 || undefined)
    const end = await endOfExec(mine?.uid ?? '')
    assert.match(end.spec.contentMsg, /"reason":"right-withdrawn"/)
    const request = end.metadata.annotations.request
    await alert.getByTitle(request).waitFor()
    // Nothing is begun again by itself; asked for again it is refused, with the right that is missing.
    assert.deepEqual(await execs(), [])
    await page.getByRole('button', { name: 'Open again' }).click()
    await page
      .getByRole('alert')
      .getByText(/needs permission cluster\.get/)
      .waitFor()
    await give('Cluster Editor')
  })

  test('a terminal that may not be opened says so: a viewer, and a protected namespace', async () => {
    provoked.push(403, /Unexpected response code: 403/)
    await give('Cluster Viewer')
    const page = await open('dev', pod('default', 'web', '?tab=terminal'))
    await page.getByRole('button', { name: 'Open terminal' }).click()
    await page
      .getByRole('alert')
      .getByText(/pods\/exec needs level "edit"/)
      .waitFor()
    await give('Cluster Editor')
    await cluster.createPod('kube-system', 'dns')
    await page.goto(palisade.url + pod('kube-system', 'dns', '?tab=terminal'))
    await page.getByRole('button', { name: 'Open terminal' }).click()
    await page
      .getByRole('alert')
      .getByText(/protected namespace "kube-system"/)
      .waitFor()
  })

  test('streams: seen as they begin and end, one is ended by an administrator, and the terminal says so', async () => {
    const theirs = await open('dev', pod('default', 'web', '?tab=terminal'))
    const page = await open('admin', `/t/acme/clusters/${uid}?tab=streams`)
    await page.getByText('Nothing runs through Palisade on this cluster now.').waitFor()
    await openTerminal(theirs)
    const row = page.getByRole('row').filter({ hasText: 'Exec into default/web (main)' })
    await row.getByText(dev.email).waitFor()
    const [stream] = await execs()
    await page.getByRole('button', { name: 'Remove', exact: true }).click()
    const removal = page.getByRole('dialog', { name: /^Remove cluster/ })
    await removal.getByText('1 stream through Palisade to it ends at once').waitFor()
    await page.keyboard.press('Escape')
    await removal.waitFor({ state: 'hidden' })
    // What else would end it says so too, before it is done.
    const beside = await open('admin', `/t/acme/users/${dev.uid}`)
    await beside.getByRole('button', { name: 'Switch off' }).click()
    await beside
      .getByRole('dialog')
      .getByText(/end within a second: \d+ sessions? and 1 stream now\./)
      .waitFor()
    await beside.goto(`${palisade.url}/t/acme/teams/${team}?tab=access`)
    await beside.getByRole('button', { name: 'Change roles' }).click()
    await beside.getByRole('combobox', { name: 'In' }).click()
    await beside.getByRole('option', { name: 'Project payments' }).click()
    await beside.getByRole('combobox', { name: 'Roles' }).fill('Cluster Editor')
    await beside.getByRole('option', { name: 'Cluster Editor', exact: true }).click()
    await beside.getByText('ends within a second, of 1 stream that is open there now.').waitFor()

    await row.getByRole('button', { name: /^End: Exec into default\/web/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click()
    await theirs.getByRole('alert').getByText('Somebody ended this one stream.').waitFor({ timeout: 2_000 })
    await row.waitFor({ state: 'detached' })
    const end = await endOfExec(stream?.uid ?? '')
    assert.match(end.spec.contentMsg, /"reason":"ended-by-person"/)
    const { items } = await acme.admin.must('GET', `/v1/audits?limit=50&resourceUid=${uid}`)
    const asked = items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === 'cluster.stream.ended')
    assert.equal(asked.spec.actor.user.emailId, acme.adminEmail)
    assert.match(asked.spec.contentMsg, new RegExp(`"stream":"${stream?.uid}".*"user":"${dev.uid}"`))
    // The right is still held: it can be opened again.
    await openTerminal(theirs)
  })

  test('whose stream: another tenant’s is not there; a colleague’s needs a right; one’s own is one’s own', async () => {
    await give('Cluster Editor')
    const page = await open('dev', pod('default', 'web', '?tab=terminal'))
    await openTerminal(page)
    const [stream] = await execs()
    const path = `/v1/palisade/streams/${stream?.uid}`
    assert.equal((await globex.admin.call('DELETE', path)).status, 404)
    assert.equal((await globex.admin.call('GET', `/v1/palisade/clusters/${uid}/streams`)).status, 404)
    for (const wrong of ['x', '0'.repeat(24), uid])
      assert.equal((await acme.admin.call('DELETE', `/v1/palisade/streams/${wrong}`)).status, 404, wrong)
    const eve = await createUser(palisade, acme, 'eve')
    await acme.admin.must('PUT', `/v1/users/${eve.uid}/projects`, {
      body: { projects: [{ projectUid: project, roles: [predefinedRole('Cluster Viewer').uid] }] },
    })
    const refused = await eve.api.call('DELETE', path)
    assert.deepEqual([refused.status, refused.body.permission], [403, 'cluster.update'])
    const seen = await eve.api.must('GET', `/v1/palisade/clusters/${uid}/streams`)
    assert.deepEqual(seen, { items: [], count: 0, others: 'hidden' })
    // How many there are is for who may do what ends them, and 404 for everybody else's.
    const counts = [
      [`/v1/palisade/people/${dev.uid}/open`, 'user.update'],
      [`/v1/palisade/people/${dev.uid}/open?project=${project}`, 'user.update'],
      [`/v1/palisade/teams/${team}/open`, 'team.update'],
      [`/v1/palisade/clusters/${uid}/open`, 'cluster.delete'],
    ] as const
    for (const [count, permission] of counts) {
      assert.equal((await acme.admin.must('GET', count)).streams, 1, count)
      assert.deepEqual([(await eve.api.call('GET', count)).body.permission], [permission], count)
      assert.equal((await globex.admin.call('GET', count)).status, 404, count)
    }
    const elsewhere = await acme.admin.must('GET', `/v1/palisade/people/${dev.uid}/open?project=${acme.defaultProject}`)
    assert.equal(elsewhere.streams, 0)
    assert.ok(elsewhere.sessions > 0)
    assert.equal((await acme.admin.must('GET', `/v1/palisade/people/${eve.uid}/open`)).streams, 0)
    await screen(page).filter({ hasText: 're42dy' }).waitFor()
    await types(page, 'echo still$((1+1))', /still2/)

    // A viewer may end what is theirs.
    const { items } = await dev.api.must('GET', `/v1/palisade/clusters/${uid}/streams`)
    assert.equal(items.find((one: { uid: string }) => one.uid === stream?.uid).own, true)
    await dev.api.must('DELETE', path)
    await page.getByRole('alert').getByText('Somebody ended this one stream.').waitFor({ timeout: 2_000 })
    const isGone = async () => (await dev.api.call('DELETE', path)).status === 404 || undefined
    await until('what has ended not to be there', isGone)
  })

  test('the session ends: terminal and live page with it', async () => {
    provoked.push(401)
    const page = await open('dev', pod('default', 'web', '?tab=terminal'))
    await openTerminal(page)
    const [stream] = (await acme.admin.must('GET', `/v1/palisade/clusters/${uid}/streams`)).items.filter(
      (one: { subresource: string }) => one.subresource === 'exec',
    )
    await acme.admin.must('DELETE', `/v1/palisade/sessions/${stream.session}`)
    await page.getByRole('alert').getByText('Your session was ended.').waitFor({ timeout: 2_000 })
  })

  test('the log: what is new waits above, an entry verifies here, an export whole, a changed one at its first bad index', async () => {
    const page = await open('admin', '/t/acme/audit')
    const first = page.locator('tbody tr').first()
    await first.getByRole('link').waitFor()
    await quiet(page)
    const top = await first.innerText()
    await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'live-one' } } })
    await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'live-two' } } })
    const news = page.getByRole('button', { name: /^\d+ new$/ })
    await news.filter({ hasText: '2 new' }).waitFor()
    assert.equal(await first.innerText(), top, 'the list moved under the reader')
    await news.click()
    await page.getByRole('row').filter({ hasText: 'live-two' }).waitFor()

    await page.getByRole('link', { name: 'Project created' }).first().click()
    await page.getByRole('button', { name: 'Verify here' }).click()
    await page.getByText('The entry stands in the log as this page shows it.').waitFor()
    const steps = await page.getByRole('list', { name: 'What was done' }).innerText()
    assert.match(steps, /Verify the checkpoint’s signature[\s\S]*Hash the entry’s \d+ bytes[\s\S]*Climb from leaf/)

    await page.goto(`${palisade.url}/t/acme/audit`)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export the whole log' }).click()
    const good = await readFile(await (await download).path(), 'utf8')
    await page.getByRole('button', { name: 'Verify an export' }).click()
    const verify = async (name: string, text: string) => {
      const file = join(family.folder, name)
      await writeFile(file, text)
      const chooser = page.waitForEvent('filechooser')
      await page.getByRole('button', { name: 'Export', exact: true }).click()
      await (await chooser).setFiles(file)
      await page.getByRole('button', { name: 'Verify', exact: true }).click()
    }
    await verify('audit.jsonl', good)
    await page.getByText('Every entry is there, in order, unchanged.').waitFor()
    const lines = good.split('\n')
    assert.ok(lines.length > 12)
    const changed = lines.with(8, String(lines[8]).replace(/"outcome":"\w+"/, '"outcome":"nothing"'))
    await verify('changed.jsonl', changed.join('\n'))
    await page.getByText('the first bad entry has index 7.').waitFor()
    await verify('cut.jsonl', `${lines.slice(0, -3).join('\n')}\n`)
    await page.getByText(/the first bad entry has index \d+\./).waitFor()
  })

  test('C09: no other site opens a terminal', async () => {
    const page = await open('dev', '/t/acme/start')
    const cookie = (await page.context().cookies()).find(({ name }) => name === '__Host-palisade')
    assert.deepEqual([cookie?.sameSite, cookie?.httpOnly], ['Strict', true])
    // A page that is not ours, in the browser that is signed in.
    await page.goto('data:text/html,<h1>elsewhere</h1>')
    const before = (await streams()).length
    const url = `${palisade.url.replace('https', 'wss')}/canvas/k8s/clusters/${uid}/api/v1/namespaces/default/pods/web/exec?command=sh&stdin=true&stdout=true&tty=true`
    const outcome = await page.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket(${JSON.stringify(url)}, ['v5.channel.k8s.io'])
      socket.onopen = () => resolve('open')
      socket.onclose = ({ code }) => resolve('closed ' + code)
    })`)
    assert.equal(outcome, 'closed 1006')
    assert.equal((await streams()).length, before)
    opened.at(-1)?.complaints.splice(0)
  })

  for (const theme of themes)
    test(`axe finds nothing, and the pictures: ${theme}`, async () => {
      const page = await open('dev', `/t/acme/clusters/${uid}/pods`, { theme })
      await page.getByRole('link', { name: 'web' }).waitFor()
      await seen(page, 'pods', theme)
      for (const line of traffic) await cluster.appendLog(line)

      await page.goto(palisade.url + pod())
      await page.getByRole('region', { name: 'Lines' }).getByText('GET /health 200').first().waitFor()
      await page.getByRole('searchbox', { name: 'Search in the log' }).fill('/orders')
      await page.getByText('POST /orders/7 409').first().waitFor()
      await seen(page, 'logs', theme)

      await page.goto(palisade.url + pod('default', 'web', '?tab=terminal'))
      await seen(page, 'terminal-closed', theme, false)
      await openTerminal(page)
      await types(
        page,
        'PS1="web:\\w\\$ "; clear; printf "\\033[32mok\\033[0m  %s\\n" /etc/hosts /etc/group; id -un',
        // The prompt that comes after it: a name alone may stand in the one before.
        /ok\s+\/etc\/group[\s\S]*web:/,
      )
      found.push(...(await look(page, 'terminal', theme)))

      const beside = await open('dev', pod('shop', 'cart'))
      await beside.getByRole('region', { name: 'Lines' }).getByText('GET /health 200').first().waitFor()
      const admin = await open('admin', `/t/acme/clusters/${uid}?tab=streams`, { theme })
      for (const what of ['Exec into default/web', 'Log of shop/cart'])
        await admin.getByRole('row').filter({ hasText: what }).waitFor()
      await seen(admin, 'streams', theme)
      await admin.getByRole('button', { name: /^End: Exec into/ }).click()
      await admin.getByRole('dialog', { name: 'End this stream' }).waitFor()
      await seen(admin, 'stream-end', theme, false)
      await admin.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click()
      await page.getByRole('alert').getByText('Somebody ended this one stream.').waitFor()
      await seen(page, 'terminal-ended', theme)

      await admin.goto(`${palisade.url}/t/acme/audit`)
      await admin.getByRole('link', { name: 'Stream ended by a person' }).first().click()
      await admin.getByRole('button', { name: 'Verify here' }).click()
      await admin.getByText('The entry stands in the log as this page shows it.').waitFor()
      await admin.getByText('Verified', { exact: true }).scrollIntoViewIfNeeded()
      await seen(admin, 'audit-proof', theme)
      await admin.goto(`${palisade.url}/t/acme/audit?panel=verify`)
      await admin.getByRole('button', { name: 'Verify', exact: true }).waitFor()
      await seen(admin, 'audit-verify', theme, false)
    })

  test('narrow: a terminal and a log fit', async () => {
    const page = await open('dev', pod('default', 'web', '?tab=terminal'), { width: 390 })
    await openTerminal(page)
    assert.ok(await fits(page), 'the terminal is wider than the screen')
    for (const theme of themes) {
      await show(page, { theme })
      found.push(...(await look(page, 'terminal on a telephone', theme, false)))
    }
    await page.getByRole('tab', { name: 'Logs' }).click()
    await page.getByRole('region', { name: 'Lines' }).waitFor()
    assert.ok(await fits(page), 'the log is wider than the screen')
  })

  test('for screen readers: what is on the screen is text that they read, and the choice is kept', async () => {
    const page = await open('dev', pod('default', 'web', '?tab=terminal'))
    await page.getByRole('switch', { name: 'For screen readers' }).check()
    await page.reload()
    await openTerminal(page)
    const tree = page.locator('.xterm-accessibility-tree')
    await tree.getByRole('listitem').filter({ hasText: 're42dy' }).first().waitFor()
    const hint = await page.locator('.xterm-helper-textarea').getAttribute('aria-describedby')
    assert.match(await page.locator(`#${hint}`).innerText(), /Ctrl\s+F6/)
  })

  /** On a desk, where the picture is taken, and on a telephone. */
  async function seen(page: Page, name: string, theme: Theme, picture = true): Promise<void> {
    found.push(...(await look(page, name, theme, picture)))
    await show(page, { width: widths.narrow })
    if (!(await fits(page))) found.push(`${name} is wider than a telephone`)
    found.push(...(await look(page, `${name} on a telephone`, theme, false)))
    await show(page, { width: widths.wide })
  }
})
