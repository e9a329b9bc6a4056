import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { failure, type Status } from '../../../core/kube/index.ts'
import { until } from '../../../tests/support/until.ts'
import type { CallEnd } from './index.ts'
import {
  credential,
  identity,
  openDoor,
  type RawClient,
  startCluster,
  startHostile,
  type TestDoor,
} from './test-door.ts'
import { websocketAccept } from './upgrade-request.ts'

const exec = '/api/v1/namespaces/ns/pods/x/exec?command=sh&stdin=true'
const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const spdyHead = (more = ''): string =>
  `POST ${exec} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n` +
  `X-Stream-Protocol-Version: v4.channel.k8s.io\r\nX-Stream-Protocol-Version: v3.channel.k8s.io\r\n${more}\r\n`
const websocketHead = (more = 'Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n'): string =>
  `GET ${exec} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: ${key}\r\n${more}\r\n`

const agreeSpdy =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n'
const agreeWebSocket =
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n` +
  'Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n'

test('the answer to a key is RFC 6455’s', () => assert.equal(websocketAccept(key), accept))

describe('exec', async () => {
  /** Agrees to everything, and sends back what comes. */
  const cluster = await startCluster(
    (_request, response) => response.end(),
    (request, socket) => {
      socket.write(`${request.headers.upgrade === 'websocket' ? agreeWebSocket : agreeSpdy}Set-Cookie: a=b\r\n\r\n`)
      socket.pipe(socket)
    },
  )
  const door = await openDoor({ upstream: { port: cluster.port } })

  test('over SPDY: our head goes out, and after the 101 every byte both ways', async () => {
    const ended = door.nextEnd()
    const client = await door.raw()
    client.write(
      spdyHead('Authorization: Bearer mine\r\nOrigin: https://evil\r\nUser-Agent: kubectl\r\nX-Remote-User: root\r\n'),
    )
    const head = await client.waitFor(/\r\n\r\n/)
    assert.deepEqual(head.split('\r\n').slice(0, -2), [
      ...['HTTP/1.1 101 Switching Protocols', 'Upgrade: SPDY/3.1', 'Connection: Upgrade'],
      ...['x-stream-protocol-version: v4.channel.k8s.io', 'x-request-id: req-1'],
    ])
    const { method, url, rawHeaders } = cluster.seen.at(-1)!
    assert.deepEqual([method, url], ['POST', exec])
    assert.deepEqual(rawHeaders, [
      ...['Host', `127.0.0.1:${cluster.port}`, 'Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1', 'user-agent', 'kubectl'],
      ...['Authorization', credential, ...identity.flat()],
      ...['X-Stream-Protocol-Version', 'v4.channel.k8s.io', 'X-Stream-Protocol-Version', 'v3.channel.k8s.io'],
      ...['Content-Length', '0'],
    ])
    client.write('ls -l\n')
    await client.waitFor(/ls -l\n$/)
    client.socket.end()
    await client.closed
    assert.deepEqual(await ended, {
      reason: 'complete',
      detail: undefined,
      status: 101,
      bytesIn: 6,
      bytesOut: 6,
    } satisfies CallEnd)
  })

  test('over WebSocket: the subprotocols go out, the agreed one comes back', async () => {
    const client = await door.raw()
    client.write(websocketHead())
    const head = await client.waitFor(/\r\n\r\n/)
    assert.match(head, new RegExp(`\r\nSec-WebSocket-Accept: ${accept.replace('+', '\\+')}\r\n`))
    assert.match(head, /\r\nsec-websocket-protocol: v5\.channel\.k8s\.io\r\n/)
    assert.doesNotMatch(head, /Set-Cookie/i)
    const { headers } = cluster.seen.at(-1)!
    assert.equal(headers['sec-websocket-protocol'], 'v5.channel.k8s.io, v4.channel.k8s.io')
    assert.equal(headers['sec-websocket-extensions'], undefined)
    await leave(door, client)
  })

  test('the subprotocol that carries a token does not go out', async () => {
    const token = Buffer.from('header.payload.signature').toString('base64url')
    const client = await door.raw()
    client.write(
      websocketHead(
        `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${token}, v5.channel.k8s.io\r\nSec-WebSocket-Extensions: permessage-deflate\r\n`,
      ),
    )
    await client.waitFor(/101 Switching/)
    const { rawHeaders } = cluster.seen.at(-1)!
    assert.ok(!rawHeaders.join('\n').includes(token))
    assert.equal(rawHeaders[rawHeaders.indexOf('Sec-WebSocket-Protocol') + 1], 'v5.channel.k8s.io')
    assert.ok(!rawHeaders.includes('Sec-WebSocket-Extensions'))
    await leave(door, client)
  })

  test('what the client sends before the 101 is held, and arrives first', async () => {
    const ended = door.nextEnd()
    const client = await door.raw()
    client.write(`${spdyHead()}early `)
    client.write('and late')
    await client.waitFor(/\r\n\r\nearly and late$/)
    client.socket.end()
    assert.equal((await ended).bytesIn, 14)
  })

  test('a connection of its own each time, used for nothing else', async () => {
    const { accepted } = cluster.connections()
    for (let i = 1; i <= 3; i++) {
      const client = await door.raw()
      client.write(spdyHead())
      await client.waitFor(/\r\n\r\n/)
      assert.equal(cluster.connections().accepted, accepted + i)
      client.write('GET /api HTTP/1.1\r\nHost: x\r\n\r\n')
      await client.waitFor(/GET \/api/)
      await leave(door, client)
    }
    await door.ask('/api')
    assert.equal(cluster.connections().accepted, accepted + 4)
  })

  test('much goes through whole, both ways', async () => {
    const ended = door.nextEnd()
    const client = await door.raw()
    client.write(spdyHead())
    await client.waitFor(/\r\n\r\n/)
    const piece = randomBytes(256 * 1024)
    const sent = createHash('sha256')
    const received = createHash('sha256')
    let size = 0
    client.socket.removeAllListeners('data')
    client.socket.on('data', (chunk: Buffer) => {
      size += chunk.length
      received.update(chunk)
    })
    for (let i = 0; i < 64; i++) {
      sent.update(piece)
      if (!client.socket.write(piece)) await once(client.socket, 'drain')
    }
    await until('all of it to come back', () => (size === 64 * piece.length ? true : undefined))
    assert.equal(received.digest('hex'), sent.digest('hex'))
    client.socket.end()
    const { bytesIn, bytesOut } = await ended
    assert.deepEqual([bytesIn, bytesOut], [64 * piece.length, 64 * piece.length])
  })
})

describe('pace', () => {
  test('an upgraded client that reads nothing stops the cluster’s side', async () => {
    let sent = 0
    const cluster = await startCluster(
      () => {},
      (_request, socket) => {
        socket.write(`${agreeSpdy}\r\n`)
        const piece = Buffer.alloc(256 * 1024)
        const more = (): void => {
          do sent += piece.length
          while (socket.write(piece))
        }
        socket.on('drain', more)
        more()
      },
    )
    const door = await openDoor({ upstream: { port: cluster.port } })
    const client = await door.raw()
    client.write(spdyHead())
    await client.waitFor(/\r\n\r\n/)
    client.socket.pause()
    let before = -1
    await until(
      'the flow to stop',
      () => {
        const still = sent === before
        before = sent
        return still ? true : undefined
      },
      { everyMs: 200 },
    )
    assert.ok(sent < 20 * 1024 * 1024, `${sent} bytes had left the cluster`)
    client.socket.destroy()
  })

  test('a client that sends without end before the 101 is held back', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let received = 0
    const cluster = await startCluster(
      () => {},
      async (_request, socket) => {
        await promise
        socket.write(`${agreeSpdy}\r\n`)
        socket.on('data', (chunk: Buffer) => {
          received += chunk.length
        })
      },
    )
    const door = await openDoor({ upstream: { port: cluster.port }, limits: { earlyBytes: 64 * 1024 } })
    const client = await door.raw()
    client.write(spdyHead())
    const total = 40 * 1024 * 1024
    const piece = Buffer.alloc(256 * 1024)
    let written = 0
    const sending = (async () => {
      while (written < total) {
        if (!client.socket.write(piece)) await once(client.socket, 'drain')
        written += piece.length
      }
    })()
    let before = -1
    await until(
      'the flow to stop',
      () => {
        const still = written === before
        before = written
        return still ? true : undefined
      },
      { everyMs: 200 },
    )
    assert.ok(written < 20 * 1024 * 1024, `${written} bytes had been taken`)
    resolve()
    await sending
    await until('all of it to arrive', () => (received === total ? true : undefined))
    client.socket.destroy()
  })
})

describe('A11: the cluster does not agree', async () => {
  async function tried(
    answer: string,
    head = spdyHead(),
    more: Partial<Parameters<typeof openDoor>[0]> = {},
  ): Promise<{ client: RawClient; end: Promise<CallEnd>; received: () => string }> {
    const hostile = await startHostile((socket) => socket.write(Buffer.from(answer, 'latin1')))
    const door = await openDoor({ upstream: { port: hostile.port }, ...more })
    const end = door.nextEnd()
    const client = await door.raw()
    client.write(head)
    return { client, end, received: hostile.received }
  }

  for (const [status, body] of [
    [403, '{"kind":"Status","code":403,"message":"the cluster’s"}'],
    [200, 'all right'],
    [500, ''],
  ] as const) {
    test(`${status}: an ordinary answer, and both sides are closed whatever the client goes on to send`, async () => {
      const length = Buffer.byteLength(body)
      const { client, end, received } = await tried(
        `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nSet-Cookie: a=b\r\n\r\n${Buffer.from(body).toString('latin1')}`,
      )
      client.write('POST /api/v1/namespaces/kube-system/pods HTTP/1.1\r\nHost: x\r\n\r\n')
      const text = await client.closed
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.equal(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1').toString(), body)
      assert.match(text, /\r\ncontent-type: application\/json\r\n/)
      assert.match(text, /\r\nx-content-type-options: nosniff\r\n/)
      assert.match(text, /\r\nconnection: close\r\n/)
      assert.doesNotMatch(text, /set-cookie/i)
      assert.equal(text.match(/content-length/gi)?.length, 1)
      assert.ok(!received().includes('kube-system'))
      const { reason, status: told, bytesIn } = await end
      assert.deepEqual([reason, told, bytesIn], ['complete', status, 0])
    })
  }

  test('A10: a redirect is neither followed nor passed on', async () => {
    const evil = await startCluster((_request, response) => response.end())
    const { client } = await tried(
      `HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:${evil.port}/\r\nContent-Length: 0\r\n\r\n`,
    )
    const text = await client.closed
    assert.match(text, /^HTTP\/1\.1 502 /)
    assert.match(statusOf(text).message, /redirect \(302\)/)
    assert.doesNotMatch(text, /location/i)
    assert.equal(evil.connections().accepted, 0)
  })

  test('its 401 is about our credential', async () => {
    const { client, end } = await tried('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
    assert.match(await client.closed, /^HTTP\/1\.1 502 /)
    assert.equal((await end).reason, 'credential_refused')
  })

  const ws = websocketHead()
  const bad: readonly { rule: string; answer: string; head?: string }[] = [
    { rule: 'another protocol', answer: `${agreeSpdy.replace('SPDY/3.1', 'h2c')}\r\n` },
    { rule: 'two protocols', answer: `${agreeSpdy}Upgrade: websocket\r\n\r\n` },
    { rule: 'a stream protocol nobody offered', answer: `${agreeSpdy.replace('v4.', 'v9.')}\r\n` },
    { rule: 'two stream protocols', answer: `${agreeSpdy}X-Stream-Protocol-Version: v3.channel.k8s.io\r\n\r\n` },
    { rule: 'no protocol at all', answer: 'HTTP/1.1 101 X\r\n\r\n' },
    { rule: 'no Connection line', answer: 'HTTP/1.1 101 X\r\nUpgrade: SPDY/3.1\r\n\r\n' },
    { rule: 'a wrong accept', answer: `${agreeWebSocket.replace(accept, 'AAAA')}\r\n`, head: ws },
    { rule: 'no accept', answer: 'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', head: ws },
    { rule: 'a subprotocol nobody offered', answer: `${agreeWebSocket.replace('v5.', 'v9.')}\r\n`, head: ws },
    {
      rule: 'extensions nobody offered',
      answer: `${agreeWebSocket}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
      head: ws,
    },
    { rule: 'not HTTP', answer: 'SSH-2.0\r\n\r\n' },
    { rule: 'a huge head', answer: `HTTP/1.1 101 X\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n` },
    { rule: 'an endless refusal', answer: `HTTP/1.1 403 X\r\n\r\n${'a'.repeat(300_000)}` },
  ]
  for (const { rule, answer, head } of bad) {
    test(`${rule}: 502, and no tunnel`, async () => {
      const { client, end, received } = await tried(answer, head)
      client.write('POST /api/v1/namespaces/kube-system/pods HTTP/1.1\r\nHost: x\r\n\r\n')
      const text = await client.closed
      assert.match(text, /^HTTP\/1\.1 502 /)
      assert.match(statusOf(text).message, /\(request req-1\)$/)
      assert.ok(!received().includes('kube-system'))
      const { reason, bytesIn } = await end
      assert.deepEqual([reason, bytesIn], ['upstream_failed', 0])
    })
  }

  test('it breaks off without an answer: 502', async () => {
    const hostile = await startHostile((socket) => socket.destroy())
    const door = await openDoor({ upstream: { port: hostile.port } })
    const client = await door.raw()
    client.write(spdyHead())
    assert.match(await client.closed, /^HTTP\/1\.1 502 /)
  })

  test('it says nothing: 504', async () => {
    const { client, end } = await tried('', spdyHead(), { limits: { headersMs: 200 } })
    assert.match(await client.closed, /^HTTP\/1\.1 504 /)
    assert.equal((await end).reason, 'upstream_timeout')
  })

  test('it cannot be reached: 502', async () => {
    const door = await openDoor({ upstream: { port: 1 } })
    const client = await door.raw()
    client.write(spdyHead())
    const text = await client.closed
    assert.match(text, /^HTTP\/1\.1 502 /)
    assert.match(statusOf(text).message, /ECONNREFUSED/)
  })

  test('it goes away while the record is being written: 502', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let side: TLSSocket | undefined
    const hostile = await startHostile((socket) => {
      side = socket
      socket.write(`${agreeSpdy}\r\n`)
    })
    const door = await openDoor({ upstream: { port: hostile.port }, call: () => ({ recorded: promise }) })
    const client = await door.raw()
    client.write(spdyHead())
    await until('the cluster to have answered', () => side)
    side!.destroy()
    await once(side!, 'close')
    await door.ask('/a//b')
    resolve()
    const text = await client.closed
    assert.doesNotMatch(text, /101/)
    assert.match(text, /^HTTP\/1\.1 502 /)
  })

  test('the record fails: 503, although the cluster has agreed', async () => {
    const { client, end, received } = await tried(`${agreeSpdy}\r\n`, spdyHead(), {
      call: () => ({ recorded: Promise.reject(new Error('disk full')) }),
    })
    client.write('rm -rf /')
    assert.match(await client.closed, /^HTTP\/1\.1 503 /)
    assert.ok(!received().includes('rm -rf'))
    assert.equal((await end).reason, 'not_recorded')
  })
})

