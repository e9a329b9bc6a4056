import { isDeepStrictEqual } from 'node:util'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Allocated, isKept, shareOut } from '../cluster-config/index.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { lockClusters, readWorkspaces, targetOf } from './workspace-store.ts'

/**
 * Refuses to take up, or to limit otherwise, a namespace on a cluster where another workspace or the cluster's own list keeps it:
 * limits are a quota in the namespace, so they would hold for everybody in it, and a right on one workspace is one on nothing around
 * it (threat D09). Whoever may change the cluster may, and whoever may change all the workspaces that keep it.
 *
 * @param clusters those of the workspace as it is to be
 * @param which `uid` and `before` (what it has by now): absent of one that is still to be made
 */
export async function mayKeep(
  { tx, access }: { readonly tx: Tx; readonly access: RequestAccess },
  clusters: readonly Target[],
  which: { readonly uid?: string; readonly before?: Allocated; readonly after: Allocated },
): Promise<Result<undefined, Refusal>> {
  const { uid, before, after } = which
  const had = limitsIn(before)
  const changed = [...limitsIn(after)].filter(([place, limits]) => !isDeepStrictEqual(had.get(place), limits))
  const places = new Set(changed.map(([place]) => place))
  const asked = clusters.filter(
    (cluster) =>
      !access.allows('cluster.update', cluster) &&
      after.namespaces.some(({ name }) => places.has(placeOf(cluster, name))),
  )
  if (asked.length === 0) return ok(undefined)
  const uids = asked.map((cluster) => cluster.uid)
  // Two workspaces that take one up at the same moment: the second sees the first.
  await lockClusters(tx, uids)
  const others = await readWorkspaces(
    tx,
    (value) => `w.workspace_id <> ${value(uid ?? '')}::text and exists (select from workspace_clusters k
      where k.tenant_id = w.tenant_id and k.workspace_id = w.workspace_id and k.cluster_id = any(${value(uids)}))`,
  )
  for (const cluster of asked)
    for (const { name } of after.namespaces) {
      if (!places.has(placeOf(cluster, name))) continue
      const isTheirs = others.some(
        (other) =>
          other.clusters.some((one) => one.uid === cluster.uid) &&
          other.namespaces.some((one) => one.name === name) &&
          !access.allows('workspace.update', targetOf(other)),
      )
      if (isTheirs) return err(keptBy('another workspace', name, cluster))
      if (await isKept(tx, cluster.uid, name)) return err(keptBy('the cluster’s own list', name, cluster))
    }
  return ok(undefined)
}

const placeOf = (cluster: Target, namespace: string) => `${cluster.uid}/${namespace}`

/** By cluster and namespace; what was stored was judged. */
function limitsIn(allocated: Allocated | undefined) {
  const shared = allocated && shareOut(allocated)
  return shared?.ok ? shared.value : new Map<string, unknown>()
}

function keptBy(by: string, name: string, cluster: Target): Refusal {
  return refuse(
    'namespace_kept',
    `clusterNamespaces: "${name}" is kept on cluster ${cluster.uid} by ${by}; to keep it there too takes cluster.update`,
    { namespace: name, cluster: cluster.uid, permission: 'cluster.update' },
  )
}
