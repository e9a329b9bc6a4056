import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { after, afterEach, before, describe, test } from 'node:test'
import { decodeJwt, generateKeyPair } from 'jose'
import { until } from '../support/until.ts'
import { type Browser, type CanvasWorld, createBrowser, type Page, startCanvasWorld } from './canvas-world.ts'
import { requestText, sendRaw } from './support.ts'

// Attacks on the server side of the console, between a real issuer, a real database and browsers that do as they are told.

let world: CanvasWorld
before(async () => {
  world = await startCanvasWorld()
})
after(() => world?.stop())
afterEach(() => {
  Object.assign(world.issuer, {
    tamper: undefined,
    hold: undefined,
    away: false,
    expiresInSeconds: 900,
    gaveRefresh: true,
  })
})

const newBrowser = () => createBrowser(world, world.issuer)

/** A browser on its way back from the issuer: the callback that it was sent to, not yet followed. */
async function beforeCallback(
  who = world.ada,
  browser = newBrowser(),
): Promise<{ browser: Browser; callback: string }> {
  world.issuer.account = who.account
  let page = await browser.send('/canvas/login')
  for (let i = 0; i < 10 && page.status < 400; i++) {
    const next = new URL(String(page.headers.location), page.url)
    if (next.pathname === '/canvas/callback') return { browser, callback: next.href }
    page = await browser.send(next.href)
  }
  throw new Error(`the issuer did not send the browser back: ${page.status} ${page.text}`)
}

const signInWorks = (page: Page) => page.setCookies.some((line) => /^__Host-palisade=[^;]/.test(line))

function assertRefused(page: Page, status = 400): void {
  assert.equal(page.status, status, page.text)
  assert.ok(!signInWorks(page), 'no session came of it')
}

const assertGone = async (browser: Browser) => assert.equal((await browser.fetch('/canvas/session')).status, 401)

