import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { Secret } from '../../core/seal/index.ts'
import { databaseAccount, identity } from '../../server/platform/embedded-postgres/account.ts'
import { prepareBinaries } from '../../server/platform/embedded-postgres/binaries.ts'
import {
  clientConfig,
  type DatabaseTarget,
  ensureRoles,
  migrate,
  readMigrations,
} from '../../server/platform/postgres/index.ts'
import { createProcessFamily, type Daemon } from './processes.ts'
import { until } from './until.ts'

/** The logins of one database with the whole schema. */
export type TestDatabase = {
  /** Owns the schema and is no superuser: what only a superuser could do fails in tests as it would for an operator. */
  readonly owner: DatabaseTarget
  readonly app: DatabaseTarget
  readonly sequencer: DatabaseTarget
  /** A malicious or clumsy database administrator, whom nothing stops. */
  readonly superuser: DatabaseTarget
}

/** A PostgreSQL server of the test's own, on a UNIX socket in a temporary folder. */
export type TestPostgres = {
  /** A new, empty database with the whole schema: about 50 ms. */
  create(): Promise<TestDatabase>
  /** One with the schema of an earlier release: its first `migrations` alone. */
  createEarlier(migrations: number): Promise<TestDatabase>
  /** Stops the server as `pg_ctl stop -m immediate` does and starts it again: what was acknowledged is there, sessions are not. */
  crash(): Promise<void>
  /** Keeps a copy of the server's files as they are now, taken while it is stopped. */
  backUp(): Promise<void>
  /** Puts the copy in the place of the server's files; as a standby that is promoted, or as a copy that goes on as if it were the same. */
  restore(as: 'standby' | 'copy'): Promise<void>
  /** Ends everything and removes the folder. */
  stop(): Promise<void>
}

export type TestPostgresOptions = {
  /** Writes go to the disk, as in production: for benchmarks. Tests survive a process's end without it. */
  readonly fsync?: boolean
}

const migrations = readMigrations(new URL('../../db/migrations/', import.meta.url))
const template = 'palisade_template'
const passwords = { superuser: 'superuser', owner: 'owner', app: 'app', sequencer: 'sequencer' } as const
const port = 5432

/** Starts the server and migrates a template: about 2 s. */
export async function startTestPostgres({ fsync = false }: TestPostgresOptions = {}): Promise<TestPostgres> {
  const family = await createProcessFamily('postgres')
  try {
    const account = await databaseAccount()
    const { initdb, postgres } = await prepareBinaries(account, join(family.folder, 'programs'), () => {})
    const home = join(family.folder, 'database')
    const sockets = join(family.folder, 'socket')
    const passwordFile = join(family.folder, 'password')
    await writeFile(passwordFile, passwords.superuser, { mode: 0o600 })
    for (const folder of [home, sockets]) await mkdir(folder, { mode: 0o700 })
    if (account.isOther) for (const path of [passwordFile, home, sockets]) await chown(path, account.uid, account.gid)
    await chmod(family.folder, 0o711)

    await run(
      initdb,
      [
        ...['-D', home, '--username', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
        ...['--encoding', 'UTF8', '--locale', 'C', '--no-instructions', '--no-sync'],
      ],
      identity(account),
    )

    const target = (database: string, user: string, password: string): DatabaseTarget => ({
      ...{ host: sockets, port, database, user, tls: 'none' },
      password: new Secret(password),
    })
    const superuser = (database: string) => target(database, 'postgres', passwords.superuser)

    let server: Daemon
    const start = async () => {
      const settings = {
        listen_addresses: '',
        unix_socket_directories: sockets,
        unix_socket_permissions: '0700',
        max_connections: '100',
        shared_buffers: '64MB',
        fsync: fsync ? 'on' : 'off',
        full_page_writes: fsync ? 'on' : 'off',
        synchronous_commit: 'on',
        timezone: 'UTC',
        io_method: 'sync',
        jit: 'off',
      }
      const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      server = await family.start('postgres', postgres, ['-D', home, ...options], {
        ...identity(account),
        env: { TZ: 'UTC', LC_ALL: 'C' },
        stopSignal: 'SIGINT', // fast shutdown
      })
      await until('the test PostgreSQL', async () => {
        await server.assertRunning()
        return answers(superuser('postgres'))
      })
    }
    const end = async (signal: NodeJS.Signals) => {
      server.kill(signal)
      await until('the end of the test PostgreSQL', () => (server.ended() === undefined ? undefined : true))
    }
    await start()
    await withClient(superuser('postgres'), async (client) => {
      await client.query(`create role palisade_owner login createrole password '${passwords.owner}'`)
      await client.query(`create database ${template} owner palisade_owner`)
    })
    await withClient(target(template, 'palisade_owner', passwords.owner), async (client) => {
      await ensureRoles(client, { app: new Secret(passwords.app), sequencer: new Secret(passwords.sequencer) })
      const migrated = await migrate(client, migrations)
      if (!migrated.ok) throw new Error(migrated.error)
    })

    let made = 0
    const createFrom = async (from: string): Promise<TestDatabase> => {
      const name = `palisade_${++made}`
      await withClient(superuser('postgres'), (client) =>
        client.query(`create database ${name} template ${from} owner palisade_owner`),
      )
      return {
        owner: target(name, 'palisade_owner', passwords.owner),
        app: target(name, 'palisade_app', passwords.app),
        sequencer: target(name, 'palisade_sequencer', passwords.sequencer),
        superuser: superuser(name),
      }
    }
    return {
      create: () => createFrom(template),
      async createEarlier(count) {
        const database = await createFrom('template1')
        const migrated = await withClient(database.owner, (client) => migrate(client, migrations.slice(0, count)))
        if (!migrated.ok) throw new Error(migrated.error)
        return database
      },
      async crash() {
        await end('SIGQUIT') // immediate shutdown: no checkpoint, recovery at the next start
        await start()
      },
      async backUp() {
        await end('SIGINT')
        await cp(home, `${home}-copy`, copying)
        await chownAll(`${home}-copy`, account)
        await start()
      },
      async restore(as) {
        await end('SIGINT')
        await rm(home, { recursive: true })
        await cp(`${home}-copy`, home, copying)
        if (as === 'standby') await writeFile(join(home, 'standby.signal'), '')
        await chownAll(home, account)
        await start()
        if (as === 'standby')
          await withClient(superuser('postgres'), (client) => client.query('select pg_promote(wait => true)'))
      },
      stop: () => family.stop(),
    }
  } catch (cause) {
    await family.stop()
    throw cause
  }
}

/** Runs `work` with one connection that is closed afterwards. */
export async function withClient<T>(target: DatabaseTarget, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(clientConfig(target, 'palisade-test'))
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const copying = { recursive: true, preserveTimestamps: true } as const

/** A copy belongs to whoever copied it; PostgreSQL takes only files of its own. */
async function chownAll(folder: string, account: { isOther: boolean; uid: number; gid: number }): Promise<void> {
  if (!account.isOther) return
  await chown(folder, account.uid, account.gid)
  for (const entry of await readdir(folder, { recursive: true }))
    await chown(join(folder, entry), account.uid, account.gid)
}

async function answers(target: DatabaseTarget): Promise<true | undefined> {
  const client = new pg.Client(clientConfig(target, 'palisade-test'))
  client.on('error', () => {}) // a server that is just starting may cut it off
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return undefined
  }
}

async function run(program: string, args: readonly string[], as: { uid?: number; gid?: number }): Promise<void> {
  const child = spawn(program, args, {
    ...as,
    cwd: '/',
    env: { TZ: 'UTC', LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said}`)
}
