import { z } from 'zod'
import { systemTenant } from '../../contract/ids.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

/** What is remembered of a sign-in that a browser has begun. */
export type StoredSignIn = z.output<typeof StoredSignIn>
const StoredSignIn = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
})

const field = (row: string) => ({ table: 'canvas_sign_ins', column: 'payload', row })

/** Of those that are over, forgotten at once with each new one: more than one, so that they never pile up. */
const forgottenAtOnce = 20

export async function insertSignIn(
  inTenant: InTenant,
  sealer: TenantSealer,
  signIn: { readonly cookieHash: Buffer; readonly stored: StoredSignIn; readonly now: Date; readonly expiresAt: Date },
): Promise<void> {
  const { cookieHash, stored, now, expiresAt } = signIn
  const uid = newUid()
  await inTenant(systemTenant, async (tx) => {
    await tx.query(
      `delete from canvas_sign_ins where tenant_id = $1 and sign_in_id in (
         select sign_in_id from canvas_sign_ins where tenant_id = $1 and expires_at <= $2
          order by expires_at limit $3 for update skip locked)`,
      [tx.tenant, now, forgottenAtOnce],
    )
    await tx.query(
      `insert into canvas_sign_ins (tenant_id, sign_in_id, cookie_hash, payload, expires_at) values ($1, $2, $3, $4, $5)`,
      [tx.tenant, uid, cookieHash, sealer.seal(field(uid), JSON.stringify(stored)), expiresAt],
    )
  })
}

/** Takes it out: of two that come with the same cookie, on whatever replica, one finds it. @returns nothing once it has expired */
export async function takeSignIn(
  inTenant: InTenant,
  sealer: TenantSealer,
  cookieHash: Buffer,
  now: Date,
): Promise<StoredSignIn | undefined> {
  const [row] = await inTenant(systemTenant, (tx) =>
    tx.query<{ sign_in_id: string; payload: Buffer; expires_at: Date }>(
      `delete from canvas_sign_ins where tenant_id = $1 and cookie_hash = $2 returning sign_in_id, payload, expires_at`,
      [tx.tenant, cookieHash],
    ),
  )
  if (!row || row.expires_at <= now) return undefined
  return StoredSignIn.parse(JSON.parse(sealer.open(field(row.sign_in_id), row.payload)))
}
