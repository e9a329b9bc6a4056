import type { Reach, TagExpression, TagFilter, WorkspaceScope } from '../../core/access/index.ts'

/** A condition in SQL; `value` puts a value in and answers its placeholder. */
export type Condition = (value: (of: unknown) => string) => string

/**
 * The rows within somebody's reach, as a condition: the same rows that `decide` would allow one by one, so that a list and
 * its count know of no other (threat D12). Nothing for `all`.
 *
 * @param project the column of a row's project
 * @param tags the jsonb column of its labels
 */
export function reachCondition(
  reach: Reach,
  { project, tags }: { readonly project: string; readonly tags: string },
): Condition | undefined {
  if (reach === 'all') return undefined
  // A resource role names many projects and the same filters in each: one comparison of the labels for all of them.
  const alike = [...Map.groupBy(reach, ([, filters]) => JSON.stringify(filters)).values()]
  const arms = alike.map((group) => ({ uids: group.map(([uid]) => uid), filters: group[0]?.[1] ?? [] }))
  if (arms.length === 0) return () => 'false'
  return (value) =>
    arms
      .map(({ uids, filters }) => {
        const there = `${project} = any(${value(uids)}::text[])`
        return filters === 'none' ? there : `${there} and (${anyOf(filters.map((one) => filterSql(one, tags, value)))})`
      })
      .map((condition) => `(${condition})`)
      .join(' or ')
}

/** The same for workspaces, which roles given on single ones reach besides. */
export function workspaceCondition(
  reach: Reach,
  workspaces: readonly WorkspaceScope[],
  columns: { readonly project: string; readonly tags: string; readonly workspace: string },
): Condition | undefined {
  const within = reachCondition(reach, columns)
  if (within === undefined) return undefined
  const uids = workspaces.map(({ workspaceUid }) => workspaceUid)
  return (value) => `(${within(value)}) or ${columns.workspace} = any(${value(uids)}::text[])`
}

const anyOf = (conditions: readonly string[]) => (conditions.length === 0 ? 'false' : conditions.join(' or '))

/** Parallel to `matches` of core/access; what that cannot evaluate is false here too. */
function filterSql({ conjunction, expressions }: TagFilter, tags: string, value: (of: unknown) => string): string {
  if (expressions.length === 0 || (conjunction !== 'and' && conjunction !== 'or')) return 'false'
  return `(${expressions.map((one) => expressionSql(one, tags, value)).join(` ${conjunction} `)})`
}

function expressionSql(
  { key, operator, negation, values }: TagExpression,
  tags: string,
  value: (of: unknown) => string,
): string {
  if (operator !== 'eq' || values.length === 0) return 'false'
  // No index serves labels: under row-level security only leakproof operators may use one. Reading one member is what costs least.
  const isOne = `coalesce((${tags} ->> ${value(key)}::text) = any(${value(values)}::text[]), false)`
  return negation ? `not ${isOne}` : isOne
}
