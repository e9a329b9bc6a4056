import { createHash } from 'node:crypto'
import type { Page } from '../../contract/wire/common.ts'
import type { Reach } from '../../core/access/index.ts'
import { type Condition, reachCondition } from '../access/index.ts'
import { type BoundedMap, createBoundedMap } from '../platform/bounded-map/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type Cluster, columns, type Row, tables, toCluster } from './store.ts'

/**
 * Lists of clusters. A page in the order of names costs about the same wherever it is and however many clusters there are
 * (docs/adr/0012-lists-at-size.md); any other order or condition looks at all that is within reach.
 */

/** `order by` of an answer, from a fixed table of columns. */
export type Sorting = readonly { readonly column: string; readonly descending: boolean }[]

/** What is searched by. */
export type Wanted = {
  /** Over `c` (clusters) and `p` (projects). */
  readonly condition: Condition | undefined
  /** Whether it reads nothing but `c.labels` and `c.project_id`, so that tallies answer it. */
  readonly tallied: boolean
}

/** The last cluster of the page before, in the order of names. */
export type After = { readonly nameKey: string; readonly uid: string }

export type ClusterPage = {
  readonly clusters: readonly Cluster[]
  /** Of all that is wanted within reach. */
  readonly count: number
  /** Where the next page begins; nothing on the last one. */
  readonly next: { readonly after: After | undefined } | undefined
}

const nameColumn = 'c.name_key'

/** Whether pages may go on after a name. */
export const isByName = (sorting: Sorting): boolean =>
  sorting.length === 0 || (sorting.length === 1 && sorting[0]?.column === nameColumn)

export type Asked = {
  readonly visible: Reach
  readonly wanted?: Wanted
  readonly sorting?: Sorting
  readonly page: Page
  /** In place of the page's offset; of lists by name. */
  readonly after?: After | undefined
}

/** Clusters within somebody's reach that are wanted, in one order to the last. */
export type ListClusters = (tx: Tx, asked: Asked) => Promise<ClusterPage>

/** Lists, and what they remember of the tallies: for the last few hundred who asked, as long as no tally changes. */
export function createLists(): ListClusters {
  const remembered = createBoundedMap<string, Tally & { readonly revision: string }>(rememberedAtMost)
  return async (tx, asked) => listWith(tx, asked, (query) => tallyOf(tx, query, remembered))
}

async function listWith(tx: Tx, asked: Asked, tally: (query: Query) => Promise<Tally>): Promise<ClusterPage> {
  const { visible, wanted, sorting = [], page, after } = asked
  if (visible !== 'all' && visible.size === 0) return pageFrom([], { count: 0, asked })
  const within = reachCondition(visible, { project: 'c.project_id', tags: 'c.labels' })
  const conditions = [...(within ? [within] : []), ...(wanted?.condition ? [wanted.condition] : [])]
  const query: Query = {
    conditions,
    ...{ sorting, after, descending: sorting[0]?.descending ?? false },
    // One more than is shown tells whether there is more.
    ...{ limit: page.limit + 1, offset: after ? 0 : page.offset },
  }
  const isTallied = wanted?.tallied ?? true
  if (!isTallied || !isByName(sorting)) {
    const count = isTallied ? (await tally(query)).count : await countEach(tx, conditions)
    return pageFrom(count === 0 ? [] : await searched(tx, query), { count, asked })
  }
  const { count, sets } = await tally(query)
  if (count === 0) return pageFrom([], { count, asked })
  const found = sets && isCheap(sets, count, query) ? await merged(tx, query, sets) : await walked(tx, query)
  return pageFrom(await read(tx, found, query), { count, asked })
}

function pageFrom(
  found: readonly Found[],
  {
    count,
    asked: { page, sorting = [] },
  }: { readonly count: number; readonly asked: { page: Page; sorting?: Sorting } },
): ClusterPage {
  const shown = found.slice(0, page.limit)
  const last = shown.at(-1)
  if (found.length <= page.limit || !last)
    return { clusters: shown.map(({ cluster }) => cluster), count, next: undefined }
  const after = isByName(sorting) ? { nameKey: last.nameKey, uid: last.cluster.uid } : undefined
  return { clusters: shown.map(({ cluster }) => cluster), count, next: { after } }
}

type Found = { readonly cluster: Cluster; readonly nameKey: string }
type Query = {
  readonly conditions: readonly Condition[]
  readonly sorting: Sorting
  readonly after: After | undefined
  readonly descending: boolean
  readonly limit: number
  readonly offset: number
}
type Key = { readonly cluster_id: string }

/** What somebody reaches, as the tallies say. */
type Tally = {
  readonly count: number
  /** The sets of labels that are within reach, where they are few. */
  readonly sets: Sets | undefined
}
type Sets = { readonly projects: readonly string[]; readonly keys: readonly Buffer[] }

