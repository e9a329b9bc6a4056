import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TenantUid, UserUid } from '../../contract/ids.ts'
import { createIdentityWorld, goodPassword, type IdentityWorld } from '../../tests/support/identity-world.ts'

let world: IdentityWorld
let acme: TenantUid
let globex: TenantUid
let ada: UserUid
let bob: UserUid

before(async () => {
  world = await createIdentityWorld()
  const born = await world.bear('Acme', 'ada@acme.example')
  acme = born.tenant
  ada = born.admin
  bob = await world.addUser(acme, { email: 'bob@acme.example', password: goodPassword })
  globex = (await world.bear('Globex', 'greta@globex.example')).tenant
})
after(() => world?.stop())

const newPassword = 'New-Horse-10-Battery'
let networks = 0
const newAddress = () => `198.51.${Math.floor(++networks / 250)}.${networks % 250}`
const as = (authorization: string) => ({ as: { authorization } })
const code = (answer: { ok: boolean; error?: { code: string } }) => (answer.ok ? 'ok' : answer.error?.code)

const linkOf = (tenant: TenantUid, user: UserUid) =>
  world.inTenant(tenant, (tx) => world.identity.links.show(tx, user, { tenant: tx.tenant, user: user }))
const tokenOf = async (tenant: TenantUid, user: UserUid) => (await linkOf(tenant, user)).split('/').at(-1) ?? ''
const use = (token: string, purpose: 'activate' | 'reset', password = goodPassword) =>
  world.call(`PATCH /v1/auth/password/${encodeURIComponent(token)}/${purpose}`, { body: { password } })
const canSignIn = async (email: string, password: string) =>
  (
    await world.call('POST /v1/auth/authenticate', {
      body: { emailId: email, password },
      address: newAddress(),
    })
  ).ok

test('a pending user sets a password with the link, is active and signs in; it is in the log', async () => {
  const user = await world.addUser(acme, { email: 'carol@acme.example' })
  const link = await linkOf(acme, user)
  assert.match(link, new RegExp(`^https://palisade\\.example/sign-in/activate/plk_${acme}_[0-9a-f]{24}_[\\w-]{43}$`))
  assert.ok((await use(link.split('/').at(-1) ?? '', 'activate')).ok)
  assert.ok(await canSignIn('carol@acme.example', goodPassword))
  assert.equal(await linkOf(acme, user), '')
  const set = world.entries.filter(({ event }) => event === 'password.set').at(-1)
  assert.partialDeepStrictEqual(set, {
    outcome: 'done',
    actor: { uid: user, email: 'carol@acme.example', org: 'Acme' },
    resource: { uid: user },
    details: { by: 'activate link' },
  })
})

test('of each user the newest link’s life is told, expired or not', async () => {
  const user = await world.addUser(acme, { email: 'life@acme.example', password: goodPassword })
  const lives = () => world.inTenant(acme, (tx) => world.identity.links.lives(tx, [user, ada]))
  assert.deepEqual([...(await lives()).keys()], [])
  await world.inTenant(acme, (tx) => world.identity.links.create(tx, user, 'reset'))
  const made = (await lives()).get(user)
  assert.equal(made?.hasExpired, false)
  assert.equal(made?.expiresAt.getTime(), world.clock.now() + 24 * 3_600_000)
  world.clock.advance(24 * 3600)
  assert.deepEqual((await lives()).get(user), { ...made, hasExpired: true })
  assert.equal(await linkOf(acme, user), '')
  assert.deepEqual([...(await world.inTenant(globex, (tx) => world.identity.links.lives(tx, [user]))).keys()], [])
})

test('a password is kept sealed, and the link as a hash and sealed', async () => {
  const user = await world.addUser(acme, { email: 'sealed@acme.example', password: goodPassword })
  await world.inTenant(acme, (tx) => world.identity.links.create(tx, user, 'reset'))
  const token = await tokenOf(acme, user)
  const rows = await world.inTenant(acme, (tx) =>
    tx.query<{ password: Buffer; token: Buffer; secret_hash: Buffer }>(
      `select u.password, l.token, l.secret_hash from users u join link_tokens l using (tenant_id, user_id)
        where tenant_id = $1 and user_id = $2`,
      [acme, user],
    ),
  )
  for (const { password, token: sealed, secret_hash } of rows) {
    for (const column of [password, sealed, secret_hash]) {
      assert.doesNotMatch(column.toString('latin1'), /argon2/)
      assert.ok(!column.includes(token.slice(-43)))
    }
  }
  assert.equal(rows.length, 1)
})

