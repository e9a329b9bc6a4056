/** What the commands touch of the world, so that tests can give them another one. Files of a person lie under `home`. */
export type CliEdges = {
  /** A file's bytes; `-` is the standard input. */
  readonly open: (file: string) => AsyncIterable<Uint8Array>
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Bytes for the standard output, waiting where the reader is slow. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly cwd: string
  readonly now: () => Date
  /** Number of the process that started this one. */
  readonly startedBy: number
  /** Which of the standard streams a person sits at. */
  readonly isTerminal: { readonly in: boolean; readonly out: boolean; readonly err: boolean }
  /** Asks at the terminal; a secret is not shown while it is typed. Only where `isTerminal.in`. */
  readonly ask: (question: string, options?: { readonly secret: boolean }) => Promise<string>
  /** Runs a program to its end, with text for its standard input. Nothing of it is shown by itself. */
  readonly runProgram: (program: string, args: readonly string[], input: string) => Promise<ProgramEnd>
  /** Shows a page in the person's browser, if there is one; whether it did is not known. */
  readonly browse: (url: string) => void
  /** Holds signals that would end the process back until `run` is over; the second of a kind ends it all the same. */
  readonly uninterrupted: <T>(run: () => Promise<T>) => Promise<T>
  /** From the first call on Ctrl-C aborts the signal instead of ending the process: for commands that go on by themselves. */
  readonly interrupted: () => AbortSignal
}

/** How a program ended: its exit code, and what it said. */
export type ProgramEnd = { readonly code: number; readonly out: string; readonly err: string }

/** 0 good, 1 refused or failed, 2 wrong use. */
export type ExitCode = 0 | 1 | 2

/** An environment variable; empty counts as unset, as it does for the server. */
export function envOf({ env }: Pick<CliEdges, 'env'>, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

/** All of a file or of the standard input (`-`), as text. */
export async function readText(edges: Pick<CliEdges, 'open'>, file: string): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of edges.open(file)) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}
