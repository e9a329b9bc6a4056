import { z } from 'zod'

/** Our own `/v1/palisade/clusters/{uid}/streams`. */

/** A call to a cluster that is under way: exec, attach, port-forward, a watch, a followed log, a change not yet answered. */
export const Stream = z.strictObject({
  /** Also the uid of the audit entry that its beginning has. */
  uid: z.string(),
  since: z.iso.datetime(),
  /** Somebody has asked for its end, which is on its way. */
  ending: z.boolean(),
  /** Of the caller. */
  own: z.boolean(),
  request: z.string(),
  user: z.strictObject({ uid: z.string(), email: z.string(), firstName: z.string(), lastName: z.string() }),
  /** The session that it belongs to; absent where an API key made it. */
  session: z.string().optional(),
  address: z.string(),
  userAgent: z.string(),
  verb: z.string(),
  group: z.string(),
  resource: z.string(),
  subresource: z.string(),
  namespace: z.string(),
  name: z.string(),
  container: z.string(),
  command: z.array(z.string()),
})
export type Stream = z.infer<typeof Stream>

export const StreamList = z.strictObject({
  /** Newest first. */
  items: z.array(Stream),
  /** Of those that the caller may see, also of what does not fit into the list. */
  count: z.number().int(),
  /** Whether those of others are among the items: that needs `cluster.update` on the cluster. */
  others: z.enum(['shown', 'hidden']),
})

/** How many calls are under way. */
export const OpenOf = z.strictObject({ streams: z.int() })
/** The same, with how many sessions somebody has. */
export const OpenSessionsOf = OpenOf.extend({ sessions: z.int() })
/** The same of a tenant, with who and what is refused when it is switched off. API keys are those that work. */
export const OpenOfTenant = OpenSessionsOf.extend({ people: z.int(), clusters: z.int(), apiKeys: z.int() })
