import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { chmod, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Programs that a test starts, and the temporary folder they live in.
 *
 * Nothing of it outlives the test, however the test ends: a small shell (the reaper) waits for the end of a pipe that
 * only this process holds. When this process is gone, killed or not, the reaper kills what is still there and removes
 * the folder.
 */
export interface ProcessFamily {
  /** Mode 0711: the way in for programs under another uid, each file inside says for itself who may read it. */
  readonly folder: string
  /** Starts a long-lived program whose output goes to `<folder>/<name>.log`. */
  start(name: string, program: string, args: readonly string[], options?: StartOptions): Promise<Daemon>
  /** Puts a process that was started elsewhere, as leader of its own group, under the same care. */
  adopt(child: ChildProcess): void
  /** The processes started and not yet ended. */
  pids(): readonly number[]
  /** Ends all of them, each by its own signal first, and removes the folder. Repeating it changes nothing. */
  stop(): Promise<void>
}

export interface StartOptions {
  readonly cwd?: string
  /** The whole environment; default: `PATH` and a `HOME` in the family's folder. */
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
  /** What `stop` sends first. Default SIGKILL: most of what tests start has nothing to tidy up. */
  readonly stopSignal?: NodeJS.Signals
}

export interface Daemon {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  /** How it ended, in words; `undefined` while it runs. */
  ended(): string | undefined
  /** Throws, with the end of its log, when it has ended: for use while waiting for it to become ready. */
  assertRunning(): Promise<void>
  kill(signal: NodeJS.Signals): void
}

const graceMs = 10_000

// A group is killed whole, so that what a program started itself goes with it. The folder may still be written to by
// a process that is just dying, hence the repetition.
const reaperScript = `
groups=
while read -r word group; do
  case $word in add) groups="$groups $group" ;; forget) groups= ;; esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
tries=0
until rm -rf -- "$1" 2>/dev/null || [ "$tries" -ge 100 ]; do tries=$((tries + 1)); sleep 0.05; done`

/** @param label a word for the folder's name, to tell families apart in a process list */
export async function createProcessFamily(label: string): Promise<ProcessFamily> {
  const folder = await mkdtemp(join(tmpdir(), `palisade-${label}-`))
  await chmod(folder, 0o711)
  const reaper = spawn('/bin/sh', ['-c', reaperScript, 'reaper', folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Neither the reaper nor the programs keep the test process alive: a test that forgets `stop` still ends.
  reaper.unref()
  // A reaper that cannot be written to is already gone; the exit of this process is then nobody's to notice.
  reaper.stdin.on('error', () => {})

  const members = new Map<ChildProcess, NodeJS.Signals>()
  const running = (): ChildProcess[] => [...members.keys()].filter((child) => !hasEnded(child))
  let stopping: Promise<void> | undefined

  const adopt = (child: ChildProcess, stopSignal: NodeJS.Signals): void => {
    members.set(child, stopSignal)
    reaper.stdin.write(`add ${child.pid}\n`)
  }

  const stop = async (): Promise<void> => {
    await Promise.all([...members].map(([child, signal]) => end(child, signal)))
    reaper.stdin.end('forget\n')
    reaper.ref()
    await exitOf(reaper)
  }

  return {
    folder,
    async start(name, program, args, { cwd = folder, env, uid, gid, stopSignal = 'SIGKILL' } = {}) {
      const logFile = join(folder, `${name}.log`)
      const log = openSync(logFile, 'a', 0o600)
      const child = spawn(program, args, {
        cwd,
        env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: folder, ...env },
        detached: true,
        stdio: ['ignore', log, log],
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid }),
      })
      closeSync(log)
      await spawned(child)
      child.unref()
      adopt(child, stopSignal)
      return daemon(name, child, logFile)
    },
    adopt: (child) => adopt(child, 'SIGKILL'),
    pids: () => running().map((child) => child.pid!), // a running child has a pid
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

function daemon(name: string, child: ChildProcess, logFile: string): Daemon {
  const ended = (): string | undefined =>
    hasEnded(child) ? `${name} ended with ${child.signalCode ?? `exit code ${child.exitCode}`}` : undefined
  return {
    name,
    pid: child.pid!, // `spawned` has seen it start
    logFile,
    ended,
    async assertRunning() {
      const how = ended()
      if (how !== undefined) throw new Error(`${how}; the end of its log:\n${await tail(logFile)}`)
    },
    kill: (signal) => void child.kill(signal),
  }
}

/** Ends a child and everything in its process group. */
async function end(child: ChildProcess, firstSignal: NodeJS.Signals): Promise<void> {
  if (!hasEnded(child)) {
    child.ref()
    const gone = exitOf(child)
    child.kill(firstSignal)
    const impatience = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await gone
    clearTimeout(impatience)
  }
  try {
    process.kill(-child.pid!, 'SIGKILL') // every member of the family has been spawned, so it has a pid
  } catch (error) {
    // ESRCH is the usual case: the leader left nobody behind.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function exitOf(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
}

/** The last lines of a log, for an error message. */
async function tail(file: string, lines = 20): Promise<string> {
  const text = await readFile(file, 'utf8')
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}
