import { systemTenant } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** All together; beyond it a list is better kept where passwords are chosen. */
export const maxBlockedPasswords = 100_000

/** One spelling for a password in letters of any case and any Unicode form: who may not use `Password1!` may not use `pASSWORD1!`. */
const indexOf = (sealer: TenantSealer, password: string) => indexOfSpelling(sealer, nameKey(password))

/** The same as entries from before "ß" was "ss" have it: of a password that is not kept no other index can be made. */
const formerIndexOf = (sealer: TenantSealer, password: string) =>
  indexOfSpelling(sealer, password.normalize('NFKC').toLowerCase().normalize('NFKC'))

const indexOfSpelling = (sealer: TenantSealer, spelling: string) =>
  sealer.blindIndex('blocked_passwords', 'password', spelling)

/** @param sealer of the tenant `system` */
export async function isBlocked(tx: Tx, sealer: TenantSealer, password: string): Promise<boolean> {
  const rows = await tx.within(systemTenant, (system) =>
    system.query('select from blocked_passwords where tenant_id = $1 and password_index = any($2::bytea[])', [
      systemTenant,
      [indexOf(sealer, password), formerIndexOf(sealer, password)],
    ]),
  )
  return rows.length > 0
}

/** @returns how many were not on the list, and how many are on it now */
export async function blockPasswords(tx: Tx, sealer: TenantSealer, passwords: readonly string[], now: Date) {
  const added = await tx.query(
    `insert into blocked_passwords (tenant_id, password_index, created_at)
     select $1, wanted, $3 from unnest($2::bytea[]) as wanted on conflict do nothing returning 1`,
    [tx.tenant, passwords.map((one) => indexOf(sealer, one)), now],
  )
  const [row] = await tx.query<{ count: string }>('select count(*) from blocked_passwords where tenant_id = $1', [
    tx.tenant,
  ])
  return { added: added.length, total: Number(row?.count) }
}

/** @returns how many were on the list */
export async function unblockPasswords(tx: Tx, sealer: TenantSealer, passwords: readonly string[]): Promise<number> {
  const removed = await tx.query(
    'delete from blocked_passwords where tenant_id = $1 and password_index = any($2::bytea[]) returning 1',
    [tx.tenant, passwords.flatMap((one) => [indexOf(sealer, one), formerIndexOf(sealer, one)])],
  )
  return removed.length
}
