import type { Endpoint } from '../gateway/index.ts'
import { type NamePorts, projectEndpoints } from './project-routes.ts'
import type { ProjectPorts } from './projects.ts'
import { tenantEndpoints } from './tenant-routes.ts'
import type { TenantPorts } from './tenants.ts'

export type { ActiveCluster } from './projects.ts'

export type Tenancy = { readonly endpoints: readonly Endpoint[] }

/** Tenants, and the projects in them. */
export function createTenancy(deps: TenantPorts & ProjectPorts & NamePorts): Tenancy {
  return { endpoints: [...tenantEndpoints(deps), ...projectEndpoints(deps)] }
}
