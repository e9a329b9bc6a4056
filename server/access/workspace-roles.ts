import { type Refusal, refuse } from '../../contract/errors.ts'
import { type ProjectUid, RoleUid, WorkspaceUid } from '../../contract/ids.ts'
import { mayBeGiven, type WorkspaceScope } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoomForRoles } from './assignment-limits.ts'
import type { GivenTerms, Giver, Subject } from './assignments.ts'
import { givableRoles } from './role-store.ts'
import { isStanding, termsToShow } from './terms.ts'
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
export type WorkspaceRoleChange = {
  /** `before`: the end and the conditions in whose place it is held for good now. */
  readonly added: readonly (Given & { readonly before?: ReturnType<typeof termsToShow> })[]
  readonly removed: readonly Given[]
}

/**
 * Gives a user or team exactly these roles on each workspace that is named, and leaves it alone on all others: clients name
 * those that they take away, with no roles. Only what is added has to be held by the giver; what ends by itself or counts for
 * some requests only is left alone, unless it is named: then it is held for good.
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
      const scope = { kind: 'workspace', projectUid: project, workspaceUid: uid } as const
      const role = givenThere(tx, givable, roleUid, scope)
      if (!role.ok) return role
      const { name } = role.value
      const given = { workspace: WorkspaceUid.parse(uid), project, role: RoleUid.parse(roleUid), name }
      wanted.set(keyOf(given), given)
    }
  }
  const had = new Map(
    (await workspaceRolesOf(tx, subject))
      .filter(({ workspace }) => named.has(workspace))
      .map((one) => [keyOf(one), one]),
  )
  const added = [...wanted].flatMap(([key, one]) => {
    const before = had.get(key)
    if (before === undefined) return [one]
    return isStanding(before) ? [] : [{ ...one, before: termsToShow(before) }]
  })
  const removed = [...had].flatMap(([key, one]) => (wanted.has(key) || !isStanding(one) ? [] : [one]))
  const covered = giver.covers(
    added.map(({ role, project, workspace }) => ({
      roleUid: role,
      scope: { kind: 'workspace', projectUid: project, workspaceUid: workspace },
    })),
  )
  if (!covered.ok) return covered
  const room = await hasRoomForRoles(tx, giver, {
    added: added.filter((one) => !('before' in one)).map(() => ({ subject })),
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

/** A role on a workspace, until a time and under conditions perhaps. */
export type WorkspaceGift = GivenTerms & {
  readonly subject: Subject
  readonly role: string
  readonly workspace: string
}

/**
 * Gives one role on one workspace. The giver must hold it there for at least as long, and without conditions.
 *
 * @returns refuses with `conflict` what is held there already
 */
export async function giveOnWorkspace(
  tx: Tx,
  giver: Giver,
  { subject, role: roleUid, workspace: uid, ...terms }: WorkspaceGift,
): Promise<Result<HeldWorkspaceRole, Refusal>> {
  const projectUid = (await projectsOfWorkspaces(tx, [uid])).get(uid)
  if (projectUid === undefined) return err(refuse('not_found', `No workspace ${uid} in this tenant`))
  const scope = { kind: 'workspace', projectUid, workspaceUid: uid } as const
  const role = givenThere(tx, await givableRoles(tx, [roleUid]), roleUid, scope)
  if (!role.ok) return role
  const find = async () =>
    (await workspaceRolesOf(tx, subject)).find((one) => one.workspace === uid && one.role === roleUid)
  const before = await find()
  if (before)
    return err(
      refuse('conflict', `"${before.name}" is held there already; change its end or conditions instead`, {
        uid: before.assignment,
      }),
    )
  const { endsAt } = terms
  const covered = giver.covers([{ roleUid, scope, ...(endsAt === undefined ? {} : { endsAt: endsAt.getTime() }) }])
  if (!covered.ok) return covered
  const room = await hasRoomForRoles(tx, giver, { added: [{ subject }], removed: [] })
  if (!room.ok) return room
  const given = { role: RoleUid.parse(roleUid), workspace: WorkspaceUid.parse(uid) }
  await insertWorkspaceRoles(tx, subject, [given], giver.by, giver.now, terms)
  const after = await find()
  if (!after) throw new Error(`the role ${roleUid} that was given on workspace ${uid} is not there`)
  return ok(after)
}

/** A role that can be given on a workspace; refuses what does not exist and what is not given there. */
function givenThere(
  { tenant }: Tx,
  givable: Awaited<ReturnType<typeof givableRoles>>,
  roleUid: string,
  scope: WorkspaceScope,
) {
  const role = givable.get(roleUid)
  if (!role) return err(refuse('not_found', `No role ${roleUid} in this tenant`))
  if (mayBeGiven(role.scope, { scope, filters: 'none' }, tenant)) return ok(role)
  return err(refuse('invalid', `"${role.name}" is a ${role.scope} role: on a workspace only project roles are given`))
}

const keyOf = ({ workspace, role }: Pick<HeldWorkspaceRole, 'workspace' | 'role'>) => `${workspace} ${role}`

/** The same as an audit entry tells it. */
export function describeWorkspaceRoles(subject: Subject, { added, removed }: WorkspaceRoleChange) {
  const describe = (list: WorkspaceRoleChange['added']) =>
    list.map(({ workspace, project, role, name, before }) => ({
      ...{ ...subject, role: name, roleUid: role, project, workspace },
      ...(before ? { before } : {}),
    }))
  return { added: describe(added), removed: describe(removed) }
}
