import pino from 'pino'

export type Logger = pino.Logger

/**
 * JSON lines on standard error, one a fact, searchable by `request`, `tenant` and `session`.
 *
 * Callers log identifiers, never a credential; the redaction is a second lock for values that carry one by name.
 */
export function createLogger(level: string, write: (line: string) => void): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { cause: serialiseError },
      redact: {
        paths: ['authorization', 'apiKey', 'password', 'token', '*.authorization', '*.apiKey', '*.password', '*.token'],
        censor: '[secret]',
      },
    },
    { write },
  )
}

/** Name, code, message and stack of an error and its causes. PostgreSQL's `detail` is left out: it quotes row values. */
function serialiseError(cause: unknown): unknown {
  if (!(cause instanceof Error)) return String(cause)
  const { code } = cause as NodeJS.ErrnoException
  return {
    name: cause.name,
    ...(code === undefined ? {} : { code }),
    message: cause.message,
    stack: cause.stack,
    ...(cause.cause === undefined ? {} : { cause: serialiseError(cause.cause) }),
  }
}
