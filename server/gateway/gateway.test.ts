import assert from 'node:assert/strict'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { refuse } from '../../contract/errors.ts'
import { ApiKeyUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { err, ok } from '../../core/result.ts'
import { createLogger } from '../platform/log/index.ts'
import { type Endpoint, endpoint, openEndpoint } from './endpoint.ts'
import { createHttpApi } from './http.ts'
import { clientAddress, createRateLimiter, limits, networkOf, rates } from './limits.ts'
import type { Outcome } from './pipeline.ts'
import type { Principal } from './principal.ts'
import { assertRoutes } from './routes.ts'

const caller: Principal = {
  tenant: TenantUid.parse('a'.repeat(24)),
  user: UserUid.parse('b'.repeat(24)),
  credential: { kind: 'apiKey', key: ApiKeyUid.parse('c'.repeat(24)) },
  origin: {},
  person: { email: 'p@example.com', firstName: 'P', lastName: '', org: 'o' },
  epoch: 1n,
}

const echo = endpoint({
  route: 'POST /v1/things/{uid}',
  summary: 'Echoes',
  permission: { signedIn: 'a test' },
  params: z.object({ uid: z.string() }),
  body: z.object({ name: z.string() }),
  reply: { status: 200, body: z.object({ name: z.string() }) },
  refusals: [],
  audit: 'refusals-only',
  handle: async ({ body }) => ok({ body }),
})
const ours = endpoint({
  route: 'GET /v1/palisade/things',
  summary: 'Refuses',
  permission: { signedIn: 'a test' },
  reply: { status: 200, body: z.object({}) },
  refusals: ['conflict'],
  audit: 'refusals-only',
  handle: async () => err(refuse('conflict', 'no')),
})
const open = openEndpoint({
  route: 'POST /v1/auth/thing',
  summary: 'Open',
  permission: { open: 'a test' },
  body: z.object({ name: z.string() }).optional(),
  reply: { status: 204 },
  refusals: [],
  audit: 'refusals-only',
  rate: 'password-reset',
  handle: async () => ok({ body: undefined }),
})

let server: Server
let base: string
let close: () => Promise<void>
const bodiesSeen: unknown[] = []
const logged: { tenant?: string; route: string }[] = []

before(async () => {
  const api = await createHttpApi({
    publishedRates: () => false,
    endpoints: [echo, ours, open],
    authenticate: async ({ authorization }) =>
      authorization === 'Bearer good' ? ok(caller) : err(refuse('unauthenticated')),
    runOpen: async () => ok({ body: undefined, auditUid: undefined }),
    // The phases have their own tests; here the edge is looked at.
    runGuarded: async (one: Endpoint, raw): Promise<Outcome> => {
      bodiesSeen.push(raw.body)
      if (one === ours) return err(refuse('conflict', 'no', { what: 'x' }))
      return ok({ body: { name: 'n', secret: 'never leaves' }, auditUid: 'e'.repeat(24) })
    },
    rate: createRateLimiter({ now: () => 0, monotonicMs: () => 0 }),
    trustedProxies: [],
    logger: createLogger('info', (line) => logged.push(JSON.parse(line))),
    observe: () => undefined,
    ready: () => [],
    openapi: {},
  })
  close = api.close
  server = createServer(api.handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await close()
})

const signedIn = { authorization: 'Bearer good' }
const json = { 'content-type': 'application/json' }
const post = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${base}${path}`, { method: 'POST', body, headers: { ...signedIn, ...json, ...headers } })

test('a request without a credential gets 401, whatever the path below /v1, /canvas and /k8s', async () => {
  for (const path of ['/v1/things/x', '/v1/nothing', '/v1', '/canvas/x', '/k8s/x', '/v1/palisade/nothing']) {
    const response = await fetch(base + path)
    assert.equal(response.status, 401, path)
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/)
    assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f]{24}$/)
  }
  assert.equal((await fetch(`${base}/elsewhere`)).status, 404)
})

test('a path that cannot be read is answered as others are', async () => {
  for (const path of ['/v1/things/%', '/v1/things/%ff', '/v1/%c0%ae', `/v1/things/${'x'.repeat(5_000)}`]) {
    assert.equal((await fetch(base + path, { method: 'POST' })).status, 401, path)
    const response = await post(path, '{}')
    assert.ok([400, 404, 405].includes(response.status), `${path}: ${response.status}`)
    const { ref, message } = (await response.json()) as { ref: string; message: string }
    assert.equal(ref, response.headers.get('x-request-id'))
    assert.ok(!message.includes('FST_'), message)
  }
  assert.equal((await fetch(`${base}/livez/%ff`)).headers.get('content-type'), 'application/json; charset=utf-8')
})

test('a credential is judged before a byte of the body is read', async () => {
  const answered = await new Promise<number>((resolve, reject) => {
    const request = httpRequest(`${base}/v1/things/x`, {
      method: 'POST',
      headers: { ...json, 'content-length': '1000' },
    })
    request.on('response', (response) => resolve(response.statusCode ?? 0))
    request.on('error', reject)
    request.flushHeaders()
  })
  assert.equal(answered, 401)
})

test('what a reply’s schema does not name never leaves, and a mutation names its entry', async () => {
  const response = await post('/v1/things/x', '{"name":"a"}')
  assert.deepEqual(await response.json(), { name: 'n' })
  assert.equal(response.headers.get('audituid'), 'e'.repeat(24))
  assert.equal(response.headers.get('cache-control'), 'no-store')
})

const badBodies = [
  { what: 'not JSON', body: '{"name":', status: 400, code: 'InvalidJson' },
  { what: 'not UTF-8', body: Buffer.from([0x22, 0xff, 0x22]), status: 400, code: 'InvalidJson' },
  {
    what: 'too deep',
    body: '['.repeat(limits.jsonDepth + 1) + ']'.repeat(limits.jsonDepth + 1),
    status: 400,
    code: 'InvalidJson',
  },
  {
    what: 'too large',
    body: `"${'x'.repeat(limits.bodyBytes)}"`,
    status: 413,
    code: 'RequestTooLarge',
  },
]
for (const { what, body, status, code } of badBodies)
  test(`G03: a body that is ${what} is answered ${status} ${code}`, async () => {
    const before = bodiesSeen.length
    const response = await post('/v1/things/x', body)
    assert.equal(response.status, status)
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
    const envelope = (await response.json()) as Record<string, unknown>
    assert.deepEqual(Object.keys(envelope), ['code', 'message', 'details', 'ref'])
    assert.equal(envelope.code, code)
    assert.equal(envelope.ref, response.headers.get('x-request-id'))
    assert.equal(bodiesSeen.length, before)
  })

test('a body as deep as the limit is taken; brackets in strings are not depth', async () => {
  const body = JSON.stringify({ name: `${'[{'.repeat(100)}\\"[` })
  assert.equal((await post('/v1/things/x', body)).status, 200)
})