test('the session’s cookie lives as long as the browser is open: it has no age of its own', async () => {
  const { browser, callback } = await beforeCallback()
  const { setCookies } = await browser.send(callback)
  const cookies = setCookies.filter((line) => line.startsWith('__Host-palisade='))
  assert.equal(cookies.length, 1)
  assert.match(cookies[0] ?? '', /^__Host-palisade=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
})

test('a sign-in leads through the issuer to where it began, and the session says who it is', async () => {
  world.issuer.account = world.ada.account
  const browser = newBrowser()
  const page = await browser.open('/canvas/login?return_to=%2Fclusters%3Ftab%3D1')
  assert.equal(page.url, `${world.url}/clusters?tab=1`)
  const { status, body } = await browser.fetch('/canvas/session')
  assert.equal(status, 200)
  assert.deepEqual(body.user, { uid: world.ada.uid, email: world.ada.email, firstName: 'ada', lastName: 'Admin' })
  assert.deepEqual(body.tenant, { uid: world.ada.tenant, name: 'ada' })
  assert.equal(body.isSystem, false)
  assert.ok(Date.parse(body.endsAt) > Date.now())
  const projects = await browser.fetch('/canvas/api/v1/dashboard/projects/metadata')
  assert.equal(projects.body.items[0].metadata.uid, world.ada.project)
  const made = await browser.fetch('/canvas/api/v1/projects', {
    method: 'POST',
    body: JSON.stringify({ metadata: { name: 'by-a-browser' }, spec: {} }),
  })
  assert.equal(made.status, 201, made.text)
})

test('over HTTP/2, as browsers speak it, all of it is the same', async () => {
  const browser = await world.signedIn(world.ada)
  const csrf = await browser.csrf()
  const client = connect(world.url.replace('localhost', '127.0.0.1'), { ca: world.caPem, servername: 'localhost' })
  const ask = async (headers: Record<string, string>, body = '') => {
    const stream = client.request({ ':authority': new URL(world.url).host, ...headers }, { endStream: false })
    stream.end(body)
    const [answer] = await once(stream, 'response')
    let text = ''
    for await (const chunk of stream) text += chunk
    return { status: answer[':status'] as number, text }
  }
  const cookie = `__Host-palisade=${browser.cookies.get('__Host-palisade')}`
  const session = await ask({ ':path': '/canvas/session', cookie })
  assert.equal(JSON.parse(session.text).user.uid, world.ada.uid)
  const change = { ':path': '/canvas/api/v1/projects', ':method': 'POST', 'content-type': 'application/json', cookie }
  const project = JSON.stringify({ metadata: { name: 'over-http2' }, spec: {} })
  assert.equal((await ask(change, project)).status, 403)
  const made = await ask({ ...change, origin: world.url, 'x-palisade-csrf': csrf }, project)
  assert.equal(made.status, 201, made.text)
  const door = await ask({ ':path': '/canvas/k8s/clusters/0123456789abcdef01234567/api', cookie })
  assert.equal(door.status, 404, 'known, and no such cluster')
  assert.equal((await ask({ ':path': '/canvas/session' })).status, 401)
  client.close()
})

describe('A22: who is shown is who acts', () => {
  test('headers that a proxy might set name nobody', async () => {
    const browser = await world.signedIn(world.ada)
    const forged = Object.fromEntries(
      ['x-forwarded-user', 'x-forwarded-email', 'x-remote-user', 'x-auth-request-user', 'impersonate-user'].map(
        (name) => [name, world.bob.email],
      ),
    )
    const { body } = await browser.fetch('/canvas/session', { headers: forged })
    assert.equal(body.user.uid, world.ada.uid)
    const me = await browser.fetch('/canvas/api/v1/users/me', { headers: forged })
    assert.equal(me.body.metadata.uid, world.ada.uid)
    assert.equal((await newBrowser().send('/canvas/session', { headers: forged })).status, 401)
  })

  test('an ID token of one person beside an access token of another is no sign-in', async () => {
    const { browser, callback } = await beforeCallback()
    const mint = world.issuer.mint
    world.issuer.mint = () => mint(world.bob.account, undefined)
    assertRefused(await browser.send(callback))
    world.issuer.mint = mint
  })

  test('a renewed token of another session ends this one', async () => {
    world.issuer.expiresInSeconds = 30
    const browser = await world.signedIn(world.ada)
    const mint = world.issuer.mint
    world.issuer.mint = () => mint(world.bob.account, undefined)
    await assertGone(browser)
    world.issuer.mint = mint
    await assertGone(browser)
  })
})

describe('B08, B09, B11: what the ID token says', () => {
  /** Signs in with an ID token that was changed, and signed as this issuer signs. */
  async function withClaims(change: (claims: Record<string, unknown>) => Record<string, unknown>): Promise<Page> {
    const { browser, callback } = await beforeCallback()
    world.issuer.tamper = async (answer) => ({
      ...answer,
      id_token: await world.issuer.idToken(change(decodeJwt(answer.id_token ?? ''))),
    })
    return browser.send(callback)
  }

  test('one that was signed anew and not changed is taken: what follows is refused for what was changed', async () =>
    assert.ok(signInWorks(await withClaims((claims) => claims))))

  const cases: Readonly<Record<string, (claims: Record<string, unknown>) => Record<string, unknown>>> = {
    'B08: without audience': ({ aud: _, ...claims }) => claims,
    'B08: for another audience': (claims) => ({ ...claims, aud: 'somebody-else' }),
    'B08: for several, without azp': (claims) => ({ ...claims, aud: ['palisade-canvas', 'somebody-else'] }),
    'B08: for several, azp being another': (claims) => ({
      ...claims,
      aud: ['palisade-canvas', 'somebody-else'],
      azp: 'somebody-else',
    }),
    'B11: of another issuer': (claims) => ({ ...claims, iss: 'https://issuer.example' }),
    'B11: without nonce': ({ nonce: _, ...claims }) => claims,
    'B11: with the nonce of another sign-in': (claims) => ({ ...claims, nonce: 'a'.repeat(43) }),
    'B21: that has expired': (claims) => ({ ...claims, iat: 1_600_000_000, exp: 1_600_000_900 }),
    'A22: of nobody we know': (claims) => ({ ...claims, sub: 'somebody' }),
  }
  for (const [what, change] of Object.entries(cases))
    test(`${what}: refused`, async () => assertRefused(await withClaims(change)))

  async function withToken(make: (claims: Record<string, unknown>, before: string) => Promise<string>): Promise<void> {
    const { browser, callback } = await beforeCallback()
    world.issuer.tamper = async (answer) => ({
      ...answer,
      id_token: await make(decodeJwt(answer.id_token ?? ''), answer.id_token ?? ''),
    })
    assertRefused(await browser.send(callback))
  }
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

  test('B09: signed with another key under the same id: refused', async () => {
    const { privateKey } = await generateKeyPair('RS256')
    await withToken((claims) => world.issuer.idToken(claims, { key: privateKey }))
  })
  test('B09: signed with a key that the header brings along: refused', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
    const { exportJWK } = await import('jose')
    const jwk = await exportJWK(publicKey)
    await withToken((claims) => world.issuer.idToken(claims, { key: privateKey, header: { jwk, kid: 'mine' } }))
  })
  test('B09: alg none: refused', async () =>
    withToken(async (claims) => `${encoded({ alg: 'none' })}.${encoded(claims)}.`))
  test('B09: HS256 with the client’s secret: refused', async () => {
    const key = new TextEncoder().encode(world.issuer.settings.clientSecret.reveal())
    await withToken((claims) => world.issuer.idToken(claims, { key, header: { alg: 'HS256', kid: undefined } }))
  })
  test('B09: with the signature of another token: refused', async () =>
    withToken(async (claims, before) => {
      const [head, , signature] = before.split('.')
      return `${head}.${encoded({ ...claims, iat: Number(claims.iat) - 1 })}.${signature}`
    }))
  test('no ID token at all: refused', async () => {
    const { browser, callback } = await beforeCallback()
    world.issuer.tamper = ({ id_token: _, ...answer }) => answer
    assertRefused(await browser.send(callback))
  })
  test('an access token that the API does not take: refused', async () => {
    const { browser, callback } = await beforeCallback()
    world.issuer.tamper = (answer) => ({ ...answer, access_token: `${answer.access_token}x` })
    assertRefused(await browser.send(callback))
  })
})

