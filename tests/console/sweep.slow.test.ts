import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { Agent, request } from 'undici'
import { adminToken, type FakeKubernetes, limitedToken, startFakeKubernetes } from '../support/fake-kubernetes.ts'
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
import { assertNoComplaints, noBrowser, type Opened, openPage, startBrowser } from './browser.ts'
import { fits, focused, look, show, tabTo, themes, widths } from './look.ts'
import { signIn } from './sign-in.ts'

// Every dialog and panel, on a telephone as on a desk: opened by keys, without a finding of axe in either theme, closed by Escape, which
// leads back to where one was. Then what they are for, by keyboard alone to the end.

type Who = 'admin' | 'system'
/** A page, and the dialog or panel that something on it opens. */
type Surface = {
  readonly path: string
  readonly opens?: { readonly by: string | RegExp; readonly dialog: string | RegExp; readonly below?: Surface['opens'] }
}

describe('the whole console', { skip: noBrowser }, () => {
  let family: ProcessFamily
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let browser: Browser
  let watches: Agent
  let acme: Tenant
  let opened: Opened | undefined
  /** What the tables below are about. */
  const uid = { dev: '', invited: '', team: '', cluster: '', role: '', other: '', entry: '', tenant: '' }

  before(async () => {
    family = await createProcessFamily('sweep')
    ;[palisade, kubernetes, browser] = await Promise.all([
      startPalisade({ family }),
      startFakeKubernetes(),
      startBrowser(),
    ])
    kubernetes.intercept = ({ path }) => (path.includes('watch=1') ? 'endless' : undefined)
    watches = new Agent({ connect: { ca: palisade.caPem }, bodyTimeout: 0 })
    acme = await createTenant(palisade, 'acme')
    uid.dev = (await createUser(palisade, acme, 'dev')).uid
    const { admin } = acme
    const body = { spec: { emailId: 'nina@acme.test', firstName: 'Nina' } }
    uid.invited = (await admin.must('POST', '/v1/users', { body })).uid
    uid.team = (
      await admin.must('POST', '/v1/teams', { body: { metadata: { name: 'platform' }, spec: { users: [uid.dev] } } })
    ).uid
    uid.cluster = await importCluster('west', adminToken)
    await admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'terraform' } } })
    const { items: roles } = await admin.must('GET', '/v1/roles?limit=0')
    const roleUid = (name: string) =>
      roles.find((role: { metadata: { name: string } }) => role.metadata.name === name).metadata.uid
    uid.role = roleUid('Project Editor')
    uid.other = roleUid('Project Viewer')
    uid.entry = (await admin.must('GET', '/v1/audits?limit=1')).items[0].metadata.uid
    uid.tenant = (
      await palisade.system.must('POST', '/v1/tenants', {
        body: { spec: { orgName: 'globex', firstName: 'Gil', emailId: 'gil@globex.test' } },
      })
    ).uid
    await watch()
  })
  after(async () => {
    await browser?.close()
    await watches?.destroy()
    await palisade?.stop()
    await kubernetes?.close()
    await family?.stop()
  })
  afterEach(async () => {
    const complaints = opened?.complaints ?? []
    await opened?.context.close()
    opened = undefined
    assertNoComplaints(complaints)
  })

  const importCluster = async (name: string, token: string): Promise<string> =>
    (
      await acme.admin.must('POST', '/v1/palisade/clusters', {
        project: acme.defaultProject,
        body: { metadata: { name }, spec: { kubeconfig: kubernetes.kubeconfig(token) } },
      })
    ).uid

  const streams = async (): Promise<{ readonly uid: string }[]> =>
    (await acme.admin.must('GET', `/v1/palisade/clusters/${uid.cluster}/streams`)).items

  /** A watch that goes on until somebody ends it, of a session that is the administrator's too but not the browser's. */
  async function watch(): Promise<void> {
    const body = { emailId: acme.adminEmail, password: goodPassword, org: 'acme' }
    const { Authorization } = await palisade.api.must('POST', '/v1/auth/authenticate', { body })
    const before = (await streams()).length
    await request(`${palisade.url}/k8s/clusters/${uid.cluster}/api/v1/pods?watch=1`, {
      dispatcher: watches,
      headers: { authorization: `Bearer ${Authorization}` },
    })
    await until('the watch', async () => ((await streams()).length > before ? true : undefined))
  }

  async function open(who: Who, path: string, options: Partial<Parameters<typeof openPage>[1]> = {}): Promise<Page> {
    await opened?.context.close()
    opened = await openPage(browser, { theme: 'light', ...options })
    const person =
      who === 'system'
        ? { ...palisade.administrator, system: true }
        : { email: acme.adminEmail, password: goodPassword, org: 'acme' }
    await signIn(opened.page, palisade.url + path, person)
    return opened.page
  }

  /** By keyboard: to what opens it, and until it has the focus. */
  async function openDialog(page: Page, by: string | RegExp, name: string | RegExp) {
    await tabTo(page, by)
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name, ...(typeof name === 'string' ? { exact: true } : {}) })
    await dialog.waitFor()
    await dialog.locator(':focus').waitFor()
    return dialog
  }

  const surfaces = (who: Who): readonly Surface[] =>
    who === 'system'
      ? [
          { path: '/t/system/tenants', opens: { by: 'New tenant', dialog: 'New tenant' } },
          {
            path: '/t/system/tenants',
            opens: {
              by: 'globex',
              dialog: 'Tenant globex',
              below: { by: 'Switch off', dialog: 'Switch off tenant globex' },
            },
          },
          {
            path: `/t/system/tenants?panel=${uid.tenant}`,
            opens: { by: 'New invitation', dialog: 'New invitation to globex' },
          },
          { path: `/t/system/tenants?panel=${uid.tenant}`, opens: { by: 'Delete', dialog: 'Delete tenant globex' } },
          { path: '/t/system/audit' },
          { path: '/t/system/sessions', opens: { by: /^End .*this session$/, dialog: 'End this session' } },
        ]
      : [
          { path: '/t/acme/start', opens: { by: /^Account /, dialog: 'Keys' } },
          { path: '/t/acme/projects', opens: { by: 'New project', dialog: 'New project' } },
          { path: `/t/acme/projects/${acme.defaultProject}`, opens: { by: 'Rename', dialog: 'Rename Default' } },
          {
            path: `/t/acme/projects/${acme.defaultProject}`,
            opens: { by: 'Description and labels', dialog: 'Description and labels of Default' },
          },
          {
            path: `/t/acme/projects/${acme.defaultProject}`,
            opens: { by: 'Delete', dialog: 'Delete project Default' },
          },
          { path: '/t/acme/teams', opens: { by: 'New team', dialog: 'New team' } },
          { path: `/t/acme/teams/${uid.team}`, opens: { by: 'Rename', dialog: 'Rename platform' } },
          { path: `/t/acme/teams/${uid.team}`, opens: { by: 'Add members', dialog: 'Add members to platform' } },
          {
            path: `/t/acme/teams/${uid.team}`,
            opens: { by: 'Remove dev Test from platform', dialog: 'Remove dev Test from platform' },
          },
          { path: `/t/acme/teams/${uid.team}`, opens: { by: 'Delete', dialog: 'Delete team platform' } },
          {
            path: `/t/acme/teams/${uid.team}?tab=access`,
            opens: { by: 'Change roles', dialog: 'Roles of platform' },
          },
          { path: '/t/acme/users', opens: { by: 'Invite', dialog: 'Invite a member' } },
          {
            path: `/t/acme/users/${uid.dev}`,
            opens: { by: 'New password link', dialog: 'New password link for dev Test' },
          },
          { path: `/t/acme/users/${uid.dev}`, opens: { by: 'Switch off', dialog: 'Switch off member dev Test' } },
          { path: `/t/acme/users/${uid.dev}`, opens: { by: 'Remove', dialog: 'Remove member dev Test' } },
          { path: `/t/acme/users/${uid.invited}`, opens: { by: 'New invitation', dialog: 'New invitation for Nina' } },
          { path: '/t/acme/clusters' },
          { path: '/t/acme/clusters/import' },
          { path: `/t/acme/clusters/${uid.cluster}`, opens: { by: 'Rename', dialog: 'Rename west' } },
          { path: `/t/acme/clusters/${uid.cluster}`, opens: { by: 'Change tags', dialog: 'Tags of west' } },
          { path: `/t/acme/clusters/${uid.cluster}`, opens: { by: 'Remove', dialog: 'Remove cluster west' } },
          { path: `/t/acme/clusters/${uid.cluster}?tab=access`, opens: { by: 'Can I, and why?', dialog: 'Why?' } },
          { path: `/t/acme/clusters/${uid.cluster}?tab=audit` },
          {
            path: `/t/acme/clusters/${uid.cluster}?tab=streams`,
            opens: { by: /^End: /, dialog: 'End this stream' },
          },
          {
            path: `/t/acme/clusters/${uid.cluster}?tab=streams`,
            opens: { by: /^End session: /, dialog: 'End this session' },
          },
          { path: '/t/acme/roles' },
          { path: `/t/acme/roles/${uid.role}`, opens: { by: 'Clone', dialog: 'Clone Project Editor' } },
          { path: '/t/acme/roles/new' },
          { path: '/t/acme/filters', opens: { by: 'New filter', dialog: 'New filter' } },
          { path: '/t/acme/filters?tab=who-can' },
          { path: `/t/acme/roles/${uid.role}?with=${uid.other}&only=differing` },
          { path: '/t/acme/keys', opens: { by: 'New API key', dialog: 'New API key' } },
          { path: '/t/acme/keys', opens: { by: 'Switch off terraform', dialog: 'Switch off API key terraform' } },
          { path: '/t/acme/keys', opens: { by: 'Delete terraform', dialog: 'Delete API key terraform' } },
          { path: '/t/acme/requests', opens: { by: 'Ask for a role', dialog: 'Ask for a role' } },
          { path: '/t/acme/audit', opens: { by: 'Verify an export', dialog: 'Verify an export' } },
          { path: `/t/acme/audit?panel=${uid.entry}` },
          { path: '/t/acme/audit', opens: { by: 'API key created', dialog: 'Audit entry' } },
          { path: '/t/acme/sessions', opens: { by: /^End .*this session$/, dialog: 'End this session' } },
          { path: '/t/acme/nowhere' },
        ]

  for (const who of ['admin', 'system'] as const)
    for (const width of Object.values(widths))
      test(`each page and dialog by keys, ${who}, ${width} px, in both themes`, async () => {
        const page = await open(who, who === 'system' ? '/t/system/tenants' : '/t/acme/start', { width })
        const found: string[] = []
        const judged = new Set<string>()
        const judge = async (name: string) => {
          // A page of several dialogs once.
          if (judged.has(name)) return
          judged.add(name)
          for (const theme of themes) {
            await show(page, { theme })
            found.push(...(await look(page, `${name} at ${width} px`, theme, false)))
          }
          if (!(await fits(page))) found.push(`${name} is wider than ${width} px`)
        }
        for (const { path, opens } of surfaces(who)) {
          await page.goto(palisade.url + path)
          await judge(path)
          if (!opens) continue
          if (opens.dialog === 'Keys') {
            await page.keyboard.press('Shift+?')
            await page.getByRole('dialog', { name: 'Keys' }).locator(':focus').waitFor()
            await judge('the keys')
            await page.keyboard.press('Escape')
            await page.getByRole('dialog').waitFor({ state: 'hidden' })
            continue
          }
          const dialog = await openDialog(page, opens.by, opens.dialog)
          await judge(`${opens.dialog} on ${path}`)
          if (opens.below) {
            const below = await openDialog(page, opens.below.by, opens.below.dialog)
            await judge(`${opens.below.dialog} on ${path}`)
            await page.keyboard.press('Escape')
            await below.waitFor({ state: 'hidden' })
            assert.ok(await dialog.isVisible(), `${opens.below.dialog}: Escape closed what is below it`)
          }
          await page.keyboard.press('Escape')
          await dialog.waitFor({ state: 'hidden' })
          const back = await until('the focus to be back', async () => String(await focused(page)) || undefined)
          if (typeof opens.by === 'string' ? back !== opens.by : !opens.by.test(back))
            found.push(`${opens.dialog} on ${path}: the focus went to "${back.slice(0, 40)}"`)
        }
        assert.deepEqual(found, [])
      })

  /** What a dialog is for, by keys alone. `types` fills what has the focus and sends it; without it `act` is pressed. */
  type Deed = {
    readonly path: () => string
    readonly by: string | RegExp
    readonly dialog: string | RegExp
    readonly types?: string
    readonly act?: string
    /** What is to be seen when it is done. */
    readonly shows: (page: Page) => Promise<unknown>
  }
  const heading = (name: string) => (page: Page) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor()
  const text = (what: string | RegExp) => (page: Page) => page.getByText(what).first().waitFor()

  const deeds: readonly Deed[] = [
    ...[
      { path: () => '/t/acme/teams', by: 'New team', dialog: 'New team', types: 'night', shows: heading('night') },
      { path: () => made, by: 'Rename', dialog: 'Rename night', types: 'day', shows: heading('day') },
      { path: () => made, by: 'Delete', dialog: 'Delete team day', types: 'day', shows: heading('Teams') },
    ],
    {
      path: () => `/t/acme/teams/${uid.team}`,
      ...{ by: 'Remove dev Test from platform', dialog: 'Remove dev Test from platform', act: 'Remove' },
      shows: text('Nobody yet. Who joins holds what the team holds.'),
    },
    ...[
      {
        by: 'New password link',
        dialog: 'New password link for dev Test',
        act: 'Make a link',
        shows: text(/works until/),
      },
      { by: 'Switch off', dialog: 'Switch off member dev Test', types: 'dev Test', shows: text('Switched off') },
      { by: 'Switch on', dialog: 'Switch on dev Test', act: 'Switch on', shows: text(/^Active/) },
      { by: 'Remove', dialog: 'Remove member dev Test', types: 'dev Test', shows: heading('Members') },
    ].map((deed) => ({ path: () => `/t/acme/users/${uid.dev}`, ...deed })),
    {
      path: () => `/t/acme/clusters/${uid.cluster}?tab=streams`,
      ...{ by: /^End: /, dialog: 'End this stream', act: 'End' },
      shows: text('Nothing runs through Palisade on this cluster now.'),
    },
    ...[
      { by: 'Rename', dialog: 'Rename west', types: 'east', shows: heading('east') },
      { by: 'Remove', dialog: 'Remove cluster east', types: 'east', shows: heading('Clusters') },
    ].map((deed) => ({ path: () => `/t/acme/clusters/${uid.cluster}`, ...deed })),
  ]
  const systemDeeds: readonly Deed[] = [
    { by: 'New invitation', dialog: 'New invitation to globex', act: 'Invite again', shows: text(/It works until/) },
    { by: 'Switch off', dialog: 'Switch off tenant globex', types: 'globex', shows: text('Switched off') },
    { by: 'Switch on', dialog: 'Switch on tenant globex', types: 'globex', shows: text('Active') },
    { by: 'Delete', dialog: 'Delete tenant globex', types: 'globex', shows: text('Being deleted') },
  ].map((deed) => ({ path: () => `/t/system/tenants?panel=${uid.tenant}`, ...deed }))
  /** Where the object is that the deed before made. */
  let made = ''

  for (const [who, all] of [
    ['admin', deeds],
    ['system', systemDeeds],
  ] as const)
    test(`what dialogs are for is done by keys alone, ${who}`, async () => {
      const page = await open(who, who === 'system' ? '/t/system/tenants' : '/t/acme/start')
      for (const { path, by, dialog, types, act, shows } of all) {
        await page.goto(palisade.url + path())
        const shown = await openDialog(page, by, dialog)
        if (types !== undefined) {
          await page.keyboard.press('Control+a')
          await page.keyboard.type(types)
        } else await tabTo(page, act ?? '')
        await page.keyboard.press('Enter')
        await shown.waitFor({ state: 'hidden' })
        await shows(page)
        made = new URL(page.url()).pathname
      }
    })

  test('roles are compared, and only what differs is shown, by keys alone', async () => {
    const page = await open('admin', `/t/acme/roles/${uid.role}`)
    await tabTo(page, 'Compare with')
    await page.keyboard.type('Project Viewer')
    await page.getByRole('option', { name: 'Project Viewer', exact: true }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('columnheader', { name: 'Project Viewer' }).waitFor()
    const rows = page.locator('tbody tr')
    const before = await rows.count()
    await tabTo(page, 'Only what differs')
    await page.keyboard.press('Space')
    await page.waitForURL(/only=differing/)
    await until('fewer rows', async () => ((await rows.count()) < before ? true : undefined))
  })

  for (const theme of themes)
    test(`the navigation of a narrow screen, and what an import and a first user come to: ${theme}`, async () => {
      const found: string[] = []
      let page = await open('admin', '/t/acme/start', { theme, width: 390 })
      await openDialog(page, 'Open navigation', 'acme')
      found.push(...(await look(page, 'navigation', theme, false)))
      await tabTo(page, 'Teams')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'Teams' }).waitFor()
      await page.getByRole('dialog').waitFor({ state: 'hidden' })

      await page.goto(`${palisade.url}/t/acme/clusters/import`)
      for (const [name, token] of [
        ['whole', adminToken],
        ['partly', limitedToken],
      ] as const) {
        await page.goto(`${palisade.url}/t/acme/clusters/import`)
        await tabTo(page, 'Name')
        await page.keyboard.type(`${name}-${theme}`)
        await tabTo(page, 'Kubeconfig')
        await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(kubernetes.kubeconfig(token))})`)
        await page.keyboard.press('Control+v')
        await tabTo(page, 'Import')
        await page.keyboard.press('Enter')
        await page.getByRole('heading', { level: 1, name: `Import ${name}-${theme}` }).waitFor()
        found.push(...(await look(page, `import-${name}`, theme, false)))
        assert.ok(await fits(page), `what the import of ${name} came to is wider than the screen`)
      }

      page = await open('system', '/t/system/tenants', { theme, width: 390 })
      await openDialog(page, 'New tenant', 'New tenant')
      for (const [field, value] of [
        ['Name', `initech-${theme}`],
        ['First name', 'Peter'],
        ['E-mail', 'peter@initech.test'],
      ] as const) {
        await tabTo(page, field)
        await page.keyboard.type(value)
      }
      await page.keyboard.press('Enter')
      await page
        .getByRole('dialog', { name: `Tenant initech-${theme}` })
        .getByRole('region', { name: 'Link' })
        .waitFor()
      found.push(...(await look(page, 'first-user', theme, false)))
      assert.ok(await fits(page), 'the first user’s link is wider than the screen')
      assert.deepEqual(found, [])
    })
})
