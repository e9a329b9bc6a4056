import { ProjectUid, TeamUid, UserUid } from '../../contract/ids.ts'
import { predefinedRole, predefinedRoles, systemRoles } from '../../contract/roles.ts'
import type {
  Assignment,
  RequestConditions,
  RoleDefinition,
  Scope,
  TagFilter,
  UserStanding,
} from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { conditionsIn } from './conditions.ts'
import { readFilters } from './filter-store.ts'
import { type ResourceRole, readResourceRoles, type Subjects } from './resource-role-store.ts'
import { readRoles } from './role-store.ts'
import { termsToDecide } from './terms.ts'
import { readWorkspaceAssignments } from './workspace-role-store.ts'

// What decides in a tenant, read from its tables: all of it, or what concerns some people, teams or roles. Every table that is
// read here has triggers that say what changed (db/migrations/0021-access-changes.sql).

export type TenantState = 'pending' | 'active' | 'inactive' | 'deleting'
export type UserState = 'pending' | 'active' | 'inactive'

export type UserFacts = {
  readonly state: UserState
  /** A token that carries another one is void. */
  readonly credentialEpoch: bigint
  readonly teams: readonly TeamUid[]
}

/** The same, as decisions see it too. */
export type StoredUser = UserFacts & Pick<UserStanding, 'active'>

export type Head = {
  readonly epoch: bigint
  readonly factsEpoch: bigint
  readonly tenantState: TenantState
  readonly orgName: string
}

export async function readHead(tx: Tx): Promise<Head> {
  const [head] = await tx.query<{ epoch: string; facts_epoch: string; state: TenantState; org_name: string }>(
    `select e.epoch, e.facts_epoch, t.state, t.org_name
       from access_epochs e join tenants t using (tenant_id) where e.tenant_id = $1`,
    [tx.tenant],
  )
  if (!head) throw new Error(`tenant ${tx.tenant} has no access epoch`)
  const { epoch, facts_epoch, state, org_name } = head
  return { epoch: BigInt(epoch), factsEpoch: BigInt(facts_epoch), tenantState: state, orgName: org_name }
}

/** All users, or those of these that there are. */
export async function readUsers(tx: Tx, uids?: readonly string[]): Promise<[UserUid, StoredUser][]> {
  const users = await tx.query<{ user_id: string; state: UserState; credential_epoch: string }>(
    `select user_id, state, credential_epoch from users
      where tenant_id = $1 and ($2::text[] is null or user_id = any($2)) order by user_id`,
    [tx.tenant, uids ?? null],
  )
  const members = await tx.query<{ user_id: string; team_id: string }>(
    `select user_id, team_id from team_members
      where tenant_id = $1 and ($2::text[] is null or user_id = any($2)) order by user_id, team_position, team_id`,
    [tx.tenant, uids ?? null],
  )
  const share = createSharing()
  const teamsOf = Map.groupBy(members, (member) => member.user_id)
  return users.map(({ user_id, state, credential_epoch }) => [
    UserUid.parse(user_id),
    {
      ...{ state, active: state === 'active', credentialEpoch: BigInt(credential_epoch) },
      teams: (teamsOf.get(user_id) ?? []).map((member) => TeamUid.parse(share.text(member.team_id))),
    },
  ])
}

/** All assignments, or those of some subjects; those of one subject always in the same order. */
export async function readAssignments(tx: Tx, of?: Subjects): Promise<Assignment[]> {
  if (tx.tenant === 'system') return readAdministrators(tx, of)
  const rows = await tx.query<AssignmentRow>(
    `select assignment_id, user_id, team_id, role_id, project_id, ends_at, conditions from role_assignments
      where tenant_id = $1 and ($2::text[] is null or user_id = any($2) or team_id = any($3)) order by assignment_id`,
    [tx.tenant, of?.users ?? null, of?.teams ?? null],
  )
  const onWorkspaces = await readWorkspaceAssignments(tx, of)
  const resourceRoles = await readResourceRoles(tx, of)
  const used = of === undefined ? undefined : resourceRoles.flatMap(({ filters }) => filters)
  const stored = used?.length === 0 ? [] : await readFilters(tx, used)
  const filters = new Map(stored.map(({ uid, filter }) => [uid, filter]))
  const share = createSharing()
  return [
    ...rows.map((row) => toAssignment(row, share)),
    ...onWorkspaces,
    ...resourceRoles.flatMap((one) => toAssignments(one, filters, share)),
  ]
}

/** Roles that give something: predefined ones and, as far as they are switched on, the tenant's own. */
export async function readDefinitions(tx: Tx): Promise<ReadonlyMap<string, RoleDefinition>> {
  if (tx.tenant === 'system') return administratorRoles
  const own = (await readRoles(tx)).filter(({ isEnabled }) => isEnabled)
  return own.length === 0 ? tenantRoles : new Map([...tenantRoles, ...own.map((role) => [role.uid, role] as const)])
}

/** These of the tenant's own roles; undefined for those that there are not, or that give nothing. */
export async function readOwnDefinitions(
  tx: Tx,
  uids: readonly string[],
): Promise<(readonly [string, RoleDefinition | undefined])[]> {
  if (uids.length === 0) return []
  const found = new Map((await readRoles(tx, uids)).map((role) => [role.uid as string, role]))
  return uids.map((uid) => [uid, found.get(uid)?.isEnabled ? found.get(uid) : undefined])
}

