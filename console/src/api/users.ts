import { answer, api } from './client.ts'

export const peopleOrders = ['name', 'email', 'createdAt'] as const

/** What a list of people can be narrowed to. */
const peopleStates = ['active', 'resetting', 'invited', 'expired', 'inactive'] as const
export type PeopleState = (typeof peopleStates)[number]

type Wanted = {
  readonly q: string
  readonly limit: number
  readonly offset?: number
  /** As it stands in the address; what is no state narrows nothing. */
  readonly state?: string | undefined
  /** The members of a team alone. */
  readonly team?: string
  readonly sort?: { readonly field: string; readonly descending: boolean }
}

/** A page of the people whose name or e-mail holds the text, found and cut by the server. */
export function findPeople({ q, limit, offset = 0, state, team, sort }: Wanted) {
  const orderBy = peopleOrders.find((one) => one === sort?.field) ?? 'name'
  const descending = sort?.descending ? ('true' as const) : ('false' as const)
  const narrowed = peopleStates.find((one) => one === state)
  const query = {
    ...{ q, limit, offset, orderBy, descending },
    ...(narrowed === undefined ? {} : { state: narrowed }),
    ...(team === undefined ? {} : { team }),
  }
  return answer(api.GET('/v1/palisade/people', { params: { query } }))
}
