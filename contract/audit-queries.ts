import { z } from 'zod'
import { entryOutcomes } from './audit.ts'
import { SessionUid } from './ids.ts'
import { audit, auditFilters, auditsQuery } from './wire/audits.ts'
import { numberInQuery } from './wire/common.ts'

/** What may be asked of a log beyond the published API. */

const outcome = z
  .union([z.literal(''), z.enum(entryOutcomes)])
  .optional()
  .transform((text) => (text === '' ? undefined : text))

/** What was done with one session; entries whose content was destroyed are not found by it. */
const sessionUid = z
  .union([z.literal(''), SessionUid])
  .optional()
  .transform((text) => (text === '' ? undefined : text))

export const auditListQuery = auditsQuery.extend({ outcome, sessionUid })

/** How many entries a filter selects, over time. */
export const auditHistogramQuery = z.strictObject({
  ...auditFilters,
  outcome,
  sessionUid,
  buckets: numberInQuery(1, 200).default(60),
})

export const auditHistogram = z.strictObject({
  /** The range that the buckets share evenly: what was asked for, else from the first entry to the last; `null` where none fits. */
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  buckets: z.array(z.strictObject({ entries: z.int(), refused: z.int() })),
  /** Whether there may be more: the newest 100,000 that fit are counted, among the newest 1,000,000 of the log. */
  more: z.boolean(),
})

/** Where a request is looked for: from the newest entry on, or below the index where an answer before it left off. */
export const auditRequestQuery = z.strictObject({
  /** Its id, or the uid of one of its entries. */
  request: z.string().regex(/^[0-9a-f]{24}$/, 'is 24 hex digits'),
  below: numberInQuery(0, Number.MAX_SAFE_INTEGER).optional(),
})

/** What the log has of one request. */
export const auditRequest = z.strictObject({
  /** Newest first; none where it was not met yet. */
  items: z.array(audit),
  /** Entries that were opened for this answer, and the time of the oldest of them. */
  looked: z.int(),
  back: z.iso.datetime().nullable(),
  /** Where to go on looking (`below`); `null` where it was found, and at the beginning of the log. */
  next: z.int().nullable(),
})
