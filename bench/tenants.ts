/**
 * `npm run bench:tenants`: what many tenants cost those who work in a few. A server with 10 tenants of 100 users and 10 projects
 * each is measured, then the same one with 10,000: start, memory, sign-in, pages of lists, decisions. In the rows *warm* ten people of
 * ten tenants work; in the rows *cold* each request is the first one in its tenant since the start.
 *
 * Ratios are what to read: both halves come from one run on one machine. Speed is reported, not asserted; an answer that is not
 * what was asked for ends it with exit 1. `--tenants N` (default 10000), `--users N`, `--projects N`, `--json`.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { ok } from '../core/result.ts'
import { createPasswordHasher } from '../server/identity/password-hash.ts'
import { type Api, createApi } from '../tests/support/api.ts'
import { goodPassword } from '../tests/support/palisade.ts'
import { until } from '../tests/support/until.ts'
import { quantile } from './support/fleet.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { type StoredTenant, storeTenant } from './support/people.ts'

const { values } = parseArgs({
  options: {
    tenants: { type: 'string', default: '10000' },
    users: { type: 'string', default: '100' },
    projects: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
})
const size = { users: Number(values.users), projects: Number(values.projects) }
const few = 10
const many = Number(values.tenants)
const rounds = 40
const idleSeconds = 5
/** Beside each other while they are stored. */
const writers = 4

type Measured = Readonly<Record<string, number>>

const hashed = await createPasswordHasher().admit(async (hashing) => ok(await hashing.hash(goodPassword)))
if (!hashed.ok) throw new Error('the password could not be hashed')
const passwordHash = hashed.value

const installation = await startInstallation('bench-tenants')
try {
  const tenants = await store(installation, [], few)
  const before = await measure(installation, tenants)
  const startedAt = performance.now()
  const all = await store(installation, tenants, many)
  const storedSeconds = (performance.now() - startedAt) / 1000
  const after = await measure(installation, all)
  const rows = Object.keys(before).map((what) => ({
    ...{ what, few: before[what] ?? Number.NaN, many: after[what] ?? Number.NaN },
    ratio: (after[what] ?? Number.NaN) / (before[what] ?? Number.NaN),
  }))
  if (values.json) console.log(JSON.stringify({ few, many, ...size, storedSeconds, rows }, undefined, 2))
  else {
    console.log(
      `${size.users} users and ${size.projects} projects a tenant; ${many} were stored in ${storedSeconds.toFixed(0)} s.\n`,
    )
    console.table(
      Object.fromEntries(
        rows.map((row) => [
          row.what,
          {
            [`${few} tenants`]: row.few.toFixed(1),
            [`${many} tenants`]: row.many.toFixed(1),
            ratio: row.ratio.toFixed(2),
          },
        ]),
      ),
    )
  }
} finally {
  await installation.stop()
}
process.exit(0)

async function store({ inTenant, keys, analyze }: Installation, had: readonly StoredTenant[], upTo: number) {
  const stored = [...had]
  let next = had.length
  const writer = async () => {
    while (next < upTo) {
      const org = `org-${next++}`
      stored.push(await storeTenant(inTenant, keys, { org, ...size, passwordHash }))
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  await analyze()
  return stored
}

/** Starts the server anew, so that nothing of the tenants is in memory, and measures; milliseconds where the name says no other. */
async function measure({ server }: Installation, tenants: readonly StoredTenant[]): Promise<Measured> {
  server.daemon.kill('SIGTERM')
  await until('the server to end', () => server.daemon.ended())
  const startMs = await server.restart()
  const idleMiB = await residentMiB(server.pid)
  const idleCpu = await cpuMs(server.pid)
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000)) // What is measured is that time goes by.
  const idleCpuPercent = ((await cpuMs(server.pid)) - idleCpu) / (10 * idleSeconds)

  // The same places in both halves, spread over all tenants; the cold ones are others than the warm ones.
  const spread = (count: number, from: number) =>
    Array.from(
      { length: count },
      (_, n) => tenants[(from + Math.floor((n * tenants.length) / count)) % tenants.length]!,
    )
  const api = createApi(server.url, server.caPem)
  const signIn = async ({ email, org }: StoredTenant, from: number): Promise<Api> => {
    // Budgets of sign-ins count by network.
    const client = createApi(
      server.url.replace('localhost', '127.0.0.1'),
      server.caPem,
      `127.3.${from >> 8}.${from & 255}`,
    )
    const body = { emailId: email, password: goodPassword, org }
    const { Authorization } = await client.must('POST', '/v1/auth/authenticate', { body })
    await client.close()
    return api.as({ token: Authorization })
  }
  const working = spread(few, 0)
  const people: Api[] = []
  const coldSignIn: number[] = []
  for (const [n, tenant] of working.entries())
    coldSignIn.push(await timed(async () => people.push(await signIn(tenant, n + 1))))
  const warmSignIn = await repeat(2 * few, (n) => signIn(working[n % few]!, n + 1000))
  const list = (path: string, count: number) => async (n: number) => {
    const { items } = await people[n % few]!.must('GET', path)
    if (items.length !== count) throw new Error(`${path}: ${items.length} instead of ${count}`)
  }
  const coldUsers = await repeat(few, list('/v1/users?limit=50', Math.min(50, size.users)))
  const warmUsers = await repeat(rounds, list('/v1/users?limit=50', Math.min(50, size.users)))
  const warmProjects = await repeat(rounds, list('/v1/dashboard/projects/metadata', size.projects))
  const decision = async (n: number) => {
    const { metadata } = await people[n % few]!.must(
      'GET',
      `/v1/projects/${working[n % few]!.projects[n % size.projects]}`,
    )
    if (metadata.uid !== working[n % few]!.projects[n % size.projects]) throw new Error('another project was answered')
  }
  const decisions = await repeat(rounds, decision)
  const busyMiB = await residentMiB(server.pid)
  await api.close()
  return {
    'start, ms': startMs,
    'memory after the start, MiB': idleMiB,
    'memory after the work, MiB': busyMiB,
    'idle, % of a processor': idleCpuPercent,
    'sign-in, cold': quantile(coldSignIn, 0.5),
    'sign-in, warm': quantile(warmSignIn, 0.5),
    'page of 50 users, cold': quantile(coldUsers, 0.5),
    'page of 50 users, warm': quantile(warmUsers, 0.5),
    'list of projects, warm': quantile(warmProjects, 0.5),
    'one project, warm': quantile(decisions, 0.5),
  }
}

async function repeat(times: number, work: (n: number) => Promise<unknown>): Promise<number[]> {
  const took: number[] = []
  for (let n = 0; n < times; n++) took.push(await timed(() => work(n)))
  return took
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function residentMiB(pid: number): Promise<number> {
  const [, kiB = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kiB) / 1024
}

/** User and system time; a tick is 10 ms wherever Linux runs. */
async function cpuMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
