import { z } from 'zod'
import { numberInQuery, storableText } from './wire/common.ts'

/** Our own `/v1/palisade/access/requests`: roles that people ask for, for a time. */

const name = storableText(128).pipe(z.string().min(1))
const named = z.strictObject({ uid: z.string(), name: z.string() })

/** Ten minutes are the least that is worth somebody's look; a month is no exception any more. */
const seconds = z
  .int()
  .min(60)
  .max(30 * 86_400)

/** A text from one person to another. */
const said = (most: number) => storableText(most).transform((text) => text.trim())

export const NewAccessRequest = z.strictObject({
  /** UID or name: who asks need not see the roles and projects of the tenant. */
  role: name,
  /** UID or name. Without project and cluster the role is asked for in the tenant. */
  project: name.optional(),
  /** A cluster's UID: in its project. */
  cluster: name.optional(),
  /** For how long, from the approval on. */
  seconds,
  reason: said(1_000).pipe(z.string().min(1, 'must not be empty')),
})

/** What is said with a decision. */
export const AccessRequestAnswer = z.strictObject({ note: said(1_000).optional() })

export const accessRequestStates = ['open', 'approved', 'denied', 'withdrawn', 'expired'] as const

export const AccessRequestsQuery = z.strictObject({
  /** `mine`: what the caller asked for, the newest first; `waiting`: what the caller may decide, the oldest first. */
  view: z.enum(['mine', 'waiting']).default('mine'),
  limit: numberInQuery(1, 100).default(50),
  offset: numberInQuery(0, 1_000_000_000).default(0),
})

export const AccessRequest = z.strictObject({
  uid: z.string(),
  user: named,
  role: named,
  /** `null`: in the tenant, and so in all of its projects. */
  project: named.nullable(),
  seconds: z.int(),
  reason: z.string(),
  state: z.enum(accessRequestStates),
  createdAt: z.iso.datetime(),
  /** While it is open: until when it can be answered. */
  expiresAt: z.iso.datetime(),
  decidedBy: named.nullable(),
  decidedAt: z.iso.datetime().nullable(),
  note: z.string().nullable(),
  /** Of an approved one: until when the role was given. It may have been taken away since. */
  endsAt: z.iso.datetime().nullable(),
  isMine: z.boolean(),
  /** Whether the caller could approve it now. */
  mayDecide: z.boolean(),
})
export type AccessRequest = z.infer<typeof AccessRequest>

export const AccessRequests = z.strictObject({ items: z.array(AccessRequest), count: z.int() })

export const AccessRequestMade = z.strictObject({ uid: z.string(), expiresAt: z.iso.datetime() })
export const AccessRequestApproved = z.strictObject({
  /** What was given by it. */
  assignment: z.string(),
  endsAt: z.iso.datetime(),
})

export const AccessRequestSettings = z.strictObject({
  /** The longest time that a role may be asked for. */
  maxSeconds: seconds,
  /** How long a request waits for an answer. */
  answerSeconds: z
    .int()
    .min(300)
    .max(30 * 86_400),
  /** How many requests of one person may be open. */
  openPerPerson: z.int().min(1).max(50),
})
export type AccessRequestSettings = z.infer<typeof AccessRequestSettings>
