import { type Refusal, refuse } from '../../contract/errors.ts'
import { CertificateUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Field, TenantSealer } from '../keys/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

/** A certificate without its key. */
export type StoredCertificate = {
  readonly uid: CertificateUid
  readonly name: string
  readonly certificate: string
  readonly isCa: boolean
  readonly hasKey: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type WrittenCertificate = Pick<StoredCertificate, 'name' | 'certificate' | 'isCa' | 'labels' | 'annotations'> & {
  /** In PEM; `keep`: the one that is stored goes on. */
  readonly key: string | 'keep' | undefined
}

/** Bound to the row, so that a key moved to another certificate does not open. */
const keyField = (uid: string): Field => ({ table: 'tenant_certificates', column: 'private_key', row: uid })

const sealed = (sealer: TenantSealer, uid: string, key: string | undefined) =>
  key === undefined || key === 'keep' ? null : sealer.seal(keyField(uid), key)

/** Adds a certificate; `certificate_name_taken` where the name, in any spelling, is another's. */
export async function insertCertificate(
  tx: Tx,
  sealer: TenantSealer,
  { name, certificate, isCa, key, labels, annotations }: WrittenCertificate,
  { by, now }: { readonly by: string; readonly now: Date },
): Promise<Result<CertificateUid, Refusal>> {
  const uid = CertificateUid.parse(newUid())
  const inserted = await tx.query(
    `insert into tenant_certificates (tenant_id, certificate_id, name, name_key, certificate, is_ca, private_key, labels,
                                      annotations, created_by, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
     on conflict on constraint tenant_certificates_name do nothing returning certificate_id`,
    [
      ...[tx.tenant, uid, name, nameKey(name), certificate, isCa, sealed(sealer, uid, key), labels, annotations],
      ...[by, now],
    ],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('certificate_name_taken'))
}

export async function updateCertificate(
  tx: Tx,
  sealer: TenantSealer,
  uid: CertificateUid,
  { name, certificate, isCa, key, labels, annotations }: WrittenCertificate,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  try {
    await tx.query(
      `update tenant_certificates set name = $3, name_key = $4, certificate = $5, is_ca = $6,
              private_key = case when $7 then private_key else $8 end, labels = $9, annotations = $10, updated_at = $11
        where tenant_id = $1 and certificate_id = $2`,
      [
        ...[tx.tenant, uid, name, nameKey(name), certificate, isCa, key === 'keep', sealed(sealer, uid, key)],
        ...[labels, annotations, now],
      ],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'tenant_certificates_name') return err(refuse('certificate_name_taken'))
    throw cause
  }
  return ok(undefined)
}

export async function deleteCertificate(tx: Tx, uid: CertificateUid): Promise<void> {
  await tx.query('delete from tenant_certificates where tenant_id = $1 and certificate_id = $2', [tx.tenant, uid])
}

/** All of the tenant, by name. */
export async function readCertificates(tx: Tx): Promise<StoredCertificate[]> {
  const rows = await tx.query<Row>(
    `select ${selected} from tenant_certificates where tenant_id = $1 order by name_key`,
    [tx.tenant],
  )
  return rows.map(toCertificate)
}

/** The one that a path names; an unknown or foreign one, or what is no UID, finds none. Locked where `toChange`. */
export async function readCertificate(
  tx: Tx,
  uid: string,
  { toChange = false } = {},
): Promise<StoredCertificate | undefined> {
  if (!CertificateUid.safeParse(uid).success) return undefined
  const rows = await tx.query<Row>(
    `select ${selected} from tenant_certificates where tenant_id = $1 and certificate_id = $2 ${toChange ? 'for update' : ''}`,
    [tx.tenant, uid],
  )
  return rows.map(toCertificate)[0]
}

export async function countCertificates(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from tenant_certificates where tenant_id = $1', [
    tx.tenant,
  ])
  return Number(row?.count)
}

const selected = `certificate_id, name, certificate, is_ca, private_key is not null as has_key, labels, annotations, created_at,
                  updated_at`

type Row = {
  readonly certificate_id: string
  readonly name: string
  readonly certificate: string
  readonly is_ca: boolean
  readonly has_key: boolean
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  readonly created_at: Date
  readonly updated_at: Date
}

const toCertificate = (row: Row): StoredCertificate => ({
  uid: CertificateUid.parse(row.certificate_id),
  name: row.name,
  certificate: row.certificate,
  isCa: row.is_ca,
  hasKey: row.has_key,
  labels: row.labels,
  annotations: row.annotations,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
