import { z } from 'zod'
import { displayName, listMeta, metadataOut, nameKey, optionalText } from './common.ts'
import { loginMode } from './users.ts'

/** Tenants as system administrators see them. */

const reservedNames: ReadonlySet<string> = new Set(['system', 'root', 'palisade', '.', '..'])
/** Whether no organisation may have the key of its name. */
export const isReservedKey = (key: string): boolean => reservedNames.has(key)

/**
 * The name of an organisation. It stands in the paths of federated sign-in and is typed at sign-in, so it must not pass for
 * something else (threat D03).
 */
export const organisationName = displayName(100).refine(
  (name) => !isReservedKey(nameKey(name)) && !/[/\\]/.test(nameKey(name)),
  'is reserved, or has a slash',
)

const addressIn = z.object({
  addressLine1: optionalText(256),
  addressLine2: optionalText(256),
  city: optionalText(128),
  country: optionalText(128),
  pincode: optionalText(32),
  state: optionalText(128),
})

const address = z.object({
  addressLine1: z.string(),
  addressLine2: z.string(),
  city: z.string(),
  country: z.string(),
  pincode: z.string(),
  state: z.string(),
})
export type Address = z.output<typeof address>

export const newTenant = z.object({
  spec: z.object({
    orgName: organisationName,
    firstName: displayName(128),
    lastName: z
      .string()
      .nullish()
      .transform((text) => (text ?? '').trim())
      .pipe(z.union([z.literal(''), displayName(128)])),
    emailId: z.string().max(320),
    orgEmailId: optionalText(320),
    address: addressIn.nullish(),
    loginMode: z
      .union([loginMode, z.literal('')])
      .nullish()
      .transform((mode) => mode || 'devops'),
    authType: z.enum(['', 'password'], 'must be "password": a tenant begins with a local administrator').nullish(),
    ssoApp: z.literal('', 'must be empty: no sign-in application is configured').nullish(),
  }),
})

export const tenantCandidate = z.object({
  orgName: organisationName,
  emailId: z.string().max(320).nullish(),
})

/** Without a body, or without the member, it switches on. */
export const tenantActivation = z
  .object({ isActive: z.boolean().nullish() })
  .nullish()
  .transform((body) => body?.isActive ?? true)

/** What is left out is empty. */
export const addressPatch = z.object({ address: addressIn.nullish() })
export const emailPatch = z.object({ emailId: optionalText(320) })

export const tenantPath = z.object({ tenantUid: z.string().min(1).max(128) })

/** A list opens no sealed field: contact and address are in the single answer alone. */
const tenantInList = z.object({
  metadata: metadataOut,
  spec: z.object({ orgName: z.string(), authType: z.literal('password'), defaultLoginMode: loginMode }),
  status: z.object({ isActive: z.boolean(), toBeDeleted: z.boolean() }),
})

export const tenant = tenantInList.extend({
  spec: tenantInList.shape.spec.extend({ orgEmailId: z.string(), address }),
})

export const tenantList = z.object({ items: z.array(tenantInList), listmeta: listMeta })
