import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import { CompactSign, decodeJwt, decodeProtectedHeader, exportJWK, type JWK, SignJWT } from 'jose'
import { SessionUid, systemTenant, TenantUid, UserUid } from '../../contract/ids.ts'
import { createIdentityWorld, type IdentityWorld } from '../../tests/support/identity-world.ts'
import { until } from '../../tests/support/until.ts'
import { createLogger } from '../platform/log/index.ts'
import { createSigningKeys, type SigningKeys } from './signing-keys.ts'
import { createTokens, type Tokens } from './tokens.ts'

const issuer = 'https://palisade.example'
const tenant = TenantUid.parse('0'.repeat(24))
const user = UserUid.parse('a'.repeat(24))
const session = SessionUid.parse('b'.repeat(24))
const subject = { tenant, user, session, credentialEpoch: 7n }

let world: IdentityWorld
let keys: SigningKeys
let tokens: Tokens

const newKeys = (): SigningKeys =>
  createSigningKeys({ ...world, readInTenant: world.inTenant, logger: createLogger('fatal', () => {}) })
const newTokens = (of: SigningKeys): Tokens => createTokens({ issuer, keys: of, clock: world.clock })
const inAnHour = () => world.clock.now() + 3_600_000

before(async () => {
  world = await createIdentityWorld()
  keys = newKeys()
  await keys.start()
  tokens = newTokens(keys)
})
after(async () => {
  keys?.stop()
  await world?.stop()
})

/** A token of ours in its parts, to be made wrong one part at a time, with the key that ours are signed with. */
async function ours() {
  const token = await tokens.issue(subject, inAnHour())
  const { kid, key } = keys.signing()
  return { token, header: { alg: 'ES256', typ: 'at+jwt', kid }, payload: { ...decodeJwt(token) }, key }
}

test('a token says who, which session and at which epoch, for fifteen minutes, and no rights', async () => {
  const token = await tokens.issue(subject, inAnHour())
  const issuedAt = Math.floor(world.clock.now() / 1000)
  const { jti, ...claims } = decodeJwt(token)
  assert.match(String(jti), /^[0-9a-f]{24}$/)
  assert.deepEqual(claims, {
    iss: issuer,
    aud: 'palisade-api',
    sub: user,
    tenant,
    sid: session,
    ce: 7,
    iat: issuedAt,
    exp: issuedAt + 900,
  })
  assert.deepEqual(decodeProtectedHeader(token), { alg: 'ES256', typ: 'at+jwt', kid: keys.signing().kid })
  assert.deepEqual(await tokens.verify(token), { ...subject, jti, expiresAtMs: (issuedAt + 900) * 1000 })
})

test('a token does not outlive its session', async () => {
  const token = await tokens.issue(subject, world.clock.now() + 60_000)
  assert.equal(decodeJwt(token).exp, Math.floor(world.clock.now() / 1000) + 60)
})

test('every token has an id of its own', async () => {
  const [one, two] = await Promise.all([tokens.issue(subject, inAnHour()), tokens.issue(subject, inAnHour())])
  assert.notEqual(decodeJwt(one).jti, decodeJwt(two).jti)
})

test('a token that a clock from the future has issued is none, remembered or not, until its time comes', async () => {
  let aheadMs = 0
  const clock = { now: () => world.clock.now() + aheadMs, monotonicMs: world.clock.monotonicMs }
  const [issuing, asked] = [createTokens({ issuer, keys, clock }), createTokens({ issuer, keys, clock })]
  aheadMs = 3_600_000
  const token = await issuing.issue(subject, inAnHour() + aheadMs)
  assert.ok(await issuing.verify(token))
  aheadMs = 0
  assert.equal(await issuing.verify(token), undefined)
  assert.equal(await asked.verify(token), undefined)
  assert.ok(await asked.verifyExpired(token), 'it is still known whose it is')
  // Clocks of replicas are never quite the same.
  aheadMs = 3_600_000 - 59_000
  assert.ok((await issuing.verify(token)) && (await asked.verify(token)))
})

test('a token that expired is none, remembered or not, but still says which session it was', async () => {
  const token = await tokens.issue(subject, inAnHour())
  assert.ok(await tokens.verify(token))
  world.clock.advance(900)
  assert.equal(await tokens.verify(token), undefined)
  assert.equal(await newTokens(keys).verify(token), undefined)
  assert.equal((await tokens.verifyExpired(token))?.session, session)
})

