import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import type { TenantUid, UserUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import {
  createIdentityWorld,
  goodPassword,
  type IdentityWorld,
  type Replica,
} from '../../tests/support/identity-world.ts'
import { until } from '../../tests/support/until.ts'
import { newUid } from '../platform/random/index.ts'

let world: IdentityWorld
let other: Replica
let acme: TenantUid
let ada: UserUid
let bob: UserUid
let tokens: Record<'ada' | 'bob' | 'admin' | 'greta', string>

before(async () => {
  world = await createIdentityWorld()
  other = await world.replica()
  const born = await world.bear('Acme', 'ada@acme.example')
  acme = born.tenant
  ada = born.admin
  bob = await world.addUser(acme, { email: 'bob.builder@acme.example', password: goodPassword })
  await world.addUser(acme, { email: 'admin@acme.example', password: goodPassword, roles: ['Tenant User Admin'] })
  await world.bear('Globex', 'greta@globex.example')
  await signAllIn()
})
after(() => world?.stop())

async function signAllIn() {
  const signIn = (email: string) => world.signIn(email, goodPassword)
  tokens = {
    ada: await signIn('ada@acme.example'),
    bob: await signIn('bob.builder@acme.example'),
    admin: await signIn('admin@acme.example'),
    greta: await signIn('greta@globex.example'),
  }
}

type Who = keyof typeof tokens
const as = (who: Who) => ({ as: { authorization: tokens[who] } })
const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? 'ok' : answer.error?.code)

const create = (who: Who, spec: object | null = {}, name = 'ci') =>
  world.call('POST /v1/apiKeys', {
    ...as(who),
    // As the public Go client writes it: zero times, null maps.
    body: {
      metadata: {
        name,
        labels: null,
        annotations: { description: 'x' },
        creationTimestamp: '0001-01-01T00:00:00.000Z',
      },
      spec,
    },
  })

async function make(who: Who, spec: object | null = {}): Promise<{ uid: string; apiKey: string }> {
  const made = await create(who, spec)
  assert.ok(made.ok, code(made))
  assert.ok(made.value.auditUid)
  assert.deepEqual(Object.keys(made.value.body).sort(), ['apiKey', 'uid'])
  return made.value.body
}

const inDays = (days: number) => new Date(world.clock.now() + days * 86_400_000).toISOString()
const valid = async (apiKey: string, on: Replica = world) => (await on.identity.authenticate({ apiKey })).ok
const refusedOn = (on: Replica, apiKey: string) =>
  until('the refusal', async () => ((await valid(apiKey, on)) ? undefined : true))

test('a key acts as its owner, in the header ApiKey and behind Bearer, with an expiry or without', async () => {
  for (const spec of [null, {}, { expiry: null }, { expiry: '0001-01-01T00:00:00.000Z' }, { expiry: inDays(30) }]) {
    const { apiKey, uid } = await make('bob', spec)
    assert.match(apiKey, new RegExp(`^pak_${acme}_${uid}_[A-Za-z0-9_-]{43}$`))
    for (const presented of [
      { apiKey },
      { authorization: `Bearer ${apiKey}` },
      { authorization: `Bearer ${apiKey}`, bearerOnly: true },
    ]) {
      const principal = await world.identity.authenticate(presented)
      assert.ok(principal.ok)
      assert.partialDeepStrictEqual(principal.value, {
        tenant: acme,
        user: bob,
        credential: { kind: 'apiKey', key: uid },
        person: { firstName: 'bob', lastName: 'builder', org: 'Acme' },
      })
      const still = await world.identity.recheck(principal.value, await world.access.current(acme))
      assert.ok(still.ok)
      assert.equal(
        still.value.endsAt,
        spec?.expiry?.startsWith('2') ? Date.parse(spec.expiry) : Number.POSITIVE_INFINITY,
      )
    }
    await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
  }
})

