import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { namespaceIn } from '../../contract/wire/workspaces.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Allocated, type FindCluster, problemOfNamespace, shareOut } from '../cluster-config/index.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** Namespaces as they may be stored. What Palisade would not carry out is refused, not kept as if it were done. */
export function storableNamespaces(
  written: readonly z.output<typeof namespaceIn>[],
  protectedNamespaces: readonly string[],
): Result<Allocated['namespaces'], Refusal> {
  const seen = new Set<string>()
  const namespaces: Allocated['namespaces'][number][] = []
  for (const { name, isRegex, image, namespaceResourceAllocation: allotted } of written) {
    const problem = isRegex
      ? 'is a pattern: Palisade sets nothing in namespaces that it did not make, so name each one'
      : image && image.blackListedImages.length > 0
        ? 'has images that are barred, which Palisade does not enforce'
        : seen.has(name)
          ? 'stands twice'
          : problemOfNamespace(name, protectedNamespaces)
    if (problem) return err(refuse('invalid', `clusterNamespaces: "${name}" ${problem}`))
    seen.add(name)
    namespaces.push({ name, ...(allotted ? { namespaceResourceAllocation: allotted } : {}) })
  }
  return ok(namespaces)
}

/** Refuses limits that contradict one another or name clusters that are not the workspace's. */
export function checkAllocations(allocated: Allocated): Result<undefined, Refusal> {
  for (const { name, namespaceResourceAllocation: allotted } of allocated.namespaces)
    for (const { clusterUid } of allotted?.clusterResourceAllocations ?? [])
      if (!allocated.clusters.includes(clusterUid))
        return err(
          refuse('invalid', `clusterNamespaces: "${name}" has limits on ${clusterUid}, no cluster of the workspace`),
        )
  const shared = shareOut(allocated)
  return shared.ok ? ok(undefined) : err(refuse('invalid', `quota: ${shared.error}`))
}

/**
 * The clusters that are named, each once: clusters of the workspace's project that the caller may see. Those that it has
 * already need not be seen.
 */
export async function namedClusters(
  findCluster: FindCluster,
  { tx, access }: { readonly tx: Tx; readonly access: RequestAccess },
  project: string,
  named: readonly string[],
  had: readonly string[],
): Promise<Result<readonly Target[], Refusal>> {
  const clusters: Target[] = []
  for (const uid of new Set(named)) {
    const cluster = await findCluster({ tx, params: { uid } })
    const isThere = cluster?.scope.kind === 'project' && cluster.scope.projectUid === project
    const isSeen =
      isThere && (had.includes(uid) || access.allows('cluster.list', cluster) || access.allows('cluster.get', cluster))
    if (!isSeen) return err(refuse('not_found', `No cluster ${uid} in this project that you see`))
    clusters.push(cluster)
  }
  return ok(clusters)
}
