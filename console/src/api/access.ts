import { queryOptions } from '@tanstack/react-query'
import { answer, api, Refused } from './client.ts'
import { useMay } from './me.ts'
import type { paths } from './schema.gen.ts'

export type Explained = paths['/v1/palisade/access/explain']['post']['responses'][200]['content']['application/json']
export type Grant = Explained['because'][number]
type Assignments = paths['/v1/palisade/access/assignments']['get']['responses'][200]['content']['application/json']
/** Whatever gives somebody rights, with its end and conditions. */
export type Held = Assignments['items'][number]
/** One role that somebody holds in the tenant or a project. */
export type Assignment = Extract<Held, { readonly kind: 'role' }>
/** Roles that somebody holds in projects, on what filters select. */
export type OnFilters = Extract<Held, { readonly kind: 'resource-role' }>
/** One role that somebody holds on one workspace. */
export type OnWorkspace = Extract<Held, { readonly kind: 'workspace-role' }>

/** Of these, the roles that are held in one place each. */
export const inPlaces = (held: readonly Held[]): readonly (Assignment | OnWorkspace)[] =>
  held.filter((one) => one.kind !== 'resource-role')

/** All that a user (with teams) or a team holds, with ends and conditions. */
export const assignmentsQuery = (of: { readonly user: string } | { readonly team: string }) =>
  queryOptions({
    queryKey: ['access', 'assignments', of],
    queryFn: async () => (await answer(api.GET('/v1/palisade/access/assignments', { params: { query: of } }))).items,
  })

/** What a question is about: a cluster, a workspace, a project, or without any the tenant. */
export type Place = {
  readonly cluster?: string | undefined
  readonly project?: string | undefined
  readonly workspace?: string | undefined
}

type Asked = Place & {
  readonly permission: string
  /** About whom; absent: the caller. */
  readonly user?: string | undefined
}

/** The decision's own reasons, as they are now. Where the cluster is gone, those in its project. */
export const explainQuery = ({ permission, cluster, project, workspace, user }: Asked) =>
  queryOptions({
    queryKey: ['access', 'explain', permission, cluster, project, workspace, user],
    staleTime: 0,
    queryFn: async () => {
      if (cluster === undefined) return explain({ permission, project, workspace, user })
      try {
        return await explain({ permission, cluster, user })
      } catch (error) {
        if (error instanceof Refused && error.status === 404) return explain({ permission, project, user })
        throw error
      }
    },
  })

const explain = (question: Asked) => {
  const asked = Object.entries(question).filter(([, value]) => value !== undefined)
  const body = { permission: question.permission, ...Object.fromEntries(asked) }
  return answer(api.POST('/v1/palisade/access/explain', { body }))
}

/** As many as the server gives at once. */
const mostAtOnce = 100

type WhoCan = Place & {
  readonly permission: string
  readonly isFiltered?: boolean
  readonly limit?: number
  readonly offset?: number
}

/** A page of those who may, with every way in which. For callers who hold `user.list` and `role.get` in the tenant. */
export function whoCan({
  permission,
  cluster,
  project,
  workspace,
  isFiltered,
  limit = mostAtOnce,
  offset = 0,
}: WhoCan) {
  const query = {
    ...{ permission, limit, offset, filtered: isFiltered ? ('true' as const) : ('false' as const) },
    ...(cluster === undefined ? {} : { cluster }),
    ...(project === undefined || cluster !== undefined ? {} : { project }),
    ...(workspace === undefined ? {} : { workspace }),
  }
  return answer(api.GET('/v1/palisade/access/who-can', { params: { query } }))
}

/** What it takes to ask who may do what, and what others hold. */
export const toAskWho = ['user.list', 'role.get'] as const
export const toAskAbout = ['user.get', 'role.get'] as const
export const toAskAboutTeam = ['team.get', 'role.get'] as const

/** The first of these rights that the caller does not hold in the tenant; null: all are held; undefined: not known yet. */
export function useLacking(rights: readonly string[]): string | null | undefined {
  const may = useMay()
  if (rights.some((right) => may(right) === undefined)) return undefined
  return rights.find((right) => !may(right)) ?? null
}

/** Whether the caller may ask who may do what; undefined while that is not known. */
export function useMayAskWho(): boolean | undefined {
  const lacking = useLacking(toAskWho)
  return lacking === undefined ? undefined : lacking === null
}

/** Whether the caller may ask what others hold. */
export function useMayAskAbout(): boolean | undefined {
  const lacking = useLacking(toAskAbout)
  return lacking === undefined ? undefined : lacking === null
}

type WhatCan = {
  /** Without either: the caller. */
  readonly user?: string
  readonly team?: string
  readonly limit?: number
  readonly offset?: number
}

/** What somebody may do in the tenant, and a page of the places where they may do more. */
export const whatCan = ({ limit = mostAtOnce, offset = 0, ...of }: WhatCan) =>
  answer(api.GET('/v1/palisade/access/what-can', { params: { query: { ...of, limit, offset } } }))

/** The catalogue of rights, by component, for each kind of role that may carry them. */
export const permissionsQuery = queryOptions({
  queryKey: ['permissions'],
  staleTime: 300_000,
  queryFn: () => answer(api.GET('/v1/permissions')),
})

/**
 * People who may change users and hold a right themselves, which is who can give it.
 *
 * @returns `isAll`: nobody else does, as far as the answers go
 */
export const helpersQuery = (asked: WhoCan & { readonly except: string }) =>
  queryOptions({
    queryKey: ['access', 'helpers', asked],
    queryFn: async () => {
      const [changers, holders] = await Promise.all([whoCan({ permission: 'user.update' }), whoCan(asked)])
      const hold = new Set(holders.items.map(({ user }) => user.uid))
      return {
        people: changers.items.map(({ user }) => user).filter(({ uid }) => hold.has(uid) && uid !== asked.except),
        isAll: changers.count <= mostAtOnce && holders.count <= mostAtOnce,
      }
    },
  })
