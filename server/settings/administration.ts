import { type Refusal, refuse } from '../../contract/errors.ts'
import type { Permission } from '../../contract/permissions.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Principal, RequestAccess, Target } from '../gateway/index.ts'

/**
 * The catalogue has no permission for the settings of a tenant. Whoever runs its people, roles, keys and projects may change
 * them, which is a Tenant Admin.
 */
export const administration: readonly Permission[] = ['user.update', 'role.update', 'apiKey.update', 'project.update']

/** The tenant that a path names, where it is the caller's own. */
export async function findOwnTenant({
  params,
  principal,
}: {
  readonly params: { readonly tenantUid: string }
  readonly principal: Principal
}): Promise<Target | undefined> {
  if (params.tenantUid !== principal.tenant) return undefined
  return { kind: 'tenant', uid: principal.tenant, scope: { kind: 'tenant' } }
}

/** Refuses whoever holds less than `administration` in the tenant. */
export function mayAdminister(access: RequestAccess, { tenant }: Principal): Result<undefined, Refusal> {
  const missing = administration.find((one) => !access.allows(one, { kind: 'tenant' }))
  if (missing === undefined) return ok(undefined)
  const details = { permission: missing, scope: { kind: 'tenant', uid: tenant } }
  return err(refuse('forbidden', `This needs ${missing} in tenant ${tenant}`, details))
}
