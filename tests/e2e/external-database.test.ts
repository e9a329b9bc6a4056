import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type Api, createApi } from '../support/api.ts'
import { freePort } from '../support/ports.ts'
import { type Postgres, postgresSkipReason, startPostgres } from '../support/postgres15.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { startOldPostgres } from './old-postgres.ts'
import { childrenOf, environment, passwordIn, type Run, readiness, runToEnd, startRun } from './program.ts'

// PALISADE_DATABASE_URL: somebody else's PostgreSQL, over TLS, with everything that may be wrong about one. The tests build
// on each other: role names belong to the whole server, so that what one leaves there the next one meets.

const skip = await postgresSkipReason()
const administrator = { username: 'root@example.com', password: 'Correct-Horse-42-Staple' }

let family: ProcessFamily
let postgres: Postgres
let rootKeyFile: string

before(async () => {
  if (skip) return
  family = await createProcessFamily('external')
  postgres = await startPostgres()
  rootKeyFile = join(family.folder, 'root.key')
  await writeFile(rootKeyFile, Buffer.alloc(32, 9).toString('base64'), { mode: 0o600 })
})
after(async () => {
  await family?.stop()
  await postgres?.stop()
})

/** Runs SQL in a database as the superuser, whom nothing stops. */
async function sql<Row extends pg.QueryResultRow>(text: string, database = 'palisade'): Promise<Row[]> {
  const url = new URL(postgres.superuserUrl)
  url.pathname = database
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** The owner's URL with parts of it changed. */
function ownerUrl(change: (url: URL) => void = () => undefined): string {
  const url = new URL(postgres.ownerUrl)
  change(url)
  return url.href
}

let installations = 0
async function installation(variables: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  return {
    ...(await environment(join(family.folder, `data-${++installations}`))),
    PALISADE_ROOT_KEY_FILE: rootKeyFile,
    ...variables,
  }
}

async function started(env: Readonly<Record<string, string>>): Promise<Run> {
  const run = await startRun(family, env)
  await run.says(readiness)
  return run
}

async function stopped(run: Run): Promise<void> {
  run.daemon.kill('SIGTERM')
  assert.equal(await run.ended(), 'exit code 0', await run.output())
}

/** Refused in one line that names no password, with no stack trace. */
async function assertRefused(variables: Readonly<Record<string, string>>, says: RegExp): Promise<void> {
  const { how, output } = await runToEnd(family, await installation(variables))
  assert.equal(how, 'exit code 1', output)
  assert.match(output, new RegExp(`^palisade: ${says.source}`), output)
  assert.equal(output.trimEnd().split('\n').length, 1, output)
  assert.doesNotMatch(output, /only-for-tests|hidden/)
}

async function clientOf(env: Readonly<Record<string, string>>): Promise<Api & { close(): Promise<void> }> {
  const caPem = await readFile(join(env.PALISADE_DATA_DIR ?? '', 'pki/ca.crt'), 'utf8')
  return createApi(`https://localhost:${env.PALISADE_PORT}`, caPem)
}

const tablesIn = (database: string) =>
  sql<{ relname: string }>(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname`,
    database,
  )
const passwordsOfRoles = () =>
  sql<{ rolpassword: string }>(
    `select rolname, rolpassword from pg_authid where rolname like 'palisade\\_%' order by 1`,
  )

test('what cannot be reached is told by its reason', { skip }, async () => {
  const closed = String(await freePort())
  const cases: readonly (readonly [url: string, says: RegExp])[] = [
    [ownerUrl((url) => (url.port = closed)), /the database cannot be reached: nothing listens there \(ECONNREFUSED\)/],
    [ownerUrl((url) => (url.password = 'hidden')), /the database cannot be reached: user or password is wrong/],
    [
      ownerUrl((url) => (url.password = '')),
      /the database cannot be reached: it wants a password, and the URL has none/,
    ],
    [ownerUrl((url) => (url.username = 'nobody')), /the database cannot be reached: user or password is wrong/],
    [ownerUrl((url) => (url.pathname = '/none')), /the database cannot be reached: there is no database of that name/],
    [
      ownerUrl((url) => url.searchParams.set('sslrootcert', postgres.foreignCaFile)),
      /the database cannot be reached: its certificate is of a CA that is not trusted; name the CA with sslrootcert/,
    ],
    [
      ownerUrl((url) => url.searchParams.delete('sslrootcert')),
      /the database cannot be reached: its certificate is of a CA that is not trusted; name the CA with sslrootcert/,
    ],
    [
      ownerUrl((url) => (url.hostname = 'palisade.invalid')),
      /the database cannot be reached: its host name does not resolve/,
    ],
    [
      `postgres://owner:x@localhost/palisade?host=${family.folder}`,
      /the database cannot be reached: there is no socket in that folder \(ENOENT\)/,
    ],
    // The same machine, by a name that its certificate has not.
    [
      ownerUrl((url) => (url.host = `[::ffff:127.0.0.1]:${postgres.port}`)),
      /the database cannot be reached: its certificate is for another host name than the URL has/,
    ],
  ]
  for (const [url, says] of cases) await assertRefused({ PALISADE_DATABASE_URL: url }, says)
})

