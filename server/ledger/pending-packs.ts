import { setImmediate as turn } from 'node:timers/promises'
import type { TenantUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Connection } from './connection.ts'
import type { OwnEntries, OwnEntry } from './own-entries.ts'
import { unpack } from './packs.ts'
import type { Sealer } from './pending.ts'

/** Most rows of one transaction. They are held in memory: packs of at most about 8 KiB, or of one entry of at most 50. */
export const maxRows = 200
/** Entries read or composed before others get a turn of the event loop: the calls being recorded wait for it. */
export const entriesPerTurn = 16

/** What is left where it is: rows by `pending_id`, and tenants of which nothing is moved for now. */
export type Skipped = { readonly rows: readonly string[]; readonly tenants: readonly TenantUid[] }

export type PendingRow = { readonly pending_id: string; readonly tenant_id: string; readonly pack_id: string }

/** The oldest rows of these tenants, without their bodies. */
export function pendingRows(db: Connection, tenants: readonly string[], skip: Skipped): Promise<PendingRow[]> {
  return db.query<PendingRow>(
    `select pending_id, tenant_id, pack_id from audit_pending
      where tenant_id = any($1) and pending_id <> all($2::bigint[]) order by pending_id limit $3`,
    [tenants, skip.rows, maxRows],
  )
}

/** The entries of rows, by `pending_id`: from memory where this process wrote them, else read, opened and parsed. */
export async function readPacks(
  db: Connection,
  rows: readonly PendingRow[],
  sealers: ReadonlyMap<string, Sealer>,
  ownEntries: Pick<OwnEntries, 'find'>,
): Promise<ReadonlyMap<string, Result<readonly OwnEntry[], string>>> {
  const packs = new Map<string, Result<readonly OwnEntry[], string>>()
  const foreign: PendingRow[] = []
  for (const row of rows) {
    // A tenant that was asked for, and thus parsed.
    const own = ownEntries.find(row.tenant_id as TenantUid, row.pack_id)
    if (own) packs.set(row.pending_id, ok(own))
    else foreign.push(row)
  }
  if (foreign.length === 0) return packs
  const bodies = await db.query<{ pending_id: string; body: Buffer }>(
    'select pending_id, body from audit_pending where pending_id = any($1::bigint[])',
    [foreign.map((row) => row.pending_id)],
  )
  const bodyOf = new Map(bodies.map(({ pending_id, body }) => [pending_id, body]))
  let sinceTurn = 0
  for (const { pending_id, tenant_id, pack_id } of foreign) {
    const sealer = sealers.get(tenant_id)
    const body = bodyOf.get(pending_id)
    if (!sealer) throw new Error('a pending row of a tenant that was not asked for')
    const unpacked = body ? unpack(sealer, pack_id, body) : err('its row is gone')
    packs.set(pending_id, unpacked)
    sinceTurn += unpacked.ok ? unpacked.value.length : 1
    if (sinceTurn < entriesPerTurn) continue
    sinceTurn = 0
    await turn()
  }
  return packs
}
