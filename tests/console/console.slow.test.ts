import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import { fakeDesktop } from '../support/command-line.ts'
import { adminToken, type FakeKubernetes, limitedToken, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, startBrowser } from './browser.ts'
import { fits, focused, look, show, type Theme, tabTo, themes, widths } from './look.ts'
import { fillSignIn, type Person, signIn } from './sign-in.ts'

// The console in a real browser before a real server: by clicking, by keyboard alone, under axe, in both themes.

const root = join(import.meta.dirname, '../..')
const dist = join(root, 'console/dist')
/** What the console says when the server has refused or failed. */
const failed =
  /^(?:No answer|You may not do this|Not found|This is in the way|The server (?:failed|did not accept this))$/
/** What axe found on the pages of one test. */
const found: string[] = []
/** Pages whose pictures on a telephone the documentation has, in one theme each. */
const narrowPictures: Readonly<Record<string, Theme>> = {
  ...{ start: 'light', cluster: 'dark', members: 'light', roles: 'dark', audit: 'light', 'audit-entry': 'dark' },
  ...{ keys: 'light', sessions: 'dark', why: 'light' },
}

await promisify(execFile)('npm', ['run', '-s', 'build:console'], { cwd: root })

describe('what is built', () => {
  test('no script or style in the page itself: the policy without inline holds', () => {
    const html = readFileSync(join(dist, 'index.html'), 'utf8')
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/)
  })

  const firstPages = {
    'somebody of a tenant': ['start', 'Start'],
    'a system administrator': ['tenants', 'Tenants'],
    'who comes for the clusters': ['clusters', 'Clusters'],
  } as const
  for (const [who, [page, component]] of Object.entries(firstPages))
    test(`the first page of ${who} takes at most 200 kB of compressed script`, () => {
      const all = new Set<string>()
      const html = readFileSync(join(dist, 'index.html'), 'utf8')
      const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map(([, file = '']) => file)
      const pages = named(page).filter((file) => readFileSync(join(dist, file), 'utf8').includes(`as ${component}}`))
      assert.equal(pages.length, 1, `the module of ${page}`)
      // Whatever the entry and the page import without being asked to.
      const waiting = [...first, ...pages]
      for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
        if (all.has(file)) continue
        all.add(file)
        const code = readFileSync(join(dist, file), 'utf8')
        waiting.push(
          ...[...code.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)].map(([, name]) => `assets/${name}`),
        )
      }
      const bytes = [...all].reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file))).length, 0)
      assert.ok(all.size > 3, 'the modules of the first page were not found')
      assert.ok(bytes <= 200_000, `${bytes} bytes in ${all.size} files`)
    })

  const named = (page: string) => globSync(`assets/${page}-*.js`, { cwd: dist })
})

