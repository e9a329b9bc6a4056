import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as oidc from 'openid-client'
import { createApi } from '../support/api.ts'
import { type Browser, createBrowser } from '../support/browser.ts'
import { discover } from '../support/oidc.ts'
import { createTenant, goodPassword, type Tenant } from '../support/palisade.ts'
import { type OpenedPalisade, startOpened } from './support.ts'

// What one network, one page or one organisation can use up: its own share, and nobody else's.

let palisade: OpenedPalisade
let acme: Tenant

before(async () => {
  palisade = await startOpened({ name: 'budgets' })
  acme = await createTenant(palisade, 'acme')
})
after(() => palisade?.stop())

/** A browser at an address of its own: budgets are counted by network. */
async function from<T>(address: string, work: (browser: Browser) => Promise<T>): Promise<T> {
  const browser = createBrowser(palisade.url, palisade.caPem, address)
  try {
    return await work(browser)
  } finally {
    await browser.close()
  }
}

/** One request, with nothing followed and no cookie kept. */
async function once(address: string, path: string, headers: Readonly<Record<string, string>> = {}) {
  const api = createApi(palisade.url, palisade.caPem, address)
  const answer = await api.call('GET', path, { headers })
  await api.close()
  return answer
}

/** The way to the issuer's form, whose answer leads back to the console. */
const signInForm = (browser: Browser) => browser.open('/canvas/login')
const who = () => ({ email: acme.adminEmail, password: goodPassword, action: 'sign-in' })
const signedIn = async (browser: Browser) => (await browser.open('/canvas/session')).status

describe('B19: codes of devices', () => {
  const ask = async () => oidc.initiateDeviceAuthorization(await discover(palisade), { scope: 'openid' })
  const guess = { user_code: 'BCDF-GHJK' }

  test('a network has ten tries, whatever browsers and cookies it takes for them; another network has its own', async () => {
    const statuses: number[] = []
    const tries = async (browser: Browser, count: number) => {
      let form = await browser.open('/oidc/device')
      for (let i = 0; i < count; i++) {
        const page = await browser.submit(form, guess)
        statuses.push(page.status)
        if (page.status === 200) {
          assert.match(page.text, /This code is not valid, or has expired/)
          form = page
        } else {
          assert.match(page.text, /Too many attempts/)
          assert.ok(Number(page.headers['retry-after']) >= 1)
        }
      }
    }
    await from('127.0.3.1', (browser) => tries(browser, 6))
    await from('127.0.3.1', (browser) => tries(browser, 6))
    assert.deepEqual(statuses, [...Array(10).fill(200), 429, 429])
    // A right code is not looked at any more, from there; no header of the caller's makes it another place.
    const { user_code } = await ask()
    await from('127.0.3.1', async (browser) => {
      const form = await browser.open('/oidc/device')
      const xsrf = /name="xsrf" value="([^"]*)"/.exec(form.text)?.[1] ?? ''
      assert.notEqual(xsrf, '')
      for (const headers of [{}, { 'x-forwarded-for': '127.0.3.9' }, { 'x-palisade-end-client': '127.0.3.9' }])
        assert.equal(
          (await browser.post('/oidc/device', { user_code, xsrf }, { origin: palisade.url, ...headers })).status,
          429,
        )
    })
    await from('127.0.3.2', async (browser) => {
      const confirm = await browser.submit(await browser.open('/oidc/device'), { user_code })
      assert.match(confirm.text, /Let this device in\?/)
    })
  })

  test('a link that brings the code along tries none, so that nobody is made to by a picture', async () => {
    const { user_code } = await ask()
    await from('127.0.3.3', async (browser) => {
      for (let i = 0; i < 20; i++) {
        const page = await browser.open(`/oidc/device?user_code=${user_code}`)
        assert.equal(page.status, 200)
        assert.doesNotMatch(page.text, /Let this device in\?/)
      }
    })
  })

  test('who approves sees who asked, as it was seen and as text, and what it means to say yes', async () => {
    const asking = createApi(palisade.url, palisade.caPem, '127.0.3.4')
    const evil = '<script>alert(1)</script> trusted by IT'
    const asked = await asking.call('POST', '/oidc/device/auth', {
      body: new URLSearchParams({ client_id: 'palisade-cli', scope: 'openid' }).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': evil,
        // What a requester says of its own address counts for nothing.
        'x-forwarded-for': '10.0.0.1',
        'x-palisade-end-client': '10.0.0.1',
      },
    })
    await asking.close()
    assert.equal(asked.status, 200, asked.text)
    await from('127.0.3.5', async (browser) => {
      const form = await browser.open('/oidc/device')
      const { text } = await browser.submit(form, { user_code: asked.body.user_code })
      assert.match(text, /<dt>Program<\/dt><dd>Palisade command line<\/dd>/)
      assert.match(text, /<dt>Asked from<\/dt><dd>127\.0\.3\.4<\/dd>/, 'not the address of who approves')
      assert.match(text, /<dt>Says it is<\/dt><dd>&#60;script&#62;alert\(1\)&#60;\/script&#62; trusted by IT<\/dd>/)
      assert.match(text, new RegExp(`<p class="code">${asked.body.user_code}</p>`))
      assert.match(text, /whoever sent you this code would act in your name/)
      assert.doesNotMatch(text, /<script|test browser|127\.0\.3\.5|10\.0\.0\.1/)
    })
  })
})

