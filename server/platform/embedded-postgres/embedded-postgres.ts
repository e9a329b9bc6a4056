import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { claimDataFolder, type DataFolder, describeFileProblem } from '../data-folder/index.ts'
import type { Logger } from '../log/index.ts'
import type { DatabaseTarget } from '../postgres/index.ts'
import { type Account, databaseAccount } from './account.ts'
import { prepareBinaries } from './binaries.ts'
import { EmbeddedPostgresError } from './failure.ts'
import { initialise, ownerRole } from './initialise.ts'
import { stopLeftovers } from './leftovers.ts'
import { checkDatabase, findPlace, isInside, makePassable, type Place, rememberReady } from './place.ts'
import { type PostgresExit, type Postmaster, startPostmaster } from './postmaster.ts'
import { openServerLog } from './server-log.ts'
import { portNumber } from './settings.ts'
import { clearSocketFolder, prepareSocketFolder, removeSocketFolder } from './socket-folder.ts'

export type { PostgresExit }

export type EmbeddedPostgres = {
  /** The owner's login, who may do everything: for migrations. `host` is the socket's folder. */
  readonly ownerConnection: DatabaseTarget
  /** Of the server process that runs now; undefined while it is being restarted and after `stop`. */
  readonly pid: number | undefined
  /** Calls back each time the server ends without being asked to. It is then restarted. Returns how to unsubscribe. */
  onExit(listener: (exit: PostgresExit) => void): () => void
  /** Calls back each time it takes connections again after that; the old connections are dead. */
  onRestart(listener: () => void): () => void
  /** Stops it with a checkpoint, after the pools were closed; calling it again does nothing. */
  stop(): Promise<void>
}

export type EmbeddedPostgresOptions = {
  /** Claimed by this process: two servers on one database would destroy it. */
  readonly dataFolder: Pick<DataFolder, 'path'>
  readonly logger: Logger
  /** Takes a line for the person who waits. */
  readonly progress: (message: string) => void
  /** Ends a start that is still going on. */
  readonly signal?: AbortSignal
  /** Where the database goes when the data folder bars PostgreSQL's user; survives a restart of the machine. */
  readonly durableFolder?: string
}

const logBytes = 2 * 1024 * 1024

/** Pauses before each attempt to restart; the last is repeated, since what stands in the way (a full disk) may end. */
const restartPausesMs = [0, 100, 300, 1_000]
/** A server that ran this long has started well: its next end begins at the first pause again. */
const steadyMs = 5_000

