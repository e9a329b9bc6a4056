import type { AnyPermission } from '../../contract/permissions.ts'
import { type CompiledAccess, grantAt, holdersOf, reasonOf } from './compile.ts'
import { decide } from './decide.ts'
import { hasPermission } from './grant-table.ts'
import { isLive, mayBeGiven, reaches, selects } from './rules.ts'
import type { AccessRequest, Decision, Reason, RoleDefinition, Scope, SubjectRef } from './types.ts'

/** Why a grant that carries the permission does not count for a request. */
export type NearMiss = {
  readonly reason: Reason
  readonly why: 'elsewhere' | 'ended' | 'not-selected'
}

export type Explanation = {
  readonly decision: Decision
  /** The subject's own grants of the permission that do not count, in the order of the facts. */
  readonly near: readonly NearMiss[]
  /** Roles that would allow it if they were given, the one with the fewest permissions first. */
  readonly roles: readonly RoleDefinition[]
}

/** Says why a request is decided as it is, and what would be needed. Looks at every grant of the subject: for people, not for calls. */
export function explain(request: AccessRequest, compiled: CompiledAccess): Explanation {
  const decision = decide(request, compiled)
  const { permission, resource, subject, now } = request
  const near = rowsOf(compiled, subject.userUid, permission).flatMap((row): NearMiss[] => {
    const { assignment } = grantAt(compiled, row)
    const why = !reaches(assignment.scope, resource.scope)
      ? 'elsewhere'
      : !isLive(assignment, now)
        ? 'ended'
        : !selects(assignment.filters, resource.tags)
          ? 'not-selected'
          : undefined
    return why === undefined ? [] : [{ reason: reasonOf(compiled, row), why }]
  })
  return { decision, near, roles: rolesWith(request, compiled) }
}

/** The rows of a user and their teams that carry a permission, in the order of the facts. */
function rowsOf(compiled: CompiledAccess, user: string, permission: string): readonly number[] {
  const { grants } = compiled
  const number = grants.permissionNumbers.get(permission)
  if (number === undefined) return []
  const rows: number[] = []
  for (const holder of holdersOf(compiled, user))
    for (let row = grants.startOf[holder]!; row < grants.startOf[holder + 1]!; row++)
      if (hasPermission(grants.bits, grants.role[row]!, number)) rows.push(row)
  return rows.sort((a, b) => grants.place[a]! - grants.place[b]!)
}

function rolesWith({ permission, resource }: AccessRequest, { facts }: CompiledAccess): readonly RoleDefinition[] {
  const { scope, tags } = resource
  // With a filter that selects the object, where there is one; a scope has nothing that could be selected.
  const given = tags === undefined ? (['none'] as const) : (['none', []] as const)
  const places = placesOf(scope)
  return [...facts.roles.values()]
    .filter(
      (role) =>
        role.permissions.some((held) => held === permission) &&
        places.some((place) =>
          given.some((filters) => mayBeGiven(role.scope, { scope: place, filters }, facts.tenantUid)),
        ),
    )
    .toSorted((a, b) => a.permissions.length - b.permissions.length)
}

/** Where a role can be given that is to act in a scope, the narrowest first. */
function placesOf(scope: Scope): readonly Scope[] {
  const tenant = { kind: 'tenant' } as const
  if (scope.kind === 'workspace') return [scope, { kind: 'project', projectUid: scope.projectUid }, tenant]
  return scope.kind === 'project' ? [scope, tenant] : [scope]
}

/** A live grant that acts on what its filters select. */
export type FilteredGrant = { readonly reason: Reason; readonly permissions: readonly AnyPermission[] }

/** What an active user holds through filters at `now`, in the order of the facts. */
export function filteredGrantsOf(
  compiled: CompiledAccess,
  { userUid }: SubjectRef,
  now: number,
): readonly FilteredGrant[] {
  if (!compiled.facts.users.get(userUid)?.active) return []
  const { grants } = compiled
  const rows: number[] = []
  for (const holder of holdersOf(compiled, userUid))
    for (let row = grants.startOf[holder]!; row < grants.startOf[holder + 1]!; row++) rows.push(row)
  return rows
    .sort((a, b) => grants.place[a]! - grants.place[b]!)
    .flatMap((row) => {
      const { assignment, role } = grantAt(compiled, row)
      if (assignment.filters === 'none' || !isLive(assignment, now)) return []
      return [{ reason: reasonOf(compiled, row), permissions: role.permissions }]
    })
}

/** A user who may, and every way in which. */
export type Able = { readonly user: string; readonly because: readonly Reason[] }

/**
 * Every active user whom `decide` would allow the request, with the same reasons: one pass over the assignments and one over
 * the users, whoever they are.
 *
 * @param isFiltered of a scope: also who may on what filters select in it, which `decide` would not allow in the scope as a whole
 */
export function whoCan(
  { permission, resource, now }: Omit<AccessRequest, 'subject'>,
  compiled: CompiledAccess,
  isFiltered = false,
): readonly Able[] {
  const isAny = isFiltered && resource.tags === undefined
  const { facts, grants } = compiled
  const number = grants.permissionNumbers.get(permission)
  if (number === undefined) return []
  const byHolder = new Map<string, number[]>()
  for (const [row, place] of grants.place.entries()) {
    if (!hasPermission(grants.bits, grants.role[row]!, number)) continue
    const assignment = facts.assignments[place]!
    if (!reaches(assignment.scope, resource.scope)) continue
    if (!isLive(assignment, now) || !(isAny || selects(assignment.filters, resource.tags))) continue
    const holder = `${assignment.subject.kind} ${assignment.subject.uid}`
    const rows = byHolder.get(holder)
    if (rows) rows.push(row)
    else byHolder.set(holder, [row])
  }
  const able: Able[] = []
  if (byHolder.size === 0) return able
  for (const [user, { teams, active }] of facts.users) {
    if (!active) continue
    const rows = [`user ${user}`, ...new Set(teams.map((team) => `team ${team}`))].flatMap(
      (holder) => byHolder.get(holder) ?? [],
    )
    if (rows.length === 0) continue
    rows.sort((a, b) => grants.place[a]! - grants.place[b]!)
    able.push({ user, because: rows.map((row) => reasonOf(compiled, row)) })
  }
  return able
}
