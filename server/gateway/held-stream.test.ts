import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { z } from 'zod'
import { predefinedRole } from '../../contract/roles.ts'
import { ok } from '../../core/result.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { until } from '../../tests/support/until.ts'
import { createLogger } from '../platform/log/index.ts'
import { endpoint } from './endpoint.ts'
import { holdStream } from './held-stream.ts'
import { createHttpApi } from './http.ts'
import { createRateLimiter } from './limits.ts'
import type { Principal } from './principal.ts'

// Answers in pieces, between what they rest on and whoever reads them.

const route = 'GET /v1/test/pieces'

/** A source that gives a piece when it is told to, and knows when it was let go. */
function source() {
  let give: (piece: string) => void = () => undefined
  const seen = { isOver: false }
  async function* pieces() {
    try {
      for (;;) {
        const next = Promise.withResolvers<string>()
        give = next.resolve
        yield await next.promise
      }
    } finally {
      seen.isOver = true
    }
  }
  return { pieces, seen, give: (piece: string) => give(piece) }
}

describe('behind the phases', () => {
  let postgres: TestPostgres
  let api: Phases
  let current = source()

  before(async () => {
    postgres = await startTestPostgres()
    api = await startPhases(await postgres.create(), () => [
      endpoint({
        route,
        summary: 'Gives pieces',
        permission: { tenant: 'audit.list' },
        reply: { status: 200, contentType: 'text/plain', streams: true, body: z.custom<AsyncIterable<string>>() },
        refusals: [],
        audit: 'refusals-only',
        // A second right, asked in the handler.
        handle: async ({ access }) =>
          ok({ body: access.allows('user.list', { kind: 'tenant' }) ? current.pieces() : none() }),
      }),
    ])
  })
  after(async () => {
    await api.stop()
    await postgres.stop()
  })

  const givenRoles = (admin: Principal, user: string, roles: readonly string[]) =>
    api.must(admin, 'PUT /v1/users/{uid}/roles', { params: { uid: user }, body: { roles } })
  const tenantAdmin = predefinedRole('Tenant Admin').uid

  test('an answer goes on while its rights do, also those that the handler asked for, and ends with them', async () => {
    const { admin } = await api.tenant()
    const reader = await api.person(admin, { roles: [tenantAdmin] })
    current = source()
    const pieces = await api.stream(reader, route)
    for (const piece of ['a', 'b']) {
      const next = pieces.next()
      current.give(piece)
      assert.deepEqual(await next, { done: false, value: piece })
    }
    // Asked for and not yet there: whoever waits is told at once.
    const next = assert.rejects(Promise.resolve(pieces.next()), /access has ended: right-withdrawn/)
    await givenRoles(admin, reader.user, [])
    await next
    await assert.rejects(Promise.resolve(pieces.next()), /access has ended/)
    assert.ok(!api.access.calls.has(admin.tenant))
  })

  test('the right that only the handler asked for ends it too', async () => {
    const { admin } = await api.tenant()
    const both = (['Tenant Project Admin', 'Tenant User Admin'] as const).map((name) => predefinedRole(name))
    assert.deepEqual(
      both.map(({ permissions }) => permissions.includes('user.list')),
      [false, true],
    )
    const [first, second] = both.map(({ uid }) => uid)
    const reader = await api.person(admin, { roles: [first ?? '', second ?? ''] })
    current = source()
    const pieces = await api.stream(reader, route)
    const next = assert.rejects(Promise.resolve(pieces.next()), /access has ended: right-withdrawn/)
    await givenRoles(admin, reader.user, [first ?? ''])
    await next
  })

  test('an answer that nobody reads to its end is let go', async () => {
    const { admin } = await api.tenant()
    current = source()
    const pieces = await api.stream(admin, route)
    assert.ok(api.access.calls.has(admin.tenant))
    await pieces.return?.()
    assert.ok(!api.access.calls.has(admin.tenant))
  })

  test('a refused answer leaves nothing behind', async () => {
    const { admin } = await api.tenant()
    const nobody = await api.person(admin)
    await assert.rejects(api.stream(nobody, route), /forbidden/)
    assert.ok(!api.access.calls.has(admin.tenant))
  })
})

test('over HTTP: the reader learns that the answer is not whole, and a reader who leaves lets it go', async (t) => {
  const first = source()
  let over = 0
  const held = holdStream(first.pieces(), () => over++)
  const second = source()
  const left = holdStream(second.pieces(), () => over++)
  const bodies = [held.body, left.body]
  const api = await createHttpApi({
    publishedRates: () => false,
    endpoints: [
      endpoint({
        route,
        summary: 'Gives pieces',
        permission: { signedIn: 'a test' },
        reply: { status: 200, contentType: 'text/plain', streams: true, body: z.custom<AsyncIterable<string>>() },
        refusals: [],
        audit: 'refusals-only',
        handle: () => assert.fail('the phases are not run here'),
      }),
    ],
    authenticate: async () => ok(someone),
    runOpen: () => assert.fail('nothing is open here'),
    runGuarded: async () => ok({ body: bodies.shift(), auditUid: undefined }),
    rate: createRateLimiter({ now: Date.now, monotonicMs: () => performance.now() }),
    trustedProxies: [],
    logger: createLogger('silent', () => undefined),
    observe: () => undefined,
    ready: () => [],
    openapi: {},
  })
  const server = createServer(api.handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await api.close()
  })
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
  const ask = () => fetch(`${base}/v1/test/pieces`, { headers: { authorization: 'x' } })

  const asked = ask()
  const give = setInterval(() => {
    for (const one of [first, second]) one.give('piece')
  }, 5)
  t.after(() => clearInterval(give))
  const reader = (await asked).body?.getReader()
  assert.ok(reader)
  assert.equal(Buffer.from((await reader.read()).value ?? '').toString(), 'piece')
  held.end('right-withdrawn')
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  })
  assert.equal(over, 1)

  const answer = await ask()
  await answer.body?.cancel()
  await until('the second source to be let go', () => (second.seen.isOver && over === 2) || undefined)
})

async function* none(): AsyncGenerator<string> {}

const someone: Principal = {
  tenant: 'a'.repeat(24) as Principal['tenant'],
  user: 'b'.repeat(24) as Principal['user'],
  credential: { kind: 'apiKey', key: 'c'.repeat(24) as never },
  origin: {},
  person: { email: 'p@example.com', firstName: 'P', lastName: '', org: 'o' },
  epoch: 1n,
}
