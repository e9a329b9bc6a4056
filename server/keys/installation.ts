import { generateKeySync } from 'node:crypto'
import type pg from 'pg'
import { err, ok, type Result } from '../../core/result.ts'
import { type InstallationSalt, type RootKey, unwrapKey, wrapKey } from '../../core/seal/index.ts'
import { advisoryLocks } from '../platform/postgres/index.ts'
import { createNonces } from './nonces.ts'

/** What the installation's own row says, and its salt opened. */
export type OpenedInstallation = {
  readonly auditHost: string
  readonly salt: InstallationSalt
  readonly first: boolean
}

/**
 * Opens the installation of this database, or founds it: one row, one salt, both in the caller's transaction-free session
 * under an advisory lock, so that two replicas that start at once found one.
 *
 * @param client the application's login
 * @returns refuses a root key that is not this installation's
 */
export async function openInstallation(
  client: pg.ClientBase,
  { root, auditHost, now }: { readonly root: RootKey; readonly auditHost: string; readonly now: Date },
): Promise<Result<OpenedInstallation, string>> {
  await client.query('begin')
  try {
    await client.query('select pg_advisory_xact_lock($1)', [advisoryLocks.installation])
    const found = (
      await client.query<{ audit_host: string; root_key_id: string }>(
        'select audit_host, root_key_id from installation',
      )
    ).rows[0]
    const result = found ? await reopen(client, root, found) : await establish(client, root, auditHost, now)
    await client.query(result.ok ? 'commit' : 'rollback')
    return result
  } catch (cause) {
    await client.query('rollback')
    throw cause
  }
}

/**
 * Why a root key does not fit the installation of a migrated database, if there is one yet. For whoever is about to change
 * something that belongs to that installation, such as the passwords of its logins.
 */
export async function rootKeyProblem(client: pg.ClientBase, root: RootKey): Promise<string | undefined> {
  const { rows } = await client.query<{ root_key_id: string }>('select root_key_id from installation')
  return rows[0] && problemOf(root, rows[0].root_key_id)
}

function problemOf(root: RootKey, rootKeyId: string): string | undefined {
  if (rootKeyId === root.id.toString('hex')) return undefined
  return (
    'the root key is not the one that sealed this database; bring back the key file of its first start ' +
    '(what PALISADE_ROOT_KEY_FILE named, or else keys/root.key in the data folder)'
  )
}

const saltBinding = (version: number) => ({ purpose: 'salt', tenant: 'system', version })

async function establish(
  client: pg.ClientBase,
  root: RootKey,
  auditHost: string,
  now: Date,
): Promise<Result<OpenedInstallation, string>> {
  const version = 1
  const key = generateKeySync('aes', { length: 256 })
  await client.query('insert into installation (audit_host, root_key_id, created_at) values ($1, $2, $3)', [
    auditHost,
    root.id.toString('hex'),
    now,
  ])
  await client.query(
    `insert into installation_secrets (kind, version, sealed, created_at) values ('salt', $1, $2, $3)`,
    [version, wrapKey(root, key, saltBinding(version), createNonces()()), now],
  )
  return ok({ auditHost, salt: { version, key }, first: true })
}

async function reopen(
  client: pg.ClientBase,
  root: RootKey,
  found: { audit_host: string; root_key_id: string },
): Promise<Result<OpenedInstallation, string>> {
  const problem = problemOf(root, found.root_key_id)
  if (problem) return err(problem)
  const { rows } = await client.query<{ version: number; sealed: Buffer }>(
    `select version, sealed from installation_secrets where kind = 'salt' and retired_at is null order by version desc limit 1`,
  )
  const row = rows[0]
  if (!row) return err('the database has no salt; it was damaged or only partly restored')
  const key = unwrapKey(root, row.sealed, saltBinding(row.version))
  if (!key.ok) return err(`the installation's salt does not open (${key.error}); it was damaged or moved`)
  return ok({ auditHost: found.audit_host, salt: { version: row.version, key: key.value }, first: false })
}
