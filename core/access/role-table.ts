import type { RoleScope } from '../../contract/permissions.ts'
import { mayBeGiven } from './rules.ts'
import type { Assignment, RoleDefinition, Scope, TenantAccessFacts } from './types.ts'

/** Roles as numbers, with what each may do and where it may be given as bits. A value; its changed copies keep the numbers. */
export type RoleTable = {
  readonly tenantUid: string
  /** The catalogue. A permission outside it has no number, and so no role has it. */
  readonly permissionNumbers: ReadonlyMap<string, number>
  readonly wordsPerSet: number
  /** By UID. */
  readonly definitions: ReadonlyMap<string, RoleDefinition>
  /** Of every role that was defined since the table was laid out: a number never means another role. */
  readonly numbers: ReadonlyMap<string, number>
  /** By number; undefined for a role that is no more. */
  readonly byNumber: readonly (RoleDefinition | undefined)[]
  /** By number, `wordsPerSet` words each. */
  readonly bits: Uint32Array
  /** By number, a bit for each `placementOf`. */
  readonly placements: Uint16Array
  /** Changes when the numbers were given anew. */
  readonly generation: number
}

/** Numbers of roles that are no more are given up when there are this many more of them than of the others. */
const spare = 256

export function layOutRoles(facts: Pick<TenantAccessFacts, 'tenantUid' | 'permissions' | 'roles'>): RoleTable {
  const permissionNumbers = new Map<string, number>(
    [...facts.permissions].map((permission, number) => [permission, number]),
  )
  return fill({ tenantUid: facts.tenantUid, permissionNumbers, generation: 0 }, facts.roles)
}

/** The table with these roles defined anew, and those gone whose definition is undefined. */
export function changeRoles(
  table: RoleTable,
  changes: Iterable<readonly [string, RoleDefinition | undefined]>,
): RoleTable {
  const definitions = new Map(table.definitions)
  const numbers = new Map(table.numbers)
  const changed = new Set<string>()
  for (const [uid, role] of changes) {
    changed.add(uid)
    if (role === undefined) definitions.delete(uid)
    else {
      definitions.set(uid, role)
      if (!numbers.has(uid)) numbers.set(uid, numbers.size)
    }
  }
  if (numbers.size > 2 * definitions.size + spare)
    return fill({ ...table, generation: table.generation + 1 }, definitions)
  const sets = makeRoom(table, numbers.size)
  for (const uid of changed) writeRole({ ...table, ...sets }, numbers.get(uid), definitions.get(uid))
  return { ...table, ...sets, definitions, numbers }
}

/** Whether a role has a permission, both by number. */
export function hasPermission({ bits, wordsPerSet }: RoleTable, role: number, permission: number): boolean {
  return (bits[role * wordsPerSet + (permission >>> 5)]! & (1 << (permission & 31))) !== 0
}

/** Whether a role, by number, may be given in such a place. */
export const mayStand = ({ placements }: RoleTable, role: number, placement: number): boolean =>
  ((placements[role]! >>> placement) & 1) === 1

/** Everything about the way in which a role is given that `mayBeGiven` looks at, as a number below 8. */
export function placementOf({ scope, filters }: Pick<Assignment, 'scope' | 'filters'>): number {
  return kinds.indexOf(scope.kind) * 2 + (filters === 'none' ? 0 : 1)
}

const kinds: readonly Scope['kind'][] = ['system', 'tenant', 'project', 'workspace']
/** One of each kind: where within a kind it is given makes no difference to `mayBeGiven`. */
const examples: readonly Pick<Assignment, 'scope' | 'filters'>[] = (
  [
    { kind: 'system' },
    { kind: 'tenant' },
    { kind: 'project', projectUid: '' },
    { kind: 'workspace', projectUid: '', workspaceUid: '' },
  ] as const
).flatMap((scope) => [
  { scope, filters: 'none' },
  { scope, filters: [] },
])

function fill(
  head: Pick<RoleTable, 'tenantUid' | 'permissionNumbers' | 'generation'>,
  definitions: ReadonlyMap<string, RoleDefinition>,
): RoleTable {
  const numbers = new Map([...definitions.keys()].map((uid, number) => [uid, number]))
  const wordsPerSet = Math.ceil(head.permissionNumbers.size / 32)
  const none = { byNumber: [], bits: new Uint32Array(), placements: new Uint16Array() }
  const table = { ...head, wordsPerSet, definitions, numbers, ...makeRoom({ ...none, wordsPerSet }, numbers.size) }
  for (const [uid, role] of definitions) writeRole(table, numbers.get(uid), role)
  return table
}

type Sets = Pick<RoleTable, 'bits' | 'placements'> & { readonly byNumber: (RoleDefinition | undefined)[] }

/** Copies what is by number, with room for so many. */
function makeRoom(of: Pick<RoleTable, 'bits' | 'placements' | 'byNumber' | 'wordsPerSet'>, count: number): Sets {
  const bits = new Uint32Array(count * of.wordsPerSet)
  bits.set(of.bits)
  const placements = new Uint16Array(count)
  placements.set(of.placements)
  return { bits, placements, byNumber: [...of.byNumber, ...new Array(count - of.byNumber.length).fill(undefined)] }
}

function writeRole(
  table: Sets & Pick<RoleTable, 'tenantUid' | 'permissionNumbers' | 'wordsPerSet'>,
  number: number | undefined,
  role: RoleDefinition | undefined,
): void {
  if (number === undefined) return
  const { bits, wordsPerSet, permissionNumbers, placements, byNumber, tenantUid } = table
  const start = number * wordsPerSet
  bits.fill(0, start, start + wordsPerSet)
  placements[number] = role === undefined ? 0 : placementsOf(role.scope, tenantUid)
  byNumber[number] = role
  for (const permission of role?.permissions ?? []) {
    const bit = permissionNumbers.get(permission)
    if (bit !== undefined) bits[start + (bit >>> 5)]! |= 1 << (bit & 31)
  }
}

function placementsOf(kind: RoleScope, tenantUid: string): number {
  return examples.reduce(
    (sum, given) => (mayBeGiven(kind, given, tenantUid) ? sum | (1 << placementOf(given)) : sum),
    0,
  )
}
