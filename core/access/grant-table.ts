import type { RoleScope } from '../../contract/permissions.ts'
import { mayBeGiven } from './rules.ts'
import type { Assignment, Scope, TenantAccessFacts } from './types.ts'

/** A user or a team that holds at least one grant. */
export type Holder = number

/**
 * Every assignment that can grant something, as one row of numbers. Rows are sorted by holder, then scope, then place: what
 * a holder has in one scope is one run of rows, in the order of the facts.
 */
export type GrantTable = {
  /** The first row of each holder, and after the last holder the number of rows. */
  readonly startOf: Int32Array
  /** `tenantScope`, `systemScope`, or the number of the project or workspace. */
  readonly scope: Int32Array
  /** Among the assignments of the facts. */
  readonly place: Int32Array
  /** Where the role's permissions begin in `bits`. */
  readonly role: Int32Array
  /** 1 where filters or an end must be looked at. */
  readonly conditional: Uint8Array
  /** A set of permission numbers for each role, in words of 32. */
  readonly bits: Uint32Array
  readonly permissionNumbers: ReadonlyMap<string, number>
  /** By the names of `placeName`. */
  readonly placeNumbers: ReadonlyMap<string, number>
  readonly holders: { readonly user: ReadonlyMap<string, Holder>; readonly team: ReadonlyMap<string, Holder> }
}

/** Below every place's number: what is given in the tenant comes first. */
export const tenantScope = 0
export const systemScope = 1
const firstPlace = 2

/** A workspace goes by its project's name too: one that is said to be in another project is another place. */
export const placeName = (scope: Extract<Scope, { readonly projectUid: string }>): string =>
  scope.kind === 'project' ? scope.projectUid : `${scope.projectUid}/${scope.workspaceUid}`

/** Lays the grants out. Left out: assignments without their role, and roles that may not be given like this. */
export function layOut(facts: TenantAccessFacts): GrantTable {
  const { assignments } = facts
  const { roles, ...sets } = layOutRoles(facts)
  const placeNumbers = new Map<string, number>()
  const holders = { user: new Map<string, Holder>(), team: new Map<string, Holder>() }

  // By place, in one pass: once they are sorted, neighbouring rows come from anywhere in memory.
  const scopeOf = new Int32Array(assignments.length)
  const holderOf = new Int32Array(assignments.length)
  const roleOf = new Int32Array(assignments.length)
  const conditionalOf = new Uint8Array(assignments.length)
  const granting: number[] = []
  for (const [place, assignment] of assignments.entries()) {
    const role = roles.get(assignment.roleUid)
    if (role === undefined || !mayBeGiven(role.kind, assignment, facts.tenantUid)) continue
    const { kind, uid } = assignment.subject
    scopeOf[place] = numberOfScope(placeNumbers, assignment.scope)
    holderOf[place] = numberOf(holders[kind], uid, holders.user.size + holders.team.size)
    roleOf[place] = role.start
    conditionalOf[place] = isConditional(assignment) ? 1 : 0
    granting.push(place)
  }
  const byScope = sortBy(scopeOf, firstPlace + placeNumbers.size, Int32Array.from(granting)).sorted
  const { sorted: place, startOf } = sortBy(holderOf, holders.user.size + holders.team.size, byScope)

  return {
    startOf,
    place,
    scope: place.map((at) => scopeOf[at]!),
    role: place.map((at) => roleOf[at]!),
    conditional: new Uint8Array(place.map((at) => conditionalOf[at]!)),
    ...sets,
    placeNumbers,
    holders,
  }
}

/** Whether a set that begins there has the permission. */
export function hasPermission(bits: Uint32Array, start: number, permission: number): boolean {
  return (bits[start + (permission >>> 5)]! & (1 << (permission & 31))) !== 0
}

/** A permission outside the catalogue gets no number, and so no role has it. */
function layOutRoles({ permissions, roles: defined }: TenantAccessFacts) {
  const permissionNumbers = new Map<string, number>([...permissions].map((permission, number) => [permission, number]))
  const wordsPerSet = Math.ceil(permissionNumbers.size / 32)
  const bits = new Uint32Array(wordsPerSet * defined.size)
  const roles = new Map<string, { readonly kind: RoleScope; readonly start: number }>()
  for (const [uid, role] of defined) {
    const start = roles.size * wordsPerSet
    roles.set(uid, { kind: role.scope, start })
    for (const permission of role.permissions) {
      const number = permissionNumbers.get(permission)
      if (number !== undefined) bits[start + (number >>> 5)]! |= 1 << (number & 31)
    }
  }
  return { roles, bits, permissionNumbers }
}

const isConditional = ({ filters, endsAt }: Assignment) => filters !== 'none' || endsAt !== undefined

function numberOfScope(placeNumbers: Map<string, number>, scope: Scope): number {
  if (scope.kind === 'tenant') return tenantScope
  if (scope.kind === 'system') return systemScope
  return numberOf(placeNumbers, placeName(scope), firstPlace + placeNumbers.size)
}

function numberOf(numbers: Map<string, number>, name: string, next: number): number {
  const met = numbers.get(name)
  if (met !== undefined) return met
  numbers.set(name, next)
  return next
}

/**
 * A stable counting sort.
 *
 * @param keys what to sort by, at least 0 and below `count`, by the numbers that are to be sorted
 * @returns the numbers sorted; and where those of each key begin, with their count at the end
 */
function sortBy(keys: Int32Array, count: number, numbers: Int32Array) {
  const startOf = new Int32Array(count + 1)
  for (const number of numbers) startOf[keys[number]! + 1]! += 1
  for (let key = 0; key < count; key++) startOf[key + 1]! += startOf[key]!
  const next = startOf.slice()
  const sorted = new Int32Array(numbers.length)
  for (const number of numbers) {
    const at = next[keys[number]!]!
    sorted[at] = number
    next[keys[number]!] = at + 1
  }
  return { sorted, startOf }
}
