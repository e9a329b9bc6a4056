/**
 * `npm run bench:signin`: how many people a server signs in, and what it costs to know somebody again.
 *
 * - by code, where the browser is signed in already and lets a further client in: authorization, page, click, code, tokens;
 *   no password is hashed
 * - by password: the same from a browser that nobody is signed in in, connection included, with the argon2id hash
 * - the look at a session: a bearer token, as API and Kubernetes door ask; the console's cookie, with the token behind it
 *
 * The server is a process of its own on the same cores as this one, its database on disk. Speed is reported, not asserted; a
 * sign-in that fails ends it with exit 1. `--seconds N` is how long each row is measured (default 6), `--json` prints JSON.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Agent, request } from 'undici'
import { createSessions } from '../server/canvas/sessions.ts'
import { createPasswordHasher } from '../server/identity/password-hash.ts'
import { createLogger, RequestLog } from '../server/platform/log/index.ts'
import { type Browser, createBrowser, type Page } from '../tests/support/browser.ts'
import { createIdentityWorld, goodPassword as worldPassword } from '../tests/support/identity-world.ts'
import { createTenant, createUser, goodPassword, type Palisade, startPalisade } from '../tests/support/palisade.ts'
import { quantile } from './support/fleet.ts'

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '6' } },
})
const measuredMs = Number(values.seconds) * 1000
const callerCounts = [1, 4, 16]
/** Budgets count per network: each caller is several people of as many addresses, as the people of a real hour are. */
const addressesPerCaller = 8
const checks = 20_000

type Row = {
  readonly what: string
  readonly callers: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** User and system time of the server and its database, which tells more than the clock where others use the machine too. */
  readonly cpuMs: number
}

const hashMs = await measureHash()
const rows: Row[] = []
const palisade = await startPalisade({ name: 'bench-signin' })
try {
  const tenant = await createTenant(palisade, 'bench')
  const people: string[] = []
  for (let i = 0; i < Math.max(...callerCounts); i++)
    people.push((await createUser(palisade, tenant, `person${i}`)).email)
  for (const callers of callerCounts) rows.push(await measureByCode(palisade, people.slice(0, callers)))
  for (const callers of callerCounts) rows.push(await measureByPassword(palisade, people.slice(0, callers)))
} finally {
  await palisade.stop()
}
const look = await measureChecks()
print()
process.exit(0)

/** A browser that is signed in lets the command line in, again and again. */
async function measureByCode(server: Palisade, people: readonly string[]): Promise<Row> {
  // One after another: more at once than the server hashes for would be sent away.
  const callers: Machine[][] = []
  for (const [i, email] of people.entries()) {
    const machines = Array.from({ length: addressesPerCaller }, (_, n) => machineAt(server, `127.1.${i}.${n + 1}`))
    for (const machine of machines) await signIn(machine, (form) => withPassword(machine, form, email))
    callers.push(machines)
  }
  const row = await measure(server, 'code, no password', people.length, (caller, n) => {
    const machine = callers[caller]![n % addressesPerCaller]!
    return signIn(machine, (page) => machine.browser.submit(page, { action: 'continue' }))
  })
  for (const machine of callers.flat()) await machine.close()
  return row
}

async function measureByPassword(server: Palisade, people: readonly string[]): Promise<Row> {
  return measure(server, 'password', people.length, async (caller, n) => {
    const machine = machineAt(server, `127.2.${caller}.${(n % 250) + 1}`)
    await signIn(machine, (form) => withPassword(machine, form, people[caller]!))
    await machine.close()
  })
}

/** A browser and a program beside it, with an address of their own. */
type Machine = { readonly browser: Browser; readonly program: Agent; close(): Promise<void> }

function machineAt(server: Palisade, localAddress: string): Machine {
  const browser = createBrowser(server.url, server.caPem, localAddress)
  const program = new Agent({ connect: { ca: server.caPem }, localAddress })
  return {
    ...{ browser, program },
    async close() {
      await Promise.all([browser.close(), program.close()])
    },
  }
}

function withPassword({ browser }: Machine, form: Page, email: string): Promise<Page> {
  return browser.submit(form, { email, password: goodPassword, action: 'sign-in' })
}

/** The whole flow of RFC 6749 §4.1 with PKCE, to tokens in the hand. */
async function signIn({ browser, program }: Machine, answer: (page: Page) => Promise<Page>): Promise<void> {
  const verifier = randomBytes(32).toString('base64url')
  const redirect = 'http://127.0.0.1:43117/callback'
  const asked = new URLSearchParams({
    ...{ client_id: 'palisade-cli', redirect_uri: redirect, response_type: 'code', scope: 'openid' },
    ...{ state: 'state', nonce: 'nonce', code_challenge_method: 'S256' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  })
  const back = await answer(await browser.open(`/oidc/auth?${asked}`))
  const code = back.url.searchParams.get('code')
  if (code === null) throw new Error(`no code, but ${back.status} at ${back.url.pathname}: ${back.text}`)
  const grant = { grant_type: 'authorization_code', client_id: 'palisade-cli', redirect_uri: redirect }
  const { statusCode, body } = await request(`${palisade.url}/oidc/token`, {
    ...{ dispatcher: program, method: 'POST' },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...grant, code, code_verifier: verifier }).toString(),
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`no tokens, but ${statusCode}: ${text}`)
}

