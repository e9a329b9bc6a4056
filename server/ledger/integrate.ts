import { setImmediate as turn } from 'node:timers/promises'
import { TenantUid } from '../../contract/ids.ts'
import { appendLeaf, composeLine, leafHash, serializeFrontier } from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { sqlState, violatedUnique } from '../platform/postgres/index.ts'
import type { Connection } from './connection.ts'
import { bodyText } from './entry.ts'
import { createHead, type Head, lockHeads } from './heads.ts'
import type { OwnEntries, OwnEntry } from './own-entries.ts'
import { type SealedField, type Sealer, type SealerOf, startsOf } from './pending.ts'
import { entriesPerTurn, maxRows, type PendingRow, pendingRows, readPacks, type Skipped } from './pending-packs.ts'

export const logLine = (entry: string): SealedField => ({ table: 'audit_log', column: 'line', row: entry })

/** An entry that claims to be older than the one before it by more than this is flagged (threat H12). */
const skewMs = 5_000

/** A row that can never become an entry. */
export type UnusableRow = { readonly id: string; readonly tenant: TenantUid; readonly why: string }

export type Integrated = {
  /** Rows. */
  readonly moved: number
  readonly entries: number
  readonly tenants: readonly TenantUid[]
  readonly unusable: readonly UnusableRow[]
  /** Tenants that were left out, and why. */
  readonly left: readonly { readonly tenant: TenantUid; readonly why: string }[]
}

type Deps = { readonly sealerOf: SealerOf; readonly host: string; readonly ownEntries: OwnEntries }

/** Tenants of the oldest pending entries. Nothing is locked. */
export async function pendingTenants(db: Connection, skip: Skipped): Promise<TenantUid[]> {
  const rows = await db.query<{ tenant_id: string }>(
    `select distinct tenant_id from (
       select tenant_id from audit_pending
        where tenant_id <> all($1) and pending_id <> all($2::bigint[]) order by pending_id limit $3) oldest`,
    [skip.tenants, skip.rows, maxRows],
  )
  return rows.map((row) => TenantUid.parse(row.tenant_id))
}

/**
 * Moves what is pending of these tenants into their logs, in one transaction: places, lines, hashes and heads appear
 * together or not at all. Rows are taken in id order; one whose transaction commits later comes later, whatever its id.
 *
 * Where one tenant's data makes the database refuse all, each is tried alone, so that nobody holds up the others.
 */
export async function integrate(
  db: Connection,
  tenants: readonly TenantUid[],
  skip: Skipped,
  deps: Deps,
): Promise<Integrated> {
  try {
    return await moveAll(db, tenants, skip, deps)
  } catch (cause) {
    if (!isRefusal(cause)) throw cause
    const [only, ...others] = tenants
    if (only !== undefined && others.length === 0) return refusedAlone(db, only, skip, deps, cause)
    const each: Integrated[] = []
    for (const tenant of tenants) each.push(await integrate(db, [tenant], skip, deps))
    return {
      moved: each.reduce((sum, one) => sum + one.moved, 0),
      entries: each.reduce((sum, one) => sum + one.entries, 0),
      tenants: each.flatMap((one) => one.tenants),
      unusable: each.flatMap((one) => one.unusable),
      left: each.flatMap((one) => one.left),
    }
  }
}

/** The database refused data (class 22) or a constraint (23): trying the same again would not help, leaving something out may. */
function isRefusal(cause: unknown): boolean {
  return /^2[23]/.test(sqlState(cause) ?? '')
}

async function refusedAlone(
  db: Connection,
  tenant: TenantUid,
  skip: Skipped,
  { sealerOf, ownEntries }: Deps,
  cause: unknown,
): Promise<Integrated> {
  const nothing = { moved: 0, entries: 0, tenants: [], unusable: [], left: [] }
  if (violatedUnique(cause) === 'audit_log_entry') {
    const rows = await pendingRows(db, [tenant], skip)
    const sealer = await sealerOf(tenant)
    const read = await readPacks(db, rows, new Map([[tenant as string, sealer]]), ownEntries)
    const uids = (row: PendingRow): readonly string[] => {
      const entries = read.get(row.pending_id)
      return entries?.ok ? entries.value.map((entry) => entry.uid) : []
    }
    const known = await db.query<{ entry_id: string }>(
      'select entry_id from audit_log where tenant_id = $1 and entry_id = any($2)',
      [tenant, rows.flatMap(uids)],
    )
    const there = new Set(known.map((row) => row.entry_id))
    const again = rows.filter((row) => uids(row).some((uid) => there.has(uid)))
    const why = 'its entry is in the log already'
    if (again.length > 0) return { ...nothing, unusable: again.map((row) => ({ id: row.pending_id, tenant, why })) }
  }
  const why =
    violatedUnique(cause) === 'audit_log_pkey'
      ? 'its log has entries beyond its head'
      : `the database refuses its entries (${sqlState(cause)})`
  return { ...nothing, left: [{ tenant, why }] }
}

