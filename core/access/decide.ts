import { type CompiledAccess, holdersOf, reasonOf } from './compile.ts'
import { type Holder, hasPermission, placeName, systemScope, tenantScope } from './grant-table.ts'
import { isLive, selects } from './rules.ts'
import type { AccessRequest, Decision, DenyCause, Reason } from './types.ts'

/**
 * Decides one request: the same answer as `decidePlain`, from the rows of the user and of the user's teams.
 *
 * Indexes are asserted, not checked: rows and holders come from the table that they are used on.
 */
export function decide(request: AccessRequest, compiled: CompiledAccess): Decision {
  const { userUid } = request.subject
  const holders = compiled.principals.get(userUid) ?? meet(compiled, userUid)
  if (typeof holders === 'string') return deny(request, compiled, holders)
  const permission = compiled.grants.permissionNumbers.get(request.permission)
  if (permission === undefined) return deny(request, compiled, 'unknown-permission')
  const count = noteAll(request, compiled, holders, permission)
  if (count === 0) return deny(request, compiled, 'no-grant')
  const because = new Array<Reason>(count)
  for (let at = 0; at < count; at++) because[at] = reasonOf(compiled, compiled.noted[at]!)
  return { effect: 'allow', because, epoch: compiled.facts.epoch }
}

/** Remembers who an active user is; the refused are not worth the room, and there is no end to the unknown. */
function meet(compiled: CompiledAccess, userUid: string): readonly Holder[] | DenyCause {
  const user = compiled.facts.users.get(userUid)
  if (user === undefined) return 'unknown-subject'
  if (!user.active) return 'subject-inactive'
  const holders = holdersOf(compiled, userUid)
  compiled.principals.set(userUid, holders)
  return holders
}

/** Notes the rows that allow the request, in the order of the facts, and counts them. */
function noteAll(
  request: AccessRequest,
  compiled: CompiledAccess,
  holders: readonly Holder[],
  permission: number,
): number {
  const { scope } = request.resource
  const { placeNumbers } = compiled.grants
  switch (scope.kind) {
    case 'system':
      return noteRows(request, compiled, holders, permission, systemScope, systemScope, 0)
    case 'tenant':
      return noteRows(request, compiled, holders, permission, tenantScope, tenantScope, 0)
    case 'project': {
      // In a project where nobody was given anything, the tenant's are all.
      const own = placeNumbers.get(scope.projectUid) ?? tenantScope
      return noteRows(request, compiled, holders, permission, tenantScope, own, 0)
    }
    case 'workspace': {
      const project = placeNumbers.get(scope.projectUid) ?? tenantScope
      const count = noteRows(request, compiled, holders, permission, tenantScope, project, 0)
      const own = placeNumbers.get(placeName(scope))
      return own === undefined ? count : noteRows(request, compiled, holders, permission, own, own, count)
    }
  }
}

/**
 * The one loop that has to be fast: of each holder it looks at the run given in the wide scope and the run given in the
 * object's own, and at nothing else.
 *
 * @param already how many are noted by now
 */
function noteRows(
  request: AccessRequest,
  compiled: CompiledAccess,
  holders: readonly Holder[],
  permission: number,
  wide: number,
  own: number,
  already: number,
): number {
  const { startOf, scope, role, bits, conditional, place } = compiled.grants
  const { noted } = compiled
  let count = already
  for (const holder of holders) {
    const end = startOf[holder + 1]!
    for (let row = startOf[holder]!; row < end; row++) {
      const given = scope[row]!
      if (given > own) break
      if (given !== wide && given !== own) {
        row = lastBelow(scope, row, end, own)
        continue
      }
      if (!hasPermission(bits, role[row]!, permission)) continue
      if (conditional[row] === 1 && !applies(compiled, row, request)) continue
      // Few, and mostly in order already.
      let at = count++
      for (; at > 0 && place[noted[at - 1]!]! > place[row]!; at--) noted[at] = noted[at - 1]!
      noted[at] = row
    }
  }
  return count
}

/** The last row from `row` to before `end` whose scope is below `wanted`; that of `row` is, and they ascend. */
function lastBelow(scope: Int32Array, row: number, end: number, wanted: number): number {
  let below = row
  let beyond = end
  while (beyond - below > 1) {
    const middle = (below + beyond) >>> 1
    if (scope[middle]! < wanted) below = middle
    else beyond = middle
  }
  return below
}

function applies({ facts, grants }: CompiledAccess, row: number, { now, resource }: AccessRequest): boolean {
  const assignment = facts.assignments[grants.place[row]!]!
  return isLive(assignment, now) && selects(assignment.filters, resource.tags)
}

function deny({ permission, resource }: AccessRequest, { facts }: CompiledAccess, why: DenyCause): Decision {
  return { effect: 'deny', missing: permission, scope: resource.scope, epoch: facts.epoch, why }
}
