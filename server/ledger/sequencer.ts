import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { TenantUid } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { advisoryLocks } from '../platform/postgres/index.ts'
import { type Connection, openConnection } from './connection.ts'
import { type Integrated, integrate, pendingTenants } from './integrate.ts'
import type { Outside } from './outside.ts'
import type { OwnEntries } from './own-entries.ts'
import type { SealerOf } from './pending.ts'
import { maxRows, type Skipped } from './pending-packs.ts'
import { signHeads, unsignedLogs } from './sign.ts'

/** How often the leader looks for entries that other replicas committed; what this one commits wakes it at once. */
const pollMs = 250
/**
 * Pause between two transactions that take all there is: each costs its statements and a flush of the disk whatever it moves,
 * on the machine that the calls being recorded wait for. A full one is followed by the next at once.
 */
const restMs = 300
/** How long at most a commit of new entries waits for those before it to be moved. */
const paceMs = 200
/** How often a replica that does not lead asks whether it may. */
const standbyMs = 1_000
/** A log is signed at most once in this time. */
const signEveryMs = 1_000
const signedAtOnce = 32
/** When a log that could not be signed, or not be written, is tried again. */
const againMs = 10_000
/** Unusable rows of one tenant that are stepped over; with more, nothing of it is moved until somebody has looked. */
const maxUnusable = 100
const drainMs = 10_000
const stopMs = 15_000
const backoffMs = [100, 250, 500, 1_000, 2_000, 5_000]

export type SequencerState = {
  /** Whether this process moves the entries now; of all replicas at most one does. */
  readonly leads: boolean
  readonly integrated: number
  readonly signed: number
  /** Rows of audit_pending that can never become entries. */
  readonly unusable: number
  /** Logs that cannot be written or signed. */
  readonly troubled: number
  /** What keeps entries from being integrated or signed, for people; names no tenant. Empty when all is well. */
  readonly problems: readonly string[]
}

export type Sequencer = {
  start(): void
  /** Something was committed. */
  nudge(): void
  /** Somebody waits for what was committed. */
  hurry(): void
  /**
   * While there is more pending than one transaction moves: resolves when the one under way has ended, and never later than
   * in a moment, since writing must not depend on it.
   */
  pace(): Promise<void> | undefined
  /** Integrates and signs what is pending, for some seconds at most, and lets another replica lead. */
  stop(): Promise<void>
  state(): SequencerState
}

/**
 * Moves committed entries into the logs and signs them. One replica does at a time: who holds the lock, which ends with the
 * connection that the work is done on, so that a leader that lost it cannot go on.
 */
