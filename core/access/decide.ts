import { type CompiledAccess, holdersOf } from './compile.ts'
import {
  carries,
  isConditional,
  numberOfProject,
  numberOfScope,
  type Rows,
  reasonAt,
  rowsOf,
  systemScope,
  tenantScope,
} from './held.ts'
import { isLive, reaches, selects } from './rules.ts'
import type { AccessRequest, Decision, DenyCause, Reason } from './types.ts'

/**
 * Decides one request: the same answer as `decidePlain`, from the rows of the user and of the user's teams.
 *
 * Indexes are asserted, not checked: rows come from the arrays that they are used on.
 */
export function decide(request: AccessRequest, compiled: CompiledAccess): Decision {
  const { userUid } = request.subject
  const holders = compiled.principals.get(userUid) ?? meet(compiled, userUid)
  if (typeof holders === 'string') return deny(request, compiled, holders)
  const permission = compiled.roles.permissionNumbers.get(request.permission)
  if (permission === undefined) return deny(request, compiled, 'unknown-permission')
  const count = noteAll(request, compiled, holders, permission)
  if (count === 0) return deny(request, compiled, 'no-grant')
  const because = new Array<Reason>(count)
  for (let at = 0; at < count; at++) because[at] = compiled.noted[at]!
  return { effect: 'allow', because, epoch: compiled.epoch }
}

/** Remembers who an active user is; the refused are not worth the room, and there is no end to the unknown. */
function meet(compiled: CompiledAccess, userUid: string): readonly Rows[] | DenyCause {
  const user = compiled.users.get(userUid)
  if (user === undefined) return 'unknown-subject'
  if (!user.active) return 'subject-inactive'
  const rows = holdersOf(compiled, userUid).map((held) => rowsOf(held, compiled.roles))
  compiled.principals.set(userUid, rows)
  return rows
}

/** Notes the reasons that allow the request, in the order of `Decision`, and counts them. */
function noteAll(
  request: AccessRequest,
  compiled: CompiledAccess,
  holders: readonly Rows[],
  permission: number,
): number {
  const { scope } = request.resource
  const widest = scope.kind === 'system' ? systemScope : tenantScope
  const project = 'projectUid' in scope ? numberOfProject(scope.projectUid) : -1
  const workspace = scope.kind === 'workspace' ? numberOfScope(scope) : -1
  let count = 0
  for (const rows of holders) {
    count = noteRun(request, compiled, rows, permission, widest, count)
    if (project >= 0) count = noteRun(request, compiled, rows, permission, project, count)
    if (workspace >= 0) count = noteRun(request, compiled, rows, permission, workspace, count)
  }
  return count
}

/** The one loop that has to be fast: of one holder, what was given in the places of one number. */
function noteRun(
  request: AccessRequest,
  compiled: CompiledAccess,
  rows: Rows,
  permission: number,
  place: number,
  already: number,
): number {
  const { words } = rows
  const { roles, noted } = compiled
  let count = already
  for (let at = firstAt(words, place); at < words.length && words[at] === place; at += 2) {
    const packed = words[at + 1]!
    if (!carries(packed, roles, permission)) continue
    if (place > systemScope && !reaches(rows.grants[at >>> 1]!.scope, request.resource.scope)) continue
    if (isConditional(packed) && !applies(rows, at >>> 1, request)) continue
    noted[count++] = reasonAt(rows, at >>> 1, roles)
  }
  return count
}

/** Where the rows of a scope begin, or would. */
function firstAt(words: Int32Array, place: number): number {
  let from = 0
  let to = words.length >>> 1
  while (to - from > 4) {
    const middle = (from + to) >>> 1
    if (words[2 * middle]! < place) from = middle + 1
    else to = middle
  }
  while (from < to && words[2 * from]! < place) from++
  return 2 * from
}

function applies({ grants }: Rows, at: number, { now, resource }: AccessRequest): boolean {
  const assignment = grants[at]!
  return isLive(assignment, now) && selects(assignment.filters, resource.tags)
}

function deny({ permission, resource }: AccessRequest, { epoch }: CompiledAccess, why: DenyCause): Decision {
  return { effect: 'deny', missing: permission, scope: resource.scope, epoch, why }
}
