import type { AnyPermission } from '../../contract/permissions.ts'
import { type CompiledAccess, holdersOf } from './compile.ts'
import { decide } from './decide.ts'
import { type Grant, grantsOf, type Held, reasonOf } from './held.ts'
import { meets, unmetOf } from './request-conditions.ts'
import { hasPermission } from './role-table.ts'
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

/** What an active user holds through filters at `now`, without conditions: their own, then those of each team. */
export function filteredGrantsOf(compiled: CompiledAccess, subject: SubjectRef, now: number): readonly FilteredGrant[] {
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
  subject: SubjectRef,
  now: number,
): readonly ConditionalGrant[] {
  return liveGrantsOf(compiled, subject, now).flatMap((grant) => {
    const { conditions } = grant.assignment
    if (conditions === undefined) return []
    return [{ reason: reasonOf(grant), permissions: grant.role.permissions, conditions }]
  })
}

function liveGrantsOf(compiled: CompiledAccess, { userUid }: SubjectRef, now: number): readonly Grant[] {
  if (!compiled.users.get(userUid)?.active) return []
  return holdersOf(compiled, userUid)
    .flatMap((held) => grantsOf(held, compiled.roles))
    .filter(({ assignment }) => isLive(assignment, now))
}

/** A user who may, and every way in which. */
export type Able = { readonly user: string; readonly because: readonly Reason[] }

/**
 * Every active user whom `decide` would allow the request, with the same reasons, by UID: one pass over the assignments and
 * one over the users, whoever they are. Grants under conditions count, for each user makes a request of their own.
 *
 * @param isFiltered of a scope: also who may on what filters select in it, which `decide` would not allow in the scope as a whole
 */
export function whoCan(
  { permission, resource, now }: Omit<AccessRequest, 'subject'>,
  compiled: CompiledAccess,
  isFiltered = false,
): readonly Able[] {
  const isAny = isFiltered && resource.tags === undefined
  const reasonsOf = (holders: CompiledAccess['held']['user']) => {
    const found = new Map<string, readonly Reason[]>()
    for (const [uid, held] of holders) {
      const because = grantsWith(held, compiled, permission)
        .filter(
          ({ assignment }) =>
            reaches(assignment.scope, resource.scope) &&
            isLive(assignment, now) &&
            (isAny || selects(assignment.filters, resource.tags)),
        )
        .map(reasonOf)
      if (because.length > 0) found.set(uid, because)
    }
    return found
  }
  const users = reasonsOf(compiled.held.user)
  const teams = reasonsOf(compiled.held.team)
  const able: Able[] = []
  if (users.size + teams.size === 0) return able
  for (const [user, standing] of compiled.users) {
    if (!standing.active) continue
    const because = [
      ...(users.get(user) ?? []),
      ...[...new Set(standing.teams)].flatMap((team) => teams.get(team) ?? []),
    ]
    if (because.length > 0) able.push({ user, because: because.sort(widestFirst) })
  }
  return able.sort((a, b) => (a.user < b.user ? -1 : 1))
}

/** As in a decision: `because` of one scope, so that nothing else distinguishes places. */
function widestFirst(a: Reason, b: Reason): number {
  return breadth.indexOf(a.scope.kind) - breadth.indexOf(b.scope.kind)
}
const breadth: readonly Scope['kind'][] = ['system', 'tenant', 'project', 'workspace']