test('B10 C05 what only looks like a key is refused alike', async () => {
  const { apiKey, uid } = await make('bob')
  assert.ok(await valid(apiKey))
  const last = apiKey.at(-1) === 'A' ? 'B' : 'A'
  for (const wrong of [
    apiKey.slice(0, -1) + last,
    apiKey.replace(uid, 'f'.repeat(24)),
    apiKey.replace(acme, 'f'.repeat(24)),
    apiKey.replace(acme, 'system'),
    apiKey.replace('pak_', 'plk_'),
    `${apiKey} `,
    'pak_',
    '',
    'é',
  ]) {
    const answer = await world.identity.authenticate({ apiKey: wrong })
    assert.partialDeepStrictEqual(answer, {
      ok: false,
      error: { code: 'unauthenticated', detail: 'The API key is not valid' },
    })
  }
  assert.equal((await world.identity.authenticate({ authorization: apiKey })).ok, false)
  assert.equal((await world.identity.authenticate({ authorization: `ApiKey ${apiKey}` })).ok, false)
  assert.equal((await world.identity.authenticate({ apiKey, bearerOnly: true })).ok, false)
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
})

test('C03 the value is kept as a hash alone, and never shown again', async () => {
  const { apiKey, uid } = await make('bob')
  const rows = await world.inTenant(acme, (tx) =>
    tx.query('select row_to_json(k)::text as text from api_keys k where tenant_id = $1', [acme]),
  )
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(apiKey.slice(-43)))
  const read = await world.call(`GET /v1/apiKeys/${uid}`, as('bob'))
  const list = await world.call('GET /v1/apiKeys', as('bob'))
  assert.doesNotMatch(inspect([read, list, world.entries], { depth: 10 }), new RegExp(apiKey.slice(-43)))
  assert.partialDeepStrictEqual(read.ok && read.value.body, {
    metadata: { name: 'ci', uid, annotations: { description: 'x', scope: 'tenant', tenantUid: acme } },
    spec: { expiry: '0001-01-01T00:00:00.000Z', user: { uid: bob, firstName: 'bob', lastName: 'builder' } },
    status: { isActive: true },
  })
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
})

test('C04 a key for another is made by who may and holds all that they hold', async () => {
  assert.equal(code(await create('bob', { userUid: ada })), 'forbidden')
  assert.equal(code(await create('admin', { userUid: ada })), 'exceeds_own_rights')
  assert.equal(code(await create('greta', { userUid: bob })), 'not_found')
  assert.equal(code(await create('ada', { userUid: 'f'.repeat(24) })), 'not_found')
  assert.equal(code(await create('ada', { userUid: 'system' })), 'not_found')
  const refused = world.entries.slice(-2)
  assert.deepEqual(
    refused.map(({ event, outcome }) => `${event} ${outcome}`),
    ['apikey.created refused', 'apikey.created refused'],
  )

  const { apiKey, uid } = await make('admin', { userUid: bob })
  const principal = await world.identity.authenticate({ apiKey })
  assert.equal(principal.ok && principal.value.user, bob)
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
})

test('the tenant’s uid for a user means the caller, as the public Go client writes it', async () => {
  const { apiKey, uid } = await make('bob', { userUid: acme })
  const principal = await world.identity.authenticate({ apiKey })
  assert.equal(principal.ok && principal.value.user, bob)
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
})

