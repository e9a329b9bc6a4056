import type { AuditEntry } from '../../contract/audit.ts'
import { EntryUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { parseBody } from './entry.ts'
import { logLine } from './integrate.ts'
import type { Sealer } from './pending.ts'

/** An entry as it stands in the log, opened. */
export type LogLine = {
  readonly index: number
  readonly uid: EntryUid
  readonly leaf: Buffer
  /** The line's text; `destroyed` on purpose, or `unreadable` since somebody changed what is stored. */
  readonly line: { readonly text: string } | 'destroyed' | 'unreadable'
  /** What the line says, where it can be read. */
  readonly entry: AuditEntry | undefined
  /** What stands beside the line for searching. */
  readonly columns: {
    readonly occurredAt: Date
    readonly action: AuditEntry['action']
    readonly event: string
    readonly outcome: string
    readonly resourceKind: string
    readonly resourceUid: string
    readonly actor: string | null
    readonly project: string | null
  }
}

export type LogFilter = {
  readonly from?: Date | undefined
  readonly to?: Date | undefined
  readonly actor?: string | undefined
  readonly projects?: readonly string[]
  readonly resourceKind?: string | undefined
  readonly resourceUid?: string | undefined
  readonly action?: string | undefined
  readonly outcome?: string | undefined
  /** Only entries at these places. */
  readonly indexes?: readonly number[] | undefined
}

/** Entries that a filter selects are counted up to here. */
export const countedMost = 10_000

/**
 * One page of what the filter selects, newest first.
 *
 * @param page `below`: only entries with a smaller index, so that new ones do not move the pages; `offset` into the rest
 */
export async function listEntries(
  tx: Tx,
  sealer: Sealer,
  filter: LogFilter,
  page: { readonly below?: number | undefined; readonly offset: number; readonly limit: number },
): Promise<LogLine[]> {
  const where = conditions(tx, filter)
  if (page.below !== undefined) where.add((value) => `index < ${value}`, page.below)
  const rows = await tx.query<Row>(
    `select ${columns} from audit_log where ${where.text()} order by index desc
      limit ${where.value(page.limit)} offset ${where.value(page.offset)}`,
    where.values,
  )
  return rows.map((row) => opened(row, sealer))
}

/** How many entries the filter selects, up to `countedMost`; all of a tenant are counted exactly. */
export async function countEntries(tx: Tx, filter: LogFilter): Promise<number> {
  const where = conditions(tx, filter)
  if (where.values.length === 1) {
    const [head] = await tx.query<{ size: string }>('select size from audit_heads where tenant_id = $1', [tx.tenant])
    return Number(head?.size ?? 0)
  }
  const [row] = await tx.query<{ count: string }>(
    `select count(*) from (select from audit_log where ${where.text()} limit ${where.value(countedMost)}) selected`,
    where.values,
  )
  return Number(row?.count)
}

export type Histogram = {
  /** Undefined where nothing was selected and no range was asked for. */
  readonly from: Date | undefined
  readonly to: Date | undefined
  readonly buckets: readonly { readonly entries: number; readonly refused: number }[]
  readonly more: boolean
}

/** How much a histogram counts of what fits, the newest first, and among how many entries it looks for that. */
export const histogramMost = { fits: 100_000, looksAmong: 1_000_000 } as const

/**
 * What the filter selects, counted in buckets of equal length; of its range, else from the first selected to the last.
 *
 * @returns the time of the oldest entry that is looked at, where the whole range lies before it
 */
export async function countOverTime(
  tx: Tx,
  filter: LogFilter,
  buckets: number,
  now: Date,
  most: { readonly fits: number; readonly looksAmong: number } = histogramMost,
): Promise<Result<Histogram, { readonly looksBackTo: Date }>> {
  const oldest = await oldestLookedAt(tx, most.looksAmong)
  if (oldest && filter.to && filter.to < oldest.occurredAt) return err({ looksBackTo: oldest.occurredAt })
  const where = conditions(tx, filter)
  if (oldest) where.add((index) => `index >= ${index}`, oldest.index)
  const selected = `select occurred_at, outcome from audit_log where ${where.text()} order by index desc
    limit ${where.value(most.fits)}`
  const [bounds] = await tx.query<{ first: Date | null; last: Date | null; count: string }>(
    `select min(occurred_at) as first, max(occurred_at) as last, count(*) from (${selected}) selected`,
    where.values,
  )
  const to = filter.to ?? (filter.from ? now : bounds?.last)
  const from = filter.from ?? bounds?.first
  const leavesOut = oldest !== undefined && !(filter.from && filter.from >= oldest.occurredAt)
  if (!to || !from) return ok({ from: undefined, to: undefined, buckets: [], more: leavesOut })
  const widthMs = Math.max(1, (to.getTime() - from.getTime() + 1) / buckets)
  const rows = await tx.query<{ bucket: number; entries: string; refused: string }>(
    `select floor((extract(epoch from occurred_at) * 1000 - ${where.value(from.getTime())}::float8)
                  / ${where.value(widthMs)}::float8)::int as bucket,
            count(*) as entries, count(*) filter (where outcome = 'refused') as refused
       from (${selected}) selected group by bucket`,
    where.values,
  )
  const counted = new Map(rows.map((row) => [row.bucket, row]))
  return ok({
    ...{ from, to },
    buckets: Array.from({ length: buckets }, (_, i) => ({
      entries: Number(counted.get(i)?.entries ?? 0),
      refused: Number(counted.get(i)?.refused ?? 0),
    })),
    more: leavesOut || Number(bounds?.count ?? 0) === most.fits,
  })
}

/** The first of the newest entries; undefined where the log has no more than these. */
async function oldestLookedAt(
  tx: Tx,
  newest: number,
): Promise<{ readonly index: number; readonly occurredAt: Date } | undefined> {
  const [row] = await tx.query<{ index: string; occurred_at: Date }>(
    `select index, occurred_at from audit_log
      where tenant_id = $1 and index = (select size - $2 from audit_heads where tenant_id = $1) and index > 0`,
    [tx.tenant, newest],
  )
  return row && { index: Number(row.index), occurredAt: row.occurred_at }
}

/** Those of the entries that are in the log. */
export async function entriesByUid(tx: Tx, sealer: Sealer, uids: readonly EntryUid[]): Promise<LogLine[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from audit_log where tenant_id = $1 and entry_id = any($2) order by index`,
    [tx.tenant, uids],
  )
  return rows.map((row) => opened(row, sealer))
}

/** Entries from an index on, in order. */
export async function entriesFrom(
  tx: Tx,
  sealer: Sealer,
  range: { readonly from: number; readonly below: number; readonly limit: number },
): Promise<LogLine[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from audit_log where tenant_id = $1 and index >= $2 and index < $3 order by index limit $4`,
    [tx.tenant, range.from, range.below, range.limit],
  )
  return rows.map((row) => opened(row, sealer))
}

