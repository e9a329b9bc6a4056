import type { AnyPermission } from '../../contract/permissions.ts'
import { activeHolders, type CompiledAccess, holdersOf } from './compile.ts'
import { type Grant, grantsOf, type Held } from './held.ts'
import { meets, sameUntil } from './request-conditions.ts'
import { hasPermission } from './role-table.ts'
import { isLive, placeName, reaches, selects } from './rules.ts'
import type {
  Assignment,
  RequestOrigin,
  RoleDefinition,
  Scope,
  SubjectRef,
  TagFilter,
  TeamRef,
  WorkspaceScope,
} from './types.ts'

/** What one assignment gives, or would give: these permissions in this scope, perhaps on some objects or for some time. */
export type Holding = Limits & { readonly permissions: readonly AnyPermission[] }
type Limits = Pick<Assignment, 'scope' | 'filters' | 'endsAt'>

/** `missing` names each permission and scope once, in the order of the holdings. */
export type Coverage =
  | { readonly covered: true }
  | {
      readonly covered: false
      readonly missing: readonly { readonly permission: AnyPermission; readonly scope: Scope }[]
    }

export type HeldPermissions = {
  readonly system: readonly AnyPermission[]
  readonly tenant: readonly AnyPermission[]
  /** By project UID, for the projects with grants of their own; what the tenant gives there is in the list too. */
  readonly projects: ReadonlyMap<string, readonly AnyPermission[]>
  /** Likewise, for the workspaces with grants of their own. */
  readonly workspaces: readonly { readonly scope: WorkspaceScope; readonly permissions: readonly AnyPermission[] }[]
}

/**
 * What a user may do to every object of a scope at `now`, or what a team gives its members there, in the order of the catalogue; grants
 * with filters are left out. Nothing for a user who is inactive, and for who is unknown.
 *
 * @param origin of a request that is made by them; without it what they hold under conditions is left out
 */
export function permissionsOf(
  compiled: CompiledAccess,
  subject: SubjectRef | TeamRef,
  now: number,
  origin?: RequestOrigin,
): HeldPermissions {
  const held = grantsAt(compiled, subject, now, origin).filter(({ assignment }) => assignment.filters === 'none')
  // Each grant is looked at in its own place alone, which takes over what is held around it: there may be thousands of places.
  const byPlace = Map.groupBy(held, ({ assignment }) => nameOf(assignment.scope))
  const system = unite(compiled, byPlace.get('system') ?? [])
  const tenant = unite(compiled, byPlace.get('tenant') ?? [])
  const projects = new Map<string, readonly AnyPermission[]>()
  for (const grants of byPlace.values()) {
    const scope = grants[0]?.assignment.scope
    if (scope?.kind === 'project') projects.set(scope.projectUid, unite(compiled, grants, tenant))
  }
  const workspaces: HeldPermissions['workspaces'][number][] = []
  for (const grants of byPlace.values()) {
    const scope = grants[0]?.assignment.scope
    if (scope?.kind !== 'workspace') continue
    const around = projects.get(scope.projectUid) ?? tenant
    workspaces.push({ scope, permissions: unite(compiled, grants, around) })
  }
  return { system, tenant, projects, workspaces }
}

/**
 * All that a team or a user (through teams too) holds at `now`, or will hold once active: a pending user's activation link
 * is worth what that user will be able to do. What is held under conditions counts, for some request will meet them. An
 * unknown subject holds nothing; look it up first.
 */
export function holdingsOf(compiled: CompiledAccess, subject: Assignment['subject'], now: number): readonly Holding[] {
  const team = compiled.held.team.get(subject.uid)
  const holders = subject.kind === 'user' ? holdersOf(compiled, subject.uid) : team === undefined ? [] : [team]
  return liveGrants(compiled, holders, now).map((grant) => ({
    ...limitsOf(grant.assignment),
    permissions: unite(compiled, [grant]),
  }))
}

/**
 * Where a subject holds one permission: everywhere in the tenant, or in these projects, on everything there (`none`) or on
 * what any of the filters selects.
 */
export type Reach = 'all' | ReadonlyMap<string, Assignment['filters']>

/**
 * On which objects of the tenant's projects an active user holds a permission at `now`: an object is within it when, and only
 * when, `decide` allows the permission on it. Nothing for a user who is inactive or unknown. Workspaces are reached by grants
 * of their own besides: `workspacesOf`. Conditions are about the request and not about objects: they are decided here.
 */
