import { queryOptions } from '@tanstack/react-query'
import { answer, api } from './client.ts'

const everything = { params: { query: { limit: 0 } } }

/** Every role with what it carries; they change with a release only. */
export const rolesQuery = queryOptions({
  queryKey: ['roles', 'all'],
  staleTime: 300_000,
  queryFn: async () =>
    (await answer(api.GET('/v1/roles', everything))).items.map(({ metadata, spec }) => ({
      uid: metadata.uid,
      name: metadata.name,
      description: metadata.annotations.description ?? '',
      scope: spec.scope,
      permissions: new Set(spec.permissions),
    })),
})

export const teamsQuery = queryOptions({
  queryKey: ['teams', 'all'],
  queryFn: async () =>
    (await answer(api.GET('/v1/teams', everything))).items.map(({ metadata }) => ({
      uid: metadata.uid,
      name: metadata.name,
    })),
})
