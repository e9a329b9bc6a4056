import { infiniteQueryOptions } from '@tanstack/react-query'
import { answer, api } from './client.ts'
import { useMay } from './me.ts'
import type { paths } from './schema.gen.ts'

type Operation = paths['/v1/palisade/access/simulate']['post']
/** A change of a role or a filter that somebody thinks of. */
export type Change = Operation['requestBody']['content']['application/json']['change']
export type Simulated = Operation['responses'][200]['content']['application/json']

/** As many people as the server names at once. */
const mostAtOnce = 100

/** @param replayDays of the log that are asked again; 0: none */
export const simulationQuery = (change: Change, replayDays: number) =>
  infiniteQueryOptions({
    queryKey: ['access', 'simulate', change, replayDays],
    staleTime: 0,
    // What nobody looks at any more was a question about a moment.
    gcTime: 0,
    initialPageParam: 0,
    queryFn: ({ pageParam: offset }) => {
      // The log is asked once.
      const days = offset === 0 ? replayDays : 0
      return answer(
        api.POST('/v1/palisade/access/simulate', { body: { change, replayDays: days, limit: mostAtOnce, offset } }),
      )
    },
    getNextPageParam: ({ users }, pages) => {
      const shown = pages.reduce((sum, page) => sum + page.users.items.length, 0)
      return users.items.length > 0 && shown < users.count ? shown : undefined
    },
  })

const needed = ['role.get', 'user.list', 'filter.get'] as const

/** What is missing for asking who would gain and lose what; undefined while that is not known, an empty list for who may ask. */
export function useMissingToSimulate(): readonly string[] | undefined {
  const may = useMay()
  const held = needed.map((permission) => may(permission))
  return held.includes(undefined) ? undefined : needed.filter((_, at) => !held[at])
}
