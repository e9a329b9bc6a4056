import { hkdfSync } from 'node:crypto'
import pg from 'pg'
import { err, ok, type Result } from '../core/result.ts'
import { Secret } from '../core/seal/index.ts'
import type { Config } from './config.ts'
import type { DataFolder } from './platform/data-folder/index.ts'
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from './platform/embedded-postgres/index.ts'
import type { Logger } from './platform/log/index.ts'
import {
  appRole,
  clientConfig,
  type DatabaseTarget,
  ensureRoles,
  migrate,
  readMigrations,
  roleProblem,
  sequencerRole,
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

/**
 * Opens the database that the configuration names: starts the embedded server or reaches a remote one, makes the two logins
 * and migrates.
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
    const { rows } = await client.query<{ server_version_num: string; server_version: string }>(
      `select current_setting('server_version_num') as server_version_num, current_setting('server_version') as server_version`,
    )
    if (Number(rows[0]?.server_version_num) < oldestVersion)
      return err(`the database is PostgreSQL ${rows[0]?.server_version}; Palisade needs 15 or newer`)
    const logins = loginsOf(owner, appTarget, rootSecret)
    if (appTarget === 'make')
      await ensureRoles(client, { app: logins.app.password, sequencer: logins.sequencer.password })
    for (const role of [appRole, sequencerRole]) {
      const problem = await roleProblem(client, role)
      if (problem) return err(`${problem}; see docs/operations.md, "Roles of the database"`)
    }
    const migrated = await migrate(client, readMigrations(new URL('../db/migrations/', import.meta.url)))
    if (!migrated.ok) return migrated
    return ok({ ...logins, migrated: migrated.value, embedded })
  } catch (cause) {
    return err(`the database refused to be prepared: ${connectProblem(cause)}`)
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
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED); check host and port'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name does not resolve'
  if (code === '28P01') return 'user or password is wrong'
  if (code === '3D000') return 'there is no database of that name'
  if (code === '42501') return 'the owner may not make roles; make them by hand and set PALISADE_DATABASE_APP_URL'
  const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : ''
  return `${message || code || 'no reason was given'}${inner}`
}
