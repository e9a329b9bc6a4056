import { queryOptions, useQuery } from '@tanstack/react-query'
import { answer, api, type Scope } from './client.ts'
import { currentSession } from './session.ts'

/** The caller's own account and rights; asked again now and then, since rights change while a page is open. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () => answer(api.GET('/v1/users/me')),
  staleTime: 15_000,
  refetchInterval: 60_000,
})

export const projectNamesQuery = queryOptions({
  queryKey: ['projects', 'names'],
  queryFn: async () => (await answer(api.GET('/v1/dashboard/projects/metadata'))).items.map(({ metadata }) => metadata),
  staleTime: 15_000,
  enabled: () => !currentSession().isSystem,
})

/** The workspaces that the caller may list, and the project of each. */
export const workspaceNamesQuery = queryOptions({
  queryKey: ['workspaces', 'names'],
  queryFn: async () =>
    (await answer(api.GET('/v1/dashboard/workspaces'))).items.map(({ metadata: { uid, name, annotations } }) => {
      return { uid, name, project: annotations.projectUid ?? '' }
    }),
  staleTime: 15_000,
})

/** Whether the caller holds a right; undefined while that is not known. The server decides again at every call. */
export function useMay(): (permission: string, project?: string) => boolean | undefined {
  const { data } = useQuery(meQuery)
  return (permission, project) => {
    // What a system administrator holds is not told by this route: the server says at the call.
    if (!data || currentSession().isSystem) return undefined
    const { tenantPermissions, projectPermissions } = data.status
    const inTenant = Object.values(tenantPermissions).some((list) => list.includes(permission))
    return inTenant || (project !== undefined && (projectPermissions[project] ?? []).includes(permission))
  }
}

/**
 * Where the caller holds a right: in the whole tenant (no project), or else in a first project; null: nowhere; undefined while that is
 * not known.
 */
export function useWhereMay(): (permission: string) => { readonly project: string | undefined } | null | undefined {
  const { data } = useQuery(meQuery)
  return (permission) => {
    if (!data) return undefined
    const { tenantPermissions, projectPermissions } = data.status
    if (Object.values(tenantPermissions).some((list) => list.includes(permission))) return { project: undefined }
    const found = Object.entries(projectPermissions).find(([, list]) => list.includes(permission))
    return found ? { project: found[0] } : null
  }
}

/** The name of a scope, as the caller may know it. */
export function useScopeName(): (scope: Scope) => string {
  const { data: projects = [] } = useQuery(projectNamesQuery)
  const { tenant } = currentSession()
  return ({ kind, uid }) => {
    if (kind === 'system') return 'the system'
    if (kind === 'tenant') return uid === tenant.uid ? `tenant ${tenant.name}` : `tenant ${uid}`
    const name = projects.find((project) => project.uid === uid)?.name
    return `${kind} ${name ?? uid}`
  }
}