test('B10: another credential beside the cookie is refused, and broken cookies break nothing', async () => {
  const browser = await world.signedIn(world.ada)
  for (const headers of [{ authorization: 'Bearer x' }, { authorization: 'Basic eDp5' }, { apikey: 'pak_x' }])
    for (const path of ['/canvas/session', '/canvas/api/v1/users/me', '/canvas/k8s/clusters/x/api'])
      assert.equal((await browser.fetch(path, { headers: headers as Record<string, string> })).status, 401, path)
  const stranger = newBrowser()
  for (const value of [
    '',
    '=',
    ';',
    'x',
    '%00',
    '"x"',
    'a'.repeat(43),
    '..',
    '__proto__',
    'é'.repeat(10),
    'a'.repeat(8000),
  ]) {
    const page = await stranger.send('/canvas/session', { headers: { cookie: `__Host-palisade=${value}` } })
    assert.equal(page.status, 401, value)
  }
})

describe('B11: the state of a sign-in', () => {
  test('is bound to the browser that began', async () => {
    const { callback } = await beforeCallback()
    const victim = newBrowser()
    assertRefused(await victim.send(callback))
    // A browser that has begun a sign-in of its own is not led into somebody else's (login CSRF).
    const { browser } = await beforeCallback(world.bob)
    const page = await browser.send(callback)
    assertRefused(page)
    assert.ok(
      page.setCookies.some((line) => line.startsWith('__Host-palisade-state=;')),
      'the state goes on a mismatch too',
    )
  })

  test('is used up by its first callback, a wrong one included', async () => {
    const first = await beforeCallback()
    const state = first.browser.cookies.get('__Host-palisade-state') ?? ''
    assert.ok(signInWorks(await first.browser.send(first.callback)))
    first.browser.cookies.set('__Host-palisade-state', state)
    assertRefused(await first.browser.send(first.callback))

    const second = await beforeCallback()
    const kept = second.browser.cookies.get('__Host-palisade-state') ?? ''
    assertRefused(await second.browser.send(second.callback.replace(/state=[^&]+/, 'state=wrong')))
    assert.ok(!second.browser.cookies.has('__Host-palisade-state'))
    second.browser.cookies.set('__Host-palisade-state', kept)
    assertRefused(await second.browser.send(second.callback))
  })

  test('of two callbacks at once on two replicas one wins', async () => {
    const other = await world.replica()
    const { browser, callback } = await beforeCallback()
    const state = browser.cookies.get('__Host-palisade-state') ?? ''
    const twin = createBrowser(world, world.issuer, other)
    twin.cookies.set('__Host-palisade-state', state)
    const pages = await Promise.all([browser.send(callback), twin.send(callback)])
    assert.deepEqual(pages.map((page) => page.status).toSorted(), [303, 400])
  })

  for (const [what, change] of Object.entries({
    'no state': (url: URL) => url.searchParams.delete('state'),
    'an empty state': (url: URL) => url.searchParams.set('state', ''),
    'two states': (url: URL) => url.searchParams.append('state', 'other'),
    'no code': (url: URL) => url.searchParams.delete('code'),
    'a made-up code': (url: URL) => url.searchParams.set('code', 'x'.repeat(43)),
    'another issuer (mix-up)': (url: URL) => url.searchParams.set('iss', 'https://issuer.example'),
    'no issuer, where it says that it names itself': (url: URL) => url.searchParams.delete('iss'),
    'an error': (url: URL) => url.searchParams.set('error', 'access_denied'),
  }))
    test(`${what}: refused`, async () => {
      const { browser, callback } = await beforeCallback()
      const url = new URL(callback)
      change(url)
      assertRefused(await browser.send(url.href))
    })

  test('C07: five minutes are five minutes, though nobody cleans up', async () => {
    const { browser, callback } = await beforeCallback()
    const [left] = await world.sql<{ seconds: number }>(
      'select extract(epoch from max(expires_at) - now())::int as seconds from canvas_sign_ins',
    )
    assert.ok(left && left.seconds > 290 && left.seconds <= 300, `${left?.seconds} s`)
    await world.sql(`update canvas_sign_ins set expires_at = now() - interval '1 second'`)
    assertRefused(await browser.send(callback))
  })

  test('what has expired is forgotten with those that follow', async () => {
    await newBrowser().send('/canvas/login')
    await world.sql(`update canvas_sign_ins set expires_at = now() - interval '1 second'`)
    await newBrowser().send('/canvas/login')
    assert.deepEqual(await world.sql('select count(*)::int as rows from canvas_sign_ins'), [{ rows: 1 }])
  })
})

