import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { after, before, beforeEach, test } from 'node:test'
import { connect } from 'node:tls'
import { closeFrame } from '../../server/kube-proxy/transport/websocket-frames.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { until } from '../support/until.ts'
import { type Browser, type CanvasWorld, type Server, startCanvasWorld } from './canvas-world.ts'
import { agree, pods, websocketKey } from './door-world.ts'
import { type HostileCluster, startHostileCluster } from './hostile-cluster.ts'

// Single calls to clusters, listed and ended on whatever replica; and what tells pages that something changed.

let world: CanvasWorld
let replica: Server
let backend: FakeKubernetes
let cluster: HostileCluster
let ada: Browser
let uid: string
before(async () => {
  ;[world, backend] = await Promise.all([startCanvasWorld(), startFakeKubernetes()])
  cluster = await startHostileCluster(backend)
  replica = await world.replica()
  ada = await world.signedIn(world.ada)
  const kubeconfig = backend.kubeconfig(undefined, { server: cluster.server, caPem: cluster.caPem })
  const imported = await ada.fetch('/canvas/api/v1/palisade/clusters', {
    method: 'POST',
    headers: { ProjectUid: world.ada.project },
    body: JSON.stringify({ metadata: { name: 'hostile' }, spec: { kubeconfig } }),
  })
  assert.equal(imported.status, 201, imported.text)
  uid = imported.body.uid
})
after(async () => {
  await world?.stop()
  await cluster?.close()
  await backend?.close()
})
beforeEach(() => {
  cluster.forget()
  cluster.onUpgrade = agree
})

type Terminal = { readonly text: () => string; readonly closed: Promise<void>; readonly socket: Duplex }

/** An exec as a browser opens it, on this replica. */
async function terminal(at: Server, who = ada): Promise<Terminal> {
  const socket = connect({ host: '127.0.0.1', port: at.port, servername: 'localhost', ca: at.caPem })
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(
    [
      `GET /canvas/k8s/clusters/${uid}${pods}/a/exec?command=sh&stdin=true HTTP/1.1`,
      ...[`Host: localhost:${world.port}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      ...[`Sec-WebSocket-Key: ${websocketKey}`, 'Sec-WebSocket-Protocol: v5.channel.k8s.io', `Origin: ${world.url}`],
      ...[`Cookie: __Host-palisade=${who.cookies.get('__Host-palisade')}`, '', ''],
    ].join('\r\n'),
  )
  await until('the upgrade', () => (/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n/.test(text) ? true : undefined))
  return { text: () => text, closed, socket }
}

const streams = async (who = ada) => (await who.fetch(`/canvas/api/v1/palisade/clusters/${uid}/streams`)).body
const listed = () =>
  until('the stream to be listed', async () => (await streams()).items[0] as { uid: string } | undefined)

/** Fulfilled within a second, as revocation is to be. */
const withinASecond = (what: string, work: Promise<unknown>) =>
  Promise.race([
    work,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took more than a second`)), 1_000).unref()),
  ])

test('a stream on another replica is listed here, and ended from here within a second; its client is told why', async () => {
  const open = await terminal(replica)
  const stream = await listed()
  const ended = await ada.fetch(`/canvas/api/v1/palisade/streams/${stream.uid}`, { method: 'DELETE' })
  assert.equal(ended.status, 204, ended.text)
  await withinASecond('the end', open.closed)
  const reason = /access has ended: ended-by-person \(request [0-9a-f]{24}\)$/.exec(open.text())?.[0] ?? ''
  assert.ok(open.text().endsWith(closeFrame(1008, reason).toString('latin1')), open.text())
  assert.notEqual(reason, '')
  await until('the list to be empty', async () => ((await streams()).count === 0 ? true : undefined))
  const again = await ada.fetch(`/canvas/api/v1/palisade/streams/${stream.uid}`, { method: 'DELETE' })
  assert.equal(again.status, 404)
})

test('to ask for an end a second time changes nothing: no call of the tenant is looked at again', async () => {
  const open = await terminal(world)
  const stream = await listed()
  const epochs = () => world.sql('select epoch from access_epochs where tenant_id = $1', [world.ada.tenant])
  // Asked already, and nobody has heard of it yet.
  await world.sql('update open_intents set end_asked_at = now() where entry_id = $1', [stream.uid])
  const before = await epochs()
  for (let i = 0; i < 3; i++) {
    const again = await ada.fetch(`/canvas/api/v1/palisade/streams/${stream.uid}`, { method: 'DELETE' })
    assert.equal(again.status, 204, again.text)
  }
  assert.deepEqual(await epochs(), before)
  await world.sql('update open_intents set end_asked_at = null where entry_id = $1', [stream.uid])
  assert.equal((await ada.fetch(`/canvas/api/v1/palisade/streams/${stream.uid}`, { method: 'DELETE' })).status, 204)
  assert.notDeepEqual(await epochs(), before, 'the first asking is told to all')
  await withinASecond('the end', open.closed)
  await until('the list to be empty', async () => ((await streams()).count === 0 ? true : undefined))
})

