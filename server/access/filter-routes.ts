import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import * as contract from '../../contract/filters.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf, clientAnnotations } from '../../contract/wire/annotations.ts'
import { listMetaOf, pageOf, uidPath, uidReply, wireTime } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/filters.ts'
import { numberOf, sameFilter, type TagFilter, type TagOperator, timeOf } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import {
  countFilters,
  deleteFilter,
  type Filter,
  insertFilter,
  readFilter,
  readFilters,
  updateFilter,
  type WrittenFilter,
} from './filter-store.ts'
import { resourceRolesWith } from './resource-role-store.ts'
import { holdingsOfResourceRole } from './resource-roles.ts'

/** How many of a filter's uses a refusal names. */
const maxNamed = 20

/** Tag filters: on which objects a resource role acts. */
export const filterEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/filters',
    summary: 'Lists the filters of the tenant',
    permission: { tenant: 'filter.list' },
    query: wire.filterListQuery,
    reply: { status: 200, body: wire.filterList },
    refusals: ['invalid'],
    audit: 'refusals-only',
    async handle(c) {
      const { tx, query } = c
      const page = pageOf(query)
      if (!page.ok) return err(refuse('invalid', page.error))
      const all = await readFilters(tx)
      const shown = all.slice(page.value.offset, page.value.offset + page.value.limit)
      return ok({
        body: {
          items: shown.map((one) => ({ metadata: metadataOf(c, one), spec: { filterType: 'tag' as const } })),
          listmeta: listMetaOf(page.value, shown.length, all.length),
        },
      })
    },
  }),
  endpoint({
    route: 'GET /v1/filters/metadata',
    summary: 'Lists the names of the filters of the tenant',
    permission: { tenant: 'filter.list' },
    query: wire.filterMetadataQuery,
    reply: { status: 200, body: wire.filterMetadata },
    refusals: ['invalid'],
    audit: 'refusals-only',
    async handle({ tx, query: { filterType } }) {
      const all = filterType === 'meta' || filterType === 'resource' ? [] : await readFilters(tx)
      return ok({ body: { items: all.map(({ uid, name }) => ({ uid, name, filterType: 'tag' as const })) } })
    },
  }),
  endpoint({
    route: 'POST /v1/filters/tag',
    summary: 'Creates a tag filter',
    permission: { tenant: 'filter.create' },
    body: wire.filterIn,
    reply: { status: 201, body: uidReply },
    refusals: ['invalid', 'filter_name_taken', 'resource_limit'],
    audit: 'filter.created',
    async handle({ tx, body, now }) {
      const room = await hasRoom(tx, 'filter', () => countFilters(tx))
      if (!room.ok) return room
      const filter = written(body)
      const uid = await insertFilter(tx, filter, now)
      if (!uid.ok) return uid
      return ok({
        body: { uid: uid.value },
        resource: { uid: uid.value, name: filter.name },
        details: { filter: filter.filter },
      })
    },
  }),
  endpoint({
    route: 'GET /v1/filters/tag/{uid}',
    summary: 'Reads one tag filter',
    permission: { object: 'filter.get', find: findFilter },
    params: uidPath,
    reply: { status: 200, body: wire.filter },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle(c) {
      const found = await find(c.tx, c.params.uid)
      if (!found.ok) return found
      const { conjunction } = found.value.filter
      return ok({
        body: {
          metadata: metadataOf(c, found.value),
          // A part of a filter selects something else than the filter does: one that has no room here is shown without any.
          spec: { filterGroup: { conjunction, filters: publishedExpressions(found.value) ?? [] } },
        },
      })
    },
  }),
  endpoint({
    route: 'PUT /v1/filters/tag/{uid}',
    summary: 'Changes a tag filter, for everybody whose roles act through it',
    permission: { object: 'filter.update', find: findFilter },
    params: uidPath,
    body: wire.filterIn,
    reply: { status: 204 },
    refusals: ['not_found', 'invalid', 'filter_name_taken', 'exceeds_own_rights', 'conflict'],
    audit: 'filter.updated',
    changes: 'access',
    async handle(c) {
      const found = await find(c.tx, c.params.uid)
      if (!found.ok) return found
      if (publishedExpressions(found.value) === undefined)
        return err(
          refuse('conflict', 'It compares in ways that this shape has no room for: use /v1/palisade/filters/{uid}'),
        )
      return change(c, found.value, written(c.body))
    },
  }),
  endpoint({
    route: 'POST /v1/palisade/filters',
    summary: 'Creates a tag filter, with any operator',
    permission: { tenant: 'filter.create' },
    body: contract.FilterIn,
    reply: { status: 201, body: contract.FilterMade },
    refusals: ['invalid', 'filter_name_taken', 'resource_limit'],
    audit: 'filter.created',
    async handle({ tx, body: { name, ...filter }, now }) {
      const sound = canBeEvaluated(filter)
      if (!sound.ok) return sound
      const room = await hasRoom(tx, 'filter', () => countFilters(tx))
      if (!room.ok) return room
      const uid = await insertFilter(tx, { name, filter, labels: {}, annotations: {} }, now)
      if (!uid.ok) return uid
      return ok({ body: { uid: uid.value }, resource: { uid: uid.value, name }, details: { filter } })
    },
  }),
  endpoint({
    route: 'GET /v1/palisade/filters/{uid}',
    summary: 'Reads one tag filter whole, whatever it compares by',
    permission: { object: 'filter.get', find: findFilter },
    params: uidPath,
    reply: { status: 200, body: contract.Filter },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const found = await find(tx, params.uid)
      if (!found.ok) return found
      return ok({ body: shownFilter(found.value) })
    },
  }),
  endpoint({
    route: 'PUT /v1/palisade/filters/{uid}',
    summary: 'Changes a tag filter, with any operator, for everybody whose roles act through it',
    permission: { object: 'filter.update', find: findFilter },
    params: uidPath,
    body: contract.FilterIn,
    reply: { status: 204 },
    refusals: ['not_found', 'invalid', 'filter_name_taken', 'exceeds_own_rights'],
    audit: 'filter.updated',
    changes: 'access',
    async handle(c) {
      const found = await find(c.tx, c.params.uid)
      if (!found.ok) return found
      const { labels, annotations } = found.value
      const { name, ...filter } = c.body
      const sound = canBeEvaluated(filter)
      if (!sound.ok) return sound
      return change(c, found.value, { name, filter, labels, annotations })
    },
  }),
  endpoint({
    route: 'DELETE /v1/filters/tag/{uid}',
    summary: 'Deletes a tag filter that no assignment uses',
    permission: { object: 'filter.delete', find: findFilter },
    params: uidPath,
    reply: { status: 204 },
    refusals: ['not_found', 'filter_in_use'],
    audit: 'filter.deleted',
    // Nobody's rights change; but no assignment may take it up meanwhile.
    changes: 'access',
    async handle({ tx, params }) {
      const found = await find(tx, params.uid)
      if (!found.ok) return found
      const { uid, name, filter } = found.value
      const uses = await resourceRolesWith(tx, uid)
      if (uses.length > 0)
        return err(
          refuse('filter_in_use', `"${name}" is part of ${uses.length} resource roles. Take them away first`, {
            uses: uses.slice(0, maxNamed).map(({ subject, uid: resourceRole }) => ({ ...subject, resourceRole })),
            count: uses.length,
          }),
        )
      await deleteFilter(tx, uid)
      return ok({ body: undefined, resource: { uid, name }, details: { filter } })
    },
  }),
]

