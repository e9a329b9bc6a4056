import { type CompiledAccess, holdersOf } from './compile.ts'
import {
  carries,
  isConditional,
  numberOfProject,
  numberOfScope,
  reasonAt,
  rowsOf,
  systemScope,
  tenantScope,
} from './held.ts'
import { mergeRows, type Principal } from './principal.ts'
import { meets } from './request-conditions.ts'
import { isLive, reaches, selects } from './rules.ts'
import type { AccessRequest, Assignment, Decision, DenyCause, Reason } from './types.ts'

/**
 * Decides one request: the same answer as `decidePlain`, from the rows of the user and of the user's teams.
 *
 * Indexes are asserted, not checked: rows come from the arrays that they are used on.
 */
export function decide(request: AccessRequest, compiled: CompiledAccess): Decision {
  const { userUid } = request.subject
  const principal = compiled.met.principals.get(userUid) ?? meet(compiled, userUid)
  if (typeof principal === 'string') return deny(request, compiled, principal)
  const permission = compiled.roles.permissionNumbers.get(request.permission)
  if (permission === undefined) return deny(request, compiled, 'unknown-permission')
  const { scope } = request.resource
  let count = noteRun(request, compiled, principal, permission, scope.kind === 'system' ? systemScope : tenantScope, 0)
  if ('projectUid' in scope)
    count = noteRun(request, compiled, principal, permission, numberOfProject(scope.projectUid), count)
  if (scope.kind === 'workspace') count = noteRun(request, compiled, principal, permission, numberOfScope(scope), count)
  if (count === 0) return deny(request, compiled, 'no-grant')
  const because = new Array<Reason>(count)
  for (let at = 0; at < count; at++) because[at] = compiled.met.reasons[at]!
  return { effect: 'allow', because, epoch: compiled.epoch }
}

/** Rows of principals that are kept at most, 16 bytes each, before all are forgotten and met anew. */
const mostRows = 2_000_000

/** Remembers who an active user is; the refused are not worth the room, and there is no end to the unknown. */
function meet(compiled: CompiledAccess, userUid: string): Principal | DenyCause {
  const user = compiled.users.get(userUid)
  if (user === undefined) return 'unknown-subject'
  if (!user.active) return 'subject-inactive'
  const principal = mergeRows(holdersOf(compiled, userUid).map((held) => rowsOf(held, compiled.roles)))
  const { met } = compiled
  met.rows += principal.rows
  if (met.rows > mostRows) {
    met.principals.clear()
    met.rows = principal.rows
  }
  met.principals.set(userUid, principal)
  return principal
}

/** The one loop that has to be fast: notes the reasons among what was given in the places of one number, and counts them. */
function noteRun(
  request: AccessRequest,
  { roles, met }: CompiledAccess,
  principal: Principal,
  permission: number,
  place: number,
  already: number,
): number {
  const { words, rows } = principal
  let count = already
  // The tenant's come first of all.
  for (let at = place === tenantScope ? 0 : firstAt(principal, place); at < rows && words[at] === place; at++) {
    const packed = words[rows + at]!
    if (!carries(packed, roles, permission)) continue
    const holder = principal.holders[words[2 * rows + at]!]!
    const row = words[3 * rows + at]!
    // Two places may have one number.
    if (place > systemScope && !reaches(holder.grants[row]!.scope, request.resource.scope)) continue
    if (isConditional(packed) && !counts(holder.grants[row]!, request)) continue
    met.reasons[count++] = reasonAt(holder, row, roles)
  }
  return count
}

/** What the numbers leave open of a conditional row: filters, an end, conditions on the request. */
function counts(grant: Assignment, request: AccessRequest): boolean {
  return isLive(grant, request.now) && selects(grant.filters, request.resource.tags) && meets(grant, request)
}

/** Where the rows of a scope begin, or would. */
function firstAt({ words, rows }: Principal, place: number): number {
  let from = 0
  let to = rows
  while (to - from > 8) {
    const middle = (from + to) >>> 1
    if (words[middle]! < place) from = middle + 1
    else to = middle
  }
  while (from < to && words[from]! < place) from++
  return from
}

function deny({ permission, resource }: AccessRequest, { epoch }: CompiledAccess, why: DenyCause): Decision {
  return { effect: 'deny', missing: permission, scope: resource.scope, epoch, why }
}