/** The names of all teams, or of those of these that there are. */
export async function readTeamNames(tx: Tx, uids?: readonly string[]): Promise<[TeamUid, string][]> {
  if (uids?.length === 0) return []
  const rows = await tx.query<{ team_id: string; name: string }>(
    'select team_id, name from teams where tenant_id = $1 and ($2::text[] is null or team_id = any($2))',
    [tx.tenant, uids ?? null],
  )
  return rows.map((row) => [TeamUid.parse(row.team_id), row.name])
}

/** Likewise, of projects. */
export async function readProjectNames(tx: Tx, uids?: readonly string[]): Promise<[ProjectUid, string][]> {
  if (uids?.length === 0) return []
  const rows = await tx.query<{ project_id: string; name: string }>(
    'select project_id, name from projects where tenant_id = $1 and ($2::text[] is null or project_id = any($2))',
    [tx.tenant, uids ?? null],
  )
  return rows.map((row) => [ProjectUid.parse(row.project_id), row.name])
}

const tenantRoles: ReadonlyMap<string, RoleDefinition> = new Map(predefinedRoles.map((role) => [role.uid, role]))
const administratorRoles: ReadonlyMap<string, RoleDefinition> = new Map(systemRoles.map((role) => [role.uid, role]))

const roleOfAdministrator = {
  root: predefinedRole('Root Administrator').uid,
  OperationAdmin: predefinedRole('Operations Administrator').uid,
  AccountAdmin: predefinedRole('Account Administrator').uid,
} as const

type AssignmentRow = {
  readonly assignment_id: string
  readonly user_id: string | null
  readonly team_id: string | null
  readonly role_id: string
  readonly project_id: string | null
  readonly ends_at: Date | null
  readonly conditions: unknown
}

/** What many assignments have in common is one object: of a million there may be a hundred roles and projects. */
type Sharing = {
  text(of: string): string
  subject(kind: 'user' | 'team', uid: string): Assignment['subject']
  project(uid: string): Scope
  conditions(stored: unknown): RequestConditions
}

const inTenant: Scope = { kind: 'tenant' }

function createSharing(): Sharing {
  const texts = new Map<string, string>()
  const subjects = new Map<string, Assignment['subject']>()
  const projects = new Map<string, Scope>()
  const conditions = new Map<string, RequestConditions>()
  const once = <T>(map: Map<string, T>, key: string, make: () => T): T => {
    const met = map.get(key)
    if (met !== undefined) return met
    const made = make()
    map.set(key, made)
    return made
  }
  return {
    text: (of) => once(texts, of, () => of),
    // UIDs are random: no user has a team's.
    subject: (kind, uid) => once(subjects, uid, () => ({ kind, uid })),
    project: (projectUid) => once(projects, projectUid, () => ({ kind: 'project', projectUid })),
    conditions: (stored) => once(conditions, JSON.stringify(stored), () => conditionsIn(stored)),
  }
}

function toAssignment(row: AssignmentRow, share: Sharing): Assignment {
  return {
    id: row.assignment_id,
    // The table's check says that exactly one of the two is set.
    subject: row.user_id === null ? share.subject('team', row.team_id ?? '') : share.subject('user', row.user_id),
    roleUid: share.text(row.role_id),
    scope: row.project_id === null ? inTenant : share.project(row.project_id),
    filters: 'none',
    ...(row.ends_at === null ? {} : { endsAt: row.ends_at.getTime() }),
    ...(row.conditions === null ? {} : { conditions: share.conditions(row.conditions) }),
  }
}

/** A resource role as decisions see it: one assignment per role and project, all under its id. */
function toAssignments(
  { uid, subject, projects, filters, roles, endsAt, conditions }: ResourceRole,
  stored: ReadonlyMap<string, TagFilter>,
  share: Sharing,
): Assignment[] {
  const selected = filters.flatMap((filter) => stored.get(filter) ?? [])
  const terms = termsToDecide({ endsAt, conditions: conditions && share.conditions(conditions) })
  const holder = 'user' in subject ? share.subject('user', subject.user) : share.subject('team', subject.team)
  return projects.flatMap((projectUid) =>
    roles.map((roleUid) => ({
      ...{ id: uid, subject: holder, roleUid: share.text(roleUid), filters: selected },
      ...{ scope: share.project(projectUid), ...terms },
    })),
  )
}

/** A system administrator's role follows from the kind of account; there is no assignment to forget or to forge. */
async function readAdministrators(tx: Tx, of?: Subjects): Promise<Assignment[]> {
  const rows = await tx.query<{ user_id: string; admin_type: keyof typeof roleOfAdministrator }>(
    `select user_id, admin_type from users
      where tenant_id = $1 and admin_type is not null and ($2::text[] is null or user_id = any($2)) order by user_id`,
    [tx.tenant, of?.users ?? null],
  )
  return rows.map(({ user_id, admin_type }) => ({
    id: `administrator:${user_id}`,
    subject: { kind: 'user', uid: user_id },
    roleUid: roleOfAdministrator[admin_type],
    scope: { kind: 'system' },
    filters: 'none',
  }))
}