test('a tenant’s first user makes the pending tenant active with the password; another user does not', async () => {
  const { tenant, admin } = await world.bear('Initech', 'ivan@initech.example')
  const other = await world.addUser(tenant, { email: 'second@initech.example' })
  const setTenant = (sql: string) => world.inTenant(tenant, (tx) => tx.query(sql, [tenant, admin]))
  const state = async () =>
    (await setTenant("select state from tenants where tenant_id = $1 and $2 <> ''")) as unknown[]
  await setTenant(`update tenants set state = 'pending', first_user_id = $2 where tenant_id = $1`)
  await world.inTenant(tenant, (tx) =>
    tx.query(`update users set state = 'pending', password = null where tenant_id = $1 and user_id = $2`, [
      tenant,
      admin,
    ]),
  )
  assert.ok((await use(await tokenOf(tenant, other), 'activate')).ok)
  assert.deepEqual(await state(), [{ state: 'pending' }])
  await world.inTenant(tenant, (tx) => world.identity.links.create(tx, admin, 'activate'))
  assert.ok((await use(await tokenOf(tenant, admin), 'activate')).ok)
  assert.deepEqual(await state(), [{ state: 'active' }])
  assert.ok(await canSignIn('ivan@initech.example', goodPassword))
})

test('a link works once, however many try at once', async () => {
  const user = await world.addUser(acme, { email: 'once@acme.example' })
  const token = await tokenOf(acme, user)
  const passwords = Array.from({ length: 8 }, (_, i) => `Racing-Horse-${i}-Battery`)
  const answers = await Promise.all(passwords.map((password) => use(token, 'activate', password)))
  assert.equal(answers.filter((answer) => answer.ok).length, 1)
  for (const answer of answers) if (!answer.ok) assert.deepEqual(answer.error, { code: 'link_invalid' })
  const winner = passwords[answers.findIndex((answer) => answer.ok)] ?? ''
  assert.ok(await canSignIn('once@acme.example', winner))
})

test('C07 a link that has expired is refused although nothing swept it away, and says no more than a made-up one', async () => {
  const user = await world.addUser(acme, { email: 'late@acme.example' })
  const token = await tokenOf(acme, user)
  world.clock.advance(24 * 3600)
  const expired = await use(token, 'activate')
  assert.deepEqual(expired, { ok: false, error: { code: 'link_invalid' } })
  assert.equal(await linkOf(acme, user), '')
  const [row] = await world.inTenant(acme, (tx) =>
    tx.query('select from link_tokens where tenant_id = $1 and user_id = $2', [acme, user]),
  )
  assert.ok(row)
  const other = await world.addUser(acme, { email: 'used@acme.example' })
  const used = await tokenOf(acme, other)
  assert.ok((await use(used, 'activate')).ok)
  const wrongs = [
    token,
    token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'),
    token.replace(acme, globex),
    token.replace(acme, 'f'.repeat(24)),
    token.replace(acme, 'system'),
    token.replace('plk', 'pak'),
    used,
    'x',
    `${token} `,
  ]
  for (const wrong of wrongs)
    for (const purpose of ['activate', 'reset'] as const) assert.deepEqual(await use(wrong, purpose), expired)
})

test('a newer link of the same purpose ends the older', async () => {
  const user = await world.addUser(acme, { email: 'again@acme.example' })
  const older = await tokenOf(acme, user)
  const { url } = await world.inTenant(acme, (tx) => world.identity.links.create(tx, user, 'activate'))
  assert.equal(code(await use(older, 'activate')), 'link_invalid')
  assert.equal(await linkOf(acme, user), url)
  assert.ok((await use(url.split('/').at(-1) ?? '', 'activate')).ok)
})

