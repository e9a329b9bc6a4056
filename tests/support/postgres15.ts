import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { createAuthority } from './certificates.ts'
import { freePort } from './ports.ts'
import { createProcessFamily, type ProcessFamily } from './processes.ts'
import { until } from './until.ts'

/** A PostgreSQL that somebody else runs, as an operator brings one: TLS on loopback, and a UNIX socket. */
export interface Postgres {
  /**
   * The login that owns the (empty) database: may make roles, is no superuser. TLS, the server verified against
   * `caFile`: `postgres://…@127.0.0.1:…/palisade?sslmode=verify-full&sslrootcert=…`.
   */
  readonly ownerUrl: string
  /** The same login and server without TLS, which a client may not accept. */
  readonly plainUrl: string
  /** The same login over the UNIX socket. */
  readonly socketUrl: string
  /** The superuser, over TLS. */
  readonly superuserUrl: string
  readonly host: '127.0.0.1'
  readonly port: number
  readonly caFile: string
  /** A CA that has nothing to do with this server, for what must be refused. */
  readonly foreignCaFile: string
  /** Major version. */
  readonly version: number
  /** Ends the server and removes its data. */
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** Which server: the one that Debian packages put below `/usr/lib/postgresql`, the oldest major from 15 on. */
  readonly version?: 'debian'
}

export type DebianPostgres =
  | { readonly ok: true; readonly bin: string; readonly version: number }
  | { readonly ok: false }

export const explainNoPostgres =
  'no PostgreSQL server of the distribution: no /usr/lib/postgresql/15/bin or newer. Install the package postgresql.'

const packages = '/usr/lib/postgresql'
const database = 'palisade'
const superuser = 'postgres'
const owner = 'palisade_owner'
const password = 'only-for-tests'

/** Looks for a server of the distribution; its folder holds `initdb` and `postgres`. */
export async function findDebianPostgres(): Promise<DebianPostgres> {
  const names = await readdir(packages).catch(() => [])
  const versions = names.map(Number).filter((version) => Number.isInteger(version) && version >= 15)
  for (const version of versions.sort((a, b) => a - b)) {
    const bin = join(packages, String(version), 'bin')
    const present = await Promise.all(['initdb', 'postgres'].map((program) => exists(join(bin, program))))
    if (present.every(Boolean)) return { ok: true, bin, version }
  }
  return { ok: false }
}

/** Why there can be no such server here, for the `skip` option of a test; `false` where there can. */
export async function postgresSkipReason(): Promise<string | false> {
  return (await findDebianPostgres()).ok ? false : explainNoPostgres
}

/** Starts a server with an empty database; it uses a temporary folder and, when root asks, the uid of `nobody`. */
export async function startPostgres({ version = 'debian' }: PostgresOptions = {}): Promise<Postgres> {
  const found = await findDebianPostgres()
  if (!found.ok) throw new Error(`startPostgres(${version}): ${explainNoPostgres}`)
  const family = await createProcessFamily('postgres')
  try {
    return await start(family, found)
  } catch (error) {
    await family.stop()
    throw error
  }
}

async function start(family: ProcessFamily, found: { bin: string; version: number }): Promise<Postgres> {
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? await nobody() : undefined
  const home = join(family.folder, 'database')
  const data = join(home, 'data')
  const own = async (path: string): Promise<void> => {
    if (account !== undefined) await chown(path, account.uid, account.gid)
  }
  await mkdir(home, { mode: 0o700 })
  await own(home)
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(home, name)
    await writeFile(path, text, { mode: 0o600 })
    await own(path)
    return path
  }

  const authority = await createAuthority('PostgreSQL test CA')
  const serving = await authority.issue({ commonName: 'postgres', dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
  const caFile = join(family.folder, 'ca.crt')
  await writeFile(caFile, authority.certPem)
  const foreignCaFile = join(family.folder, 'foreign-ca.crt')
  await writeFile(foreignCaFile, (await createAuthority('Another CA')).certPem)
  const port = await freePort()
  const passwordFile = await file('password', password)
  const certFile = await file('server.crt', serving.certPem)
  const keyFile = await file('server.key', serving.keyPem)
  const accessFile = await file(
    'pg_hba.conf',
    ['local all all scram-sha-256', 'host all all 127.0.0.1/32 scram-sha-256', ''].join('\n'),
  )

  await runInitdb(join(found.bin, 'initdb'), home, account, [
    `--pgdata=${data}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
  ])
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: home,
    hba_file: accessFile,
    ssl: 'on',
    ssl_cert_file: certFile,
    ssl_key_file: keyFile,
    shared_buffers: '32MB',
  }
  const daemon = await family.start(
    'postgres',
    join(found.bin, 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    // Fast shutdown: killed, it would leave its shared memory segment behind for good.
    { cwd: home, env: { LC_ALL: 'C.UTF-8' }, stopSignal: 'SIGINT', ...account },
  )

  const address = `127.0.0.1:${port}`
  const tls = `sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`
  const superuserUrl = `postgres://${superuser}:${password}@${address}/${database}?${tls}`
  await until('PostgreSQL', async () => {
    await daemon.assertRunning()
    return (await makeDatabase({ host: home, port, user: superuser, password, database: 'postgres' })) || undefined
  })
  return {
    ownerUrl: `postgres://${owner}:${password}@${address}/${database}?${tls}`,
    plainUrl: `postgres://${owner}:${password}@${address}/${database}?sslmode=disable`,
    socketUrl: `postgres://${owner}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(home)}`,
    superuserUrl,
    host: '127.0.0.1',
    port,
    caFile,
    foreignCaFile,
    version: found.version,
    stop: family.stop,
  }
}

/** @returns whether the server took the connection yet */
async function makeDatabase(login: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client(login)
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    // No socket yet, nobody behind it, or cannot_connect_now (57P03).
    if (['ENOENT', 'ECONNREFUSED', '57P03'].includes((error as { code?: string }).code ?? '')) return false
    throw error
  }
  try {
    await client.query(`create role ${owner} login createrole password '${password}'`)
    await client.query(`create database ${database} owner ${owner}`)
    return true
  } finally {
    await client.end()
  }
}

async function runInitdb(
  program: string,
  cwd: string,
  account: { uid: number; gid: number } | undefined,
  args: readonly string[],
): Promise<void> {
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' }
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], ...account })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${stderr.trim()}`)
}

async function nobody(): Promise<{ uid: number; gid: number }> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) throw new Error('/etc/passwd has no user nobody')
  return { uid: Number(uid), gid: Number(gid) }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
