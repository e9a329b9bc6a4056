import type { AuditEntry } from '../../contract/audit.ts'
import { EntryUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { entriesByUid } from './log.ts'
import type { SealerOf } from './pending.ts'
import { silenceMs } from './replica.ts'

/** An act that was recorded as intended, is under way on some replica and has not ended. */
export type OpenCall = {
  /** The entry of the intent. */
  readonly uid: EntryUid
  readonly since: Date
  /** Somebody has asked for its end, which is on its way. */
  readonly ending: boolean
  /** What the intent says; undefined where its content was destroyed. */
  readonly entry: AuditEntry | undefined
}

/**
 * What is open, from the ledger's own table: whatever replica carries it, and gone with its end. Of a process that is gone it is
 * left out, although its intents are closed only later. What another replica recorded shows when it is in the log, a moment later.
 */
export type OpenCalls = {
  /** Of one object, newest first, those of one user where `by` names one; `count` is of all of them. */
  of(
    tx: Tx,
    resource: string,
    by: string | undefined,
  ): Promise<{ readonly calls: readonly OpenCall[]; readonly count: number }>
  /**
   * How many of one object, of these users, in one project, with one credential; what is not named narrows nothing. Who asks about a
   * credential names its owner, whose calls alone are opened for it.
   */
  count(
    tx: Tx,
    of: {
      readonly resource?: string | undefined
      readonly by?: readonly string[] | undefined
      readonly project?: string | undefined
      readonly credential?: `session:${string}` | `apiKey:${string}`
    },
  ): Promise<number>
  find(tx: Tx, uid: EntryUid): Promise<(OpenCall & { readonly resource: string }) | undefined>
  /** Marks it; whoever carries it looks when the tenant's epoch rises. False where it is not open, or marked. */
  askEnd(tx: Tx, uid: EntryUid): Promise<boolean>
  /** All of the tenant that are marked. */
  askedToEnd(tx: Tx): Promise<ReadonlySet<string>>
}

/** Shown at once. A tenant may have more; then the newest are shown. */
const most = 500

/** @param settle waits until what this process recorded before is in the log, so that who has just begun a call sees it */
export function createOpenCalls({
  sealerOf,
  settle,
}: {
  readonly sealerOf: SealerOf
  readonly settle: (tx: Tx) => Promise<void>
}): OpenCalls {
  async function opened(tx: Tx, rows: readonly Row[]): Promise<OpenCall[]> {
    const lines = await entriesByUid(
      tx,
      await sealerOf(tx.tenant),
      rows.map((row) => EntryUid.parse(row.entry_id)),
    )
    const entries = new Map<string, AuditEntry | undefined>(lines.map((line) => [line.uid, line.entry]))
    return rows.map((row) => ({
      uid: EntryUid.parse(row.entry_id),
      since: row.opened_at,
      ending: row.end_asked_at !== null,
      entry: entries.get(row.entry_id),
    }))
  }

  return {
    async of(tx, resource, by) {
      await settle(tx)
      const rows = await tx.query<Row & { count: string }>(
        `select ${columns}, count(*) over () as count from ${tables}
          where o.tenant_id = $1 and l.resource_uid = $2 and ${isAlive('$3')} and ($4::text is null or l.actor_id = $4)
          order by o.opened_at desc, o.entry_id limit ${most}`,
        [tx.tenant, resource, silenceMs / 1000, by ?? null],
      )
      return { calls: await opened(tx, rows), count: Number(rows[0]?.count ?? 0) }
    },
    async count(tx, { resource, by, project, credential }) {
      await settle(tx)
      const found = `from ${tables}
          where o.tenant_id = $1 and ${isAlive('$2')} and ($3::text is null or l.resource_uid = $3)
            and ($4::text[] is null or l.actor_id = any($4)) and ($5::text is null or l.project_id = $5)`
      const values = [tx.tenant, silenceMs / 1000, resource ?? null, by ?? null, project ?? null]
      if (credential === undefined) {
        const [row] = await tx.query<{ count: string }>(`select count(*) ${found}`, values)
        return Number(row?.count)
      }
      const calls = await opened(tx, await tx.query<Row>(`select ${columns} ${found}`, values))
      return calls.filter(({ entry }) => entry?.actor.credential === credential).length
    },
    async find(tx, uid) {
      const rows = await tx.query<Row>(
        `select ${columns} from ${tables} where o.tenant_id = $1 and o.entry_id = $2 and ${isAlive('$3')}`,
        [tx.tenant, uid, silenceMs / 1000],
      )
      const [row] = rows
      const [call] = await opened(tx, rows)
      return row && call && { ...call, resource: row.resource_uid }
    },
    async askEnd(tx, uid) {
      const rows = await tx.query(
        `update open_intents set end_asked_at = clock_timestamp()
          where tenant_id = $1 and entry_id = $2 and end_asked_at is null returning entry_id`,
        [tx.tenant, uid],
      )
      return rows.length > 0
    },
    async askedToEnd(tx) {
      const rows = await tx.query<{ entry_id: string }>(
        'select entry_id from open_intents where tenant_id = $1 and end_asked_at is not null',
        [tx.tenant],
      )
      return new Set(rows.map((row) => row.entry_id))
    },
  }
}

type Row = {
  readonly entry_id: string
  readonly opened_at: Date
  readonly end_asked_at: Date | null
  readonly resource_uid: string
}
const columns = 'o.entry_id, o.opened_at, o.end_asked_at, l.resource_uid'
// Other intents than calls are ended by nobody: an import that is under way, say.
const tables = `open_intents o join audit_log l on l.tenant_id = o.tenant_id and l.entry_id = o.entry_id and l.event = 'cluster.call'`

/** @param seconds the placeholder of how long a process may be silent */
const isAlive = (seconds: string) =>
  `exists (select from replicas r
            where r.replica_id = o.replica_id and r.seen_at > clock_timestamp() - make_interval(secs => ${seconds}))`