const rememberedAtMost = 300
const setsAtMost = 2_000
/** Rows read to answer one page by merging, at most; a walk reads about as many where more sets are within reach. */
const mergedAtMost = 14_000
/** What one more set of labels costs, in rows. */
const setCost = 3
/** From there on a walk by offset reads the index alone, and what is within reach from the tallies first. */
const farAway = 5_000

/** How many of each set are looked at to find the first ones of all: a page is seldom of one set. */
const shareOf = ({ projects }: Sets, { limit, offset }: Query): number =>
  Math.min(limit + offset, 2 + Math.ceil((2 * (limit + offset)) / projects.length))

/** A walk reads what it leaves behind, too, so what a page by offset may cost grows with the offset. */
const isCheap = (sets: Sets, count: number, query: Query): boolean => {
  const { length } = sets.projects
  const rows = Math.min(count, length * shareOf(sets, query))
  return length * setCost + rows <= Math.max(mergedAtMost, 2 * (query.limit + query.offset))
}

function values() {
  const list: unknown[] = []
  return { list, value: (of: unknown) => `$${list.push(of)}` }
}

const whereOf = (conditions: readonly Condition[], value: (of: unknown) => string): string =>
  conditions.map((condition) => ` and (${condition(value)})`).join('')

const direction = ({ descending }: Query) => (descending ? ' desc' : '')

/** Everything after a name, in the same order. */
const beyond = ({ after, descending }: Query, value: (of: unknown) => string): string =>
  after
    ? ` and (c.name_key, c.cluster_id) ${descending ? '<' : '>'} (${value(after.nameKey)}::text, ${value(after.uid)}::text)`
    : ''

/** How many there are. Of each set of labels in a project one is looked at, and that only when a tally changed. */
async function tallyOf(
  tx: Tx,
  { conditions }: Query,
  remembered: BoundedMap<string, Tally & { readonly revision: string }>,
): Promise<Tally> {
  const { list, value } = values()
  const where = `c.tenant_id = ${value(tx.tenant)}${whereOf(conditions, value)}`
  // A question may be as long as a request; what is remembered of it is not.
  const question = createHash('sha256')
    .update(`${where} ${JSON.stringify(list)}`)
    .digest('base64')
  const known = remembered.get(question)
  if (known) {
    const [now] = await tx.query<{ revision: string }>('select revision from cluster_revisions where tenant_id = $1', [
      tx.tenant,
    ])
    if (now?.revision === known.revision) return known
  }
  const [row] = await tx.query<{
    revision: string | null
    count: string
    projects: string[] | null
    keys: Buffer[] | null
  }>(
    `select (select revision from cluster_revisions v where v.tenant_id = $1) as revision, coalesce(sum(c.n), 0) as count,
            case when count(*) <= ${setsAtMost} then array_agg(c.project_id::text) end as projects,
            case when count(*) <= ${setsAtMost} then array_agg(c.labels_key) end as keys
       from cluster_tallies c where ${where}`,
    list,
  )
  const { revision = null, count = '0', projects, keys } = row ?? {}
  const tally = { count: Number(count), sets: projects && keys ? { projects, keys } : undefined }
  if (revision !== null) remembered.set(question, { ...tally, revision })
  return tally
}

async function countEach(tx: Tx, conditions: readonly Condition[]): Promise<number> {
  const { list, value } = values()
  const [row] = await tx.query<{ count: string }>(
    `select count(*) as count from ${tables} where c.tenant_id = ${value(tx.tenant)}${whereOf(conditions, value)}`,
    list,
  )
  return Number(row?.count ?? 0)
}

/** The clusters of few sets of labels: the first ones of each, put in order. */
async function merged(tx: Tx, query: Query, sets: Sets): Promise<readonly Key[]> {
  const needed = query.limit + query.offset
  const share = shareOf(sets, query)
  const first = await firstOf(tx, query, sets, share)
  // Behind the last that was looked at of a set more of it may follow, so of those sets as many are looked at as the page could hold.
  // What comes first of any other set is behind the page for certain, or known.
  const isOpen = ({ nth }: Placed, i: number) => share < needed && Number(nth) === share && i < needed - 1
  if (!first.some(isOpen)) return first.slice(query.offset)
  const inPage = [...new Set(first.map(({ place }) => Number(place) - 1))]
  const only = { projects: inPage.map((i) => sets.projects[i] ?? ''), keys: inPage.map((i) => sets.keys[i] ?? nothing) }
  const found = await firstOf(tx, query, only, needed)
  return found.slice(query.offset)
}

const nothing = Buffer.alloc(0)
/** A cluster as the so many-th of its set, and the place of that set among those that were asked for. */
type Placed = Key & { readonly place: string; readonly nth: string }

