import { hkdfSync } from 'node:crypto'
import pg from 'pg'
import { err, ok, type Result } from '../core/result.ts'
import { rootKey, Secret } from '../core/seal/index.ts'
import type { Config } from './config.ts'
import { rootKeyProblem } from './keys/index.ts'
import type { DataFolder } from './platform/data-folder/index.ts'
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from './platform/embedded-postgres/index.ts'
import type { Logger } from './platform/log/index.ts'
import {
  advisoryLocks,
  appliedMigrations,
  appRole,
  clientConfig,
  type DatabaseTarget,
  ensureRoles,
  migrate,
  otherInstallation,
  readMigrations,
  roleProblem,
  sequencerRole,
  sqlState,
} from './platform/postgres/index.ts'

/** A database that is migrated and whose two logins are what they must be. */
export type Database = {
  readonly app: DatabaseTarget
  readonly sequencer: DatabaseTarget
  /** How many migrations ran just now. */
  readonly migrated: number
  /** The embedded server, where there is one. */
  readonly embedded: EmbeddedPostgres | undefined
}

const oldestVersion = 150_000

const seeRoles = 'see docs/operations.md, "Roles of the database"'
const untrusted = 'its certificate is of a CA that is not trusted; name the CA with sslrootcert=FILE'

/**
 * Opens the database that the configuration names: starts the embedded server or reaches a remote one, makes the two logins
 * and migrates.
 *
 * Whatever can be refused is refused before anything is changed: another installation may be running on that database.
 *
 * @param rootSecret the passwords of the two logins are derived from it, so that every replica comes to the same ones
 * @returns refuses with one line that says what to do
 */
export async function openDatabase(
  config: Config,
  dataFolder: DataFolder,
  rootSecret: Uint8Array,
  {
    logger,
    progress,
    signal,
  }: { readonly logger: Logger; readonly progress: (message: string) => void; readonly signal: AbortSignal },
): Promise<Result<Database, string>> {
  if (config.database !== 'embedded') return prepare(config.database.owner, config.database.app, rootSecret, undefined)
  let embedded: EmbeddedPostgres
  try {
    embedded = await startEmbeddedPostgres({ dataFolder, logger, progress, signal })
  } catch (cause) {
    if (cause instanceof EmbeddedPostgresError) return err(cause.message)
    throw cause
  }
  const prepared = await prepare(embedded.ownerConnection, 'make', rootSecret, embedded)
  if (!prepared.ok) await embedded.stop()
  return prepared
}

