import type { Tx } from '../platform/postgres/index.ts'

/** A little that changes whenever a tenant's log or its open calls do. */
export type Pulse = {
  /** Entries in the log. */
  readonly size: number
  /** The same text for the same open calls; tells nothing else. */
  readonly open: string
}

export async function readPulse(tx: Tx): Promise<Pulse> {
  const [row] = await tx.query<{ size: string | null; open: string }>(
    `select (select size from audit_heads where tenant_id = $1) as size,
            (select count(*) || '/' || coalesce(bit_xor(hashtextextended(entry_id || (end_asked_at is null), 0)), 0)
               from open_intents where tenant_id = $1) as open`,
    [tx.tenant],
  )
  return { size: Number(row?.size ?? 0), open: row?.open ?? '' }
}
