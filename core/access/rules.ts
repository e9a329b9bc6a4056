import type { RoleScope } from '../../contract/permissions.ts'
import { compareTag } from './tag-comparison.ts'
import type { Assignment, Scope, TagExpression, TagFilter } from './types.ts'

/** The single rules that both the plain decision and the compiled one are made of. */

/**
 * Whether a role of this kind may be given like this. What breaks the rule grants nothing, however it got into the store.
 *
 * A tenant role is given in the tenant; a project role in a project, in the tenant and so in all projects, or on one
 * workspace as a whole; a resource role in a project and with filters; a system role in the system scope of the tenant
 * `system`.
 */
export function mayBeGiven(kind: RoleScope, given: Pick<Assignment, 'scope' | 'filters'>, tenantUid: string): boolean {
  switch (kind) {
    case 'tenant':
      return given.scope.kind === 'tenant'
    case 'project':
      if (given.scope.kind === 'workspace') return given.filters === 'none'
      return given.scope.kind === 'tenant' || given.scope.kind === 'project'
    case 'resource':
      return given.scope.kind === 'project' && given.filters !== 'none'
    case 'system':
      return given.scope.kind === 'system' && tenantUid === 'system'
  }
}

/**
 * Whether what is given in one scope acts on objects of another: the tenant's in all its projects, a project's on its
 * workspaces too, the rest where it is.
 */
export function reaches(given: Scope, target: Scope): boolean {
  switch (given.kind) {
    case 'system':
      return target.kind === 'system'
    case 'tenant':
      return target.kind !== 'system'
    case 'project':
      return (target.kind === 'project' || target.kind === 'workspace') && target.projectUid === given.projectUid
    case 'workspace':
      return (
        target.kind === 'workspace' &&
        target.workspaceUid === given.workspaceUid &&
        target.projectUid === given.projectUid
      )
  }
}

/** A workspace goes by its project's name too: one that is said to be in another project is another place. */
export const placeName = (scope: Extract<Scope, { readonly projectUid: string }>): string =>
  scope.kind === 'project' ? scope.projectUid : `${scope.projectUid}/${scope.workspaceUid}`

/** Whether it still grants at `now`. Its end belongs to the time after it, and a time that is no number is after it too. */
export function isLive({ endsAt }: { readonly endsAt?: number | undefined }, now: number): boolean {
  return endsAt === undefined || now < endsAt
}

/** Whether a grant with these filters acts on an object with these tags; undefined: on no object in particular. */
export function selects(filters: Assignment['filters'], tags: Readonly<Record<string, string>> | undefined): boolean {
  return filters === 'none' || (tags !== undefined && filters.some((filter) => matches(filter, tags)))
}

/**
 * Whether one tag filter matches. Values compare byte for byte. What cannot be evaluated is false, negated or not: an
 * unknown operator or conjunction, an expression without values, a filter without expressions, a tag that is no number or no
 * time where that is compared.
 */
export function matches(filter: TagFilter, tags: Readonly<Record<string, string>>): boolean {
  if (filter.expressions.length === 0) return false
  if (filter.conjunction === 'and') return filter.expressions.every((expression) => holds(expression, tags))
  return filter.conjunction === 'or' && filter.expressions.some((expression) => holds(expression, tags))
}

function holds({ key, operator, negation, values }: TagExpression, tags: Readonly<Record<string, string>>): boolean {
  // Own members only: nothing that objects inherit is a tag.
  const compared = compareTag(operator, Object.hasOwn(tags, key) ? tags[key] : undefined, values)
  return compared !== undefined && compared !== negation
}
