import { refuse } from '../../contract/errors.ts'
import {
  assignmentsOf,
  type Coverage,
  concerned,
  conditionalGrantsOf,
  covers,
  decide,
  differenceFor,
  explain,
  filteredGrantsOf,
  gainedByTags,
  gainedInProjectsByTags,
  type Holding,
  holdingOf,
  holdingsOf,
  isLive,
  permissionsOf,
  propose,
  type ResourceRef,
  reachOf,
  type Scope,
  whoCan,
  withoutConditions,
  workspacesOf,
} from '../../core/access/index.ts'
import { err, ok } from '../../core/result.ts'
import type { Principal, RequestAccess } from '../gateway/index.ts'
import type { Snapshot } from './snapshot.ts'

/** How many missing rights a refusal names. */
const maxNamed = 20

/** Decisions for one caller on one snapshot, as handlers use them. `now` in milliseconds. */
export function requestAccess(
  snapshot: Snapshot,
  { user, origin }: Pick<Principal, 'user' | 'origin'>,
  now: number,
): RequestAccess {
  const { compiled } = snapshot
  /** Of requests that others make nothing is known. */
  const originOf = (userUid: string) => (userUid === user ? origin : undefined)
  const subject = { userUid: user }
  const check = (holdings: readonly Holding[]) => {
    const coverage = covers(compiled, subject, holdings, now)
    return coverage.covered ? ok(undefined) : err(exceeds(coverage))
  }
  return {
    allows: (permission, on) =>
      decide({ subject, permission, resource: resourceOf(on), now, origin }, compiled).effect === 'allow',
    // As if everything that ends had ended, and by no request: what is held for a time or under conditions does not count.
    allowsForGood: (permission, on) =>
      decide({ subject, permission, resource: resourceOf(on), now: Number.POSITIVE_INFINITY }, compiled).effect ===
      'allow',
    gainedByLabels({ scope }, labels) {
      const gained = gainedByTags(compiled, subject, { scope, ...labels }, now)
      if (scope.kind !== 'tenant') return gained
      // With the header of a project the tenant's own are read there.
      return new Set([...gained, ...gainedInProjectsByTags(compiled, subject, labels, now)])
    },
    coversRoles(given) {
      const holdings: Holding[] = []
      for (const { roleUid, scope, filters = 'none', endsAt } of given) {
        const role = compiled.roles.definitions.get(roleUid)
        if (!role) return err(refuse('not_found', `No role ${roleUid}`))
        holdings.push(holdingOf(role, { scope, filters, ...(endsAt === undefined ? {} : { endsAt }) }))
      }
      return check(holdings)
    },
    isRoleOn: (roleUid) => compiled.roles.definitions.has(roleUid),
    coversRoleChange(roleUid, permissions) {
      const before = compiled.roles.definitions.get(roleUid)
      const had = new Set(before?.permissions)
      const added = permissions.filter((permission) => !had.has(permission))
      if (added.length === 0) return ok(undefined)
      const held = assignmentsOf(compiled, roleUid).filter((assignment) => isLive(assignment, now))
      return check(held.map((assignment) => holdingOf({ permissions: added }, assignment)))
    },
    reachOf: (permission) => reachOf(compiled, subject, permission, now, origin),
    workspacesOf: (permission) => workspacesOf(compiled, subject, permission, now, origin),
    coversUser: (userUid) => check(holdingsOf(compiled, { kind: 'user', uid: userUid }, now)),
    coversTeam: (teamUid) => check(holdingsOf(compiled, { kind: 'team', uid: teamUid }, now)),
    permissionsOf: (about) => permissionsOf(compiled, about, now),
    ownPermissions: () => permissionsOf(compiled, subject, now, origin),
    explain: (userUid, permission, on) =>
      explain({ subject: { userUid }, permission, resource: on, now, origin: originOf(userUid) }, compiled),
    whoCan: (permission, on, asking) => whoCan({ permission, resource: on, now }, compiled, asking),
    filteredGrantsOf: (about) => filteredGrantsOf(compiled, about, now),
    conditionalGrantsOf: (about) => conditionalGrantsOf(compiled, about, now),
    simulate(change) {
      const before = withoutConditions(compiled)
      const after = propose(before, change)
      const may = (asked: typeof compiled, userUid: string, permission: string, resource: ResourceRef) =>
        decide({ subject: { userUid }, permission, resource, now }, asked).effect === 'allow'
      return {
        concerned: concerned(before, change),
        differenceFor: (userUid) => differenceFor({ userUid }, before, after, now),
        decide: (userUid, permission, on) => ({
          before: may(before, userUid, permission, on),
          after: may(after, userUid, permission, on),
        }),
      }
    },
    termsOf: (assignment) => snapshot.terms.get(assignment) ?? {},
    assignments: compiled.assignments,
    epoch: snapshot.epoch,
  }
}

function exceeds({ missing }: Extract<Coverage, { covered: false }>) {
  const named = missing.slice(0, maxNamed).map(({ permission, scope }) => `${permission} (${nameOf(scope)})`)
  const more = missing.length > maxNamed ? `, and ${missing.length - maxNamed} more` : ''
  return refuse('exceeds_own_rights', `Nobody gives more than they hold. You lack: ${named.join(', ')}${more}`, {
    missing: missing.slice(0, maxNamed),
  })
}

function nameOf(scope: Scope): string {
  if (scope.kind === 'workspace') return `workspace ${scope.workspaceUid}`
  return scope.kind === 'project' ? `project ${scope.projectUid}` : scope.kind
}

const resourceOf = (on: Parameters<RequestAccess['allows']>[1]): ResourceRef =>
  isScope(on) ? { kind: 'scope', scope: on } : on

/** A target has a scope; a scope has none. */
function isScope(on: Parameters<RequestAccess['allows']>[1]): on is Scope {
  return !('scope' in on)
}
