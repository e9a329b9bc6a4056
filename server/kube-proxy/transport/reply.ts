import { type ServerResponse, STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type Header, renderStatus, type Status } from '../../../core/kube/index.ts'
import { safetyHeaders } from './response-head.ts'

/** The counterpart of `ClientRequest`. */
export type ClientResponse = ServerResponse | Http2ServerResponse

/** Answers in Kubernetes' own form. For the door's refusals and the transport's alike. */
export function replyStatus(response: ClientResponse, status: Status, extra: readonly Header[] = []): void {
  const { lines, body } = statusLines(status, extra)
  const out = asServerResponse(response)
  out.writeHead(status.code, lines)
  out.end(body)
}

/** The same where an upgrade was asked for and Node has handed over the socket. Closes it. */
export function replyStatusOnSocket(socket: Duplex, status: Status, extra: readonly Header[] = []): void {
  const { lines, body } = statusLines(status, extra)
  replyOnSocket(socket, status.code, lines, body)
}

/** Writes an answer with a body, and closes. `lines`: name, value, name, value, without framing. */
export function replyOnSocket(socket: Duplex, status: number, lines: readonly string[], body: Buffer): void {
  const framing = ['content-length', String(body.length), 'connection', 'close']
  socket.write(renderHead(status, [...lines.filter(isNotContentLength), ...framing]))
  socket.end(body)
  closeSoon(socket)

  function isNotContentLength(_line: string, index: number): boolean {
    return lines[index - (index % 2)] !== 'content-length'
  }
}

/** A head in HTTP/1.1's form. @throws TypeError for a name or value that would not stay in its line */
export function renderHead(status: number, lines: readonly string[]): Buffer {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i]! // in pairs by construction
    const value = lines[i + 1]!
    validateHeaderName(name)
    validateHeaderValue(name, value)
    head += `${name}: ${value}\r\n`
  }
  return Buffer.from(`${head}\r\n`, 'latin1')
}

/**
 * HTTP/1.1 and HTTP/2 answers agree in everything used here, flat arrays of header lines included; only the union of
 * their overloads cannot be called.
 */
export function asServerResponse(response: ClientResponse): ServerResponse {
  return response as ServerResponse
}

/** Destroys a socket once what was written is out, or after a second. Closing with input unread would lose the answer. */
function closeSoon(socket: Duplex): void {
  socket.resume()
  const impatience = setTimeout(() => socket.destroy(), 1000)
  impatience.unref()
  socket.once('close', () => clearTimeout(impatience))
}

function statusLines(status: Status, extra: readonly Header[]): { lines: string[]; body: Buffer } {
  const { headers, body } = renderStatus(status)
  const bytes = Buffer.from(body)
  const own: readonly Header[] = [
    ...Object.entries(headers),
    ['content-length', String(bytes.length)],
    ...safetyHeaders,
  ]
  return { lines: [...own, ...extra].flat(), body: bytes }
}
