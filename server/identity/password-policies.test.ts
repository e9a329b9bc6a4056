import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import type { TenantUid, UserUid } from '../../contract/ids.ts'
import { createIdentityWorld, goodPassword, type IdentityWorld } from '../../tests/support/identity-world.ts'

let world: IdentityWorld
let acme: TenantUid
before(async () => {
  world = await createIdentityWorld()
  acme = (await world.bear('Acme', 'ada@acme.example')).tenant
})
after(() => world?.stop())

const day = 24 * 3600
let networks = 0
const newAddress = () => `198.51.${Math.floor(++networks / 250)}.${networks % 250}`
const as = (authorization: string) => ({ as: { authorization } })
const said = (answer: { ok: boolean; error?: { code: string; detail?: string } }) =>
  answer.ok ? 'ok' : (answer.error?.detail ?? answer.error?.code ?? '')
const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? 'ok' : answer.error?.code)

const path = (tenant: TenantUid) => `/v1/tenants/${tenant}/password/policy`
/** What the Terraform provider sets, and sets back to. */
const counters = {
  ...{ expiryDurationInDays: 999, firstReminderInDays: 5, minLength: 6, minNumOfBlockLetters: 1 },
  ...{ minNumOfSmallLetters: 1, minNumOfDigits: 1, minNumOfSpecialCharacters: 1 },
}
const signIn = (emailId: string, password: string) =>
  world.call('POST /v1/auth/authenticate', { body: { emailId, password }, address: newAddress() })
const token = async (email: string, password = goodPassword) => {
  const answer = await signIn(email, password)
  assert.ok(answer.ok, said(answer))
  return answer.value.body.Authorization as string
}
const root = () => world.signIn('root@palisade.example', goodPassword, 'system')
const setPolicy = async (tenant: TenantUid, admin: string, body: object) =>
  world.call(`POST ${path(tenant)}`, { ...as(await token(admin)), body })
const linkToken = async (tenant: TenantUid, user: UserUid) =>
  (await world.inTenant(tenant, (tx) => world.identity.links.show(tx, user, { tenant: tx.tenant, user: user })))
    .split('/')
    .at(-1) ?? ''
const byLink = async (tenant: TenantUid, user: UserUid, purpose: 'activate' | 'reset', password: string) =>
  world.call(`PATCH /v1/auth/password/${await linkToken(tenant, user)}/${purpose}`, { body: { password } })

test('the policy is there before anything was configured, and comes back as it was written', async () => {
  const { tenant } = await world.bear('Fresh', 'fay@fresh.example')
  const admin = await token('fay@fresh.example')
  const read = async () => {
    const answer = await world.call(`GET ${path(tenant)}`, as(admin))
    assert.ok(answer.ok)
    return answer.value.body
  }
  const before = await read()
  assert.deepEqual(before, {
    ...counters,
    ...{ isRegex: false, regex: '', maxLength: 64, expiryDurationInDays: 365 },
    creationTimestamp: '0001-01-01T00:00:00.000Z',
    updateTimestamp: '0001-01-01T00:00:00.000Z',
  })
  assert.equal(code(await setPolicy(tenant, 'fay@fresh.example', counters)), 'ok')
  assert.partialDeepStrictEqual(await read(), { ...counters, isRegex: false, regex: '', maxLength: 64 })
  // As the provider sends a pattern: nought for all counters.
  const pattern = { isRegex: true, regex: '^[a-z]{9,}$', expiryDurationInDays: 90, firstReminderInDays: 7 }
  const noughts = Object.fromEntries(Object.keys(counters).map((key) => [key, 0]))
  assert.equal(code(await setPolicy(tenant, 'fay@fresh.example', { ...noughts, ...pattern })), 'ok')
  assert.partialDeepStrictEqual(await read(), { ...noughts, ...pattern })
  const entry = world.entries.findLast(({ event }) => event === 'tenant.password.policy.updated')
  assert.partialDeepStrictEqual(entry?.details, { before: counters, after: pattern })
})

