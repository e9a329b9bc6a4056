import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, beforeEach, test } from 'node:test'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { until } from '../support/until.ts'
import { type Browser, type CanvasWorld, createBrowser, startCanvasWorld } from './canvas-world.ts'
import { agree, echo, pods, websocketKey } from './door-world.ts'
import { type HostileCluster, startHostileCluster, valuesOf } from './hostile-cluster.ts'
import { connectRaw, requestText, sendRaw } from './support.ts'

// The console's way to clusters: the Kubernetes door's own, with a cookie in the place of a token.

let world: CanvasWorld
let backend: FakeKubernetes
let cluster: HostileCluster
let browser: Browser
let door: string
before(async () => {
  ;[world, backend] = await Promise.all([startCanvasWorld(), startFakeKubernetes()])
  cluster = await startHostileCluster(backend)
  browser = await world.signedIn(world.ada)
  const kubeconfig = backend.kubeconfig(undefined, { server: cluster.server, caPem: cluster.caPem })
  const imported = await browser.fetch('/canvas/api/v1/palisade/clusters', {
    method: 'POST',
    headers: { ProjectUid: world.ada.project },
    body: JSON.stringify({ metadata: { name: 'hostile' }, spec: { kubeconfig } }),
  })
  assert.equal(imported.status, 201, imported.text)
  door = `/canvas/k8s/clusters/${imported.body.uid}`
})
after(async () => {
  await world?.stop()
  await cluster?.close()
  await backend?.close()
})
beforeEach(() => {
  cluster.forget()
  cluster.onRequest = echo
  cluster.onUpgrade = agree
})

const cookieLine = (who = browser) => `Cookie: __Host-palisade=${who.cookies.get('__Host-palisade')}`
const origin = () => `Origin: ${world.url}`
const upgrade = (lines: readonly string[], path = `${door}${pods}/a/exec?command=sh&stdin=true`) =>
  requestText(`GET ${path}`, [
    ...['Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${websocketKey}`],
    ...['Sec-WebSocket-Protocol: v5.channel.k8s.io', ...lines],
  ]).replace('Connection: close', 'Connection: Upgrade')

test('A22: the cluster hears of who is signed in, and nothing of the browser', async () => {
  const page = await browser.fetch(`${door}${pods}`, {
    headers: { 'impersonate-user': 'system:admin', 'x-remote-user': 'root', 'x-forwarded-user': 'root' },
  })
  assert.equal(page.status, 403, 'a name that the caller wrote is refused, as at the door itself')
  const read = await browser.fetch(`${door}${pods}`)
  assert.equal(read.status, 200, read.text)
  assert.equal(read.body.user, `palisade:${world.ada.tenant}:${world.ada.uid}`)
  assert.equal(read.body.path, pods)
  const [seen] = cluster.seen
  assert.ok(seen)
  for (const name of ['cookie', 'x-palisade-csrf', 'origin']) assert.deepEqual(valuesOf(seen, name), [])
})

test('what changes something on a cluster needs origin and token, and then gets there with its body', async () => {
  const body = JSON.stringify({ kind: 'Pod', metadata: { name: 'x' } })
  const refused = await browser.send(`${door}${pods}`, { method: 'POST', body, headers: { origin: world.url } })
  assert.equal(refused.status, 403)
  assert.deepEqual(cluster.seen, [])
  const made = await browser.fetch(`${door}${pods}`, { method: 'POST', body })
  assert.equal(made.body.size, body.length)
})

test('C09: a WebSocket opens for our own page and for no other', async () => {
  const tries: readonly (readonly [what: string, lines: readonly string[], status: number])[] = [
    ['no cookie', [origin()], 401],
    ['no origin', [cookieLine()], 403],
    ['another origin', [cookieLine(), 'Origin: https://evil.example'], 403],
    ['an origin that begins like ours', [cookieLine(), `${origin()}.evil.example`], 403],
    ['a sandbox', [cookieLine(), 'Origin: null'], 403],
    ['another site, as the browser says', [cookieLine(), origin(), 'Sec-Fetch-Site: cross-site'], 403],
    ['a sibling site', [cookieLine(), origin(), 'Sec-Fetch-Site: same-site'], 403],
    ['a token beside the cookie', [cookieLine(), origin(), 'Authorization: Bearer x'], 401],
  ]
  for (const [what, lines, status] of tries) {
    const answer = await sendRaw(world, upgrade(lines))
    assert.equal(answer.status, status, `${what}: ${answer.head}`)
  }
  for (const path of ['/canvas/session', '/canvas/api/v1/users/me', '/canvas/k8s/', '/canvas'])
    assert.equal((await sendRaw(world, upgrade([cookieLine(), origin()], path))).status, 404, path)
  const smuggled = `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${Buffer.from('x').toString('base64url')}`
  assert.equal((await sendRaw(world, upgrade([cookieLine(), origin(), smuggled]))).status, 400, 'two credentials')
  assert.deepEqual(cluster.seen, [], 'nothing reached the cluster')

  const connection = await connectRaw(world)
  connection.write(upgrade([cookieLine(), origin(), 'Sec-Fetch-Site: same-origin']))
  await connection.waitFor(/^HTTP\/1\.1 101 /)
  connection.write('terminal')
  await connection.waitFor(/terminal$/)
  connection.destroy()
  // The deviation from the case, which asks for a token too.
  const adr = await readFile(new URL('../../docs/adr/0007-canvas.md', import.meta.url), 'utf8')
  assert.match(adr, /\(C09\) asks for the token at every upgrade too, and an upgrade carries none here/)
})

test('signing out ends a terminal that is open', async () => {
  const other = await world.signedIn(world.ada)
  const connection = await connectRaw(world)
  connection.write(upgrade([cookieLine(other), origin()]))
  await connection.waitFor(/^HTTP\/1\.1 101 /)
  const startedAt = performance.now()
  assert.equal((await other.fetch('/canvas/logout', { method: 'POST' })).status, 200)
  await connection.closed
  assert.ok(performance.now() - startedAt < 2_000)
  await until('the first session to go on', async () => (await browser.fetch('/canvas/session')).status === 200)
})

test('another tenant’s cluster is not there', async () => {
  const bob = await world.signedIn(world.bob)
  assert.equal((await bob.fetch(`${door}${pods}`)).status, 404)
  assert.equal((await createBrowser(world, world.issuer).fetch(`${door}${pods}`)).status, 401)
  assert.deepEqual(cluster.seen, [])
})