test('keys are searched by a part of the name and cut into pages: one’s own, or everybody’s with the permission', async () => {
  const find = async (who: Who, query: Readonly<Record<string, string>> = {}) => {
    const found = await world.call('GET /v1/palisade/apiKeys', { ...as(who), query })
    assert.ok(found.ok, JSON.stringify(found))
    return found.value.body
  }
  const names = async (...given: Parameters<typeof find>) =>
    (await find(...given)).items.map(({ name }: { name: string }) => name)
  const makeNamed = async (who: Who, name: string, spec: object = {}) => {
    const made = await create(who, spec, name)
    assert.ok(made.ok, JSON.stringify(made))
    world.clock.advance(1)
    return made.value.body.uid as string
  }
  const before = { bob: await names('bob'), admin: await names('admin') }
  assert.deepEqual([before.bob, before.admin], [[], []])
  const ends = inDays(2)
  const uids = [
    await makeNamed('bob', 'Terraform', { expiry: ends }),
    await makeNamed('bob', 'backup'),
    await makeNamed('ada', 'terraform eu', { expiry: inDays(1) }),
  ]
  assert.deepEqual(await names('bob'), ['backup', 'Terraform'])
  assert.deepEqual(await names('ada'), ['backup', 'Terraform', 'terraform eu'])
  assert.deepEqual(await names('ada', { q: ' TERRA' }), ['Terraform', 'terraform eu'])
  assert.deepEqual(await names('ada', { orderBy: 'expiresAt' }), ['terraform eu', 'Terraform', 'backup'])
  assert.deepEqual(await names('ada', { orderBy: 'createdAt', descending: 'true', limit: '1' }), ['terraform eu'])
  assert.deepEqual(await names('ada', { limit: '2', offset: '2' }), ['terraform eu'])
  assert.deepEqual(await names('greta'), [])
  const { items, count } = await find('ada', { q: 'Terraform', limit: '1' })
  assert.equal(count, 2)
  const [{ createdAt, expiresAt, ...rest }] = items
  assert.match(createdAt, /Z$/)
  assert.equal(Date.parse(expiresAt), Date.parse(ends))
  assert.deepEqual([rest.uid, rest.user.uid, rest.isActive, rest.hasExpired], [uids[0], bob, true, false])
  assert.match(rest.user.name, /\S/)
  assert.equal((await find('bob', { q: 'backup' })).items[0].expiresAt, null)
  for (const query of [{ limit: '0' }, { orderBy: 'user' }, { other: 'x' }])
    assert.equal(code(await world.call('GET /v1/palisade/apiKeys', { ...as('bob'), query })), 'invalid')
  for (const uid of uids) await world.call(`DELETE /v1/apiKeys/${uid}`, as('ada'))
})

test('C04 people see their own keys, and those of others with the permission', async () => {
  const bobs = await make('bob')
  world.clock.advance(1)
  const adas = await make('ada')
  const uids = async (who: Who) => {
    const list = await world.call('GET /v1/apiKeys', as(who))
    assert.ok(list.ok)
    assert.deepEqual(Object.keys(list.value.body), ['items'])
    return list.value.body.items.map(({ metadata }: { metadata: { uid: string } }) => metadata.uid)
  }
  assert.deepEqual(await uids('bob'), [bobs.uid])
  assert.deepEqual(await uids('ada'), [bobs.uid, adas.uid])
  assert.deepEqual(await uids('greta'), [])
  assert.equal(code(await world.call(`GET /v1/apiKeys/${adas.uid}`, as('bob'))), 'forbidden')
  assert.equal(code(await world.call(`GET /v1/apiKeys/${adas.uid}`, as('admin'))), 'ok')

  const change = { metadata: { name: 'x' }, spec: { expiry: inDays(1) } }
  const acts: [string, object | undefined][] = [
    ['GET /v1/apiKeys/', undefined],
    ['PUT /v1/apiKeys/', change],
    ['PATCH /v1/apiKeys/', { isActive: true }],
    ['DELETE /v1/apiKeys/', undefined],
  ]
  for (const [route, body] of acts) {
    assert.equal(code(await world.call(`${route}${adas.uid}`, { ...as('greta'), body })), 'not_found')
    assert.equal(code(await world.call(`${route}x`, { ...as('bob'), body })), 'not_found')
    assert.equal(code(await world.call(`${route}${adas.uid}`, { ...as('bob'), body })), 'forbidden')
  }
  // To keep a key alive is to keep its owner's rights within reach; to switch it off is not.
  assert.equal(
    code(await world.call(`PUT /v1/apiKeys/${adas.uid}`, { ...as('admin'), body: change })),
    'exceeds_own_rights',
  )
  const state = (isActive: boolean) =>
    world.call(`PUT /v1/apiKeys/${adas.uid}/state`, { ...as('admin'), body: { isActive } })
  assert.equal(code(await state(true)), 'exceeds_own_rights')
  assert.equal(code(await state(false)), 'ok')
  assert.equal(await valid(adas.apiKey), false)
  assert.equal(code(await world.call(`DELETE /v1/apiKeys/${adas.uid}`, as('admin'))), 'ok')
  await world.call(`DELETE /v1/apiKeys/${bobs.uid}`, as('bob'))
})

