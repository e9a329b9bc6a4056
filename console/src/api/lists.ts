import { queryOptions, useQuery } from '@tanstack/react-query'
import { answer, api } from './client.ts'
import { useMay } from './me.ts'

const everything = { params: { query: { limit: 0 } } }

/** Every role with what it carries: the predefined ones and the tenant's own, which change at any time. */
export const rolesQuery = queryOptions({
  queryKey: ['roles', 'all'],
  staleTime: 15_000,
  queryFn: async () =>
    (await answer(api.GET('/v1/roles', everything))).items.map(({ metadata, spec }) => ({
      uid: metadata.uid,
      name: metadata.name,
      description: metadata.annotations.description ?? '',
      scope: spec.scope,
      permissions: new Set(spec.permissions),
    })),
})

const teamsQuery = queryOptions({
  queryKey: ['teams', 'all'],
  queryFn: async () =>
    (await answer(api.GET('/v1/teams', everything))).items.map(({ metadata }) => ({
      uid: metadata.uid,
      name: metadata.name,
    })),
})

/** The roles to choose from; not asked for by somebody who may not list them, whom the server would refuse. */
export function useRoles() {
  const may = useMay()
  return useQuery({ ...rolesQuery, enabled: may('role.list') === true })
}

/** The teams to choose from, likewise. */
export function useTeams() {
  const may = useMay()
  return useQuery({ ...teamsQuery, enabled: may('team.list') === true })
}
