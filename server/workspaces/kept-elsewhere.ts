import { isDeepStrictEqual } from 'node:util'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Allocated, keptAmong, shareOut } from '../cluster-config/index.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { lockClusters, readWorkspaces, targetOf, type Workspace } from './workspace-store.ts'

/**
 * Refuses to take up, or to limit otherwise, a namespace on a cluster where another workspace or the cluster's own list keeps it:
 * limits are a quota in the namespace, so they would hold for everybody in it, and a right on one workspace is one on nothing around
 * it (threat D09). Whoever may change the cluster may, and whoever may change all the workspaces that keep it.
 *
 * @param clusters those of the workspace as it is to be
 * @param which `uid` and `before` (what it has by now): absent of one that is still to be made
 */
export async function mayKeep(
  { tx, access }: { readonly tx: Tx; readonly access: Pick<RequestAccess, 'allows'> },
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
  // Both once for all places: there may be tens of thousands, and the clusters are held meanwhile.
  const names = after.namespaces.map(({ name }) => name)
  const among = { clusters: new Set<string>(uids), names: new Set(names) }
  const theirs = new Set<string>()
  for (const other of others) {
    const shared = placesOf(other, among).filter((place) => places.has(place))
    if (shared.length > 0 && !access.allows('workspace.update', targetOf(other)))
      for (const place of shared) theirs.add(place)
  }
  const listed = new Set((await keptAmong(tx, uids, names)).map(({ cluster, name }) => placeOf({ uid: cluster }, name)))
  for (const cluster of asked)
    for (const name of names) {
      const place = placeOf(cluster, name)
      if (!places.has(place)) continue
      if (theirs.has(place)) return err(keptBy('another workspace', name, cluster))
      if (listed.has(place)) return err(keptBy('the cluster’s own list', name, cluster))
    }
  return ok(undefined)
}

const placeOf = ({ uid }: { readonly uid: string }, namespace: string) => `${uid}/${namespace}`

/** Where a workspace keeps namespaces, as far as they are among these. */
function placesOf(
  { clusters, namespaces }: Workspace,
  among: { readonly clusters: ReadonlySet<string>; readonly names: ReadonlySet<string> },
): readonly string[] {
  const kept = namespaces.filter(({ name }) => among.names.has(name))
  return clusters
    .filter(({ uid }) => among.clusters.has(uid))
    .flatMap((cluster) => kept.map(({ name }) => placeOf(cluster, name)))
}

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
