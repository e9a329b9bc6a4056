import { queryOptions } from '@tanstack/react-query'
import { answer, api } from './client.ts'
import type { paths } from './schema.gen.ts'

type List = paths['/v1/palisade/access/requests']['get']['responses'][200]['content']['application/json']
/** A role that somebody asked for. */
export type AccessRequest = List['items'][number]
export type View = 'mine' | 'waiting'

/** A page of what the caller asked for, or may decide. */
export const requestsQuery = (view: View, limit: number, offset: number) =>
  queryOptions({
    queryKey: ['requests', view, limit, offset],
    // Requests expire by time alone, and what the caller may decide follows from rights.
    refetchInterval: 30_000,
    queryFn: () => answer(api.GET('/v1/palisade/access/requests', { params: { query: { view, limit, offset } } })),
  })

/** For how long roles may be asked for here. */
export const requestSettingsQuery = queryOptions({
  queryKey: ['requests', 'settings'],
  queryFn: () => answer(api.GET('/v1/palisade/access/request-settings')),
})