describe('heads of upgrades that are refused', async () => {
  const cluster = await startCluster((_request, response) => response.end())
  const door = await openDoor({ upstream: { port: cluster.port } })
  const token = Buffer.from('a.b.c').toString('base64url')
  const carrier = `base64url.bearer.authorization.k8s.io.${token}`
  const cases: readonly { rule: string; head: string }[] = [
    { rule: 'a WebSocket by POST', head: websocketHead().replace('GET', 'POST') },
    { rule: 'no key', head: websocketHead().replace(/Sec-WebSocket-Key.*\r\n/, '') },
    { rule: 'a key that is none', head: websocketHead().replace(key, 'AAAA') },
    { rule: 'two keys', head: websocketHead(`Sec-WebSocket-Key: ${key}\r\n`) },
    { rule: 'another version', head: websocketHead().replace('Version: 13', 'Version: 8') },
    { rule: 'a subprotocol that is none', head: websocketHead('Sec-WebSocket-Protocol: a b\r\n') },
    { rule: 'only the subprotocol with the token', head: websocketHead(`Sec-WebSocket-Protocol: ${carrier}\r\n`) },
    { rule: 'two tokens', head: websocketHead(`Sec-WebSocket-Protocol: x, ${carrier}, ${carrier}\r\n`) },
    { rule: 'a token that is no base64url', head: websocketHead(`Sec-WebSocket-Protocol: x, ${carrier}!\r\n`) },
    {
      rule: 'an empty token',
      head: websocketHead('Sec-WebSocket-Protocol: x, base64url.bearer.authorization.k8s.io.\r\n'),
    },
    {
      rule: 'a token with a line break in it',
      head: websocketHead(
        `Sec-WebSocket-Protocol: x, base64url.bearer.authorization.k8s.io.${Buffer.from('a\r\nb').toString('base64url')}\r\n`,
      ),
    },
    {
      rule: 'two credentials',
      head: websocketHead(`Authorization: Bearer x\r\nSec-WebSocket-Protocol: x, ${carrier}\r\n`),
    },
    { rule: 'SPDY by PUT', head: spdyHead().replace('POST', 'PUT') },
    { rule: 'a stream protocol that is none', head: spdyHead('X-Stream-Protocol-Version: a/b\r\n') },
    { rule: 'two protocols at once', head: spdyHead().replace('SPDY/3.1', 'SPDY/3.1, websocket') },
    { rule: 'an upgrade to TLS', head: spdyHead().replace('SPDY/3.1', 'TLS/1.2') },
  ]
  for (const { rule, head } of cases) {
    test(`${rule}: 400`, async () => {
      const client = await door.raw()
      client.write(head)
      const text = await client.closed
      assert.match(text, /^HTTP\/1\.1 400 /)
      assert.equal(statusOf(text).reason, 'BadRequest')
      assert.equal(cluster.seen.length, 0)
    })
  }
})

