/**
 * The permission catalogue: what can be allowed, on which kind of resource, in which scopes.
 *
 * A permission is `<key>.<operation>`, compared byte for byte. 166 of them over 31 keys are published on the wire-compatible
 * API and may go into roles of a tenant; `tenant.*` and `systemAdmin.*` exist for system administrators alone. Whoever signs in
 * may read tags, so only `tag.update` stands here.
 */

/** Where a role of this kind is given; for a permission: the kinds of role that may carry it. */
export type RoleScope = 'system' | 'tenant' | 'project' | 'resource'

/** Title as `GET /v1/permissions` names the component, and for each operation the scopes whose roles may carry it. */
type Component = { readonly title: string; readonly operations: Readonly<Record<string, readonly RoleScope[]>> }

const S = ['system'] as const
const T = ['tenant'] as const
const STP = ['system', 'tenant', 'project'] as const
const TP = ['tenant', 'project'] as const
const TPR = ['tenant', 'project', 'resource'] as const

const everywhere = <Scopes>(scopes: Scopes) =>
  ({ create: scopes, delete: scopes, get: scopes, list: scopes, update: scopes }) as const
/** Read in resource scope too; changed in tenant and project only. */
const readByFilter = { create: TP, delete: TP, get: TPR, list: TPR, update: TP } as const
/** Everything but creating works in resource scope: a filter can only select what exists. */
const changedByFilter = { create: TP, delete: TPR, get: TPR, list: TPR, update: TPR } as const

/** In the order of their titles, which is the order of every answer. */
const components = {
  apiKey: { title: 'API Key', operations: everywhere(T) },
  appDeployment: { title: 'App Deployment', operations: everywhere(TP) },
  appProfile: { title: 'App Profile', operations: everywhere(TP) },
  audit: { title: 'Audit', operations: { get: STP, list: STP } },
  cloudaccount: { title: 'Cloud Account', operations: readByFilter },
  cloudconfig: { title: 'Cloud Config', operations: changedByFilter },
  cluster: { title: 'Cluster', operations: { ...changedByFilter, import: TP } },
  clusterGroup: { title: 'Cluster Group', operations: everywhere(TP) },
  clusterPair: { title: 'Cluster Pair', operations: everywhere(TP) },
  clusterProfile: { title: 'Cluster Profile', operations: { ...changedByFilter, publish: TPR } },
  clusterTemplate: { title: 'Cluster Template', operations: everywhere(TP) },
  dnsMapping: { title: 'DNS Mapping', operations: readByFilter },
  edgehost: { title: 'Edge Host', operations: { ...everywhere(TP), sshUpdate: TP, sshUserUpdate: TP } },
  edgeToken: { title: 'Edge Host Token', operations: everywhere(T) },
  filter: { title: 'Filter', operations: everywhere(T) },
  location: { title: 'Location', operations: readByFilter },
  machine: { title: 'Machine', operations: readByFilter },
  macro: { title: 'Macro', operations: readByFilter },
  privateGateway: { title: 'Private Gateway', operations: everywhere(TP) },
  project: { title: 'Project', operations: everywhere(TP) },
  packRegistry: { title: 'Registry', operations: readByFilter },
  role: { title: 'Role', operations: everywhere(T) },
  spcPolicy: { title: 'SPC Policy', operations: everywhere(TP) },
  sshKey: { title: 'SSH Key', operations: readByFilter },
  systemAdmin: { title: 'System Administrator', operations: everywhere(S) },
  tag: { title: 'Tag', operations: { update: TP } },
  team: { title: 'Team', operations: everywhere(T) },
  tenant: { title: 'Tenant', operations: everywhere(S) },
  user: { title: 'User', operations: everywhere(T) },
  virtualCloudconfig: { title: 'Virtual Cloud Config', operations: changedByFilter },
  virtualCluster: { title: 'Virtual Cluster', operations: changedByFilter },
  virtualMachine: {
    title: 'Virtual Machine',
    // Unlike everything else, `create` in resource scope too: the predefined role Resource Cluster Admin carries it.
    operations: {
      ...everywhere(TPR),
      ...{ clone: TPR, migrate: TPR, pause: TPR, restart: TPR, resume: TPR, start: TPR, stop: TPR },
      ...{ snapshotCreate: TPR, snapshotDelete: TPR, snapshotGet: TPR, snapshotList: TPR, snapshotUpdate: TPR },
    },
  },
  workspace: { title: 'Workspace', operations: { ...everywhere(TP), backup: TP, restore: TP } },
} as const satisfies Record<string, Component>

