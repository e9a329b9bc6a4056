import { type FilterUid, type ProjectUid, ResourceRoleUid, type RoleUid, TeamUid, UserUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import type { Subject } from './assignments.ts'

/** Several roles, given to one subject on what any of several filters selects in several projects. */
export type ResourceRole = {
  readonly uid: ResourceRoleUid
  readonly subject: Subject
  readonly projects: readonly ProjectUid[]
  readonly filters: readonly FilterUid[]
  readonly roles: readonly RoleUid[]
}

/** Some users and teams, by UID. */
export type Subjects = { readonly users: readonly string[]; readonly teams: readonly string[] }

export type WrittenResourceRole = Omit<ResourceRole, 'uid' | 'subject'>

/** The resource roles of a user or team, the oldest first. */
export const resourceRolesOf = (tx: Tx, subject: Subject): Promise<ResourceRole[]> =>
  'user' in subject ? read(tx, 'r.user_id = $2', subject.user) : read(tx, 'r.team_id = $2', subject.team)

/** Those that act through a filter. */
export const resourceRolesWith = (tx: Tx, filter: FilterUid): Promise<ResourceRole[]> =>
  read(
    tx,
    `exists (select from resource_role_filters f where f.tenant_id = $1 and f.resource_role_id = r.resource_role_id
               and f.filter_id = $2)`,
    filter,
  )

/** How many resource roles act through each filter; through those that are not named none do. */
export async function countUsesOfFilters(tx: Tx): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.query<{ filter_id: string; n: number }>(
    'select filter_id, count(*)::integer as n from resource_role_filters where tenant_id = $1 group by filter_id',
    [tx.tenant],
  )
  return new Map(rows.map(({ filter_id, n }) => [filter_id, n]))
}

/** All of the tenant's, or those of some subjects. */
export const readResourceRoles = (tx: Tx, of?: Subjects): Promise<ResourceRole[]> =>
  of === undefined ? read(tx, 'true') : read(tx, 'r.user_id = any($2) or r.team_id = any($3)', of.users, of.teams)

/** Who holds one of these resource roles, or one that acts through one of these filters. */
export async function holdersThrough(
  tx: Tx,
  resourceRoles: readonly string[],
  filters: readonly string[],
): Promise<Subjects> {
  const rows = await tx.query<{ user_id: string | null; team_id: string | null }>(
    `select r.user_id, r.team_id from resource_roles r
      where r.tenant_id = $1 and (r.resource_role_id = any($2) or exists (
              select from resource_role_filters f
               where f.tenant_id = $1 and f.resource_role_id = r.resource_role_id and f.filter_id = any($3)))`,
    [tx.tenant, resourceRoles, filters],
  )
  return { users: rows.flatMap((row) => row.user_id ?? []), teams: rows.flatMap((row) => row.team_id ?? []) }
}

async function read(tx: Tx, condition: string, ...values: readonly unknown[]): Promise<ResourceRole[]> {
  const part = (table: string, column: string) =>
    `array(select ${column} from ${table} p where p.tenant_id = r.tenant_id and p.resource_role_id = r.resource_role_id
            order by p.position)`
  const rows = await tx.query<{
    resource_role_id: string
    user_id: string | null
    team_id: string | null
    projects: ProjectUid[]
    filters: FilterUid[]
    roles: RoleUid[]
  }>(
    `select r.resource_role_id, r.user_id, r.team_id, ${part('resource_role_projects', 'project_id::text')} as projects,
            ${part('resource_role_filters', 'filter_id::text')} as filters,
            ${part('resource_role_roles', 'role_id::text')} as roles
       from resource_roles r where r.tenant_id = $1 and (${condition}) order by r.created_at, r.resource_role_id`,
    [tx.tenant, ...values],
  )
  return rows.map((row) => ({
    uid: ResourceRoleUid.parse(row.resource_role_id),
    subject: row.user_id === null ? { team: TeamUid.parse(row.team_id) } : { user: UserUid.parse(row.user_id) },
    projects: row.projects,
    filters: row.filters,
    roles: row.roles,
  }))
}

