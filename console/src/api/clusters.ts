import type { paths } from './schema.gen.ts'

type Body = NonNullable<
  NonNullable<paths['/v1/dashboard/spectroclusters/search']['post']['requestBody']>['content']['application/json']
>
type Wanted = {
  readonly q?: string | undefined
  readonly state?: string | undefined
  /** `key` or `key:value`. */
  readonly tag?: string | undefined
  readonly sort?: { readonly field: string; readonly descending: boolean }
}

/** In the place of a state: those that are not ready, and those that did not answer. */
export const needsAttention = 'attention'

/** The body of a cluster search: by a part of the name, by state, and by a tag. */
export function clusterSearchBody({ q, state, tag, sort }: Wanted): Body {
  const groups = [
    ...(q ? [[text('clusterName', 'contains', q)]] : []),
    ...(state === needsAttention
      ? [[text('clusterState', 'eq', 'Running', true), text('healthState', 'eq', 'UnHealthy')]]
      : state
        ? [[text('clusterState', 'eq', state)]]
        : []),
    ...(tag ? [[tagged(tag)]] : []),
  ]
  return {
    filter: { conjunction: 'and', filterGroups: groups.map((filters) => ({ conjunction: 'or', filters })) },
    sort: sort?.field ? [{ field: sort.field, order: sort.descending ? 'desc' : 'asc' }] : [],
  }
}

const text = (property: string, operator: 'contains' | 'eq', value: string, negation = false) => ({
  property,
  type: 'string' as const,
  condition: { string: { operator, match: { values: [value] }, ignoreCase: true, negation } },
})

/** How a tag reads: its name alone where it has no value, or the one that clients of the published API give to such. */
export const tagText = (key: string, value: string): string =>
  value === '' || value === bareTag ? key : `${key}:${value}`
export const bareTag = 'spectro__tag'

/** A name alone is any value of it. */
function tagged(tag: string) {
  const [key = '', ...rest] = tag.split(':')
  const value = rest.join(':')
  const operator = rest.length === 0 ? ('beginsWith' as const) : ('eq' as const)
  return {
    property: 'tags',
    type: 'keyValue' as const,
    condition: { keyValue: { key, operator, match: { values: [value] } } },
  }
}