async function moveAll(
  db: Connection,
  tenants: readonly TenantUid[],
  skip: Skipped,
  { sealerOf, host, ownEntries }: Deps,
): Promise<Integrated> {
  const left: { tenant: TenantUid; why: string }[] = []
  const sealers = new Map<TenantUid, Sealer>()
  for (const tenant of tenants)
    try {
      sealers.set(tenant, await sealerOf(tenant))
    } catch (cause) {
      left.push({ tenant, why: `its key cannot be had: ${cause instanceof Error ? cause.message : 'error'}` })
    }
  if (sealers.size === 0) return { moved: 0, entries: 0, tenants: [], unusable: [], left }

  await db.query('begin')
  try {
    const result = await moveLocked(db, sealers, skip, host, ownEntries)
    await db.query('commit')
    ownEntries.moved()
    return { ...result, left: [...left, ...result.left] }
  } catch (cause) {
    // A connection that is gone cannot roll back either; the first failure is the one to tell.
    await db.query('rollback').catch(() => {})
    throw cause
  }
}

async function moveLocked(
  db: Connection,
  sealers: ReadonlyMap<TenantUid, Sealer>,
  skip: Skipped,
  host: string,
  ownEntries: OwnEntries,
): Promise<Integrated> {
  const heads = await lockHeads(db, [...sealers.keys()])
  const isNew = [...sealers].filter(([tenant]) => !heads.has(tenant))
  for (const [tenant, sealer] of isNew) await createHead(db, tenant, sealer, host)
  if (isNew.length > 0)
    for (const [tenant, head] of await lockHeads(
      db,
      isNew.map(([tenant]) => tenant),
    ))
      heads.set(tenant, head)

  const left: { tenant: TenantUid; why: string }[] = []
  const logs = new Map<string, Log>()
  for (const [tenant, head] of heads) {
    const sealer = sealers.get(tenant)
    if (head.ok && sealer) logs.set(tenant, { sealer, head: head.value, lines: [] })
    else if (!head.ok) left.push({ tenant, why: head.error })
  }
  // A statement of its own after the locks: what another sequencer moved while we waited for them is not seen any more.
  const rows = await pendingRows(db, [...logs.keys()], skip)
  const { unusable, used } = await compose(rows, logs, await readPacks(db, rows, sealers, ownEntries))
  const grown = [...logs.values()].filter((log) => log.lines.length > 0)
  if (grown.length > 0) await store(db, grown, used)
  const entries = grown.reduce((sum, log) => sum + log.lines.length, 0)
  return { moved: used.length, entries, tenants: grown.map((log) => log.head.tenant), unusable, left }
}

type Log = { readonly sealer: Sealer; head: Head; readonly lines: Line[] }

type Line = {
  readonly index: number
  readonly entry: string
  readonly leaf: Buffer
  readonly sealed: Buffer
  readonly time: string
  readonly action: string
  readonly event: string
  readonly outcome: string
  readonly resourceKind: string
  readonly resourceUid: string
  readonly actor: string | null
  readonly project: string | null
}

async function compose(
  rows: readonly PendingRow[],
  logs: ReadonlyMap<string, Log>,
  packs: ReadonlyMap<string, Result<readonly OwnEntry[], string>>,
) {
  const unusable: UnusableRow[] = []
  const used: string[] = []
  const seen = new Set<string>()
  let composed = 0
  for (const row of rows) {
    const log = logs.get(row.tenant_id)
    const entries = packs.get(row.pending_id)
    if (!log || !entries) throw new Error('a pending row of a tenant that was not asked for')
    const { tenant } = log.head
    const fresh = entries.ok ? unseen(tenant, entries.value, seen) : entries
    if (!fresh.ok) {
      unusable.push({ id: row.pending_id, tenant, why: fresh.error })
      continue
    }
    used.push(row.pending_id)
    for (const entry of fresh.value) {
      if (++composed % entriesPerTurn === 0) await turn()
      addLine(log, entry)
    }
  }
  return { unusable, used }
}