/** The filters of these resource roles, by uid of the role; of other assignments there are none. */
export async function filterNames(
  tx: Tx,
  resourceRoles: readonly string[],
): Promise<ReadonlyMap<string, readonly { readonly uid: string; readonly name: string }[]>> {
  const rows = await tx.query<{ resource_role_id: string; filter_id: string; name: string }>(
    `select p.resource_role_id, p.filter_id, f.name from resource_role_filters p
       join filters f using (tenant_id, filter_id)
      where p.tenant_id = $1 and p.resource_role_id = any($2) order by p.position`,
    [tx.tenant, resourceRoles.filter((uid) => ResourceRoleUid.safeParse(uid).success)],
  )
  const found = Map.groupBy(rows, (row) => row.resource_role_id)
  return new Map([...found].map(([uid, of]) => [uid, of.map((row) => ({ uid: row.filter_id, name: row.name }))]))
}

/** How many assignments all resource roles of the tenant come to: of each its projects times its roles. */
export async function countCompiled(tx: Tx): Promise<number> {
  const each = (table: string) =>
    `(select resource_role_id, count(*) as count from ${table} where tenant_id = $1 group by resource_role_id)`
  const [row] = await tx.query<{ count: string }>(
    `select coalesce(sum(p.count * r.count), 0) as count
       from ${each('resource_role_projects')} p join ${each('resource_role_roles')} r using (resource_role_id)`,
    [tx.tenant],
  )
  return Number(row?.count)
}

/** Gives a user or team resource roles. What is named has been looked up. */
export async function insertResourceRole(
  tx: Tx,
  subject: Subject,
  written: WrittenResourceRole,
  by: UserUid,
  now: Date,
): Promise<ResourceRoleUid> {
  const uid = ResourceRoleUid.parse(newUid())
  await tx.query(
    `insert into resource_roles (tenant_id, resource_role_id, user_id, team_id, created_by, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $6)`,
    [
      ...[tx.tenant, uid, 'user' in subject ? subject.user : null, 'team' in subject ? subject.team : null],
      ...[by, now],
    ],
  )
  await insertParts(tx, uid, written)
  return uid
}

/** Makes a subject's resource role another one. */
export async function replaceResourceRole(
  tx: Tx,
  uid: ResourceRoleUid,
  written: WrittenResourceRole,
  now: Date,
): Promise<void> {
  for (const table of ['resource_role_projects', 'resource_role_filters', 'resource_role_roles'])
    await tx.query(`delete from ${table} where tenant_id = $1 and resource_role_id = $2`, [tx.tenant, uid])
  await tx.query('update resource_roles set updated_at = $3 where tenant_id = $1 and resource_role_id = $2', [
    ...[tx.tenant, uid, now],
  ])
  await insertParts(tx, uid, written)
}

async function insertParts(tx: Tx, uid: ResourceRoleUid, written: WrittenResourceRole): Promise<void> {
  const parts = [
    ['resource_role_projects', 'project_id', written.projects],
    ['resource_role_filters', 'filter_id', written.filters],
    ['resource_role_roles', 'role_id', written.roles],
  ] as const
  for (const [table, column, uids] of parts)
    await tx.query(
      `insert into ${table} (tenant_id, resource_role_id, ${column}, position)
       select $1::text, $2::text, given.uid, given.position from unnest($3::text[]) with ordinality as given(uid, position)`,
      [tx.tenant, uid, uids],
    )
}

/** Takes a resource role away. */
export async function deleteResourceRole(tx: Tx, uid: ResourceRoleUid): Promise<void> {
  await tx.query('delete from resource_roles where tenant_id = $1 and resource_role_id = $2', [tx.tenant, uid])
}

/** After a project is gone: what was given in it alone gives nothing any more. */
export async function deleteResourceRolesWithoutProject(tx: Tx): Promise<void> {
  await tx.query(
    `delete from resource_roles r where r.tenant_id = $1
        and not exists (select from resource_role_projects p
                         where p.tenant_id = r.tenant_id and p.resource_role_id = r.resource_role_id)`,
    [tx.tenant],
  )
}
