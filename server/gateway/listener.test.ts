import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Authority, createAuthority } from '../../tests/support/certificates.ts'
import { until } from '../../tests/support/until.ts'
import { createLogger } from '../platform/log/index.ts'
import { limits } from './limits.ts'
import { below, createListener, type DoorRequest, type DoorResponse, type Listener } from './listener.ts'

const bounds = {
  ...limits,
  ...{ headersTimeoutMs: 400, requestTimeoutMs: 1_000, keepAliveMs: 600, handshakeTimeoutMs: 400 },
  connectionsPerAddress: 400,
}
/** Node looks for requests that are late every two seconds. */
const lookMs = 2_000
const marginMs = 3_000

let authority: Authority
let listener: Listener
const logged: Record<string, unknown>[] = []
let port: number

before(async () => {
  authority = await createAuthority('listener')
  const { certPem, keyPem } = await authority.issue({ commonName: 'gateway', dnsNames: ['localhost'] })
  const readWhole = (request: DoorRequest, response: DoorResponse) => {
    request.on('error', () => undefined)
    request.resume().on('end', () => response.end('read'))
  }
  const logger = createLogger('info', (line) => logged.push(JSON.parse(line)))
  const refuseUpgrade = (_request: unknown, socket: Duplex) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  const mounts = [
    below('/here', {
      request: (_request, response) => response.end('mounted'),
      upgrade: (_request, socket) => socket.end('HTTP/1.1 418 Mounted\r\n\r\n'),
    }),
    below('/pages', { request: (_request, response) => response.end('pages') }),
  ]
  const doors = {
    api: readWhole,
    kube: readWhole,
    kubeUpgrade: () => assert.fail('nobody upgrades'),
    refuseUpgrade,
    mounts,
  }
  listener = createListener({ cert: certPem, key: keyPem }, doors, logger, bounds)
  await listener.listen('127.0.0.1', 0)
  port = listener.address().port
})
after(() => listener?.close(0))

async function tls(): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca: authority.certPem })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}

/** What came until the server closed the connection, and after how long. */
async function untilClosed(socket: Socket): Promise<{ readonly text: string; readonly ms: number }> {
  const startedAt = performance.now()
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  await once(socket, 'close', { signal: AbortSignal.timeout(10_000) })
  return { text, ms: performance.now() - startedAt }
}

/** Sends a beginning, and then a byte now and then, as long as it can. */
function drip(socket: Socket, beginning: string): Socket {
  socket.write(beginning)
  const timer = setInterval(() => socket.write('a'), 50)
  socket.once('close', () => clearInterval(timer))
  return socket
}

async function answered(): Promise<number> {
  const socket = await tls()
  const startedAt = performance.now()
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  assert.match((await untilClosed(socket)).text, /^HTTP\/1\.1 200 OK[\s\S]*read/)
  return performance.now() - startedAt
}

const post = 'POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n'
const slow: readonly {
  readonly what: string
  readonly open: () => Promise<Socket>
  readonly withinMs: number
  readonly told: RegExp
}[] = [
  {
    what: 'a connection that begins no TLS',
    open: async () => connectTcp(port, '127.0.0.1'),
    withinMs: bounds.handshakeTimeoutMs,
    told: /^$/,
  },
  {
    what: 'a TLS connection that asks nothing',
    open: tls,
    withinMs: bounds.headersTimeoutMs + lookMs,
    told: /^HTTP\/1\.1 408 /,
  },
  {
    what: 'a head that comes byte by byte',
    open: async () => drip(await tls(), 'GET / HTTP/1.1\r\nX-Slow: '),
    withinMs: bounds.headersTimeoutMs + lookMs,
    told: /^HTTP\/1\.1 408 /,
  },
  {
    what: 'a body that comes byte by byte',
    open: async () => drip(await tls(), post),
    withinMs: bounds.requestTimeoutMs + lookMs,
    told: /^HTTP\/1\.1 408 /,
  },
  {
    what: 'a connection that asks nothing more',
    open: async () => {
      const socket = await tls()
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
      return socket
    },
    withinMs: bounds.keepAliveMs,
    told: /^HTTP\/1\.1 200 OK/,
  },
]
describe('cut off in time', { concurrency: true }, () => {
  for (const { what, open, withinMs, told } of slow)
    test(what, async () => {
      const { text, ms } = await untilClosed(await open())
      assert.match(text, told)
      assert.ok(ms < withinMs + marginMs, `${Math.round(ms)} ms`)
      assert.ok(ms > Math.min(bounds.headersTimeoutMs, withinMs) - 100, `${Math.round(ms)} ms is too soon`)
    })
})

