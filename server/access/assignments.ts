import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, RoleUid, TeamUid, UserUid } from '../../contract/ids.ts'
import type { PredefinedRole } from '../../contract/roles.ts'
import { mayBeGiven, type RequestConditions, type Scope } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { hasRoomForRoles } from './assignment-limits.ts'
import { givableRoles, predefinedByUid } from './role-store.ts'

/** Who holds a role. */
export type Subject = { readonly user: UserUid } | { readonly team: TeamUid }
/** Where: in the tenant and so in all of its projects, or in one project. */
export type Place = 'tenant' | ProjectUid
export type AssignedRole = {
  readonly subject: Subject
  readonly role: RoleUid
  /** The role's name, or its UID where it is not known any more. */
  readonly name: string
  readonly place: Place
}

/** What a replacement changed, for the audit entry. */
export type RoleChange = { readonly added: readonly AssignedRole[]; readonly removed: readonly AssignedRole[] }

/** Until when, and for which requests; without either for good and for all. */
export type GivenTerms = { readonly endsAt?: Date | undefined; readonly conditions?: RequestConditions | undefined }

/** Who gives, how it is checked that nobody gives more than they hold, and when. */
export type Giver = {
  readonly by: UserUid
  readonly covers: RequestAccess['coversRoles']
  /** How many assignments the tenant has before the change, of every kind. */
  readonly stored: RequestAccess['assignments']
  readonly now: Date
}

/** Makes these the tenant roles of a user or team; what it held before and is not named goes. */
export async function replaceTenantRoles(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  roles: readonly string[],
): Promise<Result<RoleChange, Refusal>> {
  const wanted = assign(tx.tenant, await givableRoles(tx, roles), subject, 'tenant', roles)
  if (!wanted.ok) return wanted
  const current = (await assignmentsOf(tx, subject)).filter(({ place }) => place === 'tenant')
  return settle(tx, giver, current, wanted.value)
}

/** Makes these the project roles of a user or team, in all projects: in a project that is not named it holds none after. */
export async function replaceProjectRoles(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  projects: readonly { readonly projectUid: string; readonly roles: readonly string[] }[],
): Promise<Result<RoleChange, Refusal>> {
  const unknown = await firstUnknown(
    tx,
    'project',
    projects.map(({ projectUid }) => projectUid),
  )
  if (unknown !== undefined) return err(refuse('not_found', `No project ${unknown} in this tenant`))
  const wanted: AssignedRole[] = []
  const givable = await givableRoles(
    tx,
    projects.flatMap(({ roles }) => roles),
  )
  for (const { projectUid, roles } of projects) {
    const assigned = assign(tx.tenant, givable, subject, ProjectUid.parse(projectUid), roles)
    if (!assigned.ok) return assigned
    wanted.push(...assigned.value)
  }
  const current = (await assignmentsOf(tx, subject)).filter(({ place }) => place !== 'tenant')
  return settle(tx, giver, current, wanted)
}

/** Makes these the users, or the teams, that hold roles in a project; the other kind stays as it is. */
export async function replaceProjectMembers(
  tx: Tx,
  giver: Giver,
  project: ProjectUid,
  kind: 'user' | 'team',
  members: readonly { readonly uid: string; readonly roles: readonly string[] }[],
): Promise<Result<RoleChange, Refusal>> {
  const unknown = await firstUnknown(
    tx,
    kind,
    members.map(({ uid }) => uid),
  )
  if (unknown !== undefined) return err(refuse('not_found', `No ${kind} ${unknown} in this tenant`))
  const wanted: AssignedRole[] = []
  const givable = await givableRoles(
    tx,
    members.flatMap(({ roles }) => roles),
  )
  for (const { uid, roles } of members) {
    const subject = kind === 'user' ? { user: UserUid.parse(uid) } : { team: TeamUid.parse(uid) }
    const assigned = assign(tx.tenant, givable, subject, project, roles)
    if (!assigned.ok) return assigned
    wanted.push(...assigned.value)
  }
  const current = (await assignmentsIn(tx, [project])).filter(({ subject }) => kind in subject)
  return settle(tx, giver, current, wanted)
}

/** A subject's own roles, everywhere. */
export async function assignmentsOf(tx: Tx, subject: Subject): Promise<AssignedRole[]> {
  return read(tx, 'user' in subject ? 'user_id' : 'team_id', ['user' in subject ? subject.user : subject.team])
}

/** The own roles of several users. */
export async function assignmentsOfUsers(tx: Tx, users: readonly UserUid[]): Promise<AssignedRole[]> {
  return read(tx, 'user_id', users)
}

