import { z } from 'zod'
import { listMeta, metadataOut, pageQuery } from './common.ts'

/** `/v1/audits`, in Palette's shapes. */

export const actionTypes = ['create', 'update', 'delete', 'publish', 'deploy', 'activity', 'action'] as const

/** How an entry ended; the same words as in the log (`contract/audit.ts`). */
export const outcomes = ['done', 'refused', 'intended', 'ended', 'unknown'] as const

/** A filter that clients send empty when they mean none. */
const filter = z
  .string()
  .max(256)
  .refine((text) => !/\p{Cc}/u.test(text), 'has control characters')
  .optional()
  .transform((text) => (text === '' ? undefined : text))

/** RFC 3339; empty and Go's zero time mean none. */
const timeFilter = z
  .union([z.literal(''), z.iso.datetime({ offset: true })])
  .optional()
  .transform((text) =>
    text === undefined || text === '' || text.startsWith('0001-01-01') ? undefined : new Date(text),
  )

const filters = {
  /** Both ends belong to the range. */
  startTime: timeFilter,
  endTime: timeFilter,
  userUid: filter,
  projectUid: filter,
  tenantUid: filter,
  resourceKind: filter,
  resourceUid: filter,
  actionType: z
    .union([z.literal(''), z.enum(actionTypes)])
    .optional()
    .transform((text) => (text === '' ? undefined : text)),
  /** Not in the published API. */
  outcome: z
    .union([z.literal(''), z.enum(outcomes)])
    .optional()
    .transform((text) => (text === '' ? undefined : text)),
}

export const auditsQuery = pageQuery.extend(filters)

/** Our own: how many entries a filter selects, over time. */
export const auditHistogramQuery = z.strictObject({
  ...filters,
  buckets: z.coerce.number().int().min(1).max(200).default(60),
})

export const auditHistogram = z.strictObject({
  /** The range that the buckets share evenly: what was asked for, else from the first entry to the last; `null` where none fits. */
  from: z.iso.datetime().nullable(),
  to: z.iso.datetime().nullable(),
  buckets: z.array(z.strictObject({ entries: z.int(), refused: z.int() })),
  /** Whether there are more: the newest 100,000 that fit are counted. */
  more: z.boolean(),
})

const userMeta = z.object({
  uid: z.string(),
  emailId: z.string(),
  firstName: z.string(),
  lastName: z.string(),
  org: z.string(),
})

export const audit = z.object({
  /**
   * `name` is the event. The published shape has no field for what follows, so it stands in `annotations`: `index`, `event`,
   * `outcome`, `actor`, `request`, and where there is one `session`, `credential`, `address`, `intent`.
   */
  metadata: metadataOut,
  spec: z.object({
    actionType: z.enum(actionTypes),
    actor: z.object({
      actorType: z.enum(['user', 'system', 'service']),
      user: userMeta.optional(),
      project: z.object({ uid: z.string() }).optional(),
      serviceName: z.string().optional(),
    }),
    resource: z.object({ kind: z.string(), uid: z.string(), name: z.string(), label: z.string() }),
    actionMsg: z.string(),
    contentMsg: z.string(),
    userMsg: z.string(),
  }),
})
export type Audit = z.output<typeof audit>

export const audits = z.object({ items: z.array(audit), listmeta: listMeta })

export const auditSysMsg = z.object({ actionMsg: z.string(), contentMsg: z.string() })

/** A person's note: 3 to 255 characters, without control characters. */
export const auditMsgUpdate = z.object({
  userMsg: z
    .string()
    .transform((text) => text.normalize('NFC').trim())
    .pipe(
      z
        .string()
        .min(3)
        .max(255)
        .refine((text) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(text.replaceAll('\n', '')), 'has control characters'),
    ),
})
