import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/**
 * Says of itself to be PostgreSQL 14.11 and answers every query with just that, since a server that old is hard to come by.
 * As much of the protocol as that takes (PostgreSQL manual, 55.2 and 55.7): no password, simple queries.
 */
export async function startOldPostgres(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let started = false
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    // The client waits for each answer, so that a chunk is a message.
    socket.on('data', (chunk) => {
      if (!started) socket.write(Buffer.concat([message('R', int32(0)), readyForQuery]))
      else if (chunk[0] === 'Q'.charCodeAt(0)) socket.write(answer)
      else socket.end()
      started = true
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    url: `postgres://owner:x@127.0.0.1:${port}/palisade`,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const int16 = (value: number) => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const text = (value: string) => Buffer.from(`${value}\0`)
const message = (type: string, ...body: readonly Buffer[]) => {
  const content = Buffer.concat(body)
  return Buffer.concat([Buffer.from(type), int32(content.length + 4), content])
}

const columns = { version: '140011', name: '14.11', owns: 't' }
const names = Object.keys(columns)
const textType = 25
const readyForQuery = message('Z', Buffer.from('I'))
const answer = Buffer.concat([
  message(
    'T',
    int16(names.length),
    ...names.flatMap((name) => [text(name), int32(0), int16(0), int32(textType), int16(-1), int32(-1), int16(0)]),
  ),
  message('D', int16(names.length), ...Object.values(columns).flatMap((one) => [int32(one.length), Buffer.from(one)])),
  message('C', text('SELECT 1')),
  readyForQuery,
])
