import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type CompactJWSHeaderParameters, CompactSign, decodeJwt, decodeProtectedHeader, exportJWK } from 'jose'
import { request } from 'undici'
import { predefinedRole } from '../../contract/roles.ts'
import type { Api, ApiAnswer } from '../support/api.ts'
import { createBrowser } from '../support/browser.ts'
import { beginFlow, discover, signInOn } from '../support/oidc.ts'
import { administrator, createTenant, createUser, goodPassword, type Tenant } from '../support/palisade.ts'
import { until } from '../support/until.ts'
import { tokenSigningKey } from './signing-key.ts'
import { sourceFiles } from './sources.ts'
import { type OpenedPalisade, reborn, requestText, sendRaw, startOpened } from './support.ts'
import { assertTakeAlike } from './timing.ts'

// Threats B08–B10 and B27–B30 (signing in), C03–C07 and C10 (credentials): the real program on a real database, which
// the test may write to as its administrator could. The server believes its peer's X-Forwarded-For, so that one machine
// can stand in many networks.

let palisade: OpenedPalisade
let acme: Tenant
let dev: { uid: string; email: string; api: Api; token: string }

before(async () => {
  palisade = await startOpened({ name: 'credentials', env: { PALISADE_TRUSTED_PROXIES: '127.0.0.1/32' } })
  acme = await createTenant(palisade, 'acme')
  const made = await createUser(palisade, acme, 'dev')
  dev = { ...made, token: await tokenOf(made.email) }
})
after(() => palisade?.stop())

const from = (address: string) => ({ 'x-forwarded-for': address })

const attempt = (emailId: string, password: string, at: string, org = 'acme') =>
  palisade.api.call('POST', '/v1/auth/authenticate', { body: { emailId, password, org }, headers: from(at) })

async function tokenOf(email: string, at = '192.0.2.200'): Promise<string> {
  const answer = await attempt(email, goodPassword, at)
  assert.equal(answer.status, 200, answer.text)
  return answer.body.Authorization
}

const me = (token: string) => palisade.api.as({ token }).call('GET', '/v1/users/me')

/** At the Kubernetes door, of a cluster that does not exist: 404 to whoever is known, 401 to anybody else. */
const atTheDoor = (authorization: string) =>
  palisade.api.call('GET', `/k8s/clusters/${'0'.repeat(24)}/version`, { headers: { authorization } })

async function assertNobody(token: string): Promise<void> {
  assert.equal((await me(token)).status, 401)
  assert.equal((await palisade.api.as({ token: `Bearer ${token}` }).call('GET', '/v1/users/me')).status, 401)
  assert.equal((await atTheDoor(`Bearer ${token}`)).status, 401)
  assert.equal((await palisade.api.call('GET', `/v1/auth/refresh/${encodeURIComponent(token)}`)).status, 401)
}

/** An answer without what names this one request. */
function shapeOf({ status, headers, body, text }: ApiAnswer) {
  const { date: _date, 'x-request-id': _id, ...lines } = headers
  const { ref: _ref, ...rest } = body ?? {}
  return { status, lines, rest, length: text.length }
}

