import { setTimeout as sleep } from 'node:timers/promises'
import type { EntryUid, TenantUid } from '../../contract/ids.ts'
import { createBoundedMap } from '../platform/bounded-map/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { findEntry } from './log.ts'

/** How long a reader waits at most, and how long an entry counts as recent. */
const settleMs = 1_000
const recentMs = 5_000
const pollMs = 10
/** Tenants remembered; beyond that those that have been silent for longest are forgotten, whenever they began. */
const mostTenants = 10_000

/**
 * What this process committed last in each tenant, so that who was just told that something happened finds it in the log,
 * although entries get there a moment after their commit. Between replicas nothing is promised.
 */
export type Recent = {
  committed(tenant: TenantUid, entry: EntryUid): void
  /** Waits until the tenant's log has what this process committed before. `tx` must see what others commit meanwhile. */
  settle(tx: Tx): Promise<void>
}

/** @param hurry asks whoever moves entries into the log not to rest now */
export function createRecent(clock: Clock, hurry: () => void): Recent {
  const last = createBoundedMap<TenantUid, { entry: EntryUid; at: number }>(mostTenants)
  return {
    committed(tenant, entry) {
      const own = last.get(tenant)
      if (own) {
        own.entry = entry
        own.at = clock.monotonicMs()
        return
      }
      last.set(tenant, { entry, at: clock.monotonicMs() })
    },
    async settle(tx) {
      const own = last.get(tx.tenant)
      if (!own || clock.monotonicMs() - own.at > recentMs) return
      const { entry } = own
      const deadline = clock.monotonicMs() + settleMs
      while ((await findEntry(tx, entry)) === undefined) {
        if (clock.monotonicMs() >= deadline) return
        hurry()
        await sleep(pollMs)
      }
      if (last.get(tx.tenant)?.entry === entry) last.delete(tx.tenant)
    },
  }
}