/** The own roles of several teams. */
export async function assignmentsOfTeams(tx: Tx, teams: readonly TeamUid[]): Promise<AssignedRole[]> {
  return read(tx, 'team_id', teams)
}

/** Who holds which role in these projects; roles held in the tenant act there too and are not among them. */
export async function assignmentsIn(tx: Tx, projects: readonly ProjectUid[]): Promise<AssignedRole[]> {
  return read(tx, 'project_id', projects)
}

/** The roles that users hold through their teams: one element for each way. `subject` is the team. */
export async function inheritedAssignments(
  tx: Tx,
  users: readonly UserUid[],
): Promise<(AssignedRole & { readonly user: UserUid })[]> {
  const rows = await tx.query<Row & { member_id: string }>(
    `select m.user_id as member_id, ${columns}
       from team_members m join role_assignments a on a.tenant_id = m.tenant_id and a.team_id = m.team_id ${ownRoles}
      where m.tenant_id = $1 and m.user_id = any($2) and ${notEnded}
      order by m.user_id, m.team_position, a.created_at, a.assignment_id`,
    [tx.tenant, users],
  )
  return rows.map((row) => ({ ...toAssigned(row), user: UserUid.parse(row.member_id) }))
}

/** A change as an audit entry tells it. */
export function describeChange({ added, removed }: RoleChange): Record<string, unknown> {
  const describe = (list: readonly AssignedRole[]) =>
    list.map(({ subject, role, name, place }) => ({
      ...subject,
      role: name,
      roleUid: role,
      ...(place === 'tenant' ? {} : { project: place }),
    }))
  return { added: describe(added), removed: describe(removed) }
}

/** These roles for somebody in a place; refuses what does not exist and what cannot be given there. */
export function assign(
  tenantUid: string,
  givable: Awaited<ReturnType<typeof givableRoles>>,
  subject: Subject,
  place: Place,
  roles: readonly string[],
): Result<AssignedRole[], Refusal> {
  const assigned: AssignedRole[] = []
  for (const uid of new Set(roles)) {
    const role = givable.get(uid)
    if (!role) return err(refuse('not_found', `No role ${uid} in this tenant`))
    if (!mayBeGiven(role.scope, { scope: scopeOf(place), filters: 'none' }, tenantUid))
      return err(refuse('invalid', whyNotHere(role, place)))
    assigned.push({ subject, place, role: role.uid, name: role.name })
  }
  return ok(assigned)
}

function whyNotHere(role: Pick<PredefinedRole, 'name' | 'scope'>, place: Place): string {
  if (role.scope === 'resource')
    return `"${role.name}" is a resource role: it is given together with filters (…/resourceRoles), not by itself`
  const where = place === 'tenant' ? 'in the tenant' : 'in a project'
  return `"${role.name}" is a ${role.scope} role and cannot be given ${where}`
}

export const scopeOf = (place: Place): Scope =>
  place === 'tenant' ? { kind: 'tenant' } : { kind: 'project', projectUid: place }

/**
 * Only what is added is checked: taking away lifts nobody, and a list that is sent back as it was read must not need the
 * rights of everybody on it.
 */
async function settle(
  tx: Tx,
  giver: Giver,
  current: readonly AssignedRole[],
  wanted: readonly AssignedRole[],
): Promise<Result<RoleChange, Refusal>> {
  const had = new Map(current.map((one) => [keyOf(one), one]))
  const wants = new Map(wanted.map((one) => [keyOf(one), one]))
  const added = [...wants].filter(([key]) => !had.has(key)).map(([, one]) => one)
  const removed = [...had].filter(([key]) => !wants.has(key)).map(([, one]) => one)
  const covered = giver.covers(added.map(({ role, place }) => ({ roleUid: role, scope: scopeOf(place) })))
  if (!covered.ok) return covered
  const room = await hasRoomForRoles(tx, giver, { added, removed })
  if (!room.ok) return room
  if (removed.length > 0) await remove(tx, removed)
  if (added.length > 0) await insertAssignments(tx, added, giver.by, giver.now)
  return ok({ added, removed })
}

function keyOf({ subject, role, place }: AssignedRole): string {
  return `${'user' in subject ? subject.user : subject.team} ${role} ${place}`
}

/**
 * Gives roles without asking whether the giver holds them: for the birth of a tenant, where nobody is there to ask. One that
 * has ended is given anew.
 */
