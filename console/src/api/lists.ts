import { queryOptions } from '@tanstack/react-query'
import { answer, api } from './client.ts'

/** How a list is asked for: found, ordered and cut by the server. */
export type Wanted = {
  readonly q: string
  readonly limit: number
  readonly offset?: number
  /** As it stands in the address; what is no order is the first one. */
  readonly sort?: { readonly field: string; readonly descending: boolean }
}

const asked = <const Orders extends readonly [string, ...string[]]>(
  { q, limit, offset = 0, sort }: Wanted,
  orders: Orders,
) => ({
  ...{ q, limit, offset },
  orderBy: (orders.find((one) => one === sort?.field) ?? orders[0]) as Orders[number],
  descending: sort?.descending ? ('true' as const) : ('false' as const),
})

export const teamOrders = ['name', 'createdAt'] as const

/** A page of the teams whose name holds the text. */
export const findTeams = (wanted: Wanted) =>
  answer(api.GET('/v1/palisade/teams', { params: { query: asked(wanted, teamOrders) } }))

export const roleScopes = ['tenant', 'project', 'resource'] as const
export type RoleScope = (typeof roleScopes)[number]

/** A page of the roles whose name holds the text, or that carry the permission of this name. */
export function findRoles({ scope, ...wanted }: Wanted & { readonly scope?: string | undefined }) {
  const narrowed = roleScopes.find((one) => one === scope)
  const query = { ...asked(wanted, ['name', 'permissions']), ...(narrowed === undefined ? {} : { scope: narrowed }) }
  return answer(api.GET('/v1/palisade/roles', { params: { query } }))
}

/** One role with what it carries. */
export const roleQuery = (uid: string) =>
  queryOptions({
    queryKey: ['roles', 'one', uid],
    staleTime: 15_000,
    queryFn: () => readRole(uid),
  })

async function readRole(uid: string) {
  const { metadata, spec, status } = await answer(api.GET('/v1/roles/{uid}', { params: { path: { uid } } }))
  return {
    uid,
    name: metadata.name,
    description: metadata.annotations.description ?? '',
    scope: spec.scope,
    isPredefined: spec.type === 'system',
    isEnabled: status.isEnabled,
    permissions: new Set(spec.permissions),
    /** As they are to be sent back: a role is changed as a whole. */
    ...{ labels: metadata.labels, annotations: metadata.annotations },
  }
}

export type Role = Awaited<ReturnType<typeof readRole>>

/** What a role of this kind may carry, by kind of object. */
export const permissionsQuery = (scope: RoleScope) =>
  queryOptions({
    queryKey: ['permissions', scope],
    staleTime: 300_000,
    queryFn: () => answer(api.GET('/v1/permissions', { params: { query: { scope } } })),
  })

/** A page of the API keys whose name holds the text: one's own, or everybody's for who may list them. */
export const findApiKeys = (wanted: Wanted) =>
  answer(api.GET('/v1/palisade/apiKeys', { params: { query: asked(wanted, ['name', 'expiresAt', 'createdAt']) } }))