/** @param share how many of each set are looked at, at most */
async function firstOf(tx: Tx, query: Query, { projects, keys }: Sets, share: number) {
  const { list, value } = values()
  const order = `name_key${direction(query)}, cluster_id${direction(query)}`
  return tx.query<Placed>(
    `select f.cluster_id, s.place, f.nth
       from unnest(${value(projects)}::text[], ${value(keys)}::bytea[]) with ordinality s(project_id, labels_key, place)
       cross join lateral (
         select c.name_key, c.cluster_id, row_number() over (order by c.${order.replace(', ', ', c.')}) as nth from clusters c
          where c.tenant_id = ${value(tx.tenant)} and c.project_id = s.project_id and c.labels_key = s.labels_key${beyond(query, value)}
          order by c.${order.replace(', ', ', c.')} limit ${value(share)}) f
      order by ${order} limit ${value(query.limit + query.offset)}`,
    list,
  )
}

/** Of many: along the names, past those that are not wanted. */
async function walked(tx: Tx, query: Query): Promise<readonly Key[]> {
  const { list, value } = values()
  const tenant = value(tx.tenant)
  const { conditions, limit, offset } = query
  const isFar = offset > farAway
  const read = conditions.length === 0 ? '' : isFar ? ', c.project_id, c.labels_key' : ', c.project_id, c.labels'
  const where =
    conditions.length > 0 && isFar
      ? ` and (c.project_id, c.labels_key) in (
            select c.project_id, c.labels_key from cluster_tallies c where c.tenant_id = ${tenant}${whereOf(conditions, value)})`
      : whereOf(conditions, value)
  return tx.query<Key>(
    // `offset 0` keeps the order inside, where an index has it: by its own estimates PostgreSQL would collect everything and sort.
    `select c.cluster_id from (
       select c.name_key, c.cluster_id${read} from clusters c where c.tenant_id = ${tenant}${beyond(query, value)}
        order by c.name_key${direction(query)}, c.cluster_id${direction(query)} offset 0) c
      where true${where}${isFar ? ` order by c.name_key${direction(query)}, c.cluster_id${direction(query)}` : ''}
      limit ${value(limit)} offset ${value(offset)}`,
    list,
  )
}

async function read(tx: Tx, keys: readonly Key[], query: Query): Promise<readonly Found[]> {
  const rows = await tx.query<Row & { readonly name_key: string }>(
    `select ${columns}, c.name_key from ${tables} where c.tenant_id = $1 and c.cluster_id = any($2::text[])
      order by c.name_key${direction(query)}, c.cluster_id${direction(query)}`,
    [tx.tenant, keys.map(({ cluster_id: uid }) => uid)],
  )
  return rows.map((row) => ({ cluster: toCluster(row), nameKey: row.name_key }))
}

/** In any order, by any condition. */
async function searched(tx: Tx, query: Query): Promise<readonly Found[]> {
  const { list, value } = values()
  const order = isByName(query.sorting)
    ? `c.name_key${direction(query)}, c.cluster_id${direction(query)}`
    : [...query.sorting, { column: nameColumn, descending: false }, { column: 'c.cluster_id', descending: false }]
        .map(({ column, descending }) => `${column}${descending ? ' desc' : ''}`)
        .join(', ')
  const rows = await tx.query<Row & { readonly name_key: string }>(
    `select ${columns}, c.name_key from ${tables}
      where c.tenant_id = ${value(tx.tenant)}${whereOf(query.conditions, value)}${beyond(query, value)}
      order by ${order} limit ${value(query.limit)} offset ${value(query.offset)}`,
    list,
  )
  return rows.map((row) => ({ cluster: toCluster(row), nameKey: row.name_key }))
}

/** The keys of all labels that clusters within reach carry. */
export async function labelKeys(tx: Tx, visible: Reach): Promise<readonly string[]> {
  const { list, value } = values()
  const within = reachCondition(visible, { project: 'c.project_id', tags: 'c.labels' })
  const rows = await tx.query<{ key: string }>(
    `select distinct k.key from cluster_tallies c, jsonb_object_keys(c.labels) k(key)
      where c.tenant_id = ${value(tx.tenant)}${within ? ` and (${within(value)})` : ''} order by 1 limit 10000`,
    list,
  )
  return rows.map(({ key }) => key)
}

/** The projects that have clusters within reach. */
export async function projectsWithClusters(
  tx: Tx,
  visible: Reach,
): Promise<readonly { readonly uid: string; readonly name: string }[]> {
  const { list, value } = values()
  const within = reachCondition(visible, { project: 'c.project_id', tags: 'c.labels' })
  return tx.query<{ uid: string; name: string }>(
    `select p.project_id as uid, p.name from projects p where p.tenant_id = ${value(tx.tenant)} and exists (
       select from cluster_tallies c where c.tenant_id = p.tenant_id and c.project_id = p.project_id
        ${within ? ` and (${within(value)})` : ''})
      order by p.name_key`,
    list,
  )
}
