import { z } from 'zod'
import { rbac, rbacIn } from './cluster-rbacs.ts'
import { displayName, listOf, metadataIn, metadataOut, storableText, stringMapIfGiven, uidAndName } from './common.ts'
import { uidText } from './users.ts'

/** Workspaces: namespaces and role bindings on several clusters of one project. */

const maxParts = 200

/** 0 and -1 are "no limit". */
const gpu = z.object({ limit: z.int().min(-1).nullish(), provider: z.enum(['nvidia']).nullish() }).nullish()
export const allocationIn = z
  .object({
    cpuCores: z.number().min(-1).max(1_000_000).nullish(),
    memoryMiB: z.number().min(-1).max(1_000_000_000_000).nullish(),
    gpuConfig: gpu,
  })
  .nullish()
  .transform((written) =>
    written
      ? {
          cpuCores: written.cpuCores ?? 0,
          memoryMiB: written.memoryMiB ?? 0,
          ...(written.gpuConfig
            ? { gpuConfig: { limit: written.gpuConfig.limit ?? 0, provider: 'nvidia' as const } }
            : {}),
        }
      : undefined,
  )
export type Allocation = NonNullable<z.output<typeof allocationIn>>

export const namespaceIn = z.object({
  name: storableText(253),
  isRegex: z.boolean().nullish(),
  image: z.object({ blackListedImages: listOf(storableText(1024)) }).nullish(),
  namespaceResourceAllocation: z
    .object({
      clusterResourceAllocations: listOf(z.object({ clusterUid: uidText, resourceAllocation: allocationIn })),
      defaultResourceAllocation: allocationIn,
    })
    .nullish(),
})

const refsIn = z
  .array(z.object({ clusterUid: uidText, clusterName: storableText(256).nullish() }))
  .max(maxParts)
  .nullish()
const namespacesIn = listOf(namespaceIn).refine((list) => list.length <= maxParts, `at most ${maxParts} namespaces`)
const quotaIn = z.object({ resourceAllocation: allocationIn }).nullish()

export const workspaceIn = z.object({
  metadata: metadataIn,
  spec: z
    .object({
      clusterRefs: refsIn,
      clusterNamespaces: namespacesIn,
      clusterRbacs: listOf(rbacIn).refine((list) => list.length <= maxParts, `at most ${maxParts} sets of bindings`),
      quota: quotaIn,
      policies: z.object({ backupPolicy: z.unknown() }).partial().nullish(),
    })
    .nullish(),
})

/** What is not sent stays. */
export const workspaceMeta = z.object({
  name: z.union([z.literal(''), displayName(128)]).nullish(),
  labels: stringMapIfGiven,
  annotations: stringMapIfGiven,
})

/** The namespaces replace those that there are; clusters and quota that are not sent stay. */
export const workspaceNamespacesIn = z.object({
  clusterRefs: refsIn,
  clusterNamespaces: namespacesIn,
  quota: quotaIn,
})

export const allocation = z.object({
  cpuCores: z.number(),
  memoryMiB: z.number(),
  gpuConfig: z.object({ limit: z.int(), provider: z.literal('nvidia') }).optional(),
})

export const workspace = z.object({
  metadata: metadataOut,
  spec: z.object({
    clusterRefs: z.array(z.object({ clusterUid: z.string(), clusterName: z.string() })),
    clusterNamespaces: z.array(
      z.object({
        name: z.string(),
        isRegex: z.literal(false),
        namespaceResourceAllocation: z.object({
          clusterResourceAllocations: z.array(z.object({ clusterUid: z.string(), resourceAllocation: allocation })),
          defaultResourceAllocation: allocation.optional(),
        }),
      }),
    ),
    clusterRbacs: z.array(rbac),
    quota: z.object({ resourceAllocation: allocation.optional() }),
    policies: z.object({}),
  }),
  /** What stands in the way of it on the clusters. */
  status: z.object({
    errors: z.array(z.object({ clusterUid: z.string(), msg: z.string(), name: z.string(), resourceType: z.string() })),
  }),
})

export const dashboardWorkspaces = z.object({
  items: z.array(
    z.object({
      metadata: metadataOut,
      spec: z.object({
        clusterRefs: z.array(uidAndName),
        namespaces: z.array(z.string()),
        quota: z.object({
          resourceAllocation: z
            .object({
              cpu: z.number().optional(),
              memory: z.number().optional(),
              gpuConfig: allocation.shape.gpuConfig,
            })
            .optional(),
        }),
      }),
    }),
  ),
  cpuUnit: z.literal('cores'),
  memoryUnit: z.literal('MiB'),
})

export const clusterRbacPath = z.object({
  uid: z.string().min(1).max(128),
  clusterRbacUid: z.string().min(1).max(128),
})

/** Roles on workspaces. A workspace that is not named stays as it is; one that is named has these roles and no others. */
export const workspaceRolesIn = z.object({
  workspaces: listOf(z.object({ uid: uidText, roles: listOf(uidText) })),
})
export const workspaceRoles = z.object({
  projects: z.array(
    uidAndName.extend({
      workspaces: z.array(uidAndName.extend({ roles: z.array(uidAndName), inheritedRoles: z.array(uidAndName) })),
    }),
  ),
})
export const workspaceUserPath = z.object({ userUid: z.string().min(1).max(128) })
export const workspaceTeamPath = z.object({ teamUid: z.string().min(1).max(128) })