describe('the end of access', async () => {
  let pending: (() => void) | undefined
  let clusterSides: TLSSocket[] = []
  const cluster = await startCluster(
    () => {},
    (_request: IncomingMessage, socket) => {
      clusterSides.push(socket)
      const agree = (): void => void socket.write(`${agreeSpdy}\r\n`)
      if (pending === undefined) agree()
      else pending = agree
      socket.on('data', (chunk: Buffer) => socket.write(chunk))
    },
  )

  async function revocable(): Promise<{ door: TestDoor; client: RawClient; revoke: (quietly?: boolean) => void }> {
    const controller = new AbortController()
    let status: Status | undefined
    clusterSides = []
    const door = await openDoor({
      upstream: { port: cluster.port },
      call: () => ({ signal: controller.signal, endedWith: () => status }),
    })
    const client = await door.raw()
    return {
      door,
      client,
      revoke: (quietly = false) => {
        status = failure(403, 'your access has ended')
        if (!quietly) controller.abort('right-withdrawn')
      },
    }
  }

  test('both sides are closed at once', async () => {
    const { door, client, revoke } = await revocable()
    client.write(spdyHead())
    await client.waitFor(/\r\n\r\n/)
    client.write('echo')
    await client.waitFor(/echo$/)
    const ended = door.nextEnd()
    const at = performance.now()
    revoke()
    await Promise.all([client.closed, ...clusterSides.map((side) => side.closed || once(side, 'close'))])
    assert.ok(performance.now() - at < 200)
    assert.deepEqual(await ended, {
      reason: 'ended',
      detail: 'right-withdrawn',
      status: 101,
      bytesIn: 4,
      bytesOut: 4,
    } satisfies CallEnd)
    assert.deepEqual(door.transport.stats(), { clusters: 1, calls: 0, streams: 0, subjects: 0 })
  })

  for (const [how, quietly] of [
    ['by the signal', false],
    ['as the head is about to be written', true],
  ] as const) {
    test(`before the 101 it is the answer: ${how}`, async () => {
      pending = () => {}
      const { door, client, revoke } = await revocable()
      client.write(spdyHead())
      await until('the cluster to be asked', () => (clusterSides.length === 1 ? true : undefined))
      const ended = door.nextEnd()
      revoke(quietly)
      pending()
      const text = await client.closed
      pending = undefined
      assert.match(text, /^HTTP\/1\.1 403 /)
      assert.equal(statusOf(text).message, 'your access has ended')
      assert.doesNotMatch(text, /101/)
      await until('the cluster’s side to be closed', () => (clusterSides[0]?.destroyed ? true : undefined))
      assert.equal((await ended).reason, 'ended')
    })
  }

  test('before the call nothing is asked', async () => {
    const { client, revoke } = await revocable()
    const { accepted } = cluster.connections()
    revoke()
    client.write(spdyHead())
    assert.match(await client.closed, /^HTTP\/1\.1 403 /)
    assert.equal(cluster.connections().accepted, accepted)
  })
})

