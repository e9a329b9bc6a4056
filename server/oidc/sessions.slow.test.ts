import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as oidc from 'openid-client'
import { createBrowser } from '../../tests/support/browser.ts'
import { beginFlow, discover, redeem, signInByCode, signInOn } from '../../tests/support/oidc.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../../tests/support/palisade.ts'

let palisade: Palisade
let acme: Tenant

before(async () => {
  palisade = await startPalisade({ name: 'oidc-sessions' })
  acme = await createTenant(palisade, 'acme')
})
after(() => palisade?.stop())

type SignedIn = Awaited<ReturnType<typeof signInByCode>> & {
  readonly user: { readonly uid: string; readonly email: string }
}

const me = (token: string) => palisade.api.as({ token }).call('GET', '/v1/users/me')

/** Nothing that the session gave opens anything any more, and the browser's cookie is nobody's. */
async function assertAllEnded({ config, tokens, browser }: SignedIn): Promise<void> {
  assert.equal((await me(tokens.access_token)).status, 401)
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token ?? ''), { error: 'invalid_grant' })
  const page = await browser.open((await beginFlow(config)).url)
  assert.match(page.text, /name="password"/, 'the password is asked for')
}

const ends: readonly { readonly by: string; readonly end: (signedIn: SignedIn) => Promise<unknown> }[] = [
  {
    by: 'signing out with the token',
    end: ({ tokens }) => palisade.api.as({ token: tokens.access_token }).must('POST', '/v1/palisade/logout'),
  },
  {
    by: 'an administrator who ends the session',
    async end({ user }) {
      const { items } = await acme.admin.must('GET', `/v1/palisade/sessions?user=${user.uid}`)
      for (const { uid } of items) await acme.admin.must('DELETE', `/v1/palisade/sessions/${uid}`)
    },
  },
  {
    by: 'revoking the access token over the API',
    end: ({ tokens }) =>
      palisade.api
        .as({ token: tokens.access_token })
        .must('POST', '/v1/users/auth/tokens/revoke', { body: { tokens: [tokens.access_token] } }),
  },
  {
    by: 'revoking the refresh token at the issuer',
    end: ({ config, tokens }) => oidc.tokenRevocation(config, tokens.refresh_token ?? ''),
  },
  {
    by: 'a new password',
    end: ({ tokens, user }) =>
      palisade.api.as({ token: tokens.access_token }).must('PATCH', '/v1/users/password/change', {
        body: { emailId: user.email, currentPassword: goodPassword, newPassword: 'Another-good-Passw0rd' },
      }),
  },
  {
    by: 'switching the user off',
    end: ({ user }) =>
      acme.admin.must('PATCH', `/v1/users/${user.uid}`, {
        body: [{ op: 'replace', path: '/status/isActive', value: false }],
      }),
  },
  { by: 'deleting the user', end: ({ user }) => acme.admin.must('DELETE', `/v1/users/${user.uid}`) },
  {
    by: 'signing out on the issuer’s page',
    async end({ browser }) {
      const page = await browser.open('/oidc/session/end')
      const done = await browser.submit(page, { logout: 'yes' })
      assert.match(done.text, /You are signed out/)
    },
  },
]

for (const [i, { by, end }] of ends.entries())
  test(`everything of a grant ends at once by ${by}`, async () => {
    const { uid, email } = await createUser(palisade, acme, `person${i}`)
    const signedIn = { ...(await signInByCode(palisade, { email })), user: { uid, email } }
    assert.equal((await me(signedIn.tokens.access_token)).status, 200)
    await end(signedIn)
    await assertAllEnded(signedIn)
    await signedIn.browser.close()
  })

test('a code is not redeemed once its session has ended', async () => {
  const config = await discover(palisade)
  const { uid, email } = await createUser(palisade, acme, 'early')
  const browser = createBrowser(palisade.url, palisade.caPem)
  const flow = await beginFlow(config)
  const back = await signInOn(browser, flow, { email })
  const { items } = await acme.admin.must('GET', `/v1/palisade/sessions?user=${uid}`)
  for (const one of items) await acme.admin.must('DELETE', `/v1/palisade/sessions/${one.uid}`)
  await assert.rejects(redeem(config, flow, back.url), { error: 'invalid_grant' })
  await browser.close()
})

test('after a new sign-in in the same browser the old session is not what the cookie stands for', async () => {
  const { uid, email } = await createUser(palisade, acme, 'again')
  const first = await signInByCode(palisade, { email })
  await palisade.api.as({ token: first.tokens.access_token }).must('POST', '/v1/palisade/logout')
  const flow = await beginFlow(first.config)
  const back = await signInOn(first.browser, flow, { email })
  const tokens = await redeem(first.config, flow, back.url)
  assert.equal((await me(tokens.access_token)).body.metadata.uid, uid)
  const third = await first.browser.open((await beginFlow(first.config)).url)
  assert.match(third.text, /name="action" value="continue"/, 'the new session counts')
  await first.browser.close()
})

test('sign-in, refresh and end are in the log, under the person and the client', async () => {
  const { email } = await createUser(palisade, acme, 'logged')
  const { config, tokens, browser } = await signInByCode(palisade, { email })
  const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
  await oidc.tokenRevocation(config, refreshed.refresh_token ?? '')
  const { items } = await acme.admin.must('GET', '/v1/audits?limit=50')
  const events = items.filter((one: Record<string, never>) => JSON.stringify(one).includes(email))
  const types = JSON.stringify(events)
  for (const title of ['Signed in', 'Session extended', 'Session ended'])
    assert.ok(types.includes(title), `${title}: ${types.slice(0, 3000)}`)
  await browser.close()
})
