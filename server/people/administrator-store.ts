import { UserUid } from '../../contract/ids.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type AdminType, type Person, readUsers } from './user-store.ts'

export type Administrator = {
  readonly person: Person
  readonly adminType: AdminType
  readonly passwordSetAt: Date | null
}

/** System administrators by their creation: all of them, or one. Empty in any tenant but `system`. */
export async function readAdministrators(tx: Tx, sealer: TenantSealer, uid?: string): Promise<Administrator[]> {
  const rows = await tx.query<{ user_id: string; admin_type: AdminType; password_set_at: Date | null }>(
    `select user_id, admin_type, password_set_at from users
      where tenant_id = $1 and admin_type is not null and ($2::text is null or user_id = $2)
      order by created_at, user_id`,
    [tx.tenant, uid ?? null],
  )
  const people = await readUsers(
    tx,
    sealer,
    rows.map((row) => UserUid.parse(row.user_id)),
  )
  const byUid = new Map(people.map((person) => [person.uid as string, person]))
  return rows.flatMap(({ user_id, admin_type: adminType, password_set_at: passwordSetAt }) => {
    const person = byUid.get(user_id)
    return person ? [{ person, adminType, passwordSetAt }] : []
  })
}
