import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { Browser, Page } from 'playwright-core'
import {
  adminToken,
  type FakeKubernetes,
  type FakeReply,
  limitedToken,
  type SeenCall,
  startFakeKubernetes,
  status,
} from '../support/fake-kubernetes.ts'
import { createTenant, goodPassword, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, type Opened, openPage, startBrowser } from './browser.ts'
import { look, tabTo, themes } from './look.ts'
import { signIn } from './sign-in.ts'

// How a cluster is reached, as its page says it, and checking it again: with a kubeconfig, with a token, and where it takes our tokens
// without either.

describe('a cluster is checked again', { skip: noBrowser }, () => {
  let palisade: Palisade
  /** An API server for each, since one cluster's objects are another's too. */
  let kubernetes: FakeKubernetes
  let browser: Browser
  let acme: Tenant
  let opened: Opened | undefined
  const found: string[] = []
  /** Statuses of refusals that a test provokes. */
  const provoked: number[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'cluster-check' })
    ;[browser, acme] = await Promise.all([startBrowser(), createTenant(palisade, 'acme')])
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
  })
  afterEach(async () => {
    await kubernetes?.close()
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

  async function imported(name: string, bindings: 'install' | 'print' = 'install'): Promise<string> {
    kubernetes = await startFakeKubernetes()
    const { uid } = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name, labels: {} }, spec: { kubeconfig: kubernetes.kubeconfig(adminToken), bindings } },
    })
    return uid
  }

  /** Reached by tokens from now on: the API server takes those that are for this cluster, of this tenant, and sound. */
  async function trusting(uid: string, direct: boolean): Promise<void> {
    kubernetes.intercept = (call) => answerToToken(call, { cluster: uid, tenant: acme.uid })
    await acme.admin.must('PUT', `/v1/palisade/clusters/${uid}/credentialMode`, { body: { mode: 'token', direct } })
  }

  const line = (page: Page, text: string) => page.getByRole('dialog').getByText(text, { exact: true }).waitFor()
  const result = (page: Page, title: string) => page.getByRole('dialog').getByRole('heading', { name: title }).waitFor()
  const fact = (page: Page, name: string) =>
    page.getByRole('region', { name: 'Overview' }).locator(`dt:text-is("${name}") + dd`).innerText()
  const checkOf = async (page: Page) => {
    await page.getByRole('button', { name: 'Check again' }).click()
    const dialog = page.getByRole('dialog', { name: /^Check / })
    await dialog.waitFor()
    return dialog
  }
  /** What a check that was asked for sends. */
  const sentBy = async (page: Page, act: () => Promise<unknown>) => {
    const [request] = await Promise.all([page.waitForRequest(/\/check$/), act()])
    return request.postDataJSON()
  }

  test('with a token of the account, after it was lost: all that was seen stands in the dialog', async () => {
    provoked.push(400, 422)
    const uid = await imported('lost')
    const page = await open(`/t/acme/clusters/${uid}`)
    const dialog = await checkOf(page)
    const check = dialog.getByRole('button', { name: 'Check', exact: true })
    assert.ok(await check.isDisabled(), 'nothing was given')
    await dialog.getByRole('textbox', { name: 'Kubeconfig' }).waitFor()
    await dialog.getByRole('radio', { name: 'A token for its API server' }).check()
    assert.ok(await check.isDisabled(), 'nothing was given')
    const token = dialog.getByLabel(/^Token/)
    assert.equal(await token.getAttribute('type'), 'password')

    // What is wrong is said in place, and what was typed stays.
    await token.fill('not the account’s')
    await check.click()
    await dialog.getByRole('alert').getByText('is not a token').waitFor()
    await token.fill('an-old-one')
    await check.click()
    await dialog.getByRole('alert').getByText('The cluster does not know this credential').waitFor()
    await line(page, 'It proves who it is')
    await line(page, 'Failed: it accepts the credential')
    assert.equal(await dialog.getByText('The kubeconfig stands for itself').count(), 0, 'none was given')
    assert.equal(await token.inputValue(), 'an-old-one')

    const [good = ''] = kubernetes.tokens
    await token.fill(`${good}\n`)
    assert.deepEqual(await sentBy(page, () => check.click()), { token: good, bindings: 'install' })
    await result(page, 'lost is ready')
    await line(page, 'The server answers')
    await line(page, 'It proves who it is')
    await line(page, 'It accepts the credential')
    await line(page, 'It runs Kubernetes v1.36.3')
    await line(page, 'The account there may act for others, and renew its own token')
    for (const level of ['view', 'edit', 'admin']) await line(page, `Level ${level} is bound`)
    await line(page, 'The token was forgotten')
    await dialog.getByRole('button', { name: 'Done' }).click()
    await dialog.waitFor({ state: 'hidden' })
    assert.equal(await fact(page, 'Reached by'), 'Impersonation, by an account whose token is sealed here')
    assert.equal(await fact(page, 'Direct kubeconfigs'), 'None: every call goes through Palisade')
  })

  test('with a kubeconfig: by file too, made now or only shown, with what is missing and the YAML', async () => {
    const uid = await imported('waits', 'print')
    const page = await open(`/t/acme/clusters/${uid}`)
    assert.equal(await fact(page, 'Reached by'), 'Impersonation, once an account there has a token')
    let dialog = await checkOf(page)
    // What comes next where the YAML was to be applied.
    assert.ok(await dialog.getByRole('radio', { name: 'A token for its API server' }).isChecked())
    assert.match(
      await dialog.getByRole('region', { name: 'Command' }).innerText(),
      /create token palisade-impersonator/,
    )
    await dialog.getByRole('radio', { name: 'A kubeconfig of the same server' }).check()
    const kubeconfig = kubernetes.kubeconfig(limitedToken)
    await dialog.locator('input[type=file]').setInputFiles({
      name: 'waits.kubeconfig',
      mimeType: 'application/yaml',
      buffer: Buffer.from(kubeconfig),
    })
    await dialog.getByRole('radio', { name: 'Only show what is needed; somebody applies it by hand' }).check()
    const check = () => dialog.getByRole('button', { name: 'Check', exact: true }).click()
    assert.deepEqual(await sentBy(page, check), { kubeconfig, bindings: 'print' })
    await result(page, 'waits needs its bindings')
    await line(page, 'It runs Kubernetes v1.36.3')
    await line(page, 'Missing: create serviceaccounts/token palisade-impersonator in palisade-system')
    await line(page, 'The kubeconfig was forgotten')
    assert.equal(await dialog.getByText(/ is bound$/).count(), 0)
    assert.match(await dialog.getByRole('region', { name: 'YAML to apply' }).innerText(), /kind: ClusterRoleBinding/)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })

    dialog = await checkOf(page)
    await dialog.getByRole('radio', { name: 'A kubeconfig of the same server' }).check()
    await dialog.getByRole('textbox', { name: 'Kubeconfig' }).fill(kubernetes.kubeconfig(adminToken))
    await check()
    await result(page, 'waits is ready')
    await line(page, 'Made ServiceAccount palisade-system/palisade-impersonator')
    await dialog.getByRole('button', { name: 'Done' }).click()

    // A working cluster is not judged by a credential that may too little.
    kubernetes.objects.clear()
    dialog = await checkOf(page)
    assert.ok(await dialog.getByRole('radio', { name: 'A kubeconfig of the same server' }).isChecked())
    await dialog.getByRole('textbox', { name: 'Kubeconfig' }).fill(kubernetes.kubeconfig(limitedToken))
    await check()
    await result(page, 'waits is ready')
    await line(page, 'Nothing was changed: the cluster is reached as before')
    await dialog.getByText('Missing: create namespaces').first().waitFor()
  })

  test('where the cluster takes our tokens no credential is asked for', async () => {
    provoked.push(422)
    const uid = await imported('trusting')
    await trusting(uid, true)
    const page = await open(`/t/acme/clusters/${uid}`)
    assert.equal(await fact(page, 'Reached by'), 'Tokens of each caller’s own, from Palisade’s issuer (token mode)')
    assert.match(await fact(page, 'Direct kubeconfigs'), /^Allowed: .* past Palisade$/)
    const dialog = await checkOf(page)
    await dialog.getByText('No credential is needed').waitFor()
    assert.equal(await dialog.locator('input, textarea').count(), 0)
    assert.deepEqual(await sentBy(page, () => dialog.getByRole('button', { name: 'Check', exact: true }).click()), {})
    await result(page, 'trusting is ready')
    await line(page, 'It takes Palisade’s tokens, and none that it must refuse')
    await line(page, 'Level admin is bound')
    assert.equal(await dialog.getByText(/was forgotten$/).count(), 0)
    await dialog.getByRole('button', { name: 'Done' }).click()

    await trusting(uid, false)
    await page.reload()
    await page.getByText('None: every call goes through Palisade').waitFor()

    // One that takes what it must not is told, and nothing is said to be well.
    kubernetes.intercept = (call) => answerToToken(call, { cluster: uid, tenant: acme.uid, takesOthers: true })
    const again = await checkOf(page)
    await again.getByRole('button', { name: 'Check', exact: true }).click()
    await again.getByRole('alert').getByText('of another tenant').first().waitFor()
    await line(page, 'Failed: it takes Palisade’s tokens, and none that it must refuse')
  })

  test('by keyboard alone, with a token', async () => {
    const uid = await imported('keys')
    const [good = ''] = kubernetes.tokens
    const page = await open(`/t/acme/clusters/${uid}`)
    const press = (key: string) => page.keyboard.press(key)
    await page.getByRole('button', { name: 'Check again' }).waitFor()
    await tabTo(page, 'Check again')
    await press('Enter')
    await page.locator('[role=dialog] textarea:focus').waitFor()
    await tabTo(page, 'A kubeconfig of the same server')
    await press('ArrowDown')
    await page.getByLabel(/^Token/).waitFor()
    await tabTo(page, 'Token')
    await page.keyboard.type(good)
    await press('Enter')
    await result(page, 'keys is ready')
    await tabTo(page, 'Done')
    await press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  })

  for (const theme of themes)
    test(`axe finds nothing: ${theme}`, async () => {
      const name = { light: 'harbour', dark: 'quay' }[theme]
      const uid = await imported(name, 'print')
      const page = await open(`/t/acme/clusters/${uid}`, theme)
      let dialog = await checkOf(page)
      found.push(...(await look(page, 'cluster-check-token', theme)))
      await dialog.getByRole('radio', { name: 'A kubeconfig of the same server' }).check()
      const kubeconfig = dialog.getByRole('textbox', { name: 'Kubeconfig' })
      // As it reads in real life, from its beginning on.
      await kubeconfig.fill(
        kubernetes
          .kubeconfig(limitedToken)
          .replaceAll(/: fake$/gm, `: ${name}`)
          .replaceAll(': somebody', ': deployer'),
      )
      await kubeconfig.press('Control+Home')
      found.push(...(await look(page, 'cluster-check', theme)))
      await dialog.getByRole('button', { name: 'Check', exact: true }).click()
      await result(page, `${name} needs its bindings`)
      found.push(...(await look(page, 'cluster-checked-missing', theme)))
      await page.keyboard.press('Escape')
      dialog = await checkOf(page)
      await dialog.getByRole('radio', { name: 'A kubeconfig of the same server' }).check()
      await kubeconfig.fill(kubernetes.kubeconfig(adminToken))
      await dialog.getByRole('button', { name: 'Check', exact: true }).click()
      await result(page, `${name} is ready`)
      found.push(...(await look(page, 'cluster-checked', theme)))
      await page.keyboard.press('Escape')
      await trusting(uid, true)
      await page.reload()
      await page.getByText('Tokens of each caller’s own').waitFor()
      found.push(...(await look(page, 'cluster-token-mode', theme)))
      await checkOf(page)
      found.push(...(await look(page, 'cluster-check-token-mode', theme)))
    })
})

