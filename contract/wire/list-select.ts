import { z } from 'zod'
import type { Result } from '../../core/result.ts'
import { ok } from '../../core/result.ts'
import { type listMeta, listMetaOf, listOf, nameKey, pageOf, storableText } from './common.ts'
import { type listQuery, type Order, parseFilters, parseOrder } from './list-filters.ts'

/** Lists of `/v1` that are held in memory: searched, sorted and paged by a GET's query or by the body of a summary. */

/** How one path of an object is read; a text that is held folded already is not folded again for every order. */
export type Column<Item> =
  | ((item: Item) => string | number)
  | { readonly text: (item: Item) => string; readonly folded: (item: Item) => string }

/** How one kind of object is read for each path that its list may be filtered and sorted by. */
export type Columns<Item> = Readonly<Record<string, Column<Item>>>

export type ListPage<Item> = { readonly items: readonly Item[]; readonly listmeta: z.output<typeof listMeta> }

/**
 * Filters, sorts and cuts a list.
 *
 * @param columns its paths
 * @param unasked the order without an `orderBy`: by the first path, upwards, or with an empty list as `all` stands
 * @returns refuses what is no filter, order or page, and paths that the list does not know
 */
export function selectPage<Item>(
  all: readonly Item[],
  query: z.output<typeof listQuery>,
  columns: Columns<Item>,
  unasked: readonly Order[] = [{ path: Object.keys(columns)[0] ?? '', descending: false }],
): Result<ListPage<Item>, string> {
  const paths = Object.keys(columns)
  const filters = parseFilters(query.filters, paths)
  if (!filters.ok) return filters
  const order = parseOrder(query.orderBy, paths)
  if (!order.ok) return order
  const page = pageOf(query)
  if (!page.ok) return page
  const read = (item: Item, path: string) => {
    const column = columns[path]
    return (typeof column === 'function' ? column : column?.text)?.(item) ?? ''
  }
  const found = all.filter((item) => filters.value.every(({ path, value }) => String(read(item, path)) === value))
  const { limit, offset } = page.value
  const items = sorted(found, order.value.length > 0 ? order.value : unasked, columns).slice(offset, offset + limit)
  return ok({ items, listmeta: listMetaOf(page.value, items.length, found.length) })
}

/** A sorted copy. Text counts by its folded spelling, so that `adam` stands beside `Adam`; each key is made once. */
export function sorted<Item>(items: readonly Item[], order: readonly Order[], columns: Columns<Item>): Item[] {
  const keyOf = (item: Item, path: string) => {
    const column = columns[path]
    if (typeof column === 'object') return column.folded(item)
    const value = column?.(item) ?? ''
    return typeof value === 'string' ? nameKey(value) : value
  }
  const keyed = items.map((item) => ({ item, keys: order.map(({ path }) => keyOf(item, path)) }))
  keyed.sort((a, b) => {
    for (const [i, { descending }] of order.entries()) {
      const left = a.keys[i] ?? ''
      const right = b.keys[i] ?? ''
      if (left !== right) return left < right === descending ? 1 : -1
    }
    return 0
  })
  return keyed.map(({ item }) => item)
}

/** `v1FilterString`: each member that is there must hold; `ignoreCase` unless it says false. */
export const textFilter = z
  .object({
    eq: storableText(512).nullish(),
    ne: storableText(512).nullish(),
    contains: storableText(512).nullish(),
    beginsWith: storableText(512).nullish(),
    ignoreCase: z.boolean().nullish(),
  })
  .nullish()

/** Makes a test for texts out of a filter; the filter is folded once. */
export function textMatcher(filter: z.output<typeof textFilter>): (text: string) => boolean {
  if (!filter) return () => true
  const fold = filter.ignoreCase === false ? (written: string) => written : nameKey
  const folded = (written: string | null | undefined) => (typeof written === 'string' ? fold(written) : undefined)
  const eq = folded(filter.eq)
  const ne = folded(filter.ne)
  const contains = folded(filter.contains)
  const beginsWith = folded(filter.beginsWith)
  return (text) => {
    const candidate = fold(text)
    return (
      (eq === undefined || candidate === eq) &&
      (ne === undefined || candidate !== ne) &&
      (contains === undefined || candidate.includes(contains)) &&
      (beginsWith === undefined || candidate.startsWith(beginsWith))
    )
  }
}

/** `sort` of a summary: the first entry counts most; an entry without a field says nothing. */
export const sortBy = <const Field extends string>(fields: readonly [Field, ...Field[]]) =>
  listOf(z.object({ field: z.enum(fields).nullish(), order: z.enum(['asc', 'desc']).nullish() })).transform(
    (entries): readonly Order[] =>
      entries.flatMap(({ field, order }) => (field ? [{ path: String(field), descending: order === 'desc' }] : [])),
  )
