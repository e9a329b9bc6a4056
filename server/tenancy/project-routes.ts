import { refuse } from '../../contract/errors.ts'
import { ProjectUid, type TeamUid, type TenantUid, type UserUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf, clientAnnotations } from '../../contract/wire/annotations.ts'
import { listMetaOf, pageOf, pageQuery, uidPath, uidReply, wireTime } from '../../contract/wire/common.ts'
import { sorted, textMatcher } from '../../contract/wire/list-select.ts'
import * as wire from '../../contract/wire/projects.ts'
import { differences } from '../../core/ledger/index.ts'
import { err, ok } from '../../core/result.ts'
import { type AssignedRole, heldIn, standingRolesIn } from '../access/index.ts'
import { type Endpoint, endpoint, type RequestAccess, type Target } from '../gateway/index.ts'
import type { People } from '../people/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readProject, updateProject } from './project-store.ts'
import {
  changeMembers,
  createProject,
  type ListedProject,
  type ProjectPorts,
  removeProject,
  replaceProject,
  scopeOf,
  visibleProjects,
} from './projects.ts'

/** What people and teams are called, for summaries. */
export type NamePorts = { readonly names: People['names'] }

async function findProject({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
  const project = await readProject(tx, params.uid)
  if (!project) return undefined
  const { uid, name } = project
  // Without its labels: no role reaches a project by them, so that they change with the rest of it (docs/objects.md).
  return { kind: 'project', uid, name, scope: scopeOf(uid) } satisfies Target
}

/** Projects: create, list, read, change, remove, and who has standing roles in them. */
export function projectEndpoints(ports: ProjectPorts & NamePorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/projects',
      summary: 'Creates a project, with users and teams that hold roles in it',
      permission: { tenant: 'project.create' },
      body: wire.newProject,
      reply: { status: 201, body: uidReply },
      refusals: ['project_name_taken', 'not_found', 'exceeds_own_rights', 'resource_limit'],
      audit: 'project.created',
      changes: 'access',
      async handle(c) {
        const created = await createProject(c, c.body)
        if (!created.ok) return created
        const { uid, details } = created.value
        return ok({ body: { uid }, resource: { uid, name: c.body.metadata.name }, details })
      },
    }),
    endpoint({
      route: 'GET /v1/projects',
      summary: 'Lists all projects that the caller may see',
      permission: { signedIn: 'shows only projects in which the caller holds a right' },
      reply: { status: 200, body: wire.projectList },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, access }) {
        const projects = await visibleProjects(tx, access)
        const roles = byProject(await standingRolesIn(tx, readable(projects)))
        const items = projects.map((project) => projectAnswer(project, roles.get(project.uid) ?? [], tx.tenant, access))
        const all = { limit: items.length, offset: 0 }
        return ok({ body: { items, listmeta: listMetaOf(all, items.length, items.length) } })
      },
    }),
    endpoint({
      route: 'GET /v1/dashboard/projects/metadata',
      summary: 'Names and uids of all projects that the caller may see',
      permission: { signedIn: 'shows only projects in which the caller holds a right' },
      query: wire.projectNamesQuery,
      reply: { status: 200, body: wire.projectNames },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, access, query }) {
        const projects = await visibleProjects(tx, access)
        const found = query.name ? projects.filter(({ name }) => name === query.name) : projects
        return ok({ body: { items: found.map(({ name, uid }) => ({ metadata: { name, uid } })) } })
      },
    }),
    endpoint({
      route: 'POST /v1/dashboard/projects',
      summary: 'Searches the projects that the caller may see',
      permission: { signedIn: 'shows only projects in which the caller holds a right' },
      query: pageQuery,
      body: wire.projectsFilter,
      reply: { status: 200, body: wire.projectSummaries },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, access, query, body }) {
        const page = pageOf(query)
        if (!page.ok) return err(refuse('invalid', page.error))
        const matches = textMatcher(body?.filter?.name)
        const order = body?.sort.length ? body.sort : [{ path: 'name', descending: false }]
        const found = (await visibleProjects(tx, access)).filter(({ name }) => matches(name))
        const { limit, offset } = page.value
        const projects = sorted(found, order, summaryColumns).slice(offset, offset + limit)
        const items = await summaries(tx, projects, access)
        return ok({ body: { items, listmeta: listMetaOf(page.value, items.length, found.length) } })
      },
    }),
    endpoint({
      route: 'GET /v1/projects/{uid}',
      summary: 'Reads one project, with who holds which standing role in it',
      permission: { object: 'project.get', find: findProject },
      params: uidPath,
      reply: { status: 200, body: wire.project },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, access }) {
        const project = await readProject(tx, params.uid)
        if (!project) return err(refuse('not_found'))
        const roles = await standingRolesIn(tx, [project.uid])
        return ok({ body: projectAnswer(project, roles, tx.tenant, access) })
      },
    }),
    endpoint({
      route: 'PUT /v1/projects/{uid}',
      summary: 'Replaces the metadata of a project; users and teams with standing roles only where they are sent',
      permission: { object: 'project.update', find: findProject },
      params: uidPath,
      body: wire.projectUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'project_name_taken', 'exceeds_own_rights', 'resource_limit'],
      audit: 'project.updated',
      changes: 'access',
      async handle(c) {
        const replaced = await replaceProject(c, ProjectUid.parse(c.params.uid), c.body)
        return replaced.ok ? ok({ body: undefined, details: replaced.value }) : replaced
      },
    }),
    endpoint({
      route: 'PUT /v1/projects/{uid}/meta',
      summary: 'Changes name, labels and annotations of a project; what is not sent stays',
      permission: { object: 'project.update', find: findProject },
      params: uidPath,
      body: wire.projectMeta,
      reply: { status: 204 },
      refusals: ['not_found', 'project_name_taken'],
      audit: 'project.updated',
      changes: 'access',
      async handle({ tx, params, body, now }) {
        const changes = {
          ...(body.name ? { name: body.name } : {}),
          ...(body.labels ? { labels: body.labels } : {}),
          ...(body.annotations ? { annotations: clientAnnotations(body.annotations) } : {}),
        }
        const before = await readProject(tx, params.uid)
        const updated = await updateProject(tx, ProjectUid.parse(params.uid), changes, now)
        return updated.ok
          ? ok({ body: undefined, details: before ? differences<typeof changes>(before, changes) : {} })
          : updated
      },
    }),
    endpoint({
      route: 'PUT /v1/projects/{uid}/users',
      summary: 'Replaces the users that hold standing roles in a project',
      permission: { object: 'project.update', find: findProject },
      params: uidPath,
      body: wire.projectUsers,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights', 'resource_limit'],
      audit: 'project.access.updated',
      changes: 'access',
      async handle(c) {
        const changed = await changeMembers(c, ProjectUid.parse(c.params.uid), c.body)
        return changed.ok ? ok({ body: undefined, details: changed.value }) : changed
      },
    }),
    endpoint({
      route: 'PUT /v1/projects/{uid}/teams',
      summary: 'Replaces the teams that hold standing roles in a project',
      permission: { object: 'project.update', find: findProject },
      params: uidPath,
      body: wire.projectTeams,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights', 'resource_limit'],
      audit: 'project.access.updated',
      changes: 'access',
      async handle(c) {
        const changed = await changeMembers(c, ProjectUid.parse(c.params.uid), c.body)
        return changed.ok ? ok({ body: undefined, details: changed.value }) : changed
      },
    }),
    endpoint({
      route: 'DELETE /v1/projects/{uid}/validate',
      summary: 'Only looks: what keeps a project from being deleted',
      permission: { object: 'project.delete', find: findProject },
      params: uidPath,
      reply: { status: 200, body: wire.activeResources },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const clusters = (await ports.clustersIn(tx, ProjectUid.parse(params.uid))).map(({ uid, name, state }) => ({
          clusterRef: { uid, name },
          state,
        }))
        return ok({
          body: {
            clusters: { count: clusters.length, clusters },
            // There are neither here: what cannot exist cannot be active.
            virtualClusters: { count: 0, clusters: [] },
            appDeployments: { count: 0, apps: [] },
          },
        })
      },
    }),
    endpoint({
      route: 'DELETE /v1/projects/{uid}',
      summary:
        'Removes a project that has no clusters, with the roles held in it and what is kept in it (docs/objects.md)',
      permission: { object: 'project.delete', find: findProject },
      params: uidPath,
      query: wire.deleteProjectQuery,
      reply: { status: 204 },
      refusals: ['not_found', 'project_in_use'],
      audit: 'project.deleted',
      changes: 'access',
      async handle(c) {
        const cleanUp = c.query.cleanupProjectResources === 'true'
        const removed = await removeProject(ports, c, ProjectUid.parse(c.params.uid), cleanUp)
        return removed.ok ? ok({ body: undefined }) : removed
      },
    }),
  ]

  async function summaries(tx: Tx, projects: readonly ListedProject[], access: RequestAccess) {
    // Who is there now, for however long and whenever: no role is named here, and nobody writes this back.
    const roles = byProject(await heldIn(tx, readable(projects)))
    // Names are for those who may list people or teams; the uids of who holds a role are part of the project.
    const people = access.allows('user.list', { kind: 'tenant' }) ? await ports.names.people(tx) : new Map()
    const teams = access.allows('team.list', { kind: 'tenant' }) ? await ports.names.teams(tx) : new Map()
    return projects.map((project) => {
      const members = membersOf(roles.get(project.uid) ?? [])
      return {
        metadata: metadataAnswer(project, tx.tenant, access),
        specSummary: {
          users: [...members.users.keys()].map((uid) => ({ uid, name: String(people.get(uid) ?? '') })),
          teams: [...members.teams.keys()].map((uid) => ({ uid, name: String(teams.get(uid) ?? '') })),
        },
        status: { status: { isDisabled: false } },
      }
    })
  }
}