/**
 * What an API server says to our tokens that was given the configuration that Palisade prints; signatures are its own affair. Of every other
 * call: nothing.
 */
function answerToToken(
  { path, token }: SeenCall,
  {
    cluster,
    tenant,
    takesOthers,
  }: { readonly cluster: string; readonly tenant: string; readonly takesOthers?: boolean },
): FakeReply | undefined {
  if (token.split('.').length !== 3) return undefined
  const claims = decodeJwt<{ groups: string[]; email?: string; teams?: string[]; session?: string }>(token)
  const { aud, sub = '', iat = 0, exp = 0, groups } = claims
  const isSound =
    aud === cluster &&
    (takesOthers || claims.tenant === tenant) &&
    exp - iat <= 300 &&
    claims.access === 'proxy' &&
    sub.startsWith('palisade:') &&
    groups.every((group) => group.startsWith('palisade:'))
  if (!isSound) return status(401, 'Unauthorized')
  if (path.endsWith('/selfsubjectaccessreviews')) return { status: 201, body: { status: { allowed: true } } }
  if (!path.endsWith('/selfsubjectreviews')) return path === '/api' ? { status: 200, body: {} } : undefined
  const extra = {
    'palisade.dev/email': [claims.email],
    'palisade.dev/team': claims.teams,
    'palisade.dev/session': [claims.session],
    'palisade.dev/token': [claims.jti],
  }
  const userInfo = { username: sub, uid: claims.uid, groups: [...groups, 'system:authenticated'], extra }
  return { status: 201, body: { status: { userInfo } } }
}
