import { systemTenant, TenantUid, UserUid } from '../../contract/ids.ts'
import type { Page } from '../../contract/wire/common.ts'
import { nameKey } from '../../contract/wire/common.ts'
import type { Comparison, Order } from '../../contract/wire/list-filters.ts'
import type { Address } from '../../contract/wire/tenants.ts'
import type { TenantState } from '../access/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

export type Tenant = {
  readonly uid: TenantUid
  readonly orgName: string
  readonly state: TenantState
  readonly loginMode: 'dev' | 'devops'
  readonly firstUser: UserUid | null
  /** Sealed under the tenant's own key: see `openContact`. */
  readonly contact: Buffer | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** How the organisation itself is reached. */
export type Contact = { readonly orgEmailId: string; readonly address: Address }

/**
 * Adds the row, in the system's scope: pending until the first user sets a password. False where the name, in any
 * spelling, is another's.
 */
export async function insertTenant(
  tx: Tx,
  tenant: Pick<Tenant, 'uid' | 'orgName' | 'loginMode'>,
  now: Date,
): Promise<boolean> {
  const inserted = await tx.query(
    `insert into tenants (tenant_id, org_name, org_key, state, login_mode, created_at, updated_at)
     values ($1, $2, $3, 'pending', $4, $5, $5) on conflict (org_key) do nothing returning tenant_id`,
    [tenant.uid, tenant.orgName, nameKey(tenant.orgName), tenant.loginMode, now],
  )
  return inserted.length > 0
}

/** In the new tenant's own scope: the row by which changes of access are ordered. */
export async function insertEpoch(tx: Tx): Promise<void> {
  await tx.query('insert into access_epochs (tenant_id) values ($1)', [tx.tenant])
}

/** In the new tenant's own scope: what needs its key or its people. */
export async function completeTenant(
  tx: Tx,
  sealer: TenantSealer,
  { firstUser, contact }: { readonly firstUser: UserUid; readonly contact: Contact },
): Promise<void> {
  await tx.query('update tenants set first_user_id = $2, contact = $3 where tenant_id = $1', [
    ...[tx.tenant, firstUser, sealer.seal(contactField(tx.tenant), JSON.stringify(contact))],
  ])
}

export function openContact(sealer: TenantSealer, uid: TenantUid, sealed: Buffer | null): Contact {
  if (sealed === null) return { orgEmailId: '', address: noAddress }
  // Cast: `completeTenant` wrote it, and what was changed since does not open.
  return JSON.parse(sealer.open(contactField(uid), sealed)) as Contact
}

/** In the tenant's own scope: changes some of its contact, one change after the other. */
export async function changeContact(tx: Tx, sealer: TenantSealer, change: Partial<Contact>, now: Date): Promise<void> {
  const [row] = await tx.query<{ contact: Buffer | null }>(
    'select contact from tenants where tenant_id = $1 for update',
    [tx.tenant],
  )
  const contact = { ...openContact(sealer, tx.tenant, row?.contact ?? null), ...change }
  await tx.query('update tenants set contact = $2, updated_at = $3 where tenant_id = $1', [
    ...[tx.tenant, sealer.seal(contactField(tx.tenant), JSON.stringify(contact)), now],
  ])
}

const contactField = (uid: TenantUid) => ({ table: 'tenants', column: 'contact', row: uid })

export const noAddress: Address = {
  addressLine1: '',
  addressLine2: '',
  city: '',
  country: '',
  pincode: '',
  state: '',
}

export async function orgNameTaken(tx: Tx, orgName: string): Promise<boolean> {
  return (await tx.query('select from tenants where org_key = $1', [nameKey(orgName)])).length > 0
}

/** One tenant, as far as the scope of the transaction sees it; the system's own is none. */
export async function readTenant(tx: Tx, uid: string): Promise<Tenant | undefined> {
  const tenant = TenantUid.safeParse(uid)
  if (!tenant.success || tenant.data === systemTenant) return undefined
  // As the policy of the table says it too: a tenant sees itself, the system scope sees all.
  if (tx.tenant !== systemTenant && tx.tenant !== tenant.data) return undefined
  const [row] = await tx.query<TenantRow>(`select ${columns} from tenants where tenant_id = $1`, [tenant.data])
  return row && toTenant(row)
}

/** Paths that the list of tenants may be filtered and sorted by, and their columns. */
const sortable = {
  'metadata.name': 'org_key',
  'metadata.uid': 'tenant_id',
  'metadata.creationTimestamp': 'created_at',
} as const
const filterable = { 'metadata.name': 'org_name', 'spec.orgName': 'org_name', 'metadata.uid': 'tenant_id' } as const
export const sortableTenantPaths = Object.keys(sortable)
export const filterableTenantPaths = Object.keys(filterable)

/** A page of all tenants, and how many there are. In SQL: there may be ten thousand. */
export async function listTenants(
  tx: Tx,
  filters: readonly Comparison[],
  order: readonly Order[],
  { limit, offset }: Page,
): Promise<{ readonly tenants: readonly Tenant[]; readonly count: number }> {
  const columnOf = <Known extends Record<string, string>>(known: Known, path: string): string => {
    const column = known[path]
    if (column === undefined) throw new Error(`tenants have no ${path}`)
    return column
  }
  const conditions = filters.map(({ path }, i) => ` and ${columnOf(filterable, path)} = $${i + 2}`).join('')
  const where = `from tenants where tenant_id <> $1${conditions}`
  const values = [systemTenant, ...filters.map(({ value }) => value)]
  const sorting = order.map(({ path, descending }) => `${columnOf(sortable, path)}${descending ? ' desc' : ''}`)
  const rows = await tx.query<TenantRow>(
    `select ${columns} ${where} order by ${[...sorting, 'org_key'].join(', ')}
      limit $${values.length + 1} offset $${values.length + 2}`,
    [...values, limit, offset],
  )
  const [total] = await tx.query<{ count: string }>(`select count(*) ${where}`, values)
  return { tenants: rows.map(toTenant), count: Number(total?.count) }
}

/** A page of the tenants whose name holds the text, and how many there are. */
export async function searchTenants(
  tx: Tx,
  {
    q,
    state,
    orderBy,
    descending,
    limit,
    offset,
  }: Page & {
    readonly q: string
    readonly state?: TenantState | undefined
    readonly orderBy: 'name' | 'createdAt'
    readonly descending: boolean
  },
): Promise<{ readonly tenants: readonly Tenant[]; readonly count: number }> {
  // strpos knows no pattern: what somebody types is what is looked for.
  const where = `from tenants where tenant_id <> $1 and strpos(org_key, $2) > 0 and ($3::text is null or state = $3)`
  const values = [systemTenant, nameKey(q.trim()), state ?? null]
  const direction = descending ? ' desc' : ''
  const order = orderBy === 'name' ? `org_key${direction}` : `created_at${direction}, org_key`
  const rows = await tx.query<TenantRow>(`select ${columns} ${where} order by ${order} limit $4 offset $5`, [
    ...[...values, limit, offset],
  ])
  const [total] = await tx.query<{ count: string }>(`select count(*) ${where}`, values)
  return { tenants: rows.map(toTenant), count: Number(total?.count) }
}

export async function setTenantState(tx: Tx, uid: TenantUid, state: TenantState, now: Date): Promise<void> {
  await tx.query('update tenants set state = $2, updated_at = $3 where tenant_id = $1', [uid, state, now])
}

const columns = 'tenant_id, org_name, state, login_mode, first_user_id, contact, created_at, updated_at'

type TenantRow = {
  readonly tenant_id: string
  readonly org_name: string
  readonly state: TenantState
  readonly login_mode: 'dev' | 'devops'
  readonly first_user_id: string | null
  readonly contact: Buffer | null
  readonly created_at: Date
  readonly updated_at: Date
}

const toTenant = (row: TenantRow): Tenant => ({
  uid: TenantUid.parse(row.tenant_id),
  orgName: row.org_name,
  state: row.state,
  loginMode: row.login_mode,
  firstUser: row.first_user_id === null ? null : UserUid.parse(row.first_user_id),
  contact: row.contact,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