const onProjects = [
  ...['project.delete', 'project.get', 'project.list', 'project.update'],
  'tag.update',
] as const satisfies readonly Permission[]

/** Those of which the caller sees more than the name: of no other it is said who is there. */
const readable = (projects: readonly ListedProject[]) =>
  projects.flatMap(({ uid, isNameAlone }) => (isNameAlone ? [] : [uid]))

const byProject = (roles: readonly AssignedRole[]) => Map.groupBy(roles, ({ place }) => place)

/** Who holds roles among assignments in one project, each with the uids of the roles. */
function membersOf(roles: readonly AssignedRole[]) {
  const users = new Map<UserUid, string[]>()
  const teams = new Map<TeamUid, string[]>()
  for (const { subject, role } of roles)
    if ('user' in subject) users.set(subject.user, [...(users.get(subject.user) ?? []), role])
    else teams.set(subject.team, [...(teams.get(subject.team) ?? []), role])
  return { users, teams }
}

/** What of a project an answer shows. */
type Shown = Omit<ListedProject, 'isNameAlone'>

function projectAnswer(project: Shown, roles: readonly AssignedRole[], tenant: TenantUid, access: RequestAccess) {
  const members = membersOf(roles)
  return {
    metadata: metadataAnswer(project, tenant, access),
    spec: {
      alerts: [],
      users: [...members.users].map(([userId, held]) => ({ userId, roles: held })),
      teams: [...members.teams].map(([teamId, held]) => ({ teamId, roles: held })),
    },
    status: { isDisabled: false },
  }
}

function metadataAnswer(
  { uid, name, labels, annotations, createdAt, updatedAt }: Shown,
  tenant: TenantUid,
  access: RequestAccess,
) {
  const permissions = onProjects.filter((permission) => access.allows(permission, scopeOf(uid)))
  return {
    name,
    uid,
    labels: { ...labels },
    annotations: annotationsOf(annotations, { scope: 'tenant', tenantUid: tenant, permissions }),
    creationTimestamp: wireTime(createdAt),
    lastModifiedTimestamp: wireTime(updatedAt),
    deletionTimestamp: wireTime(null),
  }
}

const summaryColumns = {
  name: ({ name }: Shown) => name,
  creationTimestamp: ({ createdAt }: Shown) => createdAt?.getTime() ?? 0,
  lastModifiedTimestamp: ({ updatedAt }: Shown) => updatedAt?.getTime() ?? 0,
}
