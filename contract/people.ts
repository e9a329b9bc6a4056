import { z } from 'zod'
import { TeamUid } from './ids.ts'
import { numberInQuery, storableText } from './wire/common.ts'

/** Our own `/v1/palisade/people`: the people of a tenant for a reader who looks for somebody. */

export const peopleOrders = ['name', 'email', 'createdAt'] as const

/**
 * What a list of people may be narrowed to. `invited` and `expired` wait for a first password: with a link that works, and
 * without one; `resetting` are active and were given a link for a new password.
 */
export const peopleStates = ['active', 'resetting', 'invited', 'expired', 'inactive'] as const

export const PeopleQuery = z.strictObject({
  /** A part of the name or the e-mail, however it is spelled. */
  q: storableText(512).default(''),
  state: z.enum(peopleStates).optional(),
  /** The members of this team alone. */
  team: TeamUid.optional(),
  orderBy: z.enum(peopleOrders).default('name'),
  descending: z.enum(['true', 'false']).default('false'),
  limit: numberInQuery(1, 100).default(50),
  offset: numberInQuery(0, 1_000_000_000).default(0),
})

const states = z.enum(['pending', 'active', 'inactive'])

/** How long a link by which somebody sets a password works. `hasExpired` is by the server's clock, which decides. */
export const LinkLife = z.strictObject({ expiresAt: z.iso.datetime(), hasExpired: z.boolean() })

export const PersonInList = z.strictObject({
  uid: z.string(),
  name: z.string(),
  email: z.string(),
  /** `pending`: waits for a first password. */
  state: states,
  /** The newest link that was made for them and not used yet, expired or not; null where there is none. */
  link: LinkLife.nullable(),
  lastSignInAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
})

export const People = z.strictObject({
  items: z.array(PersonInList),
  /** How many fit, on all pages. */
  count: z.int(),
})
