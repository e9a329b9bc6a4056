/**
 * The answer to a commit was lost: what it was to make durable is there, or is not. Any other error of a transaction means
 * that nothing of it is. Has the message and the code of its cause.
 */
export class CommitUncertainError extends Error {
  readonly code: unknown

  constructor(cause: Error) {
    super(cause.message, { cause })
    this.name = 'CommitUncertainError'
    this.code = (cause as { code?: unknown }).code
  }
}

/**
 * Whether an error in answer to `commit` leaves open what became of it. What PostgreSQL itself refuses (a deferred constraint)
 * is taken back; a connection that broke, or a server that was going down (class 57), says nothing.
 */
export function leavesOpen(cause: unknown): boolean {
  const state = sqlState(cause)
  return state === undefined || /^(08|57|58|XX)/.test(state)
}

/** SQLSTATE of an error that PostgreSQL sent (PostgreSQL manual, appendix A), if it is one. */
export function sqlState(cause: unknown): string | undefined {
  const code = cause instanceof Error ? (cause as Error & { code?: unknown }).code : undefined
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** The constraint that a unique violation (23505) names, so that a store can answer which name is taken. */
export function violatedUnique(cause: unknown): string | undefined {
  return sqlState(cause) === '23505' ? (cause as { constraint?: string }).constraint : undefined
}

/** Whether the database could not do its work for now: gone, restarting, full, out of connections or out of time. */
export function databaseUnavailable(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  const state = sqlState(cause)
  // 08 connection, 53 resources (disk full, too many connections), 57 operator intervention, 25P03 idle, 40P01 deadlock,
  // 55P03 lock timeout
  if (state && /^(08|53|57|58)|^(25P03|40P01|55P03)$/.test(state)) return true
  const code = (cause as NodeJS.ErrnoException).code
  if (
    code &&
    ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND'].includes(code)
  )
    return true
  return /connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/i.test(
    cause.message,
  )
}