test('nothing is said in the middle of a frame of the cluster’s: the connection is closed', async () => {
  cluster.onUpgrade = (request, socket) => {
    const agreed = agree(request, socket)
    // A head that announces ten bytes, and two of them.
    socket.write(Buffer.from([0x82, 10, 1, 2]))
    return agreed
  }
  const open = await terminal(world)
  await until('the half frame', () => (open.text().endsWith('\x82\x0a\x01\x02') ? true : undefined))
  const stream = await listed()
  await ada.fetch(`/canvas/api/v1/palisade/streams/${stream.uid}`, { method: 'DELETE' })
  await withinASecond('the end', open.closed)
  assert.ok(open.text().endsWith('\x82\x0a\x01\x02'), 'something follows half a frame')
})

test('ending a stream needs origin and token like everything else that changes something', async () => {
  const open = await terminal(world)
  const stream = await listed()
  const path = `/canvas/api/v1/palisade/streams/${stream.uid}`
  for (const headers of [
    {},
    { origin: world.url },
    { origin: 'https://evil.example', 'x-palisade-csrf': await ada.csrf() },
  ])
    assert.equal((await ada.send(path, { method: 'DELETE', headers })).status, 403)
  const bob = await world.signedIn(world.bob)
  assert.equal((await bob.fetch(path, { method: 'DELETE' })).status, 404, 'another tenant’s stream')
  assert.equal((await streams()).count, 1)
  assert.equal(open.socket.destroyed, false)
  open.socket.destroy()
  await until('the list to be empty', async () => ((await streams()).count === 0 ? true : undefined))
})

/** Listens as a page does. */
async function listen(who: Browser, at: Server = world) {
  const socket = connect({ host: '127.0.0.1', port: at.port, servername: 'localhost', ca: at.caPem })
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
  })
  const closed = new Promise<void>((resolve) => socket.once('end', () => resolve()).once('close', () => resolve()))
  const cookie = `Cookie: __Host-palisade=${who.cookies.get('__Host-palisade')}`
  const lines = ['GET /canvas/api/v1/palisade/live HTTP/1.1', `Host: localhost:${world.port}`, cookie]
  socket.write([...lines, 'Sec-Fetch-Site: same-origin', 'Connection: close', '', ''].join('\r\n'))
  const saying = (event: RegExp) => until(`${event}`, () => (event.test(text) ? true : undefined))
  await saying(/event: log\ndata: \{"size":\d+\}/)
  return { closed, saying, text: () => text }
}

test('a page is told that the log grew, that calls began and that rights changed, and never what', async () => {
  const page = await listen(ada, replica)
  assert.match(page.text(), /content-type: text\/event-stream/)
  const open = await terminal(world)
  await page.saying(/event: streams\ndata: \{\}/)
  const made = await ada.fetch('/canvas/api/v1/teams', {
    method: 'POST',
    body: JSON.stringify({ metadata: { name: 'secret' } }),
  })
  assert.equal(made.status, 201, made.text)
  await page.saying(/event: log\ndata: \{"size":\d+\}[\s\S]*event: log/)
  await page.saying(/event: access\ndata: \{\}/)
  assert.ok(!page.text().includes('secret') && !page.text().includes(uid))
  open.socket.destroy()
})

test('who listens hears no longer than their session lasts', async () => {
  const other = await world.signedIn(world.ada)
  const bob = await world.signedIn(world.bob)
  const [page, theirs] = [await listen(other, replica), await listen(bob, replica)]
  const out = await other.fetch('/canvas/logout', { method: 'POST' })
  assert.equal(out.status, 200, out.text)
  await withinASecond('the end', page.closed)
  assert.equal((await other.fetch('/canvas/api/v1/palisade/live')).status, 401)
  // Somebody else's listening is not touched by it.
  const size = theirs.text().length
  assert.ok(!theirs.text().includes('event: access'), 'told of another tenant')
  await bob.fetch('/canvas/api/v1/projects', { method: 'POST', body: JSON.stringify({ metadata: { name: 'x' } }) })
  await until('bob to hear', () => (theirs.text().length > size ? true : undefined))
})

test('nobody listens with more than some pages at once, and who leaves makes room', async () => {
  const bob = await world.signedIn(world.bob)
  const status = async () => (await listenOnce(bob)).status
  const open = await Promise.all(Array.from({ length: 32 }, () => listenOnce(bob)))
  assert.ok(open.every((one) => one.status === 200))
  assert.equal(await status(), 429)
  for (const one of open) one.socket.destroy()
  const atOnce = async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => listenOnce(bob)))
    for (const one of all) one.socket.destroy()
    return all.filter((one) => one.status === 200).length
  }
  await until('all the room, and no more of it for many at once', async () =>
    (await atOnce()) === 32 ? true : undefined,
  )
  await until('room for another', async () => ((await status()) === 200 ? true : undefined))
})

/** The head of the answer alone. */
function listenOnce(who: Browser): Promise<{ readonly status: number; readonly socket: Duplex }> {
  const socket = connect({ host: '127.0.0.1', port: world.port, servername: 'localhost', ca: world.caPem })
  const cookie = `Cookie: __Host-palisade=${who.cookies.get('__Host-palisade')}`
  const lines = ['GET /canvas/api/v1/palisade/live HTTP/1.1', `Host: localhost:${world.port}`, cookie]
  socket.write([...lines, 'Sec-Fetch-Site: same-origin', 'Connection: close', '', ''].join('\r\n'))
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('data', (chunk: Buffer) => resolve({ status: Number(chunk.toString().slice(9, 12)), socket }))
  })
}
