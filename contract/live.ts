import { z } from 'zod'

/**
 * What `GET /v1/palisade/live` tells, as server-sent events (WHATWG HTML §9.2) whose data is JSON. They say that something changed, never
 * what: whoever wants to know asks the endpoints, which decide.
 */
export const liveEvents = {
  /** The tenant's log has this many entries. Sent at first too. */
  log: z.strictObject({ size: z.int() }),
  /** Calls to clusters of the tenant began or ended. */
  streams: z.strictObject({}),
  /** Somebody asked for a role, or a request was answered, withdrawn or ended. */
  requests: z.strictObject({}),
  /** Somebody's rights or sessions changed, perhaps the caller's. */
  access: z.strictObject({}),
}
export type LiveEvent = {
  [Name in keyof typeof liveEvents]: { name: Name; data: z.infer<(typeof liveEvents)[Name]> }
}[keyof typeof liveEvents]
