import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, RoleUid, TeamUid, UserUid } from '../../contract/ids.ts'
import type { PredefinedRole } from '../../contract/roles.ts'
import { timeText } from '../../contract/wire/common.ts'
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
export type RoleChange = {
  /** `before`: the end and the conditions in whose place it is held for good now. */
  readonly added: readonly (AssignedRole & { readonly before?: TermsBefore })[]
  readonly removed: readonly AssignedRole[]
}
type TermsBefore = { readonly endsAt: string | null; readonly conditions: unknown }

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

/*
 * The published API knows no ends and no conditions, so its lists show and replace standing roles alone: those without either.
 * What ends or counts for some requests only is given and taken one by one (docs/adr/0015).
 */

/** Makes these the standing tenant roles of a user or team; those it had before that are not named go. */
export async function replaceTenantRoles(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  roles: readonly string[],
): Promise<Result<RoleChange, Refusal>> {
  const wanted = assign(tx.tenant, await givableRoles(tx, roles), subject, 'tenant', roles)
  if (!wanted.ok) return wanted
  const current = (await standingRolesOf(tx, subject)).filter(({ place }) => place === 'tenant')
  return settle(tx, giver, current, wanted.value)
}

/** Makes these the standing project roles of a user or team, in all projects: in a project that is not named it has none after. */
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
  const current = (await standingRolesOf(tx, subject)).filter(({ place }) => place !== 'tenant')
  return settle(tx, giver, current, wanted)
}

/** Makes these the users, or the teams, that have standing roles in a project; the other kind stays as it is. */
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
  const current = (await standingRolesIn(tx, [project])).filter(({ subject }) => kind in subject)
  return settle(tx, giver, current, wanted)
}

/** A subject's own standing roles, everywhere. */
export async function standingRolesOf(tx: Tx, subject: Subject): Promise<AssignedRole[]> {
  const [by, uid] = 'user' in subject ? (['user_id', subject.user] as const) : (['team_id', subject.team] as const)
  return read(tx, standing, by, [uid])
}

/** The own standing roles of several users. */
export async function standingRolesOfUsers(tx: Tx, users: readonly UserUid[]): Promise<AssignedRole[]> {
  return read(tx, standing, 'user_id', users)
}

/** The own standing roles of several teams. */
export async function standingRolesOfTeams(tx: Tx, teams: readonly TeamUid[]): Promise<AssignedRole[]> {
  return read(tx, standing, 'team_id', teams)
}

/** Who has which standing role in these projects; roles held in the tenant act there too and are not among them. */
export async function standingRolesIn(tx: Tx, projects: readonly ProjectUid[]): Promise<AssignedRole[]> {
  return read(tx, standing, 'project_id', projects)
}

/** All that several teams hold now, until a time and under conditions too. */
export async function heldByTeams(tx: Tx, teams: readonly TeamUid[]): Promise<AssignedRole[]> {
  return read(tx, notEnded, 'team_id', teams)
}

/** All that is held in these projects now, until a time and under conditions too. */
export async function heldIn(tx: Tx, projects: readonly ProjectUid[]): Promise<AssignedRole[]> {
  return read(tx, notEnded, 'project_id', projects)
}

/** The standing roles that users hold through their teams: one element for each way. `subject` is the team. */
export async function inheritedStandingRoles(
  tx: Tx,
  users: readonly UserUid[],
): Promise<(AssignedRole & { readonly user: UserUid })[]> {
  const rows = await tx.query<Row & { member_id: string }>(
    `select m.user_id as member_id, ${columns}
       from team_members m join role_assignments a on a.tenant_id = m.tenant_id and a.team_id = m.team_id ${ownRoles}
      where m.tenant_id = $1 and m.user_id = any($2) and ${standing}
      order by m.user_id, m.team_position, a.created_at, a.assignment_id`,
    [tx.tenant, users],
  )
  return rows.map((row) => ({ ...toAssigned(row), user: UserUid.parse(row.member_id) }))
}