for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'multipart/form-data'])
  test(`G01: content type ${type} is answered 415`, async () => {
    assert.equal((await post('/v1/things/x', '{}', { 'content-type': type })).status, 415)
  })

test('our own paths answer problems of RFC 9457', async () => {
  const response = await fetch(`${base}/v1/palisade/things`, { headers: signedIn })
  assert.equal(response.status, 409)
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  const problem = (await response.json()) as Record<string, unknown>
  assert.equal(problem.type, 'urn:palisade:problem:conflict')
  assert.equal(problem.status, 409)
  assert.equal(problem.request, response.headers.get('x-request-id'))
})

test('another method on a known path is 405 and says which there are; an unknown path is 404', async () => {
  const wrong = await fetch(`${base}/v1/things/x`, { headers: signedIn })
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.get('allow'), 'POST')
  assert.equal(((await wrong.json()) as { code: unknown }).code, 'MethodNotAllowed')
  assert.equal((await fetch(`${base}/v1/thing`, { headers: signedIn })).status, 404)
})

test('G06: paths that are not spelled canonically meet no route', async () => {
  for (const path of ['//v1/auth/thing', '/v1/auth/thing/', '/v1/AUTH/thing', '/v1/auth//thing'])
    assert.notEqual((await fetch(base + path, { method: 'POST', headers: signedIn })).status, 204, path)
})

for (const name of ['Authorization', 'ApiKey', 'ProjectUid', 'Content-Type', 'Host'])
  test(`two lines of ${name} are refused`, async () => {
    const head = `POST /v1/things/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\nApiKey: k\r\nProjectUid: p\r\nContent-Type: application/json\r\nContent-Length: 2\r\n${name}: again\r\nConnection: close\r\n\r\n{}`
    assert.match(await raw(head), /^HTTP\/1\.1 400 /)
  })

