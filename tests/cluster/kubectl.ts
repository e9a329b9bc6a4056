import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface KubectlOptions {
  /** Path of the kubeconfig to use. Default: the cluster's own, as its administrator. */
  readonly kubeconfig?: string
  /** Given to kubectl's standard input, which is closed after it. Default: nothing, closed at once. */
  readonly stdin?: string | Buffer
  /** Kills kubectl after this long. Default 60 s. */
  readonly timeoutMs?: number
  /** Added to the environment, which else holds no more than PATH, HOME and kubectl's cache folder. */
  readonly env?: Readonly<Record<string, string>>
}

/** A kubectl that has ended; `code` is -1 when a signal ended it. */
export interface KubectlResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface OpenKubectlOptions extends Omit<KubectlOptions, 'stdin' | 'timeoutMs'> {
  /** Gives kubectl a terminal (`exec -it` asks for one); what it writes then comes, with CR LF, in `stdout`. */
  readonly terminal?: boolean
}

/** A kubectl that runs on: a watch, a followed log, an exec, a port-forward. */
export interface OpenKubectl {
  readonly pid: number
  /** What it has written so far. */
  stdout(): string
  stderr(): string
  write(text: string): void
  closeInput(): void
  /** Waits until stdout or stderr matches; the error of a wait in vain quotes both. Default 20 s. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>
  /** Resolves when it has ended and all its output is here. `at` is on the clock of `performance.now()`. */
  readonly ended: Promise<KubectlResult & { readonly at: number }>
  kill(signal?: NodeJS.Signals): void
}

export interface Kubectl {
  run(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>
  open(args: readonly string[], options?: OpenKubectlOptions): Promise<OpenKubectl>
}

export interface KubectlSettings {
  /** Path of the program. */
  readonly program: string
  /** Where it may keep its cache. */
  readonly folder: string
  readonly defaultKubeconfig: string
  /** Called with each child, a leader of its own process group, as soon as it runs. */
  readonly onStart: (child: ChildProcess) => void
}

/** Real kubectl as tests use it: it sees nothing of the environment and home folder of whoever runs the tests. */
export function createKubectl({ program, folder, defaultKubeconfig, onStart }: KubectlSettings): Kubectl {
  const start = async (command: string, args: readonly string[], options: OpenKubectlOptions): Promise<Started> => {
    const child = spawn(command, args, {
      cwd: folder,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH ?? '/usr/bin:/bin',
        HOME: folder,
        KUBECACHEDIR: join(folder, 'kubectl-cache'),
        KUBECONFIG: options.kubeconfig ?? defaultKubeconfig,
        ...options.env,
      },
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text
    })
    // EPIPE: kubectl ended before it had read everything, which its exit code tells better.
    child.stdin.on('error', () => {})
    const ended = new Promise<KubectlResult & { at: number }>((resolve) => {
      child.once('close', (code) => resolve({ code: code ?? -1, ...output, at: performance.now() }))
    })
    await once(child, 'spawn')
    onStart(child)
    return { child, output, ended }
  }

  return {
    async run(args, { stdin = '', timeoutMs = 60_000, ...options } = {}) {
      const { child, ended } = await start(program, args, options)
      child.stdin?.end(stdin)
      const impatience = setTimeout(() => killGroup(child, 'SIGKILL'), timeoutMs)
      try {
        const { code, stdout, stderr } = await ended
        return { code, stdout, stderr }
      } finally {
        clearTimeout(impatience)
      }
    },

    async open(args, { terminal = false, ...options } = {}) {
      // script(1), which every Debian has, makes the terminal.
      const [command, commandArgs] = terminal
        ? ['script', ['--quiet', '--flush', '--return', '--command', shellQuoted([program, ...args]), '/dev/null']]
        : [program, args]
      const { child, output, ended } = await start(command, commandArgs, options)
      return {
        pid: child.pid!, // `start` has seen it spawn
        stdout: () => output.stdout,
        stderr: () => output.stderr,
        write: (text) => void child.stdin?.write(text),
        closeInput: () => void child.stdin?.end(),
        waitFor: (pattern, timeoutMs = 20_000) => waitFor(child, output, pattern, timeoutMs),
        ended,
        kill: (signal = 'SIGTERM') => killGroup(child, signal),
      }
    },
  }
}

interface Started {
  readonly child: ChildProcess
  readonly output: { readonly stdout: string; readonly stderr: string }
  readonly ended: Promise<KubectlResult & { at: number }>
}

function waitFor(
  child: ChildProcess,
  output: Started['output'],
  pattern: RegExp,
  timeoutMs: number,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(impatience)
      child.stdout?.off('data', look)
      child.stderr?.off('data', look)
      child.off('close', closed)
      settle()
    }
    const look = (): boolean => {
      const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
      if (match !== null) finish(() => resolve(match))
      return match !== null
    }
    const giveUp = (why: string): void =>
      finish(() =>
        reject(new Error(`${why} waiting for ${pattern}\nstdout: ${output.stdout}\nstderr: ${output.stderr}`)),
      )
    const closed = (): void => {
      if (!look()) giveUp('kubectl ended')
    }
    const impatience = setTimeout(() => giveUp(`${timeoutMs} ms passed`), timeoutMs)
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.once('close', closed)
    if (!look() && child.exitCode !== null && child.stdout?.closed === true) giveUp('kubectl had ended')
  })
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid!, signal) // only children that have spawned come here
}

function shellQuoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
}