test('a key that is switched off or removed is refused on every replica, and at once where it was done', async () => {
  const { apiKey, uid } = await make('bob')
  assert.ok(await valid(apiKey, other))
  assert.ok(await valid(apiKey))
  const state = (isActive: boolean) => world.call(`PATCH /v1/apiKeys/${uid}`, { ...as('bob'), body: { isActive } })
  assert.ok((await state(false)).ok)
  const off = await world.identity.authenticate({ apiKey })
  assert.equal(!off.ok && off.error.detail, 'The API key is switched off')
  await refusedOn(other, apiKey)
  assert.ok((await state(true)).ok)
  assert.ok(await valid(apiKey))
  await until('the key being on again', async () => ((await valid(apiKey, other)) ? true : undefined))
  assert.ok((await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))).ok)
  assert.equal(await valid(apiKey), false)
  await refusedOn(other, apiKey)
  assert.equal(code(await world.call(`GET /v1/apiKeys/${uid}`, as('bob'))), 'not_found')
})

test('C07 a key ends at its expiry, looked at on use; it can be moved, not into the past', async () => {
  const { apiKey, uid } = await make('bob', { expiry: inDays(1) })
  assert.ok(await valid(apiKey))
  const update = (body: object) => world.call(`PUT /v1/apiKeys/${uid}`, { ...as('bob'), body })
  assert.equal(code(await update({ metadata: { name: 'renamed' }, spec: { expiry: inDays(-1) } })), 'invalid')
  assert.equal(code(await create('bob', { expiry: inDays(-1) })), 'invalid')
  assert.equal(code(await create('bob', { expiry: 'tomorrow' })), 'invalid')
  // What is absent stays: neither a name nor an expiry is taken away.
  assert.ok((await update({ metadata: { name: 'renamed' }, spec: null })).ok)
  assert.ok((await update({ metadata: null, spec: { expiry: '0001-01-01T00:00:00.000Z' } })).ok)
  const read = await world.call(`GET /v1/apiKeys/${uid}`, as('bob'))
  assert.partialDeepStrictEqual(read.ok && read.value.body, {
    metadata: { name: 'renamed' },
    spec: { expiry: inDays(1) },
  })

  world.clock.advance(86_400 - 1)
  assert.ok(await valid(apiKey))
  world.clock.advance(1)
  assert.equal(await valid(apiKey), false)
  assert.equal(await valid(apiKey, other), false)
  await signAllIn()
  assert.ok((await update({ spec: { expiry: inDays(2) } })).ok)
  assert.ok(await valid(apiKey))
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
})

test('C02 a key is good for what its owner is now: off with them, and gone with them', async () => {
  const user = await world.addUser(acme, { email: 'robot@acme.example', password: goodPassword })
  const { apiKey } = await make('ada', { userUid: user })
  const change = (sql: string) =>
    world.inTenant(acme, async (tx) => {
      await world.access.lock(tx)
      await tx.query(sql, [acme, user])
      await world.access.raise(tx, 'access')
    })
  assert.ok(await valid(apiKey, other))
  await change(`update users set state = 'inactive' where tenant_id = $1 and user_id = $2`)
  await refusedOn(other, apiKey)
  await change(`update users set state = 'active' where tenant_id = $1 and user_id = $2`)
  await until('the key counting again', async () => ((await valid(apiKey, other)) ? true : undefined))
  await change('delete from users where tenant_id = $1 and user_id = $2')
  await refusedOn(other, apiKey)
})

