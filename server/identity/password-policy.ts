import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant, type UserUid } from '../../contract/ids.ts'
import { passwordLengths, unsetMaxLength } from '../../contract/wire/password-policy.ts'
import {
  defaultTenantPolicy,
  isReminderDue,
  type PasswordLife,
  type PasswordPolicy,
  passwordExpiresAt,
  passwordShortcomings,
  systemPolicy,
} from '../../core/password.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readSetting, type Setting } from '../settings/index.ts'
import { compilePattern } from './password-pattern.ts'

const count = z.int().min(0)
const stored = z.strictObject({
  isRegex: z.boolean(),
  regex: z.string(),
  minLength: count,
  maxLength: count,
  minNumOfBlockLetters: count,
  minNumOfSmallLetters: count,
  minNumOfDigits: count,
  minNumOfSpecialCharacters: count,
  expiryDurationInDays: count,
  firstReminderInDays: count,
  reminderFrequency: count,
  createdAt: z.iso.datetime().nullable(),
  updatedAt: z.iso.datetime().nullable(),
})

/** A policy as it was written, and when; where nobody wrote one the times are `null`. */
export type StoredPolicy = z.output<typeof stored>

/** What the published API has before anything was configured. */
const unset: StoredPolicy = {
  ...{ isRegex: false, regex: '' },
  ...defaultTenantPolicy,
  ...{ expiryDurationInDays: 365, firstReminderInDays: 5, reminderFrequency: 0 },
  ...{ createdAt: null, updatedAt: null },
}

/** What a tenant has written for itself. */
export const ownPolicy: Setting<StoredPolicy | undefined> = {
  ...{ kind: 'password-policy', unset: undefined },
  schema: stored,
}

/** For tenants that have written none; kept in the tenant `system`. */
export const policyOfTenants: Setting<StoredPolicy> = { kind: 'password-policy-of-tenants', schema: stored, unset }

/** What holds for the people of `tx.tenant`, which is not `system`: their own policy, or else the installation's. */
export async function tenantPolicy(tx: Tx): Promise<StoredPolicy> {
  const own = await readSetting(tx, ownPolicy)
  return own ?? tx.within(systemTenant, (system) => readSetting(system, policyOfTenants))
}

/** System administrators have no tenant's policy, and no password of theirs expires. */
const forEver: PasswordLife = { expiryDurationInDays: 0, firstReminderInDays: 0, reminderFrequency: 0 }

/** How long the passwords of `tx.tenant` last. */
export async function passwordLife(tx: Tx): Promise<PasswordLife> {
  return tx.tenant === systemTenant ? forEver : tenantPolicy(tx)
}

export type PasswordExpiry = {
  /** Undefined: never, or there is no password. */
  readonly expiresAt: Date | undefined
  /** Whether this is a day on which to remind of it. */
  readonly isReminderDue: boolean
}

/** Until when the password of a user of `tx.tenant` works. */
export async function passwordExpiryOf(tx: Tx, user: UserUid, now: Date): Promise<PasswordExpiry> {
  const [row] = await tx.query<{ password_set_at: Date | null }>(
    'select password_set_at from users where tenant_id = $1 and user_id = $2',
    [tx.tenant, user],
  )
  if (!row?.password_set_at) return { expiresAt: undefined, isReminderDue: false }
  const life = await passwordLife(tx)
  const expiresAt = passwordExpiresAt(life, row.password_set_at.getTime())
  return {
    expiresAt: Number.isFinite(expiresAt) ? new Date(expiresAt) : undefined,
    isReminderDue: isReminderDue(life, expiresAt, now.getTime()),
  }
}

/** Whether a password meets what `tx.tenant` asks of one. The refusal says all that is missing. */
export async function meetsPolicy(tx: Tx, typed: string): Promise<Result<undefined, Refusal>> {
  if (tx.tenant === systemTenant) return checkPassword(systemPolicy, typed)
  const policy = await tenantPolicy(tx)
  return policy.isRegex ? checkPattern(policy.regex, typed) : checkPassword(countersOf(policy), typed)
}

/** The counters with the installation's own bounds, which are stronger where they ask for more. */
function countersOf({ minLength, maxLength, ...policy }: StoredPolicy): PasswordPolicy {
  const { minNumOfBlockLetters, minNumOfSmallLetters, minNumOfDigits, minNumOfSpecialCharacters } = policy
  return {
    minLength: Math.max(minLength, passwordLengths.least),
    maxLength: Math.min(maxLength || unsetMaxLength, passwordLengths.most),
    ...{ minNumOfBlockLetters, minNumOfSmallLetters, minNumOfDigits, minNumOfSpecialCharacters },
  }
}

/** Whether a password has what the counters ask for. */
export function checkPassword(policy: PasswordPolicy, typed: string): Result<undefined, Refusal> {
  const problems = passwordShortcomings(policy, typed)
  if (problems.length === 0) return ok(undefined)
  return err(refuse('password_policy', `The password needs ${problems.join(', ')}`, { policy }))
}

const lengthsAlone: PasswordPolicy = {
  ...{ minLength: passwordLengths.least, maxLength: passwordLengths.most },
  ...{ minNumOfBlockLetters: 0, minNumOfSmallLetters: 0, minNumOfDigits: 0, minNumOfSpecialCharacters: 0 },
}

/** A pattern stands in the place of the counters; the installation's own bounds of the length hold beside it. */
function checkPattern(regex: string, typed: string): Result<undefined, Refusal> {
  const length = checkPassword(lengthsAlone, typed)
  if (!length.ok) return length
  const matches = compilePattern(regex)
  if (!matches.ok) throw new Error(`a stored pattern does not compile: it ${matches.error}`)
  if (matches.value(typed.normalize('NFC'))) return ok(undefined)
  return err(refuse('password_policy', `The password needs to match ${regex}`, { policy: { regex } }))
}
