import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { environment, passwordIn, type Run, readiness, root, startRun } from '../e2e/program.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, startBrowser } from './browser.ts'
import { look, show, themes } from './look.ts'
import { fillSignIn, isSignIn, signIn } from './sign-in.ts'

// The whole story by clicking, from the password that the first start prints to kubectl's refusal in the audit page: the
// program as `npm start` starts it, a real cluster, real kubectl, and a browser for each person.

const skip = noBrowser ?? (await clusterSkipReason())
const password = 'A-good-Passw0rd-here'

describe('the story by clicking', { skip }, () => {
  let family: ProcessFamily
  let cluster: Cluster
  let browser: Browser
  let run: Run
  let url: string
  /** A browser of their own for each person. */
  const people: Record<'root' | 'ada' | 'dev', Opened | undefined> = { root: undefined, ada: undefined, dev: undefined }
  const found: string[] = []
  let kubeconfig: string
  let tenantLink: string
  let invitation: string

  before(async () => {
    family = await createProcessFamily('story-by-clicking')
    const env = { ...(await environment(join(family.folder, 'data'))), npm_config_update_notifier: 'false' }
    ;[run, cluster, browser] = await Promise.all([
      startRun(
        family,
        { PATH: process.env.PATH ?? '', HOME: family.folder, ...env },
        { command: ['npm', 'start'], cwd: root },
      ),
      startCluster({ name: 'west' }),
      startBrowser(),
    ])
    url = (await run.says(readiness))[1] ?? ''
    await cluster.createPod('shop', 'web')
  })
  after(async () => {
    await browser?.close()
    await family?.stop()
    await cluster?.stop()
  })
  afterEach(() => {
    assert.deepEqual(found.splice(0), [], 'axe found something')
    const complaints = Object.values(people).flatMap((one) => one?.complaints.splice(0) ?? [])
    // A session that is not there yet, as the browser itself writes it.
    assertNoComplaints(complaints)
  })

  async function sitDown(who: keyof typeof people): Promise<Page> {
    people[who] = await openPage(browser, { theme: 'light' })
    return people[who].page
  }
  const at = (who: keyof typeof people): Page => people[who]?.page ?? assert.fail(`${who} has no browser yet`)
  const picture = async (page: Page, name: string) => {
    for (const theme of themes.toReversed()) {
      await show(page, { theme })
      found.push(...(await look(page, `story-${name}`, theme)))
    }
  }
  const kubectl = (...args: string[]) => cluster.kubectl(args, { kubeconfig })

  /** Opens a link that was handed over, sets the password, and goes on to the console. */
  async function activate(page: Page, link: string, email: string): Promise<void> {
    await page.goto(link)
    await page.getByRole('heading', { name: 'Welcome: choose a password' }).waitFor()
    assert.equal(await page.getByLabel('E-mail').inputValue(), email)
    await page.getByLabel('New password').fill(password)
    await page.getByLabel('The same again').fill(password)
    await page.getByRole('button', { name: 'Set the password' }).click()
    await page.getByRole('link', { name: 'Sign in' }).click()
    await fillSignIn(page, { email, password })
    await page.waitForURL((address) => !isSignIn(address))
  }

  const go = (page: Page, name: string) =>
    page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click()

  const choose = async (page: Page, field: string, option: string) => {
    await page.getByRole('combobox', { name: field }).click()
    await page.getByRole('option', { name: option, exact: true }).click()
  }

  test('with the printed password the system administrator makes a tenant', async () => {
    const printed = await passwordIn(run)
    const page = await sitDown('root')
    await signIn(page, url, { email: 'admin@palisade.local', password: printed, system: true })
    await page.getByRole('heading', { level: 1, name: 'Tenants' }).waitFor()
    await page.getByRole('button', { name: 'New tenant' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('acme')
    await dialog.getByRole('textbox', { name: 'First name' }).fill('Ada')
    await dialog.getByRole('textbox', { name: 'Last name' }).fill('Lovelace')
    await dialog.getByRole('textbox', { name: 'E-mail' }).fill('ada@acme.example')
    await dialog.getByRole('button', { name: 'Create' }).click()
    const link = page.getByRole('region', { name: 'Link' })
    tenantLink = await link.innerText()
    await picture(page, '1-tenant')
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('row', { name: /acme/ }).waitFor()
  })

  test('its administrator sets a password in a browser of her own, and is shown the first steps', async () => {
    const page = await sitDown('ada')
    await activate(page, tenantLink, 'ada@acme.example')
    await page.getByRole('heading', { level: 1, name: 'Hello Ada' }).waitFor()
    await page.getByRole('heading', { name: 'First steps' }).waitFor()
    await picture(page, '2-first-steps')
  })

  test('she makes a project, invites a developer, makes a team and gives it Cluster Viewer', async () => {
    const page = at('ada')
    await go(page, 'Projects')
    await page.getByRole('button', { name: 'New project' }).click()
    await page.getByRole('dialog').getByRole('textbox', { name: 'Name', exact: true }).fill('payments')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: 'payments' }).waitFor()

    await go(page, 'Members')
    await page.getByRole('button', { name: 'Invite' }).click()
    const invite = page.getByRole('dialog')
    await invite.getByRole('textbox', { name: 'E-mail' }).fill('dev@acme.example')
    await invite.getByRole('textbox', { name: 'First name' }).fill('Devi')
    await invite.getByRole('button', { name: 'Invite' }).click()
    invitation = await page.getByRole('region', { name: 'Link' }).innerText()
    await page.getByRole('button', { name: 'Done' }).click()

    await go(page, 'Teams')
    await page.getByRole('button', { name: 'New team' }).first().click()
    await page.getByRole('dialog').getByRole('textbox', { name: 'Name', exact: true }).fill('developers')
    await choose(page, 'Members', 'Devi (dev@acme.example)')
    await page.keyboard.press('Tab')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { level: 1, name: 'developers' }).waitFor()
    await page.getByRole('tab', { name: 'Access' }).click()
    await page.getByRole('button', { name: 'Change roles' }).click()
    await choose(page, 'In', 'Project payments')
    await choose(page, 'Roles', 'Cluster Viewer')
    await page.getByText('Gains Cluster Viewer.').waitFor()
    await page.keyboard.press('Tab')
    await picture(page, '3-roles')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('link', { name: 'Cluster Viewer' }).waitFor()
  })

  test('she imports a cluster by pasting its kubeconfig, and reads what was made on it', async () => {
    const page = at('ada')
    await page.getByRole('combobox', { name: 'Project' }).click()
    await page.getByRole('option', { name: 'payments' }).click()
    await go(page, 'Clusters')
    await page.getByRole('button', { name: 'Import cluster' }).first().click()
    await page.getByRole('textbox', { name: 'Name' }).fill('west')
    await page.getByRole('textbox', { name: 'Kubeconfig' }).fill(cluster.adminKubeconfigText)
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await page.getByRole('heading', { name: 'west is ready' }).waitFor()
    await picture(page, '4-imported')
  })

  test('the developer activates, signs in, sees the cluster, and downloads a kubeconfig that kubectl reads with', async () => {
    const page = await sitDown('dev')
    await activate(page, invitation, 'dev@acme.example')
    await page.getByRole('heading', { level: 1, name: 'Hello Devi' }).waitFor()
    await page.getByRole('link', { name: 'west' }).click()
    await page.getByRole('region', { name: 'Commands' }).getByText('kubectl get pods').waitFor()
    await picture(page, '5-developer')
    const downloading = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download kubeconfig' }).click()
    const download = await downloading
    assert.equal(download.suggestedFilename(), 'west.kubeconfig')
    kubeconfig = await cluster.writeKubeconfig(await readFile(await download.path(), 'utf8'))
    const pods = await kubectl('get', 'pods', '--all-namespaces')
    assert.equal(pods.code, 0, pods.stderr)
    assert.match(pods.stdout, /shop\s+web\s+1\/1\s+Running/)
  })

  test('the role is taken away by clicking, and kubectl is refused', async () => {
    const page = at('ada')
    await go(page, 'Teams')
    await page.getByRole('link', { name: 'developers' }).click()
    await page.getByRole('tab', { name: 'Access' }).click()
    await page.getByRole('button', { name: 'Change roles' }).click()
    await choose(page, 'In', 'Project payments')
    await choose(page, 'Roles', 'Cluster Viewer')
    await page.getByText('Loses Cluster Viewer; what rests on it ends within a second').waitFor()
    await page.keyboard.press('Tab')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    const refused = await until('kubectl to be refused', async () => {
      const result = await kubectl('get', 'pods', '--all-namespaces')
      return result.code === 0 ? undefined : result
    })
    assert.match(refused.stderr, /this needs permission cluster\.get on cluster [0-9a-f]{24} in project/)
    // What the developer's console says of it: gone, as if it had never been there.
    await at('dev').goto(`${url}/t/acme/clusters`)
    await at('dev').getByText('No cluster here that you may see').waitFor()
  })

  test('the refusal is in the audit page, with its why', async () => {
    const page = at('ada')
    await go(page, 'Audit')
    const row = page.getByRole('row', { name: /Refused.*dev@acme\.example/ }).first()
    await row.waitFor()
    await picture(page, '6-audit')
    await row.getByRole('link').click()
    const entry = page.getByRole('dialog', { name: 'Audit entry' })
    await entry.getByText('cluster.call', { exact: true }).waitFor()
    await entry.getByRole('button', { name: 'Why?' }).click()
    const why = page.getByRole('dialog', { name: 'Why?' })
    await why.getByText('cluster.get').first().waitFor()
    await why.getByText('project payments').first().waitFor()
    await why.getByText('Refused then, and it would be today').waitFor()
    await why.getByText('No role that carries it, here or elsewhere.').waitFor()
    await picture(page, '7-why')
  })
})
