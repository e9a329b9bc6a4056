import type { Tx } from '../platform/postgres/index.ts'

type Labels = Readonly<Record<string, string>>

/** How many clusters of these projects carry exactly the same labels. */
export async function labelTallies(
  tx: Tx,
  projects: readonly string[],
): Promise<readonly { readonly project: string; readonly labels: Labels; readonly n: number }[]> {
  return tx.query(
    'select project_id as project, labels, n from cluster_tallies where tenant_id = $1 and project_id = any($2)',
    [tx.tenant, projects],
  )
}

/** How many clusters the tenant has. */
export async function countClusters(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    'select coalesce(sum(n), 0) as count from cluster_tallies where tenant_id = $1',
    [tx.tenant],
  )
  return Number(row?.count)
}

/** The labels of clusters by uid, of those that are there. */
export async function labelsOf(tx: Tx, uids: readonly string[]): Promise<ReadonlyMap<string, Labels>> {
  const rows = await tx.query<{ uid: string; labels: Labels }>(
    'select cluster_id as uid, labels from clusters where tenant_id = $1 and cluster_id = any($2)',
    [tx.tenant, uids],
  )
  return new Map(rows.map(({ uid, labels }) => [uid, labels]))
}