test('it holds wherever a password is set: activation, reset, own change', async () => {
  const { tenant } = await world.bear('Strict', 'sam@strict.example')
  const admin = 'sam@strict.example'
  const bob = await world.addUser(tenant, { email: 'bob@strict.example', password: goodPassword })
  const carol = await world.addUser(tenant, { email: 'carol@strict.example' })
  const policy = { ...counters, minLength: 10, maxLength: 20, minNumOfDigits: 3, minNumOfBlockLetters: 0 }
  assert.equal(code(await setPolicy(tenant, admin, policy)), 'ok')

  const weak = 'short-1-good'
  const lacks = 'The password needs 3 digits'
  assert.equal(said(await byLink(tenant, carol, 'activate', weak)), lacks)
  assert.equal(
    said(await byLink(tenant, carol, 'activate', 'longer-123-than-twenty')),
    'The password needs at most 20 characters',
  )
  assert.equal(
    code(await byLink(tenant, carol, 'activate', 'small-letters-123')),
    'ok',
    'a refused one leaves the link',
  )
  await world.inTenant(tenant, (tx) => world.identity.links.create(tx, bob, 'reset'))
  assert.equal(said(await byLink(tenant, bob, 'reset', weak)), lacks)
  const own = async (newPassword: string) =>
    world.call('PATCH /v1/users/password/change', {
      ...as(await token('bob@strict.example')),
      body: { emailId: 'bob@strict.example', currentPassword: goodPassword, newPassword },
    })
  assert.equal(said(await own(weak)), lacks)
  assert.equal(code(await own('good-for-us-1234')), 'ok')
  assert.equal(code(await signIn('bob@strict.example', 'good-for-us-1234')), 'ok')

  // Another tenant's people have nothing to do with it.
  const dora = await world.addUser(acme, { email: 'dora@acme.example' })
  assert.equal(code(await byLink(acme, dora, 'activate', 'Aa1-bc')), 'ok')
})

test('G04 a pattern stands in the place of the counters, and none is kept that does not compile', async () => {
  const { tenant } = await world.bear('Patterns', 'pat@patterns.example')
  const set = (regex: string) => setPolicy(tenant, 'pat@patterns.example', { isRegex: true, regex })
  for (const regex of ['(', '(?=a)b', '(a)\\1', 'a{1001}', '(?:(?:a{100}){100}){100}', 'x'.repeat(257)])
    assert.equal(code(await set(regex)), 'invalid', regex)
  assert.equal(code(await set('^([a-z]+ )+[a-z]+$')), 'ok')
  const user = await world.addUser(tenant, { email: 'quin@patterns.example' })
  const activate = (password: string) => byLink(tenant, user, 'activate', password)
  assert.equal(said(await activate('Correct-Horse-9')), 'The password needs to match ^([a-z]+ )+[a-z]+$')
  // The installation's own bounds hold beside it.
  assert.match(said(await activate('a b')), /at least 6 characters/)
  assert.match(said(await activate(`a ${'b'.repeat(200)}`)), /at most 128 characters/)
  // For a backtracking engine the worst there is.
  assert.match(said(await activate(`${'a '.repeat(60)}!`)), /needs to match/)
  assert.equal(code(await activate('correct horse battery')), 'ok')
})

