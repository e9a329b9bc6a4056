import { useQuery } from '@tanstack/react-query'
import { answer, api } from './client.ts'
import { useMay } from './me.ts'

/** Whose open sessions and streams an act would end. */
export type Whose = { readonly kind: 'user' | 'team'; readonly uid: string }
export type Open = { readonly streams: number; readonly sessions?: number }

/**
 * How much of somebody's is open now, in one project or anywhere.
 *
 * @returns undefined while that is not known, and for who may not do what would end it
 */
export function useOpen({ kind, uid }: Whose, project?: string): Open | undefined {
  const may = useMay()
  const { data } = useQuery({
    queryKey: ['open', kind, uid, project],
    staleTime: 0,
    enabled: may(kind === 'user' ? 'user.update' : 'team.update') === true,
    queryFn: (): Promise<Open> => {
      const params = { path: { uid }, query: project === undefined ? {} : { project } }
      return kind === 'user'
        ? answer(api.GET('/v1/palisade/people/{uid}/open', { params }))
        : answer(api.GET('/v1/palisade/teams/{uid}/open', { params }))
    },
  })
  return data
}

const counted = (count: number, one: string) =>
  `${count === 0 ? 'no' : count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`

/** `2 sessions and no stream` */
export function openText({ sessions, streams }: Open): string {
  const open = counted(streams, 'stream')
  return sessions === undefined ? open : `${counted(sessions, 'session')} and ${open}`
}
