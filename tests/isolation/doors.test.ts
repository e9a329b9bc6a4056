import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openapiOf } from '../../server/gateway/index.ts'
import { declaredEndpoints } from '../docs/declared.ts'
import type { DescribedOperation } from '../docs/openapi.ts'
import { packageJson } from '../docs/package-json.ts'
import { type ApiAnswer, createApi } from '../support/api.ts'
import { bodyOf, guarded, pathWith, type Side, startWorld, unknownId, type World } from './world.ts'

// Which doors are open: every route that the running program lists is tried without a credential and with broken ones.

let world: World
let a: Side
before(async () => {
  world = await startWorld('doors')
  a = world.a
})
after(() => world?.stop())

let networks = 1
/** Nobody, from an address that has spent nothing of its budget yet. */
async function asStranger(work: (call: ReturnType<typeof createApi>['call']) => Promise<void>): Promise<void> {
  const { port, caPem } = world.palisade
  const api = createApi(`https://127.0.0.1:${port}`, caPem, `127.0.0.${++networks}`)
  try {
    await work(api.call)
  } finally {
    await api.close()
  }
}

/** Each a few at a time, by a stranger with a budget of its own: there are more routes than one address may try at once. */
async function byStrangers<One>(
  all: readonly One[],
  work: (one: One, call: ReturnType<typeof createApi>['call']) => Promise<void>,
): Promise<void> {
  const few = 25
  for (let from = 0; from < all.length; from += few)
    await asStranger(async (call) => {
      for (const one of all.slice(from, from + few)) await work(one, call)
    })
}

/** Paths that no list names, and methods that their paths do not take. */
type Target = Pick<DescribedOperation, 'method' | 'path' | 'route' | 'requestBody'>
const beside: readonly Target[] = [
  ...['/v1', '/v1/', '/v1/nothing', '/v1/auth', '/v1/palisade', '/v1/palisade/audit', '/v1/users/'],
  ...['/canvas', '/canvas/', '/canvas/anything', '/canvas/k8s/clusters/x', '/k8s', '/k8s/', '/k8s/clusters'],
  ...['/v1/users/%', '/v1/%ff', '/canvas/%', '/k8s/%', '/k8s/clusters/%ff/api', `/v1/users/${'x'.repeat(5_000)}`],
].flatMap((path) => ['GET', 'POST', 'DELETE'].map((method) => ({ method, path, route: `${method} ${path}` })))

const refusesStranger = ({ status, headers, body }: ApiAnswer, what: string) => {
  assert.equal(status, 401, `${what} was answered ${status}`)
  assert.match(String(headers['www-authenticate']), /^Bearer/, what)
  assert.ok(body.code === 'UnAuthorizedAccess' || body.reason === 'Unauthorized', `${what}: ${JSON.stringify(body)}`)
}

test('the running program serves what the documentation was made of', async () => {
  const described = openapiOf(declaredEndpoints(), packageJson.version)
  assert.deepEqual(await world.palisade.api.must('GET', '/openapi.json'), JSON.parse(JSON.stringify(described)))
})

test('without a credential nothing answers but what says that it needs none', async () => {
  const operations = guarded(world.operations)
  assert.ok(operations.length >= 80, `${operations.length} routes`)
  await byStrangers([...operations, ...beside], async (operation, call) => {
    const path = pathWith(operation, a.ids.user)
    const body = bodyOf(operation)
    refusesStranger(await call(operation.method, path, body === undefined ? {} : { body }), operation.route)
  })
})

test('a path of the API takes no other method, whoever asks', async () => {
  const byPath = Map.groupBy(world.operations, ({ path }) => path)
  await byStrangers([...byPath], async ([path, operations], call) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (operations.some((one) => one.method === method)) continue
      const target = pathWith({ path }, a.ids.user)
      refusesStranger(await call(method, target), `${method} ${path}`)
      const { status, headers } = await a.key.call(method, target)
      // Another route with a word in the place of the parameter may take it.
      if (status !== 405) assert.ok(matchesOther(method, target), `${method} ${path} was answered ${status}`)
      else assert.match(String(headers.allow), /^[A-Z, ]+$/)
    }
  })
})

const matchesOther = (method: string, target: string) =>
  world.operations.some(
    (one) => one.method === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(target),
  )

