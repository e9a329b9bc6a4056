import { metadata, oneNamed, type Provider, ProviderError, sparse, uidsOf, unlessGone } from './provider.ts'
import type { Resource } from './resource.ts'

const byUid = (one: { readonly uid: string }, other: { readonly uid: string }) => (one.uid < other.uid ? -1 : 1)

type RolesIn = { readonly uid: string; readonly roles: readonly string[] }

type WorkspacesIn = { readonly uid: string; readonly workspaces: readonly RolesIn[] }

/** Those with roles: what has none is not in the state. */
const withRoles = (projects: readonly { uid: string; roles: { uid: string }[] }[]): RolesIn[] =>
  projects
    .map(({ uid, roles }) => ({ uid, roles: uidsOf(roles) }))
    .filter(({ roles }) => roles.length > 0)
    .toSorted(byUid)

type ReadWorkspaces = readonly { uid: string; workspaces: { uid: string; roles: { uid: string }[] }[] }[]

/** Empty ones stay in: to a user's state they are a difference. */
const workspacesOf = (projects: ReadWorkspaces): WorkspacesIn[] =>
  projects
    .map(({ uid, workspaces }) => ({
      uid,
      workspaces: workspaces.map((one) => ({ uid: one.uid, roles: uidsOf(one.roles) })).toSorted(byUid),
    }))
    .toSorted(byUid)

export type User = {
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  readonly teams: readonly string[]
  readonly projectRoles: readonly RolesIn[]
  readonly tenantRoles: readonly string[]
  readonly workspaceRoles: readonly WorkspacesIn[]
  readonly resourceRoles: readonly {
    readonly projects: readonly string[]
    readonly filters: readonly string[]
    readonly roles: readonly string[]
  }[]
}

const assigned = (projects: readonly RolesIn[]) => ({
  projects: projects.map(({ uid, roles }) => ({ projectUid: uid, roles })),
})
const inWorkspaces = (projects: readonly WorkspacesIn[]) => ({
  workspaces: projects.flatMap(({ workspaces }) => workspaces.map(({ uid, roles }) => ({ uid, roles }))),
})
const resourceRole = ({ projects, filters, roles }: User['resourceRoles'][number]) => ({
  filterRefs: filters,
  projectUids: projects,
  roles,
})

