import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'

/** The program as people start it. */
export const palisadeProgram = fileURLToPath(new URL('../../cli/palisade', import.meta.url))

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

/** A command that runs on, such as one that waits for a browser. */
export type Running = {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  /** Waits until the standard error matches. */
  readonly told: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly ended: Promise<Ran & { readonly signal: NodeJS.Signals | null }>
}

export type CommandLine = {
  /** @param input for the standard input, which is closed after it */
  (args: readonly string[], options?: { readonly input?: string; readonly env?: Environment }): Promise<Ran>
  /** The standard output of a command that has to end well. */
  readonly must: (...args: string[]) => Promise<string>
  readonly start: (args: readonly string[], env?: Environment) => Running
}
export type Environment = Readonly<Record<string, string>>

/** The command line of one person: their home and environment, and nothing of whoever runs the tests. */
export function commandLine(home: string, env: Environment = {}): CommandLine {
  const start = (args: readonly string[], more: Environment = {}): Running & { readonly child: WithInput } => {
    const child = spawn(palisadeProgram, args, {
      cwd: home,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: home, ...env, ...more },
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const ended = once(child, 'close').then(([code, signal]) => ({ code: code ?? -1, signal, out, err }))
    return {
      ...{ child, ended, out: () => out, err: () => err },
      told: (pattern) =>
        until(`${pattern} of palisade ${args.join(' ')}`, () => {
          const found = pattern.exec(err)
          if (!found && child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${err}`)
          return found ?? undefined
        }),
    }
  }
  const run = async (
    args: readonly string[],
    { input = '', env: more = {} }: { readonly input?: string; readonly env?: Environment } = {},
  ): Promise<Ran> => {
    const { child, ended } = start(args, more)
    // EPIPE: it ended without reading.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const { code, out, err } = await ended
    return { code, out, err }
  }
  return Object.assign(run, {
    start,
    async must(...args: string[]) {
      const { code, out, err } = await run(args)
      if (code !== 0) throw new Error(`palisade ${args.join(' ')} ended with ${code}:\n${out}${err}`)
      return out
    },
  })
}

type WithInput = ChildProcessByStdio<Writable, Readable, Readable>

/** What stands in for the desktop: `xdg-open` writes the address it is given to a file, where a test finds it. */
export async function fakeDesktop(folder: string) {
  const programs = join(folder, 'desktop')
  const file = join(folder, 'opened')
  await mkdir(programs)
  await writeFile(join(programs, 'xdg-open'), `#!/bin/sh\necho "$1" > "${file}.new"; mv "${file}.new" "${file}"\n`, {
    mode: 0o755,
  })
  return {
    env: { DISPLAY: ':99', PATH: `${programs}:${process.env.PATH}` },
    /** The address that was opened last; once. */
    opened: () =>
      until('a page to be opened', async () => {
        const text = await readFile(file, 'utf8').catch(() => undefined)
        if (text !== undefined) await rm(file)
        return text?.trim()
      }),
  }
}