export function reachOf(
  compiled: CompiledAccess,
  subject: SubjectRef,
  permission: AnyPermission,
  now: number,
  origin?: RequestOrigin,
): Reach {
  const number = compiled.roles.permissionNumbers.get(permission)
  if (number === undefined) return new Map()
  const reach = new Map<string, Assignment['filters']>()
  for (const { assignment, number: role } of grantsAt(compiled, subject, now, origin)) {
    if (!hasPermission(compiled.roles, role, number)) continue
    const { scope, filters } = assignment
    // With a filter nothing is given in the tenant: `mayBeGiven`.
    if (scope.kind === 'tenant') return 'all'
    if (scope.kind !== 'project') continue
    const had = reach.get(scope.projectUid)
    if (had === 'none') continue
    reach.set(scope.projectUid, filters === 'none' || had === undefined ? filters : united(had, filters))
  }
  return reach
}

/** The workspaces on which an active user holds a permission at `now` by roles given on them alone, whatever `reachOf` says. */
export function workspacesOf(
  compiled: CompiledAccess,
  subject: SubjectRef,
  permission: AnyPermission,
  now: number,
  origin?: RequestOrigin,
): readonly WorkspaceScope[] {
  const number = compiled.roles.permissionNumbers.get(permission)
  if (number === undefined) return []
  const given = grantsAt(compiled, subject, now, origin).flatMap(({ assignment, number: role }) =>
    assignment.scope.kind === 'workspace' && hasPermission(compiled.roles, role, number)
      ? [[placeName(assignment.scope), assignment.scope] as const]
      : [],
  )
  return [...new Map(given).values()]
}

/**
 * What an active user could do to an object by other tags that they may not do to it now, or not for as long and by as many
 * requests: what a grant gives that does not select it now, and no other gives without conditions and for at least as long.
 */
export function gainedByTags(
  compiled: CompiledAccess,
  subject: SubjectRef,
  { scope, before, after }: { readonly scope: Scope; readonly before: Tags; readonly after: Tags },
  now: number,
): ReadonlySet<AnyPermission> {
  const live = liveGrants(compiled, activeHolders(compiled, subject), now).filter(({ assignment }) =>
    reaches(assignment.scope, scope),
  )
  const had = live.filter(({ assignment }) => selects(assignment.filters, before))
  const lasts = ({ conditions, endsAt }: Assignment, as: Assignment) =>
    conditions === undefined && (endsAt === undefined || (as.endsAt !== undefined && as.endsAt <= endsAt))
  const gained = new Set<AnyPermission>()
  for (const one of live) {
    const { filters } = one.assignment
    if (!selects(filters, after) || selects(filters, before)) continue
    const enough = had.filter(({ assignment }) => lasts(assignment, one.assignment))
    const kept = new Set(unite(compiled, enough))
    for (const permission of unite(compiled, [one])) if (!kept.has(permission)) gained.add(permission)
  }
  return gained
}

/**
 * The same of an object of the tenant, which is read in its projects too: what a user could read of it in any project by other tags,
 * that they may not read there now.
 */
export function gainedInProjectsByTags(
  compiled: CompiledAccess,
  subject: SubjectRef,
  { before, after }: { readonly before: Tags; readonly after: Tags },
  now: number,
): ReadonlySet<AnyPermission> {
  // Nowhere else does a grant begin to select it.
  const projects = new Set(
    liveGrants(compiled, activeHolders(compiled, subject), now).flatMap(({ assignment: { scope, filters } }) =>
      scope.kind === 'project' && selects(filters, after) && !selects(filters, before) ? [scope.projectUid] : [],
    ),
  )
  const gained = new Set<AnyPermission>()
  for (const projectUid of projects)
    for (const permission of gainedByTags(
      compiled,
      subject,
      { scope: { kind: 'project', projectUid }, before, after },
      now,
    ))
      if (/\.(?:get|list)$/.test(permission)) gained.add(permission)
  return gained
}
type Tags = Readonly<Record<string, string>>

/** Each filter once, however it is spelled twice. */
function united(some: readonly TagFilter[], others: readonly TagFilter[]): readonly TagFilter[] {
  return [...new Map([...some, ...others].map((filter) => [spell(filter), filter])).values()]
}

/** Whether two filters are written the same: what they select may be the same without that. */
export const sameFilter = (one: TagFilter, other: TagFilter): boolean => spell(one) === spell(other)

/**
 * Before when time alone changes nothing about what a user may do with requests like this one: nothing of theirs ends, no window opens or
 * closes, no sign-in grows too old. Milliseconds; infinity for never.
 */
