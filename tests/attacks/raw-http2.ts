import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import type { Palisade } from '../support/palisade.ts'

/** RFC 9113 §6 and §4.1. */
const frame = { data: 0, headers: 1, resetStream: 3, settings: 4, goAway: 7 } as const
const endStream = 0x1
const endHeaders = 0x4

/** `refused`: the stream was reset or the connection given up. Else the octet that opens the answer's field section. */
export type Http2Answer = 'refused' | { readonly ok: boolean }

/**
 * One request over HTTP/2 whose header lines are written as they are given: upper-case names, made-up pseudo-headers and line
 * breaks, which no decent client writes. Every line is a literal without Huffman code (RFC 7541 §6.2.2).
 */
export async function sendHttp2(
  { port, caPem }: Pick<Palisade, 'port' | 'caPem'>,
  lines: readonly (readonly [name: string, value: string])[],
  body?: string,
): Promise<Http2Answer> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca: caPem, ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const block = Buffer.concat(lines.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]))
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(frameOf(frame.settings, 0, 0, Buffer.alloc(0)))
  socket.write(frameOf(frame.headers, endHeaders | (body === undefined ? endStream : 0), 1, block))
  if (body !== undefined) socket.write(frameOf(frame.data, endStream, 1, Buffer.from(body, 'latin1')))
  let received = Buffer.alloc(0)
  try {
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]) // no encoding is set
      for (let at = 0; at + 9 <= received.length; ) {
        const length = received.readUIntBE(at, 3)
        const type = received[at + 3]
        if (type === frame.resetStream || type === frame.goAway) return 'refused'
        if (at + 9 + length > received.length) break
        // 0x88 is the index of `:status: 200` (RFC 7541, appendix A).
        if (type === frame.headers) return { ok: received[at + 9] === 0x88 }
        at += 9 + length
      }
    }
    return 'refused'
  } finally {
    socket.destroy()
  }
}

function frameOf(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** RFC 7541 §5.2: the length as an integer with a 7-bit prefix, and the octets. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const length = [Math.min(bytes.length, 0x7f)]
  if (bytes.length >= 0x7f) {
    let rest = bytes.length - 0x7f
    for (; rest >= 0x80; rest >>= 7) length.push((rest & 0x7f) | 0x80)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}
