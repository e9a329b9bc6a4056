import type { paths } from './schema.gen.ts'

type Body = NonNullable<
  NonNullable<paths['/v1/dashboard/spectroclusters/search']['post']['requestBody']>['content']['application/json']
>
type Wanted = {
  readonly q?: string | undefined
  readonly state?: string | undefined
  readonly sort?: { readonly field: string; readonly descending: boolean }
}

/** In the place of a state: those that are not ready, and those that did not answer. */
export const needsAttention = 'attention'

/** The body of a cluster search: by a part of the name, and by state. */
export function clusterSearchBody({ q, state, sort }: Wanted): Body {
  const groups = [
    ...(q ? [[text('clusterName', 'contains', q)]] : []),
    ...(state === needsAttention
      ? [[text('clusterState', 'eq', 'Running', true), text('healthState', 'eq', 'UnHealthy')]]
      : state
        ? [[text('clusterState', 'eq', state)]]
        : []),
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
