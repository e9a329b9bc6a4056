import { hasPermission, mayStand, placementOf, type RoleTable } from './role-table.ts'
import { hashOf } from './shared-map.ts'
import type { Assignment, Reason, RoleDefinition, Scope } from './types.ts'

/** What one user or team was given. Not changed, but for what is worked out of it when it is first asked for. */
export type Held = {
  /** By scope number, those of one scope in the order of the facts. */
  readonly grants: readonly Assignment[]
  /** What `rowsOf` made last. */
  rows: Rows | undefined
}

/** The same as numbers, for `decide`: two for each grant, its scope's, and what `packed` says. */
export type Rows = {
  readonly grants: readonly Assignment[]
  readonly words: Int32Array
  /** By place among the grants, as far as they were asked for. */
  readonly reasons: (Reason | undefined)[]
  readonly generation: number
  /** Of roles that there were not: another table may have them. */
  readonly lacking: RoleTable | undefined
}

export const tenantScope = 0
export const systemScope = 1
const projects = 2
const workspaces = 2 ** 30

/**
 * Ascending from the tenant's over the projects' to the workspaces'. Two places may have the same number, as rare as that is:
 * `reaches` tells them apart.
 */
export function numberOfScope(scope: Scope): number {
  switch (scope.kind) {
    case 'tenant':
      return tenantScope
    case 'system':
      return systemScope
    case 'project':
      return numberOfProject(scope.projectUid)
    case 'workspace':
      return workspaces + hashOf(scope.workspaceUid)
  }
}

export const numberOfProject = (uid: string): number => projects + (hashOf(uid) >>> 1)

/** Lays out what one subject holds, given in the order of the facts. */
export function layOutHeld(assignments: readonly Assignment[]): Held {
  const numbered = assignments.map((assignment) => ({ assignment, scope: numberOfScope(assignment.scope) }))
  numbered.sort((a, b) => a.scope - b.scope)
  return { grants: numbered.map(({ assignment }) => assignment), rows: undefined }
}

/** Role number, whether filters, an end or conditions must be looked at, and the way in which it is given. */
const noRole = -1
const roleShift = 4
const conditional = 8
const placements = 7

/** The rows for a table of roles: kept, and made anew only where its numbers say something else. */
export function rowsOf(held: Held, roles: RoleTable): Rows {
  const { rows } = held
  if (rows?.generation === roles.generation && (rows.lacking === undefined || rows.lacking === roles)) return rows
  const { grants } = held
  const words = new Int32Array(2 * grants.length)
  let isLacking = false
  for (const [at, grant] of grants.entries()) {
    const role = roles.numbers.get(grant.roleUid)
    if (role === undefined) isLacking = true
    words[2 * at] = numberOfScope(grant.scope)
    words[2 * at + 1] = role === undefined ? noRole : pack(role, grant)
  }
  const lacking = isLacking ? roles : undefined
  const made = { grants, words, reasons: new Array(grants.length), generation: roles.generation, lacking }
  held.rows = made
  return made
}

function pack(role: number, { scope, filters, endsAt, conditions }: Assignment): number {
  const isConditional = filters !== 'none' || endsAt !== undefined || conditions !== undefined
  return (role << roleShift) | (isConditional ? conditional : 0) | placementOf({ scope, filters })
}

/** Whether a packed row carries a permission, given as it may be; filters, ends and conditions are not looked at. */
export function carries(packed: number, roles: RoleTable, permission: number): boolean {
  if (packed === noRole) return false
  const role = packed >>> roleShift
  return hasPermission(roles, role, permission) && mayStand(roles, role, packed & placements)
}

export const isConditional = (packed: number): boolean => (packed & conditional) !== 0

/** A grant that can give something, and its role. */
export type Grant = { readonly assignment: Assignment; readonly role: RoleDefinition; readonly number: number }

/** Those of a subject's grants that can give anything: the role is there, and may be given like this. */
export function grantsOf(held: Held, roles: RoleTable): Grant[] {
  return held.grants.flatMap((assignment) => {
    const number = roles.numbers.get(assignment.roleUid)
    const role = number === undefined ? undefined : roles.byNumber[number]
    if (number === undefined || role === undefined) return []
    return mayStand(roles, number, placementOf(assignment)) ? [{ assignment, role, number }] : []
  })
}

/** The reason that a row gives; one object for all decisions, so it is frozen. */
export function reasonAt(rows: Rows, at: number, roles: RoleTable): Reason {
  const role = roles.byNumber[rows.words[2 * at + 1]! >>> roleShift]!
  const made = rows.reasons[at]
  // A role may have got another name since.
  if (made !== undefined && made.roleName === role.name) return made
  const reason = reasonOf({ assignment: rows.grants[at]!, role })
  rows.reasons[at] = reason
  return reason
}

export function reasonOf({ assignment, role }: Pick<Grant, 'assignment' | 'role'>): Reason {
  const { kind, uid } = assignment.subject
  const via = Object.freeze(kind === 'user' ? { kind } : { kind, teamUid: uid })
  const { id, scope } = assignment
  return Object.freeze({ assignment: id, roleUid: role.uid, roleName: role.name, via, scope })
}
