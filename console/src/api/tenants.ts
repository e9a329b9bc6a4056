import { answer, api } from './client.ts'

const tenantOrders = ['name', 'createdAt'] as const
const tenantStates = ['pending', 'active', 'inactive', 'deleting'] as const
export type TenantState = (typeof tenantStates)[number]

type Wanted = {
  readonly q: string
  readonly limit: number
  readonly offset: number
  /** As it stands in the address; what is no state narrows nothing. */
  readonly state: string | undefined
  readonly sort: { readonly field: string; readonly descending: boolean }
}

/** A page of the tenants whose name holds the text, found and cut by the server. */
export function findTenants({ q, limit, offset, state, sort }: Wanted) {
  const orderBy = tenantOrders.find((one) => one === sort.field) ?? 'name'
  const descending = sort.descending ? ('true' as const) : ('false' as const)
  const narrowed = tenantStates.find((one) => one === state)
  const query = { q, limit, offset, orderBy, descending, ...(narrowed === undefined ? {} : { state: narrowed }) }
  return answer(api.GET('/v1/palisade/tenants', { params: { query } }))
}
