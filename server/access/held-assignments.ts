import type { Refusal } from '../../contract/errors.ts'
import { AssignmentUid, ResourceRoleUid, type TeamUid, type UserUid } from '../../contract/ids.ts'
import { ok, type Result } from '../../core/result.ts'
import type { GivenRole } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { GivenTerms, Giver, Place } from './assignments.ts'
import { type ResourceRole, readResourceRole, resourceRolesIn, resourceRolesOfSubjects } from './resource-role-store.ts'
import { describeEach, holdingsUntil } from './resource-roles.ts'
import { setTerms } from './terms.ts'
import { heldUntil, plainRolesIn, plainRolesOf, readPlainRole, type StoredAssignment } from './timed-assignments.ts'
import {
  type HeldWorkspaceRole,
  readWorkspaceRole,
  workspaceRolesIn,
  workspaceRolesOfSubjects,
} from './workspace-role-store.ts'

/**
 * Whatever gives somebody rights, as a thing of its own that may have an end and conditions: a role in the tenant or a project,
 * roles on what filters select, or a role on a workspace.
 */
export type HeldAssignment =
  | (StoredAssignment & { readonly kind: 'role' })
  | (ResourceRole & { readonly kind: 'resource-role' })
  | (HeldWorkspaceRole & { readonly kind: 'workspace-role'; readonly uid: AssignmentUid })

/** What is asked for: by one subject (a user's teams are subjects of their own), or in one project. */
export type AssignmentsOf =
  | { readonly users: readonly UserUid[]; readonly teams: readonly TeamUid[] }
  | { readonly project: string }

/** What is held, the oldest first; what has ended is not held any more. */
export async function listAssignments(tx: Tx, of: AssignmentsOf): Promise<HeldAssignment[]> {
  const [plain, onFilters, onWorkspaces] =
    'project' in of
      ? [
          await plainRolesIn(tx, of.project),
          await resourceRolesIn(tx, of.project),
          await workspaceRolesIn(tx, of.project),
        ]
      : [await plainRolesOf(tx, of), await resourceRolesOfSubjects(tx, of), await workspaceRolesOfSubjects(tx, of)]
  return [...plain.map(asRole), ...onFilters.map(asResourceRole), ...onWorkspaces.map(asWorkspaceRole)].sort(
    (a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.uid < b.uid ? -1 : 1),
  )
}

/** The assignment that a path names, while it is held. UIDs are random: no two kinds share one. */
export async function readAssignment(tx: Tx, uid: string): Promise<HeldAssignment | undefined> {
  const assignment = AssignmentUid.safeParse(uid)
  if (!assignment.success) return undefined
  const plain = await readPlainRole(tx, assignment.data)
  if (plain) return asRole(plain)
  const onFilters = await readResourceRole(tx, ResourceRoleUid.parse(uid))
  if (onFilters) return asResourceRole(onFilters)
  const onWorkspace = await readWorkspaceRole(tx, assignment.data)
  return onWorkspace && asWorkspaceRole(onWorkspace)
}

const asRole = (one: StoredAssignment) => ({ ...one, kind: 'role' as const })
const asResourceRole = (one: ResourceRole) => ({ ...one, kind: 'resource-role' as const })
const asWorkspaceRole = (one: HeldWorkspaceRole) => {
  return { ...one, kind: 'workspace-role' as const, uid: one.assignment }
}

/** Where it gives something. */
export function placesOf(held: HeldAssignment): readonly Place[] {
  if (held.kind === 'resource-role') return held.projects
  return [held.kind === 'role' ? held.place : held.project]
}

/** Resource roles among these, by uid, with the names of all that they are made of. */
export async function describeAssignments(tx: Tx, held: readonly HeldAssignment[]) {
  const onFilters = held.filter((one) => one.kind === 'resource-role')
  const described = onFilters.length === 0 ? [] : await describeEach(tx, onFilters)
  return new Map(described.map((one) => [one.uid as string, one]))
}

/**
 * Changes until when and for which requests something is held. A later end, none at all, or other conditions take what giving takes; a
 * sooner end, and conditions where there were none, do not.
 */
export async function changeTerms(
  tx: Tx,
  giver: Giver,
  before: HeldAssignment,
  after: GivenTerms,
): Promise<Result<undefined, Refusal>> {
  const isSame = JSON.stringify(after.conditions) === JSON.stringify(before.conditions)
  if (!(endsNoLater(after.endsAt, before.endsAt) && (isSame || before.conditions === undefined))) {
    const covered = giver.covers(await givenUntil(tx, before, after.endsAt))
    if (!covered.ok) return covered
  }
  await setTerms(tx, before.kind, before.uid, after)
  return ok(undefined)
}

const endsNoLater = (after: Date | undefined, before: Date | undefined): boolean =>
  before === undefined || (after !== undefined && after <= before)

/** What it would give until another time, for the check that nobody gives more than they hold. */
async function givenUntil(tx: Tx, held: HeldAssignment, endsAt: Date | undefined): Promise<GivenRole[]> {
  switch (held.kind) {
    case 'role':
      return [heldUntil(held.role, held.place, endsAt)]
    case 'resource-role':
      return holdingsUntil(tx, held, endsAt)
    case 'workspace-role': {
      const scope = { kind: 'workspace', projectUid: held.project, workspaceUid: held.workspace } as const
      const end = endsAt === undefined ? {} : { endsAt: endsAt.getTime() }
      return [{ roleUid: held.role, scope, ...end }]
    }
  }
}
