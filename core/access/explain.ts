import type { AnyPermission } from '../../contract/permissions.ts'
import { activeHolders, type CompiledAccess, holdersOf } from './compile.ts'
import { decide } from './decide.ts'
import { type Grant, grantsOf, type Held, reasonOf } from './held.ts'
import { meets, unmetOf } from './request-conditions.ts'
import { hasPermission, mayStand, placementOf } from './role-table.ts'
import { isLive, mayBeGiven, reaches, selects } from './rules.ts'
import type {
  AccessRequest,
  Assignment,
  Decision,
  Reason,
  RequestConditions,
  RoleDefinition,
  Scope,
  SubjectRef,
  TeamRef,
  UnmetCondition,
} from './types.ts'

/** Why a grant that carries the permission does not count for a request. */
export type NearMiss = {
  readonly reason: Reason
  readonly why: 'elsewhere' | 'ended' | 'not-selected' | 'condition'
  /** Of `condition`: what the request does not meet. */
  readonly unmet: readonly UnmetCondition[]
}

export type Explanation = {
  readonly decision: Decision
  /** The subject's grants of the permission that do not count: their own, then those of each team. */
  readonly near: readonly NearMiss[]
  /** Roles that would allow it if they were given, the one with the fewest permissions first. */
  readonly roles: readonly RoleDefinition[]
}

/** Says why a request is decided as it is, and what would be needed. Looks at every grant of the subject: for people, not for calls. */
export function explain(request: AccessRequest, compiled: CompiledAccess): Explanation {
  const decision = decide(request, compiled)
  const { permission, resource, subject, now } = request
  const near = holdersOf(compiled, subject.userUid)
    .flatMap((held) => grantsWith(held, compiled, permission))
    .flatMap((grant): NearMiss[] => {
      const { assignment } = grant
      const why = !reaches(assignment.scope, resource.scope)
        ? 'elsewhere'
        : !isLive(assignment, now)
          ? 'ended'
          : !selects(assignment.filters, resource.tags)
            ? 'not-selected'
            : !meets(assignment, request)
              ? 'condition'
              : undefined
      if (why === undefined) return []
      const unmet = why === 'condition' ? unmetOf(assignment.conditions ?? {}, request) : []
      return [{ reason: reasonOf(grant), why, unmet }]
    })
  return { decision, near, roles: rolesWith(request, compiled) }
}

/** What somebody holds that carries a permission. */
function grantsWith(held: Held, { roles }: CompiledAccess, permission: string): readonly Grant[] {
  const number = roles.permissionNumbers.get(permission)
  if (number === undefined) return []
  return grantsOf(held, roles).filter((grant) => hasPermission(roles, grant.number, number))
}

function rolesWith(
  { permission, resource }: AccessRequest,
  { roles, tenantUid }: CompiledAccess,
): readonly RoleDefinition[] {
  const { scope, tags } = resource
  // With a filter that selects the object, where there is one; a scope has nothing that could be selected.
  const given = tags === undefined ? (['none'] as const) : (['none', []] as const)
  const places = placesOf(scope)
  return [...roles.definitions.values()]
    .filter(
      (role) =>
        role.permissions.some((held) => held === permission) &&
        places.some((place) => given.some((filters) => mayBeGiven(role.scope, { scope: place, filters }, tenantUid))),
    )
    .toSorted((a, b) => a.permissions.length - b.permissions.length || (a.uid < b.uid ? -1 : 1))
}

/** Where a role can be given that is to act in a scope, the narrowest first. */
function placesOf(scope: Scope): readonly Scope[] {
  const tenant = { kind: 'tenant' } as const
  if (scope.kind === 'workspace') return [scope, { kind: 'project', projectUid: scope.projectUid }, tenant]
  return scope.kind === 'project' ? [scope, tenant] : [scope]
}

/** A live grant that acts on what its filters select. */
export type FilteredGrant = {
  readonly reason: Reason
  readonly permissions: readonly AnyPermission[]
  readonly filters: Assignment['filters']
}

/** What an active user holds through filters at `now`, without conditions: their own, then those of each team; or what one team does. */
export function filteredGrantsOf(
  compiled: CompiledAccess,
  subject: SubjectRef | TeamRef,
  now: number,
): readonly FilteredGrant[] {
  return liveGrantsOf(compiled, subject, now)
    .filter(({ assignment }) => assignment.filters !== 'none' && assignment.conditions === undefined)
    .map((grant) => ({
      reason: reasonOf(grant),
      permissions: grant.role.permissions,
      filters: grant.assignment.filters,
    }))
}

/** A live grant that counts for some requests. */
export type ConditionalGrant = Pick<FilteredGrant, 'reason' | 'permissions'> & {
  readonly conditions: RequestConditions
}