export const user: Resource<User> = {
  name: 'spectrocloud_user',
  context: 'tenant',
  async create(provider, config) {
    const { uid } = await provider.call('without context', 'POST', '/v1/users', {
      metadata: metadata(`${config.firstName} ${config.lastName}`),
      spec: {
        emailId: config.email,
        firstName: config.firstName,
        lastName: config.lastName,
        roles: null,
        teams: config.teams,
      },
    })
    const of = `/v1/users/${uid}`
    try {
      if (config.projectRoles.length > 0)
        await provider.call('without context', 'PUT', `${of}/projects`, assigned(config.projectRoles))
      if (config.tenantRoles.length > 0)
        await provider.call('without context', 'PUT', `${of}/roles`, { roles: config.tenantRoles })
      if (config.workspaceRoles.length > 0)
        await provider.call(
          'without context',
          'PUT',
          `/v1/workspaces/users/${uid}/roles`,
          inWorkspaces(config.workspaceRoles),
        )
      for (const one of config.resourceRoles)
        await provider.call('without context', 'POST', `${of}/resourceRoles`, resourceRole(one))
    } catch (cause) {
      await provider.call('without context', 'DELETE', of).catch(() => undefined)
      throw cause
    }
    return uid
  },
  async read(provider, uid, { email }) {
    const of = `/v1/users/${uid}`
    const { items } = await provider.call('without context', 'POST', '/v1/users/summary', {
      filter: { emailId: { eq: email }, firstName: null, lastName: null, name: null },
      sort: null,
    })
    if (items.length === 0) return undefined
    if (items.length > 1) throw new Error(`${items.length} users have the address ${email}`)
    const { spec } = items[0]
    const { projects } = await provider.call('without context', 'GET', `${of}/projects`)
    const { roles } = await provider.call('without context', 'GET', `${of}/roles`)
    const inWorkspace = await provider.call('without context', 'GET', `/v1/workspaces/users/${uid}/roles`)
    const { resourceRoles } = await provider.call('without context', 'GET', `${of}/resourceRoles`)
    return {
      firstName: spec.firstName,
      lastName: spec.lastName,
      email: spec.emailId,
      // An ordered list in the state, unlike roles.
      teams: spec.teams.map((one: { uid: string }) => one.uid),
      projectRoles: withRoles(projects),
      tenantRoles: uidsOf(roles),
      workspaceRoles: workspacesOf(inWorkspace.projects),
      resourceRoles: resourceRoles.map((one: Record<'projectUids' | 'filterRefs' | 'roles', { uid: string }[]>) => ({
        projects: uidsOf(one.projectUids),
        filters: uidsOf(one.filterRefs),
        roles: uidsOf(one.roles),
      })),
    }
  },
  async update(provider, uid, from, to) {
    const of = `/v1/users/${uid}`
    for (const old of from.projectRoles)
      await provider
        .call('without context', 'PUT', `${of}/projects`, assigned([{ uid: old.uid, roles: [] }]))
        .catch(() => undefined)
    if (to.projectRoles.length > 0)
      await provider.call('without context', 'PUT', `${of}/projects`, assigned(to.projectRoles))
    await provider.call('without context', 'PUT', `${of}/roles`, { roles: to.tenantRoles })
    const workspaces = `/v1/workspaces/users/${uid}/roles`
    for (const old of from.workspaceRoles) {
      const emptied = { ...old, workspaces: old.workspaces.map((one) => ({ ...one, roles: [] })) }
      await provider.call('without context', 'PUT', workspaces, inWorkspaces([emptied]))
    }
    if (to.workspaceRoles.length > 0)
      await provider.call('without context', 'PUT', workspaces, inWorkspaces(to.workspaceRoles))
    const { resourceRoles } = await provider.call('without context', 'GET', `${of}/resourceRoles`)
    for (const old of resourceRoles) await provider.call('without context', 'DELETE', `${of}/resourceRoles/${old.uid}`)
    for (const one of to.resourceRoles)
      await provider.call('without context', 'POST', `${of}/resourceRoles`, resourceRole(one))
  },
  async delete(provider, uid) {
    await provider.call('without context', 'DELETE', `/v1/users/${uid}`)
  },
  // The address is tried as an id first.
  async import(provider, email) {
    try {
      return (await provider.call('without context', 'GET', `/v1/users/${encodeURIComponent(email)}`)).metadata.uid
    } catch (cause) {
      if (!(cause instanceof ProviderError && ['ResourceNotFound', 'UserNotFound'].includes(cause.code))) throw cause
    }
    const { items } = await provider.call('without context', 'GET', '/v1/users?limit=0')
    const found = items.find((one: { spec: { emailId: string } }) => one.spec.emailId === email)
    if (!found) throw new Error(`nobody has the address ${email}`)
    return found.metadata.uid
  },
}

export type Team = {
  readonly name: string
  readonly users: readonly string[]
  readonly projectRoles: readonly RolesIn[]
  readonly tenantRoles: readonly string[]
  readonly workspaceRoles: readonly WorkspacesIn[]
}

/** @param removed workspaces that the team held roles in: they are named with none */
async function giveTeam(
  provider: Provider,
  uid: string,
  config: Team,
  removed: readonly WorkspacesIn[],
): Promise<void> {
  await provider.call('in context', 'PUT', `/v1/teams/${uid}/projects`, assigned(config.projectRoles))
  await provider.call('in context', 'PUT', `/v1/teams/${uid}/roles`, { roles: config.tenantRoles })
  const kept = inWorkspaces(config.workspaceRoles).workspaces
  const gone = inWorkspaces(removed)
    .workspaces.filter((one) => !kept.some(({ uid }) => uid === one.uid))
    .map((one) => ({ ...one, roles: [] }))
  await provider.call('in context', 'PUT', `/v1/workspaces/teams/${uid}/roles`, { workspaces: [...kept, ...gone] })
}

const teamBody = ({ name, users }: Team) => ({ metadata: metadata(name), spec: { users, roles: null, sources: null } })