type Components = typeof components
type ComponentKey = keyof Components
type AllowedIn<Scope extends RoleScope, Key extends ComponentKey, Operations = Components[Key]['operations']> = {
  [Operation in keyof Operations & string]: Operations[Operation] extends readonly (infer Scopes)[]
    ? Scope extends Scopes
      ? `${Key}.${Operation}`
      : never
    : never
}[keyof Operations & string]

/** One action on one kind of resource that a role of a tenant may carry, in its canonical spelling. */
export type Permission = { [Key in ComponentKey]: AllowedIn<'tenant', Key> }[ComponentKey]

/** The same for a system administrator's role. `audit.get` and `audit.list` are both. */
export type SystemPermission = { [Key in ComponentKey]: AllowedIn<'system', Key> }[ComponentKey]

export type AnyPermission = Permission | SystemPermission

/** One element of what `GET /v1/permissions` answers: a component with those of its permissions that the scope takes. */
export type PermissionComponent = {
  readonly name: string
  readonly scope: RoleScope
  readonly permissions: readonly AnyPermission[]
}

const scopesByPermission: ReadonlyMap<string, readonly RoleScope[]> = new Map(
  Object.entries<Component>(components).flatMap(([key, { operations }]) =>
    Object.entries(operations)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([operation, scopes]) => [`${key}.${operation}`, scopes]),
  ),
)

/** The 166 permissions of tenants, components by title and operations by name. */
export const permissions = new Set(allowedIn('tenant')) as ReadonlySet<Permission> // Cast: see `allowedIn`.

/** The 12 permissions of system administrators: what `core/access` knows in the tenant `system`. */
export const systemPermissions = new Set(allowedIn('system')) as ReadonlySet<SystemPermission> // Cast: see `allowedIn`.

/** True for the canonical spelling of one of the 166 permissions, and nothing else: no wildcard, no alias. */
export function isPermission(text: string): text is Permission {
  return (permissions as ReadonlySet<string>).has(text) // Cast: any string may be looked up.
}

/** The canonical spelling of what a client sent, or undefined. Only `virtualCloudConfig.*` has a second spelling. */
export function canonicalPermission(text: string): Permission | undefined {
  const spelled = text.startsWith('virtualCloudConfig.')
    ? text.replace('virtualCloudConfig', 'virtualCloudconfig')
    : text
  return isPermission(spelled) ? spelled : undefined
}

/** The kinds of role that may carry this permission; none for what is no permission. */
export function scopesOf(permission: string): readonly RoleScope[] {
  return scopesByPermission.get(permission) ?? []
}

/** What `GET /v1/permissions?scope=` answers: one element for each component with something to give in that scope. */
export function permissionComponents(scope: RoleScope): readonly PermissionComponent[] {
  const allowed = allowedIn(scope)
  return Object.entries<Component>(components)
    .map(([key, { title }]) => ({ name: title, scope, permissions: allowed.filter((it) => it.startsWith(`${key}.`)) }))
    .filter((component) => component.permissions.length > 0)
}

function allowedIn(scope: RoleScope): readonly AnyPermission[] {
  // Cast: the keys were built from the very table that the types are computed from.
  return [...scopesByPermission.keys()].filter((it) => scopesOf(it).includes(scope)) as AnyPermission[]
}