/** A change as an audit entry tells it. */
export function describeChange({ added, removed }: RoleChange): Record<string, unknown> {
  const describe = (list: RoleChange['added']) =>
    list.map(({ subject, role, name, place, before }) => ({
      ...subject,
      role: name,
      roleUid: role,
      ...(place === 'tenant' ? {} : { project: place }),
      ...(before ? { before } : {}),
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
 * rights of everybody on it. What is named and held only until a time or under conditions is added like what is not held at
 * all: it takes the rights to give it for good, and is held for good then.
 *
 * @param current the standing roles in the places that the list is about
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
  const before = await termsOf(tx, added)
  // What is held for a time is held for good then, and no more than before.
  const room = await hasRoomForRoles(tx, giver, { added: added.filter((one) => !before.has(keyOf(one))), removed })
  if (!room.ok) return room
  if (removed.length > 0) await removeStanding(tx, removed)
  if (added.length > 0) await insertAssignments(tx, added, giver.by, giver.now)
  return ok({
    added: added.map((one) => {
      const terms = before.get(keyOf(one))
      return terms ? { ...one, before: terms } : one
    }),
    removed,
  })
}

/** The ends and conditions of what is held of these now. */
async function termsOf(tx: Tx, assigned: readonly AssignedRole[]): Promise<ReadonlyMap<string, TermsBefore>> {
  if (assigned.length === 0) return new Map()
  const { users, teams, roles, projects } = inColumns(assigned)
  const rows = await tx.query<Row & { ends_at: Date | null; conditions: unknown }>(
    `select a.ends_at, a.conditions, ${columns}
       from role_assignments a ${ownRoles}
       join unnest($2::text[], $3::text[], $4::text[], $5::text[]) as given(user_id, team_id, role_id, project_id)
         on ${isSame('given')}
      where a.tenant_id = $1 and ${notEnded}`,
    [tx.tenant, users, teams, roles, projects],
  )
  return new Map(
    rows.map((row) => [
      keyOf(toAssigned(row)),
      { endsAt: row.ends_at === null ? null : timeText(row.ends_at), conditions: row.conditions },
    ]),
  )
}

function keyOf({ subject, role, place }: AssignedRole): string {
  return `${'user' in subject ? subject.user : subject.team} ${role} ${place}`
}

/**
 * Gives roles without asking whether the giver holds them: for the birth of a tenant, where nobody is there to ask. One that
 * has ended, or is held on other terms, is given anew in its place.
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

async function removeStanding(tx: Tx, assigned: readonly AssignedRole[]): Promise<void> {
  const { users, teams, roles, projects } = inColumns(assigned)
  await tx.query(
    `delete from role_assignments a
      using unnest($2::text[], $3::text[], $4::text[], $5::text[]) as gone(user_id, team_id, role_id, project_id)
      where a.tenant_id = $1 and ${isSame('gone')} and ${standing}`,
    [tx.tenant, users, teams, roles, projects],
  )
}

/** Whether `a` is the one that a row of `inColumns` names. */
const isSame = (named: string) =>
  `a.role_id = ${named}.role_id and a.user_id is not distinct from ${named}.user_id
        and a.team_id is not distinct from ${named}.team_id and a.project_id is not distinct from ${named}.project_id`

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

/** What the published API shows: neither an end nor conditions. */
const standing = '(a.ends_at is null and a.conditions is null)'

async function read(
  tx: Tx,
  which: typeof standing | typeof notEnded,
  by: 'user_id' | 'team_id' | 'project_id',
  uids: readonly string[],
): Promise<AssignedRole[]> {
  if (uids.length === 0) return []
  const rows = await tx.query<Row>(
    `select ${columns} from role_assignments a ${ownRoles}
      where a.tenant_id = $1 and a.${by} = any($2) and ${which} order by a.created_at, a.assignment_id`,
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
