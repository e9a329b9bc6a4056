/**
 * `npm run bench:people`: pages, searches and orders of the people of one tenant with 100,000 of them, over HTTP as its administrator. Names
 * and addresses are sealed in the database; what is answered is compared with a search in the clear over what was stored. Speed is
 * reported, not asserted; an answer that differs ends it with exit 1. `--people N`, `--rounds N`, `--json`.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { ok } from '../core/result.ts'
import { createPasswordHasher } from '../server/identity/password-hash.ts'
import type { Api } from '../tests/support/api.ts'
import { goodPassword } from '../tests/support/palisade.ts'
import { until } from '../tests/support/until.ts'
import { quantile } from './support/fleet.ts'
import { startInstallation } from './support/installation.ts'
import { type StoredTenant, storedPerson, storeTenant } from './support/people.ts'

const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '40' },
    json: { type: 'boolean', default: false },
  },
})
const [size, rounds] = [Number(values.people), Number(values.rounds)]
const limit = 50

type Person = ReturnType<typeof storedPerson>
/** What is asked, and who is to be answered, in order, and of how many. */
type Question = {
  readonly what: string
  readonly ask: (api: Api) => Promise<readonly string[]>
  readonly expected: readonly string[]
}

const hashed = await createPasswordHasher().admit(async (hashing) => ok(await hashing.hash(goodPassword)))
if (!hashed.ok) throw new Error('the password could not be hashed')
const installation = await startInstallation('bench-people')
try {
  const { inTenant, keys, analyze } = installation
  const tenant = await storeTenant(inTenant, keys, {
    ...{ org: 'many', users: size, projects: 10, passwordHash: hashed.value },
  })
  await analyze()
  await measure(tenant)
} finally {
  await installation.stop()
}
process.exit(0)

function questionsOf(tenant: StoredTenant): readonly Question[] {
  const everybody = Array.from({ length: size }, (_, n) => storedPerson(tenant.org, n))
  const byName = everybody.toSorted((a, b) => order(a.name, b.name))
  const emails = (of: readonly Person[], from = 0) => of.slice(from, from + limit).map(({ email }) => email)
  const summary = (filter: object, sort: object) => async (api: Api) => {
    const body = { filter, sort: [sort] }
    const { items } = await api.must('POST', '/v1/users/summary', { body })
    return items.map(({ spec }: { spec: { emailId: string } }) => spec.emailId)
  }
  const ours = (query: string) => async (api: Api) => {
    const { items } = await api.must('GET', `/v1/palisade/people?limit=${limit}&${query}`)
    return items.map(({ email }: { email: string }) => email)
  }
  const ascending = { field: 'name', order: 'asc' }
  const descending = { field: 'name', order: 'desc' }
  const ofGina = byName.filter(({ name }) => name.startsWith('Gina Person 99'))
  const with77 = byName.filter(({ name }) => name.includes('77'))
  const with777 = byName.filter(({ name }) => name.includes('777'))
  return [
    {
      what: 'first page, by name',
      ask: ours('orderBy=name'),
      expected: emails(byName),
    },
    {
      what: 'page half way, by name',
      ask: ours(`orderBy=name&offset=${size / 2}`),
      expected: emails(byName, size / 2),
    },
    {
      what: 'published: first page',
      ask: async (api) => {
        const { items } = await api.must('GET', `/v1/users?limit=${limit}`)
        return items.map(({ spec }: { spec: { emailId: string } }) => spec.emailId)
      },
      expected: emails(byName),
    },
    { what: 'a part of the name', ask: ours('orderBy=name&q=77'), expected: emails(with77) },
    {
      what: `published: name beginsWith, all ${ofGina.length}`,
      ask: summary({ name: { beginsWith: 'gina person 99', ignoreCase: true } }, ascending),
      expected: ofGina.map(({ email }) => email),
    },
    {
      what: `published: name contains, all ${with777.length}, backwards`,
      ask: summary({ name: { contains: '777' } }, descending),
      expected: with777.toReversed().map(({ email }) => email),
    },
    {
      what: 'published: one e-mail',
      ask: summary({ emailId: { eq: everybody.at(-1)?.email } }, ascending),
      expected: emails(everybody.slice(-1)),
    },
  ]
}

async function measure(tenant: StoredTenant): Promise<void> {
  const { server } = installation
  const questions = questionsOf(tenant)
  // Nothing of the tenant is in memory.
  server.daemon.kill('SIGTERM')
  await until('the server to end', () => server.daemon.ended())
  await server.restart()
  const before = await residentMiB(server.pid)
  const body = { emailId: tenant.email, password: goodPassword, org: tenant.org }
  const api = server.api.as({ token: (await server.api.must('POST', '/v1/auth/authenticate', { body })).Authorization })
  const rows: { what: string; p50: number; p99: number }[] = []
  const timed = async ({ what, ask, expected }: Question) => {
    const began = performance.now()
    const answered = await ask(api)
    const took = performance.now() - began
    if (answered.join() !== expected.join())
      throw new Error(`${what}: ${answered.slice(0, 3)} … instead of ${expected.slice(0, 3)} …`)
    return took
  }
  const report = (what: string, took: readonly number[]) =>
    rows.push({ what, p50: quantile(took, 0.5), p99: quantile(took, 0.99) })
  const [first] = questions
  if (!first) throw new Error('nothing is asked')
  report('the first question after a start', [await timed(first)])
  for (const question of questions) {
    const took: number[] = []
    for (let round = 0; round < rounds; round++) took.push(await timed(question))
    report(question.what, took)
  }
  const afterChange: number[] = []
  for (let round = 0; round < rounds; round++) {
    // Somebody's right changes, which could be somebody's name.
    await api.must('POST', '/v1/teams', {
      body: { metadata: { name: `team ${round}` }, spec: { users: [], roles: [] } },
    })
    afterChange.push(await timed(first))
  }
  report('first page, right after a change of access', afterChange)
  const after = await residentMiB(server.pid)
  const result = { people: size, rows, residentMiB: { before, after }, bytesEach: ((after - before) * 2 ** 20) / size }
  if (values.json) console.log(JSON.stringify(result, undefined, 2))
  else {
    console.log(`\n${size.toLocaleString('en')} people in one tenant; every page compared, none differed\n`)
    for (const { what, p50, p99 } of rows)
      console.log(`  ${what.padEnd(46)} p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms`)
    console.log(`\n  memory ${before.toFixed(0)} MiB after the start, ${after.toFixed(0)} MiB at the end`)
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

async function residentMiB(pid: number): Promise<number> {
  const [, kiB = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kiB) / 1024
}