type Changing = { readonly tx: Tx; readonly access: RequestAccess; readonly now: Date }

async function change({ tx, access, now }: Changing, before: Filter, after: WrittenFilter) {
  const changed = !sameFilter(before.filter, after.filter)
  if (changed) {
    // Who acts through it acts on what it selects from now on: the same as giving it anew (threat D01).
    const uses = await resourceRolesWith(tx, before.uid)
    // A role that is switched off gives nothing; switching it on asks for what it would give then.
    const given = uses.flatMap((use) => holdingsOfResourceRole(use, [after.filter]))
    const covered = access.coversRoles(given.filter(({ roleUid }) => access.isRoleOn(roleUid)))
    if (!covered.ok) return covered
  }
  const updated = await updateFilter(tx, before.uid, after, now)
  if (!updated.ok) return updated
  const details = {
    ...(changed ? { filter: { before: before.filter, after: after.filter } } : {}),
    ...(after.name === before.name ? {} : { name: { before: before.name, after: after.name } }),
  }
  return ok({ body: undefined, resource: { uid: before.uid, name: after.name }, details })
}

/** A filter whole, as our own API shows it. */
export function shownFilter(found: Filter): z.input<typeof contract.Filter> {
  const { uid, name, filter } = found
  const expressions = filter.expressions.map((one) => ({ ...one, values: [...one.values] }))
  const isPublished = publishedExpressions(found) !== undefined
  return { uid, name, conjunction: filter.conjunction, expressions, isPublished }
}

