import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'

/** The refusal of a right in the tenant that a handler asks for itself, because it depends on whose the object is. */
export function forbidden(permission: Permission, tenant: TenantUid): Refusal {
  return refuse('forbidden', `This needs ${permission} in tenant ${tenant}`, {
    permission,
    scope: { kind: 'tenant', uid: tenant },
  })
}