const payloads: { threat: string; change: (payload: Record<string, unknown>) => Record<string, unknown> }[] = [
  { threat: 'B08 no audience', change: ({ aud: _, ...rest }) => rest },
  { threat: 'B08 another audience', change: (payload) => ({ ...payload, aud: 'palisade-agent' }) },
  {
    threat: 'B08 a list of audiences, ours among them',
    change: (payload) => ({ ...payload, aud: ['palisade-api', 'x'] }),
  },
  { threat: 'B08 a list with our audience alone', change: (payload) => ({ ...payload, aud: ['palisade-api'] }) },
  { threat: 'B08 no issuer', change: ({ iss: _, ...rest }) => rest },
  { threat: 'B08 another issuer', change: (payload) => ({ ...payload, iss: 'https://palisade.example.evil' }) },
  { threat: 'no expiry', change: ({ exp: _, ...rest }) => rest },
  { threat: 'an expiry that is no number', change: (payload) => ({ ...payload, exp: '9999999999' }) },
  { threat: 'no session', change: ({ sid: _, ...rest }) => rest },
  { threat: 'no tenant', change: ({ tenant: _, ...rest }) => rest },
  { threat: 'a tenant that is none', change: (payload) => ({ ...payload, tenant: "x' or ''='" }) },
  { threat: 'no credential epoch', change: ({ ce: _, ...rest }) => rest },
  { threat: 'a claim that we do not issue', change: (payload) => ({ ...payload, permissions: ['cluster.get'] }) },
  { threat: 'B08 an authorised party', change: (payload) => ({ ...payload, azp: 'somebody-else' }) },
]
for (const { threat, change } of payloads)
  test(`a token is refused, although the signature is ours: ${threat}`, async () => {
    const { header, payload, key } = await ours()
    const wrong = await new CompactSign(Buffer.from(JSON.stringify(change(payload))))
      .setProtectedHeader(header)
      .sign(key)
    assert.equal(await tokens.verify(wrong), undefined)
    // The same way of making one makes a good one.
    const right = await new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(header).sign(key)
    assert.ok(await tokens.verify(right))
  })

const headers: { threat: string; change: (header: Record<string, unknown>, other: JWK) => Record<string, unknown> }[] =
  [
    { threat: 'another type', change: (header) => ({ ...header, typ: 'JWT' }) },
    { threat: 'no type', change: ({ typ: _, ...rest }) => rest },
    { threat: 'B09 no key id', change: ({ kid: _, ...rest }) => rest },
    { threat: 'B09 an unknown key id', change: (header) => ({ ...header, kid: 'unknown' }) },
    { threat: 'B09 a key id that is a path', change: (header) => ({ ...header, kid: '../../../../dev/null' }) },
    { threat: 'B09 a key id that is SQL', change: (header) => ({ ...header, kid: "x' union select 'k" }) },
    { threat: 'B09 a key in the header', change: (header, other) => ({ ...header, jwk: other }) },
    { threat: 'B09 a key by address', change: (header) => ({ ...header, jku: 'https://evil.example/keys' }) },
    { threat: 'B09 a certificate by address', change: (header) => ({ ...header, x5u: 'https://evil.example/cert' }) },
    { threat: 'B09 a certificate in the header', change: (header) => ({ ...header, x5c: ['MIIB'] }) },
  ]
for (const { threat, change } of headers)
  test(`a token is refused for its header, whichever key signed it: ${threat}`, async () => {
    const { header, payload, key } = await ours()
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { d: _, ...otherPublic } = await exportJWK(privateKey)
    const changed = change(header, otherPublic) as { alg: string } // Cast: none of the changes takes `alg` away.
    for (const signer of [key, privateKey]) {
      const wrong = await new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(changed).sign(signer)
      assert.equal(await tokens.verify(wrong), undefined)
    }
  })

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('B09 a token without signature is none', async () => {
  const { header, payload, token } = await ours()
  for (const alg of ['none', 'None', 'NONE', ''])
    for (const signature of ['', token.split('.')[2]])
      assert.equal(await tokens.verify(`${encode({ ...header, alg })}.${encode(payload)}.${signature}`), undefined)
})

test('B09 our public key is no HMAC secret', async () => {
  const { header, payload } = await ours()
  const jwk = keys.jwks().keys[0] ?? {}
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const text = `${encode({ ...header, alg: 'HS256' })}.${encode(payload)}`
  for (const secret of [pem, JSON.stringify(jwk)]) {
    const signature = createHmac('sha256', secret).update(text).digest('base64url')
    assert.equal(await tokens.verify(`${text}.${signature}`), undefined)
  }
})

test('B09 an extension that must be understood is not', async () => {
  const { header, payload, key } = await ours()
  const signed = await new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ ...header, crit: ['b64'], b64: true })
    .sign(key)
  assert.equal(await tokens.verify(signed), undefined)
})

test('a token of a stranger’s key with our key id is none', async () => {
  const { header, payload } = await ours()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const forged = await new SignJWT(payload).setProtectedHeader(header).sign(privateKey)
  assert.equal(await tokens.verify(forged), undefined)
})

