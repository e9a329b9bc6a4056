import type { z } from 'zod'
import {
  type ClusterSearch,
  cloudTypes,
  type clusterMetadataSpec,
  type SearchFilter,
  type searchSchema,
} from '../../contract/wire/clusters.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { type listQuery, parseFilters, parseOrder } from '../../contract/wire/list-filters.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Condition } from '../access/index.ts'
import { type HealthName, stateNames } from './answers.ts'
import type { Sorting, Wanted } from './listing.ts'

/**
 * The cluster search: a filter of groups of comparisons, in SQL. Values only ever travel as parameters; columns, operators
 * and directions come from tables here. A property that is not known is refused, so that a misspelt one never shows all.
 */

type Property = {
  readonly title: string
  readonly type: 'string' | 'bool' | 'date' | 'keyValue'
  /** Over `c` (clusters) and `p` (projects). */
  readonly sql: string
  /** It reads only what tallies have. */
  readonly tallied?: true
  /** All values there are. */
  readonly values?: readonly string[]
}

/** Literals of this file, which hold no quote. */
const literal = (text: string) => `'${text}'`
const state = `case c.state ${Object.entries(stateNames)
  .map(([kept, shown]) => `when ${literal(kept)} then ${literal(shown)}`)
  .join(' ')} end`
const healthNames = { none: 'Unknown', good: 'Healthy', bad: 'UnHealthy' } as const satisfies Record<string, HealthName>
const health = `case when c.credential_mode = 'token' then ${literal(healthNames.good)}
  when c.credential_renew_at is null then ${literal(healthNames.none)}
  when c.credential_problem is null then ${literal(healthNames.good)} else ${literal(healthNames.bad)} end`

const properties: Readonly<Record<string, Property>> = {
  clusterName: { title: 'Name', type: 'string', sql: 'c.name' },
  clusterState: { title: 'State', type: 'string', sql: state, values: Object.values(stateNames) },
  healthState: { title: 'Health', type: 'string', sql: health, values: Object.values(healthNames) },
  environment: { title: 'Environment', type: 'string', sql: 'c.cloud_type', values: cloudTypes },
  kubernetesVersion: {
    title: 'Kubernetes version',
    type: 'string',
    sql: `ltrim(coalesce(c.kubernetes_version, ''), 'v')`,
  },
  projectUid: { title: 'Project UID', type: 'string', sql: 'c.project_id', tallied: true },
  projectName: { title: 'Project', type: 'string', sql: 'p.name' },
  tags: { title: 'Tags', type: 'keyValue', sql: 'c.labels', tallied: true },
  // Deleted clusters are gone: the property is there for clients that always ask for those that are not.
  isDeleted: { title: 'Deleted', type: 'bool', sql: 'false', tallied: true },
  creationTimestamp: { title: 'Created', type: 'date', sql: 'c.created_at' },
  lastModifiedTimestamp: { title: 'Last changed', type: 'date', sql: 'c.updated_at' },
}

const sortable: Readonly<Record<string, string>> = {
  clusterName: 'c.name_key',
  clusterState: state,
  healthState: health,
  environment: 'c.cloud_type',
  creationTimestamp: 'c.created_at',
  lastModifiedTimestamp: 'c.updated_at',
}

const maxFilters = 50
const maxValues = 100

/** @returns the condition and order, or a clause that says what cannot be searched by */
export function compileSearch(
  search: ClusterSearch,
): Result<{ readonly wanted: Wanted; readonly sorting: Sorting }, string> {
  const sorting: { column: string; descending: boolean }[] = []
  for (const { field, order } of search?.sort ?? []) {
    const column = Object.hasOwn(sortable, field) ? sortable[field] : undefined
    if (column === undefined) return err(`sort: "${field}" is not known; use ${Object.keys(sortable).join(', ')}`)
    sorting.push({ column, descending: order === 'desc' })
  }
  const groups = search?.filter?.filterGroups ?? []
  if (groups.reduce((sum, { filters }) => sum + filters.length, 0) > maxFilters)
    return err(`filter: more than ${maxFilters} comparisons`)
  const compiled: Condition[] = []
  for (const { conjunction, filters } of groups) {
    const conditions: Condition[] = []
    for (const filter of filters) {
      const condition = compileFilter(filter)
      if (!condition.ok) return condition
      conditions.push(condition.value)
    }
    if (conditions.length > 0) compiled.push(joined(conditions, conjunction))
  }
  const condition = compiled.length > 0 ? joined(compiled, search?.filter?.conjunction) : undefined
  const tallied = groups.every(({ filters }) => filters.every(({ property }) => properties[property]?.tallied))
  return ok({ wanted: { condition, tallied }, sorting })
}