test('tenants that have said nothing have what the installation says, system administrators neither', async () => {
  const { tenant } = await world.bear('Silent', 'sue@silent.example')
  const { tenant: other } = await world.bear('Loud', 'lou@loud.example')
  assert.equal(code(await setPolicy(other, 'lou@loud.example', counters)), 'ok')
  const system = as(await root())
  const written = { ...counters, minLength: 30, maxLength: 100, reminderFrequency: 2 }
  const put = (body: object) => world.call('PUT /v1/system/password/policy/default', { ...system, body })
  assert.equal(code(await put({ ...written, regex: '(' })), 'invalid')
  assert.equal(code(await put(written)), 'ok')
  const read = await world.call('GET /v1/system/password/policy/default', system)
  assert.partialDeepStrictEqual(read.ok && read.value.body, written)
  const inEffect = await world.call(`GET ${path(tenant)}`, as(await token('sue@silent.example')))
  assert.partialDeepStrictEqual(inEffect.ok && inEffect.value.body, { minLength: 30, maxLength: 100 })
  assert.ok(inEffect.ok && !('reminderFrequency' in inEffect.value.body))
  const user = await world.addUser(tenant, { email: 'una@silent.example' })
  assert.match(said(await byLink(tenant, user, 'activate', goodPassword)), /at least 30 characters/)
  const theirs = await world.addUser(other, { email: 'una@loud.example' })
  assert.equal(code(await byLink(other, theirs, 'activate', 'Aa1-bc')), 'ok')
  assert.equal(code(await put({ ...counters, expiryDurationInDays: 365 })), 'ok')

  for (const route of ['GET', 'PUT'])
    assert.equal(
      code(
        await world.call(`${route} /v1/system/password/policy/default`, {
          ...as(await token('lou@loud.example')),
          body: counters,
        }),
      ),
      'forbidden',
    )
})

test('only a Tenant Admin sets the policy, and of no other tenant', async () => {
  const { tenant } = await world.bear('Other', 'oda@other.example')
  await world.addUser(tenant, { email: 'umi@other.example', password: goodPassword, roles: ['Tenant User Admin'] })
  assert.equal(code(await setPolicy(tenant, 'umi@other.example', counters)), 'forbidden')
  assert.equal(code(await setPolicy(acme, 'oda@other.example', counters)), 'not_found')
  const foreign = await world.call(`POST ${path(tenant)}`, { ...as(await root()), body: counters })
  assert.equal(code(foreign), 'not_found')
})

test('a password on the list may be set nowhere, in letters of no case, and nobody reads the list', async () => {
  const system = as(await root())
  const list = (method: 'PATCH' | 'DELETE', passwords: readonly string[] | null, who = system) =>
    world.call(`${method} /v1/system/passwords/blocklist`, { ...who, body: { spec: { passwords } } })
  const blocked = 'Winter-is-Coming-1'
  assert.equal(code(await list('PATCH', [blocked, blocked, 'Summer-2-Summer'])), 'ok')
  const entry = world.entries.findLast(({ event }) => event === 'system.password.blocklist.updated')
  assert.deepEqual(entry?.details?.added, 2)
  assert.doesNotMatch(inspect(entry, { depth: null }), /winter/i)
  const rows = await world.inTenant('system' as TenantUid, (tx) =>
    tx.query<{ password_index: Buffer }>('select password_index from blocked_passwords'),
  )
  assert.deepEqual(
    rows.map(({ password_index: { length } }) => length),
    [33, 33],
  )

  const refused = 'The password is one of those that may not be used here'
  const user = await world.addUser(acme, { email: 'wim@acme.example' })
  assert.equal(said(await byLink(acme, user, 'activate', blocked)), refused)
  assert.equal(said(await byLink(acme, user, 'activate', 'wINTER-is-coming-1')), refused)
  const own = await world.call('PATCH /v1/users/password/change', {
    ...system,
    body: { emailId: 'root@palisade.example', currentPassword: goodPassword, newPassword: blocked },
  })
  assert.equal(said(own), refused)

  assert.equal(code(await list('DELETE', [blocked.toUpperCase()])), 'ok')
  assert.equal(code(await list('DELETE', null)), 'ok')
  assert.equal(code(await byLink(acme, user, 'activate', blocked)), 'ok')
  assert.equal(code(await list('PATCH', [blocked], as(await token('ada@acme.example')))), 'forbidden')
  assert.equal(code(await list('PATCH', [''])), 'invalid')
})