test('B12: a callback that nobody was sent to opens nothing', async () => {
  for (const query of ['', '?code=x&state=y', '?id_token=x', `?code=x&state=y&iss=${world.issuer.url}`]) {
    const browser = newBrowser()
    assertRefused(await browser.send(`/canvas/callback${query}`))
    browser.cookies.set('__Host-palisade-state', 'a'.repeat(43))
    assertRefused(await browser.send(`/canvas/callback${query}`))
  }
  for (const method of ['POST', 'HEAD', 'PUT'])
    assertRefused(await newBrowser().send('/canvas/callback?code=x&state=y', { method }), 405)
})

describe('B20: a refresh token is redeemed once', () => {
  test('by many tabs on two replicas at once, and all of them go on', async () => {
    const other = await world.replica()
    const browser = await world.signedIn(world.ada)
    const elsewhere = createBrowser(world, world.issuer, other)
    elsewhere.cookies.set('__Host-palisade', browser.cookies.get('__Host-palisade') ?? '')
    for (const left of ['30 seconds', '-1 seconds']) {
      await world.sql(`update canvas_sessions set token_ends_at = now() + $1::interval`, [left])
      world.issuer.grants.length = 0
      world.issuer.hold = new Promise((resolve) => setTimeout(resolve, 300))
      const tabs = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? browser : elsewhere).fetch('/canvas/session'))
      assert.deepEqual([...new Set((await Promise.all(tabs)).map(({ status }) => status))], [200], left)
      assert.deepEqual(world.issuer.grants, ['refresh_token'], left)
    }
    assert.equal((await browser.fetch('/canvas/session')).status, 200)
  })

  test('a replica that dies at it holds up nobody for long', async () => {
    const browser = await world.signedIn(world.ada)
    await world.sql(`update canvas_sessions set token_ends_at = now() - interval '1 second',
                                                refreshing_until = now() + interval '1 second'`)
    assert.equal((await browser.fetch('/canvas/session')).status, 200)
  })

  test('an issuer that is away ends no session', async () => {
    const browser = await world.signedIn(world.ada)
    await world.sql(`update canvas_sessions set token_ends_at = now() + interval '30 seconds'`)
    world.issuer.away = true
    assert.equal((await browser.fetch('/canvas/session')).status, 200, 'the token still counts')
    await world.sql(`update canvas_sessions set token_ends_at = now() - interval '1 second'`)
    const away = await browser.fetch('/canvas/session')
    assert.equal(away.status, 503)
    assert.equal(away.headers['retry-after'], '1')
    world.issuer.away = false
    assert.equal((await browser.fetch('/canvas/session')).status, 200)
  })

  test('one that was redeemed already ends the session: whose answer got lost cannot be told from a thief', async () => {
    const browser = await world.signedIn(world.ada)
    await world.sql(`update canvas_sessions set token_ends_at = now() - interval '1 second'`)
    world.issuer.tamper = () => 'lost'
    assert.equal((await browser.fetch('/canvas/session')).status, 503)
    world.issuer.tamper = undefined
    await assertGone(browser)
    const cookie = createHash('sha256')
      .update(browser.cookies.get('__Host-palisade') ?? '')
      .digest()
    assert.deepEqual(await world.sql('select from canvas_sessions where cookie_hash = $1', [cookie]), [])
  })
})

describe('B21, C06: what has expired counts nowhere', () => {
  const everywhere = ['/canvas/session', '/canvas/api/v1/users/me', '/canvas/k8s/clusters/x/api', '/canvas/nothing']

  test('a token at its end that cannot be renewed', async () => {
    world.issuer.gaveRefresh = false
    const browser = await world.signedIn(world.ada)
    await world.sql(`update canvas_sessions set token_ends_at = now() - interval '1 second'`)
    for (const path of everywhere) assert.equal((await browser.fetch(path)).status, 401, path)
    assert.equal((await browser.send('/canvas/logout', { method: 'POST' })).status, 401)
  })

  test('a session that was ended elsewhere, and its cookie does not keep it alive', async () => {
    const browser = await world.signedIn(world.ada)
    const { api } = world
    const own = await browser.fetch('/canvas/api/v1/palisade/sessions')
    const current = own.body.items.find((one: { current: boolean }) => one.current)
    const token = await world.issuer.mint(world.ada.account, undefined)
    await api.as({ token }).must('DELETE', `/v1/palisade/sessions/${current.uid}`)
    const seen = () => world.sql('select last_seen_at, ended_at from sessions where session_id = $1', [current.uid])
    const before = await seen()
    for (const path of everywhere.slice(0, 3)) assert.equal((await browser.fetch(path)).status, 401, path)
    assert.deepEqual(await seen(), before)
  })
})

describe('B22: where a sign-in leads to', () => {
  const strange = ['//evil.example', '/\\evil.example', '/\t/evil.example', 'https:evil.example', 'javascript:alert(1)']
  for (const wanted of [...strange, '/.//evil.example', `https://localhost@evil.example/`, '/canvas/logout'])
    test(JSON.stringify(wanted), async () => {
      world.issuer.account = world.ada.account
      const page = await newBrowser().open(`/canvas/login?return_to=${encodeURIComponent(wanted)}`)
      assert.equal(page.url, `${world.url}/`)
    })
})

