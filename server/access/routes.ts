import { refuse } from '../../contract/errors.ts'
import { systemTenant } from '../../contract/ids.ts'
import { permissionComponents, type RoleScope } from '../../contract/permissions.ts'
import { type PredefinedRole, predefinedRoles, systemRoles } from '../../contract/roles.ts'
import { listMetaOf, pageOf, uidPath, wireTime } from '../../contract/wire/common.ts'
import { listQuery, parseFilters, parseOrder } from '../../contract/wire/list-filters.ts'
import * as wire from '../../contract/wire/roles.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'

const filterable = ['metadata.name', 'metadata.uid', 'spec.scope', 'spec.type'] as const
const sortable = ['metadata.name', 'metadata.uid'] as const

/** Reading roles and the catalogue of permissions. */
export const accessEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/roles',
    summary: 'Lists the roles of the tenant',
    permission: { tenant: 'role.list' },
    query: listQuery,
    reply: { status: 200, body: wire.roleList },
    refusals: ['invalid'],
    audit: 'refusals-only',
    async handle({ query }) {
      const filters = parseFilters(query.filters, filterable)
      const orders = parseOrder(query.orderBy, sortable)
      const page = pageOf(query)
      if (!filters.ok) return err(refuse('invalid', filters.error))
      if (!orders.ok) return err(refuse('invalid', orders.error))
      if (!page.ok) return err(refuse('invalid', page.error))
      const found = predefinedRoles
        .filter((role) => filters.value.every(({ path, value }) => field(role, path) === value))
        .toSorted((a, b) => {
          for (const { path, descending } of orders.value) {
            const order = field(a, path) < field(b, path) ? -1 : field(a, path) > field(b, path) ? 1 : 0
            if (order !== 0) return descending ? -order : order
          }
          return 0
        })
      const { limit, offset } = page.value
      const items = found.slice(offset, offset + limit)
      return ok({ body: { items: items.map(toWire), listmeta: listMetaOf(page.value, items.length, found.length) } })
    },
  }),
  endpoint({
    route: 'GET /v1/roles/{uid}',
    summary: 'Reads one role',
    permission: { tenant: 'role.get' },
    params: uidPath,
    reply: { status: 200, body: wire.role },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ params }) {
      const found = predefinedRoles.find((role) => role.uid === params.uid)
      // Clients try a role's name as uid first; that is a missing object, not a malformed request.
      return found ? ok({ body: toWire(found) }) : err(refuse('not_found', `No role ${params.uid}`))
    },
  }),
  endpoint({
    route: 'GET /v1/permissions',
    summary: 'The catalogue of permissions, by component',
    permission: { signedIn: 'the catalogue is the same everywhere and public' },
    query: wire.permissionsQuery,
    reply: { status: 200, body: wire.permissionList },
    refusals: ['invalid'],
    audit: 'refusals-only',
    async handle({ query, principal }) {
      const wanted = query.scope ? [query.scope] : defaultScopes(principal.tenant === systemTenant)
      const components = wanted.flatMap((scope) => permissionComponents(scope))
      return ok({ body: components.map((one) => ({ ...one, permissions: [...one.permissions] })) })
    },
  }),
]

const defaultScopes = (isSystem: boolean): readonly RoleScope[] =>
  isSystem ? ['system'] : ['tenant', 'project', 'resource']

/** A predefined role by uid, system ones too. */
export function predefinedRoleByUid(uid: string): PredefinedRole | undefined {
  return predefinedRoles.find((role) => role.uid === uid) ?? systemRoles.find((role) => role.uid === uid)
}

function field(role: PredefinedRole, path: string): string {
  if (path === 'metadata.name') return role.name
  if (path === 'metadata.uid') return role.uid
  return path === 'spec.scope' ? role.scope : 'system'
}

function toWire(role: PredefinedRole) {
  return {
    metadata: {
      name: role.name,
      uid: role.uid,
      labels: {},
      annotations: { scope: 'system', description: role.description },
      creationTimestamp: wireTime(null),
      lastModifiedTimestamp: wireTime(null),
      deletionTimestamp: wireTime(null),
    },
    spec: { permissions: [...role.permissions], scope: role.scope, type: 'system' as const },
    status: { isEnabled: true },
  }
}
