import type { TenantUid } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { openStreamsStaleMs } from './feed.ts'
import type { Snapshot } from './snapshot.ts'

/** Why a call was ended before its own end. */
export type EndReason =
  | 'session-ended'
  | 'key-ended'
  | 'user-inactive'
  | 'tenant-inactive'
  | 'right-withdrawn'
  | 'cluster-removed'
  | 'ended-by-person'
  | 'expired'
  | 'access-data-stale'
  | 'shutdown'

/** A call that is under way. It is registered before it is decided, so that no change falls between the two. */
export type LiveCall = {
  readonly uid: string
  readonly tenant: TenantUid
  readonly user: string
  /** The cluster it goes to; undefined for an answer of the API that is given in pieces. */
  readonly cluster: string | undefined
  /**
   * Decides the call again on newer access data.
   *
   * @returns why it must end, or the wall-clock time (ms) at which to ask again although nothing changed: the end of its
   *   session, key or assignment
   */
  recheck(snapshot: Snapshot): Promise<{ readonly end: EndReason } | { readonly recheckAt: number }>
  /** Closes both sides at once; called at most once. */
  end(reason: EndReason): void
}

export type Registration = {
  /** Tells when to ask again, once the call has been decided. */
  recheckAt(ms: number): void
  /** The call is over by itself. */
  done(): void
}

export type LiveCalls = {
  register(call: LiveCall): Registration
  /**
   * Notes that the tenant's calls must be asked again on data at least as new as `epoch`. What cannot be asked in the time in
   * which streams may go on without news is ended: a database that tells of changes and not what they are is no news.
   */
  owe(tenant: TenantUid, epoch: bigint): void
  /** Ends calls whose reason to run is gone, after `tenant` changed. Resolves when all were asked. */
  tenantChanged(tenant: TenantUid, snapshot: Snapshot): Promise<void>
  has(tenant: TenantUid): boolean
  endAll(reason: EndReason): void
  /** Of those that go to clusters. */
  count(): number
}

/** How often time itself is looked at: ends of sessions, keys and assignments, the age of the access data, a jumped clock. */
const sweepMs = 200

export function createLiveCalls(deps: {
  readonly clock: Clock
  readonly logger: Logger
  readonly ageMs: () => number
  readonly current: (tenant: TenantUid) => Promise<Snapshot>
}): LiveCalls & { readonly stop: () => void } {
  const { clock, logger, ageMs, current } = deps
  type Entry = {
    /**
     * Undefined once the call is over. A Set's outgrown tables keep what was taken out of it alive until the next full
     * collection, and each call would with it keep all it knows.
     */
    call: LiveCall | undefined
    readonly tenant: TenantUid
    recheckAt: number
    rechecking: boolean
    /** The newest epoch it is still to be asked on, and since when (monotonic) it has been waiting for an answer. */
    owed: { readonly epoch: bigint; readonly since: number } | undefined
  }
  const byTenant = new Map<TenantUid, Set<Entry>>()

  const sweep = setInterval(() => {
    if (byTenant.size === 0) return
    if (ageMs() > openStreamsStaleMs) return endAll('access-data-stale')
    const now = clock.now()
    const longestSince = clock.monotonicMs() - openStreamsStaleMs
    for (const [tenant, entries] of byTenant)
      for (const entry of entries)
        if (entry.owed && entry.owed.since < longestSince) end(entry, 'access-data-stale')
        else if (entry.recheckAt <= now && !entry.rechecking) {
          owe(entry, 0n)
          void recheck(entry, current(tenant))
        }
  }, sweepMs)
  sweep.unref()

  function owe(entry: Entry, epoch: bigint): void {
    const { owed } = entry
    if (!owed || owed.epoch < epoch) entry.owed = { epoch, since: owed?.since ?? clock.monotonicMs() }
  }

  async function recheck(entry: Entry, newest: Promise<Snapshot> | Snapshot): Promise<void> {
    entry.rechecking = true
    const since = clock.monotonicMs()
    try {
      const snapshot = await newest
      const outcome = await entry.call?.recheck(snapshot)
      if (!outcome) return
      // Where one change follows the other, the answer may be about an older one: still it is news.
      const { owed } = entry
      entry.owed = owed && owed.epoch > snapshot.epoch ? { epoch: owed.epoch, since } : undefined
      if ('end' in outcome) end(entry, outcome.end)
      else entry.recheckAt = outcome.recheckAt
    } catch (cause) {
      // Not known to be allowed any more, not known to be refused: asked again at each sweep, for as long as that may be so.
      if (entry.recheckAt !== 0)
        logger.warn({ cause, call: entry.call?.uid, tenant: entry.tenant }, 'an open call could not be checked again')
      entry.recheckAt = 0
    } finally {
      entry.rechecking = false
    }
  }

  function end(entry: Entry, reason: EndReason): void {
    remove(entry)?.end(reason)
  }

  /** @returns the call, if it was still registered */
  function remove(entry: Entry): LiveCall | undefined {
    const { call, tenant } = entry
    if (!call) return undefined
    entry.call = undefined
    const entries = byTenant.get(tenant)
    entries?.delete(entry)
    if (entries?.size === 0) byTenant.delete(tenant)
    return call
  }

  function endAll(reason: EndReason): void {
    for (const entries of [...byTenant.values()]) for (const entry of [...entries]) end(entry, reason)
  }

  return {
    register(call) {
      const entry: Entry = {
        call,
        tenant: call.tenant,
        recheckAt: Number.POSITIVE_INFINITY,
        rechecking: false,
        owed: undefined,
      }
      const entries = byTenant.get(call.tenant)
      if (entries) entries.add(entry)
      else byTenant.set(call.tenant, new Set([entry]))
      return {
        recheckAt(ms) {
          entry.recheckAt = ms
        },
        done() {
          remove(entry)
        },
      }
    },
    owe(tenant, epoch) {
      for (const entry of byTenant.get(tenant) ?? []) owe(entry, epoch)
    },
    async tenantChanged(tenant, snapshot) {
      await Promise.all([...(byTenant.get(tenant) ?? [])].map((entry) => recheck(entry, snapshot)))
    },
    has: (tenant) => byTenant.has(tenant),
    endAll,
    count() {
      let count = 0
      for (const entries of byTenant.values()) for (const { call } of entries) if (call?.cluster !== undefined) count++
      return count
    },
    stop: () => clearInterval(sweep),
  }
}
