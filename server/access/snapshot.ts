import { ProjectUid, TeamUid, type TenantUid, UserUid } from '../../contract/ids.ts'
import { permissions, systemPermissions } from '../../contract/permissions.ts'
import { predefinedRole, predefinedRoles, systemRoles } from '../../contract/roles.ts'
import {
  type Assignment,
  type CompiledAccess,
  compile,
  type RoleDefinition,
  type Scope,
  type TagFilter,
  type TenantAccessFacts,
} from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readFilters } from './filter-store.ts'
import { type ResourceRole, readResourceRoles } from './resource-role-store.ts'
import { type CustomRole, readRoles } from './role-store.ts'
import { readWorkspaceAssignments } from './workspace-role-store.ts'

export type TenantState = 'pending' | 'active' | 'inactive' | 'deleting'
export type UserState = 'pending' | 'active' | 'inactive'

/** Everything that decides in one tenant, as one database snapshot saw it. A value: never changed. */
export type Snapshot = {
  readonly tenant: TenantUid
  /** Newest epoch at which this was known to hold. */
  readonly epoch: bigint
  /** The epoch that last changed what is compiled here. */
  readonly factsEpoch: bigint
  readonly tenantState: TenantState
  readonly orgName: string
  readonly users: ReadonlyMap<UserUid, UserFacts>
  /** Names, for people to read; a rename alone does not make them newer. */
  readonly teamNames: ReadonlyMap<TeamUid, string>
  readonly projectNames: ReadonlyMap<ProjectUid, string>
  /** When assignments end that have an end, in milliseconds, by id. */
  readonly ends: ReadonlyMap<string, number>
  readonly compiled: CompiledAccess
}

export type UserFacts = {
  readonly state: UserState
  /** A token that carries another one is void. */
  readonly credentialEpoch: bigint
  readonly teams: readonly TeamUid[]
}

const tenantRoles: ReadonlyMap<string, RoleDefinition> = new Map(predefinedRoles.map((role) => [role.uid, role]))
const administratorRoles: ReadonlyMap<string, RoleDefinition> = new Map(systemRoles.map((role) => [role.uid, role]))

const roleOfAdministrator = {
  root: predefinedRole('Root Administrator').uid,
  OperationAdmin: predefinedRole('Operations Administrator').uid,
  AccountAdmin: predefinedRole('Account Administrator').uid,
} as const