test('hundreds that are slow hold nobody else up', async () => {
  const sockets = await Promise.all(Array.from({ length: 300 }, tls))
  for (const [i, socket] of sockets.entries()) socket.write(i % 2 === 0 ? 'GET / HTTP/1.1\r\nHost: loc' : post)
  const times = [await answered(), await answered(), await answered()]
  assert.ok(Math.max(...times) < 2_000, times.join(' '))
  const ends = await Promise.all(sockets.map(untilClosed))
  assert.ok(ends.every(({ text }) => text.startsWith('HTTP/1.1 408 ')))
})

test('one network has so many connections and no more, until one of them ends', async () => {
  const sockets = await until('the places of earlier tests', takeAllPlaces)
  await assert.rejects(tls(), { code: /ECONNRESET|EPIPE/ })
  const [first] = sockets
  first?.destroy()
  await once(first ?? assert.fail(), 'close')
  await answeredSoon()
  for (const socket of sockets) socket.destroy()
  for (const socket of await until('the places of this test', takeAllPlaces)) socket.destroy()
  await answeredSoon()

  /** Nothing where the server has not heard of the end of some connection yet. */
  async function takeAllPlaces(): Promise<TLSSocket[] | undefined> {
    const tried = await Promise.allSettled(Array.from({ length: bounds.connectionsPerAddress }, tls))
    const taken = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (taken.length === tried.length) return taken
    for (const socket of taken) socket.destroy()
    return undefined
  }

  async function answeredSoon(): Promise<void> {
    // The server hears of the end a moment after the client.
    const deadline = AbortSignal.timeout(5_000)
    while (!deadline.aborted)
      try {
        await answered()
        return
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ECONNRESET') throw cause
      }
    assert.fail('its place was not given back')
  }
})

test('a proxy of the operator is not counted as one network', async (t) => {
  const { certPem, keyPem } = await authority.issue({ commonName: 'gateway', dnsNames: ['localhost'] })
  const nothing = () => undefined
  const silent = createLogger('silent', nothing)
  const doors = { api: nothing, kube: nothing, kubeUpgrade: nothing, refuseUpgrade: nothing }
  const few = { ...bounds, connectionsPerAddress: 2 }
  const behind = createListener({ cert: certPem, key: keyPem }, doors, silent, few, ['127.0.0.0/8'])
  await behind.listen('127.0.0.1', 0)
  t.after(() => behind.close(0))
  const connected = Array.from({ length: 5 }, async () => {
    const socket = connectTls({
      ...{ host: '127.0.0.1', port: behind.address().port, servername: 'localhost', ca: authority.certPem },
    })
    t.after(() => socket.destroy())
    await once(socket, 'secureConnect')
  })
  await Promise.all(connected)
  // The server has seen the end of a handshake a moment after the client.
  await until('all of them', () => behind.connections() === 5 || undefined)
})

describe('who answers', () => {
  const cases: readonly (readonly [target: string, upgrade: boolean, answer: RegExp])[] = [
    ['/here', false, /mounted/],
    ['/here?x', false, /mounted/],
    ['/here/and/there', false, /mounted/],
    ['/hereafter', false, /read/],
    ['/%68ere', false, /read/],
    ['//here', false, /read/],
    ['/here/x', true, /418/],
    ['/pages', true, / 400 /],
    ['/elsewhere', true, / 400 /],
  ]
  for (const [target, upgrade, answer] of cases)
    test(`${upgrade ? 'an upgrade of ' : ''}${target}`, async () => {
      const socket = await tls()
      const connection = upgrade ? 'Connection: Upgrade\r\nUpgrade: websocket' : 'Connection: close'
      socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${connection}\r\n\r\n`)
      assert.match((await untilClosed(socket)).text, answer)
    })
})

describe('what no door reads has a request id all the same, and a line that says why', () => {
  const cases: readonly (readonly [what: string, bytes: string, status: number, why: string])[] = [
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'HPE_INVALID_METHOD'],
    ['a header of 20 kB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HPE_HEADER_OVERFLOW'],
    ['half a head', 'GET / HTTP/1.1\r\nHost: a\r\n', 408, 'ERR_HTTP_REQUEST_TIMEOUT'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'no Host'],
    ['an odd expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n', 417, 'an unknown expectation'],
  ]
  for (const [what, bytes, status, why] of cases)
    test(what, async () => {
      const socket = await tls()
      socket.write(bytes)
      const { text } = await untilClosed(socket)
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
      const request = /^x-request-id: ([0-9a-f]{24})\r$/m.exec(text)?.[1]
      const line = logged.find((one) => one.request === request)
      assert.partialDeepStrictEqual(line, { address: '127.0.0.1', status, why, msg: 'a request could not be read' })
    })
})
