import type { Tx } from '../platform/postgres/index.ts'

/** The labels of cluster profiles, cloud accounts and SSH keys, by uid; of those that are still there. */
export async function assetLabels(
  tx: Tx,
  uids: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  if (uids.length === 0) return new Map()
  const rows = await tx.query<{ uid: string; labels: Record<string, string> }>(
    `select profile_id::text as uid, labels from cluster_profiles where tenant_id = $1 and profile_id = any($2::text[])
     union all select account_id::text, labels from cloud_accounts where tenant_id = $1 and account_id = any($2::text[])
     union all select key_id::text, labels from ssh_keys where tenant_id = $1 and key_id = any($2::text[])`,
    [tx.tenant, uids],
  )
  return new Map(rows.map(({ uid, labels }) => [uid, labels]))
}