describe('B23: the id of a session', () => {
  test('is never the one that was there before', async () => {
    const planted = 'a'.repeat(43)
    const { browser, callback } = await beforeCallback()
    browser.cookies.set('__Host-palisade', planted)
    await browser.send(callback)
    assert.notEqual(browser.cookies.get('__Host-palisade'), planted)
    const thief = newBrowser()
    thief.cookies.set('__Host-palisade', planted)
    await assertGone(thief)
  })

  test('is a new one at each sign-in; the old one is dead, and so is its session', async () => {
    const browser = await world.signedIn(world.ada)
    const old = browser.cookies.get('__Host-palisade') ?? ''
    const before = await world.sql<{ session_id: string }>(
      'select session_id from canvas_sessions where cookie_hash = $1',
      [createHash('sha256').update(old).digest()],
    )
    // Somebody else, at the same browser.
    const { browser: fresh, callback } = await beforeCallback(world.bob)
    fresh.cookies.set('__Host-palisade', old)
    await fresh.send(callback)
    assert.equal((await fresh.fetch('/canvas/session')).body.user.uid, world.bob.uid)
    const thief = newBrowser()
    thief.cookies.set('__Host-palisade', old)
    await assertGone(thief)
    const [row] = await world.sql<{ ended_at: Date | null }>('select ended_at from sessions where session_id = $1', [
      before[0]?.session_id,
    ])
    assert.ok(row?.ended_at, 'the session of who was signed in before has ended')
  })

  test('is new at a step-up within one session of the API, which goes on', async () => {
    const token = await world.issuer.mint(world.ada.account, undefined)
    const mint = world.issuer.mint
    world.issuer.mint = async () => token
    const browser = await world.signedIn(world.ada)
    const old = browser.cookies.get('__Host-palisade') ?? ''
    await browser.open('/canvas/login')
    world.issuer.mint = mint
    assert.notEqual(browser.cookies.get('__Host-palisade'), old)
    assert.equal((await browser.fetch('/canvas/session')).status, 200)
    const thief = newBrowser()
    thief.cookies.set('__Host-palisade', old)
    await assertGone(thief)
  })
})

describe('B23: a sign-in that the cookie of before did not come along to', () => {
  /** A browser whose cookie stays at home: another site led it to the sign-in, and `SameSite=Strict` keeps the cookie from that. */
  async function atHome() {
    const browser = await world.signedIn(world.ada)
    const before = newBrowser()
    before.cookies.set('__Host-palisade', browser.cookies.get('__Host-palisade') ?? '')
    browser.cookies.delete('__Host-palisade')
    return { browser, before }
  }
  /** Whatever is signed in meanwhile is one session of the API, as with an issuer that still knows the browser. */
  async function inOneSession<T>(work: () => Promise<T>): Promise<T> {
    const token = await world.issuer.mint(world.ada.account, undefined)
    const { mint } = world.issuer
    world.issuer.mint = async () => token
    return work().finally(() => Object.assign(world.issuer, { mint }))
  }
  const hashOf = (browser: Browser) =>
    createHash('sha256')
      .update(browser.cookies.get('__Host-palisade') ?? '')
      .digest()

  test('ends that cookie all the same', () =>
    inOneSession(async () => {
      const { browser, before } = await atHome()
      assert.equal((await before.fetch('/canvas/session')).status, 200)
      await browser.open('/canvas/login')
      assert.equal((await browser.fetch('/canvas/session')).status, 200)
      await assertGone(before)
      const of = 'select session_id from canvas_sessions where cookie_hash = $1'
      const rows = await world.sql(`select from canvas_sessions where session_id = (${of})`, [hashOf(browser)])
      assert.equal(rows.length, 1, 'one session of the API has one cookie')
    }))

  test('is not undone by a renewal that was under way for it', async () => {
    await inOneSession(async () => {
      const { browser, before } = await atHome()
      await world.sql(`update canvas_sessions set token_ends_at = now() - interval '1 second' where cookie_hash = $1`, [
        hashOf(before),
      ])
      world.issuer.grants.length = 0
      const held = Promise.withResolvers<void>()
      world.issuer.hold = held.promise
      const late = before.fetch('/canvas/session')
      await until('the renewal', () => world.issuer.grants.length > 0 || undefined)
      // What a second sign-in comes to in the database: with the issuer held it could not come to an end.
      browser.cookies.set('__Host-palisade', 'n'.repeat(43))
      await world.sql(
        `update canvas_sessions set canvas_session_id = '0123456789abcdef01234567', cookie_hash = $2 where cookie_hash = $1`,
        [hashOf(before), hashOf(browser)],
      )
      world.issuer.revoked.length = 0
      held.resolve()
      assert.equal((await late).status, 401)
    })
    // A revocation is not waited for: one that is asked for later has come, and is the only one.
    let refresh: string | undefined
    world.issuer.tamper = (given) => {
      refresh = given.refresh_token
      return given
    }
    const other = await world.signedIn(world.bob)
    await other.fetch('/canvas/logout', { method: 'POST' })
    await until('a revocation', () => world.issuer.revoked.includes(refresh ?? '') || undefined)
    assert.deepEqual(world.issuer.revoked, [refresh])
  })
})

