import assert from 'node:assert/strict'
import { test } from 'node:test'
import { passwordPolicyIn } from '../../contract/wire/password-policy.ts'
import { defaultTenantPolicy, isReminderDue } from '../../core/password.ts'
import { compilePattern } from './password-pattern.ts'
import { checkPassword } from './password-policy.ts'

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

test('G04 a pattern is RE2’s, of bounded length and size, and no other one is kept', () => {
  const refused: readonly [pattern: string, why: RegExp][] = [
    ['(', /is no pattern/],
    ['^(?=.*[0-9]).+$', /no lookahead/],
    ['(a)\\1', /is no pattern/],
    ['a{1001}', /is no pattern/],
    ['(?:(?:a{100}){100}){100}', /is no pattern/],
    [`${'(?:.?){999}'.repeat(23)}`, /repeats too much/],
    ['a'.repeat(257), /more than 256 characters/],
  ]
  for (const [pattern, why] of refused) {
    const compiled = compilePattern(pattern)
    assert.ok(!compiled.ok, pattern)
    assert.match(compiled.error, why)
  }
  const matches = compilePattern('^[A-Z][a-z]{3,}[0-9]$')
  assert.deepEqual(matches.ok && ['Abcd1', 'abcd1', 'xAbcd1'].map(matches.value), [true, false, false])
  // What takes a backtracking engine longer than the universe: that this test ends is the proof.
  const steps = compilePattern('^(a+)+(b|b?)+(a|aa)+$')
  assert.equal(steps.ok && steps.value(`${'a'.repeat(127)}!`), false)
})

test('D15 a policy that would do nothing, or that no password could meet, is refused', () => {
  const good = { minLength: 8, minNumOfDigits: 1 }
  const why = (change: object) => {
    const parsed = passwordPolicyIn.safeParse({ ...good, ...change })
    return parsed.success ? 'taken' : `${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`
  }
  assert.equal(why({}), 'taken')
  assert.equal(why({ minLength: 5 }), 'minLength must be 6 to 128')
  assert.equal(why({ minLength: 0 }), 'minLength must be 6 to 128')
  assert.match(why({ minLength: 65 }), /maxLength is 64/)
  assert.match(why({ minNumOfDigits: 40, minNumOfSmallLetters: 25 }), /are 65/)
  assert.match(why({ minNumOfDigits: -1 }), /^minNumOfDigits/)
  assert.match(why({ expiryDurationInDays: 1.5 }), /^expiryDurationInDays/)
  assert.match(why({ expiryDurationInDays: '90' }), /^expiryDurationInDays/)
  assert.match(why({ regex: '^a' }), /^isRegex is not set/)
  assert.match(why({ isRegex: true }), /^regex is empty/)
  assert.match(why({ isRegex: 'true', regex: '^a' }), /^isRegex/)
  // As the Terraform provider sends it: nought for each counter.
  assert.equal(why({ isRegex: true, regex: '^a', minLength: 0, minNumOfDigits: 0 }), 'taken')
})

test('reminders begin on their day, come as often as is said, and on the last day', () => {
  const day = 24 * 3_600_000
  const due = (firstReminderInDays: number, reminderFrequency: number) =>
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((days) =>
      isReminderDue(
        { expiryDurationInDays: 90, firstReminderInDays, reminderFrequency },
        100 * day,
        (100 - days) * day,
      ),
    )
  assert.deepEqual(due(5, 0), [1, 2, 3, 4, 5])
  assert.deepEqual(due(8, 3), [1, 2, 5, 8])
  assert.deepEqual(due(0, 0), [])
})
