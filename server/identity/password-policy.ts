import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import { defaultTenantPolicy, type PasswordPolicy, passwordShortcomings, systemPolicy } from '../../core/password.ts'
import { err, ok, type Result } from '../../core/result.ts'

export const policyOf = (tenant: TenantUid): PasswordPolicy =>
  tenant === systemTenant ? systemPolicy : defaultTenantPolicy

/** Whether a password may be set; the one check, whoever sets it. The refusal says all that is missing. */
export function checkPassword(policy: PasswordPolicy, typed: string): Result<undefined, Refusal> {
  const problems = passwordShortcomings(policy, typed)
  if (problems.length === 0) return ok(undefined)
  return err(refuse('password_policy', `The password needs ${problems.join(', ')}`, { policy }))
}
