import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TenantUid, UserUid } from '../../contract/ids.ts'
import { createIdentityWorld, goodPassword, type IdentityWorld } from '../../tests/support/identity-world.ts'
import { createIdentity } from './identity.ts'

let world: IdentityWorld
let acme: TenantUid
let globex: TenantUid
let ada: UserUid

before(async () => {
  world = await createIdentityWorld()
  const born = await world.bear('Acme', 'ada@acme.example')
  acme = born.tenant
  ada = born.admin
  globex = (await world.bear('Globex', 'greta@globex.example')).tenant
})
after(() => world?.stop())

let networks = 0
/** A network of one's own, so that no test meets another's lock. */
const newAddress = () => `198.51.${Math.floor(++networks / 250)}.${networks % 250}`

const signIn = (body: { emailId: string; password?: string; org?: string }, address = newAddress()) =>
  world.call('POST /v1/auth/authenticate', { body: { password: goodPassword, ...body }, address })

async function setState(tenant: TenantUid, user: UserUid, state: 'active' | 'inactive') {
  await world.inTenant(tenant, async (tx) => {
    await world.access.lock(tx)
    await tx.query('update users set state = $3 where tenant_id = $1 and user_id = $2', [tenant, user, state])
    await world.access.raise(tx, 'access')
  })
}

test('a user signs in, in any spelling of the address, and the token works at once', async () => {
  const answer = await signIn({ emailId: ' ADA@acme.EXAMPLE ' })
  assert.ok(answer.ok)
  assert.equal(answer.value.body.isMfa, false)
  const principal = await world.identity.authenticate({ authorization: answer.value.body.Authorization })
  assert.ok(principal.ok)
  assert.equal(principal.value.tenant, acme)
  assert.deepEqual(principal.value.person, {
    email: 'ada@acme.example',
    firstName: 'ada',
    lastName: '',
    org: 'Acme',
  })
})

test('setCookie changes nothing: no cookie is set', async () => {
  const answer = await world.call('POST /v1/auth/authenticate', {
    query: { setCookie: 'true' },
    body: { emailId: 'ada@acme.example', password: goodPassword, org: null },
    address: newAddress(),
  })
  assert.ok(answer.ok)
  assert.deepEqual(Object.keys(answer.value.body).sort(), ['Authorization', 'isMfa'])
})

test('a system administrator has a door of their own, and each door opens for its own accounts alone', async () => {
  const answer = await world.call('POST /v1/auth/syslogin', {
    body: { username: 'Root@palisade.example', password: goodPassword },
    address: newAddress(),
  })
  assert.ok(answer.ok)
  const { Authorization, ...flags } = answer.value.body
  assert.deepEqual(flags, { IsEmailSet: true, IsEmailVerified: false, IsMfa: false, IsPasswordReset: false })
  const principal = await world.identity.authenticate({ authorization: Authorization })
  assert.equal(principal.ok && principal.value.tenant, 'system')

  assert.equal((await signIn({ emailId: 'root@palisade.example' })).ok, false)
  assert.equal((await signIn({ emailId: 'root@palisade.example', org: 'system' })).ok, false)
  const other = await world.call('POST /v1/auth/syslogin', {
    body: { username: 'ada@acme.example', password: goodPassword },
    address: newAddress(),
  })
  assert.equal(other.ok, false)
})

test('an address in two tenants needs the organisation, in any spelling of its name', async () => {
  await world.addUser(acme, { email: 'both@example.org', password: goodPassword })
  await world.addUser(globex, { email: 'both@example.org', password: 'Other-Horse-9-Battery' })
  const without = await signIn({ emailId: 'both@example.org' })
  assert.equal(!without.ok && without.error.code, 'sign_in_failed')
  const inAcme = await signIn({ emailId: 'both@example.org', org: ' aCME' })
  assert.ok(inAcme.ok)
  const principal = await world.identity.authenticate({ authorization: inAcme.value.body.Authorization })
  assert.equal(principal.ok && principal.value.tenant, acme)
  const wrongOne = await signIn({ emailId: 'both@example.org', org: 'Globex' })
  assert.equal(wrongOne.ok, false)
})

