import { type Refusal, refuse } from '../../contract/errors.ts'
import { RoleUid } from '../../contract/ids.ts'
import { type AnyPermission, canonicalPermission, scopesOf } from '../../contract/permissions.ts'
import { type PredefinedRole, predefinedRoles } from '../../contract/roles.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

/** The kinds of role that a tenant makes for itself. */
export type CustomScope = 'tenant' | 'project' | 'resource'

/** A role that a tenant made. */
export type CustomRole = {
  readonly uid: RoleUid
  readonly name: string
  readonly scope: CustomScope
  readonly permissions: readonly AnyPermission[]
  readonly isEnabled: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenRole = Omit<CustomRole, 'uid' | 'createdAt' | 'updatedAt'>

export const predefinedByUid: ReadonlyMap<string, PredefinedRole> = new Map(
  predefinedRoles.map((role) => [role.uid, role]),
)
const predefinedNames: ReadonlySet<string> = new Set(predefinedRoles.map(({ name }) => nameKey(name)))

/**
 * A client's list of permissions in their canonical spelling, each once.
 *
 * @returns a clause that names the first one that no role of this kind may carry
 */
export function permissionsFor(scope: CustomScope, written: readonly string[]): Result<AnyPermission[], string> {
  const found = new Set<AnyPermission>()
  for (const text of written) {
    const permission = canonicalPermission(text)
    if (permission === undefined) return err(`spec.permissions: "${text}" is no permission; see GET /v1/permissions`)
    if (!scopesOf(permission).includes(scope))
      return err(
        `spec.permissions: a ${scope} role cannot carry "${permission}"; see GET /v1/permissions?scope=${scope}`,
      )
    found.add(permission)
  }
  return ok([...found])
}

/** Adds a role; `role_name_taken` where the name, in any spelling, is another's or a predefined one's. */
export async function insertRole(tx: Tx, role: WrittenRole, by: string, now: Date): Promise<Result<RoleUid, Refusal>> {
  if (predefinedNames.has(nameKey(role.name))) return err(refuse('role_name_taken'))
  const uid = RoleUid.parse(newUid())
  const inserted = await tx.query(
    `insert into roles (tenant_id, role_id, name, name_key, scope, permissions, is_enabled, labels, annotations, created_by,
                        created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) on conflict (tenant_id, name_key) do nothing returning role_id`,
    [
      ...[tx.tenant, uid, role.name, nameKey(role.name), role.scope, role.permissions, role.isEnabled],
      ...[role.labels, role.annotations, by, now],
    ],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('role_name_taken'))
}

/** Writes a role anew. */
export async function updateRole(
  tx: Tx,
  uid: RoleUid,
  role: WrittenRole,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  if (predefinedNames.has(nameKey(role.name))) return err(refuse('role_name_taken'))
  try {
    await tx.query(
      `update roles set name = $3, name_key = $4, scope = $5, permissions = $6, is_enabled = $7, labels = $8,
              annotations = $9, updated_at = $10
        where tenant_id = $1 and role_id = $2`,
      [
        ...[tx.tenant, uid, role.name, nameKey(role.name), role.scope, role.permissions, role.isEnabled],
        ...[role.labels, role.annotations, now],
      ],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'roles_tenant_id_name_key_key') return err(refuse('role_name_taken'))
    throw cause
  }
  return ok(undefined)
}

/** Removes a role that nobody holds. */
export async function deleteRole(tx: Tx, uid: RoleUid): Promise<void> {
  await tx.query('delete from roles where tenant_id = $1 and role_id = $2', [tx.tenant, uid])
}

export async function countRoles(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from roles where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

/** The role of the tenant's own that a path names; an unknown or foreign one, or what is no UID, finds none. */
export async function readRole(tx: Tx, uid: string): Promise<CustomRole | undefined> {
  return RoleUid.safeParse(uid).success ? (await readRoles(tx, [uid]))[0] : undefined
}

/** One of the tenant's own roles; refuses predefined ones, which nobody changes. */
export async function ownRole(tx: Tx, uid: string): Promise<Result<CustomRole, Refusal>> {
  const predefined = predefinedByUid.get(uid)
  if (predefined) return err(refuse('role_predefined', `"${predefined.name}" is predefined; clone it instead`))
  const role = await readRole(tx, uid)
  return role ? ok(role) : err(refuse('not_found', `No role ${uid}`))
}

/** These roles of the tenant's own, or all of them, by name. */
export async function readRoles(tx: Tx, uids?: readonly string[]): Promise<CustomRole[]> {
  const rows = await tx.query<Row>(
    `select role_id, name, scope, permissions, is_enabled, labels, annotations, created_at, updated_at from roles
      where tenant_id = $1 and ($2::text[] is null or role_id = any($2)) order by name_key`,
    [tx.tenant, uids ?? null],
  )
  return rows.map((row) => ({
    uid: RoleUid.parse(row.role_id),
    name: row.name,
    scope: row.scope,
    permissions: row.permissions,
    isEnabled: row.is_enabled,
    labels: row.labels,
    annotations: row.annotations,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}

type Row = {
  readonly role_id: string
  readonly name: string
  readonly scope: CustomScope
  // Written by `permissionsFor` alone.
  readonly permissions: AnyPermission[]
  readonly is_enabled: boolean
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  readonly created_at: Date
  readonly updated_at: Date
}

/** What may be given: predefined or the tenant's own, by UID; what exists nowhere is left out. */
export async function givableRoles(
  tx: Tx,
  uids: Iterable<string>,
): Promise<ReadonlyMap<string, Pick<CustomRole, 'uid' | 'name'> & { readonly scope: PredefinedRole['scope'] }>> {
  const wanted = [...new Set(uids)]
  const own = wanted.filter((uid) => !predefinedByUid.has(uid) && RoleUid.safeParse(uid).success)
  const custom = own.length > 0 ? await readRoles(tx, own) : []
  const predefined = wanted.flatMap((uid) => predefinedByUid.get(uid) ?? [])
  return new Map([...predefined, ...custom].map((role) => [role.uid, role]))
}

/** What roles are called, the predefined ones and the tenant's own; one that is no more is left out. */
export async function roleNames(tx: Tx, uids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  return new Map([...(await givableRoles(tx, uids))].map(([uid, { name }]) => [uid, name]))
}

/** Where a role is held: whose, and in which project or, without one, in the tenant. */
export type RoleUse = {
  readonly kind: 'user' | 'team'
  readonly uid: string
  readonly project: string | undefined
  /** Of the project, where it is held on that alone. */
  readonly workspace?: string
}

/** Everywhere that a role is held, filtered or not; what has ended is not held. */
export async function usesOfRole(tx: Tx, uid: RoleUid): Promise<RoleUse[]> {
  const rows = await tx.query<{
    user_id: string | null
    team_id: string | null
    project_id: string | null
    workspace_id: string | null
  }>(
    `select user_id, team_id, project_id, null::text as workspace_id from role_assignments
      where tenant_id = $1 and role_id = $2 and (ends_at is null or ends_at > now())
      union all
     select a.user_id, a.team_id, w.project_id, a.workspace_id
       from workspace_roles a join workspaces w using (tenant_id, workspace_id)
      where a.tenant_id = $1 and a.role_id = $2 and (a.ends_at is null or a.ends_at > now())
      union all
     select r.user_id, r.team_id, p.project_id, null
       from resource_role_roles rr
       join resource_roles r using (tenant_id, resource_role_id)
       left join resource_role_projects p using (tenant_id, resource_role_id)
      where rr.tenant_id = $1 and rr.role_id = $2 and (r.ends_at is null or r.ends_at > now())
      order by 1, 2, 3, 4`,
    [tx.tenant, uid],
  )
  return rows.map(({ user_id, team_id, project_id, workspace_id }) => ({
    ...(user_id === null ? { kind: 'team' as const, uid: team_id ?? '' } : { kind: 'user' as const, uid: user_id }),
    project: project_id ?? undefined,
    ...(workspace_id === null ? {} : { workspace: workspace_id }),
  }))
}