/** Reads a tenant's access data. Run it in a `repeatable read` transaction: all statements must see one snapshot. */
export async function loadSnapshot(tx: Tx): Promise<Snapshot> {
  const { tenant } = tx
  const [head] = await tx.query<{ epoch: string; facts_epoch: string; state: TenantState; org_name: string }>(
    `select e.epoch, e.facts_epoch, t.state, t.org_name
       from access_epochs e join tenants t using (tenant_id) where e.tenant_id = $1`,
    [tenant],
  )
  if (!head) throw new Error(`tenant ${tenant} has no access epoch`)
  const users = await tx.query<{
    user_id: string
    state: UserState
    credential_epoch: string
    admin_type: keyof typeof roleOfAdministrator | null
  }>('select user_id, state, credential_epoch, admin_type from users where tenant_id = $1 order by user_id', [tenant])
  const members = await tx.query<{ user_id: string; team_id: string }>(
    'select user_id, team_id from team_members where tenant_id = $1 order by user_id, team_position, team_id',
    [tenant],
  )
  const rows = await tx.query<AssignmentRow>(
    `select assignment_id, user_id, team_id, role_id, project_id, ends_at
       from role_assignments where tenant_id = $1 order by assignment_id`,
    [tenant],
  )
  const onWorkspaces = await readWorkspaceAssignments(tx)
  const teams = await tx.query<{ team_id: string; name: string }>(
    'select team_id, name from teams where tenant_id = $1',
    [tenant],
  )
  const own = await readRoles(tx)
  const filters = new Map((await readFilters(tx)).map(({ uid, filter }) => [uid, filter]))
  const resourceRoles = await readResourceRoles(tx)
  const projects = await tx.query<{ project_id: string; name: string }>(
    'select project_id, name from projects where tenant_id = $1',
    [tenant],
  )
  const teamsOf = Map.groupBy(members, (member) => member.user_id)
  const people = new Map(
    users.map((user) => [
      UserUid.parse(user.user_id),
      {
        state: user.state,
        credentialEpoch: BigInt(user.credential_epoch),
        teams: (teamsOf.get(user.user_id) ?? []).map((member) => TeamUid.parse(member.team_id)),
      },
    ]),
  )
  const isSystem = tenant === 'system'
  const facts: TenantAccessFacts = {
    tenantUid: tenant,
    epoch: head.epoch,
    permissions: isSystem ? systemPermissions : permissions,
    users: new Map([...people].map(([uid, { teams, state }]) => [uid, { teams, active: state === 'active' }])),
    assignments: isSystem
      ? users.flatMap((user) => (user.admin_type ? [administrator(user.user_id, user.admin_type)] : []))
      : [...rows.map(toAssignment), ...onWorkspaces, ...resourceRoles.flatMap((one) => toAssignments(one, filters))],
    roles: isSystem ? administratorRoles : withOwn(own),
  }
  return {
    tenant,
    epoch: BigInt(head.epoch),
    factsEpoch: BigInt(head.facts_epoch),
    tenantState: head.state,
    orgName: head.org_name,
    users: people,
    teamNames: new Map(teams.map((team) => [TeamUid.parse(team.team_id), team.name])),
    projectNames: new Map(projects.map((project) => [ProjectUid.parse(project.project_id), project.name])),
    ends: new Map(facts.assignments.flatMap(({ id, endsAt }) => (endsAt === undefined ? [] : [[id, endsAt] as const]))),
    compiled: compile(facts),
  }
}

type AssignmentRow = {
  readonly assignment_id: string
  readonly user_id: string | null
  readonly team_id: string | null
  readonly role_id: string
  readonly project_id: string | null
  readonly ends_at: Date | null
}

function toAssignment(row: AssignmentRow): Assignment {
  const scope: Scope = row.project_id === null ? { kind: 'tenant' } : { kind: 'project', projectUid: row.project_id }
  return {
    id: row.assignment_id,
    // The table's check says that exactly one of the two is set.
    subject: row.user_id === null ? { kind: 'team', uid: row.team_id ?? '' } : { kind: 'user', uid: row.user_id },
    roleUid: row.role_id,
    scope,
    filters: 'none',
    ...(row.ends_at === null ? {} : { endsAt: row.ends_at.getTime() }),
  }
}

/** A resource role as decisions see it: one assignment per role and project, all under its id. */
function toAssignments(
  { uid, subject, projects, filters, roles }: ResourceRole,
  stored: ReadonlyMap<string, TagFilter>,
): Assignment[] {
  const selected = filters.flatMap((filter) => stored.get(filter) ?? [])
  const holder: Assignment['subject'] =
    'user' in subject ? { kind: 'user', uid: subject.user } : { kind: 'team', uid: subject.team }
  return projects.flatMap((projectUid) =>
    roles.map((roleUid) => ({
      ...{ id: uid, subject: holder, roleUid, filters: selected },
      scope: { kind: 'project' as const, projectUid },
    })),
  )
}

/** The predefined roles and the tenant's own, as far as they are switched on: one that is not gives nothing to anybody. */
function withOwn(own: readonly CustomRole[]): ReadonlyMap<string, RoleDefinition> {
  const enabled = own.filter(({ isEnabled }) => isEnabled)
  return enabled.length === 0
    ? tenantRoles
    : new Map([...tenantRoles, ...enabled.map((role) => [role.uid, role] as const)])
}

/** A system administrator's role follows from the kind of account; there is no assignment to forget or to forge. */
function administrator(userUid: string, kind: keyof typeof roleOfAdministrator): Assignment {
  return {
    id: `administrator:${userUid}`,
    subject: { kind: 'user', uid: userUid },
    roleUid: roleOfAdministrator[kind],
    scope: { kind: 'system' },
    filters: 'none',
  }
}