async function measure(
  server: Palisade,
  what: string,
  callers: number,
  once: (caller: number, n: number) => Promise<void>,
): Promise<Row> {
  const latencies: number[] = []
  const cpuBefore = cpuMsOf(server.pid)
  const startedAt = performance.now()
  const deadline = startedAt + measuredMs
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; performance.now() < deadline; n++) {
        const at = performance.now()
        await once(caller, n)
        latencies.push(performance.now() - at)
      }
    }),
  )
  const perSecond = latencies.length / ((performance.now() - startedAt) / 1000)
  const cpuMs = (cpuMsOf(server.pid) - cpuBefore) / latencies.length
  return { what, callers, perSecond, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), cpuMs }
}

/** What a process and all that it started have used so far; the kernel counts in hundredths of a second (proc_pid_stat(5)). */
function cpuMsOf(root: number): number {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
        return [{ pid: Number(pid), parent: Number(fields[1]), ticks }]
      } catch {
        return [] // It has just ended; its time is its parent's.
      }
    })
  const below = (pid: number): number =>
    processes.filter(({ parent }) => parent === pid).reduce((sum, one) => sum + one.ticks + below(one.pid), 0)
  return ((processes.find(({ pid }) => pid === root)?.ticks ?? 0) + below(root)) * 10
}

/** One hash of the setting that the server uses, alone on the machine: the median of 30, in milliseconds. */
async function measureHash(): Promise<number> {
  const hasher = createPasswordHasher()
  const times: number[] = []
  await hasher.admit(async (hashing) => {
    for (let i = 0; i < 30; i++) {
      const at = performance.now()
      await hashing.hash(`${goodPassword}${i}`)
      times.push(performance.now() - at)
    }
    return { ok: true, value: undefined }
  })
  return quantile(times, 0.5)
}

type Look = { readonly p50Us: number; readonly p99Us: number }

/** In this process, one after another, on a real database: what stands before every request. */
async function measureChecks(): Promise<{ readonly bearer: Look; readonly cookie: Look }> {
  const world = await createIdentityWorld()
  try {
    await world.bear('bench', 'bea@bench.example')
    const token = await world.signIn('bea@bench.example', worldPassword, 'bench')
    const authenticate = (one: string) => world.identity.authenticate({ authorization: `Bearer ${one}` })
    const principal = await authenticate(token)
    if (!principal.ok) throw new Error(principal.error.code)
    const never = () => Promise.reject(new Error('nothing is renewed here'))
    const logger = createLogger('fatal', () => {})
    const log = new RequestLog(logger, 'bench')
    const sessions = createSessions({
      ...{ authenticate, inTenant: world.edges.inTenant, lookups: world.lookups, keys: world.edges.keys },
      ...{ clock: world.clock, logger },
      issuer: { refresh: never, revoke: never },
    })
    const issued = { access: token, refresh: undefined, expiresInSeconds: 900, subject: undefined }
    const cookie = await sessions.start(issued, principal.value)
    if (!cookie.ok) throw new Error(cookie.error.code)
    const mustBe = (result: { readonly ok: boolean }) => {
      if (!result.ok) throw new Error('a session that counts was refused')
    }
    return {
      bearer: await lookOf(async () => mustBe(await authenticate(token))),
      cookie: await lookOf(async () => {
        const session = await sessions.open(cookie.value, log)
        mustBe(session.ok ? await authenticate(session.value.token) : session)
      }),
    }
  } finally {
    await world.stop()
  }
}

async function lookOf(once: () => Promise<void>): Promise<Look> {
  const times: number[] = []
  for (let i = 0; i < checks; i++) {
    const at = performance.now()
    await once()
    times.push((performance.now() - at) * 1000)
  }
  const warm = times.slice(checks / 10)
  return { p50Us: quantile(warm, 0.5), p99Us: quantile(warm, 0.99) }
}

function print(): void {
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, hashMs, rows, look }, undefined, 2))
    return
  }
  console.log(`argon2id (19 MiB, 2 passes, 1 lane): ${hashMs.toFixed(1)} ms a hash, at most two at once\n`)
  console.log('sign-in             callers  sign-ins/s   p50 ms   p99 ms  server CPU ms')
  for (const { what, callers, perSecond, p50Ms, p99Ms, cpuMs } of rows)
    console.log(
      [
        what.padEnd(18),
        String(callers).padStart(7),
        perSecond.toFixed(1).padStart(10),
        p50Ms.toFixed(1).padStart(7),
        p99Ms.toFixed(1).padStart(7),
        cpuMs.toFixed(1).padStart(13),
      ].join('  '),
    )
  console.log('\nlook at a session            p50 us   p99 us')
  for (const [name, { p50Us, p99Us }] of Object.entries({
    'bearer token': look.bearer,
    'cookie of the console': look.cookie,
  }))
    console.log(`${name.padEnd(26)}  ${p50Us.toFixed(0).padStart(7)}  ${p99Us.toFixed(0).padStart(7)}`)
}
