/**
 * What a person must be told, and how the command ends. Thrown, since every command ends where it happens; anything else
 * that is thrown is a defect and keeps its stack.
 */
export class Failure extends Error {
  override readonly name = 'Failure'
  /** What to do about it, in lines. */
  readonly hints: readonly string[]
  readonly exitCode: 1 | 2

  /** @param exitCode 1 refused or failed, 2 wrong use */
  constructor(message: string, { hints = [], exitCode = 1 }: { hints?: readonly string[]; exitCode?: 1 | 2 } = {}) {
    super(message)
    this.hints = hints
    this.exitCode = exitCode
  }
}

/** Wrong use: what was asked cannot be meant. */
export const wrongUse = (message: string, ...hints: readonly string[]): Failure =>
  new Failure(message, { hints, exitCode: 2 })

/** What the operating system refused (no such file, a folder, no permission), in contrast to a bug. */
export function isFileError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && 'syscall' in cause && 'code' in cause
}
