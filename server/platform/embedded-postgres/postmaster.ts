import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Account, identity } from './account.ts'
import type { Binaries } from './binaries.ts'
import { describeFailure, describeSpawnFailure, EmbeddedPostgresError } from './failure.ts'
import { ignoreMissing } from './ignore-missing.ts'
import { clusterName } from './leftovers.ts'
import type { ServerLog } from './server-log.ts'
import { serverSettings } from './settings.ts'

export type PostgresExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** One run of the server, from start to exit. */
export type Postmaster = {
  readonly pid: number
  readonly exited: Promise<PostgresExit>
  /** Ends every transaction and writes a checkpoint; resolves when the process is gone. */
  stop(): Promise<void>
}

/** A fast stop writes at most 32 MB of buffers. What takes longer hangs, and recovery at the next start is the lesser evil. */
const fastStopMs = 30_000
const immediateStopMs = 5_000

/**
 * Starts the server and waits until it takes connections. Recovery after an unclean end may take minutes; it is waited
 * for as long as the process lives, since stopping it would only begin it anew.
 */
export async function startPostmaster(
  binaries: Binaries,
  database: string,
  socketFolder: string,
  account: Account,
  log: ServerLog,
  progress: (message: string) => void,
  signal?: AbortSignal,
): Promise<Postmaster> {
  const what = 'PostgreSQL did not start'
  const child = spawn(
    binaries.postgres,
    ['-D', database, ...serverSettings(socketFolder, clusterName(database))],
    // A session of its own: Ctrl-C in the terminal must reach it through us, after those who still write to it.
    {
      ...identity(account),
      cwd: '/',
      env: { TZ: 'UTC', LC_ALL: 'C' },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  child.stdout.on('data', log.write)
  child.stderr.on('data', log.write)
  await once(child, 'spawn').catch((cause: NodeJS.ErrnoException) => {
    throw new EmbeddedPostgresError(describeSpawnFailure(what, cause.code, binaries.postgres), { cause })
  })
  const pid = child.pid as number // Known once it is spawned.
  let exit: PostgresExit | undefined
  const saidAll = new Promise((resolve) => child.on('close', resolve))
  // Not when all is said: processes of a killed server keep its pipe for a moment longer.
  const exited = new Promise<PostgresExit>((resolve) => {
    child.on('exit', (code, signalName) => {
      exit = { code, signal: signalName }
      resolve(exit)
    })
  })

  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= (async () => {
      child.kill('SIGINT')
      if (await within(exited, fastStopMs)) return
      child.kill('SIGQUIT')
      if (await within(exited, immediateStopMs)) return
      child.kill('SIGKILL')
      await exited
    })()
    return stopping
  }

  let nextWord = performance.now() + 3_000
  while (exit === undefined && !(await isReady(database, pid))) {
    if (signal?.aborted) {
      await stop()
      signal.throwIfAborted()
    }
    if (performance.now() > nextWord) {
      progress('PostgreSQL is still starting; after an unclean end it repeats its journal first')
      nextWord = performance.now() + 10_000
    }
    await sleep(5)
  }
  if (exit !== undefined) {
    // Its last words arrive after it has gone.
    await within(saidAll, 1_000)
    throw new EmbeddedPostgresError(
      `${describeFailure(what, log.recentLines(), account.uid)} (all it said is in ${log.path})`,
    )
  }
  return { pid, exited, stop }
}

/** The eighth line of `postmaster.pid` is the server's state; pg_ctl waits for the same. */
async function isReady(database: string, pid: number): Promise<boolean> {
  const lines = ((await readFile(join(database, 'postmaster.pid'), 'utf8').catch(ignoreMissing)) ?? '').split('\n')
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

async function within(done: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const timeout = new AbortController()
  const late = sleep(milliseconds, false, { signal: timeout.signal }).catch(() => false)
  const inTime = await Promise.race([done.then(() => true), late])
  timeout.abort()
  return inTime
}
