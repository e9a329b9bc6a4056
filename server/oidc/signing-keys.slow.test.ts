import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { type OpenedPalisade, startOpened } from '../../tests/attacks/support.ts'
import { createBrowser } from '../../tests/support/browser.ts'
import { beginFlow, redeem, signInByCode, signInOn } from '../../tests/support/oidc.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../../tests/support/palisade.ts'
import { freePort } from '../../tests/support/ports.ts'
import { createProcessFamily, type ProcessFamily } from '../../tests/support/processes.ts'
import { until } from '../../tests/support/until.ts'

// Keys for tokens are exchanged while people work: the real program, twice on one database.

let family: ProcessFamily
let here: OpenedPalisade
/** Another replica. */
let there: Palisade
let acme: Tenant

before(async () => {
  family = await createProcessFamily('signing-keys')
  const rootKey = join(family.folder, 'root.key')
  await writeFile(rootKey, randomBytes(32).toString('base64'), { mode: 0o600 })
  here = await startOpened({ family, name: 'here', env: { PALISADE_ROOT_KEY_FILE: rootKey } })
  const env = {
    PALISADE_DATABASE_URL: String(here.env.PALISADE_DATABASE_URL),
    PALISADE_ROOT_KEY_FILE: rootKey,
    PALISADE_PUBLIC_URL: here.url,
    PALISADE_PORT: String(await freePort()),
  }
  there = await startPalisade({ family, name: 'there', env })
  acme = await createTenant(here, 'acme')
})
after(async () => {
  await there?.stop()
  await here?.stop()
  await family?.stop()
})

const status = async (palisade: Palisade, token: string) =>
  (await palisade.api.as({ token }).call('GET', '/v1/users/me')).status
const jwks = async (palisade: Palisade): Promise<JSONWebKeySet> => palisade.api.must('GET', '/oidc/jwks')
const rotate = async (body: object = {}): Promise<string> =>
  (await here.system.must('POST', '/v1/palisade/system/signingKeys', { body })).kid

test('a new key signs from then on, and nobody who is signed in or signing in notices', async () => {
  const { email } = await createUser(here, acme, 'ada')
  const { config, browser, tokens } = await signInByCode(here, { email })
  const before = decodeProtectedHeader(tokens.access_token).kid
  // A code that is not redeemed yet.
  const other = createBrowser(here.url, here.caPem)
  const flow = await beginFlow(config)
  const code = (await signInOn(other, flow, { email })).url

  let isOver = false
  let worked = 0
  const work = (async () => {
    while (!isOver) {
      assert.deepEqual([await status(here, tokens.access_token), await status(there, tokens.access_token)], [200, 200])
      worked++
    }
  })()
  const kids: string[] = []
  for (let i = 0; i < 3; i++) {
    kids.push(await rotate())
    const seen = worked
    await until('requests under the new key', () => (worked > seen + 1 ? true : undefined))
  }
  isOver = true
  await work

  const late = await redeem(config, flow, code)
  const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
  const again = await browser.open((await beginFlow(config)).url)
  assert.ok(again.text.includes(email), again.text)
  assert.doesNotMatch(again.text, /name="password"/)
  for (const { access_token: token, id_token: idToken } of [late, fresh]) {
    assert.equal(decodeProtectedHeader(token).kid, kids.at(-1))
    assert.deepEqual([await status(here, token), await status(there, token)], [200, 200])
    for (const palisade of [here, there]) {
      const { protectedHeader } = await jwtVerify(idToken ?? '', createLocalJWKSet(await jwks(palisade)))
      assert.equal(protectedHeader.kid, kids.at(-1))
    }
  }
  const published = (await jwks(there)).keys.map(({ kid }) => kid)
  assert.deepEqual(published, [...kids.toReversed(), before])
  await Promise.all([browser.close(), other.close()])
})

test('only who may change system administrators makes a key, and nothing that is not named is taken', async () => {
  const path = '/v1/palisade/system/signingKeys'
  const published = await jwks(here)
  assert.equal((await here.api.call('POST', path, { body: {} })).status, 401)
  assert.equal((await acme.admin.call('POST', path, { body: {} })).status, 403)
  const { email: username, password } = here.administrator
  const { Authorization: token } = await here.api.must('POST', '/v1/auth/syslogin', { body: { username, password } })
  for (const body of [{ distrust: true }, { distrustOlder: 'yes' }, []])
    assert.equal((await here.api.as({ token }).call('POST', path, { body })).status, 400)
  assert.deepEqual(await jwks(here), published)
})

test('what a distrusted key signed is refused on every replica, and whoever is signed in goes on with a new token', async () => {
  const { email } = await createUser(here, acme, 'grace')
  const { config, browser, tokens } = await signInByCode(here, { email })
  const stolen = tokens.access_token
  assert.deepEqual([await status(here, stolen), await status(there, stolen)], [200, 200])
  const kid = await rotate({ distrustOlder: true })
  for (const palisade of [here, there])
    await until('the token to be refused', async () => ((await status(palisade, stolen)) === 401 ? true : undefined))
  assert.deepEqual(
    (await jwks(there)).keys.map((key) => key.kid),
    [kid],
  )
  // The administrator who did it signs in anew like everybody.
  const { email: username, password } = here.administrator
  const { Authorization: token } = await here.api.must('POST', '/v1/auth/syslogin', { body: { username, password } })
  const log = await here.api.as({ token }).must('GET', '/v1/audits?limit=50')
  const entry = log.items.find(
    ({ metadata }: { metadata: { annotations: { event: string } } }) =>
      metadata.annotations.event === 'system.signing.key.created',
  )
  assert.ok(JSON.stringify(entry).includes(kid))

  const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
  assert.deepEqual([await status(here, fresh.access_token), await status(there, fresh.access_token)], [200, 200])
  await browser.close()
})
