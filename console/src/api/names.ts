import { queryOptions } from '@tanstack/react-query'
import { answer, api, Refused } from './client.ts'

/** Names of users, teams, roles and projects by uid. What the caller may not list is simply not in it. */
export const namesQuery = queryOptions({
  queryKey: ['names'],
  staleTime: 30_000,
  queryFn: async (): Promise<ReadonlyMap<string, string>> => {
    const [users, teams, roles, projects] = await Promise.all([
      ifAllowed(async () => (await answer(api.GET('/v1/users/meta'))).items),
      ifAllowed(async () => (await answer(api.GET('/v1/teams', everything))).items.map(({ metadata }) => metadata)),
      ifAllowed(async () => (await answer(api.GET('/v1/roles', everything))).items.map(({ metadata }) => metadata)),
      ifAllowed(async () =>
        (await answer(api.GET('/v1/dashboard/projects/metadata'))).items.map((one) => one.metadata),
      ),
    ])
    return new Map([...users, ...teams, ...roles, ...projects].map(({ uid, name }) => [uid, name]))
  },
})

const everything = { params: { query: { limit: 0 } } }

/** A uid in place of a name is what somebody sees who may not list the others. */
export const nameOf = (names: ReadonlyMap<string, string> | undefined, uid: string): string => names?.get(uid) ?? uid

async function ifAllowed<T>(list: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await list()
  } catch (error) {
    if (error instanceof Refused && error.status === 403) return []
    throw error
  }
}
