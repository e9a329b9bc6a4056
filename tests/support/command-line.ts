import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The program as people start it. */
export const palisadeProgram = fileURLToPath(new URL('../../cli/palisade', import.meta.url))

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

export type CommandLine = {
  /** @param input for the standard input, which is closed after it */
  (args: readonly string[], options?: { readonly input?: string; readonly env?: Environment }): Promise<Ran>
  /** The standard output of a command that has to end well. */
  readonly must: (...args: string[]) => Promise<string>
}
export type Environment = Readonly<Record<string, string>>

/** The command line of one person: their home and environment, and nothing of whoever runs the tests. */
export function commandLine(home: string, env: Environment = {}): CommandLine {
  const run = async (
    args: readonly string[],
    { input = '', env: more = {} }: { readonly input?: string; readonly env?: Environment } = {},
  ): Promise<Ran> => {
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
    // EPIPE: it ended without reading.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const [code] = await once(child, 'close')
    return { code: code ?? -1, out, err }
  }
  return Object.assign(run, {
    async must(...args: string[]) {
      const { code, out, err } = await run(args)
      if (code !== 0) throw new Error(`palisade ${args.join(' ')} ended with ${code}:\n${out}${err}`)
      return out
    },
  })
}
