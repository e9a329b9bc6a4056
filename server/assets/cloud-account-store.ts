import { type Refusal, refuse } from '../../contract/errors.ts'
import { CloudAccountUid, ProjectUid } from '../../contract/ids.ts'
import { nameKey, type Page } from '../../contract/wire/common.ts'
import type { Comparison, Order } from '../../contract/wire/list-filters.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Condition } from '../access/index.ts'
import type { Field, TenantSealer } from '../keys/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import type { WrittenSpec } from './cloud.ts'

/** A cloud account without its secrets. */
export type CloudAccount = {
  readonly uid: CloudAccountUid
  readonly project: ProjectUid | undefined
  /** `aws`, `gcp`, `azure`, or a kind of cloud that the tenant has registered. */
  readonly kind: string
  readonly name: string
  /** What may be shown of its credentials, in the shape of its kind. */
  readonly spec: unknown
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenAccount = Pick<CloudAccount, 'name' | 'labels' | 'annotations'> & WrittenSpec

/** The paths that accounts are filtered and sorted by, as columns. */
const columns: Readonly<Record<string, { readonly filter: string; readonly sort: string }>> = {
  'metadata.name': { filter: 'name', sort: 'name_key' },
  'metadata.uid': { filter: 'account_id', sort: 'account_id' },
  kind: { filter: 'cloud', sort: 'cloud' },
  'metadata.creationTimestamp': { filter: 'created_at::text', sort: 'created_at' },
  'metadata.lastModifiedTimestamp': { filter: 'updated_at::text', sort: 'updated_at' },
}
export const filterPaths = ['metadata.name', 'metadata.uid', 'kind'] as const
export const sortPaths = Object.keys(columns)

/** Bound to the row, so that secrets moved to another account do not open. */
const secretsField = (uid: string): Field => ({ table: 'cloud_accounts', column: 'secrets', row: uid })

/** Adds an account; `cloud_account_name_taken` where the name, in any spelling, is another's of the same kind and scope. */
export async function insertAccount(
  tx: Tx,
  sealer: TenantSealer,
  account: WrittenAccount & Pick<CloudAccount, 'project' | 'kind'>,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<Result<CloudAccountUid, Refusal>> {
  const uid = CloudAccountUid.parse(newUid())
  const { project, kind, name, spec, labels, annotations } = account
  const inserted = await tx.query(
    `insert into cloud_accounts (tenant_id, account_id, project_id, cloud, name, name_key, spec, secrets, labels, annotations,
                                 created_by, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
     on conflict on constraint cloud_accounts_name do nothing returning account_id`,
    [
      ...[tx.tenant, uid, project ?? null, kind, name, nameKey(name), JSON.stringify(spec)],
      sealed(sealer, uid, account),
      ...[labels, annotations, by, now],
    ],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('cloud_account_name_taken'))
}

export async function updateAccount(
  tx: Tx,
  sealer: TenantSealer,
  uid: CloudAccountUid,
  account: WrittenAccount,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  const { name, spec, secrets, labels, annotations } = account
  try {
    await tx.query(
      `update cloud_accounts set name = $3, name_key = $4, spec = $5, secrets = case when $6 then secrets else $7 end,
              labels = $8, annotations = $9, updated_at = $10
        where tenant_id = $1 and account_id = $2`,
      [
        ...[
          tx.tenant,
          uid,
          name,
          nameKey(name),
          JSON.stringify(spec),
          secrets === 'keep',
          sealed(sealer, uid, account),
        ],
        ...[labels, annotations, now],
      ],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'cloud_accounts_name') return err(refuse('cloud_account_name_taken'))
    throw cause
  }
  return ok(undefined)
}

const sealed = (sealer: TenantSealer, uid: string, { secrets }: Pick<WrittenAccount, 'secrets'>): Buffer | null =>
  typeof secrets === 'string' ? null : sealer.seal(secretsField(uid), JSON.stringify(secrets))

export async function deleteAccount(tx: Tx, uid: CloudAccountUid): Promise<void> {
  await tx.query('delete from cloud_accounts where tenant_id = $1 and account_id = $2', [tx.tenant, uid])
}

export async function countAccounts(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from cloud_accounts where tenant_id = $1', [
    tx.tenant,
  ])
  return Number(row?.count)
}

/**
 * The account of a kind that a path names; an unknown or foreign one, or what is no UID, finds none. Locked where `toChange`: what a
 * change keeps must still belong to what it was compared with.
 */
export async function readAccount(
  tx: Tx,
  uid: string,
  kind: string,
  { toChange = false } = {},
): Promise<CloudAccount | undefined> {
  if (!CloudAccountUid.safeParse(uid).success) return undefined
  const rows = await tx.query<Row>(
    `select ${selected} from cloud_accounts where tenant_id = $1 and account_id = $2 and cloud = $3
      ${toChange ? 'for update' : ''}`,
    [tx.tenant, uid, kind],
  )
  return rows.map(toAccount)[0]
}

/**
 * A page of the accounts that fulfil a condition, by name where nothing else is asked.
 *
 * @param wanted `kind`: absent for all; `filters` and `order`: parsed with `filterPaths` and `sortPaths`
 */
export async function listAccounts(
  tx: Tx,
  wanted: {
    readonly kind: string | undefined
    readonly visible: Condition | undefined
    readonly filters: readonly Comparison[]
    readonly order: readonly Order[]
    readonly page: Page
  },
): Promise<{ readonly accounts: readonly CloudAccount[]; readonly count: number }> {
  const { kind, visible, filters, order, page } = wanted
  const values: unknown[] = []
  const value = (of: unknown) => `$${values.push(of)}`
  const where = [
    `tenant_id = ${value(tx.tenant)}`,
    ...(kind === undefined ? [] : [`cloud = ${value(kind)}`]),
    ...(visible ? [`(${visible(value)})`] : []),
    ...filters.map(({ path, value: equals }) => `${columnOf(path).filter} = ${value(equals)}::text`),
  ].join(' and ')
  const [counted] = await tx.query<{ count: string }>(`select count(*) from cloud_accounts where ${where}`, values)
  const sorting = order.map(({ path, descending }) => `${columnOf(path).sort}${descending ? ' desc' : ''}`)
  const rows = await tx.query<Row>(
    `select ${selected} from cloud_accounts where ${where} order by ${[...sorting, 'name_key', 'account_id'].join(', ')}
      limit ${value(page.limit)} offset ${value(page.offset)}`,
    values,
  )
  return { accounts: rows.map(toAccount), count: Number(counted?.count ?? 0) }
}

/** From the table above alone: nothing that a client writes gets into SQL. */
function columnOf(path: string) {
  const column = Object.hasOwn(columns, path) ? columns[path] : undefined
  if (!column) throw new Error(`cloud accounts have no path ${path}`)
  return column
}

const selected = 'account_id, project_id, cloud, name, spec, labels, annotations, created_at, updated_at'

type Row = {
  readonly account_id: string
  readonly project_id: string | null
  readonly cloud: string
  readonly name: string
  readonly spec: unknown
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  readonly created_at: Date
  readonly updated_at: Date
}

const toAccount = (row: Row): CloudAccount => ({
  uid: CloudAccountUid.parse(row.account_id),
  project: row.project_id === null ? undefined : ProjectUid.parse(row.project_id),
  kind: row.cloud,
  name: row.name,
  spec: row.spec,
  labels: row.labels,
  annotations: row.annotations,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