test('B29 every failing attempt has the same answer, costs one hash and as many transactions, whatever was wrong', async () => {
  const off = await world.addUser(acme, { email: 'off@acme.example', password: goodPassword })
  await setState(acme, off, 'inactive')
  await world.addUser(acme, { email: 'pending@acme.example' })
  const attempts = [
    { emailId: 'ada@acme.example', password: 'wrong' },
    { emailId: 'ada@acme.example', password: 'wrong', org: 'Acme' },
    { emailId: 'nobody@acme.example' },
    { emailId: 'nobody@acme.example', org: 'Acme' },
    { emailId: 'ada@acme.example', org: 'No such organisation' },
    { emailId: 'not an address' },
    { emailId: 'pending@acme.example' },
    { emailId: 'pending@acme.example', org: 'Acme' },
    { emailId: 'both@example.org' },
    { emailId: 'root@palisade.example' },
    { emailId: 'ada@acme.example', password: `${goodPassword}\ud800` },
  ]
  for (const body of attempts) {
    const before = { hashes: world.identity.stats().computed, transactions: world.transactions() }
    const answer = await signIn(body)
    assert.deepEqual(answer, { ok: false, error: { code: 'sign_in_failed' } }, JSON.stringify(body))
    assert.equal(world.identity.stats().computed - before.hashes, 1, JSON.stringify(body))
    assert.equal(world.transactions() - before.transactions, 4, JSON.stringify(body))
  }
  // A right password on an account that is off is told apart by nothing but one transaction more, which takes the way of
  // a success as far as the row that is not inserted.
  const before = world.identity.stats().computed
  const refused = await signIn({ emailId: 'off@acme.example' })
  assert.deepEqual(refused, { ok: false, error: { code: 'sign_in_failed' } })
  assert.equal(world.identity.stats().computed - before, 1)
})

test('a success costs one hash too', async () => {
  const before = world.identity.stats().computed
  assert.ok((await signIn({ emailId: 'ada@acme.example' })).ok)
  assert.equal(world.identity.stats().computed - before, 1)
})

test('who signs in and who was refused is in the log of the tenant, or of the system where there is none', async () => {
  const from = world.entries.length
  const address = newAddress()
  const good = await signIn({ emailId: 'ada@acme.example' }, address)
  await signIn({ emailId: 'ada@acme.example', password: 'wrong' }, address)
  await signIn({ emailId: 'Secret-typed-for-a-name' }, address)
  const entries = world.entries.slice(from)
  assert.ok(good.ok)
  const principal = await world.identity.authenticate({ authorization: good.value.body.Authorization })
  assert.ok(principal.ok && principal.value.credential.kind === 'session')
  const session = principal.value.credential.session
  assert.partialDeepStrictEqual(entries, [
    {
      event: 'session.started',
      outcome: 'done',
      actor: { kind: 'user', uid: ada, email: 'ada@acme.example', org: 'Acme', credential: `session:${session}` },
      resource: { uid: session },
      session,
      address,
    },
    { event: 'session.refused', outcome: 'refused', actor: { uid: ada }, details: { why: 'wrong password' } },
    { event: 'session.refused', outcome: 'refused', actor: { uid: 'unknown' } },
  ])
  assert.doesNotMatch(JSON.stringify(entries), /Secret-typed|Correct-Horse/)
})

