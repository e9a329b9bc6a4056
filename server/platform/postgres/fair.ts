import type { TenantUid } from '../../../contract/ids.ts'
import type { InTenant } from './in-tenant.ts'

/** A tenant has so many transactions waiting that one more would only wait longer than anybody does. */
export class TenantBusyError extends Error {
  override readonly name = 'TenantBusyError'
}

/** Transactions of one tenant that wait at most. */
const maxWaiting = 2_000

/**
 * Gives every tenant its turn: at most `atOnce` transactions run, and a place that becomes free goes to the tenants that wait
 * one after the other, however many each of them has waiting. A tenant that floods the server waits for itself; another one's
 * administrator who revokes a right waits for one transaction of each.
 *
 * `atOnce` must be less than the pool holds, so that what does not come this way (the audit log's own writes) finds a
 * connection. Never begin one inside another: all places could be held by those who wait for a second one.
 */
export function fairly(inTenant: InTenant, atOnce: number): InTenant {
  /** In turn: the tenant whose turn it was goes to the end. */
  const waiting = new Map<TenantUid, (() => void)[]>()
  let running = 0

  function enter(tenant: TenantUid): Promise<void> | undefined {
    if (running < atOnce) {
      running++
      return undefined
    }
    const queue = waiting.get(tenant) ?? []
    if (queue.length >= maxWaiting) throw new TenantBusyError(`${queue.length} transactions of the tenant are waiting`)
    waiting.set(tenant, queue)
    return new Promise((resolve) => queue.push(resolve))
  }

  function leave(): void {
    const next = waiting.entries().next()
    if (next.done) {
      running--
      return
    }
    const [tenant, queue] = next.value
    waiting.delete(tenant)
    const go = queue.shift()
    if (queue.length > 0) waiting.set(tenant, queue)
    // The place goes on without becoming free in between. A queue in the map is never empty.
    go?.()
  }

  return async (tenant, work, options) => {
    await enter(tenant)
    try {
      return await inTenant(tenant, work, options)
    } finally {
      leave()
    }
  }
}
