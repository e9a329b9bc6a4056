import type pg from 'pg'
import type { TenantUid } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { EpochChange, InTenant, Tx } from '../platform/postgres/index.ts'
import { type ChangeKind, lockEpoch, raiseEpoch, readEpoch } from './epochs.ts'
import { createFeed, newCallsStaleMs, openStreamsStaleMs } from './feed.ts'
import { createLiveCalls, type LiveCalls } from './live-calls.ts'
import { type Loaded, loadSnapshot, type Snapshot } from './snapshot.ts'

/** Users and assignments held in memory at most, over all tenants; the tenant used longest ago is forgotten first. */
const maxWeight = 2_000_000

export type Access = {
  /** Starts to follow changes; before it nothing may be asked. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Resolves when what is remembered can no longer be brought up to date: this process must end, and begin anew. */
  readonly failed: Promise<void>
  /** The tenant's access data, as new as this replica knows it to be. */
  current(tenant: TenantUid): Promise<Snapshot>
  /** The same, at least as new as `epoch`, which the caller has seen (threat D18). */
  atLeast(tenant: TenantUid, epoch: bigint): Promise<Snapshot>
  /** The data that a transaction decides on: its own epoch, read in it. */
  inTx(tx: Tx): Promise<Snapshot>
  /** First statement of a transaction that changes access. */
  lock(tx: Tx): Promise<void>
  /** Last statement of such a transaction. */
  raise(tx: Tx, kind: ChangeKind): Promise<void>
  /** Whether the data is fresh enough to decide new calls, and to let open streams go on; looked at on use. */
  freshness(): { readonly ageMs: number; readonly newCalls: boolean; readonly openStreams: boolean }
  /** The calls that a change may end. */
  readonly calls: LiveCalls
  /** For metrics. */
  stats(): { readonly tenants: number; readonly weight: number }
}