export function createSequencer(deps: {
  /** Logs in as the sequencer's role. */
  readonly pool: pg.Pool
  readonly sealerOf: SealerOf
  /** See core/ledger's `logOrigin`. */
  readonly host: string
  readonly outside: Outside
  readonly ownEntries: OwnEntries
  readonly clock: Clock
  readonly logger: Logger
}): Sequencer {
  const { pool, clock, logger } = deps
  const pause = createPause()
  const totals = { integrated: 0, signed: 0 }
  let leads = false
  let stopping = false
  let drained = false
  let failingSince: number | undefined
  let ended: Promise<void> | undefined

  async function run(): Promise<void> {
    for (let failures = 0; !stopping; ) {
      try {
        const led = await tryToLead()
        failures = 0
        failingSince = undefined
        if (!led) await pause.wait(standbyMs, 'end')
      } catch (cause) {
        failingSince ??= clock.monotonicMs()
        logger.warn({ cause }, 'the sequencer was interrupted; it tries again')
        await pause.wait(backoffMs[Math.min(failures++, backoffMs.length - 1)] ?? 0, 'end')
      }
    }
    // Asked to stop while it did not lead: where nobody does, what is pending need not wait for the next start.
    if (!drained)
      await tryToLead().catch((cause) => logger.warn({ cause }, 'entries wait for the next start to be integrated'))
  }

  /** @returns whether it led; throws when the connection is lost */
  async function tryToLead(): Promise<boolean> {
    const client = await pool.connect()
    let failure: Error | undefined
    try {
      const db = await openConnection(client)
      const [lock] = await db.query<{ leads: boolean }>('select pg_try_advisory_lock($1) as leads', [
        advisoryLocks.sequencer,
      ])
      if (!lock?.leads) return false
      leads = true
      deps.ownEntries.lead(true)
      failingSince = undefined
      logger.info('this process sequences the audit log')
      await lead(db)
      await db.query('select pg_advisory_unlock($1)', [advisoryLocks.sequencer])
      return true
    } catch (cause) {
      // The lock goes with the connection.
      failure = cause instanceof Error ? cause : new Error('unknown failure')
      throw cause
    } finally {
      leads = false
      deps.ownEntries.lead(false)
      client.release(failure)
    }
  }

  async function lead(db: Connection): Promise<void> {
    troubles.forget()
    const signing = createSchedule(clock)
    for (const tenant of await unsignedLogs(db)) signing.changed(tenant)
    while (!stopping) {
      const moved = await moveOnce(db, signing)
      await signDue(db, signing, signing.due(signedAtOnce))
      if (moved >= maxRows) continue
      if (moved > 0) await pause.wait(restMs, 'hurry')
      else await pause.wait(pollMs, 'nudge')
    }
    const deadline = clock.monotonicMs() + drainMs
    while (clock.monotonicMs() < deadline && (await moveOnce(db, signing)) > 0);
    for (let due = signing.all(signedAtOnce); due.length > 0 && clock.monotonicMs() < deadline; ) {
      await signDue(db, signing, due)
      due = signing.all(signedAtOnce)
    }
    drained = true
  }

  const troubles = createTroubles(deps)
  /** The transaction under way, while entries come faster than they are moved. */
  let round: Promise<void> | undefined
  let isBehind = false

  async function moveOnce(db: Connection, signing: Schedule): Promise<number> {
    const moving = moveRows(db, signing)
    if (isBehind)
      round = moving.then(
        () => {},
        () => {},
      )
    try {
      const moved = await moving
      isBehind = moved >= maxRows
      return moved
    } finally {
      round = undefined
    }
  }

  async function moveRows(db: Connection, signing: Schedule): Promise<number> {
    const skip = troubles.skipped()
    const tenants = await pendingTenants(db, skip)
    if (tenants.length === 0) return 0
    const done = await integrate(db, tenants, skip, deps)
    troubles.integrated(done)
    totals.integrated += done.entries
    for (const tenant of done.tenants) signing.changed(tenant)
    return done.moved
  }

  async function signDue(db: Connection, signing: Schedule, due: readonly TenantUid[]): Promise<void> {
    if (due.length === 0) return
    const startedAt = clock.monotonicMs()
    const { signed, refused } = await signHeads(db, due, { ...deps, now: () => new Date(clock.now()) })
    for (const tenant of signed) signing.signed(tenant, startedAt)
    for (const { tenant } of refused) signing.refused(tenant)
    troubles.signed(signed, refused)
    totals.signed += signed.length
  }

  return {
    start() {
      ended ??= run()
    },
    nudge: pause.nudge,
    hurry: pause.hurry,
    pace() {
      if (!round) return undefined
      return Promise.race([round, sleep(paceMs, undefined, { ref: false })])
    },
    async stop() {
      stopping = true
      pause.end()
      // A database that does not answer holds nobody up: what is pending is durable, and another start goes on with it.
      const impatience = new AbortController()
      await Promise.race([ended, sleep(stopMs, undefined, { signal: impatience.signal }).catch(() => {})])
      impatience.abort()
    },
    state() {
      const away =
        failingSince !== undefined && clock.monotonicMs() - failingSince > againMs
          ? ['the audit log cannot be integrated: its database does not answer']
          : []
      return { leads, ...totals, ...troubles.counts(), problems: [...away, ...troubles.problems()] }
    },
  }
}

/** What a wait heeds, each what stands before it too. A nudge that came meanwhile counts for the next wait that heeds nudges. */
const heeds = { end: 0, hurry: 1, nudge: 2 } as const

function createPause() {
  let nudged = false
  let over = false
  let waiting: { readonly heed: number; readonly wake: () => void } | undefined
  const call = (rank: number) => {
    if (waiting && rank <= waiting.heed) waiting.wake()
  }
  return {
    nudge() {
      nudged = true
      call(heeds.nudge)
    },
    hurry: () => call(heeds.hurry),
    end() {
      over = true
      call(heeds.end)
    },
    async wait(ms: number, until: keyof typeof heeds): Promise<void> {
      const heed = heeds[until]
      const isNudged = nudged && heed === heeds.nudge
      if (!over && !isNudged)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          waiting = {
            heed,
            wake() {
              clearTimeout(timer)
              resolve()
            },
          }
        })
      waiting = undefined
      if (heed === heeds.nudge) nudged = false
    },
  }
}