test('a tenant or user that is switched off does not sign in; the right password does not help', async () => {
  const user = await world.addUser(globex, { email: 'gone@globex.example', password: goodPassword })
  assert.ok((await signIn({ emailId: 'gone@globex.example' })).ok)
  await setState(globex, user, 'inactive')
  assert.equal((await signIn({ emailId: 'gone@globex.example' })).ok, false)
  await setState(globex, user, 'active')
  await world.inTenant(globex, (tx) => tx.query(`update tenants set state = 'inactive' where tenant_id = $1`, [globex]))
  assert.equal((await signIn({ emailId: 'gone@globex.example' })).ok, false)
  await world.inTenant(globex, (tx) => tx.query(`update tenants set state = 'active' where tenant_id = $1`, [globex]))
  assert.ok((await signIn({ emailId: 'gone@globex.example' })).ok)
})

test('B27 of fifty guesses at once five are looked at, and the sixth right password is refused like a wrong one', async () => {
  await world.addUser(acme, { email: 'guessed@acme.example', password: goodPassword })
  const address = newAddress()
  const from = world.entries.length
  const spellings = ['guessed@acme.example', 'GUESSED@acme.example', ' guessed@acme.example', 'Guessed@Acme.Example']
  const guesses = Array.from({ length: 50 }, (_, i) =>
    signIn({ emailId: spellings[i % spellings.length] ?? '', password: `wrong ${i}` }, address),
  )
  for (const answer of await Promise.all(guesses)) assert.equal(!answer.ok && answer.error.code, 'sign_in_failed')
  const refused = world.entries.slice(from)
  assert.equal(refused.length, 5)
  assert.equal(refused.filter((entry) => 'details' in entry && entry.details?.locks !== undefined).length, 1)
  const locked = await signIn({ emailId: 'guessed@acme.example' }, address)
  assert.deepEqual(locked, { ok: false, error: { code: 'sign_in_failed' } })
})

test('B27 nobody is locked out by a stranger: the lock holds for the network that failed', async () => {
  assert.ok((await signIn({ emailId: 'guessed@acme.example' }, newAddress())).ok)
})

test('B27 guessing from many networks meets the limit of the account', async () => {
  await world.addUser(acme, { email: 'wide@acme.example', password: goodPassword })
  for (let network = 0; network < 10; network++) {
    const address = newAddress()
    for (let guess = 0; guess < 3; guess++) await signIn({ emailId: 'wide@acme.example', password: 'wrong' }, address)
  }
  assert.equal((await signIn({ emailId: 'wide@acme.example' }, newAddress())).ok, false)
  world.clock.advance(15 * 60 + 1)
  assert.ok((await signIn({ emailId: 'wide@acme.example' }, newAddress())).ok)
})

/** Thirty wrong guesses, no more than three from any network: what the account's own counter takes. */
async function guessFromEverywhere(emailId: string, org = '') {
  for (let network = 0; network < 10; network++) {
    const address = newAddress()
    for (let guess = 0; guess < 3; guess++) await signIn({ emailId, password: 'wrong', org }, address)
  }
}

test('B27 who is locked out on purpose, from everywhere, still signs in from the networks that they are known from', async () => {
  await world.addUser(acme, { email: 'victim@acme.example', password: goodPassword })
  const [home, office] = [newAddress(), newAddress()]
  for (const known of [home, office]) assert.ok((await signIn({ emailId: 'victim@acme.example' }, known)).ok)
  await guessFromEverywhere('victim@acme.example')
  for (const known of [home, office, home])
    assert.ok((await signIn({ emailId: ' Victim@ACME.example ', org: 'ACME' }, known)).ok)
  const elsewhere = newAddress()
  assert.equal((await signIn({ emailId: 'victim@acme.example' }, elsewhere)).ok, false, 'others stay locked out')

  // Known or not, a network has its own five guesses.
  for (let guess = 0; guess < 5; guess++) await signIn({ emailId: 'victim@acme.example', password: 'wrong' }, office)
  assert.equal((await signIn({ emailId: 'victim@acme.example' }, office)).ok, false)
  assert.ok((await signIn({ emailId: 'victim@acme.example' }, home)).ok)

  world.clock.advance(15 * 60 + 1)
  assert.ok((await signIn({ emailId: 'victim@acme.example' }, elsewhere)).ok)
})