describe('either side goes away', () => {
  type Side = (socket: TLSSocket) => void
  async function joined(
    onJoined: Side,
    halfOpenMs = 30_000,
  ): Promise<{
    door: TestDoor
    client: RawClient
    end: Promise<CallEnd>
    closed: Promise<unknown>
  }> {
    const { promise: closed, resolve } = Promise.withResolvers<unknown>()
    const cluster = await startCluster(
      () => {},
      (_request, socket) => {
        socket.allowHalfOpen = true
        socket.once('close', resolve)
        socket.write(`${agreeSpdy}\r\n`)
        onJoined(socket)
      },
    )
    const door = await openDoor({ upstream: { port: cluster.port }, limits: { halfOpenMs } })
    const end = door.nextEnd()
    const client = await door.raw()
    client.socket.allowHalfOpen = true
    client.write(spdyHead())
    await client.waitFor(/\r\n\r\n/)
    return {
      door,
      client,
      end,
      closed,
    }
  }

  test('the client has said all, and still hears the rest', async () => {
    let heard = ''
    const { client, end } = await joined((socket) => {
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString()
      })
      socket.on('end', () => socket.end(`you said ${heard}`))
    })
    client.socket.end('everything')
    assert.match(await client.waitFor(/you said everything$/), /^HTTP\/1\.1 101/)
    await client.closed
    const { reason, bytesIn, bytesOut } = await end
    assert.deepEqual([reason, bytesIn, bytesOut], ['complete', 10, 19])
  })

  test('the cluster has said all, and still hears the rest', async () => {
    let heard = ''
    const { client, end } = await joined((socket) => {
      socket.end('bye')
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString()
      })
    })
    await client.waitFor(/bye$/)
    client.socket.end('one more thing')
    await client.closed
    assert.equal((await end).reason, 'complete')
    assert.equal(heard, 'one more thing')
  })

  test('one that never closes its side is not waited for without end', async () => {
    const { client, end } = await joined((socket) => socket.resume(), 200)
    client.socket.end()
    await client.closed
    assert.equal((await end).reason, 'complete')
  })

  test('the client’s connection breaks', async () => {
    const { client, end, closed } = await joined((socket) => {
      // Goes on talking to somebody who is not there.
      const talk = setInterval(() => socket.write('x'), 20)
      socket.on('close', () => clearInterval(talk))
      socket.resume()
    })
    client.socket.destroy()
    await closed
    const { status } = await end
    assert.equal(status, 101)
  })

  test('the cluster’s connection breaks', async () => {
    let side: TLSSocket | undefined
    const { client, end } = await joined((socket) => {
      side = socket
      socket.resume()
    })
    side!.destroy()
    // Goes on talking to somebody who is not there.
    const talk = setInterval(() => client.socket.write('x'), 20)
    await client.closed
    clearInterval(talk)
    assert.equal((await end).status, 101)
  })

  test('the client leaves while the call is being decided: nothing is asked', async () => {
    const cluster = await startCluster(
      () => {},
      () => {},
    )
    const { promise, resolve } = Promise.withResolvers<void>()
    let deciding = false
    const door = await openDoor({
      upstream: { port: cluster.port },
      decide: () => {
        deciding = true
        return promise
      },
    })
    const end = door.nextEnd()
    const client = await door.raw()
    client.write(spdyHead())
    await until('the call to be decided', () => deciding || undefined)
    client.socket.destroy()
    await client.closed
    resolve()
    assert.deepEqual([(await end).reason, (await end).status], ['client_closed', 0])
    assert.equal(cluster.seen.length, 0)
    assert.equal(door.transport.stats().streams, 0)
  })

  test('the client leaves before the cluster has answered', async () => {
    let asked: TLSSocket | undefined
    const cluster = await startCluster(
      () => {},
      (_request, socket) => {
        asked = socket
        socket.resume()
      },
    )
    const door = await openDoor({ upstream: { port: cluster.port } })
    const end = door.nextEnd()
    const client = await door.raw()
    client.write(spdyHead())
    await until('the cluster to be asked', () => asked)
    client.socket.destroy()
    assert.deepEqual([(await end).reason, (await end).status], ['client_closed', 0])
    await until('the cluster’s side to be closed', () => (asked?.destroyed ? true : undefined))
  })

  test('too many streams of one person: 429', async () => {
    const cluster = await startCluster(
      () => {},
      (_request, socket) => void socket.write(`${agreeSpdy}\r\n`),
    )
    const door = await openDoor({ upstream: { port: cluster.port }, limits: { streamsPerSubject: 1 } })
    const first = await door.raw()
    first.write(spdyHead())
    await first.waitFor(/101/)
    const second = await door.raw()
    second.write(spdyHead())
    assert.match(await second.closed, /^HTTP\/1\.1 429 .*\r\nretry-after: 1\r\n/s)
    first.socket.destroy()
  })
})

async function leave(door: TestDoor, client: RawClient): Promise<void> {
  const ended = door.nextEnd()
  client.socket.end()
  await ended
}

function statusOf(answer: string): Status {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Status
}