/** The simpler filter and order of `POST /v1/dashboard/spectroclusters/metadata`. */
export function compileMetadataFilter(spec: z.output<typeof clusterMetadataSpec>): {
  readonly wanted: Wanted
  readonly sorting: Sorting
} {
  const { name, environment, state: wantedState, isImportReadOnly } = spec?.filter ?? {}
  const conditions: Condition[] = []
  const equals = (sql: string, wanted: string | null | undefined) => {
    if (wanted) conditions.push((value) => textTest(sql, { operator: 'eq' }, value(wanted)))
  }
  equals('c.cloud_type', environment)
  equals(state, wantedState)
  if (isImportReadOnly === false) conditions.push(() => `c.import_mode <> 'read-only'`)
  // v1FilterString ignores case unless it says otherwise; the comparisons of a search do not.
  const ignoreCase = name?.ignoreCase !== false
  for (const [member, operator] of [
    ['eq', 'eq'],
    ['ne', 'eq'],
    ['contains', 'contains'],
    ['beginsWith', 'beginsWith'],
  ] as const) {
    const wanted = name?.[member]
    if (typeof wanted !== 'string' || wanted === '') continue
    const is: Condition = (value) => textTest('c.name', { operator, ignoreCase }, value(wanted))
    conditions.push(member === 'ne' ? (value) => `not (${is(value)})` : is)
  }
  const column = {
    environment: sortable.environment,
    state: sortable.clusterState,
    name: sortable.clusterName,
    '': undefined,
  }[spec?.sort ?? '']
  return {
    wanted: {
      condition: conditions.length > 0 ? joined(conditions, 'and') : undefined,
      tallied: conditions.length === 0,
    },
    sorting: column === undefined ? [] : [{ column, descending: false }],
  }
}

/** The paths of `filters` and `orderBy` on `GET /v1/spectroclusters`; by labels a list is searched in `…/search`. */
const filterPaths: Readonly<Record<string, string>> = {
  'metadata.name': 'clusterName',
  'metadata.annotations.projectUid': 'projectUid',
  'spec.cloudType': 'environment',
  'status.state': 'clusterState',
}
const orderPaths: Readonly<Record<string, string>> = {
  'metadata.name': 'clusterName',
  'status.state': 'clusterState',
  'metadata.creationTimestamp': 'creationTimestamp',
  'metadata.lastModifiedTimestamp': 'lastModifiedTimestamp',
}

/** The conventions of lists: `filters=metadata.name=XANDstatus.state=Running`, `orderBy=metadata.name=-1`. */
export function compileList(
  query: Pick<z.output<typeof listQuery>, 'filters' | 'orderBy'>,
): Result<{ readonly wanted: Wanted; readonly sorting: Sorting }, string> {
  const filters = parseFilters(query.filters, Object.keys(filterPaths))
  if (!filters.ok) return filters
  const order = parseOrder(query.orderBy, Object.keys(orderPaths))
  if (!order.ok) return order
  return compileSearch({
    filter: {
      filterGroups: [
        {
          filters: filters.value.map(({ path, value }) => ({
            ...{ property: filterPaths[path] ?? path, type: 'string' },
            condition: { string: { operator: 'eq', match: { values: [value] } } },
          })),
        },
      ],
    },
    sort: order.value.map(({ path, descending }) => ({
      field: orderPaths[path] ?? path,
      order: descending ? 'desc' : 'asc',
    })),
  })
}

/** What may be searched by, as `search/schema` tells it. */
export function schemaAnswer(): z.input<typeof searchSchema> {
  return {
    schema: {
      properties: Object.entries(properties).map(([name, { title, type, values = [] }]) => ({
        name,
        displayName: title,
        type,
        hideDisplay: name === 'isDeleted',
        isDeprecated: false,
        enum: [...values],
        enumValues: values.map((value) => ({ value, displayValue: value })),
      })),
    },
  }
}

type Conjunction = 'and' | 'or' | null | undefined