describe('the console', { skip: noBrowser }, () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let dev: Awaited<ReturnType<typeof createUser>>
  let opened: Opened | undefined
  const complaints: string[] = []
  /** Statuses of refusals that a test provokes. */
  const provoked: number[] = []

  const admin = (): Person => ({ email: acme.adminEmail, password: goodPassword })
  const developer = (): Person => ({ email: dev.email, password: goodPassword })
  const operator = (): Person => ({ ...palisade.administrator, system: true })

  before(async () => {
    palisade = await startPalisade({ name: 'console', env: { PALISADE_TRUSTED_PROXIES: '127.0.0.1/32' } })
    ;[kubernetes, browser, acme] = await Promise.all([
      startFakeKubernetes(),
      startBrowser(),
      createTenant(palisade, 'acme'),
    ])
    dev = await createUser(palisade, acme, 'dana', { firstName: 'Dana', lastName: 'Ortiz' })
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
    await kubernetes?.close()
  })
  afterEach(async () => {
    await opened?.context.close()
    opened = undefined
    assert.deepEqual(found.splice(0), [], 'axe found something')
    assertNoComplaints(complaints.splice(0), provoked.splice(0))
  })

  /** A browser of its own, signed in on the sign-in pages. */
  async function open(
    who: Person,
    path: string,
    options: { theme?: 'light' | 'dark'; width?: number } = {},
  ): Promise<Page> {
    opened = await openPage(browser, { theme: 'light', ...options, complaints })
    await signIn(opened.page, palisade.url + path, who)
    return opened.page
  }

  async function paymentsUid(): Promise<string> {
    const { items } = await acme.admin.must('GET', '/v1/dashboard/projects/metadata')
    return items.find((one: { metadata: { name: string } }) => one.metadata.name === 'payments').metadata.uid
  }

  async function clusterNamed(name: string): Promise<{ readonly metadata: { readonly uid: string } }> {
    const all = await acme.admin.must('GET', '/v1/dashboard/spectroclusters/meta')
    return (
      all.find((one: { metadata: { name: string } }) => one.metadata.name === name) ?? assert.fail(`no cluster ${name}`)
    )
  }

  test('nobody is signed in: leads to sign-in, and back to the very place', async () => {
    const page = await open(admin(), '/t/acme/projects?q=pay&sort=-name')
    assert.equal(page.url(), `${palisade.url}/t/acme/projects?q=pay&sort=-name`)
    await page.getByRole('searchbox', { name: 'Filter projects by name' }).waitFor()
  })

  test('a session that ends while a page is open leads to sign-in at the next call, and back', async () => {
    provoked.push(401)
    const page = await open(developer(), '/t/acme/projects')
    const { items } = await dev.api.must('GET', '/v1/palisade/sessions')
    const browsers = items.find(({ userAgent }: { userAgent: string }) => userAgent.includes('Chrome'))
    await acme.admin.must('DELETE', `/v1/palisade/sessions/${browsers.uid}`)
    await page.getByRole('link', { name: 'Teams' }).click()
    await fillSignIn(page, developer())
    await page.waitForURL(`${palisade.url}/t/acme/teams`)
  })

  test('by clicking: a project, a cluster by paste, a member with a role, the record of it', async () => {
    const page = await open(admin(), '/')
    await page.waitForURL('**/t/acme/start')
    await page.getByRole('link', { name: 'Projects', exact: true }).first().click()
    await page.getByRole('button', { name: 'New project' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('payments')
    await page.getByRole('textbox', { name: 'Description' }).fill('What pays')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: 'payments' }).waitFor()
    const project = new URL(page.url()).pathname.split('/').at(-1)

    await page.getByRole('link', { name: 'Clusters' }).last().click()
    await page.waitForURL(`**/t/acme/clusters?project=${project}`)
    await page.getByRole('button', { name: 'Import cluster' }).first().click()
    await page.getByRole('textbox', { name: 'Name' }).fill('west')
    await page.getByRole('textbox', { name: 'Kubeconfig' }).fill(kubernetes.kubeconfig(adminToken))
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await page.getByRole('heading', { name: 'west is ready' }).waitFor()
    await page.getByText('Made ServiceAccount palisade-system/palisade-impersonator').waitFor()
    await page.getByText('The kubeconfig was forgotten').waitFor()
    assert.match(await page.getByRole('region', { name: 'Commands' }).innerText(), /kubectl get pods/)
    await page.getByRole('link', { name: 'Open west' }).click()
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download kubeconfig' }).click()
    assert.equal((await download).suggestedFilename(), 'west.kubeconfig')

    await page.getByRole('link', { name: 'Members' }).click()
    await page.getByRole('button', { name: 'Invite' }).click()
    await page.getByRole('textbox', { name: 'E-mail' }).fill('grace@acme.test')
    await page.getByRole('textbox', { name: 'First name' }).fill('Grace')
    await page.getByRole('dialog').getByRole('button', { name: 'Invite' }).click()
    const link = await page.getByRole('region', { name: 'Link' }).innerText()
    assert.match(link, /^https:\/\/localhost:\d+\/.+\/\S{20,}$/)
    await page.getByRole('button', { name: 'Done' }).click()
    await page.getByRole('link', { name: 'Grace' }).click()
    await page.getByRole('tab', { name: 'Access' }).click()
    await page.getByRole('button', { name: 'Change roles' }).click()
    await page.getByRole('combobox', { name: 'In' }).click()
    await page.getByRole('option', { name: 'Project payments' }).click()
    await page.getByRole('combobox', { name: 'Roles' }).fill('Project Viewer')
    await page.getByRole('option', { name: 'Project Viewer' }).click()
    await page.getByText('Gains Project Viewer.').waitFor()
    await page.keyboard.press('Tab')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('link', { name: 'Project Viewer' }).waitFor()

    await page.getByRole('link', { name: 'Audit', exact: true }).first().click()
    await page.getByRole('link', { name: 'Audit', exact: true }).first().waitFor()
    await page.goto(`${palisade.url}/t/acme/audit`)
    await page.getByRole('link', { name: 'Cluster imported' }).first().click()
    await page.getByRole('dialog').getByText('cluster.imported').waitFor()
    assert.match(page.url(), /panel=[0-9a-f]{24}/)
  })

  test('the commands of a cluster do as they stand what they say, where nothing is known of this server', async () => {
    const page = await open(admin(), '/t/acme/clusters')
    await page.getByRole('row', { name: /west/ }).getByRole('cell', { name: '1.36.3', exact: true }).waitFor()
    await page.getByRole('link', { name: 'west' }).click()
    const home = await mkdtemp(join(tmpdir(), 'palisade-commands-'))
    try {
      const waiting = page.waitForEvent('download')
      await page.getByRole('link', { name: 'Download CA certificate' }).click()
      const ca = await waiting
      await ca.saveAs(join(home, ca.suggestedFilename()))
      assert.equal(await readFile(join(home, ca.suggestedFilename()), 'utf8'), palisade.caPem)
      const shown = await page.getByRole('region', { name: 'Command line', exact: true }).innerText()
      assert.match(shown, /^palisade login --url https:/)

      const desktop = await fakeDesktop(home)
      const PATH = `${join(root, 'cli')}:${desktop.env.PATH}`
      const options = { cwd: home, env: { ...desktop.env, PATH, HOME: home }, timeout: 60_000 }
      const typed = promisify(execFile)('sh', ['-ec', shown], options)
      const [ran] = await Promise.allSettled([
        typed,
        desktop.opened().then(async (address) => {
          await page.goto(address)
          await page.getByRole('button', { name: 'Continue' }).click()
          await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
        }),
      ])
      assert.ok(ran.status === 'fulfilled', String(ran.status === 'rejected' && ran.reason))
      const config = await readFile(join(home, '.kube/config'), 'utf8')
      assert.match(config, /^current-context: west$/m)
    } finally {
      await rm(home, { recursive: true })
    }
  })

  test('by keyboard alone: jump, filter, walk the rows, open, make, destroy by name', async () => {
    const page = await open(admin(), '/t/acme/start')
    const press = (...keys: string[]) =>
      keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve())
    await page.getByRole('heading', { name: 'What you can reach' }).waitFor()
    await press('Control+k')
    await page.getByRole('textbox', { name: 'Search or jump' }).waitFor()
    await page.keyboard.type('proj')
    await page.getByRole('button', { name: 'Projects' }).waitFor()
    await press('ArrowDown', 'Enter')
    await page.getByRole('heading', { level: 1, name: 'Projects' }).waitFor()
    await page.getByRole('link', { name: 'Default' }).waitFor()

    await tabTo(page, 'New project')
    await press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.type('scratch')
    await press('Enter')
    await page.getByRole('heading', { level: 1, name: 'scratch' }).waitFor()
    await tabTo(page, 'Delete')
    await press('Enter')
    await page.getByRole('textbox', { name: 'Type scratch to confirm' }).waitFor()
    assert.ok(
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).isDisabled(),
      'a name was not needed',
    )
    await page.keyboard.type('scratch')
    await press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Projects' }).waitFor()

    await tabTo(page, 'Filter projects by name')
    await page.keyboard.type('a')
    await page.waitForURL('**q=a')
    await page.getByText('2 projects').waitFor()
    await press('ArrowDown')
    assert.equal(await focused(page), 'Default')
    await press('ArrowDown')
    assert.equal(await focused(page), 'payments')
    await press('ArrowUp', 'ArrowDown', 'Enter')
    await page.getByRole('heading', { level: 1, name: 'payments' }).waitFor()
    await press('Shift+?')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await press('Escape')
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'hidden' })
  })

  test('why: a locked action and a refusal say which right, where, and what one holds', async () => {
    provoked.push(403)
    const page = await open(developer(), '/t/acme/projects')
    await page.getByRole('button', { name: 'New project · why?' }).first().click()
    const why = page.getByRole('dialog', { name: 'Why?' })
    await why.getByText('project.create').first().waitFor()
    await why.getByText('tenant acme').first().waitFor()
    await why.getByText('do not hold it').waitFor()
    await why.getByText('No role that carries it, here or elsewhere.').waitFor()
    await page.keyboard.press('Escape')

    await page.getByRole('link', { name: 'Members' }).click()
    const refusal = page.getByRole('alert')
    await refusal.getByText('This needs user.list in tenant acme.', { exact: true }).waitFor()
    await refusal.getByRole('button', { name: 'Why?', exact: true }).click()
    await why.getByText('user.list').first().waitFor()
    assert.match(await why.getByRole('region', { name: 'Request id' }).innerText(), /^[\w-]{8,}$/)
  })

  test('an unknown object, another tenant’s address, an address that leads nowhere', async () => {
    provoked.push(404)
    const page = await open(admin(), `/t/acme/clusters/${'0'.repeat(24)}`)
    await page.getByRole('alert').getByText('Not found').waitFor()
    const globex = await createTenant(palisade, 'globex')
    await page.goto(`${palisade.url}/t/globex/projects?q=pay`)
    await page.getByText('You are signed in to acme.').waitFor()
    await page.getByRole('link', { name: 'Back to acme' }).click()
    await page.waitForURL('**/t/acme/start')
    await page.goto(`${palisade.url}/t/globex/projects?q=pay`)
    await page.getByRole('button', { name: 'Sign in to globex' }).click()
    await fillSignIn(page, { email: globex.adminEmail, password: goodPassword })
    await page.waitForURL(`${palisade.url}/t/globex/projects?q=pay`)
    await page.getByRole('searchbox', { name: 'Filter projects by name' }).waitFor()
    await page.goto(`${palisade.url}/t/acme/start`)
    await page.getByRole('button', { name: 'Sign in to acme' }).click()
    await fillSignIn(page, admin())
    await page.waitForURL(`${palisade.url}/t/acme/start`)
    await page.goto(`${palisade.url}/t/acme/nothing`)
    await page.getByRole('heading', { name: 'No such page' }).waitFor()
  })

  test('a bigger place, as the pictures show it', async () => {
    const project = await paymentsUid()
    const clusters = [
      ['east', { env: 'dev', region: 'eu' }, adminToken],
      ['north', { env: 'prod', region: 'eu' }, adminToken],
      ['lab', { env: 'lab' }, limitedToken],
    ] as const
    for (const [name, labels, token] of clusters)
      await acme.admin.must('POST', '/v1/palisade/clusters', {
        project,
        body: { metadata: { name, labels }, spec: { kubeconfig: kubernetes.kubeconfig(token) } },
      })
    const person = async (firstName: string, lastName: string) =>
      (await createUser(palisade, acme, firstName.toLowerCase(), { firstName, lastName })).uid
    const [tom, noor, priya] = [
      await person('Tom', 'Berger'),
      await person('Noor', 'Haddad'),
      await person('Priya', 'Raman'),
    ]
    const { must } = acme.admin
    const team = async (name: string, users: string[]) =>
      (await must('POST', '/v1/teams', { body: { metadata: { name }, spec: { users } } })).uid
    const give = (...roles: Parameters<typeof predefinedRole>[0][]) => roles.map((role) => predefinedRole(role).uid)
    const inProject = (...roles: Parameters<typeof predefinedRole>[0][]) => ({
      body: { projects: [{ projectUid: project, roles: give(...roles) }] },
    })
    await must('PUT', `/v1/teams/${await team('platform', [dev.uid, tom])}/projects`, inProject('Cluster Editor'))
    await must('PUT', `/v1/teams/${await team('security', [noor])}/roles`, {
      body: { roles: give('Tenant Viewer') },
    })
    await must('PUT', `/v1/users/${dev.uid}/projects`, inProject('Project Viewer'))
    const filterGroup = { conjunction: 'and', filters: [{ key: 'env', operator: 'eq', values: ['prod'] }] }
    const filter = await must('POST', '/v1/filters/tag', {
      body: { metadata: { name: 'production' }, spec: { filterGroup } },
    })
    for (const [uid, role] of [
      [dev.uid, 'Resource Cluster Viewer'],
      [priya, 'Resource Cluster Editor'],
    ] as const)
      await must('POST', `/v1/users/${uid}/resourceRoles`, {
        body: { projectUids: [project], filterRefs: [filter.uid], roles: give(role) },
      })
    const ends = new Date(Date.now() + 90 * 24 * 3_600_000).toISOString()
    for (const [name, expiry] of [
      ['terraform', undefined],
      ['nightly-report', ends],
    ])
      await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name }, spec: { expiry } } })
    for (const [orgName, firstName] of [
      ['umbrella', 'Uma'],
      ['hooli', 'Gavin'],
    ] as const)
      await palisade.system.must('POST', '/v1/tenants', {
        body: { spec: { orgName, firstName, emailId: `${firstName.toLowerCase()}@${orgName}.test` } },
      })
    await refused()
    const page = await open(admin(), '/t/acme/start')
    await page.getByText('Needs bindings').first().waitFor()
  })

  test('a tag narrows the list of clusters, and stands in the address', async () => {
    const page = await open(admin(), '/t/acme/clusters')
    const rows = page.getByRole('table', { name: 'Clusters' }).getByRole('link')
    const tag = page.getByRole('searchbox', { name: 'Tag' })
    await tag.fill('env:prod')
    await tag.press('Enter')
    await page.waitForURL('**/t/acme/clusters?tag=env%3Aprod*')
    await page.getByText('1 cluster', { exact: true }).waitFor()
    assert.deepEqual(await rows.allTextContents(), ['north'])
    await tag.fill('region')
    await tag.press('Enter')
    await page.getByText('2 clusters', { exact: true }).waitFor()
    assert.deepEqual(await rows.allTextContents(), ['east', 'north'], 'whatever its value')
    await tag.fill('nowhere')
    await tag.press('Enter')
    await page.getByText('Nothing matches. Clear the filter to see everything.').waitFor()
  })

  for (const theme of themes)
    test(`axe finds nothing, and the pictures: ${theme}`, async () => {
      await elsewhere()
      let page = await open(admin(), '/t/acme/start', { theme })
      const cluster = await clusterNamed('north')
      const { items: roles } = await acme.admin.must('GET', '/v1/roles?limit=0')
      const roleUid = (name: string) =>
        roles.find((role: { metadata: { name: string } }) => role.metadata.name === name).metadata.uid
      const { items: teams } = await acme.admin.must('GET', '/v1/teams')
      const team = teams[0].metadata.uid
      const project = await paymentsUid()
      await refused()
      const audits = await acme.admin.must('GET', '/v1/audits?limit=1&resourceKind=spectrocluster')
      const places: readonly (readonly [string, string])[] = [
        ['start', 'start'],
        ['projects', 'projects'],
        ['clusters', 'clusters'],
        ['project', `projects/${project}`],
        ['project-access', `projects/${project}?tab=access`],
        ['cluster', `clusters/${cluster.metadata.uid}`],
        ['cluster-access', `clusters/${cluster.metadata.uid}?tab=access`],
        ['cluster-audit', `clusters/${cluster.metadata.uid}?tab=audit`],
        ['import', 'clusters/import'],
        ['members', 'users'],
        ['invite', 'users?panel=new'],
        ['member', `users/${dev.uid}`],
        ['member-access', `users/${dev.uid}?tab=access`],
        ['member-audit', `users/${dev.uid}?tab=audit`],
        ['teams', 'teams'],
        ['team', `teams/${team}`],
        ['team-access', `teams/${team}?tab=access`],
        ['roles', 'roles?scope=project'],
        ['role', `roles/${roleUid('Project Viewer')}`],
        ['compare', `roles/${roleUid('Project Editor')}?with=${roleUid('Project Viewer')}&only=differing`],
        ['audit', 'audit'],
        ['audit-filtered', 'audit?state=refused'],
        ['beyond', 'audit?page=99'],
        ['other-tenant', '../globex/start'],
        ['lost', 'nowhere'],
        ['audit-entry', `audit?panel=${audits.items[0].metadata.uid}`],
        ['keys', 'keys'],
        ['sessions', 'sessions'],
      ]
      const see = async (name: string) => {
        found.push(...(await look(page, name, theme)))
        await show(page, { width: widths.narrow })
        if (!(await fits(page))) found.push(`${name} is wider than a telephone`)
        // Colours are the same at every width: what axe says of the rest is asked in one theme.
        const isPicture = narrowPictures[name] === theme
        if (isPicture || theme === 'dark') found.push(...(await look(page, `${name}-narrow`, theme, isPicture)))
        await show(page, { width: widths.wide })
      }
      for (const [name, path] of places) {
        await page.goto(`${palisade.url}/t/acme/${path}`)
        await see(name)
        assert.equal(await page.getByText(failed).count(), 0, `${name} shows a failure`)
      }
      await page.goto(`${palisade.url}/t/acme/clusters`)
      await page.getByRole('link', { name: 'west' }).waitFor()
      await page.keyboard.press('Control+k')
      await page.getByRole('textbox', { name: 'Search or jump' }).fill('no')
      await page.getByRole('button', { name: 'north' }).waitFor()
      await page.getByRole('button', { name: 'Noor Haddad' }).waitFor()
      found.push(...(await look(page, 'jump', theme)))

      await opened?.context.close()

      provoked.push(403)
      page = await open(developer(), '/t/acme/users', { theme })
      await page.getByRole('button', { name: 'Why?', exact: true }).click()
      await page.getByText('No role that carries it').waitFor()
      await see('why')
    })

  /** What a developer did on a cluster, and what she may not. */
  async function refused(): Promise<void> {
    const { metadata } = await clusterNamed('north')
    await dev.api.must('GET', `/v1/spectroclusters/${metadata.uid}/assets/kubeconfig`)
    for (const [method, path] of [
      ...[['GET', '/v1/users'] as const, ['GET', '/v1/teams'] as const],
      ...[
        ['DELETE', `/v1/spectroclusters/${metadata.uid}`] as const,
        ['DELETE', `/v1/projects/${await paymentsUid()}`] as const,
      ],
    ])
      assert.equal((await dev.api.call(method, path)).status, 403, `${method} ${path}`)
  }

  /** One person in several programs, each on a machine of its own; what the tests before left open is ended. */
  async function elsewhere(): Promise<void> {
    const signInWith = async (userAgent: string, address: string) => {
      const { Authorization } = await palisade.api.must('POST', '/v1/auth/authenticate', {
        body: { emailId: acme.adminEmail, password: goodPassword, org: acme.org },
        headers: { 'user-agent': userAgent, 'x-forwarded-for': address },
      })
      return palisade.api.as({ token: Authorization })
    }
    acme = { ...acme, admin: await signInWith('HashiCorp Terraform/1.14.0 (linux_amd64)', '198.51.100.24') }
    const { items } = await acme.admin.must('GET', '/v1/palisade/sessions')
    for (const { uid, current } of items) if (!current) await acme.admin.must('DELETE', `/v1/palisade/sessions/${uid}`)
    const webKit = 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0'
    await signInWith('Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', '203.0.113.71')
    await signInWith(`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webKit} Safari/605.1.15`, '203.0.113.71')
    await signInWith(
      `Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) ${webKit} Mobile/15E148 Safari/604.1`,
      '192.0.2.130',
    )
    await signInWith('palisade-cli', '203.0.113.71')
  }

  for (const theme of themes)
    test(`narrow, and the system’s console: ${theme}`, async () => {
      let page = await open(admin(), '/t/acme/clusters', { theme, width: 390 })
      await page.getByRole('link', { name: 'west' }).waitFor()
      assert.ok(await fits(page), 'the page is wider than the screen')
      found.push(...(await look(page, 'clusters-narrow', theme)))
      await page.getByRole('button', { name: 'Open navigation' }).click()
      await page.getByRole('dialog').getByRole('link', { name: 'Roles' }).click()
      await page.getByRole('heading', { level: 1, name: 'Roles' }).waitFor()
      await opened?.context.close()

      page = await open(operator(), '/', { theme })
      await page.waitForURL('**/t/system/tenants')
      await page.getByRole('link', { name: 'acme', exact: true }).waitFor()
      found.push(...(await look(page, 'tenants', theme)))
      await page.getByRole('button', { name: 'New tenant' }).click()
      const org = { light: 'initech', dark: 'stark' }[theme]
      await page.getByRole('textbox', { name: 'Name', exact: true }).fill(org)
      await page.getByRole('textbox', { name: 'First name' }).fill('Gil')
      await page.getByRole('textbox', { name: 'E-mail' }).fill(`gil@${org}.test`)
      await page.getByRole('button', { name: 'Create', exact: true }).click()
      await page
        .getByRole('dialog', { name: `Tenant ${org}` })
        .getByRole('region', { name: 'Link' })
        .waitFor()
    })

  test('pages of a list: in the address, cut by the server', async () => {
    for (let i = 0; i < 120; i += 20)
      await Promise.all(
        Array.from({ length: 20 }, (_, j) =>
          acme.admin.must('POST', '/v1/projects', {
            body: { metadata: { name: `team-${String(i + j).padStart(3, '0')}` } },
          }),
        ),
      )
    const page = await open(admin(), '/t/acme/projects?page=2&sort=name&q=team')
    await page.getByText('51–100 of 120').waitFor()
    assert.equal(await page.locator('tbody tr').count(), 50)
    await page.getByRole('button', { name: 'Next page' }).click()
    await page.waitForURL(/page=3/)
    await page.getByText('101–120 of 120').waitFor()
    await page.getByRole('link', { name: 'team-119' }).waitFor()
    assert.equal(await page.locator('tbody tr').count(), 20)
    await page.goto(`${palisade.url}/t/acme/projects?page=9&sort=name&q=team`)
    await page.getByText('There is no page 9').waitFor()
    await page.getByRole('button', { name: 'To the last page' }).click()
    await page.getByText('101–120 of 120').waitFor()
  })

  test('the theme can be chosen, and signing out ends the session', async () => {
    const page = await open(admin(), '/t/acme/start')
    const theme = () => page.evaluate('document.documentElement.dataset.mantineColorScheme')
    assert.equal(await theme(), 'light')
    await page.getByRole('button', { name: 'Use the dark theme' }).click()
    assert.equal(await theme(), 'dark')
    await page.reload()
    await page.getByRole('heading', { level: 1 }).waitFor()
    assert.equal(await theme(), 'dark')
    await page.getByRole('button', { name: /^Account / }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.deepEqual(
      (await page.context().cookies()).filter(({ name }) => name === '__Host-palisade'),
      [],
    )
    await page.goto(`${palisade.url}/t/acme/start`)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })
})
