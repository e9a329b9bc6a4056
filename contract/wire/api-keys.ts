import { z } from 'zod'
import {
  displayName,
  metadataIn,
  metadataOut,
  optionalFlag,
  optionalText,
  stringMapIfGiven,
  time,
  timeIn,
} from './common.ts'

/** API keys, as `/v1` knows them. */

export const newApiKey = z.object({
  metadata: metadataIn,
  spec: z
    .object({ expiry: timeIn, userUid: optionalText(128) })
    .nullish()
    .transform((spec) => spec ?? { expiry: undefined, userUid: '' }),
})

/** What is absent stays as it is. */
export const apiKeyUpdate = z.object({
  metadata: z
    .object({ name: displayName(128).nullish(), labels: stringMapIfGiven, annotations: stringMapIfGiven })
    .nullish(),
  spec: z
    .object({ expiry: timeIn })
    .nullish()
    .transform((spec) => spec ?? { expiry: undefined }),
})

/** To switch it off, Go's client sends an empty object. */
export const apiKeyState = z.object({ isActive: optionalFlag })

/** The only time that the value is shown. */
export const createdApiKey = z.object({ apiKey: z.string(), uid: z.string() })

export const apiKey = z.object({
  metadata: metadataOut,
  spec: z.object({
    expiry: time,
    user: z.object({ uid: z.string(), firstName: z.string(), lastName: z.string() }),
  }),
  /** Whether the key is switched on; an expired one is refused all the same. */
  status: z.object({ isActive: z.boolean() }),
})

export const apiKeyList = z.object({ items: z.array(apiKey) })
