import { type Refusal, refuse } from '../../contract/errors.ts'
import { FilterUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import type { TagFilter } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

/** A stored tag filter. */
export type Filter = {
  readonly uid: FilterUid
  readonly name: string
  readonly filter: TagFilter
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenFilter = Omit<Filter, 'uid' | 'createdAt' | 'updatedAt'>

/** Adds a filter; `filter_name_taken` where the name, in any spelling, is another's. */
export async function insertFilter(tx: Tx, written: WrittenFilter, now: Date): Promise<Result<FilterUid, Refusal>> {
  const uid = FilterUid.parse(newUid())
  const inserted = await tx.query(
    `insert into filters (tenant_id, filter_id, name, name_key, conjunction, expressions, labels, annotations, created_at,
                          updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) on conflict (tenant_id, name_key) do nothing returning filter_id`,
    [tx.tenant, uid, ...columnsOf(written), now],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('filter_name_taken'))
}

/** Writes a filter anew. */
export async function updateFilter(
  tx: Tx,
  uid: FilterUid,
  written: WrittenFilter,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `update filters set name = $3, name_key = $4, conjunction = $5, expressions = $6, labels = $7, annotations = $8,
              updated_at = $9
        where tenant_id = $1 and filter_id = $2`,
      [tx.tenant, uid, ...columnsOf(written), now],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'filters_tenant_id_name_key_key') return err(refuse('filter_name_taken'))
    throw cause
  }
  return ok(undefined)
}

function columnsOf({ name, filter, labels, annotations }: WrittenFilter): unknown[] {
  return [name, nameKey(name), filter.conjunction, JSON.stringify(filter.expressions), labels, annotations]
}

/** Removes a filter that is part of no assignment. */
export async function deleteFilter(tx: Tx, uid: FilterUid): Promise<void> {
  await tx.query('delete from filters where tenant_id = $1 and filter_id = $2', [tx.tenant, uid])
}

export async function countFilters(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from filters where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

/** The filter that a path names; an unknown or foreign one, or what is no UID, finds none. */
export async function readFilter(tx: Tx, uid: string): Promise<Filter | undefined> {
  return FilterUid.safeParse(uid).success ? (await readFilters(tx, [uid]))[0] : undefined
}

/** These filters, or all of them, by name. */
export async function readFilters(tx: Tx, uids?: readonly string[]): Promise<Filter[]> {
  const rows = await tx.query<{
    filter_id: string
    name: string
    // Written by `columnsOf` alone.
    conjunction: TagFilter['conjunction']
    expressions: TagFilter['expressions']
    labels: Record<string, string>
    annotations: Record<string, string>
    created_at: Date
    updated_at: Date
  }>(
    `select filter_id, name, conjunction, expressions, labels, annotations, created_at, updated_at from filters
      where tenant_id = $1 and ($2::text[] is null or filter_id = any($2)) order by name_key`,
    [tx.tenant, uids ?? null],
  )
  return rows.map((row) => ({
    uid: FilterUid.parse(row.filter_id),
    name: row.name,
    filter: { conjunction: row.conjunction, expressions: row.expressions },
    labels: row.labels,
    annotations: row.annotations,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}
