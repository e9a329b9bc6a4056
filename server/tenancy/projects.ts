import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import type { newProject, projectUpdate } from '../../contract/wire/projects.ts'
import { differences } from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  deleteResourceRolesWithoutProject,
  describeChange,
  type Giver,
  replaceProjectMembers,
} from '../access/index.ts'
import type { Principal, RequestAccess, Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import {
  countProjects,
  deleteProject,
  insertProject,
  type Project,
  readProject,
  readProjects,
  updateProject,
} from './project-store.ts'

/** A cluster as a project's deletion needs to know it. */
export type ActiveCluster = { readonly uid: string; readonly name: string; readonly state: string }

export type ProjectPorts = {
  /** The clusters that are in a project; they belong to another feature. */
  readonly clustersIn: (tx: Tx, project: ProjectUid) => Promise<readonly ActiveCluster[]>
}

export type Acting = {
  readonly tx: Tx
  readonly principal: Principal
  readonly access: RequestAccess
  readonly now: Date
}

/** A list of users or teams with their roles in the project; absent or null: stays as it is. */
type Members<Key extends string> = readonly ({ readonly [K in Key]: string } & { readonly roles: readonly string[] })[]

/** Creates a project, with users and teams that hold roles in it; who gives roles must hold them. */
export async function createProject(
  acting: Acting,
  { metadata, spec }: z.output<typeof newProject>,
): Promise<Result<{ readonly uid: ProjectUid; readonly details: Record<string, unknown> }, Refusal>> {
  const { tx, now } = acting
  const room = await hasRoom(tx, 'project', () => countProjects(tx))
  if (!room.ok) return room
  const inserted = await insertProject(tx, { ...metadata, annotations: clientAnnotations(metadata.annotations) }, now)
  if (!inserted.ok) return inserted
  const members = await changeMembers(acting, inserted.value, spec)
  return members.ok ? ok({ uid: inserted.value, details: members.value }) : members
}

/** Replaces a project's metadata, and who holds roles in it where the lists are sent. */
export async function replaceProject(
  acting: Acting,
  uid: ProjectUid,
  { metadata, spec }: z.output<typeof projectUpdate>,
): Promise<Result<Record<string, unknown>, Refusal>> {
  const { tx, now } = acting
  const written = { ...metadata, annotations: clientAnnotations(metadata.annotations) }
  const before = await readProject(tx, uid)
  const updated = await updateProject(tx, uid, written, now)
  if (!updated.ok) return updated
  const members = await changeMembers(acting, uid, spec ?? {})
  if (!members.ok) return members
  return ok({ ...(before ? differences<typeof written>(before, written) : {}), ...members.value })
}

/** Makes these the users, the teams, or both that hold roles in a project. */
export async function changeMembers(
  acting: Acting,
  uid: ProjectUid,
  {
    users,
    teams,
  }: { readonly users?: Members<'userId'> | null | undefined; readonly teams?: Members<'teamId'> | null | undefined },
): Promise<Result<Record<string, unknown>, Refusal>> {
  const giver = giverOf(acting)
  const details: Record<string, unknown> = {}
  if (users) {
    const members = users.map(({ userId, roles }) => ({ uid: userId, roles }))
    const replaced = await replaceProjectMembers(acting.tx, giver, uid, 'user', members)
    if (!replaced.ok) return replaced
    details.users = describeChange(replaced.value)
  }
  if (teams) {
    const members = teams.map(({ teamId, roles }) => ({ uid: teamId, roles }))
    const replaced = await replaceProjectMembers(acting.tx, giver, uid, 'team', members)
    if (!replaced.ok) return replaced
    details.teams = describeChange(replaced.value)
  }
  return ok(details)
}

const giverOf = ({ principal, access, now }: Acting): Giver => ({
  ...{ by: principal.user, covers: access.coversRoles, stored: access.assignments, now },
})

/**
 * Removes a project that has no clusters.
 *
 * @param cleanUp whether the client asked to remove what is in the project too, which is nothing this can do to a cluster
 */
export async function removeProject(
  { clustersIn }: ProjectPorts,
  { tx }: Acting,
  uid: ProjectUid,
  cleanUp: boolean,
): Promise<Result<undefined, Refusal>> {
  const clusters = await clustersIn(tx, uid)
  if (clusters.length === 0) {
    const deleted = await deleteProject(tx, uid)
    if (deleted.ok) await deleteResourceRolesWithoutProject(tx)
    return deleted
  }
  const why = cleanUp
    ? 'Clusters are not removed together with their project; remove them first'
    : 'Remove the clusters of the project first'
  return err(refuse('project_in_use', why, { clusters: clusters.map(({ uid, name }) => ({ uid, name })) }))
}

/** A project as a list shows it. `isNameAlone`: it has no more to say to this caller than that it is there, and who is in it neither. */
export type ListedProject = Pick<Project, 'uid' | 'name' | 'labels' | 'annotations'> & {
  readonly createdAt: Date | null
  readonly updatedAt: Date | null
  readonly isNameAlone: boolean
}

/**
 * The projects that the caller may see: those they hold any right to read in. Whoever may read no more than single objects in one
 * learns its name, to find them, and nothing else of it: a get of it is refused them (threat A18).
 */
export async function visibleProjects(tx: Tx, access: RequestAccess): Promise<ListedProject[]> {
  // Who reaches objects through filters alone has to find the project that they are in.
  const reaches = (['cluster.list', 'clusterProfile.list', 'cloudaccount.list', 'sshKey.list'] as const).map(
    access.reachOf,
  )
  const inWorkspaces = new Set(
    (['workspace.list', 'workspace.get'] as const).flatMap((permission) =>
      access.workspacesOf(permission).map(({ projectUid }) => projectUid),
    ),
  )
  const hasObjects = (uid: string) =>
    inWorkspaces.has(uid) || reaches.some((reach) => reach !== 'all' && reach.has(uid))
  return (await readProjects(tx)).flatMap((project) => {
    if (isVisible(access, project)) return [{ ...project, isNameAlone: false }]
    return hasObjects(project.uid) ? [nameAlone(project)] : []
  })
}

const nameAlone = ({ uid, name }: Project): ListedProject => ({
  ...{ uid, name, labels: {}, annotations: {}, createdAt: null, updatedAt: null },
  isNameAlone: true,
})

const isVisible = (access: RequestAccess, { uid }: Project): boolean =>
  access.allows('project.list', scopeOf(uid)) || access.allows('project.get', scopeOf(uid))

export const scopeOf = (uid: ProjectUid) => ({ kind: 'project', projectUid: uid }) as const satisfies Target['scope']