/** The entries, each of them for the first time. */
function unseen(
  tenant: TenantUid,
  entries: readonly OwnEntry[],
  seen: Set<string>,
): Result<readonly OwnEntry[], string> {
  const keys = entries.map(({ uid }) => `${tenant}/${uid}`)
  if (new Set(keys).size < keys.length || keys.some((key) => seen.has(key))) return err('its entry is pending twice')
  for (const key of keys) seen.add(key)
  return ok(entries)
}

/** Gives an entry the next place of the log. */
function addLine(log: Log, { uid, entry, text }: OwnEntry): void {
  const { head, sealer, lines } = log
  const time = new Date(entry.time)
  const skew = head.lastTime === undefined ? 0 : head.lastTime.getTime() - time.getTime()
  const body = skew > skewMs ? bodyText({ ...entry, details: { ...entry.details, clockSkewMs: skew } }) : text
  const index = head.frontier.size
  const line = Buffer.from(composeLine(index, head.lastLeaf, body), 'utf8')
  const leaf = leafHash(line)
  lines.push({
    index,
    entry: uid,
    leaf,
    sealed: sealer.seal(logLine(uid), line),
    time: entry.time,
    action: entry.action,
    event: entry.event,
    outcome: entry.outcome,
    resourceKind: storable(entry.resource.kind),
    resourceUid: storable(entry.resource.uid),
    actor: entry.actor.kind === 'user' ? storable(entry.actor.uid) : null,
    project: entry.project === undefined ? null : storable(entry.project),
  })
  log.head = { ...head, frontier: appendLeaf(head.frontier, leaf), lastLeaf: leaf, lastTime: time }
}

/** PostgreSQL's text holds no NUL; the line does. */
function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd')
}

/** Lines, heads and the end of the pending rows, in one statement. */
async function store(db: Connection, logs: readonly Log[], used: readonly string[]): Promise<void> {
  const lines = logs.flatMap(({ head, lines }) => lines.map((line) => ({ tenant: head.tenant, ...line })))
  // One value each: pg sends a Buffer as it is, and an array of them as escaped hexadecimal text.
  const leaves = Buffer.concat(lines.map((line) => line.leaf))
  const sealed = Buffer.concat(lines.map((line) => line.sealed))
  const lengths = lines.map((line) => line.sealed.length)
  const column = <Name extends keyof (typeof lines)[number]>(name: Name) => lines.map((line) => line[name])
  const heads = logs.map(({ head }) => head)
  const [count] = await db.query<{ logged: string; moved: string; ended: string }>(
    `with logged as (
       insert into audit_log (tenant_id, index, entry_id, leaf, line, occurred_at, action_type, event, outcome,
                              resource_kind, resource_uid, actor_id, project_id)
       select n.tenant_id, n.index, n.entry_id, substring($1::bytea from n.place::integer * 32 - 31 for 32),
              substring($2::bytea from n.start for n.length), n.occurred_at, n.action_type, n.event, n.outcome,
              n.resource_kind, n.resource_uid, n.actor_id, n.project_id
         from unnest($3::integer[], $4::integer[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[], $9::text[],
                     $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
              with ordinality as n (start, length, tenant_id, index, entry_id, occurred_at, action_type, event, outcome,
                                    resource_kind, resource_uid, actor_id, project_id, place)
       returning 1),
     moved as (
       update audit_heads h
          set size = n.size, frontier = n.frontier, last_leaf = n.last_leaf, last_time = n.last_time
         from unnest($16::text[], $17::bigint[], $18::bytea[], $19::bytea[], $20::timestamptz[])
              as n (tenant_id, size, frontier, last_leaf, last_time)
        where h.tenant_id = n.tenant_id
       returning 1),
     ended as (delete from audit_pending where pending_id = any($21::bigint[]) returning 1)
     select (select count(*) from logged) as logged, (select count(*) from moved) as moved,
            (select count(*) from ended) as ended`,
    [
      ...[leaves, sealed, startsOf(lengths), lengths],
      ...[column('tenant'), column('index'), column('entry'), column('time'), column('action'), column('event')],
      ...[column('outcome'), column('resourceKind'), column('resourceUid'), column('actor'), column('project')],
      heads.map((head) => head.tenant),
      heads.map((head) => head.frontier.size),
      heads.map((head) => serializeFrontier(head.frontier)),
      heads.map((head) => head.lastLeaf),
      heads.map((head) => head.lastTime?.toISOString()),
      used,
    ],
  )
  // The heads are locked, so nobody else can have taken these rows: if it is so after all, nothing is moved.
  if (
    Number(count?.logged) !== lines.length ||
    Number(count?.ended) !== used.length ||
    Number(count?.moved) !== logs.length
  )
    throw new Error('pending entries were moved by somebody else')
}