test('D01 a key for another ends with what its maker may, with its streams and by time alone', async () => {
  const maker = await world.addUser(acme, {
    ...{ email: 'maker@acme.example', password: goodPassword },
    roles: ['Tenant User Admin', 'Tenant Viewer'],
  })
  const robot = await world.addUser(acme, {
    ...{ email: 'robot2@acme.example', password: goodPassword },
    roles: ['Tenant Viewer'],
  })
  const signed = { as: { authorization: await world.signIn('maker@acme.example', goodPassword) } }
  const body = { metadata: { name: 'robot' }, spec: { userUid: robot } }
  const made = await world.call('POST /v1/apiKeys', { ...signed, body })
  assert.ok(made.ok, code(made))
  const { apiKey, uid } = made.value.body
  const listed = async () => {
    const found = await world.call('GET /v1/palisade/apiKeys', { ...as('ada'), query: { q: 'robot' } })
    assert.ok(found.ok, code(found))
    const { createdBy, createdByName, makerHoldsTooLittle } = found.value.body.items[0]
    assert.equal(createdBy, maker)
    return { createdByName, makerHoldsTooLittle }
  }
  const { createdByName, ...atFirst } = await listed()
  assert.match(createdByName, /\S/)
  assert.deepEqual(atFirst, { makerHoldsTooLittle: false })
  const principal = await world.identity.authenticate({ apiKey })
  assert.ok(principal.ok)
  const again = async () => world.identity.recheck(principal.value, await world.access.current(acme))
  const change = (sql: string, values: readonly unknown[] = []) =>
    world.inTenant(acme, async (tx) => {
      await world.access.lock(tx)
      await tx.query(sql, [acme, maker, ...values])
      await world.access.raise(tx, 'access')
    })
  const role = predefinedRole('Tenant Viewer').uid
  const forGood = await again()
  assert.deepEqual(forGood.ok && forGood.value, {
    endsAt: Number.POSITIVE_INFINITY,
    settledUntil: Number.POSITIVE_INFINITY,
  })

  // What the maker holds until a time is not enough for what the owner holds for good.
  const endsAt = world.clock.now() + 3_600_000
  const ending = 'update role_assignments set ends_at = $3 where tenant_id = $1 and role_id = $4 and user_id'
  await change(`${ending} = $2`, [new Date(endsAt), role])
  await refusedOn(world, apiKey)
  assert.deepEqual(await listed(), { createdByName, makerHoldsTooLittle: true })
  const withdrawn = await again()
  assert.equal(!withdrawn.ok && withdrawn.error.reason, 'right-withdrawn')
  // When it ends for both at once, it is asked again then, and the key does not end with it.
  await change(`${ending} in ($2, $5)`, [new Date(endsAt), role, robot])
  await until('the key counting again', async () => ((await valid(apiKey)) ? true : undefined))
  assert.deepEqual(await listed(), { createdByName, makerHoldsTooLittle: false })
  const forAWhile = await again()
  assert.deepEqual(forAWhile.ok && forAWhile.value, { endsAt: Number.POSITIVE_INFINITY, settledUntil: endsAt })
  world.clock.advance(3_600)
  assert.equal((await again()).ok, true, 'neither holds it any more')
  await signAllIn()

  await change(`update users set state = 'inactive' where tenant_id = $1 and user_id = $2`)
  await refusedOn(world, apiKey)
  await refusedOn(other, apiKey)
  assert.deepEqual(await listed(), { createdByName, makerHoldsTooLittle: true })
  await change('delete from users where tenant_id = $1 and user_id = $2')
  await refusedOn(other, apiKey)
  assert.deepEqual(await listed(), { createdByName: null, makerHoldsTooLittle: true })
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('ada'))
})

