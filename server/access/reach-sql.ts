import {
  numberOf,
  numberPattern,
  type Reach,
  type TagExpression,
  type TagFilter,
  timeOf,
  timePattern,
  type WorkspaceScope,
} from '../../core/access/index.ts'

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

/** The rows whose labels a filter selects. */
export const filterCondition =
  (filter: TagFilter, tags: string): Condition =>
  (value) =>
    filterSql(filter, tags, value)

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
  // Nothing is put in for what selects nothing: the database knows no type of a value that stands nowhere.
  const kind = kindOf(operator, values)
  if (kind === undefined) return 'false'
  const tag = `(${tags} ->> ${value(key)}::text)`
  const not = negation ? 'not ' : ''
  const any = (compare: (one: string) => string) => values.map(compare).join(' or ')
  switch (kind) {
    case 'exists':
      return `${not}(${tag} is not null)`
    case 'number': {
      const isSo = any((one) => `${tag}::numeric ${comparisons[operator]} ${value(one)}::numeric`)
      return ordered(tag, value(numberPattern), isSo, negation)
    }
    case 'time': {
      const begins = `(case when length(${tag}) = 10 then ${tag} || 'T00:00:00Z' else ${tag} end) collate "C"`
      const isSo = any((one) => `${begins} ${comparisons[operator]} ${value(timeOf(one))}::text`)
      return ordered(tag, value(timePattern), isSo, negation)
    }
    case 'prefix':
      return `${not}coalesce(${any((one) => `starts_with(${tag}, ${value(one)}::text)`)}, false)`
    case 'equal':
      // No index serves labels: under row-level security only leakproof operators may use one. Reading one member is what costs least.
      return `${not}coalesce(${tag} = any(${value(values)}::text[]), false)`
  }
}

type Kind = 'equal' | 'prefix' | 'exists' | 'number' | 'time'

/** How it compares; nothing for what cannot be evaluated, whatever the tag. */
function kindOf(operator: TagExpression['operator'], values: readonly string[]): Kind | undefined {
  if (operator === 'exists') return values.length === 0 ? 'exists' : undefined
  if (values.length === 0) return undefined
  if (operator === 'eq' || operator === 'in') return 'equal'
  if (operator === 'prefix') return 'prefix'
  if (operator === 'before' || operator === 'after')
    return values.every((one) => timeOf(one) !== undefined) ? 'time' : undefined
  if (comparisons[operator] === undefined) return undefined
  return values.every((one) => numberOf(one) !== undefined) ? 'number' : undefined
}

const comparisons: Partial<Readonly<Record<TagExpression['operator'], string>>> = {
  ...{ lt: '<', lte: '<=', gt: '>', gte: '>=', before: '<', after: '>' },
}

/** A tag that is none of the kind is neither one nor the other; `case` keeps it from being read as one. */
const ordered = (tag: string, pattern: string, isSo: string, negation: boolean) =>
  `(case when ${tag} is null then ${negation} when ${tag} ~ ${pattern}::text then ${negation ? 'not ' : ''}(${isSo}) else false end)`
