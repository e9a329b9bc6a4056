import type { TenantUid } from '../../contract/ids.ts'
import type { OpenCalls } from '../ledger/index.ts'
import { createBoundedMap } from '../platform/bounded-map/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'

/** Tenants whose marks are remembered; one forgotten is read again. */
const most = 10_000

/** Whether somebody has asked for the end of a call, as of an epoch of its tenant. */
export type AskedEnds = (tenant: TenantUid, epoch: bigint, intent: string) => Promise<boolean>

/**
 * Each asking raises the tenant's epoch, at which all of its open calls look here: the database is asked once for all of them.
 */
export function createAskedEnds(deps: {
  readonly inTenant: InTenant
  readonly openCalls: Pick<OpenCalls, 'askedToEnd'>
}): AskedEnds {
  const known = createBoundedMap<TenantUid, { readonly epoch: bigint; readonly asked: Promise<ReadonlySet<string>> }>(
    most,
  )
  return async (tenant, epoch, intent) => {
    const before = known.get(tenant)
    if (before && before.epoch >= epoch) return (await before.asked).has(intent)
    const asked = deps.inTenant(tenant, deps.openCalls.askedToEnd, { readOnly: true })
    const mine = { epoch, asked }
    known.set(tenant, mine)
    try {
      return (await asked).has(intent)
    } catch (cause) {
      // The next one asks again; a call that could not be asked about stays owed (`server/access/live-calls.ts`).
      if (known.get(tenant) === mine) known.delete(tenant)
      throw cause
    }
  }
}
