import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * Answers on a bare socket, where Node has no response to write to, and closes it.
 *
 * @param headers of ours alone: nothing of a request may be in them
 */
export function endWith(
  socket: Duplex,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Buffer = Buffer.alloc(0),
): void {
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': String(body.length) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${head}\r\n`)
  socket.end(body)
  // Closing with input unread would lose the answer; a peer that does not close its side is not waited for.
  socket.resume()
  const impatience = setTimeout(() => socket.destroy(), 1_000)
  impatience.unref()
  socket.once('close', () => clearTimeout(impatience))
}
