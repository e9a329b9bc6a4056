import type { TenantUid } from '../../contract/ids.ts'
import type { LiveEvent } from '../../contract/live.ts'
import { type Pulse, readPulse } from '../ledger/index.ts'
import type { InTenant, Tx } from '../platform/postgres/index.ts'

/** Tells who listens that something changed in a tenant, whichever replica changed it. */
export type Signals = {
  /** @returns stops listening */
  listen(tenant: TenantUid, hear: (event: LiveEvent) => void): () => void
}

/** How often the database is asked, once for all who listen in a tenant. */
const everyMs = 1_000

type Watch = {
  readonly hearers: Set<(event: LiveEvent) => void>
  last: (Pulse & { readonly requests: string }) | undefined
  timer: NodeJS.Timeout | undefined
}

/** @param inTenant reads; nobody is asked of a tenant in which nobody listens */
export function createSignals({
  inTenant,
  requestPulse,
}: {
  readonly inTenant: InTenant
  /** A little that changes whenever requests for roles do. */
  readonly requestPulse: (tx: Tx) => Promise<string>
}): Signals {
  const watches = new Map<TenantUid, Watch>()

  const readAll = async (tx: Tx) => ({ ...(await readPulse(tx)), requests: await requestPulse(tx) })

  async function look(tenant: TenantUid, watch: Watch): Promise<void> {
    // A database that is away is told of elsewhere; here nothing is known to have changed.
    const pulse = await inTenant(tenant, readAll, { readOnly: true }).catch(() => undefined)
    if (pulse) {
      const { last } = watch
      watch.last = pulse
      if (last?.size !== pulse.size) tell(watch, logOf(pulse))
      if (last && last.requests !== pulse.requests) tell(watch, { name: 'requests', data: {} })
      if (last && last.open !== pulse.open) tell(watch, { name: 'streams', data: {} })
    }
    if (watches.get(tenant) === watch) watch.timer = setTimeout(() => void look(tenant, watch), everyMs).unref()
  }

  return {
    listen(tenant, hear) {
      const watch = watches.get(tenant) ?? { hearers: new Set(), last: undefined, timer: undefined }
      watch.hearers.add(hear)
      if (watches.get(tenant) !== watch) {
        watches.set(tenant, watch)
        void look(tenant, watch)
      } else if (watch.last) hear(logOf(watch.last))
      return () => {
        watch.hearers.delete(hear)
        if (watch.hearers.size > 0) return
        clearTimeout(watch.timer)
        watches.delete(tenant)
      }
    },
  }
}

const logOf = ({ size }: Pulse): LiveEvent => ({ name: 'log', data: { size } })

function tell({ hearers }: Watch, event: LiveEvent): void {
  for (const hear of [...hearers]) hear(event)
}