describe('B24: signing out', () => {
  test('is the cookie’s to do, by a page of ours, and no hint does it', async () => {
    const browser = await world.signedIn(world.ada)
    const token = encodeURIComponent(await world.issuer.idToken({ sub: world.ada.account }))
    assert.equal((await newBrowser().send(`/canvas/logout?id_token_hint=${token}`, { method: 'POST' })).status, 401)
    assert.equal((await browser.send(`/canvas/logout?id_token_hint=${token}`)).status, 405)
    assert.equal((await browser.send('/canvas/logout', { method: 'POST' })).status, 403)
    assert.equal((await browser.fetch('/canvas/session')).status, 200)
  })

  test('ends the session of the API, the tokens and the cookie, and says where the issuer ends its own', async () => {
    const browser = await world.signedIn(world.ada)
    const old = browser.cookies.get('__Host-palisade') ?? ''
    const page = await browser.fetch('/canvas/logout', { method: 'POST' })
    assert.equal(page.status, 200)
    const next = new URL(page.body.next)
    assert.equal(next.origin, world.issuer.url)
    assert.deepEqual([...next.searchParams.keys()], ['client_id'], 'no token in it')
    assert.ok(!browser.cookies.has('__Host-palisade'))
    browser.cookies.set('__Host-palisade', old)
    await assertGone(browser)
    const ended = await world.sql<{ end_reason: string }>(
      'select end_reason from sessions order by ended_at desc nulls last limit 1',
    )
    assert.equal(ended[0]?.end_reason, 'signed-out')
    await until('the issuer to be told', async () => world.issuer.revoked.length > 0)
  })
})

test('C03, C05: ids are 256 random bits; what is stored is their hash, and tokens are sealed', async () => {
  const browsers = [await world.signedIn(world.ada), await world.signedIn(world.ada)]
  const cookies = browsers.map((browser) => browser.cookies.get('__Host-palisade') ?? '')
  assert.equal(new Set(cookies).size, 2)
  for (const cookie of cookies) assert.match(cookie, /^[A-Za-z0-9_-]{43}$/)
  const rows = await world.sql<{ row: string; cookie_hash: Buffer; tokens: Buffer }>(
    'select c::text as row, cookie_hash, tokens from canvas_sessions c',
  )
  for (const cookie of cookies) {
    assert.ok(rows.some((row) => row.cookie_hash.equals(createHash('sha256').update(cookie).digest())))
    for (const { row } of rows) assert.ok(!row.includes(cookie) && !row.includes(Buffer.from(cookie).toString('hex')))
  }
  // A token begins with a JSON header in base64.
  for (const { tokens } of rows) assert.ok(!tokens.toString('latin1').includes('eyJ'))
})

test('C04: a browser reaches what is its own tenant’s, whatever it asks for', async () => {
  const browser = await world.signedIn(world.ada)
  assert.equal((await browser.fetch(`/canvas/api/v1/users/${world.bob.uid}`)).status, 404)
  assert.equal((await browser.fetch(`/canvas/api/v1/palisade/sessions?user=${world.bob.uid}`)).status, 404)
  const make = (spec: object) =>
    browser.fetch('/canvas/api/v1/apiKeys', {
      method: 'POST',
      body: JSON.stringify({ metadata: { name: 'mine' }, spec }),
    })
  assert.equal((await make({ userUid: world.bob.uid })).status, 404)
  const keysOf = () => world.sql<{ user_id: string }>('select user_id from api_keys')
  assert.deepEqual(await keysOf(), [])
  const made = await make({ user: { uid: world.bob.uid } })
  assert.equal(made.status, 201, made.text)
  assert.deepEqual(await keysOf(), [{ user_id: world.ada.uid }], 'who it is comes from the session')
})

describe('C08: cookies', () => {
  test('have fixed attributes', async () => {
    const { browser, callback } = await beforeCallback()
    const begun = await browser.send('/canvas/login')
    const attributes = 'Path=/; Secure; HttpOnly; SameSite='
    assert.match(
      begun.setCookies[0] ?? '',
      new RegExp(`^__Host-palisade-state=[\\w-]{43}; ${attributes}Lax; Max-Age=300$`),
    )
    const again = await beforeCallback()
    const page = await again.browser.send(again.callback)
    assert.ok(callback !== again.callback)
    assert.equal(page.setCookies.length, 2)
    assert.match(page.setCookies[0] ?? '', /^__Host-palisade-state=; .*Max-Age=0$/)
    assert.match(page.setCookies[1] ?? '', new RegExp(`^__Host-palisade=[\\w-]{43}; ${attributes}Strict$`))
  })

  test('that stand there twice are nobody’s', async () => {
    const browser = await world.signedIn(world.ada)
    const cookie = browser.cookies.get('__Host-palisade')
    for (const header of [
      `__Host-palisade=${'a'.repeat(43)}; __Host-palisade=${cookie}`,
      `__Host-palisade=${cookie}; __Host-palisade=${cookie}`,
    ])
      assert.equal((await newBrowser().send('/canvas/session', { headers: { cookie: header } })).status, 401)
    const two = requestText('GET /canvas/session', [`Cookie: __Host-palisade=${cookie}`, `Cookie: __Host-palisade=x`])
    assert.equal((await sendRaw(world, two)).status, 401)
    const one = requestText('GET /canvas/session', [`Cookie: other=x`, `Cookie: __Host-palisade=${cookie}`])
    assert.equal((await sendRaw(world, one)).status, 200)
  })

  test('are not set by what somebody else wrote', async () => {
    const page = await newBrowser().send(
      `/canvas/login?return_to=${encodeURIComponent('/x\r\nSet-Cookie: a=b;Domain=evil')}`,
    )
    assert.equal(page.setCookies.length, 1)
    assert.ok(!page.text.includes('evil') && !String(page.setCookies).includes('evil'))
  })
})

