/** What the attacks have in common: a server on a database that the attacker may own, and connections without manners. */
import { once } from 'node:events'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { startTestPostgres, type TestDatabase, withClient } from '../support/database.ts'
import { type Palisade, type PalisadeOptions, startPalisade } from '../support/palisade.ts'
import { until } from '../support/until.ts'

/** Runs SQL as a superuser, whom nothing stops. */
export type Sql = <Row = Record<string, unknown>>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** A server whose database belongs to the test too. */
export type OpenedPalisade = Palisade & { readonly sql: Sql; readonly database: TestDatabase }

/** Starts a server on a PostgreSQL of the test's own. `stop` ends both. */
export async function startOpened({ env = {}, ...options }: PalisadeOptions = {}): Promise<OpenedPalisade> {
  // Logins belong to a whole PostgreSQL server, so two installations cannot share one.
  const postgres = await startTestPostgres()
  try {
    const database = await postgres.create()
    const { host, port, user, password, database: name } = database.owner
    const url = new URL(`postgres://${user}:${password.reveal()}@socket:${port}/${name}`)
    url.searchParams.set('host', host)
    const palisade = await startPalisade({ ...options, env: { PALISADE_DATABASE_URL: url.href, ...env } })
    const sql: Sql = <Row>(text: string, values: readonly unknown[] = []) =>
      // What the rows hold is the caller's to know.
      withClient(database.superuser, async (client) => (await client.query(text, [...values])).rows as Row[])
    const stop = async () => {
      await palisade.stop()
      await postgres.stop()
    }
    // Getters, such as the present process, stay getters.
    const opened = Object.create(palisade, Object.getOwnPropertyDescriptors({ sql, database, stop }))
    return opened as OpenedPalisade
  } catch (cause) {
    await postgres.stop()
    throw cause
  }
}

/** Ends the server's process and starts it again on the same data: what it kept in memory is gone. */
export async function reborn(palisade: Palisade): Promise<void> {
  const ended = endOf(palisade)
  palisade.daemon.kill('SIGTERM')
  await ended
  await palisade.restart()
}

/** Resolves when the server's present process has ended. */
export async function endOf({ daemon }: Palisade): Promise<void> {
  await until('the end of the server', () => daemon.ended(), { everyMs: 10 })
}

/** An HTTP/1.1 connection on which anything can be written. */
export type RawConnection = {
  readonly socket: TLSSocket
  /** Everything that has come so far, as latin1. */
  text(): string
  write(bytes: string | Buffer): void
  /** Waits until what has come matches; fails when the connection is closed before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves with everything when the connection is closed by the other side. */
  readonly closed: Promise<string>
  destroy(): void
}

export async function connectRaw({ port, caPem }: Pick<Palisade, 'port' | 'caPem'>): Promise<RawConnection> {
  const socket = connectTls({
    ...{ host: '127.0.0.1', port, servername: 'localhost', ca: caPem },
    ALPNProtocols: ['http/1.1'],
  })
  let text = ''
  // A connection that the server breaks off is what many attacks are for.
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
  await once(socket, 'secureConnect')
  return {
    socket,
    text: () => text,
    write: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const settle = (how: () => void) => {
          socket.off('data', look)
          socket.off('close', giveUp)
          how()
        }
        const look = () => {
          const found = pattern.exec(text)
          if (found) settle(() => resolve(found))
        }
        const giveUp = () => settle(() => reject(new Error(`closed before ${pattern} came; what came: ${text}`)))
        socket.on('data', look)
        socket.once('close', giveUp)
        look()
        if (socket.closed) giveUp()
      }),
    closed,
    destroy: () => socket.destroy(),
  }
}

/** A connection that was to be closed and is silent instead is closed here, so that a test fails instead of hanging. */
const silenceMs = 10_000

/** One answer as it came over the wire. */
export type RawAnswer = { readonly status: number; readonly head: string; readonly body: string }

/**
 * Sends bytes on a connection of their own and reads the first answer. `Connection: close` belongs into the request: the
 * answer ends with the connection.
 */
export async function sendRaw(palisade: Pick<Palisade, 'port' | 'caPem'>, bytes: string): Promise<RawAnswer> {
  const connection = await connectRaw(palisade)
  connection.socket.setTimeout(silenceMs, () => connection.destroy())
  connection.write(bytes)
  const text = await connection.closed
  const end = text.indexOf('\r\n\r\n')
  const head = end < 0 ? text : text.slice(0, end)
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0),
    head,
    body: end < 0 ? '' : text.slice(end + 4),
  }
}

/** A request in HTTP/1.1's form, lines as given; Host and Connection are added. */
export function requestText(start: string, lines: readonly string[] = [], body = ''): string {
  const framing = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  return [`${start} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...lines, ...framing, '', body].join('\r\n')
}
