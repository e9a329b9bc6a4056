import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { AuditEntry } from '../../contract/audit.ts'
import type { EntryUid, TenantUid } from '../../contract/ids.ts'
import type { Endpoint } from '../gateway/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import {
  createCallInTenant,
  databaseUnavailable,
  type InTenant,
  sqlState,
  type Tx,
} from '../platform/postgres/index.ts'
import type { NewEntry } from './entry.ts'
import { createGroupCommit, LedgerBusyError, type Recorded } from './group-commit.ts'
import { createOpenCalls, type OpenCalls } from './open-calls.ts'
import { type Closed, closeLostIntents } from './open-intents.ts'
import { createOutside } from './outside.ts'
import { createOwnEntries } from './own-entries.ts'
import { pack } from './packs.ts'
import { createPreparer, insertPending, type Prepared, type SealerOf } from './pending.ts'
import { createRecent } from './recent.ts'
import { recordPending } from './record.ts'
import { recordedSince } from './recorded.ts'
import { createReplica } from './replica.ts'
import { auditEndpoints } from './routes.ts'
import { createSequencer, type SequencerState } from './sequencer.ts'

export type LedgerDeps = {
  /** The application's login. */
  readonly pool: pg.Pool
  /** The sequencer's login; one connection of it is held. */
  readonly sequencerPool: pg.Pool
  readonly inTenant: InTenant
  readonly sealerOf: SealerOf
  /** The installation's hostname, part of every log's name for ever. */
  readonly auditHost: string
  /** `<data>/ledger`, made where it is missing: checkpoints outside the database, and this replica's uid. */
  readonly folder: string
  readonly clock: Clock
  readonly logger: Logger
  readonly newUid: () => string
  /** How long a session lives at most: what was done with one is looked for no longer after its start. */
  readonly sessionMs: number
}

export type LedgerState = SequencerState & {
  /** Entries waiting for their group commit. */
  readonly waiting: number
  /** Calls of this process whose end is still to be recorded. */
  readonly openIntents: number
  /** Ends that could not be recorded and were given up; their intents are closed as unknown. */
  readonly givenUp: number
}

export type Ledger = {
  /** Adds an entry in the caller's transaction: both happen or neither does. */
  append(tx: Tx, entry: NewEntry): Promise<EntryUid>
  /**
   * Adds an entry in a transaction shared with others that come at the same time.
   *
   * Resolves when it is durable, with the tenant's access epoch read in that transaction after the insert. Throws
   * LedgerBusyError or the database's error: what was to be recorded must then not happen. It may be durable all the same;
   * an intent whose answer was lost is closed as unknown.
   */
  record(tenant: TenantUid, entry: NewEntry): Promise<Recorded>
  /**
   * Adds the entry that tells how something ended that was recorded before. Tries until it is durable, and never throws:
   * when it is given up after all, the intent is closed as unknown.
   */
  conclude(tenant: TenantUid, entry: NewEntry): Promise<void>
  /** Says of an intent that this process will not end it: unless it has its end, it is closed as unknown. */
  abandon(intent: EntryUid): void
  /** Closes as unknown what nobody will end, as far as it is in the log by now. Happens by itself every few seconds. */
  closeOpenIntents(): Promise<Closed>
  /** What was begun and has not ended, on every replica. */
  readonly openCalls: OpenCalls
  /** What users did and were refused since a time, newest first; at most so many entries are looked at. */
  recordedSince(
    tx: Tx,
    from: Date,
    most: number,
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly more: boolean }>
  readonly endpoints: readonly Endpoint[]
  start(): Promise<void>
  /** Takes nothing more; what was taken is durable, integrated and signed where the database lets it. */
  stop(): Promise<void>
  state(): LedgerState
}

const closeEveryMs = 10_000
/** While there is something left to close: after a crash the log gets its last entries first. */
const closeAgainMs = 1_000
/** Ends that may wait for the database at once, and how long each pauses before it tries again. */
const maxConcluding = 10_000
const concludeBackoffMs = [50, 200, 1_000, 3_000]
/** How long a stop waits for them. */
const concludeStopMs = 5_000

