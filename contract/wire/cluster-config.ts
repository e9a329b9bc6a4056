import { z } from 'zod'
import { rbac, rbacIn } from './cluster-rbacs.ts'
import { listOf, metadataOut, storableText, stringMapIfGiven } from './common.ts'
import { allocation, allocationIn } from './workspaces.ts'

/** What is kept on one cluster: role bindings and namespaces; and what namespaces there are. */

const maxParts = 200

export const rbacsIn = z.object({
  rbacs: listOf(rbacIn).refine((list) => list.length <= maxParts, `at most ${maxParts} sets of bindings`),
})
export const rbacList = z.object({ items: z.array(rbac) })
export const rbacPath = z.object({ uid: z.string().min(1).max(128), rbacUid: z.string().min(1).max(128) })

export const namespaceIn = z.object({
  metadata: z.object({ name: storableText(253), labels: stringMapIfGiven, annotations: stringMapIfGiven }),
  spec: z.object({ isRegex: z.boolean().nullish(), resourceAllocation: allocationIn }).nullish(),
})
export const namespacesIn = z.object({
  namespaces: listOf(namespaceIn).refine((list) => list.length <= maxParts, `at most ${maxParts} namespaces`),
})

export const namespace = z.object({
  metadata: metadataOut,
  spec: z.object({ isRegex: z.literal(false), resourceAllocation: allocation.partial() }),
  /** What stands in the way of it on the cluster. */
  status: rbac.shape.status,
})
export const namespaceList = z.object({ items: z.array(namespace) })
export const namespacePath = z.object({ uid: z.string().min(1).max(128), namespaceUid: z.string().min(1).max(128) })

export const liveNamespacesQuery = z.object({ skipEmptyNamespaces: z.enum(['true', 'false']).default('false') })
export const liveNamespaces = z.object({
  namespaces: z.array(z.object({ namespace: z.string(), pvcCount: z.int() })),
})
