import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import pg from 'pg'
import type { Logger } from '../log/index.ts'
import type { DatabaseTarget } from './database-url.ts'

// bigint columns (epochs, indexes) come as text: JavaScript's numbers would round them. Times come as Date.
const connectTimeoutMs = 5_000

/** Limits that a connection carries from its first statement on, so that no query and no lock waits for ever. */
const sessionSettings = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 60_000,
} as const

export function clientConfig(target: DatabaseTarget, applicationName: string): pg.ClientConfig {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    password: target.password.reveal(),
    database: target.database,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    ...sessionSettings,
    ...(target.tls === 'none'
      ? {}
      : {
          ssl: {
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2' as const,
            // What the certificate must be for; as SNI only a name may be sent (RFC 6066 §3).
            host: target.host,
            ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
            checkServerIdentity,
            ...(target.tls.caPem === undefined ? {} : { ca: target.tls.caPem }),
          },
        }),
  }
}

/**
 * A pool for one login. An idle connection's failure is logged and the connection replaced; a statement's failure is its
 * caller's, who need not listen for `error`.
 */
export function openPool(target: DatabaseTarget, name: string, max: number, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    ...clientConfig(target, `palisade-${name}`),
    max,
    idleTimeoutMillis: 30_000,
    maxLifetimeSeconds: 1_800,
  })
  // While a connection is in use the pool does not listen to it, and whoever gets one learns of it a moment later. The loss
  // of one that nobody listens to would end the process; the next statement on it fails anyway.
  pool.on('connect', (client) => client.on('error', () => undefined))
  pool.on('error', (cause) => {
    // A pool that was ended does not wait for its connections to be gone: the database may end them first.
    if (!pool.ending) logger.warn({ cause, pool: name }, 'an idle database connection was lost')
  })
  return pool
}