describe('tokens', () => {
  const forge = async (payload: object, header: object, key: Parameters<CompactSign['sign']>[0]) =>
    new CompactSign(Buffer.from(JSON.stringify(payload)))
      // The attack is a header that the type would not allow.
      .setProtectedHeader(header as CompactJWSHeaderParameters)
      .sign(key)

  test('B08 a token that the issuer’s own key signed for somebody else is refused', async () => {
    const { key } = await tokenSigningKey(palisade)
    const header = decodeProtectedHeader(dev.token)
    const payload = decodeJwt(dev.token)
    const without = (name: string) => Object.fromEntries(Object.entries(payload).filter(([key]) => key !== name))
    const attacks: Record<string, object> = {
      'no audience': without('aud'),
      'another audience': { ...payload, aud: 'palisade-agent' },
      'the audience of kubeconfigs': { ...payload, aud: 'palisade-clusters' },
      'an empty audience': { ...payload, aud: '' },
      'an array with another audience': { ...payload, aud: ['palisade-agent'] },
      'an array with ours and another': { ...payload, aud: [payload.aud, 'palisade-agent'] },
      'an array with ours alone': { ...payload, aud: [payload.aud] },
      'an authorised party': { ...payload, azp: 'somebody-else' },
      'no issuer': without('iss'),
      'another issuer': { ...payload, iss: 'https://palisade.evil.test' },
      'an expiry long past': { ...payload, exp: 1 },
      'no expiry': without('exp'),
    }
    for (const [attack, forged] of Object.entries(attacks))
      await assertNobody(await forge(forged, header, key)).catch((cause) => {
        throw new Error(attack, { cause })
      })

    // The same key and the same hand make a good one of the right claims: it was the claims that were refused.
    const good = await forge(payload, header, key)
    assert.equal((await me(good)).status, 200)
    assert.equal((await atTheDoor(`Bearer ${good}`)).status, 404)
  })

  test('B09 no token chooses its algorithm or brings its key along', async () => {
    const asked: string[] = []
    const trap = createServer((incoming, response) => {
      asked.push(incoming.url ?? '')
      response.end()
    })
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
    const { port } = trap.address() as AddressInfo // it listens on TCP
    try {
      const { key, jwk } = await tokenSigningKey(palisade)
      const header = decodeProtectedHeader(dev.token)
      const payload = decodeJwt(dev.token)
      const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const ownPublic = await exportJWK(own.publicKey)
      const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const signature = dev.token.split('.')[2]

      const forged: Record<string, string> = {}
      for (const alg of ['none', 'None', 'nOnE'])
        for (const end of ['', signature])
          forged[`${alg} with "${end}"`] = `${encode({ ...header, alg })}.${encode(payload)}.${end}`
      const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      for (const [form, secret] of Object.entries({
        PEM: pem,
        JWK: JSON.stringify(jwk),
        x: String(jwk.x),
        empty: '',
      })) {
        const text = `${encode({ ...header, alg: 'HS256' })}.${encode(payload)}`
        forged[`HS256 with our public key as ${form}`] =
          `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
      }
      forged['RS256 with a key of theirs'] = await forge(payload, { ...header, alg: 'RS256' }, rsa.privateKey)
      forged['our key id on a key of theirs'] = await forge(payload, header, own.privateKey)
      const address = `http://127.0.0.1:${port}`
      const additions: Record<string, object> = {
        jwk: { jwk: ownPublic },
        jku: { jku: `${address}/jku` },
        x5u: { x5u: `${address}/x5u` },
        x5c: { x5c: ['MIIB'] },
        'kid that is a path': { kid: '../../../../../../dev/null' },
        'kid that is a URL': { kid: `${address}/kid` },
        'kid that is SQL': { kid: "' union select 'x" },
        'kid that is a member of all objects': { kid: '__proto__' },
        crit: { crit: ['exp'] },
        'b64 false': { crit: ['b64'], b64: true },
      }
      for (const [name, addition] of Object.entries(additions))
        for (const [whose, signer] of Object.entries({ ours: key, theirs: own.privateKey })) {
          if (name === 'crit') continue // jose itself signs no such token; it is made by hand below
          forged[`${name}, signed by ${whose}`] = await forge(payload, { ...header, ...addition }, signer)
        }
      const critical = `${encode({ ...header, crit: ['exp'] })}.${encode(payload)}.${signature}`
      forged['crit by hand'] = critical

      for (const [attack, token] of Object.entries(forged))
        await assertNobody(token).catch((cause) => {
          throw new Error(attack, { cause })
        })
      assert.deepEqual(asked, [], 'no address in a token was visited')
      assert.equal((await me(await forge(payload, header, key))).status, 200)
    } finally {
      await new Promise((resolve) => trap.close(resolve))
    }
  })

  test('B10 one scheme, one credential; anything else is 401 and never a failure', async () => {
    const { token } = dev
    const { apiKey } = await dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'b10' } } })
    const answers = async (lines: readonly string[], path = '/v1/users/me') =>
      (await sendRaw(palisade, requestText(`GET ${path}`, lines))).status

    for (const right of [`Authorization: ${token}`, `Authorization: Bearer ${token}`, `ApiKey: ${apiKey}`])
      assert.equal(await answers([right]), 200, right.slice(0, 24))
    const door = `/k8s/clusters/${'0'.repeat(24)}/version`
    assert.equal(await answers([`Authorization: Bearer ${token}`], door), 404)

    const user = Buffer.from(`${dev.email}:${goodPassword}`).toString('base64')
    const wrong = [
      `Basic ${token}`,
      `Basic ${user}`,
      `Token ${token}`,
      `JWT ${token}`,
      `ApiKey ${apiKey}`,
      `Bearer`,
      `Bearer null`,
      `Bearer undefined`,
      `Bearer  ${token}`,
      `Bearer\t${token}`,
      `Bearer ${token} x`,
      `Bearer ${token},${token}`,
      `Bearer Bearer ${token}`,
      `Bearer: ${token}`,
      `Bearer "${token}"`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}.${token}`,
      `Bearer ..`,
      `Bearer a.b.c`,
      `Bearer .${'e30.'.repeat(2)}`,
      `Bearer \xff\xfe.\xff.\xff`,
      `Bearer ${'A'.repeat(8_000)}`,
      `Bearer ${'a.'.repeat(4_000)}`,
      `Negotiate YIIB`,
      `Digest username="${dev.email}"`,
    ]
    for (const value of wrong)
      for (const path of ['/v1/users/me', door])
        assert.equal(await answers([`Authorization: ${value}`], path), 401, `${value.slice(0, 40)} at ${path}`)
    assert.equal(await answers([`Authorization: ${token}`], door), 401, 'the door takes Bearer alone')
    for (const value of [token, `Bearer ${apiKey}`, `${apiKey}x`, `pak_${'A'.repeat(90)}`, '%00'])
      assert.equal(await answers([`ApiKey: ${value}`]), 401, `ApiKey: ${value.slice(0, 20)}`)

    const twice: readonly (readonly string[])[] = [
      [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`],
      [`Authorization: Bearer ${token}`, 'authorization: Bearer x'],
      [`Authorization: Basic x`, `Authorization: Bearer ${token}`],
      [`ApiKey: ${apiKey}`, `ApiKey: ${apiKey}`],
      [`Authorization: Bearer ${token}`, `ApiKey: ${apiKey}`],
    ]
    for (const lines of twice)
      for (const path of ['/v1/users/me', door]) {
        // An ApiKey line is nothing to the door, which takes Authorization alone.
        if (path === door && lines.some((line) => line.startsWith('ApiKey'))) continue
        const status = await answers(lines, path)
        assert.ok(status === 400 || status === 401, `${lines.map((line) => line.slice(0, 20)).join(' + ')}: ${status}`)
      }
  })
})