test('B30 no step can be left out or taken with another’s link', async () => {
  const user = await world.addUser(acme, { email: 'steps@acme.example' })
  const activation = await tokenOf(acme, user)
  assert.equal(code(await use(activation, 'reset')), 'link_invalid')
  assert.ok((await use(activation, 'activate')).ok)
  await world.inTenant(acme, (tx) => world.identity.links.create(tx, user, 'reset'))
  const reset = await tokenOf(acme, user)
  assert.equal(code(await use(reset, 'activate')), 'link_invalid')
  // Switched off in the meantime: a link is no way back.
  const setState = (state: string) =>
    world.inTenant(acme, async (tx) => {
      await world.access.lock(tx)
      await tx.query('update users set state = $3 where tenant_id = $1 and user_id = $2', [acme, user, state])
      await world.access.raise(tx, 'access')
    })
  await setState('inactive')
  assert.equal(code(await use(reset, 'reset')), 'link_invalid')
  await setState('active')
  assert.ok((await use(reset, 'reset', newPassword)).ok)
})

test('a password that the policy does not take leaves the link as it was', async () => {
  const user = await world.addUser(acme, { email: 'weak@acme.example' })
  const token = await tokenOf(acme, user)
  for (const weak of ['', 'a', 'alllowercase-1', `Aa1-${'x'.repeat(61)}`])
    assert.equal(code(await use(token, 'activate', weak)), 'password_policy')
  assert.ok((await use(token, 'activate')).ok)
})

test('a link that is none costs no hash', async () => {
  const before = world.identity.stats().computed
  await use('x', 'activate')
  await use(`plk_${acme}_${'a'.repeat(24)}_${'A'.repeat(43)}`, 'reset')
  assert.equal(world.identity.stats().computed, before)
})

test('a new password ends every session, and no API key', async () => {
  const email = 'everywhere@acme.example'
  const user = await world.addUser(acme, { email, password: goodPassword })
  const tokens = [await world.signIn(email, goodPassword), await world.signIn(email, goodPassword)]
  const credentialEpoch = async () =>
    (await world.inTenant(acme, (tx) => world.access.inTx(tx))).users.get(user)?.credentialEpoch ?? 0n
  const before = await credentialEpoch()
  const key = await world.call('POST /v1/apiKeys', { ...as(tokens[0] ?? ''), body: { metadata: { name: 'ci' } } })
  assert.ok(key.ok)
  await world.inTenant(acme, (tx) => world.identity.links.create(tx, user, 'reset'))
  const link = await tokenOf(acme, user)
  const changed = await world.call(`PATCH /v1/users/${user}/password/change`, {
    ...as(tokens[0] ?? ''),
    body: { currentPassword: goodPassword, newPassword },
  })
  assert.ok(changed.ok && changed.value.auditUid)
  // So that a sign-in with the old password that is just under way makes no session either.
  assert.equal(await credentialEpoch(), before + 1n)
  for (const authorization of tokens) assert.equal((await world.identity.authenticate({ authorization })).ok, false)
  assert.ok((await world.identity.authenticate({ apiKey: key.value.body.apiKey })).ok)
  assert.equal(code(await use(link, 'reset')), 'link_invalid')
  assert.equal(await canSignIn(email, goodPassword), false)
  assert.ok(await canSignIn(email, newPassword))
})

test('a person changes their own password, by address or uid, and nobody else’s', async () => {
  const email = 'own@acme.example'
  const user = await world.addUser(acme, { email, password: goodPassword })
  const change = (path: string, body: object, token: string) =>
    world.call(`PATCH /v1/users/${path}`, { ...as(token), body, address: newAddress() })
  const token = await world.signIn(email, goodPassword)
  const passwords = { currentPassword: goodPassword, newPassword }
  assert.equal(code(await change('password/change', { ...passwords, emailId: 'ada@acme.example' }, token)), 'forbidden')
  assert.equal(code(await change(`${ada}/password/change`, passwords, token)), 'forbidden')
  const adas = await world.signIn('ada@acme.example', goodPassword)
  assert.equal(code(await change(`${user}/password/change`, passwords, adas)), 'forbidden')
  const gretas = await world.signIn('greta@globex.example', goodPassword)
  assert.equal(code(await change(`${user}/password/change`, passwords, gretas)), 'not_found')
  assert.equal(code(await change('x/password/change', passwords, token)), 'not_found')
  assert.equal(code(await change('password/change', { ...passwords, emailId: 'OWN@acme.example' }, token)), 'ok')
  assert.ok(await canSignIn(email, newPassword))
})

