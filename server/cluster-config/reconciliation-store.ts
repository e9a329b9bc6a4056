import { ClusterUid, type TenantUid } from '../../contract/ids.ts'
import type { Allocation } from '../../contract/wire/workspaces.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { ConfigError } from './apply.ts'
import { readNamespaces } from './namespace-store.ts'
import { readRbacs, readRbacsOf } from './rbac-store.ts'
import type { Stored } from './wanted.ts'

/** Says that something else is wanted on these clusters from now on. */
export async function wantAnew(tx: Tx, clusters: readonly string[], now: Date): Promise<void> {
  if (clusters.length === 0) return
  await tx.query(
    `insert into cluster_reconciliations (tenant_id, cluster_id, due_at)
     select $1::text, one, $3::timestamptz from unnest($2::text[]) as one
         on conflict (tenant_id, cluster_id) do update
        set version = cluster_reconciliations.version + 1, due_at = excluded.due_at, failures = 0`,
    [tx.tenant, [...new Set(clusters)], now],
  )
}

export type Claim = { readonly version: bigint; readonly failures: number }

/** Takes a cluster that is due for this replica, until it is done or `until`; nothing where somebody else was quicker. */
export async function claim(
  tx: Tx,
  uid: ClusterUid,
  { now, until }: { readonly now: Date; readonly until: Date },
): Promise<Claim | undefined> {
  const [row] = await tx.query<{ version: string; failures: number }>(
    `update cluster_reconciliations set claimed_until = $4
      where tenant_id = $1 and cluster_id = $2 and due_at <= $3 and (claimed_until is null or claimed_until <= $3)
      returning version, failures`,
    [tx.tenant, uid, now, until],
  )
  return row && { version: BigInt(row.version), failures: row.failures }
}

/** What is to be on a cluster now; nothing where the cluster is gone. */
export async function readWanted(tx: Tx, uid: ClusterUid): Promise<Stored | undefined> {
  const [cluster] = await tx.query('select from clusters where tenant_id = $1 and cluster_id = $2', [tx.tenant, uid])
  if (!cluster) return undefined
  const rows = await tx.query<{
    workspace_id: string
    namespaces: Stored['workspaces'][number]['namespaces']
    quota: Allocation | null
    clusters: string[]
  }>(
    `select w.workspace_id, w.namespaces, w.quota,
            array(select k.cluster_id::text from workspace_clusters k
                   where k.tenant_id = w.tenant_id and k.workspace_id = w.workspace_id order by k.position) as clusters
       from workspace_clusters c join workspaces w using (tenant_id, workspace_id)
      where c.tenant_id = $1 and c.cluster_id = $2 order by w.workspace_id`,
    [tx.tenant, uid],
  )
  const rbacs = await readRbacsOf(
    tx,
    'workspace',
    rows.map((row) => row.workspace_id),
  )
  return {
    cluster: uid,
    workspaces: rows.map(({ workspace_id, namespaces, quota, clusters }) => ({
      ...{ uid: workspace_id, namespaces, clusters, quota: quota ?? undefined },
      rbacs: rbacs.get(workspace_id) ?? [],
    })),
    rbacs: await readRbacs(tx, { cluster: uid }),
    namespaces: await readNamespaces(tx, uid),
  }
}

/**
 * Writes down how it went and when to look again; where something else is wanted by now, that is at once.
 *
 * @param errors undefined: the cluster could not be asked, and what was known of single things stays
 */
export async function storeOutcome(
  tx: Tx,
  uid: ClusterUid,
  { version }: Claim,
  outcome: {
    readonly nextAt: Date
    readonly failures: number
    readonly errors: readonly ConfigError[]
    readonly now: Date
  },
): Promise<void> {
  await tx.query(
    `update cluster_reconciliations
        set claimed_until = null, failures = $4, errors = $5, reconciled_at = $6,
            due_at = case when version = $3 then $7 else due_at end
      where tenant_id = $1 and cluster_id = $2`,
    [
      ...[tx.tenant, uid, version.toString(), outcome.failures, JSON.stringify(outcome.errors), outcome.now],
      outcome.nextAt,
    ],
  )
}

/** Nothing is wanted there any more, and nothing of ours is left. */
export async function forgetCluster(tx: Tx, uid: ClusterUid, { version }: Claim): Promise<void> {
  await tx.query('delete from cluster_reconciliations where tenant_id = $1 and cluster_id = $2 and version = $3', [
    ...[tx.tenant, uid, version.toString()],
  ])
}

/** What stands in the way on these clusters, by cluster. */
export async function errorsOn(
  tx: Tx,
  clusters: readonly string[],
): Promise<readonly (ConfigError & { readonly cluster: ClusterUid })[]> {
  const rows = await tx.query<{ cluster_id: string; errors: ConfigError[] }>(
    'select cluster_id, errors from cluster_reconciliations where tenant_id = $1 and cluster_id = any($2) order by cluster_id',
    [tx.tenant, clusters],
  )
  return rows.flatMap(({ cluster_id, errors }) => {
    const cluster = ClusterUid.parse(cluster_id)
    return errors.map((error) => ({ ...error, cluster }))
  })
}

export type Due = { readonly tenant: TenantUid; readonly cluster: ClusterUid }
