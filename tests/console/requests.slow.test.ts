import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { predefinedRole } from '../../contract/roles.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { assertNoComplaints, noBrowser, openPage, startBrowser } from './browser.ts'
import { fits, focused, look, show, tabTo, themes, widths } from './look.ts'
import { type Person, signIn } from './sign-in.ts'

// Somebody who holds nothing asks for a role from *Why?*, and somebody who holds it answers: both pages show each step as it happens.

describe('requests for roles', { skip: noBrowser }, () => {
  let palisade: Palisade
  let browser: Browser
  let acme: Tenant
  let nora: Awaited<ReturnType<typeof createUser>>
  const pages: Page[] = []
  const complaints: string[] = []
  const found: string[] = []

  before(async () => {
    palisade = await startPalisade({ name: 'requests' })
    ;[browser, acme] = await Promise.all([startBrowser(), createTenant(palisade, 'acme')])
    nora = await createUser(palisade, acme, 'nora', { firstName: 'Nora', lastName: 'Berg' })
  })
  after(async () => {
    await browser?.close()
    await palisade?.stop()
  })
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.context().close()
    assertNoComplaints(complaints.splice(0))
    assert.deepEqual(found.splice(0), [], 'axe found something')
  })

  const asker = (): Person => ({ email: nora.email, password: goodPassword })
  const administrator = (): Person => ({ email: acme.adminEmail, password: goodPassword })
  async function open(who: Person, path: string, theme: 'light' | 'dark' = 'light'): Promise<Page> {
    const { page } = await openPage(browser, { theme, complaints })
    pages.push(page)
    await signIn(page, palisade.url + path, who)
    return page
  }

  test('asked for from Why?, approved by who holds it, and seen on both sides as it happens', async () => {
    const theirs = await open(administrator(), '/t/acme/requests')
    await theirs.getByText('Nobody waits for you').waitFor()

    const own = await open(asker(), '/t/acme/projects')
    await own.getByRole('button', { name: 'New project · why?' }).first().click()
    const why = own.getByRole('dialog', { name: 'Why?' })
    await why
      .getByRole('button', { name: /^Ask for / })
      .first()
      .click()
    const asking = own.getByRole('dialog', { name: /^Ask for / })
    await asking.getByText('In the whole tenant.').waitFor()
    await asking.getByRole('textbox', { name: 'Reason' }).fill('INC-4711: a project for the migration')
    await asking.getByRole('button', { name: 'Ask', exact: true }).click()
    await asking.waitFor({ state: 'hidden' })

    await own.goto(`${palisade.url}/t/acme/requests?tab=mine`)
    const mine = own.getByRole('table', { name: 'My requests' })
    await mine.getByText('INC-4711').waitFor()
    await mine.getByText('Open', { exact: true }).waitFor()

    // Nobody loads the page again.
    const waiting = theirs.getByRole('table', { name: 'Requests that wait for me' })
    await waiting.getByText('INC-4711').waitFor()
    await waiting.getByRole('button', { name: /^Approve / }).click()
    const deciding = theirs.getByRole('dialog', { name: /^Approve / })
    await deciding.getByText(/gains .* in the whole tenant at once, for 1 hour\./).waitFor()
    await deciding.getByRole('textbox', { name: 'Note' }).fill('until the migration is done')
    await deciding.getByRole('button', { name: 'Approve' }).click()
    await theirs.getByText('Nobody waits for you').waitFor()

    await mine.getByText('Approved by Ada Admin').waitFor()
    await mine.getByText('“until the migration is done”').waitFor()
    await theirs.goto(`${palisade.url}/t/acme/users/${nora.uid}?tab=access`)
    await theirs
      .getByRole('region', { name: 'Roles' })
      .getByText(/ends in \d+ (min|hr)/)
      .waitFor()
  })

  test('denied with a note by clicking, approved by keys; a refusal asks for the role where it was missed', async () => {
    const noah = await createUser(palisade, acme, 'noah')
    const viewer = {
      user: noah.uid,
      role: predefinedRole('Project Viewer').uid,
      project: acme.defaultProject,
      endsAt: null,
    }
    await acme.admin.must('POST', '/v1/palisade/access/assignments', { body: viewer })
    const heldAs = async (name: string): Promise<readonly { readonly endsAt: string }[]> =>
      (await noah.api.must('GET', '/v1/palisade/access/assignments')).items.filter(
        (one: { readonly role: { readonly name: string } }) => one.role.name === name,
      )
    const own = await open(
      { email: noah.email, password: goodPassword },
      `/t/acme/clusters?project=${acme.defaultProject}`,
    )
    await own
      .getByRole('button', { name: /· why\?$/ })
      .first()
      .click()
    const why = own.getByRole('dialog', { name: 'Why?' })
    const asks = why.getByRole('button', { name: /^Ask for this role: / }).first()
    const role = (await asks.getAttribute('aria-label'))?.replace('Ask for this role: ', '') ?? ''
    await asks.click()
    const asking = own.getByRole('dialog', { name: `Ask for ${role}` })
    // Role and place are those of the refusal: only time and reason are left to say.
    await asking.getByText('In project Default.').waitFor()
    await asking.getByRole('combobox', { name: 'For' }).click()
    await own.getByRole('option', { name: '4 hours' }).click()
    await asking.getByRole('textbox', { name: 'Reason' }).fill('INC-4713: first try')
    await asking.getByRole('button', { name: 'Ask', exact: true }).click()
    await asking.waitFor({ state: 'hidden' })

    const theirs = await open(administrator(), '/t/acme/requests')
    const waiting = theirs.getByRole('table', { name: 'Requests that wait for me' })
    await waiting.getByText('INC-4713').waitFor()
    await waiting.getByText('in project Default, for 4 hours').waitFor()
    await waiting.getByRole('button', { name: `Deny ${role} for noah Test` }).click()
    const denying = theirs.getByRole('dialog', { name: `Deny ${role}` })
    await denying.getByText('nothing is given').waitFor()
    await denying.getByRole('textbox', { name: 'Note' }).fill('ask for the smaller one')
    await denying.getByRole('button', { name: 'Deny' }).click()
    await theirs.getByText('Nobody waits for you').waitFor()
    const list = '/v1/palisade/access/requests'
    const [denied] = (await noah.api.must('GET', list)).items
    assert.deepEqual([denied.state, denied.note], ['denied', 'ask for the smaller one'])
    assert.deepEqual(await heldAs(role), [])

    const body = { role, project: acme.defaultProject, seconds: 7_200, reason: 'INC-4713: second try' }
    await noah.api.must('POST', list, { body })
    await waiting.getByText('second try').waitFor()
    await tabTo(theirs, `Approve ${role} for noah Test`)
    await theirs.keyboard.press('Enter')
    const approving = theirs.getByRole('dialog', { name: `Approve ${role}` })
    await approving.locator(':focus').waitFor()
    assert.equal(await focused(theirs), 'Note')
    await tabTo(theirs, 'Approve')
    await theirs.keyboard.press('Enter')
    await theirs.getByText('Nobody waits for you').waitFor()
    const [held] = await heldAs(role)
    assert.ok(Math.abs(Date.parse(held?.endsAt ?? '') - Date.now() - 7_200_000) < 120_000, held?.endsAt)
    await own.goto(`${palisade.url}/t/acme/requests?tab=mine`)
    const mine = own.getByRole('table', { name: 'My requests' })
    await mine.getByText('“ask for the smaller one”').waitFor()
    await mine.getByText('Approved by Ada Admin').waitFor()
  })

  test('by keyboard: a role is named, asked for, and withdrawn', async () => {
    const page = await open(asker(), '/t/acme/requests?tab=mine')
    await page.getByRole('button', { name: 'Ask for a role' }).waitFor()
    await tabTo(page, 'Ask for a role')
    await page.keyboard.press('Enter')
    const asking = page.getByRole('dialog', { name: 'Ask for a role' })
    await asking.getByLabel(/^Role/).first().waitFor()
    assert.equal(await focused(page), 'Role')
    await page.keyboard.type('project viewer')
    await page.keyboard.press('Tab')
    await page.keyboard.type('default')
    await tabTo(page, 'Reason')
    await page.keyboard.type('to look around')
    await tabTo(page, 'Ask')
    await page.keyboard.press('Enter')
    await asking.waitFor({ state: 'hidden' })
    const table = page.getByRole('table', { name: 'My requests' })
    await table.getByText('to look around').waitFor()
    await tabTo(page, 'Withdraw Project Viewer')
    await page.keyboard.press('Enter')
    const withdrawing = page.getByRole('dialog', { name: 'Withdraw Project Viewer' })
    await tabTo(page, 'Withdraw')
    await page.keyboard.press('Enter')
    await withdrawing.waitFor({ state: 'hidden' })
    await table.getByText('Withdrawn').waitFor()
  })

  for (const theme of themes)
    test(`axe finds nothing: ${theme}`, async () => {
      const role = predefinedRole(theme === 'light' ? 'Project Editor' : 'Project Admin').uid
      await nora.api.must('POST', '/v1/palisade/access/requests', {
        body: { role, project: acme.defaultProject, seconds: 7_200, reason: 'INC-4712: pods of payments restart' },
      })
      const theirs = await open(administrator(), '/t/acme/requests', theme)
      await theirs
        .getByRole('button', { name: /^Approve / })
        .first()
        .waitFor()
      found.push(...(await look(theirs, 'requests', theme)))
      await theirs
        .getByRole('button', { name: /^Approve / })
        .first()
        .click()
      await theirs.getByRole('textbox', { name: 'Note' }).waitFor()
      found.push(...(await look(theirs, 'requests-approve', theme)))
      const own = await open(asker(), '/t/acme/requests?tab=mine', theme)
      await own.getByText('INC-4712').first().waitFor()
      found.push(...(await look(own, 'requests-mine', theme)))
      await show(own, { width: widths.narrow })
      assert.ok(await fits(own), 'the page is wider than the screen')
      found.push(...(await look(own, 'requests on a telephone', theme, false)))
    })
})
