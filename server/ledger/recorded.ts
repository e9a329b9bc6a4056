import type { AuditEntry } from '../../contract/audit.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { listEntries } from './log.ts'
import type { SealerOf } from './pending.ts'

/** How many entries are opened at a time. */
const pageSize = 500

/**
 * What users did and were refused since a time, newest first, as far as it can be read.
 *
 * @param most entries that are looked at; `more` says that there are others
 */
export async function recordedSince(
  sealerOf: SealerOf,
  tx: Tx,
  from: Date,
  most: number,
): Promise<{ readonly entries: readonly AuditEntry[]; readonly more: boolean }> {
  const sealer = await sealerOf(tx.tenant)
  const entries: AuditEntry[] = []
  let below: number | undefined
  for (let looked = 0; looked < most; looked += pageSize) {
    const page = await listEntries(tx, sealer, { from }, { below, offset: 0, limit: pageSize })
    for (const { entry } of page) if (entry?.actor.kind === 'user') entries.push(entry)
    if (page.length < pageSize) return { entries, more: false }
    below = page.at(-1)?.index
  }
  return { entries, more: true }
}
