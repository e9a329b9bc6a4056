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
