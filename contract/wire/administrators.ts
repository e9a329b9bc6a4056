import { z } from 'zod'
import { displayName, metadataOut, stringMap, stringMapIfGiven, time } from './common.ts'
import { newUser } from './users.ts'

/** System administrators, as `/v1/system` knows them. The root administrator is none of these: there is no word for it. */

const { firstName, lastName, emailId } = newUser.shape.spec.shape

const adminType = z.enum(['AccountAdmin', 'OperationAdmin'])

/** What would be a second factor must not be taken and do nothing (threat D15). */
const noSecondFactor = z
  .object({ devices: z.array(z.string()).nullish(), state: z.string().nullish() })
  .nullish()
  .refine(
    (mfa) => !mfa || ((mfa.devices ?? []).length === 0 && ['', 'disabled'].includes(mfa.state ?? '')),
    'there is no second factor in this release',
  )

export const newAdministrator = z.object({
  metadata: z.object({ labels: stringMap, annotations: stringMap }).nullish(),
  spec: z.object({ firstName, lastName, emailId, adminType, mfa: noSecondFactor }),
})

/** What is absent or `null` stays. */
export const administratorProfile = z.object({
  metadata: z.object({ labels: stringMapIfGiven, annotations: stringMapIfGiven }).nullish(),
  spec: z.object({
    firstName: displayName(128).nullish(),
    lastName: z.union([z.literal(''), displayName(128)]).nullish(),
  }),
})

export const administrator = z.object({
  metadata: metadataOut,
  spec: z.object({ firstName: z.string(), lastName: z.string(), emailId: z.string(), adminType }),
  status: z.object({
    /** The link by which the person sets a password; empty where there is none, or not for the caller. */
    activation: z.object({ link: z.string(), expiry: time }),
    lastPasswordUpdate: time,
    lastSignIn: time,
    state: z.enum(['pending', 'active', 'inactive']),
  }),
})
export const administrators = z.object({ items: z.array(administrator) })

export const systemMe = z.object({
  metadata: metadataOut,
  spec: z.object({ adminType: z.string(), emailId: z.string() }),
  status: z.object({
    isEmailSet: z.boolean(),
    isEmailVerified: z.boolean(),
    isMfaEnabled: z.boolean(),
    isPasswordReset: z.boolean(),
    lastLoginTime: time,
    lastPasswordUpdateTime: time,
  }),
})
