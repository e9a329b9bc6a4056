import type { paths } from './schema.gen.ts'

type Body = NonNullable<
  NonNullable<paths['/v1/dashboard/spectroclusters/search']['post']['requestBody']>['content']['application/json']
>
type Wanted = {
  readonly q?: string | undefined
  readonly state?: string | undefined
  readonly sort?: { readonly field: string; readonly descending: boolean }
}

/** The body of a cluster search: by a part of the name, and by state. */
export function clusterSearchBody({ q, state, sort }: Wanted): Body {
  const text = (property: string, operator: 'contains' | 'eq', value: string) => ({
    property,
    type: 'string' as const,
    condition: { string: { operator, match: { values: [value] }, ignoreCase: true } },
  })
  const filters = [
    ...(q ? [text('clusterName', 'contains', q)] : []),
    ...(state ? [text('clusterState', 'eq', state)] : []),
  ]
  return {
    filter: { filterGroups: filters.length > 0 ? [{ conjunction: 'and', filters }] : [] },
    sort: sort?.field ? [{ field: sort.field, order: sort.descending ? 'desc' : 'asc' }] : [],
  }
}
