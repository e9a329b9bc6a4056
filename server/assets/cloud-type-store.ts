import { type cloudCategories, cloudTypeForm } from '../../contract/wire/cloud-accounts.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

/** A kind of cloud that a tenant has registered. */
export type CloudType = {
  readonly uid: string
  readonly name: string
  readonly displayName: string
  readonly category: (typeof cloudCategories)[number]
  readonly isManaged: boolean
}

/** @returns its UID; undefined where the name is taken */
export async function insertCloudType(
  tx: Tx,
  { name, displayName, category, isManaged }: Omit<CloudType, 'uid'>,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<string | undefined> {
  const [row] = await tx.query<{ type_id: string }>(
    `insert into cloud_types (tenant_id, type_id, name, display_name, category, is_managed, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict on constraint cloud_types_name do nothing returning type_id`,
    [tx.tenant, newUid(), name, displayName, category, isManaged, by, now],
  )
  return row?.type_id
}

export async function readCloudTypes(tx: Tx): Promise<readonly CloudType[]> {
  const rows = await tx.query<Row>(`select ${selected} from cloud_types where tenant_id = $1 order by name`, [
    tx.tenant,
  ])
  return rows.map(toCloudType)
}

/**
 * The registered kind of a name.
 *
 * @param lock `share`: nobody removes it before the transaction ends; `update`: nobody adds an account of it
 */
export async function readCloudType(tx: Tx, name: string, lock?: 'share' | 'update'): Promise<CloudType | undefined> {
  // Of another form there is none, and some texts the database cannot even be asked for.
  if (!cloudTypeForm.test(name)) return undefined
  const rows = await tx.query<Row>(
    `select ${selected} from cloud_types where tenant_id = $1 and name = $2 ${lock ? `for ${lock}` : ''}`,
    [tx.tenant, name],
  )
  return rows.map(toCloudType)[0]
}

/** Removes a kind that was locked; false where there are accounts of it. */
export async function deleteCloudType(tx: Tx, name: string): Promise<boolean> {
  const rows = await tx.query(
    `delete from cloud_types where tenant_id = $1 and name = $2
        and not exists (select from cloud_accounts where tenant_id = $1 and cloud = $2) returning type_id`,
    [tx.tenant, name],
  )
  return rows.length > 0
}

export async function countCloudTypes(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from cloud_types where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

const selected = 'type_id, name, display_name, category, is_managed'

type Row = {
  readonly type_id: string
  readonly name: string
  readonly display_name: string
  readonly category: CloudType['category']
  readonly is_managed: boolean
}

const toCloudType = ({ type_id, name, display_name, category, is_managed }: Row): CloudType => ({
  ...{ uid: type_id, name, displayName: display_name, category, isManaged: is_managed },
})