/** Public facts of the tenant's log; undefined before its first entry is in it. */
export async function readHead(
  tx: Tx,
): Promise<
  { readonly verifierKey: string; readonly checkpoint: string | undefined; readonly signedSize: number } | undefined
> {
  const [row] = await tx.query<{ verifier_key: string; checkpoint: string | null; checkpoint_size: string }>(
    'select verifier_key, checkpoint, checkpoint_size from audit_heads where tenant_id = $1',
    [tx.tenant],
  )
  if (!row) return undefined
  return {
    verifierKey: row.verifier_key,
    checkpoint: row.checkpoint ?? undefined,
    signedSize: Number(row.checkpoint_size),
  }
}

/** Where an entry stands, and whose it is; undefined while it is not in the log. */
export async function findEntry(
  tx: Tx,
  entry: EntryUid,
): Promise<
  { readonly index: number; readonly actor: string | undefined; readonly project: string | undefined } | undefined
> {
  const [row] = await tx.query<{ index: string; actor_id: string | null; project_id: string | null }>(
    'select index, actor_id, project_id from audit_log where tenant_id = $1 and entry_id = $2',
    [tx.tenant, entry],
  )
  return row && { index: Number(row.index), actor: row.actor_id ?? undefined, project: row.project_id ?? undefined }
}

