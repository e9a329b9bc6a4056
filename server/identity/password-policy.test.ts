import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemTenant, TenantUid } from '../../contract/ids.ts'
import { checkPassword, defaultTenantPolicy, normalPassword, policyOf, systemPolicy } from './password-policy.ts'

const cases = [
  { rule: 'six characters of four classes are enough in a tenant', policy: defaultTenantPolicy, password: 'Aa1-bc' },
  { rule: 'five are not', policy: defaultTenantPolicy, password: 'Aa1-b', missing: /at least 6 characters/ },
  { rule: '64 are', policy: defaultTenantPolicy, password: `Aa1-${'x'.repeat(60)}` },
  { rule: '65 are too many', policy: defaultTenantPolicy, password: `Aa1-${'x'.repeat(61)}`, missing: /at most 64/ },
  { rule: 'an upper-case letter is needed', policy: defaultTenantPolicy, password: 'aa1-bc', missing: /an upper-case/ },
  { rule: 'a lower-case letter is needed', policy: defaultTenantPolicy, password: 'AA1-BC', missing: /a lower-case/ },
  { rule: 'a digit is needed', policy: defaultTenantPolicy, password: 'Aab-bc', missing: /a digit/ },
  { rule: 'a special character is needed', policy: defaultTenantPolicy, password: 'Aa1bbc', missing: /a special/ },
  { rule: 'white space is not special', policy: defaultTenantPolicy, password: 'Aa1 bc', missing: /a special/ },
  { rule: 'letters and digits of any script count', policy: defaultTenantPolicy, password: 'Жяж٣-ж' },
  {
    rule: 'a character is one however it is encoded',
    policy: defaultTenantPolicy,
    password: 'Aa1-😀',
    missing: /6 char/,
  },
  {
    rule: 'half a character is none',
    policy: defaultTenantPolicy,
    password: 'Aa1-bc\ud83d',
    missing: /whole characters/,
  },
  {
    rule: 'all that is missing is said',
    policy: defaultTenantPolicy,
    password: 'a',
    missing: /6.*upper.*digit.*special/,
  },
  { rule: 'a system administrator needs 14', policy: systemPolicy, password: 'Aa1-bcdefghij', missing: /at least 14/ },
  { rule: 'and has enough with 14', policy: systemPolicy, password: 'Aa1-bcdefghijk' },
  { rule: 'and may have 128', policy: systemPolicy, password: `Aa1-${'x'.repeat(124)}` },
]
for (const { rule, policy, password, missing } of cases)
  test(rule, () => {
    const checked = checkPassword(policy, password)
    if (!missing) return assert.deepEqual(checked, { ok: true, value: undefined })
    assert.ok(!checked.ok)
    assert.equal(checked.error.code, 'password_policy')
    assert.match(checked.error.detail ?? '', missing)
    assert.deepEqual(checked.error.details, { policy })
  })

test('a refusal does not repeat the password', () => {
  const checked = checkPassword(defaultTenantPolicy, 'hunter2hunter2')
  assert.doesNotMatch(JSON.stringify(checked), /hunter/)
})

test('one character written as two is the same password, and counts once', () => {
  assert.equal(normalPassword('Pa\u0308ss-1'), normalPassword('P\u00e4ss-1'))
  assert.equal(checkPassword({ ...defaultTenantPolicy, minLength: 7 }, 'Pa\u0308ss-1').ok, false)
})

test('compatibility characters stay different: they were typed on purpose', () => {
  assert.notEqual(normalPassword('\ufb01'), normalPassword('fi'))
})

test('a tenant has the default policy, the system its own', () => {
  assert.equal(policyOf(TenantUid.parse('0'.repeat(24))), defaultTenantPolicy)
  assert.equal(policyOf(systemTenant), systemPolicy)
})
