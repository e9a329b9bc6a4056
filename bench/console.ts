/**
 * `npm run bench:console`: how long a person waits for the console, in Chromium, beside the server on the same machine. Until
 * the page can be used: its title stands there and the navigation answers. Then a tenant with many people: the list of members
 * right after a start of the server, again, its next page, in another order, and what somebody types into its filter; a team of all of them.
 *
 * `--users N`, `--trials N`, `--data FOLDER` (people take minutes to make: a folder that is kept has them the next time), `--json`. Speed is
 * reported, not asserted. Build the console before.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { BrowserContext, Page } from 'playwright-core'
import { noBrowser, openPage, quiet, startBrowser } from '../tests/console/browser.ts'
import { signIn } from '../tests/console/sign-in.ts'
import { createTenant, goodPassword, startPalisade } from '../tests/support/palisade.ts'
import { until } from '../tests/support/until.ts'
import { quantile } from './support/fleet.ts'

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '10000' },
    data: { type: 'string' },
    trials: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
})
const users = Number(values.users)
const trials = Number(values.trials)
if (noBrowser !== undefined) throw new Error(noBrowser)

const palisade = await startPalisade({
  name: 'bench-console',
  ...(values.data === undefined ? {} : { env: { PALISADE_DATA_DIR: resolve(values.data) } }),
})
const browser = await startBrowser()
const figures: Record<string, number> = {}

const adminEmail = 'admin@acme.test'
if (!(await palisade.signIn(adminEmail, goodPassword, 'acme').catch(() => undefined))) await makePeople()

async function makePeople(): Promise<void> {
  const { admin } = await createTenant(palisade, 'acme')
  const begun = performance.now()
  const atOnce = 20
  for (let i = 1; i < users; i += atOnce)
    await Promise.all(
      Array.from({ length: Math.min(atOnce, users - i) }, (_, j) => {
        const name = `p${String(i + j).padStart(5, '0')}`
        const spec = { emailId: `${name}@acme.test`, firstName: name, lastName: `Person ${(i * 7919 + j) % 1000}` }
        return admin.must('POST', '/v1/users', { body: { metadata: { name }, spec } })
      }),
    )
  figures['people made, s'] = (performance.now() - begun) / 1000
}

const { context, page } = await openPage(browser, { theme: 'light' })
page.setDefaultTimeout(60_000)
await signIn(page, `${palisade.url}/t/acme/start`, { email: adminEmail, password: goodPassword })

const heading = (name: string | RegExp, on: Page = page) => on.getByRole('heading', { level: 1, name }).waitFor()
async function timed(work: () => Promise<unknown>): Promise<number> {
  const at = performance.now()
  await work()
  return performance.now() - at
}

/** A browser that has the session and nothing else: every file comes over the wire. */
async function withoutCache(from: BrowserContext): Promise<Page> {
  const opened = await openPage(browser, { theme: 'light' })
  await opened.context.addCookies(await from.cookies())
  return opened.page
}

const cold: number[] = []
const warm: number[] = []
let scriptBytes = 0
for (let i = 0; i < trials; i++) {
  const fresh = await withoutCache(context)
  const usable = async () => {
    await fresh.goto(`${palisade.url}/t/acme/start`, { waitUntil: 'commit' })
    await heading(/^Hello/, fresh)
    await fresh.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Clusters' }).waitFor()
  }
  cold.push(await timed(usable))
  scriptBytes = (await fresh.evaluate(
    `performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js')).reduce((sum, one) => sum + one.encodedBodySize, 0)`,
  )) as number
  warm.push(await timed(usable))
  await fresh.context().close()
}
figures['script of the first page, compressed bytes'] = scriptBytes
figures['usable, nothing cached, p50 ms'] = quantile(cold, 0.5)
figures['usable, nothing cached, most ms'] = Math.max(...cold)
figures['usable, files cached, p50 ms'] = quantile(warm, 0.5)

const row = (name: string | RegExp) => page.locator('tbody').getByRole('link', { name }).first().waitFor()
const members = async (search = '') => {
  await page.goto(`${palisade.url}/t/acme/users${search}`, { waitUntil: 'commit' })
  await page.locator('tbody a').first().waitFor()
}
await members()
const ended = palisade.daemon
ended.kill('SIGTERM')
await until('the server to end', () => ended.ended())
await palisade.restart()
figures['members, first after a start, ms'] = await timed(() => members())
figures['members, again, ms'] = await timed(() => members())
figures['members, next page, ms'] = await timed(async () => {
  await page.getByRole('button', { name: 'Next page' }).click()
  await row('p00060')
})
figures['members, last page by its address, ms'] = await timed(() => members(`?page=${Math.ceil(users / 50)}`))
await members()
figures['members, by e-mail downwards, ms'] = await timed(async () => {
  await page.getByRole('button', { name: 'E-mail' }).click()
  await page.waitForURL(/sort=email/)
  await page.getByRole('button', { name: 'E-mail' }).click()
  // The last of them; a folder that was kept may have one more or less.
  await row(
    new RegExp(
      `^p${String(users - 1)
        .padStart(5, '0')
        .slice(0, 4)}|^p${String(users).padStart(5, '0')}`,
    ),
  )
})
await members()
figures['members, filter that one fits, ms'] = await timed(async () => {
  await page.getByRole('searchbox').fill('p00777')
  await page.getByText('1 member', { exact: true }).waitFor()
})
await members()
figures['members, filter that all fit, ms'] = await timed(async () => {
  await page.getByRole('searchbox').fill('acme')
  await page.waitForURL(/q=acme/)
  await page.locator('tbody tr').nth(49).waitFor()
  await quiet(page)
})

const admin = await palisade.signIn(adminEmail, goodPassword, 'acme')
const everybody = (await admin.must('GET', '/v1/users/meta')).items.map(({ uid }: { uid: string }) => uid)
const { uid: team } = await admin.must('POST', '/v1/teams', {
  body: { metadata: { name: `everybody-${Date.now()}` }, spec: { users: everybody } },
})
figures['a team of all of them, ms'] = await timed(async () => {
  await page.goto(`${palisade.url}/t/acme/teams/${team}`, { waitUntil: 'commit' })
  await row(/^p000/)
})
figures['a team, next page, ms'] = await timed(async () => {
  await page.getByRole('button', { name: 'Next page' }).click()
  await row('p00060')
})
figures['a team, filter that one fits, ms'] = await timed(async () => {
  await page.getByRole('searchbox').fill('p00777')
  await page.getByText('1 member', { exact: true }).waitFor()
})
await admin.must('DELETE', `/v1/teams/${team}`)

if (values.json) console.log(JSON.stringify(figures))
else
  for (const [what, figure] of Object.entries(figures))
    console.log(`${what.padEnd(48)} ${figure.toFixed(figure < 100 ? 1 : 0)}`)
await browser.close()
await palisade.stop()
