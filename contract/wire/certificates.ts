import { z } from 'zod'
import { displayName, metadataOut, optionalText, storableText, stringMapIfGiven } from './common.ts'

/** Certificates that a tenant keeps. The private key comes in and never goes out. */
export const certificateIn = z.object({
  metadata: z.object({ name: displayName(128), labels: stringMapIfGiven, annotations: stringMapIfGiven }),
  spec: z.object({
    certificate: storableText(65_536),
    key: optionalText(16_384),
    isCA: z
      .boolean()
      .nullish()
      .transform((is) => is ?? false),
  }),
})

export const certificate = z.object({
  metadata: metadataOut,
  spec: z.object({ certificate: z.string(), key: z.string(), isCA: z.boolean() }),
})
export const certificateList = z.object({ items: z.array(certificate) })

export const certificatePath = z.object({
  tenantUid: z.string().min(1).max(128),
  certificateUid: z.string().min(1).max(128),
})
