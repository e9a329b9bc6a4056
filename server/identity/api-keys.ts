import { type Refusal, refuse } from '../../contract/errors.ts'
import { ApiKeyUid, UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { hasRoom } from '../settings/index.ts'
import { openPerson, type Person, type SealedPerson } from './accounts.ts'
import { fingerprint, newApiKeyValue } from './secrets.ts'

/** A key as it is shown; its value is not among what is stored. */
export type ApiKey = {
  readonly uid: ApiKeyUid
  readonly user: UserUid
  /** Who was shown its value: it works while they may do all that its owner may. */
  readonly createdBy: UserUid
  readonly person: Person
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly isActive: boolean
  readonly expiresAt: Date | undefined
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type NewApiKey = Pick<ApiKey, 'user' | 'createdBy' | 'name' | 'labels' | 'annotations' | 'expiresAt'>

/**
 * Makes a key of a user. It carries no rights of its own: whoever uses it acts with what its owner may do at that moment.
 *
 * @returns the value, which is not shown again; refuses an expiry that has passed (`invalid`), a user who is not active
 *   (`conflict`) and one key more than a person may have (`resource_limit`)
 */
export async function createApiKey(
  tx: Tx,
  wanted: NewApiKey,
  now: Date,
): Promise<Result<{ readonly uid: ApiKeyUid; readonly value: string }, Refusal>> {
  const { user, name, labels, annotations, expiresAt, createdBy } = wanted
  const possible = checkExpiry(expiresAt, now)
  if (!possible.ok) return possible
  // Locks the owner's row, so that they stay active meanwhile.
  const [owner] = await tx.query<{ state: string }>(
    'select state from users where tenant_id = $1 and user_id = $2 for no key update',
    [tx.tenant, user],
  )
  if (owner?.state !== 'active') return err(refuse('conflict', 'Only an active user can have API keys'))
  const room = await hasRoom(tx, 'apiKey', async () => {
    const [held] = await tx.query<{ count: string }>(
      'select count(*) from api_keys where tenant_id = $1 and user_id = $2',
      [tx.tenant, user],
    )
    return Number(held?.count)
  })
  if (!room.ok) return room
  const uid = ApiKeyUid.parse(newUid())
  const value = newApiKeyValue(tx.tenant, uid)
  await tx.query(
    `insert into api_keys (tenant_id, key_id, user_id, name, labels, annotations, secret_hash, expires_at, created_by,
                           created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`,
    [...[tx.tenant, uid, user, name, labels, annotations], ...[fingerprint(value), expiresAt ?? null, createdBy, now]],
  )
  return ok({ uid, value })
}

export function checkExpiry(expiresAt: Date | undefined, now: Date): Result<undefined, Refusal> {
  if (expiresAt === undefined || expiresAt > now) return ok(undefined)
  return err(refuse('invalid', 'spec.expiry has passed already'))
}

/** What of a key may change; absent stays. */
export type ApiKeyChanges = Partial<Pick<ApiKey, 'name' | 'labels' | 'annotations' | 'expiresAt' | 'isActive'>>

/** How many keys of the tenant work. */
export async function countApiKeys(tx: Tx, now: Date): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    `select count(*) from api_keys k join users u using (tenant_id, user_id)
      where k.tenant_id = $1 and k.is_active and u.state = 'active' and (k.expires_at is null or k.expires_at > $2)`,
    [tx.tenant, now],
  )
  return Number(row?.count)
}

export async function updateApiKey(tx: Tx, uid: ApiKeyUid, changes: ApiKeyChanges, now: Date): Promise<void> {
  const { name, labels, annotations, expiresAt, isActive } = changes
  await tx.query(
    `update api_keys set name = coalesce($3, name), labels = coalesce($4, labels),
            annotations = coalesce($5, annotations), expires_at = coalesce($6, expires_at),
            is_active = coalesce($7, is_active), updated_at = $8
      where tenant_id = $1 and key_id = $2`,
    [...[tx.tenant, uid, name ?? null, labels ?? null, annotations ?? null, expiresAt ?? null, isActive ?? null, now]],
  )
}

export async function deleteApiKey(tx: Tx, uid: ApiKeyUid): Promise<void> {
  await tx.query('delete from api_keys where tenant_id = $1 and key_id = $2', [tx.tenant, uid])
}

/** Keys of the tenant, or of one user of it, in the order of their making. */
export async function listApiKeys(tx: Tx, sealer: TenantSealer, user?: UserUid): Promise<ApiKey[]> {
  return user === undefined ? select(tx, sealer, '', []) : select(tx, sealer, 'and k.user_id = $2', [user])
}

/** What keys are searched and ordered by. */
export type ListedApiKey = Pick<ApiKey, 'uid' | 'name' | 'expiresAt' | 'createdAt'>

/** The same keys without their people, for who shows a page of many. */
export async function listedApiKeys(tx: Tx, user?: UserUid): Promise<ListedApiKey[]> {
  const rows = await tx.query<{ key_id: string; name: string; expires_at: Date | null; created_at: Date }>(
    `select key_id, name, expires_at, created_at from api_keys
      where tenant_id = $1 and ($2::text is null or user_id = $2) order by created_at, key_id`,
    [tx.tenant, user ?? null],
  )
  return rows.map(({ key_id, name, expires_at, created_at }) => ({
    ...{ uid: ApiKeyUid.parse(key_id), name, expiresAt: expires_at ?? undefined, createdAt: created_at },
  }))
}

export function readApiKeys(tx: Tx, sealer: TenantSealer, uids: readonly ApiKeyUid[]): Promise<ApiKey[]> {
  return select(tx, sealer, 'and k.key_id = any($2)', [uids])
}

export async function readApiKey(tx: Tx, sealer: TenantSealer, uid: ApiKeyUid): Promise<ApiKey | undefined> {
  return (await select(tx, sealer, 'and k.key_id = $2', [uid]))[0]
}

/** Whose key it is, and its name. @param uid any text */
export async function ownerOfApiKey(
  tx: Tx,
  uid: string,
): Promise<{ readonly owner: UserUid; readonly name: string } | undefined> {
  if (!ApiKeyUid.safeParse(uid).success) return undefined
  const [row] = await tx.query<{ user_id: string; name: string }>(
    'select user_id, name from api_keys where tenant_id = $1 and key_id = $2',
    [tx.tenant, uid],
  )
  return row && { owner: UserUid.parse(row.user_id), name: row.name }
}

async function select(tx: Tx, sealer: TenantSealer, condition: string, values: readonly unknown[]): Promise<ApiKey[]> {
  const rows = await tx.query<
    SealedPerson & {
      key_id: string
      created_by: string
      name: string
      labels: Record<string, string>
      annotations: Record<string, string>
      is_active: boolean
      expires_at: Date | null
      created_at: Date
      updated_at: Date
    }
  >(
    `select k.key_id, k.created_by, k.name, k.labels, k.annotations, k.is_active, k.expires_at, k.created_at, k.updated_at,
            u.user_id, u.email, u.first_name, u.last_name
       from api_keys k join users u using (tenant_id, user_id)
      where k.tenant_id = $1 ${condition} order by k.created_at, k.key_id`,
    [tx.tenant, ...values],
  )
  return rows.map((row) => ({
    uid: ApiKeyUid.parse(row.key_id),
    user: UserUid.parse(row.user_id),
    createdBy: UserUid.parse(row.created_by),
    person: openPerson(sealer, row),
    name: row.name,
    labels: row.labels,
    annotations: row.annotations,
    isActive: row.is_active,
    expiresAt: row.expires_at ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}