test('a PostgreSQL that is too old is refused', { skip }, async () => {
  const old = await startOldPostgres()
  await assertRefused(
    { PALISADE_DATABASE_URL: old.url },
    /the database is PostgreSQL 14\.11; Palisade needs 15 or newer/,
  )
  await old.close()
})

test('a database that is not ours is refused and stays as it is', { skip }, async () => {
  const foreign = [
    {
      name: 'shop',
      table: 'orders (id int)',
      says: /holds tables that are not Palisade's \(orders\); use an empty one/,
    },
    { name: 'rails', table: 'schema_migrations (version text)', says: /not Palisade's \(schema_migrations\)/ },
  ]
  for (const { name, table, says } of foreign) {
    await sql(`create database ${name} owner palisade_owner`)
    await sql(`create table ${table}`, name)
    const url = ownerUrl((one) => (one.pathname = `/${name}`))
    await assertRefused({ PALISADE_DATABASE_URL: url }, new RegExp(`the database .*${says.source}`))
    assert.equal((await tablesIn(name)).length, 1)
  }
  assert.equal((await passwordsOfRoles()).length, 1, 'the owner’s alone')
})

test('where the owner may not make roles, roles that were made by hand are used', { skip }, async () => {
  await sql(`create role limited login password 'only-for-tests'`)
  await sql('create database byhand owner limited')
  const url = ownerUrl((one) => {
    one.username = 'limited'
    one.pathname = '/byhand'
  })
  const app = (password: string) =>
    ownerUrl((one) => {
      one.username = 'palisade_app'
      one.password = password
      one.pathname = '/byhand'
    })
  const byHand = { PALISADE_DATABASE_URL: url, PALISADE_DATABASE_APP_URL: app('by-hand') }

  await assertRefused({ PALISADE_DATABASE_URL: url }, /the owner may not make roles .* set PALISADE_DATABASE_APP_URL/)
  await assertRefused(
    byHand,
    /the database has no role palisade_app; see docs\/operations\.md, "Roles of the database"/,
  )
  await sql(`create role palisade_app login password 'by-hand'`)
  await sql(`create role palisade_sequencer login bypassrls password 'another'`)
  await assertRefused(byHand, /role palisade_sequencer may bypass row-level security; see docs/)
  await sql('alter role palisade_sequencer nobypassrls')
  await assertRefused(byHand, /palisade_sequencer cannot log in to the database: user or password is wrong; see docs/)
  await sql(`alter role palisade_sequencer password 'by-hand'`)
  await assertRefused(
    { ...byHand, PALISADE_DATABASE_APP_URL: app('hidden') },
    /palisade_app cannot log in to the database: user or password is wrong; see docs/,
  )
  await assertRefused(
    { PALISADE_DATABASE_URL: url },
    /the owner may not make roles in the database, or set their passwords/,
  )
  assert.deepEqual(await tablesIn('byhand'), [])

  const env = await installation(byHand)
  const run = await started(env)
  const client = await clientOf(env)
  const body = { username: 'admin@palisade.local', password: await passwordIn(run) }
  assert.equal((await client.call('POST', '/v1/auth/syslogin', { body })).status, 200)
  await client.close()
  await stopped(run)
  await sql('drop database byhand')
  await sql('drop role palisade_app, palisade_sequencer')
})

test('a login that does not own the database is told what it lacks', { skip }, async () => {
  await sql('alter role limited createrole')
  const before = await passwordsOfRoles()
  const url = ownerUrl((one) => (one.username = 'limited'))
  await assertRefused(
    { PALISADE_DATABASE_URL: url },
    /the login of PALISADE_DATABASE_URL does not own the database and its schema "public"; see docs/,
  )
  assert.deepEqual(await passwordsOfRoles(), before)
})

/** Two replicas; both run from the next test on. */
const replicas: {
  readonly env: Record<string, string>
  readonly run: Run
  readonly api: Api & { close(): Promise<void> }
}[] = []

test('two replicas that start at once on an empty database share everything but their folders', { skip }, async () => {
  const variables = {
    PALISADE_DATABASE_URL: postgres.ownerUrl,
    PALISADE_LOG_LEVEL: 'warn',
    // One address for both, as a load balancer has it: tokens name it as their issuer.
    PALISADE_PUBLIC_URL: 'https://palisade.test',
  }
  const envs = [await installation(variables), await installation(variables)]
  const runs = await Promise.all(envs.map(started))
  for (const [i, run] of runs.entries()) {
    const env = envs[i] ?? {}
    replicas.push({ env, run, api: await clientOf(env) })
    assert.deepEqual(childrenOf(run.pid), [], 'no PostgreSQL of its own')
    assert.ok(!existsSync(join(env.PALISADE_DATA_DIR ?? '', 'postgres')))
    assert.doesNotMatch(await run.output(), /[Ww]arning|"level"/)
  }
  const passwords = (await Promise.all(runs.map(passwordIn))).filter((one) => one !== '')
  assert.equal(passwords.length, 1, 'one of them made the administrator')
  const [one, other] = replicas.map(({ api }) => api)
  assert.ok(one && other)
  const caOf = async (i: number) => readFile(join(replicas[i]?.env.PALISADE_DATA_DIR ?? '', 'pki/ca.crt'), 'utf8')
  assert.equal(await caOf(0), await caOf(1))

  for (const [here, there] of [
    [one, other],
    [other, one],
  ] as const) {
    const body = { username: 'admin@palisade.local', password: passwords[0] }
    const { Authorization } = await here.must('POST', '/v1/auth/syslogin', { body })
    assert.equal((await there.as({ token: Authorization }).call('GET', '/v1/tenants')).status, 200)
    assert.equal((await here.call('GET', '/readyz')).status, 200)
  }
})

test('a server with another root key is refused, and those that run keep their passwords', { skip }, async () => {
  const before = await passwordsOfRoles()
  const otherKey = join(family.folder, 'other.key')
  await writeFile(otherKey, Buffer.alloc(32, 1).toString('base64'), { mode: 0o600 })
  const variables = { PALISADE_DATABASE_URL: postgres.ownerUrl, PALISADE_ROOT_KEY_FILE: otherKey }
  await assertRefused(variables, /the root key is not the one that sealed this database; bring back the key file/)
  assert.deepEqual(await passwordsOfRoles(), before)
})

test('so is a second installation on the same server', { skip }, async () => {
  const before = await passwordsOfRoles()
  await sql('create database second owner palisade_owner')
  const url = ownerUrl((one) => (one.pathname = '/second'))
  await assertRefused(
    { PALISADE_DATABASE_URL: url },
    /the PostgreSQL server holds another Palisade, in the database palisade; use a server of its own/,
  )
  assert.deepEqual(await passwordsOfRoles(), before)
  assert.deepEqual(await tablesIn('second'), [])
})

test('so is a database of a newer release, and one whose migrations were changed', { skip }, async () => {
  for (const { change, undo, says } of [
    {
      change: `insert into schema_migrations (number, name, sha256) select max(number) + 1, 'later', 'x' from schema_migrations`,
      undo: `delete from schema_migrations where name = 'later'`,
      says: /the database is of a newer release \(schema \d+, this one knows \d+\); start that release/,
    },
    {
      change: `update schema_migrations set sha256 = 'x' || sha256 where number = 2`,
      undo: `update schema_migrations set sha256 = substr(sha256, 2) where number = 2`,
      says: /migration 2 in the database differs from this release's file; it was changed after it ran/,
    },
  ]) {
    await sql(change)
    await assertRefused({ PALISADE_DATABASE_URL: postgres.ownerUrl }, says)
    await sql(undo)
  }
})

test('one replica goes, the other stays, and the first comes back', { skip }, async () => {
  const [one, other] = replicas
  assert.ok(one && other)
  await stopped(one.run)
  assert.equal((await other.api.call('GET', '/readyz')).status, 200)
  const again = await started({
    ...one.env,
    PALISADE_ADMIN_EMAIL: administrator.username,
    PALISADE_ADMIN_PASSWORD: administrator.password,
  })
  assert.equal(await passwordIn(again), '')
  assert.equal((await one.api.call('GET', '/readyz')).status, 200)
  assert.equal((await one.api.call('POST', '/v1/auth/syslogin', { body: administrator })).status, 401, 'read once only')
  for (const { api } of replicas) await api.close()
  await stopped(again)
  await stopped(other.run)
})