/** People's notes on these entries. */
export async function readNotes(tx: Tx, sealer: Sealer, entries: readonly EntryUid[]): Promise<Map<EntryUid, string>> {
  const rows = await tx.query<{ entry_id: string; note: Buffer }>(
    'select entry_id, note from audit_notes where tenant_id = $1 and entry_id = any($2)',
    [tx.tenant, entries],
  )
  return new Map(rows.map((row) => [EntryUid.parse(row.entry_id), sealer.open(noteField(row.entry_id), row.note)]))
}

export async function writeNote(tx: Tx, sealer: Sealer, entry: EntryUid, note: string, now: Date): Promise<void> {
  await tx.query(
    `insert into audit_notes (tenant_id, entry_id, note, updated_at) values ($1, $2, $3, $4)
     on conflict (tenant_id, entry_id) do update set note = excluded.note, updated_at = excluded.updated_at`,
    [tx.tenant, entry, sealer.seal(noteField(entry), note), now],
  )
}

const noteField = (entry: string) => ({ table: 'audit_notes', column: 'note', row: entry })

const columns = `index, entry_id, leaf, line, occurred_at, action_type, event, outcome, resource_kind, resource_uid,
  actor_id, project_id`

type Row = {
  index: string
  entry_id: string
  leaf: Buffer
  line: Buffer | null
  occurred_at: Date
  action_type: string
  event: string
  outcome: string
  resource_kind: string
  resource_uid: string
  actor_id: string | null
  project_id: string | null
}

function opened(row: Row, sealer: Sealer): LogLine {
  const line = openLine(row, sealer)
  return {
    index: Number(row.index),
    uid: EntryUid.parse(row.entry_id),
    leaf: row.leaf,
    line,
    entry: typeof line === 'string' ? undefined : parseBody(line.text),
    columns: {
      occurredAt: row.occurred_at,
      action: row.action_type as AuditEntry['action'], // Cast: the sequencer copied it from an entry.
      event: row.event,
      outcome: row.outcome,
      resourceKind: row.resource_kind,
      resourceUid: row.resource_uid,
      actor: row.actor_id,
      project: row.project_id,
    },
  }
}

function openLine(row: Row, sealer: Sealer): LogLine['line'] {
  if (row.line === null) return 'destroyed'
  try {
    return { text: sealer.open(logLine(row.entry_id), row.line) }
  } catch {
    // An export must still be possible: it is what names the place.
    return 'unreadable'
  }
}

/** Conditions with their parameters; the tenant is always the first. */
function conditions(tx: Tx, filter: LogFilter) {
  const values: unknown[] = [tx.tenant]
  const parts = ['tenant_id = $1']
  const value = (item: unknown) => `$${values.push(item)}`
  const add = (condition: (parameter: string) => string, item: unknown) => parts.push(condition(value(item)))
  if (filter.from) add((from) => `occurred_at >= ${from}`, filter.from)
  if (filter.to) add((to) => `occurred_at <= ${to}`, filter.to)
  if (filter.actor !== undefined) add((actor) => `actor_id = ${actor}`, filter.actor)
  for (const project of filter.projects ?? []) add((one) => `project_id = ${one}`, project)
  if (filter.resourceKind !== undefined) add((kind) => `resource_kind = ${kind}`, filter.resourceKind)
  if (filter.resourceUid !== undefined) add((uid) => `resource_uid = ${uid}`, filter.resourceUid)
  if (filter.action !== undefined) add((action) => `action_type = ${action}`, filter.action)
  if (filter.outcome !== undefined) add((outcome) => `outcome = ${outcome}`, filter.outcome)
  if (filter.indexes !== undefined) add((indexes) => `index = any(${indexes}::bigint[])`, filter.indexes)
  return { add, value, values, text: () => parts.join(' and ') }
}