describe('the console’s way to the issuer and back', () => {
  test('who uses up beginnings stops no sign-in that is on its way, and no password', () =>
    from('127.0.3.10', async (browser) => {
      const form = await signInForm(browser)
      const begun = await Promise.all(Array.from({ length: 90 }, () => once('127.0.3.10', '/canvas/login')))
      assert.ok(begun.some(({ status }) => status === 429))
      assert.ok(begun.every(({ status }) => status === 303 || status === 429))
      const api = createApi(palisade.url, palisade.caPem, '127.0.3.10')
      const body = { emailId: acme.adminEmail, password: goodPassword, org: acme.org }
      assert.equal((await api.call('POST', '/v1/auth/authenticate', { body })).status, 200)
      await api.close()
      await browser.submit(form, who())
      assert.equal(await signedIn(browser), 200)
    }))

  test('ends of sign-ins are counted too, and apart', () =>
    from('127.0.3.11', async (browser) => {
      const ended = await Promise.all(Array.from({ length: 90 }, () => once('127.0.3.11', '/canvas/callback?state=x')))
      assert.ok(ended.some(({ status }) => status === 429))
      assert.match((await signInForm(browser)).text, /name="password"/)
    }))

  const loaded: readonly Readonly<Record<string, string>>[] = [
    { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script', 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch;prerender' },
  ]
  test('what a page loads begins no sign-in, ends none, and uses up nothing', () =>
    from('127.0.3.12', async (browser) => {
      for (const headers of loaded)
        for (const path of ['/canvas/login', '/canvas/callback?state=x&code=y']) {
          const answers = await Promise.all(Array.from({ length: 15 }, () => once('127.0.3.12', path, headers)))
          for (const answer of answers) {
            assert.equal(answer.status, 403, `${path} ${JSON.stringify(headers)}`)
            assert.equal(answer.headers['set-cookie'], undefined, 'nor is the state of another sign-in dropped')
          }
        }
      const opened = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'cross-site' }
      assert.equal((await once('127.0.3.12', '/canvas/login', opened)).status, 303, 'a link from anywhere does')
      await browser.submit(await signInForm(browser), who())
      assert.equal(await signedIn(browser), 200)
    }))
})

test('strangers on this machine cannot use up what consoles need of the issuer, nor pass for one', async () => {
  // The console's server side asks from the address that we listen on, which is any local program's too.
  const flood = createApi(palisade.url, palisade.caPem, '127.0.0.1')
  let over = false
  let refused = 0
  const strangers = Array.from({ length: 16 }, async () => {
    while (!over) {
      const headers = { 'x-palisade-end-client': `10.0.${Math.floor(refused / 250) % 250}.${refused % 250}` }
      if ((await flood.call('GET', '/oidc/no-such-page', { headers })).status === 429) refused++
    }
  })
  try {
    while (refused < 200) await new Promise((resolve) => setImmediate(resolve))
    for (const address of ['127.0.3.20', '127.0.3.21', '127.0.3.22'])
      await from(address, async (browser) => {
        const back = await browser.submit(await signInForm(browser), who())
        assert.ok(back.status < 400, `${back.status} ${back.text}`)
        assert.equal(await signedIn(browser), 200)
      })
  } finally {
    over = true
    await Promise.all(strangers)
    await flood.close()
  }
})

test('a tenant registers no more clients than it may have, nor do all together', async () => {
  const register = (name: string) =>
    acme.admin.call('POST', '/v1/palisade/oidc/clients', {
      body: { name, kind: 'native', redirectUris: ['http://127.0.0.1/callback'] },
    })
  const { client } = (await register('one')).body
  await palisade.sql(
    `insert into oidc_clients (tenant_id, client_uid, name, name_key, kind, redirect_uris, api_access, created_by, created_at)
     select tenant_id, lpad(to_hex(n), 24, '0'), 'n' || n, 'n' || n, kind, redirect_uris, api_access, created_by, created_at
       from oidc_clients, generate_series(1, 9999) n where client_uid = $1`,
    [client.uid],
  )
  const tooMany = await register('one more')
  assert.equal(tooMany.status, 403, tooMany.text)
  assert.equal(tooMany.body.code, 'ResourceLimitReached')
  assert.match(tooMany.body.detail, /at most 10000 clients/)
  await palisade.sql(`delete from oidc_clients where name <> 'one'`)
  assert.equal((await register('two')).status, 201)

  const other = await createTenant(palisade, 'other')
  // As after the next look that the database takes at its table.
  const about = (rows: number) =>
    palisade.sql(`update pg_class set reltuples = $1 where oid = 'oidc_clients'::regclass`, [rows])
  await about(100_000)
  const full = await other.admin.call('POST', '/v1/palisade/oidc/clients', {
    body: { name: 'x', kind: 'native', redirectUris: ['http://127.0.0.1/callback'] },
  })
  assert.equal(full.status, 403, full.text)
  assert.match(full.body.detail, /installation has at most about 100000/)
  await about(2)
  assert.equal((await register('three')).status, 201)
})