/**
 * Starts the PostgreSQL that comes with the npm package, on a database of this data folder, and keeps it running.
 *
 * It listens on a UNIX socket only and runs as an unprivileged user. What a killed server left running is stopped before.
 *
 * @throws EmbeddedPostgresError with a message for the person who starts the server; the reason of `signal` when aborted
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options)
  } catch (cause) {
    const { code, path } = cause as NodeJS.ErrnoException
    if (cause instanceof EmbeddedPostgresError || typeof code !== 'string') throw cause
    const problem = describeFileProblem(cause, path ?? options.dataFolder.path)
    throw new EmbeddedPostgresError(`the embedded PostgreSQL cannot be used: ${problem}`, { cause })
  }
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataFolder, logger, durableFolder = '/var/lib/palisade' } = options
  // postmaster.pid has a path on a line.
  if (/\n/.test(dataFolder.path))
    throw new EmbeddedPostgresError('the data folder has a line break in its path; rename it')
  const account = await databaseAccount()
  const place = await findPlace(dataFolder.path, account, durableFolder, logger)
  if (isInside(place.folder, dataFolder.path)) return startAt(place, account, options)

  // A copied data folder names the same place outside, and its own lock says nothing about that.
  const claim = await claimDataFolder(place.folder)
  if (!claim.ok) throw new EmbeddedPostgresError(`the database outside the data folder: ${claim.error.message}`)
  try {
    return await startAt(place, account, options, claim.value.release)
  } catch (cause) {
    await claim.value.release()
    throw cause
  }
}

async function startAt(
  place: Place,
  account: Account,
  { dataFolder: { path: dataFolder }, logger, progress, signal }: EmbeddedPostgresOptions,
  release: () => Promise<void> = async () => {},
): Promise<EmbeddedPostgres> {
  if (!place.exists) await makePassable(place.folder, account)
  const binaries = await prepareBinaries(account, join(place.folder, 'programs'), progress)
  signal?.throwIfAborted()
  if (place.exists) await checkDatabase(place, account, binaries.major)
  else {
    progress(`making the database (PostgreSQL ${binaries.major}) in ${place.database}`)
    await initialise(dataFolder, place, binaries, account, signal)
  }
  await rememberReady(dataFolder, place)

  const log = await openServerLog(join(dataFolder, 'logs', 'postgres.log'), logBytes, (cause) =>
    logger.warn({ cause }, "PostgreSQL's log cannot be written"),
  )
  const socketFolder = await prepareSocketFolder(dataFolder, place, account)
  const run = async (abort: AbortSignal | undefined): Promise<Postmaster> => {
    await stopLeftovers(place.database, account.uid, logger)
    await clearSocketFolder(socketFolder)
    return startPostmaster(binaries, place.database, socketFolder, account, log, progress, abort)
  }
  const supervised = supervise(await run(signal), run, logger)

  let stopped: Promise<void> | undefined
  return {
    ownerConnection: {
      host: socketFolder,
      port: portNumber,
      user: ownerRole,
      password: place.ownerPassword,
      // Made by initdb.
      database: 'postgres',
      tls: 'none',
    },
    get pid() {
      return supervised.current()?.pid
    },
    onExit: supervised.onExit,
    onRestart: supervised.onRestart,
    stop() {
      stopped ??= (async () => {
        await supervised.stop()
        await removeSocketFolder(socketFolder)
        await log.flush()
        await release()
      })()
      return stopped
    },
  }
}

/** Restarts the server whenever it ends, until it is stopped. */
function supervise(first: Postmaster, run: (abort: AbortSignal) => Promise<Postmaster>, logger: Logger) {
  const exitListeners = new Set<(exit: PostgresExit) => void>()
  const restartListeners = new Set<() => void>()
  const stopping = new AbortController()
  let current: Postmaster | undefined = first

  async function watch(): Promise<void> {
    let attempt = 0
    while (current !== undefined) {
      const startedAt = performance.now()
      const exit = await current.exited
      current = undefined
      if (stopping.signal.aborted) return
      logger.error({ ...exit }, 'PostgreSQL ended by itself; it is being restarted')
      for (const listener of exitListeners) listener(exit)
      if (performance.now() - startedAt > steadyMs) attempt = 0
      current = await restart()
      // It may have been asked to stop just as the new one was ready.
      if (stopping.signal.aborted) await current?.stop()
      if (current === undefined || stopping.signal.aborted) return
      logger.info({ pid: current.pid }, 'PostgreSQL runs again')
      for (const listener of restartListeners) listener()
    }

    async function restart(): Promise<Postmaster | undefined> {
      for (; ; attempt++) {
        const pause = restartPausesMs[Math.min(attempt, restartPausesMs.length - 1)]
        await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {})
        if (stopping.signal.aborted) return undefined
        try {
          const again = await run(stopping.signal)
          attempt++
          return again
        } catch (cause) {
          if (stopping.signal.aborted) return undefined
          logger.error({ cause }, 'PostgreSQL did not restart; that is tried again')
        }
      }
    }
  }
  const ended = watch()

  const subscribe =
    <T>(listeners: Set<T>) =>
    (listener: T) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
  return {
    current: () => current,
    onExit: subscribe(exitListeners),
    onRestart: subscribe(restartListeners),
    async stop(): Promise<void> {
      stopping.abort()
      await current?.stop()
      await ended
    },
  }
}
