import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { answer, api } from './client.ts'
import type { paths } from './schema.gen.ts'

type Listed = paths['/v1/palisade/filters']['get']['responses'][200]['content']['application/json']
export type Filter = Listed['items'][number]
export type Expression = Filter['expressions'][number]
/** What a filter compares, without its name. */
export type Rule = Pick<Filter, 'conjunction' | 'expressions'>

type Wanted = { readonly q: string; readonly limit: number; readonly offset?: number; readonly descending?: boolean }

/** A page of the filters whose name holds the text, each whole, with how many resource roles act through it. */
export const findFilters = ({ q, limit, offset = 0, descending = false }: Wanted) =>
  answer(
    api.GET('/v1/palisade/filters', {
      params: { query: { q, limit, offset, orderBy: 'name', descending: descending ? 'true' : 'false' } },
    }),
  )

export const filterQuery = (uid: string) =>
  queryOptions({
    queryKey: ['filters', 'one', uid],
    queryFn: () => answer(api.GET('/v1/palisade/filters/{uid}', { params: { path: { uid } } })),
  })

/** Who acts through it. */
export const filterUsesQuery = (uid: string) =>
  queryOptions({
    queryKey: ['filters', 'uses', uid],
    queryFn: async () =>
      (await answer(api.GET('/v1/palisade/filters/{uid}/uses', { params: { path: { uid } } }))).items,
  })

/** Which of the clusters that the reader may list it selects: how many, and the first of them. */
export const selectionQuery = ({ conjunction, expressions }: Rule) =>
  queryOptions({
    queryKey: ['filters', 'selection', conjunction, expressions],
    placeholderData: keepPreviousData,
    queryFn: () => answer(api.POST('/v1/palisade/filters/selection', { body: { conjunction, expressions } })),
  })