export function settledUntil(
  compiled: CompiledAccess,
  { userUid }: SubjectRef,
  now: number,
  origin: RequestOrigin,
): number {
  let until = Number.POSITIVE_INFINITY
  for (const { grants } of holdersOf(compiled, userUid))
    for (const grant of grants)
      if (grant.endsAt !== undefined || grant.conditions !== undefined)
        until = Math.min(until, sameUntil(grant, { now, origin }))
  return until
}

/** What a role would give, were it given like this. */
export function holdingOf(role: Pick<RoleDefinition, 'permissions'>, given: Limits): Holding {
  return { ...limitsOf(given), permissions: role.permissions }
}

/**
 * Whether the giver holds at least all of this: nobody gives, or reaches through another's key or link, more than they
 * hold (threats C04, D01). Each permission must be held by one live grant that reaches its scope, selects at least the
 * same objects and does not end sooner, so that it still holds later; one under conditions covers nothing, for what is given
 * outlives the request that met them. An inactive or unknown giver covers nothing.
 *
 * To check a change, hand in what the receivers hold *after* it.
 */
export function covers(
  compiled: CompiledAccess,
  giver: SubjectRef,
  holdings: readonly Holding[],
  now: number,
): Coverage {
  // Only what is given in a scope or around it reaches it.
  const own = Map.groupBy(grantsAt(compiled, giver, now, undefined), ({ assignment }) => nameOf(assignment.scope))
  const missing = new Map<string, { permission: AnyPermission; scope: Scope }>()
  for (const holding of holdings) {
    const held = new Set(
      unite(
        compiled,
        around(holding.scope).flatMap((scope) =>
          (own.get(nameOf(scope)) ?? []).filter(({ assignment }) => isWithin(holding, assignment)),
        ),
      ),
    )
    for (const permission of holding.permissions)
      if (!held.has(permission))
        missing.set(`${permission} ${nameOf(holding.scope)}`, { permission, scope: holding.scope })
  }
  return missing.size === 0 ? { covered: true } : { covered: false, missing: [...missing.values()] }
}

/** A scope and those that reach it: `reaches`. */
function around(scope: Scope): readonly Scope[] {
  if (scope.kind === 'system') return [scope]
  const tenant = { kind: 'tenant' } as const
  if (scope.kind === 'workspace') return [scope, { kind: 'project', projectUid: scope.projectUid }, tenant]
  return scope.kind === 'project' ? [scope, tenant] : [tenant]
}

function isWithin(holding: Holding, given: Assignment): boolean {
  return (
    reaches(given.scope, holding.scope) &&
    (given.endsAt === undefined || (holding.endsAt !== undefined && holding.endsAt <= given.endsAt)) &&
    (given.filters === 'none' || isSubset(holding.filters, given.filters))
  )
}

/** Every filter of one is also in the other. Filters that say the same in other words count as different. */
function isSubset(filters: Assignment['filters'], of: readonly TagFilter[]): boolean {
  if (filters === 'none') return false
  const among = new Set(of.map(spell))
  return filters.every((filter) => among.has(spell(filter)))
}

function spell({ conjunction, expressions }: TagFilter): string {
  const each = expressions.map(({ key, operator, negation, values }) => [key, operator, negation, values])
  return JSON.stringify([conjunction, each])
}

/** What an active user holds at `now`; under conditions what their request meets. */
function grantsAt(
  compiled: CompiledAccess,
  subject: SubjectRef | TeamRef,
  now: number,
  origin: RequestOrigin | undefined,
): readonly Grant[] {
  const live = liveGrants(compiled, activeHolders(compiled, subject), now)
  return live.filter(({ assignment }) => meets(assignment, { now, origin }))
}

function liveGrants({ roles }: CompiledAccess, holders: readonly Held[], now: number): readonly Grant[] {
  return holders.flatMap((held) => grantsOf(held, roles)).filter(({ assignment }) => isLive(assignment, now))
}

/** Everything that some of the grants give, or that is held around them, in the order of the catalogue. */
function unite(
  { permissions, roles }: CompiledAccess,
  held: readonly Grant[],
  around: readonly AnyPermission[] = [],
): readonly AnyPermission[] {
  const had = new Set(around)
  return [...permissions].filter(
    (name, permission) => had.has(name) || held.some(({ number }) => hasPermission(roles, number, permission)),
  )
}

function limitsOf({ scope, filters, endsAt }: Limits): Limits {
  return { scope, filters, ...(endsAt === undefined ? {} : { endsAt }) }
}

function nameOf(scope: Scope): string {
  return scope.kind === 'project' || scope.kind === 'workspace' ? `${scope.kind} ${placeName(scope)}` : scope.kind
}