test('the current password is asked for, guesses count like failed sign-ins and are in the log', async () => {
  const email = 'guess@acme.example'
  const user = await world.addUser(acme, { email, password: goodPassword })
  const token = await world.signIn(email, goodPassword)
  const address = newAddress()
  const change = (currentPassword: string) =>
    world.call(`PATCH /v1/users/${user}/password/change`, {
      ...as(token),
      address,
      body: { currentPassword, newPassword },
    })
  for (let i = 0; i < 5; i++) assert.equal(code(await change(`wrong ${i}`)), 'password_wrong')
  const locked = await change(goodPassword)
  assert.partialDeepStrictEqual(locked, { ok: false, error: { code: 'too_many_requests', retryAfterSeconds: 900 } })
  assert.equal(
    (
      await world.call('POST /v1/auth/authenticate', {
        body: { emailId: email, password: goodPassword },
        address,
      })
    ).ok,
    false,
  )
  const refused = world.entries.filter(
    ({ event, details }) => event === 'password.changed' && details?.refusal === 'password_wrong',
  )
  assert.equal(refused.length, 5)
  assert.doesNotMatch(
    JSON.stringify(refused, (_name, value) => (typeof value === 'bigint' ? String(value) : value)),
    /wrong \d|New-Horse/,
  )
  assert.ok(await canSignIn(email, goodPassword))
})

test('of two changes at once that prove the same password, one is made', async () => {
  const email = 'twice@acme.example'
  const user = await world.addUser(acme, { email, password: goodPassword })
  const token = await world.signIn(email, goodPassword)
  const key = await world.call('POST /v1/apiKeys', { ...as(token), body: { metadata: { name: 'ci' } } })
  assert.ok(key.ok)
  // With a key, which a new password does not end: nothing but the password itself is in the second one's way.
  const change = (next: string) =>
    world.call(`PATCH /v1/users/${user}/password/change`, {
      as: { apiKey: key.value.body.apiKey },
      body: { currentPassword: goodPassword, newPassword: next },
    })
  const answers = await Promise.all([change('First-Horse-1-Battery'), change('Second-Horse-2-Battery')])
  assert.deepEqual(answers.map(code).sort(), ['ok', 'password_wrong'])
})

test('a system administrator needs a new password that is new, by change and by link', async () => {
  const token = await world.signIn('root@palisade.example', goodPassword, 'system')
  const principal = await world.identity.authenticate({ authorization: token })
  assert.ok(principal.ok)
  const { user, tenant } = principal.value
  const change = (next: string) =>
    world.call(`PATCH /v1/users/${user}/password/change`, {
      ...as(token),
      body: { currentPassword: goodPassword, newPassword: next },
    })
  assert.equal(code(await change(goodPassword)), 'password_policy')
  assert.equal(code(await change('Aa1-bcdefghij')), 'password_policy')
  await world.inTenant(tenant, (tx) => world.identity.links.create(tx, user, 'reset'))
  const link = await tokenOf(tenant, user)
  assert.match(link, /^plk_system_/)
  assert.equal(code(await use(link, 'reset', goodPassword)), 'password_policy')
  assert.equal(code(await use(link, 'reset', newPassword)), 'ok')
  assert.ok(await world.signIn('root@palisade.example', newPassword, 'system'))
})

test('B29 asking for a reset has one answer and one course, whether anybody has the address', async () => {
  const user = await world.addUser(acme, { email: 'forgot@acme.example', password: goodPassword })
  await world.addUser(acme, { email: 'notyet@acme.example' })
  await world.addUser(acme, { email: 'both@example.org', password: goodPassword })
  await world.addUser(globex, { email: 'both@example.org', password: goodPassword })
  let networks = 0
  const ask = (emailId: string, address = `203.0.113.${++networks}`) =>
    world.call('POST /v1/auth/user/password/reset', { body: { emailId }, address })
  const courses = new Set<string>()
  for (const emailId of [
    'forgot@acme.example',
    'notyet@acme.example',
    'nobody@acme.example',
    'both@example.org',
    'root@palisade.example',
    'not an address',
  ]) {
    const before = [world.transactions(), world.identity.stats().computed, world.entries.length]
    const answer = await ask(emailId)
    const after = [world.transactions(), world.identity.stats().computed, world.entries.length]
    courses.add(JSON.stringify([answer, after.map((count, i) => count - (before[i] ?? 0))]))
  }
  assert.deepEqual([...courses], [JSON.stringify([{ ok: true, value: { body: undefined } }, [3, 0, 1]])])
  const link = await linkOf(acme, user)
  assert.match(link, /\/sign-in\/reset\/plk_/)
  // Somebody who knows the address does not void the link that the person is about to use.
  await ask('forgot@acme.example')
  assert.equal(await linkOf(acme, user), link)
  assert.ok(await canSignIn('forgot@acme.example', goodPassword))
  const resetting = () =>
    world.inTenant(acme, (tx) =>
      tx.query('select password_resetting from users where tenant_id = $1 and user_id = $2', [acme, user]),
    )
  assert.deepEqual(await resetting(), [{ password_resetting: true }])
  assert.ok((await use(link.split('/').at(-1) ?? '', 'reset', newPassword)).ok)
  assert.deepEqual(await resetting(), [{ password_resetting: false }])
  assert.ok(await canSignIn('forgot@acme.example', newPassword))
})

