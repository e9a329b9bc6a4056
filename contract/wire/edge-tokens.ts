import { z } from 'zod'
import { displayName, metadataOut, optionalFlag, optionalText, stringMapIfGiven, time, timeIn } from './common.ts'

/** Registration tokens, by which edge hosts say which tenant they belong to. */

const spec = z.object({ defaultProjectUid: optionalText(128), expiry: timeIn })

export const edgeTokenIn = z.object({
  metadata: z.object({ name: displayName(128), labels: stringMapIfGiven, annotations: stringMapIfGiven }),
  spec,
})

/** `spec` replaces what there is, but for an expiry that is not sent; of `metadata` what is absent stays. */
export const edgeTokenUpdate = z.object({
  metadata: z
    .object({
      name: z.union([z.literal(''), displayName(128)]).nullish(),
      labels: stringMapIfGiven,
      annotations: stringMapIfGiven,
    })
    .nullish(),
  spec,
})

/** To switch it off, Go's client sends an empty object. */
export const edgeTokenState = z.object({ isActive: optionalFlag })

export const edgeToken = z.object({
  metadata: metadataOut,
  spec: z.object({
    /** Absent in lists for those who may not read tokens. */
    token: z.string().optional(),
    expiry: time,
    defaultProject: z.object({ uid: z.string(), name: z.string() }),
  }),
  /** Whether the token is switched on; an expired one is of no use all the same. */
  status: z.object({ isActive: z.boolean() }),
})

export const edgeTokenList = z.object({ items: z.array(edgeToken) })
