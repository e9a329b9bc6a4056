import { z } from 'zod'
import { displayName, metadataOut, storableText, stringMapIfGiven } from './common.ts'
import { listQuery } from './list-filters.ts'

/** SSH keys, which are public keys. A change leaves labels and annotations that are not sent as they are. */
export const sshKeyIn = z.object({
  metadata: z.object({ name: displayName(128), labels: stringMapIfGiven, annotations: stringMapIfGiven }),
  spec: z.object({ publicKey: storableText(20_000) }),
})

export const sshKey = z.object({ metadata: metadataOut, spec: z.object({ publicKey: z.string() }) })

/** The published list has no pages. */
export const sshKeyListQuery = listQuery.pick({ filters: true, orderBy: true })
export const sshKeyList = z.object({ items: z.array(sshKey) })