test('B29 whoever asks for resets again and again fills nobody’s log, and learns nothing by it', async () => {
  await world.addUser(acme, { email: 'pestered@acme.example', password: goodPassword })
  const ask = (emailId: string) =>
    world.call('POST /v1/auth/user/password/reset', { body: { emailId }, address: '198.51.100.77' })
  const entriesOf = async (emailId: string) => {
    const before = world.entries.length
    for (let i = 0; i < 8; i++) assert.equal(code(await ask(emailId)), 'ok')
    return world.entries.length - before
  }
  assert.equal(await entriesOf('pestered@acme.example'), 5)
  assert.equal(await entriesOf('nobody-here@acme.example'), 5)
})

test('C04 a reset is started by who may change users and holds all that the person holds', async () => {
  const target = await world.addUser(acme, { email: 'target@acme.example', password: goodPassword })
  const pending = await world.addUser(acme, { email: 'target.two@acme.example' })
  await world.addUser(acme, { email: 'useradmin@acme.example', password: goodPassword, roles: ['Tenant User Admin'] })
  const [bobs, admins, adas, gretas] = [
    await world.signIn('bob@acme.example', goodPassword),
    await world.signIn('useradmin@acme.example', goodPassword),
    await world.signIn('ada@acme.example', goodPassword),
    await world.signIn('greta@globex.example', goodPassword),
  ]
  const byUid = (uid: string, token: string) => world.call(`PATCH /v1/users/${uid}/password/reset`, as(token))
  const byEmail = (emailId: string, token: string) =>
    world.call('PATCH /v1/users/password/reset', { ...as(token), body: { emailId } })

  assert.equal(code(await byUid(target, bobs)), 'forbidden')
  assert.equal(code(await byUid(bob, bobs)), 'forbidden')
  assert.equal(code(await byEmail('target@acme.example', bobs)), 'forbidden')
  assert.equal(code(await byUid(ada, admins)), 'exceeds_own_rights')
  assert.equal(code(await byEmail('ada@acme.example', admins)), 'exceeds_own_rights')
  assert.equal(await linkOf(acme, ada), '')
  assert.equal(code(await byUid(target, gretas)), 'not_found')
  assert.equal(code(await byEmail('target@acme.example', gretas)), 'not_found')
  assert.equal(code(await byEmail('no address', adas)), 'not_found')

  assert.equal(code(await byUid(target, admins)), 'ok')
  const link = await linkOf(acme, target)
  assert.match(link, /\/sign-in\/reset\//)
  // Without mail it is the administrator who passes it on; it is shown to nobody else, the person included.
  const shown = async (token: string) => {
    const read = await world.call(`GET /v1/users/${target}`, as(token))
    return (
      read.ok && { link: read.value.body.status.activationLink, resetting: read.value.body.status.isPasswordResetting }
    )
  }
  assert.deepEqual(await shown(admins), { link, resetting: true })
  const own = await world.signIn('target@acme.example', goodPassword)
  assert.deepEqual(await shown(own), { link: '', resetting: true })
  assert.equal(code(await byEmail('Target@acme.example', adas)), 'ok')
  assert.notEqual(await linkOf(acme, target), link)
  // Who never had a password gets the first link anew.
  world.clock.advance(24 * 3600)
  assert.equal(await linkOf(acme, pending), '')
  const again = await world.signIn('ada@acme.example', goodPassword)
  assert.equal(code(await byUid(pending, again)), 'ok')
  assert.match(await linkOf(acme, pending), /\/sign-in\/activate\//)
})