export async function insertAssignments(
  tx: Tx,
  assigned: readonly Omit<AssignedRole, 'name'>[],
  by: UserUid | null,
  now: Date,
  { endsAt, conditions }: GivenTerms = {},
): Promise<void> {
  const { users, teams, roles, projects } = inColumns(assigned)
  await tx.query(
    `insert into role_assignments (tenant_id, assignment_id, user_id, team_id, role_id, project_id, created_by, created_at, ends_at,
                                   conditions)
     select $1::text, given.*, $7::text, $8::timestamptz, $9::timestamptz, $10::jsonb
       from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) as given
     on conflict (tenant_id, user_id, team_id, role_id, project_id) do update
        set assignment_id = excluded.assignment_id, ends_at = excluded.ends_at, conditions = excluded.conditions,
            created_by = excluded.created_by, created_at = excluded.created_at`,
    [
      ...[tx.tenant, assigned.map(newUid), users, teams, roles, projects, by, now, endsAt ?? null],
      conditions === undefined ? null : JSON.stringify(conditions),
    ],
  )
}

async function remove(tx: Tx, assigned: readonly AssignedRole[]): Promise<void> {
  const { users, teams, roles, projects } = inColumns(assigned)
  await tx.query(
    `delete from role_assignments a
      using unnest($2::text[], $3::text[], $4::text[], $5::text[]) as gone(user_id, team_id, role_id, project_id)
      where a.tenant_id = $1 and a.role_id = gone.role_id and a.user_id is not distinct from gone.user_id
        and a.team_id is not distinct from gone.team_id and a.project_id is not distinct from gone.project_id`,
    [tx.tenant, users, teams, roles, projects],
  )
}

function inColumns(assigned: readonly Omit<AssignedRole, 'name'>[]) {
  return {
    users: assigned.map(({ subject }) => ('user' in subject ? subject.user : null)),
    teams: assigned.map(({ subject }) => ('team' in subject ? subject.team : null)),
    roles: assigned.map(({ role }) => role),
    projects: assigned.map(({ place }) => (place === 'tenant' ? null : place)),
  }
}

export type Row = {
  readonly user_id: string | null
  readonly team_id: string | null
  readonly role_id: string
  /** Of a role of the tenant's own. */
  readonly role_name: string | null
  readonly project_id: string | null
}

export const columns = 'a.user_id, a.team_id, a.role_id, r.name as role_name, a.project_id'
export const ownRoles = 'left join roles r on r.tenant_id = a.tenant_id and r.role_id = a.role_id'

/** What has ended is not held any more: the row stays, so that people are told what they held until when. */
export const notEnded = '(a.ends_at is null or a.ends_at > now())'

async function read(
  tx: Tx,
  by: 'user_id' | 'team_id' | 'project_id',
  uids: readonly string[],
): Promise<AssignedRole[]> {
  if (uids.length === 0) return []
  const rows = await tx.query<Row>(
    `select ${columns} from role_assignments a ${ownRoles}
      where a.tenant_id = $1 and a.${by} = any($2) and ${notEnded} order by a.created_at, a.assignment_id`,
    [tx.tenant, uids],
  )
  return rows.map(toAssigned)
}

export function toAssigned({ user_id, team_id, role_id, role_name, project_id }: Row): AssignedRole {
  return {
    subject: user_id === null ? { team: TeamUid.parse(team_id) } : { user: UserUid.parse(user_id) },
    role: RoleUid.parse(role_id),
    name: role_name ?? predefinedByUid.get(role_id)?.name ?? role_id,
    place: project_id === null ? 'tenant' : ProjectUid.parse(project_id),
  }
}

const existing = {
  user: { parse: UserUid, sql: 'select user_id as uid from users where tenant_id = $1 and user_id = any($2)' },
  team: { parse: TeamUid, sql: 'select team_id as uid from teams where tenant_id = $1 and team_id = any($2)' },
  project: {
    parse: ProjectUid,
    sql: 'select project_id as uid from projects where tenant_id = $1 and project_id = any($2)',
  },
} as const

/** The first of these UIDs that names nothing in this tenant; one of another tenant names nothing. */
export async function firstUnknown(
  tx: Tx,
  kind: keyof typeof existing,
  uids: readonly string[],
): Promise<string | undefined> {
  const { parse, sql } = existing[kind]
  const wellFormed = uids.filter((uid) => parse.safeParse(uid).success)
  const rows = wellFormed.length > 0 ? await tx.query<{ uid: string }>(sql, [tx.tenant, wellFormed]) : []
  const found = new Set(rows.map(({ uid }) => uid))
  return uids.find((uid) => !found.has(uid))
}
