import { z } from 'zod'
import { LinkLife } from './people.ts'
import { numberInQuery, storableText } from './wire/common.ts'

/** Our own `/v1/palisade/tenants`: the tenants for a system administrator who looks for one. */

export const tenantOrders = ['name', 'createdAt'] as const

/** `pending`: nobody of it has set a password yet. `inactive`: switched off. */
export const tenantStates = ['pending', 'active', 'inactive', 'deleting'] as const

export const TenantsQuery = z.strictObject({
  /** A part of the name, however it is spelled. */
  q: storableText(256).default(''),
  state: z.enum(tenantStates).optional(),
  orderBy: z.enum(tenantOrders).default('name'),
  descending: z.enum(['true', 'false']).default('false'),
  limit: numberInQuery(1, 100).default(50),
  offset: numberInQuery(0, 1_000_000_000).default(0),
})

const TenantInList = z.strictObject({
  uid: z.string(),
  name: z.string(),
  state: z.enum(tenantStates),
  createdAt: z.iso.datetime(),
})

export const Tenants = z.strictObject({
  items: z.array(TenantInList),
  /** How many fit, on all pages. */
  count: z.int(),
})

export const TenantWithFirstUser = TenantInList.extend({
  /** Who becomes its administrator, or became it; null where that account was removed. */
  firstUser: z
    .strictObject({
      name: z.string(),
      email: z.string(),
      state: z.enum(['pending', 'active', 'inactive']),
      /** Of who has not set a password yet; `url` for who may create tenants, and while it works. */
      link: LinkLife.extend({ url: z.string() }).nullable(),
    })
    .nullable(),
})
