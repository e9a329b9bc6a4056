import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/ports.ts'
import type { Daemon, ProcessFamily, StartOptions } from '../support/processes.ts'
import { until } from '../support/until.ts'

/** One run of the server as somebody starts it, whether or not it gets anywhere. */
export type Run = {
  readonly pid: number
  readonly daemon: Daemon
  /** What it has written so far, to either stream. */
  output(): Promise<string>
  /** Waits until what it wrote matches; fails when it ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  /** Waits for its end: `exit code 0`, or the signal's name. */
  ended(): Promise<string>
}

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const serverProgram = [process.execPath, join(root, 'server/main.ts')] as const

let runs = 0

/** @param command program and arguments; default: the server under this Node */
export async function startRun(
  family: ProcessFamily,
  env: Readonly<Record<string, string>>,
  { command = serverProgram, ...options }: Omit<StartOptions, 'env'> & { readonly command?: readonly string[] } = {},
): Promise<Run> {
  const [program = '', ...args] = command
  const daemon = await family.start(`run-${++runs}`, program, args, { stopSignal: 'SIGTERM', ...options, env })
  const output = () => readFile(daemon.logFile, 'utf8')
  return {
    pid: daemon.pid,
    daemon,
    output,
    async says(pattern) {
      return until(
        `the server to say ${pattern}`,
        async () => {
          const found = pattern.exec(await output())
          if (!found) await daemon.assertRunning()
          return found ?? undefined
        },
        { timeoutMs: 60_000, everyMs: 10 },
      )
    },
    async ended() {
      const how = await until('the server to end', () => daemon.ended(), { timeoutMs: 60_000, everyMs: 10 })
      return how.replace(/^.* ended with /, '')
    },
  }
}

/** Runs the server to an end that is expected to come by itself. */
export async function runToEnd(
  family: ProcessFamily,
  env: Readonly<Record<string, string>>,
  options: Parameters<typeof startRun>[2] = {},
): Promise<{ readonly how: string; readonly output: string }> {
  const run = await startRun(family, env, options)
  const how = await run.ended()
  return { how, output: await run.output() }
}

/** A folder, two ports, nothing else: what any server of a test needs. */
export async function environment(dataFolder: string): Promise<Record<string, string>> {
  return {
    PALISADE_DATA_DIR: dataFolder,
    PALISADE_PORT: String(await freePort()),
    PALISADE_METRICS_PORT: String(await freePort()),
  }
}

/** What it says when it takes requests. */
export const readiness = /^Palisade is ready at (https:\/\/\S+) \((\d+\.\d) s\)$/m

/** The generated password of the first administrator, as it was shown. */
export async function passwordIn(run: Run): Promise<string> {
  const [, password = ''] = /^ {2}password {4}(\S+) {3}\(shown once: keep it\)$/m.exec(await run.output()) ?? []
  return password
}

/** Processes that work inside a folder, as those of its PostgreSQL do, whoever is their parent. */
export function workingIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`)
      } catch {
        return false // gone meanwhile, or somebody else's
      }
    })
}

/** Children of a process, by name and arguments. */
export function childrenOf(parent: number): { readonly pid: number; readonly command: readonly string[] }[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '')
    .map((pid) => ({
      pid: Number(pid),
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1),
    }))
}

/** Whether something listens on a port of this machine. */
export async function isOpen(port: number | string | undefined): Promise<boolean> {
  const socket = connect(Number(port), '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
