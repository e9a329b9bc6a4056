import { systemTenant } from '../../contract/ids.ts'
import { permissionComponents, type RoleScope } from '../../contract/permissions.ts'
import * as wire from '../../contract/wire/roles.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { filterListEndpoint } from './filter-list-routes.ts'
import { filterEndpoints } from './filter-routes.ts'
import { roleListEndpoint } from './role-list-routes.ts'
import { roleEndpoints } from './role-routes.ts'

/** Roles, filters and the catalogue of permissions that roles are made of. */
export const accessEndpoints: readonly Endpoint[] = [
  ...roleEndpoints,
  roleListEndpoint,
  ...filterEndpoints,
  filterListEndpoint,
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
