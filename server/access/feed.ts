import pg from 'pg'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { createLookups, type EpochChange, type Lookups } from '../platform/postgres/index.ts'
import { accessChannel } from './epochs.ts'

/** Beyond this age of the access data new calls are refused. Published in docs/revocation.md. */
export const newCallsStaleMs = 2_000
/** Beyond this age open streams end. Published in docs/revocation.md. */
export const openStreamsStaleMs = 10_000

/** xid8 has 64 bits. */
const highestXid = 2n ** 64n - 1n
const pollMs = 500
/** A poll that takes longer has lost its connection, half-open ones too. */
const pollTimeoutMs = 1_000
const reconnectMs = 100
/** While the database is away it is said this often, and not at each attempt. */
const complainMs = 10_000

/** How this replica learns of changes of access, its own and those of others. */
export type Feed = {
  /** Resolves when listening and polled once; only then may access data be loaded. */
  start(): Promise<void>
  /** Polls soon; many calls before the next poll are one. */
  nudge(): void
  /** Monotonic milliseconds since the start of the last poll that succeeded. */
  ageMs(): number
  stop(): Promise<void>
}

/** Most ids that a crash gives out again: of transactions that aborted, or wrote nothing, since the journal was last flushed. */
const lostByCrash = 256n

/**
 * Listens and polls on one direct connection of its own.
 *
 * A notification only wakes the poll; the poll alone decides what changed: everything not older than the oldest transaction
 * that still ran at the poll before, so that a change which commits late is seen all the same.
 */
export function createFeed(deps: {
  readonly connection: pg.ClientConfig
  readonly clock: Clock
  readonly logger: Logger
  readonly onChanges: (changes: readonly EpochChange[]) => void
  /**
   * The database is another one, or in a past that this process has seen the future of: a restore under it, or a standby that
   * was promoted, with or without the last transactions. Epochs may come again with another meaning, so nothing that is
   * remembered holds.
   */
  readonly onSetBack: () => void
  /** Whether all that this process remembers is in these epochs, which are those of all tenants. */
  readonly stillHolds: (epochs: readonly EpochChange[]) => boolean
}): Feed {
  const { connection, clock, logger, onChanges, onSetBack, stillHolds } = deps
  /** Where to go on from; none before the first poll, which wants only that and asks from the highest id there is. */
  let since: bigint | undefined
  /** Of the database that the first poll spoke to. */
  let history: string | undefined
  let lastSuccess = Number.NEGATIVE_INFINITY
  let stopped = false
  let wake: () => void = () => undefined
  let running: Promise<void> | undefined
  let client: pg.Client | undefined

  async function connect(): Promise<Lookups> {
    const fresh = new pg.Client({
      ...connection,
      application_name: 'palisade-feed',
      query_timeout: pollTimeoutMs,
      connectionTimeoutMillis: pollTimeoutMs,
    })
    // The error also fails the query under way or the next one; here it only must not go unheard.
    fresh.on('error', () => nudge())
    fresh.on('notification', () => nudge())
    client = fresh
    await fresh.connect()
    await fresh.query(`listen ${accessChannel}`)
    // Lookups take a pool, of which they only use `query`; this connection has the same method.
    return createLookups(fresh as unknown as pg.Pool)
  }

  let nudged = false
  function nudge(): void {
    nudged = true
    wake()
  }

  async function pollOnce(lookups: Lookups): Promise<void> {
    nudged = false
    const startedAt = clock.monotonicMs()
    const { nextXid, changes } = await lookups.accessChangesSince(since ?? highestXid)
    since = nextXid
    if (changes.length > 0) onChanges(changes)
    lastSuccess = startedAt
  }

  /**
   * First thing on a connection that is not the first: who knows which server answers now. Ids say little. After a crash those
   * of transactions that had not committed are given out again, and a change may hide below `since`; a promoted standby may be
   * beyond it already. So all epochs are read, and compared with what is remembered.
   */
  async function takeUpAgain(lookups: Lookups, before: { since: bigint; history: string }): Promise<void> {
    const now = await lookups.databaseHistory()
    const all = await lookups.accessChangesSince(0n)
    if (now !== before.history || before.since - all.nextXid > lostByCrash || !stillHolds(all.changes)) {
      stopped = true
      return onSetBack()
    }
    since = all.nextXid
    onChanges(all.changes)
  }

  async function run(first: { resolve: () => void; reject: (cause: unknown) => void }): Promise<void> {
    let lookups: Lookups | undefined
    let complainedAt = Number.NEGATIVE_INFINITY
    while (!stopped) {
      try {
        if (!lookups) {
          const fresh = await connect()
          if (since !== undefined && history !== undefined) await takeUpAgain(fresh, { since, history })
          else history = await fresh.databaseHistory()
          lookups = fresh
          if (stopped) break
        }
        await pollOnce(lookups)
        first.resolve()
        await pause(pollMs)
      } catch (cause) {
        if (stopped) break
        if (clock.monotonicMs() - complainedAt >= complainMs) {
          complainedAt = clock.monotonicMs()
          logger.warn({ cause }, 'access changes cannot be read; trying again')
        }
        lookups = undefined
        await client?.end().catch(() => undefined)
        first.reject(cause)
        // The loss of the connection has nudged too: heeded here, the attempts would follow each other without a pause.
        nudged = false
        await pause(reconnectMs)
      }
    }
    await client?.end().catch(() => undefined)
  }

  function pause(ms: number): Promise<void> {
    if (nudged || stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms)
      function done() {
        clearTimeout(timer)
        wake = () => undefined
        resolve()
      }
      wake = done
    })
  }

  return {
    start: () =>
      new Promise((resolve, reject) => {
        running = run({ resolve, reject })
      }),
    nudge,
    ageMs: () => clock.monotonicMs() - lastSuccess,
    async stop() {
      stopped = true
      wake()
      await running
    },
  }
}