describe('guessing', () => {
  let networks = 0
  /** A network that nobody has used before: no counter of an earlier attempt is met. */
  const newNetwork = () => `100.${64 + (networks >> 16)}.${(networks >> 8) & 255}.${networks++ & 255}`

  const refusedSignIns = async (user: string) => {
    const { items } = await acme.admin.must('GET', `/v1/audits?limit=0&resourceUid=${user}`)
    return items.filter((item: { metadata: { name: string } }) => item.metadata.name === 'session.refused')
  }
  const guess = (email: string, at: string, org?: string) => attempt(email, 'Wrong-Guess-1234', at, org)

  test('B27 of many guesses at once, in every spelling of the name, five are looked at, and nobody else is locked out', async () => {
    const victim = await createUser(palisade, acme, 'victim')
    const bystander = await createUser(palisade, acme, 'bystander')
    const attacker = '198.51.100.1'
    assert.equal((await attempt(victim.email, goodPassword, attacker)).status, 200)

    const spellings = [victim.email, victim.email.toUpperCase(), ` ${victim.email}\t`, 'Victim@ACME.test']
    const orgs = ['acme', 'ACME', ' acme ']
    const guesses = await Promise.all(
      Array.from({ length: 24 }, (_, i) => guess(spellings[i % 4] ?? '', attacker, orgs[i % 3])),
    )
    for (const answer of guesses) assert.deepEqual(shapeOf(answer), shapeOf(guesses[0] ?? answer))
    assert.equal(guesses[0]?.status, 401)
    assert.equal((await refusedSignIns(victim.uid)).length, 5, 'attempts that were looked at')
    for (const spelling of spellings)
      assert.equal((await attempt(spelling, goodPassword, attacker)).status, 401, `${spelling} from the locked network`)

    // The lock is the attacker's own: the victim comes from elsewhere, and their colleague from the same network.
    assert.equal((await attempt(victim.email, goodPassword, '203.0.113.1')).status, 200)
    assert.equal((await attempt(bystander.email, goodPassword, attacker)).status, 200)
  })

  test('B27 an account that is locked out on purpose, from many networks, stays open from where its person is known', async () => {
    const victim = await createUser(palisade, acme, 'wanted')
    // Networks of this machine, since a browser names no other by a header.
    const [home, desk] = ['127.0.40.1', '127.0.41.1']
    // Once at the API, once on the sign-in pages: both make a network known, and both let in from it.
    assert.equal((await attempt(victim.email, goodPassword, home)).status, 200)
    const onPages = async (at: string) => {
      const config = await discover(palisade)
      const browser = createBrowser(palisade.url, palisade.caPem, at)
      try {
        const end = await signInOn(browser, await beginFlow(config), { email: victim.email })
        return end.url.searchParams.has('code')
      } finally {
        await browser.close()
      }
    }
    assert.ok(await onPages(desk))

    for (let network = 1; network <= 10; network++)
      for (let i = 0; i < 3; i++) await guess(victim.email, `198.18.${network}.1`)
    assert.equal(
      (await attempt(victim.email, goodPassword, '198.18.99.1')).status,
      401,
      'a stranger, with the right one',
    )
    assert.equal(await onPages('127.0.99.1'), false, 'a stranger, on the pages')
    for (const known of [home, desk]) {
      assert.equal((await attempt(victim.email, goodPassword, known)).status, 200, `the API from ${known}`)
      assert.ok(await onPages(known), `the pages from ${known}`)
    }
    // What exempts is the network of a success, and the exemption is from one counter: five guesses a network stay five.
    for (let i = 0; i < 5; i++) await guess(victim.email, home)
    assert.equal((await attempt(victim.email, goodPassword, home)).status, 401)
  })

  test('B28 a /64 is one network, and what a client says of its own address counts for nothing', async () => {
    const walker = await createUser(palisade, acme, 'walker')
    for (let i = 1; i <= 6; i++) await guess(walker.email, `2001:db8:1:1:${i}:${i}::${i}`)
    assert.equal((await attempt(walker.email, goodPassword, '2001:db8:1:1:ffff::9')).status, 401, 'the same /64')
    assert.equal((await attempt(walker.email, goodPassword, '2001:db8:1:2::9')).status, 200, 'another /64')

    const spoofed = await createUser(palisade, acme, 'spoofed')
    // The last address is what the trusted peer saw; what stands before it came from the client.
    for (let i = 1; i <= 6; i++) await guess(spoofed.email, `203.0.113.${i}, 10.0.0.${i}, 198.51.100.77`)
    assert.equal((await attempt(spoofed.email, goodPassword, '203.0.113.99, 198.51.100.77')).status, 401)
    assert.equal((await attempt(spoofed.email, goodPassword, '::ffff:198.51.100.77')).status, 401, 'IPv4 in IPv6')
    assert.equal((await attempt(spoofed.email, goodPassword, '198.51.100.78')).status, 200)
  })

  const hashes = async () => {
    const { body } = await request(`http://127.0.0.1:${palisade.env.PALISADE_METRICS_PORT}/metrics`)
    return Number(/^palisade_password_hashes (\d+)$/m.exec(await body.text())?.[1])
  }

  test('B29 nor does the time of the answer', async () => {
    const people: string[] = []
    for (let i = 0; i < 3; i++) people.push((await createUser(palisade, acme, `timed-${i}`)).email)
    // Each is asked about fewer than 30 times, from a new network each time: no lock is met.
    const somebody = (round: number) => people[round % people.length] ?? ''
    const nobody = (round: number) => `nobody-${round}@acme.test`
    const ofNowhere = (round: number) => guess(somebody(round), newNetwork(), 'nowhere')
    const missing = (round: number) => guess(nobody(round), newNetwork())
    await assertTakeAlike('a wrong password, a missing user', (round) => guess(somebody(round), newNetwork()), missing)
    await assertTakeAlike('an unknown organisation, a missing user', ofNowhere, missing)

    const reset = (emailId: string) =>
      palisade.api.call('POST', '/v1/auth/user/password/reset', { body: { emailId }, headers: from(newNetwork()) })
    await assertTakeAlike(
      'a reset for somebody, for nobody',
      (round) => reset(somebody(round)),
      (round) => reset(nobody(round)),
    )
  })

  test('B29 nor does the time of the first answer about an organisation that nobody has used for long', async () => {
    const pairs = 60
    for (let i = 0; i < pairs; i++)
      await palisade.system.must('POST', '/v1/tenants', {
        body: {
          metadata: { name: `quiet-${i}` },
          spec: { orgName: `quiet-${i}`, firstName: 'Ada', lastName: 'Admin', emailId: `ada@quiet-${i}.test` },
        },
      })
    await reborn(palisade) // nothing of them is in memory
    // Each is asked about once; what does not belong to an organisation is warmed up by others.
    for (let i = 0; i < 5; i++) await guess('nobody@acme.test', newNetwork(), i % 2 === 0 ? 'acme' : 'nowhere')
    await assertTakeAlike(
      'an organisation for the first time, one that does not exist',
      (round) => guess('nobody@quiet.test', newNetwork(), `quiet-${round}`),
      (round) => guess('nobody@quiet.test', newNetwork(), `nowhere-${round}`),
      { pairs, warmUp: false },
    )
  })

  test('B29 nothing that anybody may ask tells whether a person or an organisation exists', async () => {
    const body = (name: string) => ({ metadata: { name }, spec: { emailId: `${name}@acme.test`, firstName: name } })
    await acme.admin.must('POST', '/v1/users', { body: body('pending') })
    const off = await createUser(palisade, acme, 'off')
    await acme.admin.must('PATCH', `/v1/users/${off.uid}`, {
      body: [{ op: 'replace', path: '/status/isActive', value: false }],
    })
    const locked = await createUser(palisade, acme, 'locked')
    for (let i = 0; i < 6; i++) await guess(locked.email, '198.51.100.100')

    const attempts: Record<string, () => Promise<ApiAnswer>> = {
      'a wrong password': () => guess(dev.email, '198.51.100.101'),
      'nobody of that name': () => guess('none@acme.test', '198.51.100.102'),
      'no such organisation': () => guess(dev.email, '198.51.100.103', 'nowhere'),
      'a person of another organisation': () => guess(administrator.email, '198.51.100.104'),
      'somebody without a password yet': () => guess('pending@acme.test', '198.51.100.105'),
      'the right password of somebody switched off': () => attempt(off.email, goodPassword, '198.51.100.106'),
      'a locked account': () => attempt(locked.email, goodPassword, '198.51.100.100'),
      'no address at all': () => guess('@@', '198.51.100.107'),
      'a NUL': () => guess('dev\0@acme.test', '198.51.100.108'),
      'no organisation named': () => attempt('none@acme.test', 'Wrong-Guess-1234', '198.51.100.109', ''),
      'an empty password': () => attempt(dev.email, '', '198.51.100.110'),
    }
    const first = shapeOf(await guess(dev.email, '198.51.100.111'))
    assert.equal(first.status, 401)
    for (const [what, ask] of Object.entries(attempts)) {
      const before = await hashes()
      assert.deepEqual(shapeOf(await ask()), first, what)
      assert.equal((await hashes()) - before, 1, `${what}: one hash is computed`)
    }
    const before = await hashes()
    assert.equal((await attempt(dev.email, goodPassword, '198.51.100.101')).status, 200)
    assert.equal((await hashes()) - before, 1, 'and one for the right password')

    const system = (username: string) =>
      palisade.api.call('POST', '/v1/auth/syslogin', {
        body: { username, password: 'Wrong-Guess-1234' },
        headers: from('198.51.100.112'),
      })
    assert.deepEqual(shapeOf(await system(administrator.email)), shapeOf(await system('none@palisade.test')))

    // What is asked before signing in: by somebody's address or organisation, and by nobody's.
    const pairs: Record<string, (name: string) => readonly ['GET' | 'POST', string, unknown?]> = {
      'asking for a reset': (name) => ['POST', '/v1/auth/user/password/reset', { emailId: `${name}@acme.test` }],
      'asking for the organisation': (name) => ['GET', `/v1/auth/user/org/forgot?emailId=${name}@acme.test`],
    }
    for (const [what, ask] of Object.entries(pairs)) {
      const shapes = []
      for (const name of ['dev', 'nil', '@@@']) {
        const [method, path, body] = ask(name)
        shapes.push(shapeOf(await palisade.api.call(method, path, body === undefined ? {} : { body })))
      }
      assert.deepEqual(shapes[1], shapes[0], what)
      assert.deepEqual(shapes[2], shapes[0], what)
    }
    const org = async (name: string) => {
      const answer = await palisade.api.call('GET', `/v1/auth/org?orgName=${name}`)
      return shapeOf({ ...answer, body: { ...answer.body, orgName: undefined } })
    }
    assert.deepEqual(await org('acme'), await org('nope'), 'how an organisation signs in')
    assert.deepEqual(
      (await palisade.api.call('GET', '/v1/auth/sso/logins?org=acme')).text,
      (await palisade.api.call('GET', '/v1/auth/sso/logins?org=nope')).text,
    )
  })
})

