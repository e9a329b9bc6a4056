import type { TenantUid } from '../../contract/ids.ts'
import type { CallInTenant } from '../platform/postgres/index.ts'
import type { Pack } from './packs.ts'
import { type Prepared, startsOf } from './pending.ts'

/**
 * Stores entries of one tenant, packed, as a transaction of its own and in one round trip (`record_entries` in migration 0007);
 * opens the intents among them and removes those that they end, like `insertPending`.
 *
 * @returns the tenant's access epoch, read after the entries were inserted
 */
export async function recordPending(
  call: CallInTenant,
  tenant: TenantUid,
  replica: string,
  entries: readonly Prepared[],
  packs: readonly Pack[],
): Promise<bigint> {
  const lengths = packs.map((pack) => pack.body.length)
  const [row] = await call<{ epoch: string | null }>(tenant, {
    name: 'record-entries',
    text: 'select record_entries($1, $2, $3, $4, $5, $6, $7, $8) as epoch',
    values: [
      replica,
      packs.map((pack) => pack.uid),
      startsOf(lengths),
      lengths,
      // One value: pg sends a Buffer as it is, and an array of them as escaped hexadecimal text.
      Buffer.concat(packs.map((pack) => pack.body)),
      entries.filter((entry) => entry.opens).map((entry) => entry.uid),
      entries.flatMap((entry) => entry.ends ?? []),
    ],
  })
  if (row?.epoch == null) throw new Error(`tenant ${tenant} has no access epoch`)
  return BigInt(row.epoch)
}
