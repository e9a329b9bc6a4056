import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core'
import { until } from '../support/until.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executablePath = places.find((path) => existsSync(path))

/** Why browser tests are left out; undefined where there is a browser. With CI=true a skip fails the run. */
export const noBrowser: string | undefined =
  executablePath === undefined ? 'no chromium; install it with apt-get install chromium' : undefined

// A server reads the console's files when it starts: they are there before any test of a browser starts one.
if (noBrowser === undefined) await promisify(execFile)(join(import.meta.dirname, '../../scripts/build-console'))

/** A browser with a profile of its own that asks nothing of the network but what the test asks. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executablePath ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}

export type Opened = {
  readonly context: BrowserContext
  readonly page: Page
  /** What the console wrote as error or warning, and what was thrown: a test expects none. */
  readonly complaints: string[]
}

export async function openPage(
  browser: Browser,
  options: {
    readonly theme: 'light' | 'dark'
    readonly width?: number
    readonly height?: number
    readonly javaScript?: boolean
    /** Where complaints go, for a test that opens several pages one after the other. */
    readonly complaints?: string[]
  },
): Promise<Opened> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    colorScheme: options.theme,
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    javaScriptEnabled: options.javaScript ?? true,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const { complaints = [] } = options
  watchRequests(page)
  page.on('console', (message) => {
    // How a page learns that nobody is signed in.
    if (message.text().includes('status of 401') && message.location().url.endsWith('/canvas/session')) return
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return { context, page, complaints }
}

/**
 * Fails on what the browser complained of.
 *
 * @param provoked what the test itself provokes and the browser writes down too: the status of an answer, or how it says it. What is named
 *   here and did not come fails as well, but for 401
 */
export function assertNoComplaints(complaints: readonly string[], provoked: readonly (number | RegExp)[] = []): void {
  const isOf = (line: string, one: number | RegExp) =>
    typeof one === 'number' ? line.includes(`the server responded with a status of ${one}`) : one.test(line)
  assert.deepEqual(
    complaints.filter((line) => !provoked.some((one) => isOf(line, one))),
    [],
    'the browser complained',
  )
  // Whoever is signed out leaves the page, perhaps before the answer is there.
  for (const one of provoked.filter((each) => each !== 401))
    assert.ok(
      complaints.some((line) => isOf(line, one)),
      `the browser did not complain of ${one}, which this test says it provokes`,
    )
}

type Requests = { readonly underWay: Set<Request>; changedAt: number }
const requestsOf = new WeakMap<Page, Requests>()

function watchRequests(page: Page): void {
  const requests: Requests = { underWay: new Set(), changedAt: performance.now() }
  requestsOf.set(page, requests)
  const over = (request: Request) => {
    if (requests.underWay.delete(request)) requests.changedAt = performance.now()
  }
  page.on('request', (request) => {
    if (neverEnds(request)) return
    requests.underWay.add(request)
    requests.changedAt = performance.now()
  })
  page.on('requestfinished', over)
  page.on('requestfailed', over)
}

/** What a page keeps open to hear of changes: Playwright's own `networkidle` would wait for it for ever. */
const neverEnds = (request: Request) =>
  request.resourceType() === 'eventsource' || /[?&](?:watch=1|follow=true)(?:&|$)/.test(request.url())

const quietMs = 300

/**
 * Waits until an expression, given as text, is true in the page. Playwright's own `waitForFunction` asks again by `eval`, which the page's
 * policy forbids.
 */
export async function untilTrue(page: Page, expression: string): Promise<void> {
  await until(expression, async () => ((await page.evaluate(expression)) ? true : undefined))
}

/** Waits until a page has asked for all that it shows. */
export async function quiet(page: Page): Promise<void> {
  const requests = requestsOf.get(page)
  if (!requests) throw new Error('this page was not opened here')
  await until('the page to have asked for everything', () =>
    requests.underWay.size === 0 && performance.now() - requests.changedAt > quietMs ? true : undefined,
  )
}