describe('C09: requests that other sites make', () => {
  const project = JSON.stringify({ metadata: { name: 'by-a-stranger' }, spec: {} })
  const tries: Readonly<Record<string, (csrf: string) => Readonly<Record<string, string>>>> = {
    'without anything': () => ({}),
    'with origin alone': () => ({ origin: world.url }),
    'with the token alone': (csrf) => ({ 'x-palisade-csrf': csrf }),
    'from another origin': (csrf) => ({ origin: 'https://evil.example', 'x-palisade-csrf': csrf }),
    'from an origin that begins like ours': (csrf) => ({
      origin: `${world.url}.evil.example`,
      'x-palisade-csrf': csrf,
    }),
    'from our host without TLS': (csrf) => ({ origin: world.url.replace('https', 'http'), 'x-palisade-csrf': csrf }),
    'from a sandbox': (csrf) => ({ origin: 'null', 'x-palisade-csrf': csrf }),
    'from a sibling': (csrf) => ({ origin: world.url, 'sec-fetch-site': 'same-site', 'x-palisade-csrf': csrf }),
    'from elsewhere, as the browser says': (csrf) => ({
      ...{ origin: world.url, 'sec-fetch-site': 'cross-site', 'x-palisade-csrf': csrf },
    }),
    'with a broken token': (csrf) => ({ origin: world.url, 'x-palisade-csrf': `${csrf.slice(0, -1)}_` }),
    'with the token twice': (csrf) => ({ origin: world.url, 'x-palisade-csrf': `${csrf}, ${csrf}` }),
  }
  const types = [
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
  ]

  for (const [what, headers] of Object.entries(tries))
    test(`change nothing ${what}`, async () => {
      const browser = await world.signedIn(world.ada)
      const csrf = await browser.csrf()
      for (const type of types)
        for (const path of ['/canvas/api/v1/projects', '/canvas/logout', '/canvas/k8s/clusters/x/api/v1/pods']) {
          const sent = { ...headers(csrf), ...(type === '' ? {} : { 'content-type': type }) }
          const page = await browser.send(path, { method: 'POST', headers: sent, body: project })
          assert.equal(page.status, 403, `${path} ${type}: ${page.text}`)
          assert.equal(page.body.code, 'CrossSiteRequest')
        }
      const projects = await browser.fetch('/canvas/api/v1/dashboard/projects/metadata')
      assert.ok(!projects.text.includes('by-a-stranger'))
      assert.equal((await browser.fetch('/canvas/session')).status, 200)
    })

  test('do not read either', async () => {
    const browser = await world.signedIn(world.ada)
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ])
      for (const path of ['/canvas/session', '/canvas/api/v1/users/me', '/canvas/k8s/clusters/x/api'])
        assert.equal((await browser.send(path, { headers: headers as Record<string, string> })).status, 403, path)
    // What a person opens themselves, a download for example, is read.
    assert.equal((await browser.send('/canvas/api/v1/users/me', { headers: { 'sec-fetch-site': 'none' } })).status, 200)
  })

  test('the token of one session is not that of another', async () => {
    const [ada, bob] = [await world.signedIn(world.ada), await world.signedIn(world.bob)]
    const page = await ada.send('/canvas/logout', {
      method: 'POST',
      headers: { origin: world.url, 'x-palisade-csrf': await bob.csrf() },
    })
    assert.equal(page.status, 403)
  })
})

