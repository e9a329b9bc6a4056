import type { Refusal } from '../../contract/errors.ts'
import { systemTenant } from '../../contract/ids.ts'
import { systemPolicy } from '../../core/password.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import { insertUser } from '../people/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { IdentityEdges } from './edges.ts'
import type { PasswordHasher } from './password-hash.ts'
import { checkPassword } from './password-policy.ts'

/**
 * Makes the first system administrator, active at once and with a password: nobody is there yet who could invite them.
 *
 * @param tx in the tenant `system`; throws in another, and where it has a user already, so that it is no way past links
 * @param sealer of that tenant, whose key may have been made in this very transaction
 * @returns refuses what is no e-mail address (`invalid`) and what the policy does not take (`password_policy`)
 */
export type CreateFirstAdministrator = (
  tx: Tx,
  sealer: TenantSealer,
  who: { readonly email: string; readonly password: Secret },
  now: Date,
) => Promise<Result<undefined, Refusal>>

export function createFirstAdministrator({
  hasher,
  keys: { directoryIndex },
}: { readonly hasher: PasswordHasher } & Pick<IdentityEdges, 'keys'>): CreateFirstAdministrator {
  return async (tx, sealer, { email, password }, now) => {
    if (tx.tenant !== systemTenant) throw new Error('the first administrator belongs to the tenant system')
    const others = await tx.query('select from users where tenant_id = $1 limit 1', [tx.tenant])
    if (others.length > 0) throw new Error('there is a system administrator already')
    const meets = checkPassword(systemPolicy, password.reveal())
    if (!meets.ok) return meets
    const made = await insertUser(
      tx,
      { sealer, directoryIndex },
      { email, firstName: 'System', lastName: 'Administrator', state: 'active', adminType: 'root' },
      now,
    )
    if (!made.ok) return made
    const hashed = await hasher.admit(async (hashing) => ok(await hashing.hash(password.reveal())))
    if (!hashed.ok) return err(hashed.error)
    const field = { table: 'users', column: 'password', row: made.value }
    await tx.query('update users set password = $3, password_set_at = $4 where tenant_id = $1 and user_id = $2', [
      ...[tx.tenant, made.value, sealer.seal(field, hashed.value), now],
    ])
    return ok(undefined)
  }
}