describe('links', () => {
  const set = (token: string, step: 'activate' | 'reset', password = goodPassword) =>
    palisade.api.call('PATCH', `/v1/auth/password/${token}/${step}`, { body: { password }, headers: from('192.0.2.7') })
  const linkOf = async (user: string): Promise<string> =>
    (await acme.admin.must('GET', `/v1/users/${user}`)).status.activationLink
  const tokenIn = (link: string) => new URL(link).pathname.split('/').at(-1) ?? ''
  const invite = async (name: string): Promise<{ uid: string; email: string; token: string }> => {
    const email = `${name}@acme.test`
    const { uid } = await acme.admin.must('POST', '/v1/users', {
      body: { metadata: { name }, spec: { emailId: email, firstName: name } },
    })
    return { uid, email, token: tokenIn(await linkOf(uid)) }
  }
  const stateOf = async (user: string) => (await acme.admin.must('GET', `/v1/users/${user}`)).status.isActive
  const assertInvalid = (answer: ApiAnswer, what: string) => {
    assert.equal(answer.status, 400, `${what}: ${answer.text}`)
    assert.equal(answer.body.code, 'InvalidPasswordToken', what)
  }

  test('B30 no step can be jumped: a password is set by the link of that person for that purpose, once', async () => {
    const guest = await invite('guest')
    const other = await invite('other')
    await acme.admin.must('PATCH', `/v1/users/${dev.uid}/password/reset`)
    // There is no mail: whoever may start a reset is shown its link and hands it over; the person is not.
    const reset = tokenIn(await linkOf(dev.uid))
    assert.match(reset, /^plk_/)
    assert.equal((await dev.api.must('GET', `/v1/users/${dev.uid}`)).status.activationLink, '')
    const [prefix = '', , uid = '', ...secret] = guest.token.split('_')
    const [, tenant = '', otherUid = ''] = other.token.split('_')
    const foreign = await createTenant(palisade, 'globex')

    const wrongSteps: Record<string, () => Promise<ApiAnswer>> = {
      'an activation link to reset': () => set(guest.token, 'reset'),
      'a reset link to activate': () => set(reset, 'activate'),
      'another person’s link with this secret': () => set([prefix, tenant, otherUid, ...secret].join('_'), 'activate'),
      'this link in another tenant': () => set([prefix, foreign.uid, uid, ...secret].join('_'), 'activate'),
      'this link in the system’s tenant': () => set([prefix, 'system', uid, ...secret].join('_'), 'activate'),
      'the link’s parts without its secret': () => set([prefix, tenant, uid, ''].join('_'), 'activate'),
      'something behind it': () => set(`${guest.token}abc`, 'activate'),
      'something before it': () => set(`3${guest.token}`, 'activate'),
      'upper case': () => set(guest.token.toUpperCase(), 'activate'),
      'a blank behind it': () => set(`${guest.token}%20`, 'activate'),
      'a NUL behind it': () => set(`${guest.token}%00`, 'activate'),
      'a line break behind it': () => set(`${guest.token}%0a`, 'activate'),
      'a plain word': () => set('undefined', 'activate'),
    }
    for (const [what, step] of Object.entries(wrongSteps)) assertInvalid(await step(), what)

    // Without any link: as the person, as an administrator, as somebody else who is signed in.
    for (const password of ['', goodPassword])
      assert.equal((await attempt(guest.email, password, '192.0.2.8')).status, 401)
    const activateByPatch = [{ op: 'replace', path: '/status/isActive', value: true }]
    assert.notEqual((await acme.admin.call('PATCH', `/v1/users/${guest.uid}`, { body: activateByPatch })).status, 204)
    const change = { currentPassword: goodPassword, newPassword: `${goodPassword}-2` }
    for (const api of [acme.admin, dev.api])
      assert.equal((await api.call('PATCH', `/v1/users/${guest.uid}/password/change`, { body: change })).status, 403)
    assert.equal(await stateOf(guest.uid), false)

    // The steps in their order, each once.
    assert.equal((await set(guest.token, 'activate', 'short')).status, 400, 'a password that is none leaves the link')
    assert.equal((await set(guest.token, 'activate')).status, 204)
    assertInvalid(await set(guest.token, 'activate', `${goodPassword}-3`), 'a second time')
    assert.equal((await attempt(guest.email, goodPassword, '192.0.2.8')).status, 200)
    assert.equal((await set(reset, 'reset')).status, 204)
    assert.equal((await me(dev.token)).status, 401, 'a new password ends the sessions that the old one opened')
    const api = palisade.api.as({ token: await tokenOf(dev.email) })
    dev = { ...dev, api, token: await tokenOf(dev.email) }
  })

  test('B30 of ten who use one link at once, one is let in', async () => {
    const racer = await invite('racer')
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => set(racer.token, 'activate', `${goodPassword}-${i}`)),
    )
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, ...Array(9).fill(400)])
    const winner = answers.findIndex(({ status }) => status === 204)
    assert.equal((await attempt(racer.email, `${goodPassword}-${winner}`, '192.0.2.9')).status, 200)
  })

  test('C03 a link that is made anew is another one, and the old one is dead at once', async () => {
    const twice = await invite('twice')
    await acme.admin.must('PATCH', `/v1/users/${twice.uid}/password/reset`)
    const second = tokenIn(await linkOf(twice.uid))
    assert.notEqual(second, twice.token)
    assertInvalid(await set(twice.token, 'activate'), 'the older link')
    assert.equal((await set(second, 'activate')).status, 204)
  })

  test('C07 an expired link is refused on use, with nobody sweeping it away', async () => {
    const late = await invite('late')
    await palisade.sql(`update link_tokens set expires_at = now() - interval '1 ms' where user_id = $1`, [late.uid])
    assertInvalid(await set(late.token, 'activate'), 'an expired link')
    assert.equal(await linkOf(late.uid), '', 'and it is not shown any more')
    assert.equal(await stateOf(late.uid), false)
    const left = await palisade.sql('select from link_tokens where user_id = $1', [late.uid])
    assert.equal(left.length, 1, 'the row is still there: it was its time that was looked at')
    await palisade.sql(`update link_tokens set expires_at = now() + interval '1 h' where user_id = $1`, [late.uid])
    assert.equal((await set(late.token, 'activate')).status, 204, 'the very same link works while it lasts')
  })
})

