import type { Tx } from '../platform/postgres/index.ts'

/** One row of `oidc_state`; hashes for ids, the payload sealed. */
export type StateRow = {
  readonly id: Buffer
  readonly kind: string
  readonly alias: Buffer | null
  readonly grant: Buffer | null
  readonly payload: Buffer
  readonly expiresAt: Date
}

export type FoundState = { readonly id: Buffer; readonly payload: Buffer; readonly consumedAt: Date | undefined }

/** Old rows that a new one takes away with it: more than it adds, so that the table stays as small as what is going on. */
const sweptAtOnce = 5

/** Stores it, or what it has become; what was consumed stays so. */
export async function upsertState(tx: Tx, row: StateRow, now: Date): Promise<void> {
  await tx.query(
    `insert into oidc_state (tenant_id, state_id, kind, alias_id, grant_ref, payload, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (tenant_id, state_id)
       do update set alias_id = $4, grant_ref = $5, payload = $6, expires_at = $7`,
    [tx.tenant, row.id, row.kind, row.alias, row.grant, row.payload, row.expiresAt],
  )
  await tx.query(
    `delete from oidc_state where tenant_id = $1 and state_id in (
       select state_id from oidc_state where tenant_id = $1 and expires_at < $2 order by expires_at limit $3
          for update skip locked)`,
    [tx.tenant, now, sweptAtOnce],
  )
}

/** What is stored under this hash, by id or alias, and has not expired. */
export async function findState(tx: Tx, hash: Buffer, now: Date): Promise<FoundState | undefined> {
  const [row] = await tx.query<{ state_id: Buffer; payload: Buffer; consumed_at: Date | null }>(
    `select state_id, payload, consumed_at from oidc_state
      where tenant_id = $1 and (state_id = $2 or alias_id = $2) and expires_at > $3`,
    [tx.tenant, hash, now],
  )
  return row && { id: row.state_id, payload: row.payload, consumedAt: row.consumed_at ?? undefined }
}

/** Marks it as used. @returns false where somebody was first, or it is gone */
export async function consumeState(tx: Tx, id: Buffer, now: Date): Promise<boolean> {
  const rows = await tx.query(
    `update oidc_state set consumed_at = $3
      where tenant_id = $1 and state_id = $2 and consumed_at is null and expires_at > $3 returning state_id`,
    [tx.tenant, id, now],
  )
  return rows.length > 0
}

export async function deleteState(tx: Tx, id: Buffer): Promise<void> {
  await tx.query('delete from oidc_state where tenant_id = $1 and state_id = $2', [tx.tenant, id])
}

/** Deletes what was issued under a grant, all of it or what is of one kind. */
export async function deleteStateOfGrant(tx: Tx, grant: Buffer, kind: string): Promise<void> {
  await tx.query('delete from oidc_state where tenant_id = $1 and grant_ref = $2 and kind = $3', [
    tx.tenant,
    grant,
    kind,
  ])
}
