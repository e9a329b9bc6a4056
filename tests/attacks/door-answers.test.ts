import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, before, beforeEach, describe, test } from 'node:test'
import { agree, agreed, bearer, type DoorWorld, echo, pods, startDoorWorld } from './door-world.ts'
import { connectRaw, requestText, sendRaw } from './support.ts'

// Threats A10, A11 and A24: a cluster that answers as it likes, behind the Kubernetes door of the real program.

let world: DoorWorld
before(async () => {
  world = await startDoorWorld()
})
after(() => world?.stop())
beforeEach(() => world.reset())

/** A server on loopback that only counts who comes. */
async function startTrap(): Promise<{ readonly port: number; visits(): number; close(): Promise<void> }> {
  let visits = 0
  const server = createServer((socket) => {
    visits++
    socket.on('error', () => {})
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  return { port, visits: () => visits, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

describe('a hostile cluster', () => {
  const exec = `${pods}/web/exec?command=sh&stdin=true`

  test('A10 no redirect is followed or passed on, neither for a call nor for an upgrade', async () => {
    const trap = await startTrap()
    try {
      const places = [
        `https://127.0.0.1:${trap.port}/api/v1/secrets`,
        `http://127.0.0.1:${trap.port}/`,
        `//127.0.0.1:${trap.port}/`,
        'http://169.254.169.254/latest/meta-data/',
        `https://127.0.0.1:${world.palisade.port}/v1/users`,
        '/api/v1/secrets',
      ]
      for (const status of [300, 301, 302, 303, 307, 308])
        for (const place of places) {
          const head = `HTTP/1.1 ${status} Elsewhere\r\nLocation: ${place}\r\nRefresh: 0;url=${place}\r\nContent-Length: 0\r\n\r\n`
          const answer = (socket: Duplex) => Boolean(socket.write(head) || true)
          world.cluster.forget()
          world.cluster.onUpgrade = (_request, socket) => answer(socket)
          world.cluster.onRequest = (request) => answer(request.socket)
          const calls = [
            world.websocketText(world.editor, exec),
            world.spdyText(world.editor, exec),
            requestText(`GET ${world.door}${pods}`, [bearer(world.editor)]),
          ]
          for (const text of [...calls, requestText(`GET ${world.door}${pods}/web:80/proxy/`, [bearer(world.admin)])]) {
            const got = await sendRaw(world.palisade, text)
            assert.equal(got.status, 502, `${status} to ${place}`)
            assert.ok(!`${got.head}${got.body}`.includes(place), 'the address is not passed on')
          }
          assert.equal(world.cluster.seen.length, 4, 'each was asked once')
        }
      assert.equal(trap.visits(), 0, 'nobody came to where it pointed')
      world.cluster.onUpgrade = agree
      assert.equal(
        (await upgraded(world.websocketText(world.editor, exec))).status,
        101,
        'an upgrade that is granted works',
      )
    } finally {
      await trap.close()
    }
  })

  /** Asks for an upgrade, goes on writing as if it had been granted, and reads until the other side closes. */
  async function upgraded(text: string, more = ''): Promise<{ status: number; text: string }> {
    const connection = await connectRaw(world.palisade)
    connection.write(text)
    const [, status] = await connection.waitFor(/^HTTP\/1\.1 (\d{3}) [\s\S]*?\r\n\r\n/)
    if (more !== '') connection.write(more)
    if (Number(status) === 101) {
      connection.destroy()
      return { status: 101, text: connection.text() }
    }
    return { status: Number(status), text: await connection.closed }
  }

  test('A11 a tunnel opens on a right 101 alone; else nothing that follows gets to the cluster', async () => {
    const smuggled = `GET /api/v1/namespaces/kube-system/secrets HTTP/1.1\r\nHost: a\r\n\r\n`
    const framed = 'Content-Length: 2\r\n\r\nno'
    const wrong: Record<string, string> = {
      'a 403': `HTTP/1.1 403 Forbidden\r\n${framed}`,
      'a 200': `HTTP/1.1 200 OK\r\n${framed}`,
      'a 404 that stays open': `HTTP/1.1 404 Not Found\r\nConnection: keep-alive\r\n${framed}`,
      'a 426 that names a protocol': `HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${framed}`,
      'a 101 without a protocol': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
      'a 101 to another protocol': agreed.replace('Upgrade: websocket', 'Upgrade: h2c'),
      'a 101 with a wrong answer': agreed.replace('s3pP', 'XXXX'),
      'a 101 without an answer': agreed.replace(/Sec-WebSocket-Accept[^\r]*\r\n/, ''),
      'a 101 to what was not offered': agreed.replace('v5.channel', 'v9.channel'),
      'a 200 that says Upgrade': `HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${framed}`,
    }
    for (const [what, answer] of Object.entries(wrong)) {
      let received = ''
      const closed = new Promise<void>((resolve) => {
        world.cluster.onUpgrade = (_request, socket, early) => {
          received += early.toString('latin1')
          socket.on('data', (chunk: Buffer) => {
            received += chunk.toString('latin1')
          })
          socket.on('close', () => resolve())
          socket.write(answer)
          return true
        }
      })
      // Some of it comes before the answer, and some after.
      const got = await upgraded(world.websocketText(world.editor, exec) + smuggled, smuggled)
      await closed
      assert.equal(received, '', `${what}: nothing reached the cluster`)
      assert.notEqual(got.status, 101, what)
      assert.equal(got.text.match(/HTTP\/1\.1/g)?.length, 1, `${what}: one answer, and the end`)
    }
    assert.deepEqual(
      world.cluster.seen.filter(({ target }) => target.includes('secrets')),
      [],
    )
    world.cluster.onUpgrade = agree
    const connection = await connectRaw(world.palisade)
    connection.write(`${world.websocketText(world.editor, exec)}early`)
    await connection.waitFor(/101 Switching[\s\S]*early$/)
    connection.destroy()
  })

  test('A24 what a cluster says of cookies, places, caches and pages does not get to a browser', async () => {
    const evil: Record<string, string> = {
      'Set-Cookie': '__Host-session=evil; Path=/',
      'Set-Cookie2': 'a=b',
      'Clear-Site-Data': '"*"',
      Location: 'https://evil.test/',
      Refresh: '0;url=https://evil.test/',
      Link: '<https://evil.test/x.js>; rel=preload',
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Credentials': 'true',
      'Content-Security-Policy': "default-src * 'unsafe-inline'",
      'Strict-Transport-Security': 'max-age=0',
      'Service-Worker-Allowed': '/',
      'Cache-Control': 'public, max-age=31536000',
      'X-Frame-Options': 'ALLOWALL',
      'X-Content-Type-Options': 'sniff',
      'Content-Disposition': 'attachment; filename="kubectl.exe"',
      'Alt-Svc': 'h3="evil.test:443"',
      'WWW-Authenticate': 'Basic realm="evil"',
      'X-Request-Id': 'evil',
      SourceMap: 'https://evil.test/map',
      'Report-To': '{"endpoints":[{"url":"https://evil.test"}]}',
      'X-Powered-By': 'evil',
      Server: 'evil',
    }
    world.cluster.onRequest = (_request, response) => {
      response.writeHead(200, { ...evil, 'Content-Type': 'text/html', ETag: '"1"', 'Audit-Id': 'kept' })
      response.end('<script src="https://evil.test/x.js"></script>')
      return true
    }
    world.cluster.onUpgrade = (_request, socket) => {
      const lines = Object.entries(evil).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(agreed.replace(/\r\n\r\n$/, `\r\n${lines.join('')}\r\n`))
      return true
    }
    const answers = [
      await world.get(world.viewer, pods),
      await world.get(world.viewer, `${pods}/web/log`),
      await world.get(world.admin, '/api/v1/namespaces/default/services/web:80/proxy/index.html'),
    ]
    for (const { status, head, body } of answers) {
      assert.equal(status, 200)
      assert.match(body, /<script/, 'the cluster’s own text comes as it is')
      assert.match(head, /\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'; sandbox\r\n/i)
      assert.match(head, /\r\nx-content-type-options: nosniff\r\n/i)
      assert.match(head, /\r\netag: "1"\r\n/i)
      assert.match(head, /\r\naudit-id: kept\r\n/i, 'what clients need is passed on')
    }
    const socket = await upgraded(world.websocketText(world.editor, exec))
    assert.equal(socket.status, 101)
    for (const head of [...answers.map((answer) => answer.head), socket.text]) {
      assert.doesNotMatch(head, /evil|max-age|attachment|ALLOWALL|sniff(?<!nosniff)|unsafe|realm|credentials/i)
      for (const name of ['set-cookie', 'location', 'server', 'access-control-allow-origin', 'alt-svc'])
        assert.doesNotMatch(head, new RegExp(`\r\n${name}:`, 'i'))
    }

    const broken: Record<string, string> = {
      'a head of 200 KB': `HTTP/1.1 200 OK\r\nX-Big: ${'a'.repeat(200_000)}\r\nContent-Length: 0\r\n\r\n`,
      'thousands of lines': `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`,
      'no HTTP': 'SSH-2.0-OpenSSH_9.9\r\n\r\n',
      'a split head': 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: x\r\n\r\n',
      'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    }
    for (const [what, text] of Object.entries(broken)) {
      world.cluster.onRequest = ({ socket }) => Boolean(socket.end(text))
      const { status, head } = await world.get(world.viewer, pods)
      assert.equal(status, 502, `${what}: ${head}`)
    }
    world.cluster.onRequest = echo
    assert.equal((await world.get(world.viewer, pods)).status, 200, 'and the door is as it was')
  })
})
