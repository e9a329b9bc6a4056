import { randomFillSync } from 'node:crypto'
import type { EntryUid, TenantUid } from '../../contract/ids.ts'
import { saltBytes } from '../../core/ledger/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { bodyText, composeEntry, type NewEntry } from './entry.ts'
import type { OwnEntry } from './own-entries.ts'

/** Seals and opens one tenant's fields; throws on what does not open. */
export type Sealer = {
  seal(field: SealedField, plaintext: string | Uint8Array): Buffer
  open(field: SealedField, sealed: Uint8Array): string
}
export type SealedField = { readonly table: string; readonly column: string; readonly row: string }

/** The tenant's sealer; must answer for a tenant that is being born in a transaction not yet committed. */
export type SealerOf = (tenant: TenantUid) => Promise<Sealer>

export const pendingBody = (pack: string): SealedField => ({ table: 'audit_pending', column: 'body', row: pack })

/** An entry that is ready to be stored. */
export type Prepared = {
  readonly uid: EntryUid
  readonly own: OwnEntry
  /** Whether it is an intent, which another entry must end. */
  readonly opens: boolean
  /** The intent that it ends. */
  readonly ends: EntryUid | undefined
}

/** Gives entries their uid, time and salt. */
export function createPreparer(deps: { readonly clock: Clock; readonly newUid: () => string }) {
  const salt = createSalts()
  return (entry: NewEntry): Prepared => {
    const uid = deps.newUid() as EntryUid // Cast: newUid makes what the parser asks for.
    const composed = composeEntry(entry, { uid, time: new Date(deps.clock.now()), salt: salt() })
    const text = bodyText(composed)
    return { uid, own: { uid, entry: composed, text }, opens: entry.outcome === 'intended', ends: entry.intent }
  }
}

/** Stores an entry, packed, in the caller's transaction; in the same statement opens the intent that it is or removes the one it ends. */
export async function insertPending(
  tx: Tx,
  replica: string,
  entry: Prepared,
  pack: { readonly uid: string; readonly body: Buffer },
): Promise<void> {
  const { tenant } = tx
  const insert = 'insert into audit_pending (tenant_id, pack_id, body) values ($1, $2, $3)'
  const values = [tenant, pack.uid, pack.body]
  if (entry.opens)
    await tx.query(
      `with opened as (insert into open_intents (tenant_id, entry_id, replica_id) values ($1, $4, $5)) ${insert}`,
      [...values, entry.uid, replica],
    )
  else if (entry.ends)
    await tx.query(`with ended as (delete from open_intents where tenant_id = $1 and entry_id = $4) ${insert}`, [
      ...values,
      entry.ends,
    ])
  else await tx.query(insert, values)
}

/** Where each of these pieces starts when they stand one after the other, counted from 1 as PostgreSQL does. */
export function startsOf(lengths: readonly number[]): number[] {
  let next = 1
  return lengths.map((length) => {
    const start = next
    next += length
    return start
  })
}

/** Salts out of a pool: a call to the system's generator for each entry would cost as much as sealing it. */
function createSalts(): () => Buffer {
  const pool = Buffer.alloc(256 * saltBytes)
  let next = pool.length
  return () => {
    if (next === pool.length) {
      randomFillSync(pool)
      next = 0
    }
    next += saltBytes
    return pool.subarray(next - saltBytes, next) // Used at once: it is copied into the entry's text.
  }
}