test('a known network is forgotten a month after the last sign-in from it', async () => {
  await world.addUser(acme, { email: 'away@acme.example', password: goodPassword })
  const home = newAddress()
  assert.ok((await signIn({ emailId: 'away@acme.example' }, home)).ok)
  world.clock.advance(29 * 24 * 3600)
  await guessFromEverywhere('away@acme.example')
  assert.ok((await signIn({ emailId: 'away@acme.example' }, home)).ok, 'remembered, and from now on for another month')
  world.clock.advance(31 * 24 * 3600)
  await guessFromEverywhere('away@acme.example')
  assert.equal((await signIn({ emailId: 'away@acme.example' }, home)).ok, false)
  world.clock.advance(15 * 60 + 1)
})

test('B27 another tenant’s person of the same address neither clears a lock nor makes a network known', async () => {
  await world.addUser(acme, { email: 'twin@example.org', password: goodPassword })
  await world.addUser(globex, { email: 'twin@example.org', password: goodPassword })
  const attacker = newAddress()
  const own = () => signIn({ emailId: 'twin@example.org', org: 'Globex' }, attacker)
  assert.ok((await own()).ok)
  await guessFromEverywhere('twin@example.org', 'Acme')
  assert.ok((await own()).ok)
  assert.equal((await signIn({ emailId: 'twin@example.org', org: 'Acme' }, attacker)).ok, false)
  assert.equal((await signIn({ emailId: 'twin@example.org', org: 'Acme' }, newAddress())).ok, false)
  world.clock.advance(15 * 60 + 1)
})

test('a lock ends by itself, and a right password clears what was counted before it', async () => {
  await world.addUser(acme, { email: 'clumsy@acme.example', password: goodPassword })
  const address = newAddress()
  const fail = (times: number) =>
    Promise.all(
      Array.from({ length: times }, () => signIn({ emailId: 'clumsy@acme.example', password: 'no' }, address)),
    )
  await fail(4)
  assert.ok((await signIn({ emailId: 'clumsy@acme.example' }, address)).ok)
  await fail(4)
  assert.ok((await signIn({ emailId: 'clumsy@acme.example' }, address)).ok)
  await fail(5)
  assert.equal((await signIn({ emailId: 'clumsy@acme.example' }, address)).ok, false)
  world.clock.advance(15 * 60 + 1)
  assert.ok((await signIn({ emailId: 'clumsy@acme.example' }, address)).ok)
})

test('B28 an IPv6 /64 is one network, its other addresses and IPv4 in IPv6 do not help', async () => {
  await world.addUser(acme, { email: 'six@acme.example', password: goodPassword })
  for (let i = 1; i <= 5; i++)
    await signIn({ emailId: 'six@acme.example', password: 'wrong' }, `2001:db8:1:2::${i.toString(16)}`)
  assert.equal((await signIn({ emailId: 'six@acme.example' }, '2001:db8:1:2:ffff::1')).ok, false)
  assert.ok((await signIn({ emailId: 'six@acme.example' }, '2001:db8:1:3::1')).ok)
  const v4 = newAddress()
  for (let i = 0; i < 5; i++) await signIn({ emailId: 'six@acme.example', password: 'wrong' }, `::ffff:${v4}`)
  assert.equal((await signIn({ emailId: 'six@acme.example' }, v4)).ok, false)
})

test('one password tried on many accounts meets the limit of the network, and one good account does not pay for it', async () => {
  const address = newAddress()
  const sweep = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, i) =>
        signIn({ emailId: `somebody${from + i}@acme.example`, password: 'Summer-2026' }, address),
      ),
    )
  await sweep(0, 50)
  assert.ok((await signIn({ emailId: 'ada@acme.example' }, address)).ok)
  await sweep(50, 99)
  assert.ok((await signIn({ emailId: 'ada@acme.example' }, address)).ok)
  await sweep(99, 100)
  assert.equal((await signIn({ emailId: 'ada@acme.example' }, address)).ok, false)
  assert.ok((await signIn({ emailId: 'ada@acme.example' })).ok)
})

