import { useQuery } from '@tanstack/react-query'
import { answer, api } from './client.ts'
import { useMay } from './me.ts'

/** Who holds roles, and has sessions and streams that go on. */
export type Whose = { readonly kind: 'user' | 'team'; readonly uid: string }
/** What an act would end sessions and streams of. */
type Ending = {
  readonly kind: Whose['kind'] | 'session' | 'apiKey' | 'cluster' | 'tenant'
  readonly uid: string
  /** The caller's own, which takes no right. */
  readonly isOwn?: boolean
}
export type Open = {
  readonly streams: number
  readonly sessions?: number
  /** Of a tenant alone. */
  readonly people?: number
  readonly clusters?: number
  readonly apiKeys?: number
}

/** How what is asked here is named among what is kept. */
export const openKey = 'open'

/** The right to ask, where not everybody has it who sees the act. */
const needs: Partial<Record<Ending['kind'], string>> = {
  user: 'user.update',
  team: 'team.update',
  apiKey: 'apiKey.update',
}

/**
 * How much of somebody's is open now, in one project or anywhere.
 *
 * @returns undefined while that is not known, and for who may not do what would end it
 */
export function useOpen(ending: Ending, project?: string): Open | undefined {
  const { kind, uid, isOwn = false } = ending
  const may = useMay()
  const needed = needs[kind]
  const { data } = useQuery({
    queryKey: [openKey, kind, uid, project],
    staleTime: 0,
    enabled: isOwn || needed === undefined || may(needed) === true,
    queryFn: () => ask(ending, project),
  })
  return data
}

function ask({ kind, uid }: Ending, project: string | undefined): Promise<Open> {
  const params = { path: { uid } }
  const inOne = { ...params, query: project === undefined ? {} : { project } }
  switch (kind) {
    case 'user':
      return answer(api.GET('/v1/palisade/people/{uid}/open', { params: inOne }))
    case 'team':
      return answer(api.GET('/v1/palisade/teams/{uid}/open', { params: inOne }))
    case 'session':
      return answer(api.GET('/v1/palisade/sessions/{uid}/open', { params }))
    case 'apiKey':
      return answer(api.GET('/v1/palisade/apiKeys/{uid}/open', { params }))
    case 'cluster':
      return answer(api.GET('/v1/palisade/clusters/{uid}/open', { params }))
    case 'tenant':
      return answer(api.GET('/v1/palisade/tenants/{tenantUid}/open', { params: { path: { tenantUid: uid } } }))
  }
}

/** `1 member`, `no members` */
export const counted = (count: number, one: string, many = `${one}s`) =>
  `${count === 0 ? 'no' : count.toLocaleString('en')} ${count === 1 ? one : many}`

/** `2 sessions and no streams` */
export function openText({ sessions, streams }: Open): string {
  const open = counted(streams, 'stream')
  return sessions === undefined ? open : `${counted(sessions, 'session')} and ${open}`
}

/** What of it ends now, after what is said to end; nothing where one may not know. */
export const nowOpen = (open: Open | undefined) => (open ? `: ${openText(open)} now` : '')
