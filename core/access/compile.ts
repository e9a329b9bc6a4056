import { type Held, layOutHeld } from './held.ts'
import type { Principal } from './principal.ts'
import { changeRoles, layOutRoles, type RoleTable } from './role-table.ts'
import { type ReadableMap, type SharedMap, sharedMap } from './shared-map.ts'
import type {
  Assignment,
  Reason,
  RoleDefinition,
  SubjectRef,
  TeamRef,
  TenantAccessFacts,
  UserStanding,
} from './types.ts'

/**
 * Facts prepared for `decide`. Opaque: ask through `decide`, `permissionsOf`, `holdingsOf`, `covers` and their like. What is
 * filled in as it is asked for shows in no answer.
 */
export type CompiledAccess = {
  readonly tenantUid: string
  readonly epoch: string
  readonly permissions: TenantAccessFacts['permissions']
  readonly users: ReadableMap<string, UserStanding>
  readonly held: { readonly user: SharedMap<string, Held>; readonly team: SharedMap<string, Held> }
  readonly roles: RoleTable
  /** How many there are. */
  readonly assignments: number
  readonly met: Met
}

/** What was worked out since these facts were compiled. */
export type Met = {
  /** Active users. */
  readonly principals: Map<string, Principal>
  /** How many rows they have. */
  rows: number
  /** Room in which `decide` notes reasons, so that it allocates only what it answers. */
  readonly reasons: Reason[]
}

/**
 * Prepares facts for `decide`: groups the assignments by who holds them. What is worked out of a group is worked out when
 * somebody of it is first met.
 */
export function compile(facts: TenantAccessFacts): CompiledAccess {
  const { tenantUid, epoch, permissions, users, assignments } = facts
  const groups = { user: new Map<string, Assignment[]>(), team: new Map<string, Assignment[]>() }
  for (const assignment of assignments) {
    const { kind, uid } = assignment.subject
    const group = groups[kind].get(uid)
    if (group === undefined) groups[kind].set(uid, [assignment])
    else group.push(assignment)
  }
  const held = { user: layOut(groups.user), team: layOut(groups.team) }
  const roles = layOutRoles(facts)
  return { tenantUid, epoch, permissions, users, held, roles, assignments: assignments.length, met: unmet() }
}

/** What is otherwise now; what is not named is as before. */
export type AccessChanges = {
  readonly epoch: string
  readonly users?: ReadableMap<string, UserStanding>
  /** All that each of these users and teams holds now, in the order of the facts; nobody twice. */
  readonly held?: readonly { readonly subject: Assignment['subject']; readonly assignments: readonly Assignment[] }[]
  /** By UID; undefined for a role that is no more. */
  readonly roles?: readonly (readonly [string, RoleDefinition | undefined])[]
}

/**
 * The same answers as `compile` of the facts with these changes, at the cost of the changes: all else is shared with
 * `before`, which stays what it is for whoever still decides on it.
 */
export function recompile(before: CompiledAccess, changes: AccessChanges): CompiledAccess {
  const { epoch, users = before.users, held: given = [], roles: defined = [] } = changes
  if (users === before.users && given.length === 0 && defined.length === 0) return { ...before, epoch }
  let { assignments } = before
  const held = { ...before.held }
  for (const kind of ['user', 'team'] as const) {
    const theirs = given.filter(({ subject }) => subject.kind === kind)
    for (const { subject, assignments: now } of theirs)
      assignments += now.length - (before.held[kind].get(subject.uid)?.grants.length ?? 0)
    held[kind] = before.held[kind].with(
      theirs.map(({ subject, assignments: now }) => [subject.uid, now.length === 0 ? undefined : layOutHeld(now)]),
    )
  }
  const roles = defined.length === 0 ? before.roles : changeRoles(before.roles, defined)
  return { ...before, epoch, users, held, roles, assignments, met: unmet() }
}

/** A user and each of the user's teams, as far as they hold anything; whether the user is active is not looked at. */
export function holdersOf({ users, held }: CompiledAccess, userUid: string): readonly Held[] {
  const teams = new Set(users.get(userUid)?.teams)
  return [held.user.get(userUid), ...[...teams].map((team) => held.team.get(team))].filter((one) => one !== undefined)
}

/** Who holds what a subject can make use of: nobody for a user who is inactive, and for who is unknown. */
export function activeHolders(compiled: CompiledAccess, subject: SubjectRef | TeamRef): readonly Held[] {
  if ('userUid' in subject)
    return compiled.users.get(subject.userUid)?.active ? holdersOf(compiled, subject.userUid) : []
  const team = compiled.held.team.get(subject.teamUid)
  return team === undefined ? [] : [team]
}

/** All that a user or team was given, whatever it is worth. */
export const assignmentsHeldBy = (
  { held }: CompiledAccess,
  { kind, uid }: Assignment['subject'],
): readonly Assignment[] => held[kind].get(uid)?.grants ?? []

/** All assignments of one role, in no order. */
export function assignmentsOf({ held }: CompiledAccess, roleUid: string): readonly Assignment[] {
  const found: Assignment[] = []
  for (const kind of [held.user, held.team])
    for (const [, { grants }] of kind) for (const grant of grants) if (grant.roleUid === roleUid) found.push(grant)
  return found
}

function layOut(groups: ReadonlyMap<string, readonly Assignment[]>): SharedMap<string, Held> {
  const laidOut = function* () {
    for (const [uid, group] of groups) yield [uid, layOutHeld(group)] as const
  }
  return sharedMap(laidOut(), groups.size)
}

const unmet = (): Met => ({ principals: new Map(), rows: 0, reasons: [] })
