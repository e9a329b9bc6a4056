import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page, Request } from 'playwright-core'
import { adminToken, type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { createTenant, goodPassword, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, openPage, quiet, startBrowser } from './browser.ts'
import { signIn } from './sign-in.ts'

// A page that is open and visible, and at which nobody is, does not use the session: the tenant's idle limit goes on. The clock is the
// page's own and is moved by the test.

const minutes = (n: number) => n * 60_000

describe('a page at which nobody is', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  const close: (() => Promise<void>)[] = []
  const complaints: string[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'idle' })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    kubernetes.intercept = ({ path }) => {
      if (path.includes('watch=1')) return 'endless'
      if (/^\/api\/v1\/pods\?limit=/.test(path)) return { status: 200, body: pods }
      return path.startsWith('/api/v1/namespaces?limit=') ? { status: 200, body: { ...pods, rows: [] } } : undefined
    }
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await kubernetes?.close()
  })
  afterEach(async () => {
    for (const one of close.splice(0)) await one()
    assertNoComplaints(complaints.splice(0))
  })

  async function open(path: string): Promise<{ readonly page: Page; readonly asked: Request[] }> {
    const { context, page } = await openPage(browser, { theme: 'light', complaints })
    close.push(() => context.close())
    const asked: Request[] = []
    page.on('request', (request) => {
      if (new URL(request.url()).pathname.startsWith('/canvas/')) asked.push(request)
    })
    await page.clock.install()
    await signIn(page, palisade.url + path, { email: acme.adminEmail, password: goodPassword })
    await page.mouse.move(200, 200)
    await quiet(page)
    return { page, asked }
  }

  /** Comes back once all that the page has asked for so far is known here: what it asks for itself is told after it. */
  async function told(page: Page): Promise<void> {
    const last = page.waitForRequest(/\/favicon\.svg\?told$/)
    await page.evaluate(`void fetch('/favicon.svg?told')`)
    await last
  }

  const paths = (asked: readonly Request[]) => asked.map((request) => new URL(request.url()).pathname)

  test('asks nothing, whatever changes meanwhile, says so, and goes on at the first input', async () => {
    const { page, asked } = await open('/t/acme/sessions')
    const list = /\/canvas\/api\/v1\/palisade\/sessions$/
    for (let i = 0; i < 3; i++) {
      const polled = page.waitForRequest(list)
      await page.mouse.move(200 + i, 300)
      await page.clock.runFor(minutes(1))
      await polled
      // What is still under way is not asked a second time, whatever the clock says.
      await quiet(page)
    }
    assert.equal(await page.getByText('Paused until you are back').count(), 0)

    await page.clock.runFor(minutes(3))
    await page.getByText('Paused until you are back').waitFor()
    await quiet(page)
    const before = asked.length
    await page.clock.runFor(minutes(20))
    // Somebody else's page hears of it, and asks: this one has no ear for it.
    const other = await open('/t/acme/sessions')
    const heard = other.page.waitForRequest(list)
    await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'meanwhile' }, spec: {} } })
    await heard
    // Where the page moves below it, a pointer that stands still is said to have moved.
    await page.mouse.move(202, 300)
    await told(page)
    assert.deepEqual(paths(asked.slice(before)), [])

    const woken = [page.waitForRequest(list), page.waitForRequest(/\/canvas\/api\/v1\/palisade\/live$/)]
    await page.keyboard.press('Shift')
    await Promise.all(woken)
    await page.getByText('Paused until you are back').waitFor({ state: 'detached' })
    await quiet(page)
    const again = page.waitForRequest(list)
    await page.clock.runFor(minutes(1))
    await again
  })

  test('ends the watch of a list, keeps what was listed, and lists it anew', async () => {
    const { uid } = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'west' }, spec: { kubeconfig: kubernetes.kubeconfig(adminToken) } },
    })
    const { page, asked } = await open(`/t/acme/clusters/${uid}/pods`)
    await page.getByText('web-1').waitFor()
    const isWatch = (request: Request) => request.url().includes('watch=1')
    assert.equal(asked.filter(isWatch).length, 1)
    const ended = page.waitForEvent('requestfailed', isWatch)
    await page.clock.runFor(minutes(3))
    await ended
    const before = asked.length
    await page.clock.runFor(minutes(20))
    await told(page)
    assert.deepEqual(paths(asked.slice(before)), [])
    assert.ok(await page.getByText('web-1').isVisible())

    const [listed, watched] = [page.waitForRequest(/\/pods\?limit=/), page.waitForRequest(isWatch)]
    await page.mouse.wheel(0, 1)
    await Promise.all([listed, watched])
    assert.ok(await page.getByText('web-1').isVisible())
  })
})

const pod = {
  cells: ['web-1', '1/1', 'Running', '0', '5m'],
  object: {
    metadata: {
      uid: 'b6a4a7a2-0000-4000-8000-000000000001',
      name: 'web-1',
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
  },
}
const pods = {
  ...{ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '1' } },
  columnDefinitions: ['Name', 'Ready', 'Status', 'Restarts', 'Age'].map((name) => ({ name, type: 'string' })),
  rows: [pod],
}
