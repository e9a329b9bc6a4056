import { z } from 'zod'
import { displayName, listMeta, listOf, metadataIn, metadataOut, stringMapIfGiven } from './common.ts'

const roleScope = z.enum(['system', 'tenant', 'project', 'resource'])

/** Palette's v1Role. `spec.type` is `system` for the predefined ones. */
export const role = z.object({
  metadata: metadataOut,
  spec: z.object({ permissions: z.array(z.string()), scope: roleScope, type: z.enum(['system', 'user']) }),
  status: z.object({ isEnabled: z.boolean() }),
})
export const roleList = z.object({ items: z.array(role), listmeta: listMeta })

/** What a client makes or changes: `spec.type` may be sent as it was read, and is what the role is. */
export const roleIn = z.object({
  metadata: metadataIn,
  spec: z.object({
    permissions: listOf(z.string().max(128)),
    scope: z.string().max(32),
    type: z
      .enum(['user', 'system', ''])
      .nullish()
      .transform((type) => type || ('user' as const)),
  }),
  status: z.object({ isEnabled: z.boolean().nullish() }).nullish(),
})

export const roleClone = z.object({
  metadata: z.object({ name: displayName(128), labels: stringMapIfGiven, annotations: stringMapIfGiven }),
})

export const permissionsQuery = z.object({ scope: roleScope.or(z.literal('')).optional() })
/** A bare array: one element for each component. */
export const permissionList = z.array(
  z.object({ name: z.string(), scope: roleScope, permissions: z.array(z.string()) }),
)
