import { type FilterUid, type ProjectUid, ResourceRoleUid, type RoleUid, TeamUid, UserUid } from '../../contract/ids.ts'
import type { RequestConditions } from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type GivenTerms, notEnded, type Subject } from './assignments.ts'
import { type TermsRow, termsAsStored, termsIn } from './terms.ts'

/** Several roles, given to one subject on what any of several filters selects in several projects. */
export type ResourceRole = {
  readonly uid: ResourceRoleUid
  readonly subject: Subject
  readonly projects: readonly ProjectUid[]
  readonly filters: readonly FilterUid[]
  readonly roles: readonly RoleUid[]
  readonly endsAt: Date | undefined
  readonly conditions: RequestConditions | undefined
  readonly createdAt: Date
  /** Who gave it, as far as that was a person. */
  readonly createdBy: UserUid | undefined
}

/** Some users and teams, by UID. */
export type Subjects = { readonly users: readonly string[]; readonly teams: readonly string[] }

export type WrittenResourceRole = Pick<ResourceRole, 'projects' | 'filters' | 'roles'>

// What has ended is not held any more: the row stays for a while, so that people are told what they held until when.

/** The resource roles of a user or team, the oldest first. */
export const resourceRolesOf = (tx: Tx, subject: Subject): Promise<ResourceRole[]> =>
  'user' in subject
    ? read(tx, `a.user_id = $2 and ${notEnded}`, subject.user)
    : read(tx, `a.team_id = $2 and ${notEnded}`, subject.team)

/** Those that are held by some subjects. */
export const resourceRolesOfSubjects = (tx: Tx, { users, teams }: Subjects): Promise<ResourceRole[]> =>
  read(tx, `(a.user_id = any($2) or a.team_id = any($3)) and ${notEnded}`, users, teams)

/** Those that are held in a project, in others too perhaps. */
export const resourceRolesIn = (tx: Tx, project: string): Promise<ResourceRole[]> =>
  read(
    tx,
    `exists (select from resource_role_projects p where p.tenant_id = $1 and p.resource_role_id = a.resource_role_id
               and p.project_id = $2) and ${notEnded}`,
    project,
  )

/** One, while it is held. */
export const readResourceRole = async (tx: Tx, uid: ResourceRoleUid): Promise<ResourceRole | undefined> =>
  (await read(tx, `a.resource_role_id = $2 and ${notEnded}`, uid))[0]

const throughFilter = `exists (select from resource_role_filters f
  where f.tenant_id = $1 and f.resource_role_id = a.resource_role_id and f.filter_id = $2)`

/** Those that act through a filter. */
export const resourceRolesWith = (tx: Tx, filter: FilterUid): Promise<ResourceRole[]> =>
  read(tx, `${throughFilter} and ${notEnded}`, filter)

/** How many resource roles act through each filter; through those that are not named none do. */
export async function countUsesOfFilters(tx: Tx): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.query<{ filter_id: string; n: number }>(
    `select f.filter_id, count(*)::integer as n
       from resource_role_filters f join resource_roles a using (tenant_id, resource_role_id)
      where tenant_id = $1 and ${notEnded} group by f.filter_id`,
    [tx.tenant],
  )
  return new Map(rows.map(({ filter_id, n }) => [filter_id, n]))
}

/** All of the tenant's, or those of some subjects, ended ones too. */
export const readResourceRoles = (tx: Tx, of?: Subjects): Promise<ResourceRole[]> =>
  of === undefined ? read(tx, 'true') : read(tx, 'a.user_id = any($2) or a.team_id = any($3)', of.users, of.teams)

/** Who holds, or held, one of these resource roles, or one that acts through one of these filters. */
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
    `array(select ${column} from ${table} p where p.tenant_id = a.tenant_id and p.resource_role_id = a.resource_role_id
            order by p.position)`
  const rows = await tx.query<
    TermsRow & {
      resource_role_id: string
      user_id: string | null
      team_id: string | null
      projects: ProjectUid[]
      filters: FilterUid[]
      roles: RoleUid[]
      created_at: Date
      created_by: string | null
    }
  >(
    `select a.resource_role_id, a.user_id, a.team_id, a.ends_at, a.conditions, a.created_at, a.created_by,
            ${part('resource_role_projects', 'project_id::text')} as projects,
            ${part('resource_role_filters', 'filter_id::text')} as filters,
            ${part('resource_role_roles', 'role_id::text')} as roles
       from resource_roles a where a.tenant_id = $1 and (${condition}) order by a.created_at, a.resource_role_id`,
    [tx.tenant, ...values],
  )
  return rows.map((row) => ({
    uid: ResourceRoleUid.parse(row.resource_role_id),
    subject: row.user_id === null ? { team: TeamUid.parse(row.team_id) } : { user: UserUid.parse(row.user_id) },
    ...{ projects: row.projects, filters: row.filters, roles: row.roles, ...termsIn(row) },
    createdAt: row.created_at,
    createdBy: row.created_by === null ? undefined : UserUid.parse(row.created_by),
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

/** How many rows a subject has, ended ones too. */
export async function countOf(tx: Tx, subject: Subject): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    `select count(*) as count from resource_roles where tenant_id = $1 and ${'user' in subject ? 'user_id' : 'team_id'} = $2`,
    [tx.tenant, 'user' in subject ? subject.user : subject.team],
  )
  return Number(row?.count)
}

/** Makes room: forgets what has ended, of one subject or of all. */
export async function forgetEnded(tx: Tx, subject?: Subject): Promise<void> {
  await tx.query(
    `delete from resource_roles a where a.tenant_id = $1 and not ${notEnded}
        and ($2::text is null or a.user_id = $2) and ($3::text is null or a.team_id = $3)`,
    [tx.tenant, subject && 'user' in subject ? subject.user : null, subject && 'team' in subject ? subject.team : null],
  )
}

/** What has ended is in no filter's way: forgets it, before the filter that it acted through goes. */
export async function forgetEndedWith(tx: Tx, filter: FilterUid): Promise<void> {
  await tx.query(`delete from resource_roles a where a.tenant_id = $1 and ${throughFilter} and not ${notEnded}`, [
    ...[tx.tenant, filter],
  ])
}

/** How many assignments all resource roles of the tenant come to, ended ones too: of each its projects times its roles. */
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
  { terms, ...written }: WrittenResourceRole & { readonly terms: GivenTerms },
  by: UserUid,
  now: Date,
): Promise<ResourceRoleUid> {
  const uid = ResourceRoleUid.parse(newUid())
  await tx.query(
    `insert into resource_roles (tenant_id, resource_role_id, user_id, team_id, created_by, created_at, updated_at, ends_at,
                                 conditions)
     values ($1, $2, $3, $4, $5, $6, $6, $7::timestamptz, $8::jsonb)`,
    [
      ...[tx.tenant, uid, 'user' in subject ? subject.user : null, 'team' in subject ? subject.team : null],
      ...[by, now, ...termsAsStored(terms)],
    ],
  )
  await insertParts(tx, uid, written)
  return uid
}

/** Makes a subject's resource role another one; until when and for which requests it is held stays. */
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
