import { type Refusal, refuse } from '../../contract/errors.ts'
import { EdgeTokenUid, ProjectUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Field, TenantSealer } from '../keys/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newSecret, newUid } from '../platform/random/index.ts'

export type EdgeToken = {
  readonly uid: EdgeTokenUid
  readonly name: string
  /** The token itself, as it is stored; `openEdgeToken` opens it. */
  readonly sealed: Buffer
  readonly defaultProject: { readonly uid: ProjectUid; readonly name: string } | undefined
  readonly expiresAt: Date
  readonly isActive: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenEdgeToken = Pick<EdgeToken, 'name' | 'expiresAt' | 'labels' | 'annotations'> & {
  readonly defaultProject: ProjectUid | undefined
}

/** Bound to the row, so that a token moved to another does not open. */
const tokenField = (uid: string): Field => ({ table: 'edge_tokens', column: 'token', row: uid })

export const openEdgeToken = (sealer: TenantSealer, { uid, sealed }: Pick<EdgeToken, 'uid' | 'sealed'>): string =>
  sealer.open(tokenField(uid), sealed)

/** Makes a token of 256 random bits; `edge_token_name_taken` where the name, in any spelling, is another's. */
export async function insertEdgeToken(
  tx: Tx,
  sealer: TenantSealer,
  { name, defaultProject, expiresAt, labels, annotations }: WrittenEdgeToken,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<Result<EdgeTokenUid, Refusal>> {
  const uid = EdgeTokenUid.parse(newUid())
  const inserted = await tx.query(
    `insert into edge_tokens (tenant_id, token_id, name, name_key, token, default_project_id, expires_at, labels, annotations,
                              created_by, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) on conflict on constraint edge_tokens_name do nothing
     returning token_id`,
    [
      ...[tx.tenant, uid, name, nameKey(name), sealer.seal(tokenField(uid), newSecret()), defaultProject ?? null],
      ...[expiresAt, labels, annotations, by, now],
    ],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('edge_token_name_taken'))
}

export async function updateEdgeToken(
  tx: Tx,
  uid: EdgeTokenUid,
  { name, defaultProject, expiresAt, labels, annotations }: WrittenEdgeToken,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `update edge_tokens set name = $3, name_key = $4, default_project_id = $5, expires_at = $6, labels = $7,
              annotations = $8, updated_at = $9
        where tenant_id = $1 and token_id = $2`,
      [tx.tenant, uid, name, nameKey(name), defaultProject ?? null, expiresAt, labels, annotations, now],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'edge_tokens_name') return err(refuse('edge_token_name_taken'))
    throw cause
  }
  return ok(undefined)
}

export async function switchEdgeToken(tx: Tx, uid: EdgeTokenUid, isActive: boolean, now: Date): Promise<void> {
  await tx.query('update edge_tokens set is_active = $3, updated_at = $4 where tenant_id = $1 and token_id = $2', [
    ...[tx.tenant, uid, isActive, now],
  ])
}

export async function deleteEdgeToken(tx: Tx, uid: EdgeTokenUid): Promise<void> {
  await tx.query('delete from edge_tokens where tenant_id = $1 and token_id = $2', [tx.tenant, uid])
}

export async function countEdgeTokens(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from edge_tokens where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

/** The token that a path names; an unknown or foreign one, or what is no UID, finds none. */
export async function readEdgeToken(tx: Tx, uid: string): Promise<EdgeToken | undefined> {
  return EdgeTokenUid.safeParse(uid).success ? (await readEdgeTokens(tx, uid))[0] : undefined
}

/** One token, or all of the tenant, by name. */
export async function readEdgeTokens(tx: Tx, uid?: string): Promise<EdgeToken[]> {
  const rows = await tx.query<{
    token_id: string
    name: string
    token: Buffer
    project_id: string | null
    project_name: string | null
    expires_at: Date
    is_active: boolean
    labels: Record<string, string>
    annotations: Record<string, string>
    created_at: Date
    updated_at: Date
  }>(
    `select t.token_id, t.name, t.token, p.project_id, p.name as project_name, t.expires_at, t.is_active, t.labels,
            t.annotations, t.created_at, t.updated_at
       from edge_tokens t
       left join projects p on p.tenant_id = t.tenant_id and p.project_id = t.default_project_id
      where t.tenant_id = $1 and ($2::text is null or t.token_id = $2) order by t.name_key`,
    [tx.tenant, uid ?? null],
  )
  return rows.map((row) => ({
    uid: EdgeTokenUid.parse(row.token_id),
    name: row.name,
    sealed: row.token,
    defaultProject:
      row.project_id === null ? undefined : { uid: ProjectUid.parse(row.project_id), name: row.project_name ?? '' },
    expiresAt: row.expires_at,
    isActive: row.is_active,
    labels: row.labels,
    annotations: row.annotations,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}