describe('API keys', () => {
  const newKey = async (api: Api, name: string, spec?: object): Promise<{ uid: string; apiKey: string }> =>
    api.must('POST', '/v1/apiKeys', { body: { metadata: { name }, ...(spec ? { spec } : {}) } })
  const uses = async (apiKey: string) => (await palisade.api.as({ apiKey }).call('GET', '/v1/users/me')).status

  test('C03 a key made again is another key; the old one is dead at once and none tells the next', async () => {
    const owner = await createUser(palisade, acme, 'keys')
    const first = await newKey(owner.api, 'ci')
    assert.equal(await uses(first.apiKey), 200)
    await owner.api.must('DELETE', `/v1/apiKeys/${first.uid}`)
    assert.equal(await uses(first.apiKey), 401)
    const second = await newKey(owner.api, 'ci')
    assert.equal(await uses(second.apiKey), 200)
    assert.equal(await uses(first.apiKey), 401)
    assert.equal(await uses(second.apiKey.replace(second.uid, first.uid)), 401)

    const secrets = [first, second].map(({ apiKey }) => apiKey.split('_').slice(3).join('_'))
    for (let i = 0; i < 18; i++) secrets.push((await newKey(owner.api, `k${i}`)).apiKey.split('_').slice(3).join('_'))
    assert.equal(new Set(secrets).size, 20)
    for (const secret of secrets) assert.equal(Buffer.from(secret, 'base64url').length, 32, '256 bits')
    // No character stays the same in twenty keys: by chance that happens once in 10^23 runs (the last one has 4 bits).
    for (let at = 0; at < 43; at++) assert.ok(new Set(secrets.map((secret) => secret[at])).size > 1, `character ${at}`)
    const [kept] = await palisade.sql<{ found: boolean }>(
      `select bool_or(position($1::text in k::text) > 0) as found from api_keys k`,
      [secrets[1]],
    )
    assert.equal(kept?.found, false, 'the database does not hold the secret')
  })

  test('C05 a wrong secret is refused alike wherever it first differs, and no code compares secrets with ===', async () => {
    const { uid: keyUid, apiKey } = await newKey(dev.api, 'c05')
    const secretAt = apiKey.length - 43
    const flipped = (at: number) => `${apiKey.slice(0, at)}${apiKey[at] === 'A' ? 'B' : 'A'}${apiKey.slice(at + 1)}`
    const answers = []
    for (const at of [secretAt, secretAt + 21, apiKey.length - 2])
      answers.push(shapeOf(await palisade.api.as({ apiKey: flipped(at) }).call('GET', '/v1/users/me')))
    const unknown = apiKey.replace(keyUid, '0'.repeat(24))
    const nobody = shapeOf(await palisade.api.as({ apiKey: unknown }).call('GET', '/v1/users/me'))
    for (const answer of answers) assert.deepEqual(answer, nobody, 'as a key that does not exist')
    assert.equal(nobody.status, 401)
    assert.equal(await uses(apiKey), 200)

    const found = comparedSecrets(
      'if (stored.secretHash === presented || !a) if (x !== row.apiKey) if (t == token) String(row.hash) === x, t === undefined',
    )
    assert.deepEqual(
      found,
      ['stored.secretHash === presented', 'x !== row.apiKey', 't == token', 'String(row.hash) === x'],
      'the rule can see',
    )
    for (const file of await sourceFiles()) assert.deepEqual(comparedSecrets(await readFile(file, 'utf8')), [], file)
    // A key is found by its uid and compared so; a link is found by the whole hash of what was presented.
    const source = (name: string) => readFile(new URL(`../../server/identity/${name}`, import.meta.url), 'utf8')
    assert.match(await source('authenticator.ts'), /timingSafeEqual\(state\.secretHash, presented\)/)
    assert.match(await source('links.ts'), /l\.secret_hash = \$3/)
  })

  test('C07 a key ends at its time, also one that the server knows already', async () => {
    const spent = await newKey(dev.api, 'spent', { expiry: new Date(Date.now() + 3_600_000).toISOString() })
    await palisade.sql(`update api_keys set expires_at = now() - interval '1 ms' where key_id = $1`, [spent.uid])
    assert.equal(await uses(spent.apiKey), 401, 'an expired key')
    assert.equal((await atTheDoor(`Bearer ${spent.apiKey}`)).status, 401)

    const expiry = new Date(Date.now() + 2_000)
    const brief = await newKey(dev.api, 'brief', { expiry: expiry.toISOString() })
    assert.equal(await uses(brief.apiKey), 200)
    await until('its end', async () => ((await uses(brief.apiKey)) === 401 ? true : undefined), { everyMs: 100 })
    assert.ok(Date.now() >= expiry.getTime(), 'and not before it')
    const rows = await palisade.sql('select from api_keys where key_id = any($1) and is_active', [
      [spent.uid, brief.uid],
    ])
    assert.equal(rows.length, 2, 'both rows are there and switched on: it was the time that was looked at')
  })

  test('C04 keys and sessions are the caller’s, whatever a body says', async () => {
    const userAdmin = await createUser(palisade, acme, 'helpdesk')
    const role = predefinedRole('Tenant User Admin').uid
    await acme.admin.must('PUT', `/v1/users/${userAdmin.uid}/roles`, { body: { roles: [role] } })
    const victim = acme.adminUid
    const ownerOf = async (uid: string) => (await acme.admin.must('GET', `/v1/apiKeys/${uid}`)).spec.user.uid

    // The member that says for whom: refused to whoever may not, and to whoever holds less than the other.
    const named = { metadata: { name: 'theirs' }, spec: { userUid: victim } }
    for (const api of [dev.api, userAdmin.api]) {
      const refused = await api.call('POST', '/v1/apiKeys', { body: named })
      assert.equal(refused.status, 403, refused.text)
      assert.doesNotMatch(refused.text, /pak_/)
    }
    // Members that other products have been taken in by: they are nothing here, and the key is the caller's.
    const smuggled = {
      ...{ userId: victim, userUid: victim, user: { uid: victim }, ownerId: victim, tenantUid: 'system' },
      metadata: { name: 'mine', uid: victim, annotations: { userUid: victim, createdBy: victim } },
      spec: { userId: victim, user: { uid: victim }, UserUid: victim, owner: victim },
    }
    for (const headers of [{}, { 'x-user-id': victim, 'x-remote-user': acme.adminEmail, 'impersonate-user': victim }]) {
      const made = await dev.api.must('POST', '/v1/apiKeys?userUid=x', { body: smuggled, headers })
      assert.equal(await ownerOf(made.uid), dev.uid)
    }
    // Whoever covers the other may: the refusals above were about rights.
    const lent = await acme.admin.must('POST', '/v1/apiKeys', {
      body: { metadata: { name: 'lent' }, spec: { userUid: dev.uid } },
    })
    assert.equal(await ownerOf(lent.uid), dev.uid)
    const helped = await userAdmin.api.call('POST', '/v1/apiKeys', {
      body: { metadata: { name: 'helped' }, spec: { userUid: dev.uid } },
    })
    assert.equal(helped.status, 201, 'who may make keys makes one for somebody without rights')

    // Sessions of somebody else: listed, ended, revoked by token.
    const adminToken = (await attempt(acme.adminEmail, goodPassword, '192.0.2.20')).body.Authorization
    const session = decodeJwt(adminToken).sid
    for (const api of [dev.api, userAdmin.api]) {
      assert.equal((await api.call('GET', `/v1/palisade/sessions?user=${victim}`)).status, 403)
      assert.equal((await api.call('DELETE', `/v1/palisade/sessions/${session}`)).status, 403)
      // Passed over in silence: the answer would else tell which tokens are alive.
      await api.must('POST', '/v1/users/auth/tokens/revoke', { body: { tokens: [adminToken] } })
      const { items } = await api.must('GET', '/v1/palisade/sessions')
      assert.ok(items.length > 0)
      for (const item of items) assert.notEqual(item.user, victim)
    }
    assert.equal((await me(adminToken)).status, 200, 'the session goes on')

    const own = await palisade.signIn(dev.email, goodPassword, 'acme')
    const { items } = await acme.admin.must('GET', `/v1/palisade/sessions?user=${dev.uid}`)
    assert.ok(items.length > 0, 'an administrator sees them')
    const current = (await own.must('GET', '/v1/palisade/sessions')).items.find(
      (item: { current: boolean }) => item.current,
    )
    await acme.admin.must('DELETE', `/v1/palisade/sessions/${current.uid}`)
    assert.equal((await own.call('GET', '/v1/users/me')).status, 401, 'and may end them')
  })
})

