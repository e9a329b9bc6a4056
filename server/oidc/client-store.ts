import { UserUid } from '../../contract/ids.ts'
import { OidcClientUid } from '../../contract/oidc-clients.ts'
import type { Tx } from '../platform/postgres/index.ts'

export type StoredClient = {
  readonly uid: OidcClientUid
  readonly name: string
  readonly kind: 'web' | 'native'
  readonly redirectUris: readonly string[]
  readonly apiAccess: boolean
  readonly secret: Buffer | null
  readonly createdBy: UserUid
  readonly createdAt: Date
}

type Row = {
  readonly client_uid: string
  readonly name: string
  readonly kind: 'web' | 'native'
  readonly redirect_uris: string[]
  readonly api_access: boolean
  readonly secret: Buffer | null
  readonly created_by: string
  readonly created_at: Date
}

const columns = 'client_uid, name, kind, redirect_uris, api_access, secret, created_by, created_at'

const stored = (row: Row): StoredClient => ({
  uid: OidcClientUid.parse(row.client_uid),
  name: row.name,
  kind: row.kind,
  redirectUris: row.redirect_uris,
  apiAccess: row.api_access,
  secret: row.secret,
  createdBy: UserUid.parse(row.created_by),
  createdAt: row.created_at,
})

export async function readClient(tx: Tx, uid: OidcClientUid): Promise<StoredClient | undefined> {
  const [row] = await tx.query<Row>(`select ${columns} from oidc_clients where tenant_id = $1 and client_uid = $2`, [
    tx.tenant,
    uid,
  ])
  return row && stored(row)
}

export async function readClients(tx: Tx): Promise<StoredClient[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from oidc_clients where tenant_id = $1 order by name, client_uid`,
    [tx.tenant],
  )
  return rows.map(stored)
}

/** @param nameKey the name in the form in which two names are one */
export async function insertClient(tx: Tx, client: StoredClient, nameKey: string): Promise<void> {
  await tx.query(
    `insert into oidc_clients (tenant_id, client_uid, name, name_key, kind, redirect_uris, api_access, secret, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      ...[tx.tenant, client.uid, client.name, nameKey, client.kind, client.redirectUris, client.apiAccess],
      ...[client.secret, client.createdBy, client.createdAt],
    ],
  )
}

export async function deleteClient(tx: Tx, uid: OidcClientUid): Promise<void> {
  await tx.query('delete from oidc_clients where tenant_id = $1 and client_uid = $2', [tx.tenant, uid])
}

/**
 * How many clients the tenant has, and about how many all tenants have together: other tenants' rows are hidden from here, and what the
 * database knows of the table's size is as good for a bound.
 */
export async function countClients(tx: Tx): Promise<{ readonly ofTenant: number; readonly inAll: number }> {
  const [row] = await tx.query<{ of_tenant: string; in_all: string }>(
    `select (select count(*) from oidc_clients where tenant_id = $1) as of_tenant,
            (select greatest(reltuples, 0)::bigint from pg_class where oid = 'oidc_clients'::regclass) as in_all`,
    [tx.tenant],
  )
  return { ofTenant: Number(row?.of_tenant), inAll: Number(row?.in_all) }
}
