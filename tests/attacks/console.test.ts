import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page, Request } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import { noBrowser, type Opened, openPage, quiet, startBrowser } from '../console/browser.ts'
import { signIn } from '../console/sign-in.ts'
import { adminToken, type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'

/** A cluster's answer to who asks for pods: as a table, as a list, and of one. */
function podsNamed(name: string) {
  const metadata = { uid: 'a', name, namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' }
  return {
    metadata: { ...metadata, resourceVersion: '1' },
    columnDefinitions: ['Name', 'Ready', 'Status', 'Restarts', 'Age'].map((column) => ({ name: column })),
    rows: [{ cells: [name, '1/1', name, '0', '1d'], object: { metadata } }],
    items: [{ metadata }],
    spec: { containers: [{ name: 'main', image: name }] },
    status: { phase: name },
  }
}

// What attackers do to people's browsers, in Chromium: names that are markup, tokens within a script's reach, pages in frames,
// other people's sessions in the same browser.

const markup = `"><img src=x onerror="window.pwned=1"><svg onload="window.pwned=1"><a href="javascript:window.pwned=1">x</a>`

describe('the console in a browser', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let opened: Opened | undefined

  const admin = () => ({ email: acme.adminEmail, password: goodPassword })

  before(async () => {
    palisade = await startPalisade({ name: 'console-attacks' })
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
  })
  afterEach(async () => {
    await opened?.context.close()
    opened = undefined
  })

  async function open(path: string): Promise<Page> {
    opened = await openPage(browser, { theme: 'light' })
    await signIn(opened.page, palisade.url + path, admin())
    return opened.page
  }

  /** Waits until the page shows all that it has asked for. */
  async function shown(page: Page): Promise<void> {
    await page.getByRole('heading', { level: 1 }).waitFor()
    await quiet(page)
  }

  /** Nothing of the markup became an element, or ran. */
  async function plain(page: Page, where: string): Promise<void> {
    assert.equal(await page.evaluate('window.pwned'), undefined, where)
    assert.equal(await page.locator('img, [onerror], [onload], [onclick], a[href^="javascript:"]').count(), 0, where)
  }

  /** A page of somebody else's in the same browser. */
  async function evilPage(page: Page): Promise<Page> {
    const elsewhere = await page.context().newPage()
    await elsewhere.route('https://evil.example/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<h1>elsewhere</h1>' }),
    )
    await elsewhere.goto('https://evil.example/')
    return elsewhere
  }

  test('G08 what people call things is text on every page that shows it, in links and in questions too', async () => {
    const { uid: project } = await acme.admin.must('POST', '/v1/projects', {
      body: { metadata: { name: markup.slice(0, 60), annotations: { description: markup } } },
    })
    const { uid: cluster } = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project,
      body: {
        metadata: { name: markup.slice(0, 100), labels: { note: '<b onclick=x>' } },
        spec: { kubeconfig: kubernetes.kubeconfig(adminToken) },
      },
    })
    const { uid: user } = await acme.admin.must('POST', '/v1/users', {
      body: {
        metadata: { name: 'm' },
        spec: { emailId: 'm@acme.test', firstName: markup.slice(0, 40), lastName: markup.slice(40, 100) },
      },
    })
    const { uid: team } = await acme.admin.must('POST', '/v1/teams', {
      body: { metadata: { name: markup.slice(0, 100) }, spec: { users: [user], roles: [] } },
    })
    await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: markup.slice(0, 30) } } })
    const { uid: role } = await acme.admin.must('POST', '/v1/roles', {
      body: {
        metadata: { name: markup.slice(0, 60), annotations: { description: markup } },
        spec: { permissions: ['cluster.get'], scope: 'resource', type: 'user' },
      },
    })
    const { uid: filter } = await acme.admin.must('POST', '/v1/palisade/filters', {
      body: {
        name: markup.slice(0, 100),
        conjunction: 'and',
        expressions: [{ key: markup.slice(0, 60), operator: 'eq', negation: false, values: [markup] }],
      },
    })
    await acme.admin.must('POST', `/v1/users/${user}/resourceRoles`, {
      body: { projectUids: [project], filterRefs: [filter], roles: [role] },
    })
    const asker = await createUser(palisade, acme, 'asker', { firstName: markup.slice(0, 40), lastName: 'x' })
    await asker.api.must('POST', '/v1/palisade/access/requests', {
      body: { role: predefinedRole('Tenant Viewer').uid, seconds: 3600, reason: markup },
    })
    // What a cluster calls its own things is no more to be trusted.
    kubernetes.intercept = ({ path }) => {
      if (path.includes('watch=1')) return 'endless'
      return /^\/api\/v1\/(?:pods|namespaces)\b/.test(path) ? { status: 200, body: podsNamed(markup) } : undefined
    }
    const page = await open('/t/acme/start')
    const places = [
      ...[
        'start',
        'projects',
        'clusters',
        'users',
        'teams',
        'roles',
        'filters',
        'requests',
        'keys',
        'audit',
        'sessions',
      ],
      ...['requests?tab=mine', 'filters?tab=who-can', 'keys?tab=who-can', 'clusters/import', 'roles/new'],
      ...[`filters?panel=${filter}`, `roles/${role}/edit`, `roles/${role}?tab=who-can`],
      ...[`roles/${role}`, `roles/${role}?with=${predefinedRole('Cluster Viewer').uid}`, `teams/${team}?tab=who-can`],
      ...[`clusters/${cluster}/pods`, `clusters/${cluster}/pods/default/${encodeURIComponent(markup)}`],
      ...[`projects/${project}`, `clusters/${cluster}`, `users/${user}`, `teams/${team}`].flatMap((path) => [
        path,
        `${path}?tab=access`,
        `${path}?tab=audit`,
      ]),
      `projects?q=${encodeURIComponent(markup)}`,
      `audit?user=${encodeURIComponent(markup)}&object=${encodeURIComponent(markup)}`,
      `users/${encodeURIComponent('<img src=x>')}`,
    ]
    for (const path of places) {
      await page.goto(`${palisade.url}/t/acme/${path}`)
      await shown(page)
      await plain(page, path)
    }
    // What the system calls a tenant and its first person, for who runs it.
    await palisade.system.must('POST', '/v1/tenants', {
      body: { spec: { orgName: 'hollow', firstName: markup.slice(0, 40), lastName: 'x', emailId: 'h@hollow.test' } },
    })
    const system = await openPage(browser, { theme: 'light' })
    await signIn(system.page, `${palisade.url}/t/system/tenants`, { ...palisade.administrator, system: true })
    for (const path of ['tenants', 'audit', 'sessions']) {
      await system.page.goto(`${palisade.url}/t/system/${path}`)
      await shown(system.page)
      await plain(system.page, path)
    }
    await system.page.goto(`${palisade.url}/t/system/tenants`)
    await system.page.getByRole('link', { name: 'hollow' }).click()
    await system.page.getByText(markup.slice(0, 40)).first().waitFor()
    await plain(system.page, 'the panel of a tenant')
    await system.context.close()
    // Somewhere it does stand, as text: the loops above have looked at pages that show it.
    for (const [path, name] of [
      ['roles', markup.slice(0, 60)],
      ['filters', markup.slice(0, 100)],
      [`clusters/${cluster}/pods`, markup],
      ['requests', markup],
    ] as const) {
      await page.goto(`${palisade.url}/t/acme/${path}`)
      await page.getByText(name).first().waitFor()
    }
    await page.goto(`${palisade.url}/t/acme/clusters/${cluster}`)
    await page.getByRole('heading', { level: 1, name: markup.slice(0, 100) }).waitFor()
    await page.getByRole('button', { name: 'Remove' }).click()
    await page.getByLabel(/^Type .* to confirm$/).waitFor()
    assert.equal(await page.evaluate('window.pwned'), undefined)
    const policy = opened?.complaints.filter((line) => line.includes('Content Security Policy'))
    assert.deepEqual(policy, [], 'something was only stopped by the policy')
  })

  test('C13, E01 nothing that a script of the page can reach holds a token', async () => {
    const page = await open('/t/acme/start')
    const seen: string[] = []
    const asked: Request[] = []
    page.on('request', (request) => asked.push(request))
    page.on('response', (response) => {
      if (response.headers()['content-type']?.includes('json'))
        void response.text().then(
          (text) => seen.push(text),
          () => undefined,
        )
    })
    for (const path of ['start', 'clusters', 'users', 'audit', 'sessions', 'keys']) {
      await page.goto(`${palisade.url}/t/acme/${path}`)
      await shown(page)
    }
    assert.ok(seen.length > 6, 'answers were looked at')
    const within = (await page.evaluate(
      `JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML])`,
    )) as string
    // A JWT, and what begins our own opaque tokens.
    const token = /eyJ[\w-]{10,}\.eyJ|\bp(?:lk|ak|rt|st)_[\w-]{16,}/
    for (const text of [...seen, within]) assert.doesNotMatch(text, token)
    assert.match(within, /,"",/, 'the cookie is not for scripts')
    for (const request of asked) {
      assert.equal(request.headers().authorization, undefined, request.url())
      assert.doesNotMatch(request.url(), token)
    }
  })

  test('B32, G08 no page can be framed, and no script from elsewhere is run', async () => {
    const page = await open('/t/acme/start')
    const elsewhere = await evilPage(page)
    for (const path of ['/', '/t/acme/start', '/sign-in/forgotten', '/oidc/device', '/canvas/login']) {
      await elsewhere.evaluate(`new Promise((loaded) => {
        const frame = document.createElement('iframe')
        frame.src = ${JSON.stringify(palisade.url + path)}
        frame.onload = loaded
        document.body.replaceChildren(frame)
      })`)
      const [, frame] = elsewhere.frames()
      assert.equal(frame?.url(), 'chrome-error://chromewebdata/', path)
    }
    const ran = await page.evaluate(`new Promise((resolve) => {
      const inline = document.createElement('script')
      inline.textContent = 'window.inlineRan = true'
      const foreign = document.createElement('script')
      foreign.src = 'https://scripts.example/x.js'
      foreign.onload = foreign.onerror = () => resolve(window.inlineRan === true)
      document.body.append(inline, foreign)
    })`)
    assert.equal(ran, false)
    await assert.rejects(page.evaluate(`fetch('https://elsewhere.example/')`))
  })

  test('C09 a page of another origin in the same browser neither reads nor changes anything', async () => {
    const page = await open('/t/acme/start')
    const elsewhere = await evilPage(page)
    const read = (path: string) =>
      elsewhere.evaluate(`fetch(${JSON.stringify(palisade.url + path)}, { credentials: 'include' }).then(
        (answer) => answer.text(), () => 'not readable')`)
    for (const path of ['/canvas/session', '/canvas/api/v1/users/me', '/t/acme/start'])
      assert.equal(await read(path), 'not readable', path)
    const { items: before } = await acme.admin.must('GET', '/v1/dashboard/projects/metadata')
    await elsewhere.evaluate(`new Promise((sent) => {
      const form = document.createElement('form')
      form.method = 'post'
      form.enctype = 'text/plain'
      form.target = 'away'
      form.action = ${JSON.stringify(`${palisade.url}/canvas/api/v1/projects`)}
      const field = document.createElement('input')
      field.name = '{"metadata":{"name":"evil"},"x":"'
      field.value = '"}'
      form.append(field)
      document.body.append(form)
      form.submit()
      fetch(form.action, { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"metadata":{"name":"evil"}}' }).finally(sent)
    })`)
    const opens = await elsewhere.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket(${JSON.stringify(`${palisade.url.replace('https', 'wss')}/canvas/k8s/clusters/${'0'.repeat(24)}/api/v1/namespaces/a/pods/b/exec`)})
      socket.onopen = () => resolve(true)
      socket.onerror = () => resolve(false)
    })`)
    assert.equal(opens, false)
    const { items: after } = await acme.admin.must('GET', '/v1/dashboard/projects/metadata')
    assert.deepEqual(after, before)
    // The person's own page goes on.
    await page.reload()
    await shown(page)
  })

  test('B23, C06 who signs in after somebody else in the same browser sees nothing of them', async () => {
    const dev = await createUser(palisade, acme, 'next')
    const page = await open('/t/acme/users')
    await page.getByRole('link', { name: 'Ada Admin' }).waitFor()
    const [before] = (await page.context().cookies()).filter(({ name }) => name === '__Host-palisade')
    await page.getByRole('button', { name: /^Account / }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await signIn(page, `${palisade.url}/t/acme/users`, { email: dev.email, password: goodPassword })
    await page.getByRole('alert').getByText('This needs user.list').waitFor()
    assert.equal(await page.getByText('Ada Admin').count(), 0)
    // The back button shows nothing that was kept.
    await page.goto(`${palisade.url}/t/acme/projects`)
    await page.goBack()
    await page.getByRole('alert').getByText('This needs user.list').waitFor()
    const [now] = (await page.context().cookies()).filter(({ name }) => name === '__Host-palisade')
    assert.ok(before && now && before.value !== now.value)
    // The cookie from before is nobody's, in whichever browser.
    const stale = await openPage(browser, { theme: 'light' })
    await stale.context.addCookies([before])
    await stale.page.goto(`${palisade.url}/t/acme/users`)
    await stale.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await stale.context.close()
  })

  test('B22 a link to sign in leads to the console, whatever it names', async () => {
    opened = await openPage(browser, { theme: 'light' })
    const { page } = opened
    for (const wanted of [
      '//evil.example',
      '/\\evil.example',
      'https:evil.example',
      'javascript:alert(1)',
      '/%09/evil',
    ]) {
      await page.goto('about:blank')
      await page.context().clearCookies()
      await signIn(page, `${palisade.url}/canvas/login?return_to=${encodeURIComponent(wanted)}`, admin())
      assert.equal(new URL(page.url()).origin, palisade.url, wanted)
    }
  })
})
