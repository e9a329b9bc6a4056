import { type Refusal, refuse } from '../../contract/errors.ts'
import { type ProjectUid, RoleUid, WorkspaceUid } from '../../contract/ids.ts'
import { mayBeGiven } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoomForRoles } from './assignment-limits.ts'
import type { Giver, Subject } from './assignments.ts'
import { givableRoles } from './role-store.ts'
import {
  deleteWorkspaceRoles,
  type HeldWorkspaceRole,
  insertWorkspaceRoles,
  projectsOfWorkspaces,
  workspaceRolesOf,
} from './workspace-role-store.ts'

type Given = {
  readonly workspace: WorkspaceUid
  readonly project: ProjectUid
  readonly role: RoleUid
  readonly name: string
}

/** What changed, for the audit entry. */
export type WorkspaceRoleChange = { readonly added: readonly Given[]; readonly removed: readonly Given[] }

/**
 * Gives a user or team exactly these roles on each workspace that is named, and leaves it alone on all others: clients name
 * those that they take away, with no roles. Only what is added has to be held by the giver.
 */
export async function setWorkspaceRoles(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  workspaces: readonly { readonly uid: string; readonly roles: readonly string[] }[],
): Promise<Result<WorkspaceRoleChange, Refusal>> {
  const projects = await projectsOfWorkspaces(
    tx,
    workspaces.map(({ uid }) => uid),
  )
  const givable = await givableRoles(
    tx,
    workspaces.flatMap(({ roles }) => roles),
  )
  const wanted = new Map<string, Given>()
  const named = new Set<string>()
  for (const { uid, roles } of workspaces) {
    const project = projects.get(uid)
    if (project === undefined) return err(refuse('not_found', `No workspace ${uid} in this tenant`))
    named.add(uid)
    for (const roleUid of roles) {
      const role = givable.get(roleUid)
      if (!role) return err(refuse('not_found', `No role ${roleUid} in this tenant`))
      const scope = { kind: 'workspace', projectUid: project, workspaceUid: uid } as const
      if (!mayBeGiven(role.scope, { scope, filters: 'none' }, tx.tenant))
        return err(
          refuse('invalid', `"${role.name}" is a ${role.scope} role: on a workspace only project roles are given`),
        )
      const given = { workspace: WorkspaceUid.parse(uid), project, role: RoleUid.parse(roleUid), name: role.name }
      wanted.set(keyOf(given), given)
    }
  }
  const had = new Map(
    (await workspaceRolesOf(tx, subject))
      .filter(({ workspace }) => named.has(workspace))
      .map((one) => [keyOf(one), one]),
  )
  const added = [...wanted.values()].filter((one) => !had.has(keyOf(one)))
  const removed = [...had.values()].filter((one) => !wanted.has(keyOf(one)))
  const covered = giver.covers(
    added.map(({ role, project, workspace }) => ({
      roleUid: role,
      scope: { kind: 'workspace', projectUid: project, workspaceUid: workspace },
    })),
  )
  if (!covered.ok) return covered
  const room = await hasRoomForRoles(tx, giver, {
    added: added.map(() => ({ subject })),
    removed: removed.map(() => ({ subject })),
  })
  if (!room.ok) return room
  await deleteWorkspaceRoles(
    tx,
    removed.map(({ assignment }) => assignment),
  )
  await insertWorkspaceRoles(tx, subject, added, giver.by, giver.now)
  return ok({ added, removed })
}

const keyOf = ({ workspace, role }: Pick<HeldWorkspaceRole, 'workspace' | 'role'>) => `${workspace} ${role}`

/** The same as an audit entry tells it. */
export function describeWorkspaceRoles(subject: Subject, { added, removed }: WorkspaceRoleChange) {
  const describe = (list: readonly Given[]) =>
    list.map(({ workspace, project, role, name }) => ({ ...subject, role: name, roleUid: role, project, workspace }))
  return { added: describe(added), removed: describe(removed) }
}
