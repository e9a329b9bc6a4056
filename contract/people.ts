import { z } from 'zod'
import { storableText } from './wire/common.ts'

/** Our own `/v1/palisade/people`: the people of a tenant for a reader who looks for somebody. */

export const peopleOrders = ['name', 'email', 'createdAt'] as const

export const PeopleQuery = z.strictObject({
  /** A part of the name or the e-mail, however it is spelled. */
  q: storableText(512).default(''),
  orderBy: z.enum(peopleOrders).default('name'),
  descending: z.enum(['true', 'false']).default('false'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  offset: z.coerce.number().int().min(0).max(1_000_000_000).default(0),
})

export const People = z.strictObject({
  items: z.array(
    z.strictObject({
      uid: z.string(),
      name: z.string(),
      email: z.string(),
      /** `pending`: waits for a first password. */
      state: z.enum(['pending', 'active', 'inactive']),
      lastSignInAt: z.iso.datetime().nullable(),
      createdAt: z.iso.datetime(),
    }),
  ),
  /** How many fit, on all pages. */
  count: z.int(),
})
