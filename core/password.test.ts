import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTenantPolicy, normalPassword, passwordShortcomings, systemPolicy } from './password.ts'

const tenant = defaultTenantPolicy
const system = systemPolicy
const cases = [
  { rule: 'six characters of four classes are enough in a tenant', policy: tenant, password: 'Aa1-bc' },
  { rule: 'five are not', policy: tenant, password: 'Aa1-b', lacks: ['at least 6 characters'] },
  { rule: '64 are', policy: tenant, password: `Aa1-${'x'.repeat(60)}` },
  { rule: '65 are too many', policy: tenant, password: `Aa1-${'x'.repeat(61)}`, lacks: ['at most 64 characters'] },
  { rule: 'an upper-case letter is needed', policy: tenant, password: 'aa1-bc', lacks: ['an upper-case letter'] },
  { rule: 'a lower-case letter is needed', policy: tenant, password: 'AA1-BC', lacks: ['a lower-case letter'] },
  { rule: 'a digit is needed', policy: tenant, password: 'Aab-bc', lacks: ['a digit'] },
  { rule: 'a special character is needed', policy: tenant, password: 'Aa1bbc', lacks: ['a special character'] },
  { rule: 'white space is not special', policy: tenant, password: 'Aa1 bc', lacks: ['a special character'] },
  { rule: 'letters and digits of any script count', policy: tenant, password: 'Жяж٣-ж' },
  {
    rule: 'a character is one however it is encoded',
    policy: tenant,
    password: 'Aa1-😀',
    lacks: ['at least 6 characters'],
  },
  { rule: 'half a character is none', policy: tenant, password: 'Aa1-bc\ud83d', lacks: ['only whole characters'] },
  {
    rule: 'all that is missing is said',
    policy: tenant,
    password: 'a',
    lacks: ['at least 6 characters', 'an upper-case letter', 'a digit', 'a special character'],
  },
  {
    rule: 'more than one of a class is asked for in the plural',
    policy: { ...tenant, minNumOfDigits: 2 },
    password: 'Aa1-bc',
    lacks: ['2 digits'],
  },
  {
    rule: 'a system administrator needs 14',
    policy: system,
    password: 'Aa1-bcdefghij',
    lacks: ['at least 14 characters'],
  },
  { rule: 'and has enough with 14', policy: system, password: 'Aa1-bcdefghijk' },
  { rule: 'and may have 128', policy: system, password: `Aa1-${'x'.repeat(124)}` },
]
for (const { rule, policy, password, lacks = [] } of cases)
  test(rule, () => assert.deepEqual(passwordShortcomings(policy, password), lacks))

test('one character written as two is the same password, and counts once', () => {
  assert.equal(normalPassword('Pa\u0308ss-1'), normalPassword('P\u00e4ss-1'))
  assert.deepEqual(passwordShortcomings({ ...tenant, minLength: 7 }, 'Pa\u0308ss-1'), ['at least 7 characters'])
})

test('compatibility characters stay different: they were typed on purpose', () => {
  assert.notEqual(normalPassword('\ufb01'), normalPassword('fi'))
})
