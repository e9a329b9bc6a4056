import { z } from 'zod'
import { listMeta, metadataOut } from './common.ts'

/** Palette's v1Role. `spec.type` is `system` for the predefined ones. */
export const role = z.object({
  metadata: metadataOut,
  spec: z.object({ permissions: z.array(z.string()), scope: z.string(), type: z.enum(['system', 'user']) }),
  status: z.object({ isEnabled: z.boolean() }),
})
export const roleList = z.object({ items: z.array(role), listmeta: listMeta })

export const permissionsQuery = z.object({ scope: z.enum(['system', 'tenant', 'project', 'resource', '']).optional() })
/** A bare array: one element for each component. */
export const permissionList = z.array(
  z.object({ name: z.string(), scope: z.string(), permissions: z.array(z.string()) }),
)
