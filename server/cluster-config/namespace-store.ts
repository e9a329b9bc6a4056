import { type ClusterUid, NamespaceUid } from '../../contract/ids.ts'
import type { Allocation } from '../../contract/wire/workspaces.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

/** A namespace that is kept on one cluster. */
export type KeptNamespace = {
  readonly uid: NamespaceUid
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly allocation: Allocation | undefined
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenNamespace = Pick<KeptNamespace, 'name' | 'labels' | 'annotations' | 'allocation'>

/** In the order in which they were written. */
export async function readNamespaces(tx: Tx, cluster: ClusterUid): Promise<readonly KeptNamespace[]> {
  const rows = await tx.query<{
    namespace_id: string
    name: string
    labels: Record<string, string>
    annotations: Record<string, string>
    allocation: Allocation | null
    created_at: Date
    updated_at: Date
  }>(
    `select namespace_id, name, labels, annotations, allocation, created_at, updated_at from cluster_namespaces
      where tenant_id = $1 and cluster_id = $2 order by position, namespace_id`,
    [tx.tenant, cluster],
  )
  return rows.map((row) => ({
    uid: NamespaceUid.parse(row.namespace_id),
    name: row.name,
    labels: row.labels,
    annotations: row.annotations,
    allocation: row.allocation ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}

/** Those of the named namespaces that the clusters' own lists, and not those of workspaces, keep on them. */
export async function keptAmong(
  tx: Tx,
  clusters: readonly string[],
  names: readonly string[],
): Promise<readonly { readonly cluster: string; readonly name: string }[]> {
  const rows = await tx.query<{ cluster_id: string; name: string }>(
    'select cluster_id, name from cluster_namespaces where tenant_id = $1 and cluster_id = any($2) and name = any($3)',
    [tx.tenant, clusters, names],
  )
  return rows.map((row) => ({ cluster: row.cluster_id, name: row.name }))
}

/** Makes these the namespaces that are kept on a cluster. One whose name was there before is the same one. */
export async function replaceNamespaces(
  tx: Tx,
  cluster: ClusterUid,
  written: readonly WrittenNamespace[],
  now: Date,
): Promise<void> {
  await tx.query('delete from cluster_namespaces where tenant_id = $1 and cluster_id = $2 and name <> all($3)', [
    ...[tx.tenant, cluster, written.map(({ name }) => name)],
  ])
  for (const [position, { name, labels, annotations, allocation }] of written.entries())
    await tx.query(
      `insert into cluster_namespaces (tenant_id, namespace_id, cluster_id, position, name, labels, annotations, allocation,
                                       created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
           on conflict (tenant_id, cluster_id, name) do update
          set position = excluded.position, labels = excluded.labels, annotations = excluded.annotations,
              allocation = excluded.allocation, updated_at = excluded.updated_at`,
      [tx.tenant, NamespaceUid.parse(newUid()), cluster, position, name, labels, annotations, allocation ?? null, now],
    )
}