type Schedule = ReturnType<typeof createSchedule>

/** Which logs are to be signed, and when at the soonest. */
function createSchedule(clock: Clock) {
  /** Logs that have grown, by the time from which on they may be signed. */
  const soonest = new Map<TenantUid, number>()
  const lastSigned = new Map<TenantUid, number>()
  return {
    changed(tenant: TenantUid) {
      if (!soonest.has(tenant)) soonest.set(tenant, (lastSigned.get(tenant) ?? -signEveryMs) + signEveryMs)
    },
    signed(tenant: TenantUid, at: number) {
      soonest.delete(tenant)
      // In the order of time, so that the old ones stand first.
      lastSigned.delete(tenant)
      lastSigned.set(tenant, at)
      for (const [old, then] of lastSigned) {
        if (at - then < signEveryMs) break
        lastSigned.delete(old)
      }
    },
    refused(tenant: TenantUid) {
      soonest.set(tenant, clock.monotonicMs() + againMs)
    },
    due(most: number): TenantUid[] {
      const now = clock.monotonicMs()
      const due: TenantUid[] = []
      for (const [tenant, at] of soonest) {
        if (due.length === most) break
        if (at <= now) due.push(tenant)
      }
      return due
    },
    /** Whatever the time, but for those that were refused just now. */
    all(most: number): TenantUid[] {
      const now = clock.monotonicMs()
      return [...soonest]
        .filter(([, at]) => at - now <= signEveryMs)
        .slice(0, most)
        .map(([tenant]) => tenant)
    },
  }
}

/** What does not go as it should: stepped over, told once loudly, and kept for whoever asks. */
function createTroubles({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
  const unusable = new Map<string, { readonly tenant: TenantUid; readonly why: string }>()
  const left = new Map<TenantUid, { readonly why: string; readonly until: number }>()
  const unsigned = new Map<TenantUid, string>()

  const leave = (tenant: TenantUid, why: string, until = clock.monotonicMs() + againMs) => {
    if (left.get(tenant)?.why !== why) logger.error({ tenant, why }, 'entries of a tenant are not integrated')
    left.set(tenant, { why, until })
  }

  return {
    /** A new leader tries everything anew. */
    forget() {
      unusable.clear()
      left.clear()
      unsigned.clear()
    },
    skipped(): Skipped {
      const now = clock.monotonicMs()
      return {
        rows: [...unusable.keys()],
        tenants: [...left].filter(([, { until }]) => until > now).map(([tenant]) => tenant),
      }
    },
    integrated(done: Integrated) {
      for (const tenant of done.tenants) left.delete(tenant)
      for (const { id, tenant, why } of done.unusable) {
        unusable.set(id, { tenant, why })
        logger.error({ tenant, pending: id, why }, 'a pending row of the audit log is no entry')
        const count = [...unusable.values()].filter((row) => row.tenant === tenant).length
        if (count > maxUnusable) leave(tenant, `more than ${maxUnusable} of its pending rows are no entries`, Infinity)
      }
      for (const { tenant, why } of done.left) leave(tenant, why)
    },
    signed(signed: readonly TenantUid[], refused: readonly { readonly tenant: TenantUid; readonly why: string }[]) {
      for (const tenant of signed) unsigned.delete(tenant)
      for (const { tenant, why } of refused) {
        if (unsigned.get(tenant) !== why) logger.error({ tenant, why }, 'an audit log is not signed')
        unsigned.set(tenant, why)
      }
    },
    counts: () => ({ unusable: unusable.size, troubled: new Set([...left.keys(), ...unsigned.keys()]).size }),
    problems(): string[] {
      const some = (count: number, what: string) => (count > 0 ? [`${count} ${what}; the server's log says why`] : [])
      return [
        ...some(unusable.size, 'pending rows of the audit log are no entries'),
        ...some(left.size, 'audit logs do not take their pending entries'),
        ...some(unsigned.size, 'audit logs are not signed'),
      ]
    },
  }
}
