import { z } from 'zod'
import { metadataOut } from './common.ts'

/** Features of the installation, each allowed or not. */

export const systemFeatures = z.object({
  items: z.array(
    z.object({
      metadata: metadataOut,
      spec: z.object({ key: z.string(), description: z.string(), docLink: z.string(), isAllowed: z.boolean() }),
    }),
  ),
})

/** It has to be said: a body without it would switch something by mistake. */
export const featureSwitch = z.object({ isAllowed: z.boolean() })
