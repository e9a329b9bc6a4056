import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemTenant, TenantUid } from '../../contract/ids.ts'
import { defaultTenantPolicy, systemPolicy } from '../../core/password.ts'
import { checkPassword, policyOf } from './password-policy.ts'

test('what may be set is accepted', () => {
  assert.deepEqual(checkPassword(defaultTenantPolicy, 'Aa1-bc'), { ok: true, value: undefined })
})

test('a refusal says all that is missing, shows the policy, and does not repeat the password', () => {
  const checked = checkPassword(defaultTenantPolicy, 'hunter2hunter2')
  assert.ok(!checked.ok)
  assert.equal(checked.error.code, 'password_policy')
  assert.equal(checked.error.detail, 'The password needs an upper-case letter, a special character')
  assert.deepEqual(checked.error.details, { policy: defaultTenantPolicy })
  assert.doesNotMatch(JSON.stringify(checked), /hunter/)
})

test('a tenant has the default policy, the system its own', () => {
  assert.equal(policyOf(TenantUid.parse('0'.repeat(24))), defaultTenantPolicy)
  assert.equal(policyOf(systemTenant), systemPolicy)
})
