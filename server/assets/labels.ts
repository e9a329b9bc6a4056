import { ProjectUid } from '../../contract/ids.ts'
import type { Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** Profiles, cloud accounts and SSH keys as what filters select: where each is, and what it is called and carries. */

const stored = {
  clusterProfile: 'select profile_id::text as uid, name, labels, project_id from cluster_profiles',
  cloudaccount: 'select account_id::text as uid, name, labels, project_id from cloud_accounts',
  sshKey: 'select key_id::text as uid, name, labels, project_id from ssh_keys',
} as const

const wellFormed = /^[0-9a-f]{24}$/

export type TaggedAsset = keyof typeof stored

type Row = {
  readonly uid: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly project_id: string | null
}

/** The labels of those that are still there, by uid. */
export async function assetLabels(tx: Tx, uids: readonly string[]): Promise<ReadonlyMap<string, Row['labels']>> {
  if (uids.length === 0) return new Map()
  const rows = await tx.query<Row>(
    `select * from (${Object.values(stored)
      .map((one) => `${one} where tenant_id = $1`)
      .join(' union all ')}) a where uid = any($2::text[])`,
    [tx.tenant, uids],
  )
  return new Map(rows.map(({ uid, labels }) => [uid, labels]))
}

/** One of them as what is decided about; an unknown or foreign one finds none. */
export async function findAsset(
  tx: Tx,
  kind: TaggedAsset,
  uid: string,
): Promise<(Target & { readonly uid: string }) | undefined> {
  if (!wellFormed.test(uid)) return undefined
  const [row] = await tx.query<Row>(`select * from (${stored[kind]} where tenant_id = $1) a where uid = $2`, [
    ...[tx.tenant, uid],
  ])
  if (!row) return undefined
  const { name, labels: tags, project_id: project } = row
  const scope =
    project === null
      ? ({ kind: 'tenant' } as const)
      : ({ kind: 'project', projectUid: ProjectUid.parse(project) } as const)
  return { kind, uid: row.uid, name, tags, scope }
}
