import type pg from 'pg'
import type { AuditEvent } from '../../contract/audit-events.ts'
import { EntryUid, TenantUid } from '../../contract/ids.ts'
import type { InTenant, Tx } from '../platform/postgres/index.ts'
import type { NewEntry } from './entry.ts'
import { entriesByUid, type LogLine } from './log.ts'
import type { SealerOf } from './pending.ts'
import { silenceMs } from './replica.ts'

/** Intents closed in one go. */
const most = 500

export type Closed = {
  readonly closed: number
  /** Lost too, but not closed yet: more than are closed in one go, or their intents are not in the log yet. */
  readonly left: number
}

/**
 * Ends intents that nobody else will end with the outcome `unknown`: those of processes that are gone, and those that this
 * one does not know of (its commit's answer was lost, or its end could not be recorded).
 *
 * An intent that is not in its log yet is left for the next time: what its end must say stands there.
 *
 * @param live the intents of this process that it will end itself
 */
export async function closeLostIntents(deps: {
  readonly pool: pg.Pool
  readonly inTenant: InTenant
  readonly sealerOf: SealerOf
  readonly append: (tx: Tx, entry: NewEntry) => Promise<EntryUid>
  readonly replica: string
  readonly live: () => readonly EntryUid[]
}): Promise<Closed> {
  const { pool, inTenant, sealerOf, append } = deps
  const { rows } = await pool.query<{ tenant_id: string; entry_id: string }>(
    `select tenant_id, entry_id from lost_intents($1, $2, make_interval(secs => $3), $4)`,
    [deps.replica, deps.live(), silenceMs / 1000, most + 1],
  )
  const lost = Map.groupBy(rows.slice(0, most), (row) => TenantUid.parse(row.tenant_id))
  let closed = 0
  const failures: unknown[] = []
  for (const [tenant, intents] of lost)
    try {
      closed += await closeInTenant(
        tenant,
        intents.map((row) => EntryUid.parse(row.entry_id)),
      )
    } catch (cause) {
      failures.push(cause)
    }
  if (failures.length > 0) throw new AggregateError(failures, `intents of ${failures.length} tenants were not closed`)
  return { closed, left: rows.length - closed }

  async function closeInTenant(tenant: TenantUid, intents: readonly EntryUid[]): Promise<number> {
    const sealer = await sealerOf(tenant)
    return inTenant(tenant, async (tx) => {
      const lines = await entriesByUid(tx, sealer, intents)
      // Whoever deletes the row closes the intent: of two processes that try, one.
      const mine = await tx.query<{ entry_id: string }>(
        'delete from open_intents where tenant_id = $1 and entry_id = any($2) returning entry_id',
        [tenant, lines.map((line) => line.uid)],
      )
      const taken = new Set(mine.map((row) => row.entry_id))
      for (const line of lines) if (taken.has(line.uid)) await append(tx, unknownEnd(line))
      return mine.length
    })
  }
}

/** Says of the call what its intent said of it, as far as that is still there. */
function unknownEnd({ uid, entry, columns }: LogLine): NewEntry {
  const destroyed = {
    actor:
      columns.actor === null
        ? ({ kind: 'system', uid: 'palisade' } as const)
        : ({ kind: 'user', uid: columns.actor } as const),
    resource: { kind: columns.resourceKind, uid: columns.resourceUid },
    request: 'destroyed',
  }
  const { actor, resource, request } = entry ?? destroyed
  return {
    event: endingOf(columns.event),
    outcome: 'unknown',
    ...{ actor, resource, request, project: entry?.project, session: entry?.session, address: entry?.address },
    intent: uid,
    details: { reason: 'whoever knew how it ended is gone' },
  }
}

/** The event that ends an intent. */
function endingOf(event: string): AuditEvent {
  // Cast: an intent's event is in the table of the release that wrote it, and names keep their meaning.
  return event === 'cluster.call' ? 'cluster.call.ended' : (event as AuditEvent)
}