describe('E01: what a browser is given', () => {
  test('no token, no code verifier and no secret is in any answer, nor in the log', async () => {
    const secrets: string[] = [world.issuer.settings.clientSecret.reveal()]
    world.issuer.tamper = (answer) => {
      secrets.push(answer.access_token, answer.id_token ?? '', answer.refresh_token ?? '')
      return answer
    }
    const { browser, callback } = await beforeCallback()
    const pages = [await browser.send(callback)]
    for (const path of ['/', '/canvas/session', '/canvas/api/v1/users/me', '/canvas/api/v1/palisade/sessions'])
      pages.push(await browser.fetch(path))
    pages.push(await browser.fetch('/canvas/nothing'), await browser.fetch('/canvas/logout', { method: 'POST' }))
    assert.ok(secrets.length >= 4 && secrets.every((secret) => secret.length > 20))
    for (const secret of secrets) {
      for (const { text, headers, url } of pages) assert.ok(!`${text}${JSON.stringify(headers)}`.includes(secret), url)
      assert.ok(!world.log().includes(secret), 'the log holds none')
    }
  })

  test('signing in by the API, whose answers are tokens, is not passed on', async () => {
    const browser = await world.signedIn(world.ada)
    for (const path of [
      'auth/authenticate',
      '%61uth/authenticate',
      'auth%2fauthenticate',
      '/auth/authenticate',
      './auth/org',
      'Auth/authenticate',
      'AUTH/authenticate',
    ])
      for (const method of ['GET', 'POST'])
        assert.equal((await browser.fetch(`/canvas/api/v1/${path}`, { method })).status, 404, path)
    for (const path of [
      '/canvas/api/readyz',
      '/canvas/api/openapi.json',
      '/canvas/api',
      '/canvas/api/v1',
      '/canvas/api/k8s/x',
    ])
      assert.equal((await browser.fetch(path)).status, 404, path)
    assert.equal((await browser.fetch('/canvas/api/v1/apiKeys')).status, 200, 'whatever else the API has is')
  })
})

test('G07: requests of two people that cross each other stay apart', async () => {
  const people = [world.ada, world.bob]
  const browsers = [await world.signedIn(world.ada), await world.signedIn(world.bob)]
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const path = i % 3 === 0 ? '/canvas/api/v1/users/me' : '/canvas/session'
      const { body, status } = await (browsers[i % 2] as Browser).fetch(path)
      assert.equal(status, 200)
      return { got: body.user?.uid ?? body.metadata?.uid, wanted: people[i % 2]?.uid }
    }),
  )
  for (const { got, wanted } of answers) assert.equal(got, wanted)
})

describe('G08: pages', () => {
  test('hold nothing of a request, and come with a policy that runs nothing of it', async () => {
    const evil = '<script>alert(1)</script>'
    const browser = newBrowser()
    const pages = [
      await browser.send(
        `/canvas/callback?error=${encodeURIComponent(evil)}&error_description=${encodeURIComponent(evil)}`,
      ),
      await browser.send(`/?${encodeURIComponent(evil)}`),
      await browser.send(`/clusters/${encodeURIComponent(evil)}`, { headers: { accept: 'text/html' } }),
    ]
    const { browser: begun, callback } = await beforeCallback()
    pages.push(await begun.send(`${callback}&error=access_denied&error_description=${encodeURIComponent(evil)}`))
    for (const { text, headers, url } of pages) {
      assert.ok(!text.includes('<script>alert'), url)
      const policy = String(headers['content-security-policy'])
      assert.match(policy, /^default-src 'none'; script-src 'self';/, url)
      assert.ok(!/unsafe|\*|http/.test(policy), policy)
      assert.match(policy, /frame-ancestors 'none'/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.match(String(headers['content-type']), /^text\/html/)
    }
  })

  test('a name with markup in it is JSON, which no browser renders', async () => {
    const browser = await world.signedIn(world.ada)
    await browser.fetch('/canvas/api/v1/projects', {
      method: 'POST',
      body: JSON.stringify({ metadata: { name: '<img src=x onerror=alert(1)>' }, spec: {} }),
    })
    const page = await browser.fetch('/canvas/api/v1/dashboard/projects/metadata')
    assert.match(String(page.headers['content-type']), /^application\/json/)
    assert.equal(page.headers['x-content-type-options'], 'nosniff')
  })
})

test('a flood of made-up cookies stops at a budget, and locks nobody out who is signed in', async () => {
  const browser = await world.signedIn(world.ada)
  assert.equal((await browser.fetch('/canvas/session')).status, 200)
  const own = browser.cookies.get('__Host-palisade') ?? ''
  const madeUp = (i: number) => `__Host-palisade=${String(i).padStart(43, 'a')}`
  const flood = async () =>
    Promise.all(
      Array.from({ length: 1_200 }, (_, i) => browser.send('/canvas/session', { headers: { cookie: madeUp(i) } })),
    )
  const statuses = (await flood()).map(({ status }) => status)
  assert.deepEqual([...new Set(statuses)].toSorted(), [401, 429])
  assert.equal((await browser.send('/canvas/session', { headers: { cookie: `__Host-palisade=${own}` } })).status, 200)
})

test('strangers are told nothing, and stop at a budget', async () => {
  const browser = newBrowser()
  for (const path of [
    '/canvas',
    '/canvas/',
    '/canvas/session',
    '/canvas/api/v1/users/me',
    '/canvas/k8s/clusters/x/api',
    '/canvas/x',
  ])
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      const page = await browser.send(path, { method })
      assert.equal(page.status, 401, `${method} ${path}`)
      assert.equal(page.body.code, 'UnAuthorizedAccess')
    }
  const answers = await Promise.all(Array.from({ length: 80 }, () => browser.send('/canvas/login')))
  const refused = answers.filter(({ status }) => status === 429)
  assert.ok(refused.length > 0 && refused.every(({ headers }) => Number(headers['retry-after']) >= 1))
})