test('an expired password opens nothing but the change of itself', async () => {
  const { tenant } = await world.bear('Ages', 'agi@ages.example')
  const email = 'eva@ages.example'
  await world.addUser(tenant, { email, password: goodPassword })
  const admin = 'agi@ages.example'
  assert.equal(code(await setPolicy(tenant, admin, { ...counters, expiryDurationInDays: 30 })), 'ok')
  const open = await token(email)
  world.clock.advance(30 * day - 1)
  assert.equal(code(await signIn(email, goodPassword)), 'ok')
  world.clock.advance(1)
  assert.equal(code(await signIn(email, goodPassword)), 'password_expired')
  assert.equal(code(await signIn(email, 'Wrong-Horse-9-Battery')), 'sign_in_failed')
  const refused = world.entries.findLast(({ event }) => event === 'session.refused' || event === 'session.started')
  assert.equal(refused?.event, 'session.refused')
  assert.ok(!(await world.identity.authenticate({ authorization: open })).ok, 'which was 30 days ago')

  const next = 'Fresh-Horse-10-Battery'
  const change = (body: object, address = newAddress()) =>
    world.call('PATCH /v1/palisade/login/password', {
      body: { emailId: email, currentPassword: goodPassword, newPassword: next, ...body },
      address,
    })
  assert.equal(code(await change({ currentPassword: 'Wrong-Horse-9-Battery' })), 'sign_in_failed')
  assert.equal(world.entries.at(-1)?.event, 'session.refused', 'a guess is a guess wherever it is tried')
  assert.equal(code(await change({ emailId: 'nobody@ages.example' })), 'sign_in_failed')
  assert.equal(code(await change({ org: 'Acme' })), 'sign_in_failed')
  assert.equal(said(await change({ newPassword: goodPassword })), 'The password must differ from the one before')
  assert.match(said(await change({ newPassword: 'short' })), /at least 6 characters/)
  assert.equal(code(await change({ surplus: 1 })), 'invalid')
  // Whoever is made to change it and mistypes the new one is not locked out by that.
  const one = newAddress()
  for (let i = 0; i < 6; i++) assert.match(said(await change({ newPassword: 'short' }, one)), /at least 6/)
  assert.equal(code(await change({}, one)), 'ok')
  assert.partialDeepStrictEqual(world.entries.at(-1), { event: 'password.changed', actor: { email } })
  assert.equal(code(await signIn(email, goodPassword)), 'sign_in_failed')
  assert.equal(code(await signIn(email, next)), 'ok')
  assert.equal(code(await change({ currentPassword: next, newPassword: goodPassword })), 'conflict')

  // Nor is the old one set again by a link, where it had expired.
  world.clock.advance(31 * day)
  const user = await world.addUser(tenant, { email: 'fox@ages.example', password: goodPassword })
  world.clock.advance(31 * day)
  await world.inTenant(tenant, (tx) => world.identity.links.create(tx, user, 'reset'))
  assert.equal(said(await byLink(tenant, user, 'reset', goodPassword)), 'The password must differ from the one before')
  assert.equal(code(await byLink(tenant, user, 'reset', next)), 'ok')
})

test('who is switched off is not told that the password was right', async () => {
  const { tenant } = await world.bear('Off', 'ola@off.example')
  const user = await world.addUser(tenant, { email: 'ned@off.example', password: goodPassword })
  await world.inTenant(tenant, (tx) =>
    tx.query(`update users set state = 'inactive' where tenant_id = $1 and user_id = $2`, [tenant, user]),
  )
  world.clock.advance(366 * day)
  assert.equal(code(await signIn('ned@off.example', goodPassword)), 'sign_in_failed')
  assert.equal(code(await signIn('ola@off.example', goodPassword)), 'password_expired')
  assert.equal(
    code(
      await world.call('POST /v1/auth/syslogin', {
        body: { username: 'root@palisade.example', password: goodPassword },
      }),
    ),
    'ok',
    'a system administrator’s does not expire',
  )
})