test('counters that no longer count are forgotten, also where nobody succeeds', async () => {
  for (let i = 0; i < 10; i++) await signIn({ emailId: `stranger-${i}@nowhere.example`, password: 'wrong' })
  world.clock.advance(3600)
  const old = async () => {
    const [row] = await world.inTenant(acme, (tx) =>
      tx.query<{ count: string }>('select count(*) from sign_in_attempts where window_start < $1', [
        new Date(world.clock.now() - 3000_000),
      ]),
    )
    return Number(row?.count)
  }
  const before = await old()
  assert.ok(before >= 30, String(before))
  // Each attempt adds three at most and forgets up to twenty.
  for (let i = 0; i < Math.ceil(before / 20); i++)
    await signIn({ emailId: `another-${i}@nowhere.example`, password: 'wrong' })
  assert.equal(await old(), 0)
})

test('sign-in keeps no row of an address that was tried, only an HMAC of it', async () => {
  await signIn({ emailId: 'traceless@acme.example' })
  const rows = await world.inTenant(acme, (tx) =>
    tx.query<{ attempt_key: Buffer }>('select attempt_key from sign_in_attempts'),
  )
  assert.ok(rows.length > 0)
  for (const { attempt_key } of rows) {
    assert.equal(attempt_key.length, 33)
    assert.doesNotMatch(attempt_key.toString('latin1'), /traceless/)
  }
})

test('without the database nobody signs in, and no password is looked at', async () => {
  const gone = new Error('Connection terminated unexpectedly')
  const cutOff = createIdentity({ ...world.edges, inTenant: () => Promise.reject(gone) })
  const door = cutOff.endpoints.find(({ route }) => route === 'POST /v1/auth/authenticate')
  const body = { emailId: 'ada@acme.example', password: goodPassword, org: '' }
  const caller = { requestId: 'x', clientAddress: newAddress(), userAgent: 'test', now: new Date(world.clock.now()) }
  // Cast: an endpoint in the list has forgotten its types.
  const handle = door?.handle as unknown as (c: object) => Promise<unknown>
  await assert.rejects(handle({ ...caller, body }), gone)
  assert.equal(cutOff.stats().computed, 0)
})

test('sign-in pages are told the same of any organisation', async () => {
  const known = await world.call('GET /v1/auth/org', { query: { orgName: 'Acme' } })
  const unknown = await world.call('GET /v1/auth/org', { query: { orgName: 'Nobody' } })
  assert.ok(known.ok && unknown.ok)
  assert.deepEqual(known.value.body, {
    orgName: 'Acme',
    authType: 'password',
    redirectUrl: 'https://palisade.example',
    appEnv: 'self-hosted',
    rootDomain: 'palisade.example',
    ssoLogins: [],
  })
  assert.deepEqual({ ...unknown.value.body, orgName: 'Acme' }, known.value.body)
  for (const route of ['idps', 'logins', 'providers']) {
    const list = await world.call(`GET /v1/auth/sso/${route}`)
    assert.deepEqual(list.ok && list.value.body, [])
  }
  assert.ok((await world.call('GET /v1/auth/user/org/forgot', { query: { emailId: 'ada@acme.example' } })).ok)
})

test('the caller’s organisations are the one they signed in to, whatever else their address is in', async () => {
  const token = await world.signIn('both@example.org', goodPassword, 'Acme')
  const answer = await world.call('GET /v1/auth/orgs', { as: { authorization: token } })
  assert.deepEqual(answer.ok && answer.value.body.organizations.map(({ name }: { name: string }) => name), ['Acme'])
  assert.equal((await world.call('GET /v1/auth/orgs')).ok, false)
})
