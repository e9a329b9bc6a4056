import { z } from 'zod'
import { systemTenant } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'
import { readSetting, type Setting } from '../settings/index.ts'

/** Whether the published request rates hold; kept in the tenant `system`. */
export const requestRates: Setting<{ isActive: boolean }> = {
  ...{ kind: 'request-rates', unset: { isActive: false } },
  schema: z.strictObject({ isActive: z.boolean() }),
}

export type RateSwitch = {
  /** As this replica knows it, at once and without a question to the database. */
  isActive(): boolean
  /** It was switched here. */
  switched(isActive: boolean): void
}

/** How old what a replica knows may be while requests come. */
const freshMs = 1_000

/** The switch, read anew behind the requests that ask for it: every replica follows within about a second of them. */
export function createRateSwitch({
  inTenant,
  clock,
}: {
  readonly inTenant: InTenant
  readonly clock: Pick<Clock, 'monotonicMs'>
}): RateSwitch {
  let known = requestRates.unset.isActive
  let readAt = Number.NEGATIVE_INFINITY
  let switches = 0

  async function read(): Promise<void> {
    const before = switches
    const { isActive } = await inTenant(systemTenant, (tx) => readSetting(tx, requestRates))
    // What was switched here in the meantime is newer.
    if (before === switches) known = isActive
  }

  return {
    isActive() {
      const now = clock.monotonicMs()
      if (now - readAt >= freshMs) {
        readAt = now
        // A database that is away is told elsewhere; until it is back what is known holds.
        read().catch(() => undefined)
      }
      return known
    },
    switched(isActive) {
      switches++
      known = isActive
    },
  }
}