function joined(conditions: readonly Condition[], conjunction: Conjunction): Condition {
  const word = conjunction === 'or' ? ' or ' : ' and '
  return (value) => conditions.map((condition) => `(${condition(value)})`).join(word)
}

function compileFilter({ property: name, type, condition }: SearchFilter): Result<Condition, string> {
  const property = Object.hasOwn(properties, name) ? properties[name] : undefined
  if (!property) return err(`filter: "${name}" is not known; use ${Object.keys(properties).join(', ')}`)
  if (type !== property.type) return err(`filter: "${name}" is of type ${property.type}, not ${type}`)
  const { sql } = property
  switch (property.type) {
    case 'string': {
      const asked = condition?.string
      if (!asked) return err(noCondition(name, type))
      // Equal names, whatever their case, have one key, and that is in an index.
      const keyed = name === 'clusterName' && asked.operator === 'eq' && asked.negation !== true
      return compare(name, asked, (value, one) =>
        keyed
          ? `c.name_key = ${value(nameKey(one))}::text and ${textTest(sql, asked, value(one))}`
          : textTest(sql, asked, value(one)),
      )
    }
    case 'keyValue': {
      const asked = condition?.keyValue
      if (!asked) return err(noCondition(name, type))
      return compare(
        name,
        asked,
        (value, one) => textTest(`(${sql} ->> ${value(asked.key)}::text)`, asked, value(one)),
        {
          // A missing key equals nothing, the empty text neither.
          and: (value) => `${sql} ? ${value(asked.key)}::text`,
        },
      )
    }
    case 'bool': {
      const asked = condition?.bool?.value
      if (typeof asked !== 'boolean') return err(noCondition(name, type))
      return ok((value) => `${sql} = ${value(asked)}::boolean`)
    }
    case 'date':
      return compileDate(name, sql, condition?.date)
  }
}

type Comparison<V> = {
  readonly match: { readonly conjunction?: Conjunction; readonly values: readonly V[] }
  readonly negation?: boolean | null | undefined
}

/** `match.values`, any or all of them, and the whole of it negated. */
function compare<V>(
  name: string,
  { match, negation }: Comparison<V>,
  test: (value: (of: unknown) => string, one: V) => string,
  { and }: { readonly and?: Condition } = {},
): Result<Condition, string> {
  if (match.values.length === 0 || match.values.length > maxValues)
    return err(`filter: "${name}" needs 1 to ${maxValues} values`)
  const tests = match.values.map(
    (one): Condition =>
      (value) =>
        test(value, one),
  )
  // One value is the usual case; of several any will do unless it says otherwise.
  const any = joined(tests, match.conjunction ?? 'or')
  return ok((value) => {
    const whole = and ? `(${and(value)}) and (${any(value)})` : any(value)
    return negation === true ? `not (${whole})` : whole
  })
}

function textTest(
  sql: string,
  {
    operator,
    ignoreCase,
  }: { readonly operator: 'eq' | 'contains' | 'beginsWith'; readonly ignoreCase?: boolean | null | undefined },
  placeholder: string,
): string {
  const fold = (text: string) => (ignoreCase === true ? `lower(${text})` : text)
  const [left, right] = [fold(sql), fold(`${placeholder}::text`)]
  switch (operator) {
    case 'eq':
      return `${left} = ${right}`
    case 'contains':
      return `strpos(${left}, ${right}) > 0`
    case 'beginsWith':
      return `starts_with(${left}, ${right})`
  }
}

const dateOperators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

function compileDate(
  name: string,
  sql: string,
  asked: NonNullable<SearchFilter['condition']>['date'],
): Result<Condition, string> {
  if (!asked) return err(noCondition(name, 'date'))
  const { operator, match, negation } = asked
  if (operator !== 'range')
    return compare(
      name,
      asked,
      (value, one) => `${sql} ${dateOperators[operator]} ${value(new Date(one))}::timestamptz`,
    )
  const [from, to] = match.values
  if (match.values.length !== 2 || from === undefined || to === undefined)
    return err(`filter: a range of "${name}" needs two values`)
  return ok((value) => {
    const whole = `${sql} >= ${value(new Date(from))}::timestamptz and ${sql} <= ${value(new Date(to))}::timestamptz`
    return negation === true ? `not (${whole})` : whole
  })
}

const noCondition = (name: string, type: string) => `filter: "${name}" needs condition.${type}`