async function prepare(
  owner: DatabaseTarget,
  appTarget: DatabaseTarget | 'make',
  rootSecret: Uint8Array,
  embedded: EmbeddedPostgres | undefined,
): Promise<Result<Database, string>> {
  const client = new pg.Client(clientConfig(owner, 'palisade-owner'))
  // Without a listener a connection lost later would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (cause) {
    return err(`the database cannot be reached: ${connectProblem(cause)}`)
  }
  try {
    const unfit = await unfitness(client)
    if (unfit) return err(unfit)
    // One replica at a time: two that set a password at once would meet in the same row. Given back with the connection.
    await client.query('select pg_advisory_lock($1)', [advisoryLocks.migrations])
    const migrations = readMigrations(new URL('../db/migrations/', import.meta.url))
    const applied = await appliedMigrations(client, migrations)
    if (!applied.ok) return applied
    const wrongKey = applied.value > 0 ? await rootKeyProblem(client, rootKey(rootSecret)) : undefined
    if (wrongKey) return err(wrongKey)

    const logins = loginsOf(owner, appTarget, rootSecret)
    if (appTarget === 'make') {
      const other = applied.value === 0 ? await otherInstallation(client) : undefined
      if (other)
        return err(`the PostgreSQL server holds another Palisade, in the database ${other}; use a server of its own`)
      const notMade = await makeRoles(client, logins)
      if (notMade) return err(`${notMade}; ${seeRoles}`)
    }
    for (const role of [appRole, sequencerRole]) {
      const problem = await roleProblem(client, role)
      if (problem) return err(`${problem}; ${seeRoles}`)
    }
    if (!embedded)
      for (const login of [logins.app, logins.sequencer]) {
        const problem = await loginProblem(login)
        if (problem) return err(`${login.user} cannot log in to the database: ${problem}; ${seeRoles}`)
      }
    const migrated = await migrate(client, migrations)
    if (!migrated.ok) return migrated
    return ok({ ...logins, migrated: migrated.value, embedded })
  } catch (cause) {
    return err(`the database refused to be prepared: ${connectProblem(cause)}`)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Why a database will not do, whatever is in it. */
async function unfitness(owner: pg.Client): Promise<string | undefined> {
  const { rows } = await owner.query<{ version: number; name: string; owns: boolean | null }>(
    `select current_setting('server_version_num')::int as version, current_setting('server_version') as name,
            (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'public') as owns`,
  )
  const { version, name, owns } = rows[0] ?? { version: 0, name: 'of an unknown version', owns: null }
  if (version < oldestVersion) return `the database is PostgreSQL ${name}; Palisade needs 15 or newer`
  if (!owns) return `the login of PALISADE_DATABASE_URL does not own the database and its schema "public"; ${seeRoles}`
  return undefined
}

/** @returns why the roles cannot be made, where the owner lacks the right to */
async function makeRoles(owner: pg.Client, { app, sequencer }: ReturnType<typeof loginsOf>) {
  try {
    await ensureRoles(owner, { app: app.password, sequencer: sequencer.password })
    return undefined
  } catch (cause) {
    if (sqlState(cause) !== '42501') throw cause
    return 'the owner may not make roles in the database, or set their passwords; make them by hand and set PALISADE_DATABASE_APP_URL'
  }
}

/** Tries a login: what its password, pg_hba.conf or a pooler stand against is told now and not at the first request. */
async function loginProblem(login: DatabaseTarget): Promise<string | undefined> {
  const client = new pg.Client(clientConfig(login, 'palisade-start'))
  client.on('error', () => undefined)
  try {
    await client.connect()
    return undefined
  } catch (cause) {
    return connectProblem(cause)
  } finally {
    await client.end().catch(() => undefined)
  }
}

function loginsOf(owner: DatabaseTarget, appTarget: DatabaseTarget | 'make', rootSecret: Uint8Array) {
  if (appTarget !== 'make') return { app: appTarget, sequencer: { ...appTarget, user: sequencerRole } }
  const password = (role: string) =>
    new Secret(
      Buffer.from(hkdfSync('sha256', rootSecret, '', `palisade/database-login/1/${role}`, 24)).toString('base64url'),
    )
  return {
    app: { ...owner, user: appRole, password: password(appRole) },
    sequencer: { ...owner, user: sequencerRole, password: password(sequencerRole) },
  }
}

/** What went wrong, in the words of the system or of PostgreSQL's message, which name no secret. */
function connectProblem(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  const known = code === undefined ? undefined : connectProblems[code]
  if (known) return known
  if (/^timeout expired/.test(message)) return 'it did not answer in time; check host, port and firewall'
  if (/client password must be a string/.test(message)) return 'it wants a password, and the URL has none'
  if (/does not support SSL/.test(message)) return 'it speaks no TLS; turn on its ssl setting'
  const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : ''
  return `${message || code || 'no reason was given'}${inner}`
}

/** By code of the system, of TLS, or SQLSTATE. */
const connectProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED); check host and port',
  ENOENT: 'there is no socket in that folder (ENOENT); check host and port',
  ENOTFOUND: 'its host name does not resolve',
  EAI_AGAIN: 'its host name does not resolve',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name than the URL has',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired; renew it there',
  '28P01': 'user or password is wrong',
  '3D000': 'there is no database of that name',
  '55P03': 'another server is preparing it and did not end in time; start again',
}
