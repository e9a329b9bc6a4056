import type { Tx } from '../platform/postgres/index.ts'

/** What a change touches: `access` reloads the tenant's facts, `sessions` only asks each credential anew. */
export type ChangeKind = 'access' | 'sessions'

export const accessChannel = 'palisade_access'

/**
 * The first statement of a transaction that changes access: locks the tenant's epoch row, so that such changes, and the
 * escalation checks in them, happen one after the other.
 */
export async function lockEpoch(tx: Tx): Promise<void> {
  await tx.query('select from access_epochs where tenant_id = $1 for update', [tx.tenant])
}

/**
 * The last statement of such a transaction: raises the epoch and stores this transaction's id, by which every replica's poll
 * finds the change whatever the order of commits. The notification only makes it sooner.
 */
export async function raiseEpoch(tx: Tx, kind: ChangeKind): Promise<void> {
  await tx.query(
    `update access_epochs
        set epoch = epoch + 1, facts_epoch = case when $2 then epoch + 1 else facts_epoch end, xid = pg_current_xact_id()
      where tenant_id = $1`,
    [tx.tenant, kind === 'access'],
  )
  await tx.query('select pg_notify($1, $2)', [accessChannel, tx.tenant])
}

/** The epochs that this transaction sees now. */
export async function readEpoch(tx: Tx): Promise<{ readonly epoch: bigint; readonly factsEpoch: bigint }> {
  const [row] = await tx.query<{ epoch: string; facts_epoch: string }>(
    'select epoch, facts_epoch from access_epochs where tenant_id = $1',
    [tx.tenant],
  )
  if (!row) throw new Error(`tenant ${tx.tenant} has no access epoch`)
  return { epoch: BigInt(row.epoch), factsEpoch: BigInt(row.facts_epoch) }
}
