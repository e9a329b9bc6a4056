import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { parseVerifierKey, verifyExport } from '../../core/ledger/index.ts'
import type { Api } from '../support/api.ts'
import { createTenant, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { until } from '../support/until.ts'

// Nothing that was acknowledged is lost, nothing lacks its audit entry and no proof breaks, whatever is killed and when.
// Fewer rounds while working on it: KILLS_OF_SERVER=5 KILLS_OF_POSTGRES=2.

const killsOfServer = Number(process.env.KILLS_OF_SERVER ?? 100)
const killsOfPostgres = Number(process.env.KILLS_OF_POSTGRES ?? 20)
const writers = 6

let palisade: Palisade
let tenant: Tenant
let byKey: Api
/** Per project: the number last acknowledged and the number last sent; a reply may be lost after its commit. */
const projects: { uid: string; acknowledged: number; sent: number }[] = []
const entries = new Map<string, string>()
let stop = false
let acknowledgedSinceKill = 0

before(async () => {
  palisade = await startPalisade({ name: 'kill' })
  tenant = await createTenant(palisade, 'durable')
  // A token would end before a slow machine is through.
  const { apiKey } = await tenant.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'writers' } } })
  byKey = tenant.admin.as({ apiKey })
  for (let i = 0; i < writers; i++) {
    const { uid } = await tenant.admin.must('POST', '/v1/projects', { body: { metadata: { name: `project ${i}` } } })
    projects.push({ uid, acknowledged: 0, sent: 0 })
  }
})
after(() => palisade?.stop())

async function write(admin: Api, index: number): Promise<void> {
  const project = projects[index]
  assert.ok(project)
  while (!stop) {
    const number = project.sent + 1
    project.sent = number
    const metadata = { name: `project ${index}`, annotations: { description: String(number) } }
    try {
      const answer = await inTime(admin.call('PUT', `/v1/projects/${project.uid}`, { body: { metadata } }))
      if (answer.status === 204) {
        project.acknowledged = number
        entries.set(String(answer.headers.audituid), project.uid)
        acknowledgedSinceKill++
      } else {
        assert.ok(answer.status >= 500, `a write was answered ${answer.status}: ${answer.text}`)
        await until('the database', () => (stop ? true : reachable(admin)), { everyMs: 50, timeoutMs: 60_000 })
      }
    } catch (cause) {
      if (cause instanceof assert.AssertionError) throw cause
      // The server is gone in the middle of a request: not acknowledged.
      await until('the server', () => (stop ? true : reachable(admin)), { everyMs: 20, timeoutMs: 60_000 })
    }
  }
}

/** Requests that were not answered in time; each hangs somewhere in the server. */
let unanswered = 0
/** Longer than the wait for a connection and for a lock together. */
const patienceMs = 30_000

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    unanswered++
    late.reject(new Error(`no answer in ${patienceMs} ms`))
  }, patienceMs)
  // It may fail when nobody waits any more.
  answer.catch(() => undefined)
  return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer))
}

async function reachable(api: Api): Promise<true | undefined> {
  try {
    return (await api.call('GET', '/readyz')).status === 200 ? true : undefined
  } catch {
    return undefined
  }
}

const withLog = async (what: string, cause: unknown): Promise<never> => {
  throw new Error(`${what}; the end of the log:\n${(await palisade.log()).slice(-4000)}`, { cause })
}

const someWrites = async () => {
  acknowledgedSinceKill = 0
  await until('writes between two kills', () => acknowledgedSinceKill >= writers || undefined, {
    everyMs: 5,
    // What a lost connection still holds is let go after a minute.
    timeoutMs: 90_000,
  }).catch((cause: unknown) => withLog('no writes between two kills', cause))
}

test(`${killsOfServer} × kill -9 of the server and ${killsOfPostgres} × of PostgreSQL lose nothing`, async () => {
  const writing = Array.from({ length: writers }, (_, i) => write(byKey, i))
  for (let i = 0; i < killsOfServer; i++) {
    await someWrites()
    process.kill(palisade.pid, 'SIGKILL')
    await until('its end', () => palisade.daemon.ended(), { everyMs: 5 })
    await palisade.restart()
  }
  for (let i = 0; i < killsOfPostgres; i++) {
    await someWrites()
    process.kill(await postmaster(), 'SIGKILL')
    await until('its return', () => reachable(byKey)).catch((cause: unknown) =>
      withLog(`no return after kill ${i} of PostgreSQL`, cause),
    )
  }
  await someWrites()
  stop = true
  await Promise.all(writing)
  assert.equal(unanswered, 0, `requests without an answer within ${patienceMs} ms`)

  for (const project of projects) {
    const { metadata } = await byKey.must('GET', `/v1/projects/${project.uid}`)
    const stored = Number(metadata.annotations.description)
    assert.ok(stored >= project.acknowledged, `acknowledged ${project.acknowledged}, stored ${stored}`)
    assert.ok(stored <= project.sent)
  }

  const text = (await byKey.call('GET', '/v1/palisade/audit/export')).text
  const key = (await byKey.call('GET', '/v1/palisade/audit/key')).text.trim()
  const lines = text.trimEnd().split('\n')
  const verifierKey = parseVerifierKey(key)
  assert.ok(verifierKey.ok)
  const verdict = await verifyExport(Readable.from(lines), verifierKey.value)
  assert.ok(verdict.ok, JSON.stringify(verdict))

  const logged = new Set(lines.slice(1).map((line) => (JSON.parse(line) as { uid: string }).uid))
  const missing = [...entries.keys()].filter((uid) => !logged.has(uid))
  assert.deepEqual(missing, [], 'acknowledged mutations without their entry')
  assert.ok(entries.size > killsOfServer, `${entries.size} acknowledged writes`)
})

/** The embedded server's process, from the file that PostgreSQL keeps for it. */
async function postmaster(): Promise<number> {
  const location = JSON.parse(await readFile(join(palisade.dataFolder, 'postgres-location.json'), 'utf8')) as {
    folder: string
  }
  const database = join(resolve(palisade.dataFolder, location.folder), 'database')
  return Number((await readFile(join(database, 'postmaster.pid'), 'utf8')).split('\n')[0])
}