describe('sessions', () => {
  test('C06 a session that is over is over everywhere, though its row is still there, and knocking does not wake it', async () => {
    const idle = await tokenOf(dev.email, '192.0.2.31')
    const tired = await tokenOf(dev.email, '192.0.2.32')
    const fresh = await tokenOf(dev.email, '192.0.2.33')
    const sessionOf = (token: string) => decodeJwt(token).sid
    for (const token of [idle, tired, fresh]) assert.equal((await me(token)).status, 200)
    const long = `interval '1 s' * (idle_seconds + 1)`
    await palisade.sql(`update sessions set last_seen_at = now() - ${long} where session_id = $1`, [sessionOf(idle)])
    await palisade.sql(`update sessions set absolute_end_at = now() where session_id = $1`, [sessionOf(tired)])
    await reborn(palisade) // what it had in memory was newer than the table that the test has just changed

    const { paths } = await palisade.api.must('GET', '/openapi.json')
    const guarded = Object.keys(paths).filter(
      (path) =>
        paths[path].get &&
        !path.includes('{') &&
        // An answer that goes on has no end to wait for; it is refused like others (tests/isolation).
        !paths[path].get.responses['200']?.content?.['text/event-stream'] &&
        !/^\/(livez|readyz|openapi|v1\/auth\/(?!orgs)|v1\/palisade\/(version|login|branding)$)/.test(path),
    )
    assert.ok(guarded.length > 15, `${guarded.length} routes`)
    for (const token of [idle, tired]) {
      for (const path of guarded)
        assert.equal((await palisade.api.as({ token }).call('GET', path)).status, 401, `${path} says who is there`)
      await assertNobody(token)
      const posts = ['/v1/palisade/logout', '/v1/users/auth/tokens/revoke', '/v1/apiKeys']
      for (const path of posts)
        assert.equal((await palisade.api.as({ token }).call('POST', path, { body: {} })).status, 401, path)
    }
    for (const path of guarded)
      assert.notEqual((await palisade.api.as({ token: fresh }).call('GET', path)).status, 401, `${path} for a live one`)

    const rows = await palisade.sql<{ session_id: string; idle: boolean }>(
      `select session_id, last_seen_at < now() - ${long} as idle from sessions where session_id = any($1) and ended_at is null`,
      [[sessionOf(idle), sessionOf(tired)]],
    )
    assert.equal(rows.length, 2, 'the rows were neither purged nor ended')
    assert.equal(rows.find(({ session_id }) => session_id === sessionOf(idle))?.idle, true, 'and not woken')
    const { items } = await palisade.api.as({ token: fresh }).must('GET', '/v1/palisade/sessions')
    const listed = items.map((item: { uid: string }) => item.uid)
    assert.ok(listed.includes(sessionOf(fresh)))
    assert.ok(!listed.includes(sessionOf(idle)) && !listed.includes(sessionOf(tired)), 'nor listed as open')
  })

  test('C10 no credential without its audit entry, and none in an answer that refuses', async () => {
    const api = palisade.api.as({ token: await tokenOf(dev.email) })
    const admin = await palisade.signIn(acme.adminEmail, goodPassword, 'acme')
    const token = await tokenOf(dev.email)
    const credential = /pak_|plk_|eyJ[A-Za-z0-9_-]{20}/
    const stored = async () =>
      palisade.sql(
        `select (select count(*) from api_keys) as keys, (select count(*) from sessions) as sessions,
                (select count(*) from link_tokens) as links, (select count(*) from users) as users`,
      )
    const invitation = (name: string) => ({
      metadata: { name },
      spec: { emailId: `${name}@acme.test`, firstName: name },
    })
    const issues: Record<string, (name: string) => Promise<ApiAnswer>> = {
      'an API key': (name) => api.call('POST', '/v1/apiKeys', { body: { metadata: { name } } }),
      'a session': () => attempt(dev.email, goodPassword, '192.0.2.40'),
      'a refreshed token': () => palisade.api.call('GET', `/v1/auth/refresh/${token}`),
      'an invitation': (name) => admin.call('POST', '/v1/users', { body: invitation(name) }),
      'a reset link': () => admin.call('PATCH', `/v1/users/${dev.uid}/password/reset`),
    }

    const before = await stored()
    await palisade.sql('revoke insert on audit_pending from palisade_app')
    try {
      for (const [what, issue] of Object.entries(issues)) {
        const answer = await issue('unrecorded')
        assert.ok(answer.status >= 500, `${what} without an entry: ${answer.status}`)
        assert.doesNotMatch(answer.text, credential, what)
      }
    } finally {
      await palisade.sql('grant insert on audit_pending to palisade_app')
    }
    assert.deepEqual(await stored(), before, 'nothing was issued')

    for (const [what, issue] of Object.entries(issues)) {
      const answer = await issue('recorded')
      assert.ok(answer.status < 300, `${what}: ${answer.text}`)
    }
    const { items } = await admin.must('GET', '/v1/audits?limit=20')
    const events = new Set(items.map((item: { metadata: { name: string } }) => item.metadata.name))
    for (const event of [
      'apikey.created',
      'session.started',
      'session.refreshed',
      'user.created',
      'password.reset.requested',
    ])
      assert.ok(events.has(event), `${event} is in the log`)

    const refused = [
      await api.call('POST', '/v1/apiKeys', {
        body: { metadata: { name: 'past' }, spec: { expiry: '2001-01-01T00:00:00Z' } },
      }),
      await api.call('POST', '/v1/apiKeys', { body: { metadata: { name: 'for' }, spec: { userUid: acme.adminUid } } }),
      await admin.call('POST', '/v1/users', { body: invitation('recorded') }),
    ]
    for (const answer of refused) {
      assert.ok(answer.status >= 400 && answer.status < 500, answer.text)
      assert.doesNotMatch(answer.text, credential)
    }
  })
})

