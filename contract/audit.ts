import { z } from 'zod'

/**
 * What stands in an audit entry. An entry is one line of JSON whose members come in the order of `AuditLine`; `index` and
 * `prev` are given by the log, the rest is fixed when the entry is written. A name, once released, keeps its meaning.
 */

/** How it went: `intended` is always followed by `ended`, or by `unknown` where whoever knew the end is gone. */
export const entryOutcomes = ['done', 'refused', 'intended', 'ended', 'unknown'] as const
export type EntryOutcome = (typeof entryOutcomes)[number]

/** Who did it. There is no entry without one. */
export const AuditActor = z.strictObject({
  kind: z.enum(['user', 'system', 'service']),
  /** Of a user the UID; else a fixed word. */
  uid: z.string().min(1),
  email: z.string().optional(),
  firstName: z.string().optional(),
  lastName: z.string().optional(),
  org: z.string().optional(),
  /** `session:<uid>` or `apiKey:<uid>`. */
  credential: z.string().optional(),
})
export type AuditActor = z.infer<typeof AuditActor>

export const AuditResource = z.strictObject({
  kind: z.string().min(1),
  uid: z.string().min(1),
  name: z.string().optional(),
})

/** Of a value that was cut: its full length and the SHA-256 of all of it, in base64. */
export const CutValue = z.strictObject({ bytes: z.int().min(0), sha256: z.base64() })
export type CutValue = z.infer<typeof CutValue>

/** An entry before it has a place in the log. */
export const AuditEntry = z.strictObject({
  /** 16 random bytes in base64: the entry's hash tells nothing once its content is destroyed. */
  salt: z.base64(),
  uid: z.string(),
  /** RFC 3339 in UTC with milliseconds. It orders nothing: `index` does. */
  time: z.iso.datetime({ precision: 3 }),
  event: z.string(),
  action: z.enum(['create', 'update', 'delete', 'publish', 'deploy', 'activity', 'action']),
  outcome: z.enum(entryOutcomes),
  actor: AuditActor,
  resource: AuditResource,
  /** The project it happened in; who may read that project's entries sees it. */
  project: z.string().optional(),
  /** Request id. */
  request: z.string(),
  session: z.string().optional(),
  /** Network address of the caller. */
  address: z.string().optional(),
  /** With `ended` and `unknown`: the entry whose intent this is the end of. */
  intent: z.string().optional(),
  /** `clockSkewMs` is the log's own: the entry claims to be that much older than the one before it. */
  details: z.record(z.string(), z.unknown()).optional(),
  /** By JSON pointer (RFC 6901): what was cut because it was too long for the log. */
  cut: z.record(z.string(), CutValue).optional(),
})
export type AuditEntry = z.infer<typeof AuditEntry>

/** A line of the log, as an export holds it. */
export const AuditLine = z.strictObject({
  index: z.int().min(0),
  /** Leaf hash of the line before, in base64; of the first: 32 zero bytes. */
  prev: z.base64(),
  ...AuditEntry.shape,
})
