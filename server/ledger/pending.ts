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

export const pendingBody = (entry: string): SealedField => ({ table: 'audit_pending', column: 'body', row: entry })

/** An entry that is ready to be stored. */
export type Prepared = {
  readonly uid: EntryUid
  /** Sealed. */
  readonly body: Buffer
  readonly own: OwnEntry
  /** Whether it is an intent, which another entry must end. */
  readonly opens: boolean
  /** The intent that it ends. */
  readonly ends: EntryUid | undefined
}

/** Gives entries their uid, time and salt, and seals them. */
export function createPreparer(deps: { readonly clock: Clock; readonly newUid: () => string }) {
  const salt = createSalts()
  return (sealer: Sealer, entry: NewEntry): Prepared => {
    const uid = deps.newUid() as EntryUid // Cast: newUid makes what the parser asks for.
    const composed = composeEntry(entry, { uid, time: new Date(deps.clock.now()), salt: salt() })
    const text = bodyText(composed)
    const opens = entry.outcome === 'intended'
    const body = sealer.seal(pendingBody(uid), text)
    return { uid, body, own: { uid, entry: composed, text }, opens, ends: entry.intent }
  }
}

/**
 * Stores entries in the caller's transaction, and in the same statement opens the intents among them and removes those
 * that they end.
 */
export async function insertPending(tx: Tx, replica: string, entries: readonly Prepared[]): Promise<void> {
  const uids = entries.map((entry) => entry.uid)
  const bodies = entries.map((entry) => entry.body)
  const opened = entries.filter((entry) => entry.opens).map((entry) => entry.uid)
  const ended = entries.flatMap((entry) => entry.ends ?? [])
  const insert = `insert into audit_pending (tenant_id, entry_id, body)
    select $1, entry_id, body from unnest($2::text[], $3::bytea[]) as e (entry_id, body)`
  if (opened.length === 0 && ended.length === 0) await tx.query(insert, [tx.tenant, uids, bodies])
  else
    await tx.query(
      `with opened as (
         insert into open_intents (tenant_id, entry_id, replica_id) select $1, entry_id, $4 from unnest($5::text[]) as o (entry_id)),
       ended as (delete from open_intents where tenant_id = $1 and entry_id = any($6::text[]))
       ${insert}`,
      [tx.tenant, uids, bodies, replica, opened, ended],
    )
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