/**
 * Comparisons by `===` and the like in which something named like a secret stands beside another value. Comparing with a
 * constant (`undefined`, a literal, a length) gives nothing away.
 */
function comparedSecrets(source: string): string[] {
  const secret = /(secret|password|token|api_?key|hash|fingerprint|signature|digest|hmac)(?!\w*\.(length|kind|state))/i
  const value = String.raw`[\w.$?!]+(?:\([^()]*\))*`
  const comparison = new RegExp(`(${value}) [!=]==? (${value}|'[^']*')`, 'g')
  const isConstant = (operand: string) => /^('|undefined$|null$|true$|false$|\d|[\w.]*Bytes$)/.test(operand)
  return [...source.matchAll(comparison)]
    .filter(([, left = '', right = '']) => !isConstant(left) && !isConstant(right))
    .filter(([, ...operands]) => operands.some((one) => secret.test(one)))
    .map(([text]) => text)
    .filter((text) => !harmless.some((known) => text.endsWith(known)))
}

const harmless = [
  // Two texts that the same person has just typed.
  'normalPassword(current) === normalPassword(next)',
  'normalPassword(claim.password) === normalPassword(next)',
  // Whether a client sent the mask back that everybody is shown.
  'clientSecret !== accountMask',
  "password !== form.get('again')",
  // Whether the token that a server refused is still the one that the command line keeps: both are its own.
  'access.reveal() !== refused.secret.reveal()',
  // Which folder on the own disk belongs to which key file.
  'ownerPasswordSha256 === sha256(password)',
  'ownerPasswordSha256 !== sha256(ownerPassword)',
  // A word of the protocol, such as "websocket", and a part of a JSON pointer.
  'toLowerCase() !== upgradeToken(asked)',
  'token === path',
  // Whose a token is and for whom, which it says itself: names, and no secrets.
  'token.clientId === client.clientId',
  'token.aud !== publicUrl',
]
