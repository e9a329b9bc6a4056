import type { Endpoint } from '../gateway/index.ts'
import { type NamePorts, projectEndpoints } from './project-routes.ts'
import type { ProjectPorts } from './projects.ts'
import { tenantOverviewEndpoints } from './tenant-overview-routes.ts'
import { tenantEndpoints } from './tenant-routes.ts'
import type { TenantPorts } from './tenants.ts'

export type { ActiveCluster } from './projects.ts'
export { findTenant } from './tenant-routes.ts'

export type Tenancy = { readonly endpoints: readonly Endpoint[] }

/** Tenants, and the projects in them. */
export function createTenancy(deps: TenantPorts & ProjectPorts & NamePorts): Tenancy {
  return { endpoints: [...tenantEndpoints(deps), ...tenantOverviewEndpoints(deps), ...projectEndpoints(deps)] }
}
