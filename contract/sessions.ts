import { z } from 'zod'

/** Our own `/v1/palisade/sessions`. */

/** Whose sessions; without it the caller's own. */
export const SessionsQuery = z.strictObject({ user: z.string().max(128).optional() })

export const Session = z.strictObject({
  uid: z.string(),
  user: z.string(),
  createdAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  /** When it ends if nothing more is done with it. */
  idleEndsAt: z.iso.datetime(),
  /** When it ends whatever is done with it. */
  endsAt: z.iso.datetime(),
  /** The session that this request came with. */
  current: z.boolean(),
  /** Where it was started from. */
  address: z.string(),
  userAgent: z.string(),
})
export type Session = z.infer<typeof Session>

export const SessionList = z.strictObject({ items: z.array(Session) })