test('a credential that is broken opens nothing, and breaks nothing', async () => {
  const token = a.memberToken
  const [head = '', payload = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const flipped = (text: string, at: number) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())

  const broken: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'an empty Bearer': { authorization: 'Bearer ' },
    'a scheme alone': { authorization: 'Bearer' },
    'another scheme': { authorization: 'Basic cm9vdDpyb290' },
    'dots alone': { authorization: 'Bearer ..' },
    'three words with dots': { authorization: 'a.b.c' },
    'no JSON in it': { authorization: `Bearer ${Buffer.from('x').toString('base64url')}.x.x` },
    'null for claims': { authorization: `${head}.${encoded(null)}.${signature}` },
    'a token without signature': { authorization: `${head}.${payload}.` },
    'a token that is cut': { authorization: token.slice(0, -5) },
    'a token with another signature': { authorization: `${head}.${payload}.${flipped(signature, 4)}` },
    'a token with other claims': { authorization: `${head}.${encoded({ ...claims, sub: a.adminUid })}.${signature}` },
    'alg none': { authorization: `${encoded({ ...header, alg: 'none' })}.${payload}.` },
    'alg HS256': { authorization: `${encoded({ ...header, alg: 'HS256' })}.${payload}.${signature}` },
    'an unknown kid': { authorization: `${encoded({ ...header, kid: '../../etc/passwd' })}.${payload}.${signature}` },
    'crit in the header': { authorization: `${encoded({ ...header, crit: ['exp'] })}.${payload}.${signature}` },
    'letters beyond ASCII': { authorization: 'Bearer \u00e9\u00ff' },
    'a long one': { authorization: `Bearer ${'a'.repeat(12_000)}` },
    'a key with another secret': { apikey: flipped(a.keyValue, a.keyValue.length - 2) },
    'a key with another id': { apikey: a.keyValue.replace(/[0-9a-f]{24}/, unknownId()) },
    'a key that is cut': { apikey: a.keyValue.slice(0, -1) },
    'a prefix alone': { apikey: 'pak_' },
    'a name every object has': { apikey: '__proto__' },
    'a token as a key': { apikey: token },
    'a broken key behind Bearer': { authorization: `Bearer ${flipped(a.keyValue, a.keyValue.length - 2)}` },
    'two good ones at once': { authorization: token, apikey: a.keyValue },
  }
  const door: Target = { method: 'GET', path: `/k8s/clusters/${a.ids.cluster}/api`, route: 'the way to clusters' }
  for (const [what, headers] of Object.entries(broken))
    await asStranger(async (call) => {
      for (const operation of [...guarded(world.operations), door]) {
        const body = bodyOf(operation)
        const path = pathWith(operation, a.ids.user)
        const answer = await call(operation.method, path, { headers, ...(body === undefined ? {} : { body }) })
        refusesStranger(answer, `${operation.route} with ${what}`)
        assert.ok(!answer.text.includes(signature) && !answer.text.includes(a.keyValue), 'a refusal quotes no secret')
      }
    })

  // The whole ones work: what was refused was refused for what was broken.
  await world.palisade.api.as({ token }).must('GET', '/v1/users/info')
  await a.key.must('GET', '/v1/users/info')
})

test('the way to clusters takes a token or a key behind Bearer, and no other way', async () => {
  const path = `/k8s/clusters/${a.ids.cluster}/api`
  await asStranger(async (call) => {
    refusesStranger(await call('GET', path), 'nothing')
    refusesStranger(await call('GET', path, { headers: { authorization: a.memberToken } }), 'a token without Bearer')
    refusesStranger(await call('GET', path, { headers: { apikey: a.keyValue } }), 'ApiKey')
    refusesStranger(await call('GET', path, { headers: { cookie: `__Host-palisade=${a.memberToken}` } }), 'a cookie')
    const known = await call('GET', path, { headers: { authorization: `Bearer ${a.keyValue}` } })
    assert.ok(known.status !== 401 && known.status < 500, `${known.status}: ${known.text}`)
  })
})

test('a broken credential does not close what is open', async () => {
  await asStranger(async (call) => {
    for (const path of ['/livez', '/readyz', '/openapi.json', '/v1/palisade/version', '/v1/auth/org'])
      assert.equal((await call('GET', path, { headers: { authorization: 'Bearer x' } })).status, 200, path)
  })
})
