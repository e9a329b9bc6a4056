import { z } from 'zod'
import { listOf, optionalFlag, optionalText, time } from './common.ts'

/** The password policy of a tenant, and passwords that nobody may use. */

/** Lengths within which a password may be, whatever a policy says. */
export const passwordLengths = { least: 6, most: 128 } as const
/** What is unset there. */
export const unsetMaxLength = 64

/** The longest pattern: it is read and matched in time that grows with it. */
export const maxPatternLength = 256

const { least, most } = passwordLengths
// Clients write no member for nought: what is absent is none.
const upTo = (max: number) =>
  z
    .int()
    .min(0)
    .max(max)
    .nullish()
    .transform((count) => count ?? 0)
const days = upTo(3650)

const written = z.object({
  isRegex: optionalFlag,
  regex: optionalText(maxPatternLength),
  minLength: upTo(most),
  maxLength: upTo(most),
  minNumOfBlockLetters: upTo(most),
  minNumOfSmallLetters: upTo(most),
  minNumOfDigits: upTo(most),
  minNumOfSpecialCharacters: upTo(most),
  expiryDurationInDays: days,
  firstReminderInDays: days,
})

type Written = Omit<z.output<typeof written>, 'expiryDurationInDays' | 'firstReminderInDays'>

/** Refuses what no password could meet, and what would do nothing where somebody meant it to (threat D15). */
function problemOf(policy: Written): { readonly path: string; readonly message: string } | undefined {
  const { isRegex, regex, minLength, minNumOfBlockLetters, minNumOfSmallLetters } = policy
  if (isRegex) return regex === '' ? { path: 'regex', message: 'is empty, although isRegex is set' } : undefined
  if (regex !== '') return { path: 'isRegex', message: 'is not set, although there is a regex' }
  if (minLength < least) return { path: 'minLength', message: `must be ${least} to ${most}` }
  const maxLength = policy.maxLength || unsetMaxLength
  if (minLength > maxLength) return { path: 'maxLength', message: `is ${maxLength}, which is less than minLength` }
  const needed = minNumOfBlockLetters + minNumOfSmallLetters + policy.minNumOfDigits + policy.minNumOfSpecialCharacters
  if (needed > maxLength)
    return { path: 'maxLength', message: `is ${maxLength}, and the characters that are asked for are ${needed}` }
  return undefined
}

const meetable = <T extends z.ZodType<Written>>(policy: T) =>
  policy.superRefine((value, context) => {
    const problem = problemOf(value)
    if (problem) context.addIssue({ code: 'custom', path: [problem.path], message: problem.message })
  })

/** `v1TenantPasswordPolicyEntity`, as it is sent. */
export const passwordPolicyIn = meetable(written)
/** `v1SystemPasswordPolicySpec`: beside the rest, how many days apart reminders come. */
export const systemPasswordPolicyIn = meetable(written.extend({ reminderFrequency: days }))

export const passwordPolicy = z.object({
  isRegex: z.boolean(),
  regex: z.string(),
  minLength: z.int(),
  maxLength: z.int(),
  minNumOfBlockLetters: z.int(),
  minNumOfSmallLetters: z.int(),
  minNumOfDigits: z.int(),
  minNumOfSpecialCharacters: z.int(),
  expiryDurationInDays: z.int(),
  firstReminderInDays: z.int(),
  creationTimestamp: time,
  updateTimestamp: time,
})
export const systemPasswordPolicy = passwordPolicy.extend({ reminderFrequency: z.int() })

/** `V1PasswordsBlockList`. A password that is too long to be set need not be blocked. */
export const blockedPasswords = z.object({
  spec: z.object({ passwords: listOf(z.string().min(1).max(most)).pipe(z.array(z.string()).max(5_000)) }),
})