export const team: Resource<Team> = {
  name: 'spectrocloud_team',
  context: 'tenant',
  async create(provider, config) {
    const { uid } = await provider.call('without context', 'POST', '/v1/teams', teamBody(config))
    await giveTeam(provider, uid, config, [])
    return uid
  },
  async read(provider, uid) {
    const found = await unlessGone(provider.call('without context', 'GET', `/v1/teams/${uid}`))
    if (!found) return undefined
    const { projects } = await provider.call('in context', 'GET', `/v1/teams/${uid}/projects`)
    const { roles } = await provider.call('in context', 'GET', `/v1/teams/${uid}/roles`)
    const inWorkspace = await provider.call('in context', 'GET', `/v1/workspaces/teams/${uid}/roles`)
    return {
      name: found.metadata.name,
      users: found.spec.users,
      projectRoles: withRoles(projects),
      tenantRoles: uidsOf(roles),
      workspaceRoles: workspacesOf(inWorkspace.projects),
    }
  },
  async update(provider, uid, from, to) {
    await provider.call('without context', 'PUT', `/v1/teams/${uid}`, teamBody(to))
    await giveTeam(provider, uid, to, from.workspaceRoles)
  },
  async delete(provider, uid) {
    await provider.call('without context', 'DELETE', `/v1/teams/${uid}`)
  },
}

export type Role = { readonly name: string; readonly type: string; readonly permissions: readonly string[] }

const roleBody = ({ name, type, permissions }: Role) => ({
  metadata: metadata(name, { annotations: { scope: type } }),
  spec: { permissions, scope: type, type: 'user' },
  status: { isEnabled: true },
})

export const role: Resource<Role> = {
  name: 'spectrocloud_role',
  context: 'tenant',
  create: async (provider, config) =>
    (await provider.call('without context', 'POST', '/v1/roles', roleBody(config))).uid,
  async read(provider, uid) {
    const found = await unlessGone(provider.call('without context', 'GET', `/v1/roles/${uid}`))
    return (
      found && {
        name: found.metadata.name,
        type: found.spec.scope,
        permissions: found.spec.permissions.toSorted(),
      }
    )
  },
  async update(provider, uid, _, to) {
    await provider.call('without context', 'PUT', `/v1/roles/${uid}`, roleBody(to))
  },
  async delete(provider, uid) {
    await provider.call('without context', 'DELETE', `/v1/roles/${uid}`)
  },
  async import(provider, name) {
    const found = await unlessGone(provider.call('without context', 'GET', `/v1/roles/${encodeURIComponent(name)}`))
    if (found) return found.metadata.uid
    const { items } = await provider.call('without context', 'GET', '/v1/roles')
    return oneNamed<{ metadata: { name: string; uid: string } }>(items, name).metadata.uid
  },
}

export type Project = {
  readonly name: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
}

const projectBody = ({ name, description, labels }: Project, uid?: string) => ({
  metadata: metadata(name, { labels, annotations: { description }, ...(uid === undefined ? {} : { uid }) }),
})

export const project: Resource<Project> = {
  name: 'spectrocloud_project',
  context: 'tenant',
  create: async (provider, config) =>
    (await provider.call('without context', 'POST', '/v1/projects', projectBody(config))).uid,
  async read(provider, uid) {
    const found = await unlessGone(provider.call('without context', 'GET', `/v1/projects/${uid}`))
    return (
      found && {
        name: found.metadata.name,
        description: found.metadata.annotations.description,
        labels: found.metadata.labels,
      }
    )
  },
  async update(provider, uid, _, to) {
    await provider.call('without context', 'PUT', `/v1/projects/${uid}`, projectBody(to, uid))
  },
  async delete(provider, uid) {
    await provider.call('without context', 'DELETE', `/v1/projects/${uid}`)
  },
}

export type Filter = {
  readonly name: string
  readonly conjunction: string
  readonly filters: readonly {
    readonly key: string
    readonly negation: boolean
    readonly operator: string
    readonly values: readonly string[]
  }[]
}

const filterBody = ({ name, conjunction, filters }: Filter) => ({
  metadata: metadata(name),
  spec: { filterGroup: { conjunction, filters: filters.map(sparse) } },
})

export const filter: Resource<Filter> = {
  name: 'spectrocloud_filter',
  context: 'tenant',
  async create(provider, config) {
    const { uid } = await provider.call('without context', 'POST', '/v1/filters/tag', filterBody(config))
    await provider.call('without context', 'GET', `/v1/filters/tag/${uid}`)
    return uid
  },
  async read(provider, uid) {
    const found = await unlessGone(provider.call('without context', 'GET', `/v1/filters/tag/${uid}`))
    return found && { name: found.metadata.name, ...found.spec.filterGroup }
  },
  async update(provider, uid, _, to) {
    await provider.call('without context', 'PUT', `/v1/filters/tag/${uid}`, filterBody(to))
    await provider.call('without context', 'GET', `/v1/filters/tag/${uid}`)
  },
  async delete(provider, uid) {
    await provider.call('without context', 'DELETE', `/v1/filters/tag/${uid}`)
  },
}