test('a person has twenty keys at most, however many are made at once', async () => {
  const user = await world.addUser(acme, { email: 'hoarder@acme.example', password: goodPassword })
  const token = await world.signIn('hoarder@acme.example', goodPassword)
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) =>
      world.call('POST /v1/apiKeys', { as: { authorization: token }, body: { metadata: { name: `key ${i}` } } }),
    ),
  )
  assert.equal(answers.filter((answer) => answer.ok).length, 20)
  for (const answer of answers) if (!answer.ok) assert.equal(answer.error.code, 'resource_limit')
  const [row] = await world.inTenant(acme, (tx) =>
    tx.query<{ count: string }>('select count(*) from api_keys where tenant_id = $1 and user_id = $2', [acme, user]),
  )
  assert.equal(row?.count, '20')
})

test('C10 a key that was made is in the log, and one that was not is not there', async () => {
  const { uid } = await make('bob', { expiry: inDays(3) })
  assert.partialDeepStrictEqual(world.entries.at(-1), {
    event: 'apikey.created',
    outcome: 'done',
    resource: { uid, name: 'ci' },
    details: { user: bob, expiry: inDays(3) },
  })
  const pending = await world.addUser(acme, { email: 'pending@acme.example' })
  assert.equal(code(await create('ada', { userUid: pending })), 'conflict')
  const rows = await world.inTenant(acme, (tx) =>
    tx.query('select from api_keys where tenant_id = $1 and user_id = $2', [acme, pending]),
  )
  assert.equal(rows.length, 0)
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
})

test('the last use is written, once a minute at most', async () => {
  const { apiKey, uid } = await make('bob')
  const lastUsed = async () => {
    await world.identity.stop()
    const [row] = await world.inTenant(acme, (tx) =>
      tx.query<{ last_used_at: Date | null }>(
        'select last_used_at from api_keys where tenant_id = $1 and key_id = $2',
        [acme, uid],
      ),
    )
    return row?.last_used_at?.getTime()
  }
  assert.equal(await lastUsed(), undefined)
  const start = world.clock.now()
  await valid(apiKey)
  assert.equal(await lastUsed(), start)
  world.clock.advance(59)
  await valid(apiKey)
  assert.equal(await lastUsed(), start)
  world.clock.advance(1)
  await valid(apiKey)
  assert.equal(await lastUsed(), start + 60_000)
  // A refused use is none.
  await world.call(`PATCH /v1/apiKeys/${uid}`, { ...as('bob'), body: { isActive: false } })
  world.clock.advance(60)
  await valid(apiKey)
  assert.equal(await lastUsed(), start + 60_000)
})

test('a made-up key of a made-up tenant leaves no trace in the access data', async () => {
  const before = world.access.stats().tenants
  for (let i = 0; i < 5; i++) await valid(`pak_${i.toString().repeat(24)}_${'a'.repeat(24)}_${'A'.repeat(43)}`)
  assert.equal(world.access.stats().tenants, before)
})

test('a key that is not known here is looked up only where that may be; one in use never waits for it', async () => {
  const { apiKey, uid } = await make('bob')
  const refused = { apiKey, mayLookUp: () => false }
  const reads = other.transactions()
  assert.equal(code(await other.identity.authenticate(refused)), 'too_many_requests')
  assert.equal(other.transactions(), reads)
  // More of them at once than are let in: those beyond are refused, and the reader is there for others.
  const madeUp = () => apiKey.replace(uid, newUid())
  const answers = await Promise.all(
    Array.from({ length: 400 }, () => other.identity.authenticate({ apiKey: madeUp() })),
  )
  assert.deepEqual([...new Set(answers.map(code))].sort(), ['too_many_requests', 'unauthenticated'])
  assert.ok(await valid(apiKey, other))
  assert.equal(code(await other.identity.authenticate(refused)), 'ok')
  await world.call(`DELETE /v1/apiKeys/${uid}`, as('bob'))
})

test('an API key signs out of nothing', async () => {
  const { apiKey } = await make('bob')
  const answer = await world.call('POST /v1/palisade/logout', { as: { apiKey } })
  assert.equal(code(answer), 'conflict')
  assert.ok(await valid(apiKey))
})
