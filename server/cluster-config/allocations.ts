import type { Allocation } from '../../contract/wire/workspaces.ts'
import { err, ok, type Result } from '../../core/result.ts'

/** What a workspace's namespaces are allowed, on each of its clusters. */
export type Allocated = {
  readonly clusters: readonly string[]
  readonly namespaces: readonly {
    readonly name: string
    readonly namespaceResourceAllocation?: {
      readonly clusterResourceAllocations: readonly {
        readonly clusterUid: string
        readonly resourceAllocation?: Allocation | undefined
      }[]
      readonly defaultResourceAllocation?: Allocation | undefined
    }
  }[]
  readonly quota: Allocation | undefined
}

/** Limits of one namespace on one cluster, whole numbers; absent: none. */
export type Limits = { readonly cpuMillis?: number; readonly memoryMiB?: number; readonly gpus?: number }

const dimensions = ['cpuMillis', 'memoryMiB', 'gpus'] as const

/** 0 and less is "no limit". */
export function limitsOf(allocation: Allocation | undefined): Limits {
  const { cpuCores = 0, memoryMiB = 0, gpuConfig } = allocation ?? {}
  const gpus = gpuConfig?.limit ?? 0
  return {
    ...(cpuCores > 0 ? { cpuMillis: Math.max(1, Math.floor(cpuCores * 1000)) } : {}),
    ...(memoryMiB > 0 ? { memoryMiB: Math.max(1, Math.floor(memoryMiB)) } : {}),
    ...(gpus > 0 ? { gpus } : {}),
  }
}

/**
 * The limits of each namespace on each cluster. What is allotted to a namespace is its own; the rest of the workspace's quota
 * is shared equally among those without, so that all of them together never have more than the quota.
 *
 * @returns keyed `<cluster>/<namespace>`; refuses allotments that are more than the quota
 */
export function shareOut({ clusters, namespaces, quota }: Allocated): Result<ReadonlyMap<string, Limits>, string> {
  const own = new Map<string, Limits>()
  for (const cluster of clusters)
    for (const { name, namespaceResourceAllocation: allotted } of namespaces) {
      const here = allotted?.clusterResourceAllocations.find(({ clusterUid }) => clusterUid === cluster)
      own.set(`${cluster}/${name}`, limitsOf(here?.resourceAllocation ?? allotted?.defaultResourceAllocation))
    }
  const whole = limitsOf(quota)
  const shares: Partial<Record<(typeof dimensions)[number], number>> = {}
  for (const dimension of dimensions) {
    const most = whole[dimension]
    if (most === undefined) continue
    const given = [...own.values()].map((limits) => limits[dimension])
    const taken = given.reduce<number>((sum, one) => sum + (one ?? 0), 0)
    if (taken > most) return err(`${taken} ${units[dimension]} are allotted to namespaces, of a quota of ${most}`)
    const without = given.filter((one) => one === undefined).length
    if (without > 0) shares[dimension] = Math.floor((most - taken) / without)
  }
  return ok(new Map([...own].map(([key, limits]) => [key, { ...shares, ...limits }])))
}

const units = { cpuMillis: 'thousandths of a core', memoryMiB: 'MiB', gpus: 'GPUs' } as const
