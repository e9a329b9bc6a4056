import { useQuery } from '@tanstack/react-query'
import { answer, api, inProject } from '../api/client.ts'
import type { Entry } from '../api/recorded.ts'
import { shortUid, unknownPerson } from './audit-entry.tsx'

type Filter = {
  readonly user?: string | undefined
  readonly object?: string | undefined
  readonly project?: string | undefined
}

/**
 * What the person and the object are called that the log is filtered by: as the entries in sight say, else as others in the log do, so
 * that what was deleted long ago has its name too.
 *
 * @param list may still be the one before: its names hold, but what it lacks is not asked for yet
 */
export function useFilterNames(
  { user, object, project }: Filter,
  list: { readonly data: { readonly items: readonly Entry[] } | undefined; readonly isPlaceholderData: boolean },
) {
  const items = list.data?.items
  const nameInSight = {
    user: user && items && personIn(items, user),
    object: object && items && objectIn(items, object),
  }
  const ask = async (query: { readonly userUid?: string; readonly resourceUid?: string }) =>
    (await answer(api.GET('/v1/audits', { params: { query: { ...query, limit: 20 }, ...inProject(project) } }))).items
  const asked = useQuery({
    queryKey: ['audit', 'names', user, object, project],
    enabled: Boolean(
      items && !list.isPlaceholderData && ((user && !nameInSight.user) || (object && !nameInSight.object)),
    ),
    queryFn: async () => ({
      user: user && (personIn(await ask({ userUid: user }), user) ?? objectIn(await ask({ resourceUid: user }), user)),
      object: object && objectIn(await ask({ resourceUid: object }), object),
    }),
  })
  return {
    user: user && (unknownPerson(user) ?? nameInSight.user ?? asked.data?.user ?? shortUid(user)),
    object: object && (nameInSight.object ?? asked.data?.object ?? shortUid(object)),
  }
}

const personIn = (entries: readonly Entry[], uid: string) =>
  entries.map(({ spec }) => spec.actor.user).find((user) => user?.uid === uid && user.emailId !== '')?.emailId

const objectIn = (entries: readonly Entry[], uid: string) =>
  entries.map(({ spec }) => spec.resource).find((resource) => resource.uid === uid && resource.name !== '')?.name
