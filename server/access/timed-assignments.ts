import { type Refusal, refuse } from '../../contract/errors.ts'
import { AssignmentUid, RoleUid, type TeamUid, UserUid } from '../../contract/ids.ts'
import { predefinedRoles } from '../../contract/roles.ts'
import { nameKey } from '../../contract/wire/common.ts'
import type { RequestConditions } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoomForRoles } from './assignment-limits.ts'
import {
  type AssignedRole,
  assign,
  columns,
  type GivenTerms,
  type Giver,
  insertAssignments,
  notEnded,
  ownRoles,
  type Place,
  type Row,
  type Subject,
  scopeOf,
  toAssigned,
} from './assignments.ts'
import { conditionsIn } from './conditions.ts'
import { givableRoles, readRoles } from './role-store.ts'

/** One role given to one user or team in one place, as a thing of its own: it may have an end and conditions. */
export type StoredAssignment = AssignedRole & {
  readonly uid: AssignmentUid
  readonly endsAt: Date | undefined
  readonly conditions: RequestConditions | undefined
  readonly createdAt: Date
  /** Who gave it, as far as that was a person. */
  readonly createdBy: UserUid | undefined
}

/** What is asked for: by one subject (a user's teams are subjects of their own), or in one project. */
export type AssignmentsOf =
  | { readonly users: readonly UserUid[]; readonly teams: readonly TeamUid[] }
  | { readonly project: string }

/** What is held, the oldest first; what has ended is not held any more. */
export async function listAssignments(tx: Tx, of: AssignmentsOf): Promise<StoredAssignment[]> {
  const condition = 'project' in of ? 'a.project_id = $2' : '(a.user_id = any($2) or a.team_id = any($3))'
  const values = 'project' in of ? [of.project] : [of.users, of.teams]
  return read(tx, condition, values)
}

/** The assignment that a path names, while it is held. */
export async function readAssignment(tx: Tx, uid: string): Promise<StoredAssignment | undefined> {
  if (!AssignmentUid.safeParse(uid).success) return undefined
  return (await read(tx, 'a.assignment_id = $2', [uid]))[0]
}

/**
 * Whether somebody may say who holds roles there: who changes such subjects, or in a project who changes the project. What
 * they give, they must hold besides.
 */
export function mayAssign(access: RequestAccess, kind: 'user' | 'team', place: Place): boolean {
  return (
    access.allows(`${kind}.update`, { kind: 'tenant' }) ||
    (place !== 'tenant' && access.allows('project.update', scopeOf(place)))
  )
}

/** The refusal for who may not. */
export function mayNotAssign(kind: 'user' | 'team', place: Place): Refusal {
  const permission = `${kind}.update`
  const inProject = place === 'tenant' ? '' : `, or project.update in project ${place}`
  return refuse('forbidden', `This needs ${permission} in the tenant${inProject}`, {
    permission,
    scope: { kind: 'tenant' },
  })
}

/**
 * The role that somebody names, as it would be given there: by UID, or by its name in any spelling. Refuses what does not
 * exist, is switched off or cannot be given there.
 */
export async function roleToGive(
  tx: Tx,
  named: string,
  { subject, place }: Pick<UntilGift, 'subject' | 'place'>,
): Promise<Result<AssignedRole, Refusal>> {
  const uid = await roleNamed(tx, named)
  const role = uid === undefined ? undefined : (await readRoles(tx, [uid]))[0]
  if (role && !role.isEnabled) return err(refuse('conflict', `"${role.name}" is switched off`))
  if (uid === undefined) return err(refuse('not_found', `No role ${named} in this tenant`))
  const assigned = assign(tx.tenant, await givableRoles(tx, [uid]), subject, place, [uid])
  if (!assigned.ok) return assigned
  const [one] = assigned.value
  return one ? ok(one) : err(refuse('not_found', `No role ${named} in this tenant`))
}

async function roleNamed(tx: Tx, named: string): Promise<string | undefined> {
  if (RoleUid.safeParse(named).success) return named
  const key = nameKey(named)
  const predefined = predefinedRoles.find(({ name }) => nameKey(name) === key)
  if (predefined) return predefined.uid
  const [row] = await tx.query<{ role_id: string }>(
    'select role_id from roles where tenant_id = $1 and name_key = $2',
    [tx.tenant, key],
  )
  return row?.role_id
}

/** What somebody holds there as their own, while they hold it. */
export async function findHeld(
  tx: Tx,
  { subject, role, place }: Pick<UntilGift, 'subject' | 'role' | 'place'>,
): Promise<StoredAssignment | undefined> {
  const [found] = await read(
    tx,
    `a.role_id = $2 and a.project_id is not distinct from $3
     and a.user_id is not distinct from $4 and a.team_id is not distinct from $5`,
    [
      ...[role, place === 'tenant' ? null : place],
      ...['user' in subject ? subject.user : null, 'team' in subject ? subject.team : null],
    ],
  )
  return found
}