export function createAccess(deps: {
  readonly connection: pg.ClientConfig
  /** Reads in repeatable-read transactions, over a pool of its own: a caller may hold a connection of the main one. */
  readonly readInTenant: InTenant
  readonly clock: Clock
  readonly logger: Logger
}): Access {
  const { connection, readInTenant, clock, logger } = deps
  const cache = new Map<TenantUid, Loaded>()
  const loading = new Map<TenantUid, { readonly promise: Promise<Loaded> }>()
  /** Newest epoch heard of, for tenants in the cache: a change to others is found when they are loaded. */
  const heard = new Map<TenantUid, EpochChange>()
  /** Newest epoch about which the open calls were asked, or are being asked. A poll may bring a change twice. */
  const asked = new Map<TenantUid, bigint>()
  let weight = 0

  const failed = Promise.withResolvers<void>()
  const feed = createFeed({
    ...{ connection, clock, logger, onChanges },
    stillHolds(epochs) {
      const now = new Map(epochs.map(({ tenant, epoch }) => [tenant, epoch]))
      const holds = (tenant: TenantUid, epoch: bigint) => (now.get(tenant) ?? -1n) >= epoch
      return (
        [...cache].every(([tenant, snapshot]) => holds(tenant, snapshot.epoch)) &&
        [...heard].every(([tenant, change]) => holds(tenant, change.epoch))
      )
    },
    onSetBack() {
      logger.fatal(
        'the database is another one than before, or in an earlier state: what this process remembers is no more, so it ends',
      )
      failed.resolve()
    },
  })
  const calls = createLiveCalls({ clock, logger, ageMs: feed.ageMs, current })

  function onChanges(changes: readonly EpochChange[]): void {
    for (const change of changes) {
      const { tenant, epoch } = change
      if (!cache.has(tenant) && !loading.has(tenant) && !calls.has(tenant)) continue
      hear(change)
      // Whether this replica's own requests already brought the new data into the cache says nothing about its open calls.
      if ((asked.get(tenant) ?? -1n) >= epoch) continue
      asked.set(tenant, epoch)
      calls.owe(tenant, epoch)
      void propagate(tenant, epoch)
    }
  }

  function hear(change: EpochChange): void {
    const known = heard.get(change.tenant)
    if (!known || known.epoch < change.epoch) heard.set(change.tenant, change)
  }

  /** Asks every open call of the tenant again. What fails here is retried: an open call must not outlive its reason. */
  async function propagate(tenant: TenantUid, epoch: bigint): Promise<void> {
    try {
      const snapshot = await atLeast(tenant, epoch)
      await calls.tenantChanged(tenant, snapshot)
    } catch (cause) {
      logger.warn({ cause, tenant }, 'a change of access could not be loaded; trying again')
      if (calls.has(tenant)) setTimeout(() => void propagate(tenant, epoch), 200).unref()
    }
  }

  async function current(tenant: TenantUid): Promise<Loaded> {
    const cached = cache.get(tenant)
    const newest = heard.get(tenant)
    if (cached && (!newest || cached.epoch >= newest.epoch)) return use(cached)
    return newest ? atLeast(tenant, newest.epoch) : load(tenant)
  }

  async function atLeast(tenant: TenantUid, epoch: bigint): Promise<Loaded> {
    const cached = cache.get(tenant)
    if (cached && cached.epoch >= epoch) return use(cached)
    const newest = heard.get(tenant)
    // Only sessions ended since: the facts are the same, so the compiled data stays and learns the new epoch.
    if (cached && newest && newest.epoch >= epoch && newest.factsEpoch <= cached.factsEpoch)
      return remember({ ...cached, epoch: newest.epoch })
    // A load that began before the change may not have seen it; one that begins now has, and serves all who wait.
    const underWay = loading.get(tenant)
    const found = await underWay?.promise
    if (found && found.epoch >= epoch) return found
    const begunSince = loading.get(tenant)
    return begunSince && begunSince !== underWay ? begunSince.promise : load(tenant, true)
  }

  function load(tenant: TenantUid, anew = false): Promise<Loaded> {
    const running = loading.get(tenant)
    if (running && !anew) return running.promise
    const before = cache.get(tenant)
    const read = (tx: Tx) => loadSnapshot(tx, before)
    const promise = readInTenant(tenant, read, { isolation: 'repeatable read', readOnly: true }).then((fresh) => {
      const cached = cache.get(tenant)
      return cached && cached.epoch > fresh.epoch ? cached : remember(fresh)
    })
    const mine = { promise }
    loading.set(tenant, mine)
    const forget = () => {
      if (loading.get(tenant) === mine) loading.delete(tenant)
    }
    promise.then(forget, forget)
    return promise
  }

  /** Moves a tenant to the young end. */
  function use(snapshot: Loaded): Loaded {
    cache.delete(snapshot.tenant)
    cache.set(snapshot.tenant, snapshot)
    return snapshot
  }

  function remember(snapshot: Loaded): Loaded {
    const before = cache.get(snapshot.tenant)
    if (before) weight -= weightOf(before)
    weight += weightOf(snapshot)
    use(snapshot)
    for (const [tenant, oldest] of cache) {
      if (weight <= maxWeight || tenant === snapshot.tenant) break
      cache.delete(tenant)
      weight -= weightOf(oldest)
      if (calls.has(tenant)) continue
      heard.delete(tenant)
      asked.delete(tenant)
    }
    return snapshot
  }

  return {
    failed: failed.promise,
    start: () => feed.start(),
    async stop() {
      calls.stop()
      await feed.stop()
    },
    current,
    atLeast,
    async inTx(tx) {
      const { epoch, factsEpoch } = await readEpoch(tx)
      if (cache.has(tx.tenant)) hear({ tenant: tx.tenant, epoch, factsEpoch })
      return atLeast(tx.tenant, epoch)
    },
    lock: lockEpoch,
    async raise(tx, kind) {
      await raiseEpoch(tx, kind)
      tx.afterCommit(() => feed.nudge())
    },
    freshness() {
      const ageMs = feed.ageMs()
      return { ageMs, newCalls: ageMs <= newCallsStaleMs, openStreams: ageMs <= openStreamsStaleMs }
    },
    calls,
    stats: () => ({ tenants: cache.size, weight }),
  }
}

function weightOf({ users, compiled }: Snapshot): number {
  return 1 + users.size + compiled.assignments
}