test('a known public path with a query, fragment or user agent of somebody else’s opens nothing', async () => {
  for (const path of ['/v1/things/x?/livez', '/v1/things/x?x=/v1/auth/thing', '/v1/things/livez'])
    assert.equal((await fetch(base + path, { method: 'POST', headers: { 'user-agent': 'kube-probe/1' } })).status, 401)
})

test('a budget per network ends in 429 with the seconds to wait', async () => {
  const statuses: number[] = []
  let wait: string | null = null
  for (let i = 0; i < rates['password-reset'].burst + 1; i++) {
    const response = await fetch(`${base}/v1/auth/thing`, { method: 'POST' })
    statuses.push(response.status)
    wait = response.headers.get('retry-after')
  }
  assert.deepEqual(new Set(statuses.slice(0, -1)), new Set([204]))
  assert.equal(statuses.at(-1), 429)
  assert.equal(wait, '1')
})

const addresses = [
  { rule: 'nobody is trusted', peer: '10.0.0.1', header: '1.2.3.4', trusted: [], is: '10.0.0.1' },
  { rule: 'a trusted proxy is believed', peer: '10.0.0.1', header: '1.2.3.4', trusted: ['10.0.0.0/8'], is: '1.2.3.4' },
  {
    rule: 'what stands left of an untrusted hop is not',
    peer: '10.0.0.1',
    header: '9.9.9.9, 1.2.3.4',
    trusted: ['10.0.0.0/8'],
    is: '1.2.3.4',
  },
  {
    rule: 'several trusted hops',
    peer: '10.0.0.1',
    header: '1.2.3.4, 10.0.0.2',
    trusted: ['10.0.0.0/8'],
    is: '1.2.3.4',
  },
  {
    rule: 'no address ends the walk',
    peer: '10.0.0.1',
    header: '1.2.3.4, evil',
    trusted: ['10.0.0.0/8'],
    is: '10.0.0.1',
  },
  {
    rule: 'IPv4 in IPv6 is IPv4',
    peer: '::ffff:10.0.0.1',
    header: '1.2.3.4',
    trusted: ['10.0.0.0/8'],
    is: '1.2.3.4',
  },
]
for (const { rule, peer, header, trusted, is } of addresses)
  test(`the client’s address: ${rule}`, () => assert.equal(clientAddress(peer, header, trusted), is))

test('limits count an IPv6 /64 as one network', () => {
  assert.equal(networkOf('2001:db8:1:2:3::4'), networkOf('2001:db8:1:2:ffff::1'))
  assert.notEqual(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:3::1'))
  assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1')
  for (const zone of ['%eth0', '%br-lan', '%eth0.100']) {
    assert.equal(networkOf(`fe80::1${zone}`), 'fe80::/64')
    assert.equal(clientAddress(`fe80::1${zone}`, '203.0.113.7', ['fe80::/10']), '203.0.113.7')
  }
})

test('who has proved nothing cannot fill the log; who has is always in it', async () => {
  const many = 700
  for (let i = 0; i < many / 50; i++)
    await Promise.all(Array.from({ length: 50 }, async () => (await fetch(`${base}/nothing`)).arrayBuffer()))
  const strangers = logged.filter(({ tenant }) => tenant === undefined)
  assert.ok(strangers.length < many, `${strangers.length} lines`)
  const before = logged.length
  await post('/v1/things/x', '{"name":"n"}')
  assert.equal(logged.length, before + 1)
  assert.equal(logged.at(-1)?.route, 'POST /v1/things/{uid}')
})

test('D11: a route table with a hole does not start', () => {
  assert.throws(() => assertRoutes([echo, { ...echo, route: 'POST /v1/things/{other}' }]), /declared twice/)
  // Forced types: a declaration without a permission does not compile, which is the first lock.
  assert.throws(() => assertRoutes([{ ...echo, permission: {} } as unknown as Endpoint]), /declares no permission/)
  assert.throws(() => assertRoutes([{ ...echo, permission: undefined } as unknown as Endpoint]), /no permission/)
  assert.throws(() => assertRoutes([{ ...open, route: 'GET /v1/users' }]), /may not be open/)
})

function raw(head: string): Promise<string> {
  const { port } = server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head))
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}