export type UntilGift = {
  readonly subject: Subject
  readonly role: string
  readonly place: Place
  /** Absent: for good. */
  readonly endsAt: Date | undefined
  /** Absent: for every request. */
  readonly conditions?: RequestConditions | undefined
  /** What to do with one that ends by itself already: refuse, or let it end later. */
  readonly held: 'refuse' | 'extend'
}

/**
 * Gives a role until a time, or for good. The giver must hold it for at least as long, and without conditions.
 *
 * @returns refuses with `conflict` what is held without an end, or under conditions
 */
export async function giveUntil(tx: Tx, giver: Giver, gift: UntilGift): Promise<Result<StoredAssignment, Refusal>> {
  const { subject, role, place, endsAt, conditions, held } = gift
  const wanted = assign(tx.tenant, await givableRoles(tx, [role]), subject, place, [role])
  if (!wanted.ok) return wanted
  const before = await findHeld(tx, gift)
  if (before?.conditions)
    return err(
      refuse('conflict', `"${before.name}" is held there already, under conditions; change those instead`, {
        uid: before.uid,
      }),
    )
  if (before && before.endsAt === undefined)
    return err(refuse('conflict', `"${before.name}" is held there already, without an end`, { uid: before.uid }))
  if (before && held === 'refuse')
    return err(
      refuse('conflict', `"${before.name}" is held there already; change its end instead`, { uid: before.uid }),
    )
  const covered = giver.covers([heldUntil(role, place, endsAt)])
  if (!covered.ok) return covered
  if (before?.endsAt) {
    if (endsAt === undefined || before.endsAt < endsAt) await setTerms(tx, before.uid, { endsAt })
  } else {
    const room = await hasRoomForRoles(tx, giver, { added: wanted.value, removed: [] })
    if (!room.ok) return room
    await insertAssignments(tx, wanted.value, giver.by, giver.now, { endsAt, conditions })
  }
  const after = await findHeld(tx, gift)
  if (!after) throw new Error(`the role ${role} that was given is not there`)
  return ok(after)
}

/**
 * Changes until when and for which requests something is held. A later end, none at all, or other conditions take what giving takes; a
 * sooner end, and conditions where there were none, do not.
 */
export async function changeTerms(
  tx: Tx,
  giver: Giver,
  { uid, role, place, ...before }: StoredAssignment,
  after: GivenTerms,
): Promise<Result<undefined, Refusal>> {
  const isSame = JSON.stringify(after.conditions) === JSON.stringify(before.conditions)
  const covered =
    endsNoLater(after.endsAt, before.endsAt) && (isSame || before.conditions === undefined)
      ? ok(undefined)
      : giver.covers([heldUntil(role, place, after.endsAt)])
  if (!covered.ok) return covered
  await setTerms(tx, uid, after)
  return ok(undefined)
}

const endsNoLater = (after: Date | undefined, before: Date | undefined): boolean =>
  before === undefined || (after !== undefined && after <= before)

const heldUntil = (roleUid: string, place: Place, endsAt: Date | undefined) => ({
  ...{ roleUid, scope: scopeOf(place) },
  ...(endsAt === undefined ? {} : { endsAt: endsAt.getTime() }),
})

export async function removeAssignment(tx: Tx, uid: AssignmentUid): Promise<void> {
  await tx.query('delete from role_assignments where tenant_id = $1 and assignment_id = $2', [tx.tenant, uid])
}

async function setTerms(tx: Tx, uid: AssignmentUid, { endsAt, conditions }: GivenTerms): Promise<void> {
  await tx.query(
    'update role_assignments set ends_at = $3, conditions = $4::jsonb where tenant_id = $1 and assignment_id = $2',
    [tx.tenant, uid, endsAt ?? null, conditions === undefined ? null : JSON.stringify(conditions)],
  )
}

type StoredRow = Row & {
  readonly assignment_id: string
  readonly ends_at: Date | null
  readonly conditions: unknown
  readonly created_at: Date
  readonly created_by: string | null
}

/** @param condition over `a`, its values from $2 on */
async function read(tx: Tx, condition: string, values: readonly unknown[]): Promise<StoredAssignment[]> {
  const rows = await tx.query<StoredRow>(
    `select a.assignment_id, a.ends_at, a.conditions, a.created_at, a.created_by, ${columns} from role_assignments a ${ownRoles}
      where a.tenant_id = $1 and ${condition} and ${notEnded} order by a.created_at, a.assignment_id`,
    [tx.tenant, ...values],
  )
  return rows.map((row) => ({
    ...toAssigned(row),
    uid: AssignmentUid.parse(row.assignment_id),
    endsAt: row.ends_at ?? undefined,
    conditions: row.conditions === null ? undefined : conditionsIn(row.conditions),
    createdAt: row.created_at,
    createdBy: row.created_by === null ? undefined : UserUid.parse(row.created_by),
  }))
}
