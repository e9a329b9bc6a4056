/**
 * One page of a list in an order, without putting the whole list into it: what comes after the page is looked at once and kept no
 * longer than until there is twice as much as the page and all before it.
 *
 * @param compare an order in which no two are the same, or equal ones may change places between pages
 */
export function sortedPage<Item>(
  items: Iterable<Item>,
  compare: (a: Item, b: Item) => number,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Item[] {
  const end = offset + limit
  let kept: Item[] = []
  /** What is not before it is not on the page. */
  let last: { readonly item: Item } | undefined
  for (const item of items) {
    if (last !== undefined && compare(item, last.item) >= 0) continue
    kept.push(item)
    if (kept.length < 2 * end) continue
    kept = kept.sort(compare).slice(0, end)
    last = { item: kept[end - 1]! }
  }
  return kept.sort(compare).slice(offset, end)
}

export const byText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