/** What it compares, in the published shape; nothing where that has no room for it. */
function publishedExpressions({ filter: { expressions } }: Filter) {
  const published = expressions.flatMap(({ operator, values, ...one }) =>
    operator === 'eq' ? [{ ...one, operator, values: [...values] }] : [],
  )
  return published.length === expressions.length ? published : undefined
}

/** Refuses what would select nothing, whatever it is asked about: nobody means that. */
export function canBeEvaluated({ expressions }: TagFilter): Result<undefined, Refusal> {
  for (const [at, { operator, values }] of expressions.entries()) {
    const problem = problemOf(operator, values)
    if (problem) return err(refuse('invalid', `expressions.${at}.values: ${problem}`))
  }
  return ok(undefined)
}

function problemOf(operator: TagOperator, values: readonly string[]): string | undefined {
  if (operator === 'exists') return values.length === 0 ? undefined : 'exists takes none'
  if (values.length === 0) return 'needs a value'
  if (/^[lg]te?$/.test(operator) && !values.every((one) => numberOf(one) !== undefined))
    return 'numbers are written like 5, -5 or 5.25, with up to nine digits before the point and six behind it'
  if ((operator === 'before' || operator === 'after') && !values.every((one) => timeOf(one) !== undefined))
    return 'times are written like 2026-01-31 or 2026-01-31T08:00:00Z'
  return undefined
}

/** A filter as what is decided about. */
export async function findFilter({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
  const filter = await readFilter(tx, params.uid)
  return filter && { kind: 'filter', uid: filter.uid, name: filter.name, scope: { kind: 'tenant' as const } }
}

async function find(tx: Tx, uid: string): Promise<Result<Filter, Refusal>> {
  const filter = await readFilter(tx, uid)
  return filter ? ok(filter) : err(refuse('not_found', `No filter ${uid}`))
}

/** A filter as decisions see it. */
export const filterOf = ({ conjunction, filters }: z.output<typeof wire.filterGroupIn>): TagFilter => ({
  conjunction,
  expressions: filters,
})

function written({ metadata, spec: { filterGroup } }: z.output<typeof wire.filterIn>): WrittenFilter {
  return {
    name: metadata.name,
    filter: filterOf(filterGroup),
    labels: metadata.labels,
    annotations: clientAnnotations(metadata.annotations),
  }
}

/** What can be done to a filter. */
const onFilters = [
  'filter.delete',
  'filter.get',
  'filter.list',
  'filter.update',
] as const satisfies readonly Permission[]

function metadataOf(
  { tx, access }: { readonly tx: Tx; readonly access: RequestAccess },
  { uid, name, labels, annotations, createdAt, updatedAt }: Filter,
) {
  const permissions = onFilters.filter((permission) => access.allows(permission, { kind: 'tenant' }))
  return {
    name,
    uid,
    labels: { ...labels },
    annotations: annotationsOf(annotations, { scope: 'tenant', tenantUid: tx.tenant, permissions }),
    creationTimestamp: wireTime(createdAt),
    lastModifiedTimestamp: wireTime(updatedAt),
    deletionTimestamp: wireTime(null),
  }
}
