import { setTimeout as sleep } from 'node:timers/promises'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { EntryUid, TenantUid } from '../../contract/ids.ts'
import type { Prepared } from './pending.ts'

/** The ledger takes no entry now, so what the entry is about must not happen. */
export class LedgerBusyError extends Error {
  readonly code = 'ledger_busy'
  readonly refusal: Refusal
  constructor(why: string) {
    super(`the ledger takes no entry now: ${why}`)
    this.name = 'LedgerBusyError'
    this.refusal = { ...refuse('busy', 'The audit log cannot take more at the moment'), retryAfterSeconds: 1 }
  }
}

export type Recorded = {
  readonly uid: EntryUid
  /** The tenant's access epoch, read after the entry was inserted and before it was committed. */
  readonly epoch: bigint
}

export type GroupCommit = {
  /** Throws LedgerBusyError when too much is waiting; a failed commit fails every entry in it. */
  add(tenant: TenantUid, entry: Prepared): Promise<Recorded>
  waiting(): number
  /** Takes nothing more, and resolves when all that was taken is settled. */
  close(): Promise<void>
}

export const groupLimits = {
  /** Entries of one transaction. */
  batch: 256,
  /** Transactions at once, each of another tenant. */
  concurrent: 4,
  /** Entries waiting, of all tenants and of one: a tenant that floods the log is refused before it holds up the others. */
  waiting: 10_000,
  waitingOfTenant: 4_000,
  /**
   * A tenant's commit that follows one of at least so many entries waits this long for more: half as many commits are half their
   * cost, and who reads does not wait longer, since the cluster answers meanwhile. As PostgreSQL's commit_siblings and
   * commit_delay, which would hold a connection in the wait.
   */
  siblings: 4,
  delayMs: 3,
} as const

type Waiting = {
  readonly entry: Prepared
  readonly resolve: (recorded: Recorded) => void
  readonly reject: (cause: unknown) => void
}

/** `last`: entries of the commit before, while the commits of a tenant follow one another. */
type Queue = { readonly entries: Waiting[]; last: number }

/**
 * Collects entries while a commit is under way and commits what has come in meanwhile as one transaction: one flush to
 * disk serves many entries, and a single one waits for nobody.
 *
 * @param commit stores the entries of one tenant in one transaction and answers the epoch
 * @param pace waits, for a moment at most, where entries come faster than they get into the log
 */
export function createGroupCommit(
  commit: (tenant: TenantUid, entries: readonly Prepared[]) => Promise<bigint>,
  pace: () => Promise<void> | undefined,
  limits: { readonly [Name in keyof typeof groupLimits]: number } = groupLimits,
): GroupCommit {
  const queues = new Map<TenantUid, Queue>()
  /** Tenants with something to commit and no commit under way, in turn. */
  const ready = new Set<TenantUid>()
  let running = 0
  /** Told when all that was taken is settled. */
  let idle: (() => void) | undefined
  let waiting = 0
  let closed = false

  function add(tenant: TenantUid, entry: Prepared): Promise<Recorded> {
    const queue = queues.get(tenant)
    if (closed) return Promise.reject(new LedgerBusyError('it is stopping'))
    if (waiting >= limits.waiting || (queue?.entries.length ?? 0) >= limits.waitingOfTenant)
      return Promise.reject(new LedgerBusyError(`${waiting} entries are waiting`))
    waiting++
    return new Promise((resolve, reject) => {
      const item = { entry, resolve, reject }
      if (queue) queue.entries.push(item)
      else {
        queues.set(tenant, { entries: [item], last: 0 })
        ready.add(tenant)
        // What else this turn of the event loop brings goes into the same commit.
        setImmediate(next)
      }
    })
  }

  function next(): void {
    for (const tenant of ready) {
      if (running >= limits.concurrent) return
      ready.delete(tenant)
      running++
      void run(tenant).then(() => {
        running--
        next()
      })
    }
    if (running === 0) idle?.()
  }

  /** One commit; never rejects. A tenant keeps its queue, even an empty one, while it runs: so it has never two at once. */
  async function run(tenant: TenantUid): Promise<void> {
    await pace()
    const queue = queues.get(tenant)
    if (!queue) return
    if (queue.last >= limits.siblings && queue.entries.length < limits.batch && !closed) await sleep(limits.delayMs)
    const batch = queue.entries.splice(0, limits.batch)
    queue.last = batch.length
    waiting -= batch.length
    try {
      const epoch = await commit(
        tenant,
        batch.map((item) => item.entry),
      )
      for (const { entry, resolve } of batch) resolve({ uid: entry.uid, epoch })
    } catch (cause) {
      for (const { reject } of batch) reject(cause)
    }
    if (queue.entries.length > 0) ready.add(tenant)
    else queues.delete(tenant)
  }

  return {
    add,
    waiting: () => waiting,
    async close() {
      closed = true
      if (ready.size > 0 || running > 0)
        await new Promise<void>((resolve) => {
          idle = resolve
          next()
        })
    },
  }
}
