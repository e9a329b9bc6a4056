import { permissions as catalogue } from '../../contract/permissions.ts'
import type {
  AccessRequest,
  Assignment,
  RoleDefinition,
  Scope,
  TagFilterSet,
  TenantAccessFacts,
} from '../../core/access/index.ts'
import { createRandom, type Random } from './random.ts'

/** Requests with the tenant each belongs to: a place in `tenants`. */
export type Workload = {
  readonly tenants: readonly TenantAccessFacts[]
  readonly requests: readonly { readonly tenant: number; readonly request: AccessRequest }[]
}

export type Size = {
  readonly tenants: number
  readonly usersPerTenant: number
  readonly teamsPerTenant: number
  readonly projectsPerTenant: number
  /** Roles in the tenant or a project given to users and to teams, each, in one tenant. */
  readonly toUsers: number
  readonly toTeams: number
  /** Filtered resource roles in one tenant. */
  readonly filtered: number
  readonly requests: number
}

/** 4 tenants, 1,000 users in 3 teams each, 10 projects a tenant, 40 resource roles with tag filters, 20,000 requests. */
export const usual: Size = {
  ...{ tenants: 4, usersPerTenant: 250, teamsPerTenant: 25, projectsPerTenant: 10 },
  ...{ toUsers: 125, toTeams: 60, filtered: 10, requests: 20_000 },
}

/** One tenant with 100,000 assignments. */
export const large: Size = {
  ...{ tenants: 1, usersPerTenant: 10_000, teamsPerTenant: 1_000, projectsPerTenant: 100 },
  ...{ toUsers: 76_000, toTeams: 20_000, filtered: 4_000, requests: 20_000 },
}

/** One tenant with 1,000,000 assignments, of which single ones change. */
export const huge: Size = {
  ...{ tenants: 1, usersPerTenant: 100_000, teamsPerTenant: 10_000, projectsPerTenant: 1_000 },
  ...{ toUsers: 760_000, toTeams: 200_000, filtered: 40_000, requests: 20_000 },
}

const now = Date.UTC(2030, 0, 1)
/** 120 permissions of the catalogue, and 12 roles over them: 3 for the tenant, 5 for projects, 4 for what filters select. */
const permissions = [...catalogue].slice(0, 120)
const tags = { env: ['prod', 'stage', 'dev'], team: ['pay', 'claims', 'core'], tier: ['1', '2'] }

/** The same size and seed make the same workload. */
export function makeWorkload(size: Size, seed: number): Workload {
  const random = createRandom(seed)
  const roles = [
    ...Array.from({ length: 3 }, (_, n) => makeRole(random, n, 'tenant', 30)),
    ...Array.from({ length: 5 }, (_, n) => makeRole(random, n, 'project', 40)),
    ...Array.from({ length: 4 }, (_, n) => makeRole(random, n, 'resource', 25)),
  ]
  const tenants = Array.from({ length: size.tenants }, (_, n) => makeTenant(random, size, roles, `tenant${n}`))
  const requests = Array.from({ length: size.requests }, () => {
    const tenant = random.below(size.tenants)
    return { tenant, request: makeRequest(random, size, `tenant${tenant}`) }
  })
  return { tenants, requests }
}

function makeRole(random: Random, n: number, scope: RoleDefinition['scope'], count: number): RoleDefinition {
  return {
    uid: `${scope}-role-${n}`,
    name: `${scope} role ${n}`,
    scope,
    permissions: random.sample(permissions, count),
  }
}

function makeTenant(
  random: Random,
  size: Size,
  roles: readonly RoleDefinition[],
  tenantUid: string,
): TenantAccessFacts {
  const teams = Array.from({ length: size.teamsPerTenant }, (_, n) => `${tenantUid}-team${n}`)
  const users = Array.from({ length: size.usersPerTenant }, (_, n) => userOf(tenantUid, n))
  const assignments: Assignment[] = []
  // One object for what many assignments have in common, as the server reads them (server/access/facts-store.ts).
  const shared = new Map<string, unknown>()
  const share = <T>(value: T): T => {
    const key = JSON.stringify(value)
    if (!shared.has(key)) shared.set(key, value)
    return shared.get(key) as T // Cast: equal text is equal value.
  }
  const give = (
    kind: 'user' | 'team',
    uid: string,
    scope: Scope,
    roleScope: string,
    filters: TagFilterSet | 'none',
  ) => {
    const role = random.pick(roles.filter((it) => it.scope === roleScope))
    const id = `${tenantUid}-${String(assignments.length).padStart(6, '0')}`
    assignments.push({ id, subject: share({ kind, uid }), roleUid: role.uid, scope: share(scope), filters })
  }
  const giveSomewhere = (kind: 'user' | 'team', uid: string) => {
    if (random.next() < 0.05) give(kind, uid, { kind: 'tenant' }, random.pick(['tenant', 'project']), 'none')
    else give(kind, uid, anyProject(random, size, tenantUid), 'project', 'none')
  }
  for (let n = 0; n < size.toUsers; n++) giveSomewhere('user', random.pick(users))
  for (let n = 0; n < size.toTeams; n++) giveSomewhere('team', random.pick(teams))
  for (let n = 0; n < size.filtered; n++)
    give('team', random.pick(teams), anyProject(random, size, tenantUid), 'resource', makeFilters(random))
  return {
    tenantUid,
    epoch: '1',
    permissions: new Set(catalogue),
    users: new Map(users.map((uid) => [uid, { teams: random.sample(teams, 3), active: true }])),
    assignments,
    roles: new Map(roles.map((role) => [role.uid, role])),
  }
}

function makeFilters(random: Random): TagFilterSet {
  return Array.from({ length: 1 + random.below(2) }, () => ({
    conjunction: random.pick(['and', 'or'] as const),
    expressions: random.sample(Object.keys(tags) as (keyof typeof tags)[], 1 + random.below(2)).map((key) => ({
      key,
      operator: 'eq' as const,
      negation: random.next() < 0.3,
      values: random.sample(tags[key], 1 + random.below(2)),
    })),
  }))
}

/** Every string is made anew, as it comes out of a parser: no look-up is spared by comparing addresses. */
function makeRequest(random: Random, size: Size, tenantUid: string): AccessRequest {
  const permission = random.pick(permissions)
  const scope: Scope = random.next() < 0.1 ? { kind: 'tenant' } : anyProject(random, size, tenantUid)
  const worn = Object.entries(tags).flatMap(([key, values]) =>
    random.next() < 0.8 ? [[key, random.pick(values)] as const] : [],
  )
  return {
    subject: { userUid: userOf(tenantUid, random.below(size.usersPerTenant)) },
    permission,
    resource: {
      kind: permission.split('.')[0] ?? '',
      uid: `object${random.below(500)}`,
      scope,
      tags: Object.fromEntries(worn),
    },
    now,
  }
}

const userOf = (tenantUid: string, n: number) => `${tenantUid}-user${n}`

function anyProject(random: Random, size: Size, tenantUid: string): Scope {
  return { kind: 'project', projectUid: `${tenantUid}-project${random.below(size.projectsPerTenant)}` }
}
