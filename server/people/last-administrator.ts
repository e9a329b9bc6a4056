import { type Refusal, refuse } from '../../contract/errors.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { err, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'

/**
 * Runs a change that may take somebody's rights, and refuses it where it would leave the tenant without an active Tenant
 * Admin: nobody could put that right from inside. The tenant's epoch row is locked by then, so two such changes at once see
 * each other. A tenant that has none (its first is still to activate) is not held up.
 */
export async function keepingAnAdministrator<T>(
  tx: Tx,
  change: () => Promise<Result<T, Refusal>>,
): Promise<Result<T, Refusal>> {
  const had = await hasAdministrator(tx)
  const result = await change()
  if (!result.ok || !had || (await hasAdministrator(tx))) return result
  return err(
    refuse(
      'conflict',
      'This would leave the tenant without an active Tenant Admin; give the role to somebody else first',
    ),
  )
}

/** Whether an active person is Tenant Admin for good: by an own role or a team's, without an end and without conditions. */
async function hasAdministrator(tx: Tx): Promise<boolean> {
  const rows = await tx.query(
    `select from role_assignments a
       left join team_members m on m.tenant_id = a.tenant_id and m.team_id = a.team_id
       join users u on u.tenant_id = a.tenant_id and u.user_id = coalesce(a.user_id, m.user_id)
      where a.tenant_id = $1 and a.role_id = $2 and a.project_id is null and a.ends_at is null and a.conditions is null
        and u.state = 'active'
      limit 1`,
    [tx.tenant, predefinedRole('Tenant Admin').uid],
  )
  return rows.length > 0
}