/** What an active user holds under conditions at `now`, through filters too: their own, then those of each team. */
export function conditionalGrantsOf(
  compiled: CompiledAccess,
  subject: SubjectRef | TeamRef,
  now: number,
): readonly ConditionalGrant[] {
  return liveGrantsOf(compiled, subject, now).flatMap((grant) => {
    const { conditions } = grant.assignment
    if (conditions === undefined) return []
    return [{ reason: reasonOf(grant), permissions: grant.role.permissions, conditions }]
  })
}

function liveGrantsOf(compiled: CompiledAccess, subject: SubjectRef | TeamRef, now: number): readonly Grant[] {
  return activeHolders(compiled, subject)
    .flatMap((held) => grantsOf(held, compiled.roles))
    .filter(({ assignment }) => isLive(assignment, now))
}

/** Everybody who may, without what it rests on: that is worked out of one user at a time, for there may be very many of both. */
export type AbleUsers = {
  /** Their UIDs, in no order. */
  readonly users: readonly string[]
  /** In what ways one of them may, the first so many, and of how many: as in a decision. */
  readonly waysOf: (user: string) => { readonly because: readonly Reason[]; readonly count: number }
}

/**
 * Every active user whom `decide` would allow the request: one pass over the assignments and one over the users, whoever they are.
 * Grants under conditions count, for each user makes a request of their own.
 *
 * Keeps a UID for each user and nothing for a grant, but for those of whom `waysOf` is asked, and of their teams.
 *
 * @param asking `isFiltered`, of a scope: also who may on what filters select in it, which `decide` would not allow in the scope as a
 *   whole; `most`: how many ways of one user are named
 */
export function whoCan(
  { permission, resource, now }: Omit<AccessRequest, 'subject'>,
  compiled: CompiledAccess,
  {
    isFiltered = false,
    most = Number.POSITIVE_INFINITY,
  }: { readonly isFiltered?: boolean; readonly most?: number } = {},
): AbleUsers {
  const isAny = isFiltered && resource.tags === undefined
  const { held, roles } = compiled
  const carrying = rolesCarrying(permission, roles)
  const roleOf = (assignment: Assignment): RoleDefinition | undefined => {
    const number = carrying.get(assignment.roleUid)
    const counts =
      number !== undefined &&
      reaches(assignment.scope, resource.scope) &&
      isLive(assignment, now) &&
      (isAny || selects(assignment.filters, resource.tags)) &&
      mayStand(roles, number, placementOf(assignment))
    return counts ? roles.byNumber[number] : undefined
  }
  const able = (holders: CompiledAccess['held']['user']): ReadonlySet<string> => {
    const found = new Set<string>()
    for (const [uid, { grants }] of holders) if (grants.some((grant) => roleOf(grant) !== undefined)) found.add(uid)
    return found
  }
  const own = able(held.user)
  const teams = able(held.team)
  const users: string[] = []
  if (own.size + teams.size > 0)
    for (const [user, standing] of compiled.users)
      if (standing.active && (own.has(user) || standing.teams.some((team) => teams.has(team)))) users.push(user)

  const waysIn = (grants: readonly Assignment[]): Ways => {
    const ways = noWays()
    for (const assignment of grants) {
      const role = roleOf(assignment)
      if (role !== undefined) addWay(ways, assignment.scope, most, () => reasonOf({ assignment, role }))
    }
    return ways
  }
  const waysOfTeams = new Map<string, Ways>()
  const waysOfTeam = (team: string): Ways => {
    const known = waysOfTeams.get(team) ?? waysIn(held.team.get(team)?.grants ?? [])
    waysOfTeams.set(team, known)
    return known
  }
  return {
    users,
    waysOf(user) {
      const standing = compiled.users.get(user)
      if (!standing?.active) return { because: [], count: 0 }
      const theirs = [...new Set(standing.teams)].filter((team) => teams.has(team)).map(waysOfTeam)
      const ways = [waysIn(held.user.get(user)?.grants ?? []), ...theirs]
      // As in a decision the widest come first, and of one width the user's own before those of each team.
      const because = breadth.flatMap((_, at) => ways.flatMap(({ widths }) => widths[at]?.slice(0, most) ?? []))
      return { because: because.slice(0, most), count: ways.reduce((sum, { count }) => sum + count, 0) }
    },
  }
}

/** Roles by UID that have the permission, each with its number. */
function rolesCarrying(permission: string, roles: CompiledAccess['roles']): ReadonlyMap<string, number> {
  const wanted = roles.permissionNumbers.get(permission)
  if (wanted === undefined) return new Map()
  return new Map([...roles.numbers].filter(([, number]) => hasPermission(roles, number, wanted)))
}

/** Ways of one holder by how wide they are, as many of each as are named, and how many there are in all. */
type Ways = { readonly widths: readonly Reason[][]; count: number }

const breadth: readonly Scope['kind'][] = ['system', 'tenant', 'project', 'workspace']
const noWays = (): Ways => ({ widths: breadth.map(() => []), count: 0 })

function addWay(ways: Ways, { kind }: Scope, most: number, reason: () => Reason): void {
  ways.count++
  const named = ways.widths[breadth.indexOf(kind)]
  if (named && named.length < most) named.push(reason())
}
