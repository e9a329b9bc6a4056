import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, SshKeyUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Condition } from '../access/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

export type SshKey = {
  readonly uid: SshKeyUid
  readonly project: ProjectUid | undefined
  readonly name: string
  readonly publicKey: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenSshKey = Pick<SshKey, 'name' | 'publicKey' | 'labels' | 'annotations'>

/** Adds a key; `ssh_key_name_taken` where the name, in any spelling, is another's in the same scope. */
export async function insertSshKey(
  tx: Tx,
  { project, name, publicKey, labels, annotations }: WrittenSshKey & Pick<SshKey, 'project'>,
  by: string,
  now: Date,
): Promise<Result<SshKeyUid, Refusal>> {
  const uid = SshKeyUid.parse(newUid())
  const inserted = await tx.query(
    `insert into ssh_keys (tenant_id, key_id, project_id, name, name_key, public_key, labels, annotations, created_by,
                           created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) on conflict on constraint ssh_keys_name do nothing
     returning key_id`,
    [tx.tenant, uid, project ?? null, name, nameKey(name), publicKey, labels, annotations, by, now],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('ssh_key_name_taken'))
}

export async function updateSshKey(
  tx: Tx,
  uid: SshKeyUid,
  { name, publicKey, labels, annotations }: WrittenSshKey,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `update ssh_keys set name = $3, name_key = $4, public_key = $5, labels = $6, annotations = $7, updated_at = $8
        where tenant_id = $1 and key_id = $2`,
      [tx.tenant, uid, name, nameKey(name), publicKey, labels, annotations, now],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'ssh_keys_name') return err(refuse('ssh_key_name_taken'))
    throw cause
  }
  return ok(undefined)
}

export async function deleteSshKey(tx: Tx, uid: SshKeyUid): Promise<void> {
  await tx.query('delete from ssh_keys where tenant_id = $1 and key_id = $2', [tx.tenant, uid])
}

export async function countSshKeys(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from ssh_keys where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

/** The key that a path names; an unknown or foreign one, or what is no UID, finds none. Locked where `toChange`. */
export async function readSshKey(tx: Tx, uid: string, { toChange = false } = {}): Promise<SshKey | undefined> {
  if (!SshKeyUid.safeParse(uid).success) return undefined
  return (await readSshKeys(tx, (value) => `key_id = ${value(uid)}`, { toChange }))[0]
}

/** The keys that fulfil a condition, by name. Locked where `toChange`. */
export async function readSshKeys(
  tx: Tx,
  condition: Condition | undefined,
  { toChange = false } = {},
): Promise<SshKey[]> {
  const values: unknown[] = []
  const value = (of: unknown) => `$${values.push(of)}`
  const where = [`tenant_id = ${value(tx.tenant)}`, ...(condition ? [`(${condition(value)})`] : [])].join(' and ')
  const rows = await tx.query<{
    key_id: string
    project_id: string | null
    name: string
    public_key: string
    labels: Record<string, string>
    annotations: Record<string, string>
    created_at: Date
    updated_at: Date
  }>(
    `select key_id, project_id, name, public_key, labels, annotations, created_at, updated_at from ssh_keys
      where ${where} order by name_key, key_id ${toChange ? 'for update' : ''}`,
    values,
  )
  return rows.map((row) => ({
    uid: SshKeyUid.parse(row.key_id),
    project: row.project_id === null ? undefined : ProjectUid.parse(row.project_id),
    name: row.name,
    publicKey: row.public_key,
    labels: row.labels,
    annotations: row.annotations,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}