export function createLedger(deps: LedgerDeps): Ledger {
  const { pool, inTenant, sealerOf, clock, logger } = deps
  const callInTenant = createCallInTenant(pool)
  const prepare = createPreparer(deps)
  const replica = createReplica({ pool, folder: deps.folder, uid: deps.newUid(), logger })
  const ownEntries = createOwnEntries()
  const sequencer = createSequencer({
    ...deps,
    ownEntries,
    pool: deps.sequencerPool,
    host: deps.auditHost,
    outside: createOutside(deps.folder),
  })
  const recent = createRecent(clock, sequencer.hurry)
  const group = createGroupCommit(async (tenant, entries) => {
    const packs = pack(
      await sealerOf(tenant),
      deps.newUid,
      entries.map((entry) => entry.own),
    )
    const epoch = await recordPending(callInTenant, tenant, replica.uid, entries, packs)
    for (const one of packs) ownEntries.committed(tenant, one)
    for (const entry of entries) committed(tenant, entry)
    return epoch
  }, sequencer.pace)

  /** Intents of this process that it will end itself. */
  const live = new Set<EntryUid>()
  const stopping = new AbortController()
  const concluding = new Set<Promise<void>>()
  let givenUp = 0
  let closing: Promise<void> = Promise.resolve()
  let closingEnds = false
  let timer: NodeJS.Timeout | undefined

  function committed(tenant: TenantUid, entry: Prepared): void {
    if (entry.ends) live.delete(entry.ends)
    recent.committed(tenant, entry.uid)
    sequencer.nudge()
  }

  async function append(tx: Tx, entry: NewEntry): Promise<EntryUid> {
    const prepared = prepare(entry)
    const [packed] = pack(await sealerOf(tx.tenant), deps.newUid, [prepared.own])
    if (!packed) throw new Error('one entry is one pack')
    await insertPending(tx, replica.uid, prepared, packed)
    tx.afterCommit(() => {
      if (prepared.opens) live.add(prepared.uid)
      ownEntries.committed(tx.tenant, packed)
      committed(tx.tenant, prepared)
    })
    return prepared.uid
  }

  async function record(tenant: TenantUid, entry: NewEntry): Promise<Recorded> {
    const prepared = prepare(entry)
    // Before it can be seen in the database, so that nobody here takes it for lost.
    if (prepared.opens) live.add(prepared.uid)
    try {
      return await group.add(tenant, prepared)
    } catch (cause) {
      live.delete(prepared.uid)
      throw cause
    }
  }

  async function conclude(tenant: TenantUid, entry: NewEntry): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        await record(tenant, entry)
        return
      } catch (cause) {
        const mayTry = () => isPassing(cause) && concluding.size <= maxConcluding && !stopping.signal.aborted
        const pauseMs = concludeBackoffMs[Math.min(failures, concludeBackoffMs.length - 1)]
        if (mayTry()) await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
        if (mayTry()) continue
        if (entry.intent) live.delete(entry.intent)
        givenUp++
        const { request, session, event, actor } = entry
        logger.error({ cause, tenant, user: actor.uid, session, request, event }, 'the end of a call is not recorded')
        return
      }
    }
  }

  function closeOpenIntents(): Promise<Closed> {
    return closeLostIntents({ pool, inTenant, sealerOf, append, replica: replica.uid, live: () => [...live] })
  }

  function keepClosing(): void {
    closing = closeOpenIntents()
      .then(({ left }) => (left > 0 ? closeAgainMs : closeEveryMs))
      .catch((cause) => {
        logger.warn({ cause }, 'lost intents could not be closed')
        return closeEveryMs
      })
      .then((pauseMs) => {
        if (!closingEnds) timer = setTimeout(keepClosing, pauseMs).unref()
      })
  }

  return {
    append,
    record,
    conclude(tenant, entry) {
      const work: Promise<void> = conclude(tenant, entry).finally(() => concluding.delete(work))
      concluding.add(work)
      return work
    },
    abandon: (intent) => void live.delete(intent),
    closeOpenIntents,
    recordedSince: (tx, from, most) => recordedSince(sealerOf, tx, from, most),
    openCalls: createOpenCalls({ sealerOf, settle: recent.settle }),
    endpoints: auditEndpoints({ inTenant, sealerOf, record, settle: recent.settle, clock, sessionMs: deps.sessionMs }),
    async start() {
      await mkdir(deps.folder, { recursive: true, mode: 0o700 })
      await replica.start()
      sequencer.start()
      keepClosing()
    },
    async stop() {
      clearTimeout(timer)
      closingEnds = true
      await closing
      const impatience = setTimeout(() => stopping.abort(), concludeStopMs)
      while (concluding.size > 0) await Promise.all(concluding)
      clearTimeout(impatience)
      stopping.abort()
      await group.close()
      await sequencer.stop()
      await replica.stop().catch((cause) => logger.warn({ cause }, 'this process could not sign off'))
    },
    state: () => ({ ...sequencer.state(), waiting: group.waiting(), openIntents: live.size, givenUp }),
  }
}

/** Whether recording may work later: the ledger is full, or the database is away or refuses for now. */
function isPassing(cause: unknown): boolean {
  return cause instanceof LedgerBusyError || sqlState(cause) !== undefined || databaseUnavailable(cause)
}
