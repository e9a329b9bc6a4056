import { RbacUid, type UserUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import type { Binding } from './bindings.ts'

/** Whose bindings: a workspace's, on all of its clusters, or one cluster's. */
export type Owner = { readonly workspace: string } | { readonly cluster: string }

export type Rbac = {
  readonly uid: RbacUid
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly bindings: readonly Binding[]
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenRbac = Pick<Rbac, 'name' | 'labels' | 'annotations' | 'bindings'>

const columnOf = (owner: Owner) => ('workspace' in owner ? 'workspace_id' : 'cluster_id')
const uidOf = (owner: Owner) => ('workspace' in owner ? owner.workspace : owner.cluster)

/** The sets of bindings of these owners of one kind, by owner, in the order in which they were written. */
export async function readRbacsOf(
  tx: Tx,
  kind: 'workspace' | 'cluster',
  owners: readonly string[],
): Promise<ReadonlyMap<string, readonly Rbac[]>> {
  if (owners.length === 0) return new Map()
  const column = `${kind}_id`
  const rows = await tx.query<Row & { owner: string }>(
    `select ${column} as owner, rbac_id, name, labels, annotations, bindings, created_at, updated_at from cluster_rbacs
      where tenant_id = $1 and ${column} = any($2) order by position, created_at, rbac_id`,
    [tx.tenant, owners],
  )
  return new Map([...Map.groupBy(rows, ({ owner }) => owner)].map(([owner, of]) => [owner, of.map(toRbac)]))
}

export async function readRbacs(tx: Tx, owner: Owner): Promise<readonly Rbac[]> {
  const found = await readRbacsOf(tx, 'workspace' in owner ? 'workspace' : 'cluster', [uidOf(owner)])
  return found.get(uidOf(owner)) ?? []
}

type Row = {
  readonly rbac_id: string
  readonly name: string
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  readonly bindings: Binding[]
  readonly created_at: Date
  readonly updated_at: Date
}

const toRbac = (row: Row): Rbac => ({
  uid: RbacUid.parse(row.rbac_id),
  name: row.name,
  labels: row.labels,
  annotations: row.annotations,
  bindings: row.bindings,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

/** Adds a set of bindings behind those that there are. */
export async function insertRbac(tx: Tx, owner: Owner, rbac: WrittenRbac, by: UserUid, now: Date): Promise<RbacUid> {
  const uid = RbacUid.parse(newUid())
  const column = columnOf(owner)
  await tx.query(
    `insert into cluster_rbacs (tenant_id, rbac_id, ${column}, position, name, labels, annotations, bindings, created_by,
                                created_at, updated_at)
     select $1::text, $2::text, $3::text, coalesce(max(position) + 1, 0), $4::text, $5::jsonb, $6::jsonb, $7::jsonb, $8::text,
            $9::timestamptz, $9::timestamptz
       from cluster_rbacs where tenant_id = $1::text and ${column} = $3`,
    [
      ...[tx.tenant, uid, uidOf(owner), rbac.name, rbac.labels, rbac.annotations, JSON.stringify(rbac.bindings)],
      ...[by, now],
    ],
  )
  return uid
}

export async function updateRbac(tx: Tx, uid: RbacUid, rbac: WrittenRbac, now: Date): Promise<void> {
  await tx.query(
    `update cluster_rbacs set name = $3, labels = $4, annotations = $5, bindings = $6, updated_at = $7
      where tenant_id = $1 and rbac_id = $2`,
    [tx.tenant, uid, rbac.name, rbac.labels, rbac.annotations, JSON.stringify(rbac.bindings), now],
  )
}

export async function deleteRbacs(tx: Tx, uids: readonly RbacUid[]): Promise<void> {
  if (uids.length === 0) return
  await tx.query('delete from cluster_rbacs where tenant_id = $1 and rbac_id = any($2)', [tx.tenant, uids])
}
