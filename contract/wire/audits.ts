import { z } from 'zod'
import { listMeta, metadataOut, pageQuery } from './common.ts'

/** `/v1/audits`, in Palette's shapes. */

export const actionTypes = ['create', 'update', 'delete', 'publish', 'deploy', 'activity', 'action'] as const

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

export const auditFilters = {
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
}

export const auditsQuery = pageQuery.extend(auditFilters)

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
