import { answer, api } from './client.ts'

export const peopleOrders = ['name', 'email', 'createdAt'] as const

type Wanted = {
  readonly q: string
  readonly limit: number
  readonly offset?: number
  readonly sort?: { readonly field: string; readonly descending: boolean }
}

/** A page of the people whose name or e-mail holds the text, found and cut by the server. */
export function findPeople({ q, limit, offset = 0, sort }: Wanted) {
  const orderBy = peopleOrders.find((one) => one === sort?.field) ?? 'name'
  const descending = sort?.descending ? ('true' as const) : ('false' as const)
  return answer(api.GET('/v1/palisade/people', { params: { query: { q, limit, offset, orderBy, descending } } }))
}
