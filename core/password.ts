/** What a password must have, named as on the wire (`/v1/tenants/{uid}/password/policy`). Lengths in characters. */
export type PasswordPolicy = {
  readonly minLength: number
  readonly maxLength: number
  /** Upper-case letters. */
  readonly minNumOfBlockLetters: number
  /** Lower-case letters. */
  readonly minNumOfSmallLetters: number
  readonly minNumOfDigits: number
  readonly minNumOfSpecialCharacters: number
}

const oneOfEach = {
  minNumOfBlockLetters: 1,
  minNumOfSmallLetters: 1,
  minNumOfDigits: 1,
  minNumOfSpecialCharacters: 1,
} as const

/** What the published API gives a tenant that never set a policy; clients show and reset to these. */
export const defaultTenantPolicy: PasswordPolicy = { minLength: 6, maxLength: 64, ...oneOfEach }

/**
 * How long a password lasts. Days count from when it was set; nought of `expiryDurationInDays` is for ever.
 * `reminderFrequency` is how many days apart reminders come, nought or one being every day.
 */
export type PasswordLife = {
  readonly expiryDurationInDays: number
  readonly firstReminderInDays: number
  readonly reminderFrequency: number
}

const dayMs = 24 * 3_600_000

/** When a password that was set then has expired; never is Infinity. In milliseconds. */
export const passwordExpiresAt = ({ expiryDurationInDays }: PasswordLife, setAt: number): number =>
  expiryDurationInDays === 0 ? Number.POSITIVE_INFINITY : setAt + expiryDurationInDays * dayMs

/** Whether this is a day on which to remind of an end that is still to come. */
export function isReminderDue(
  { firstReminderInDays, reminderFrequency }: PasswordLife,
  expiresAt: number,
  now: number,
) {
  const daysLeft = Math.ceil((expiresAt - now) / dayMs)
  if (daysLeft < 1 || daysLeft > firstReminderInDays) return false
  // Of the last day everybody is told.
  return daysLeft === 1 || (firstReminderInDays - daysLeft) % Math.max(1, reminderFrequency) === 0
}

/** A system administrator can do more harm than anybody in a tenant, and has no tenant's policy. */
export const systemPolicy: PasswordPolicy = { minLength: 14, maxLength: 128, ...oneOfEach }

/**
 * The one form in which a password is hashed and compared: NFC. Keyboards and systems write the same character as
 * different code points, and the same fingers must get in everywhere (RFC 8265 §4.2). Nothing else is changed.
 */
export const normalPassword = (typed: string): string => typed.normalize('NFC')

/**
 * Everything that a password lacks.
 *
 * @returns clauses that go on from "needs", such as "at least 14 characters"; none when it may be set. They do not quote it.
 */
export function passwordShortcomings(policy: PasswordPolicy, typed: string): readonly string[] {
  if (!typed.isWellFormed()) return ['only whole characters']
  const characters = [...normalPassword(typed)]
  const count = (kind: RegExp) => characters.filter((one) => kind.test(one)).length
  const classes = [
    { kind: /\p{Lu}/u, least: policy.minNumOfBlockLetters, name: 'upper-case letter' },
    { kind: /\p{Ll}/u, least: policy.minNumOfSmallLetters, name: 'lower-case letter' },
    { kind: /\p{Nd}/u, least: policy.minNumOfDigits, name: 'digit' },
    { kind: /[^\p{L}\p{Nd}\s]/u, least: policy.minNumOfSpecialCharacters, name: 'special character' },
  ]
  const problems: string[] = []
  if (characters.length < policy.minLength) problems.push(`at least ${policy.minLength} characters`)
  if (characters.length > policy.maxLength) problems.push(`at most ${policy.maxLength} characters`)
  for (const { kind, least, name } of classes)
    if (count(kind) < least)
      problems.push(least === 1 ? `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}` : `${least} ${name}s`)
  return problems
}