test('a token with one changed character is none', async () => {
  const { token } = await ours()
  // One in each part; not the last of a part, whose low bits base64url may ignore.
  for (const at of [3, token.indexOf('.') + 12, token.lastIndexOf('.') + 10]) {
    const changed = token[at] === 'A' ? 'B' : 'A'
    assert.equal(await tokens.verify(token.slice(0, at) + changed + token.slice(at + 1)), undefined)
  }
})

for (const text of ['', '.', '..', 'a.b', 'a.b.c.d', '\0.\0.\0', 'é.é.é', `${'A'.repeat(4000)}.A.A`, ' a.b.c'])
  test(`B10 ${JSON.stringify(text.slice(0, 10))} is no token and no failure`, async () => {
    assert.equal(await tokens.verify(text), undefined)
  })

test('a server without an https issuer does not start', () => {
  for (const wrong of ['', 'http://palisade.example'])
    assert.throws(() => createTokens({ issuer: wrong, keys, clock: world.clock }), /https origin/)
})

test('two replicas that start at once share one key', async () => {
  const [one, two] = [newKeys(), newKeys()]
  await Promise.all([one.start(), two.start()])
  assert.equal(one.signing().kid, two.signing().kid)
  one.stop()
  two.stop()
})

test('two replicas that found an installation at once make one key', async () => {
  await world.inTenant(systemTenant, (tx) => tx.query(`delete from installation_secrets where kind = 'jwt'`))
  const all = [newKeys(), newKeys(), newKeys()]
  await Promise.all(all.map((one) => one.start()))
  assert.equal(new Set(all.map((one) => one.signing().kid)).size, 1)
  const rows = await world.inTenant(systemTenant, (tx) =>
    tx.query<{ sealed: Buffer; public_part: string }>(
      `select sealed, public_part from installation_secrets where kind = 'jwt'`,
    ),
  )
  assert.equal(rows.length, 1)
  // What opens it is not beside it.
  const { x, d } = JSON.parse(rows[0]?.public_part ?? '')
  assert.equal(d, undefined)
  assert.ok(!rows[0]?.sealed.includes(x))
  for (const one of all) one.stop()
  await keys.refresh()
})

test('a replica takes a token of a key that another has just made, and looks only so often for made-up ones', async () => {
  const other = newKeys()
  await other.start()
  await world.inTenant(systemTenant, (tx) => other.rotate(tx, { distrustOlder: false }))
  await other.rotated()
  assert.notEqual(other.signing().kid, keys.signing().kid)
  const old = await tokens.issue(subject, inAnHour())
  const fresh = await newTokens(other).issue(subject, inAnHour())
  assert.ok(await newTokens(other).verify(old))

  let looks = 0
  let monotonic = 5_000
  const counting = createSigningKeys({
    ...world,
    readInTenant: (of, work, options) => {
      looks++
      return world.inTenant(of, work, options)
    },
    clock: { now: world.clock.now, monotonicMs: () => monotonic },
    logger: createLogger('fatal', () => {}),
  })
  await counting.refresh()
  const afterStart = looks
  monotonic += 1_000
  assert.equal(await counting.verifying('made-up'), undefined)
  assert.equal(looks, afterStart + 1)
  await Promise.all(Array.from({ length: 20 }, (_, i) => counting.verifying(`made-up-${i}`)))
  assert.equal(looks, afterStart + 1)
  monotonic += 1_000
  await Promise.all(Array.from({ length: 20 }, (_, i) => counting.verifying(`made-up-${i}`)))
  assert.equal(looks, afterStart + 2)

  await until('the key of the other replica', async () => ((await tokens.verify(fresh)) ? true : undefined))
  other.stop()
})

test('the newest key is renewed after a month, and the old one verifies until its last token has expired', async () => {
  const before = keys.signing().kid
  world.clock.advance(30 * 24 * 3600 - 60)
  await keys.refresh()
  assert.equal(keys.signing().kid, before)
  const last = await tokens.issue(subject, inAnHour())
  world.clock.advance(61)
  await keys.refresh()
  assert.notEqual(keys.signing().kid, before)
  assert.deepEqual(
    keys.jwks().keys.map(({ kid }) => kid),
    [keys.signing().kid, before],
  )
  for (const jwk of keys.jwks().keys) assert.equal(jwk.d, undefined)
  assert.ok(await tokens.verify(last))
  world.clock.advance(3600)
  assert.equal(keys.verifies(before), false)
  assert.equal(keys.jwks().keys.length, 1)
})

test('nothing that distrusted keys signed counts, remembered or not', async () => {
  const token = await tokens.issue(subject, inAnHour())
  assert.ok(await tokens.verify(token))
  await world.inTenant(systemTenant, (tx) => keys.rotate(tx, { distrustOlder: true }))
  await keys.rotated()
  assert.equal(await tokens.verify(token), undefined)
  assert.equal(await newTokens(keys).verify(token), undefined)
  assert.ok(await tokens.verify(await tokens.issue(subject, inAnHour())))
})
