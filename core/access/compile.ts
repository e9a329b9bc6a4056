import { type GrantTable, type Holder, layOut } from './grant-table.ts'
import type { Assignment, Reason, RoleDefinition, TenantAccessFacts } from './types.ts'

/**
 * Facts prepared for `decide`. All but `facts` is opaque: ask through `decide`, `permissionsOf`, `holdingsOf` and `covers`.
 * What is filled in as it is asked for shows in no answer, and never gets larger than the facts.
 */
export type CompiledAccess = {
  readonly facts: TenantAccessFacts
  readonly grants: GrantTable
  /** Active users that were met: themselves and their teams, as far as they hold anything. */
  readonly principals: Map<string, readonly Holder[]>
  /** By row of the grants. */
  readonly reasons: (Reason | undefined)[]
  /** Room in which `decide` notes the rows that allow, so that it need not allocate any. */
  readonly noted: Int32Array
}

/** Prepares facts for `decide`, in a few passes over the assignments: some 50 ms for 100,000 of them, twice that the first time. */
export function compile(facts: TenantAccessFacts): CompiledAccess {
  const grants = layOut(facts)
  const rows = grants.place.length
  return { facts, grants, principals: new Map(), reasons: new Array(rows), noted: new Int32Array(rows) }
}

/** A user and each of the user's teams, as far as they hold anything; whether the user is active is not looked at. */
export function holdersOf({ facts, grants: { holders } }: CompiledAccess, userUid: string): readonly Holder[] {
  const found = new Set([holders.user.get(userUid)])
  for (const team of facts.users.get(userUid)?.teams ?? []) found.add(holders.team.get(team))
  return [...found].filter((holder) => holder !== undefined)
}

/** The reason that a row gives; one object for all decisions, so it is frozen. */
export function reasonOf(compiled: CompiledAccess, row: number): Reason {
  const made = compiled.reasons[row]
  if (made !== undefined) return made
  const { assignment, role } = grantAt(compiled, row)
  const { kind, uid } = assignment.subject
  const via = Object.freeze(kind === 'user' ? { kind } : { kind, teamUid: uid })
  const { id, scope } = assignment
  const reason = Object.freeze({ assignment: id, roleUid: role.uid, roleName: role.name, via, scope })
  compiled.reasons[row] = reason
  return reason
}

/** The assignment that a row stands for, and its role. */
export function grantAt(
  { facts, grants }: CompiledAccess,
  row: number,
): { assignment: Assignment; role: RoleDefinition } {
  const assignment = facts.assignments[grants.place[row]!]!
  return { assignment, role: facts.roles.get(assignment.roleUid)! }
}
