import type { Refusal } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/auth.ts'
import { ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, openEndpoint } from '../gateway/index.ts'
import type { Caller } from './edges.ts'
import type { Passwords } from './passwords.ts'
import type { SignedIn, SignInRequest } from './sign-in.ts'

/** Signing in, refreshing, links and what a sign-in page asks first: the doors that stand open without a credential. */
export function authEndpoints({
  publicUrl,
  signIn,
  refresh,
  passwords,
}: {
  readonly publicUrl: string
  readonly signIn: (request: SignInRequest) => Promise<Result<SignedIn, Refusal>>
  readonly refresh: (token: string, caller: Caller) => Promise<Result<string, Refusal>>
  readonly passwords: Pick<Passwords, 'setByLink' | 'requestReset' | 'changeExpired'>
}): readonly Endpoint[] {
  const byPassword = { authType: 'password', redirectUrl: publicUrl, ssoLogins: [] } as const

  return [
    openEndpoint({
      route: 'POST /v1/auth/authenticate',
      summary: 'Signs a user in by e-mail and password',
      permission: { open: 'it is how one gets a credential' },
      query: wire.setCookieQuery,
      body: wire.signIn,
      reply: { status: 200, body: wire.userToken },
      refusals: ['sign_in_failed', 'password_expired', 'busy'],
      rate: 'sign-in',
      audit: 'session.started',
      async handle({ body, ...caller }) {
        const { emailId, password, org } = body
        const signedIn = await signIn({ ...callerOf(caller), realm: 'tenant', email: emailId, password, org })
        if (!signedIn.ok) return signedIn
        const { token, session } = signedIn.value
        return ok({ body: { Authorization: token, isMfa: false }, resource: { uid: session } })
      },
    }),
    openEndpoint({
      route: 'POST /v1/auth/syslogin',
      summary: 'Signs a system administrator in',
      permission: { open: 'it is how one gets a credential' },
      query: wire.setCookieQuery,
      body: wire.systemSignIn,
      reply: { status: 200, body: wire.systemToken },
      refusals: ['sign_in_failed', 'busy'],
      rate: 'sign-in',
      audit: 'session.started',
      async handle({ body: { username, password }, ...caller }) {
        const signedIn = await signIn({ ...callerOf(caller), realm: 'system', email: username, password, org: '' })
        if (!signedIn.ok) return signedIn
        const { token, session, account } = signedIn.value
        return ok({
          body: {
            Authorization: token,
            // The name of a system administrator is their address; nothing has been mailed to it to prove it.
            IsEmailSet: true,
            IsEmailVerified: false,
            IsMfa: false,
            IsPasswordReset: account.passwordResetting,
          },
          resource: { uid: session },
        })
      },
    }),
    openEndpoint({
      route: 'GET /v1/auth/refresh/{token}',
      summary: 'Extends a session and gives a new token for it',
      permission: { open: 'the token in the path is the credential' },
      params: wire.tokenPath,
      query: wire.setCookieQuery,
      reply: { status: 200, body: wire.userToken },
      refusals: ['token_invalid'],
      rate: 'sign-in',
      audit: 'session.refreshed',
      async handle({ params, ...caller }) {
        const refreshed = await refresh(params.token, callerOf(caller))
        return refreshed.ok ? ok({ body: { Authorization: refreshed.value, isMfa: false } }) : refreshed
      },
    }),
    openEndpoint({
      route: 'PATCH /v1/auth/password/{passwordToken}/activate',
      summary: 'Sets the first password with an activation link, which makes the account active',
      permission: { open: 'the link is the credential' },
      params: wire.passwordTokenPath,
      body: wire.newPassword,
      reply: { status: 204 },
      refusals: ['link_invalid', 'password_policy', 'busy'],
      rate: 'sign-in',
      audit: 'password.set',
      handle: ({ params, body, ...caller }) => setByLink('activate', params.passwordToken, body.password, caller),
    }),
    openEndpoint({
      route: 'PATCH /v1/auth/password/{passwordToken}/reset',
      summary: 'Sets a new password with a reset link',
      permission: { open: 'the link is the credential' },
      params: wire.passwordTokenPath,
      body: wire.newPassword,
      reply: { status: 204 },
      refusals: ['link_invalid', 'password_policy', 'busy'],
      rate: 'sign-in',
      audit: 'password.set',
      handle: ({ params, body, ...caller }) => setByLink('reset', params.passwordToken, body.password, caller),
    }),
    openEndpoint({
      route: 'PATCH /v1/palisade/login/password',
      summary:
        'Sets a new password in the place of one that has expired, which is the proof; everything else refuses it',
      permission: { open: 'an expired password opens nothing else' },
      body: wire.expiredPasswordChange,
      reply: { status: 204 },
      refusals: ['sign_in_failed', 'conflict', 'password_policy', 'busy'],
      rate: 'sign-in',
      audit: 'password.changed',
      async handle({ body: { emailId: email, org, currentPassword: password, newPassword: next }, ...caller }) {
        const changed = await passwords.changeExpired({ ...callerOf(caller), email, org, password, next })
        return changed.ok ? ok({ body: undefined }) : changed
      },
    }),
    openEndpoint({
      route: 'POST /v1/auth/user/password/reset',
      summary: 'Asks for a reset link; the answer is the same whether anybody has this address',
      permission: { open: 'who forgot the password has no credential' },
      body: wire.emailOnly,
      reply: { status: 204 },
      refusals: [],
      rate: 'password-reset',
      audit: 'password.reset.requested',
      async handle({ body: { emailId }, ...caller }) {
        await passwords.requestReset({ ...callerOf(caller), email: emailId })
        return ok({ body: undefined })
      },
    }),
    openEndpoint({
      route: 'GET /v1/auth/org',
      summary: 'How an organisation signs in; the same for any name, so that names cannot be tried',
      permission: { open: 'sign-in pages ask before anybody has signed in' },
      query: wire.orgQuery,
      reply: { status: 200, body: wire.loginMethod },
      refusals: [],
      audit: 'refusals-only',
      handle: async ({ query }) =>
        ok({
          body: {
            ...byPassword,
            ssoLogins: [],
            orgName: query.orgName ?? '',
            appEnv: 'self-hosted',
            rootDomain: new URL(publicUrl).hostname,
          },
        }),
    }),
    endpoint({
      route: 'GET /v1/auth/orgs',
      // Others that the same address is in stay unsaid: their administrators wrote it there, and nobody proved it.
      summary: 'The organisation that the caller has signed in to',
      permission: { signedIn: 'their own organisation' },
      reply: { status: 200, body: wire.organizations },
      refusals: [],
      audit: 'refusals-only',
      handle: async ({ principal }) =>
        ok({ body: { organizations: [{ ...byPassword, ssoLogins: [], name: principal.person.org }] } }),
    }),
    openEndpoint({
      route: 'GET /v1/auth/user/org/forgot',
      summary: 'Always 204: which organisations an address is in is told by mail alone, and this release sends none',
      permission: { open: 'who forgot the organisation cannot sign in' },
      query: wire.emailQuery,
      reply: { status: 204 },
      refusals: [],
      rate: 'password-reset',
      audit: 'refusals-only',
      handle: async () => ok({ body: undefined }),
    }),
    openEndpoint({
      route: 'GET /v1/auth/sso/idps',
      summary: 'Identity providers with prepared settings: there are none without single sign-on',
      permission: { open: 'sign-in pages ask before anybody has signed in' },
      reply: { status: 200, body: wire.identityProviders },
      refusals: [],
      audit: 'refusals-only',
      handle: async () => ok({ body: [] }),
    }),
    openEndpoint({
      route: 'GET /v1/auth/sso/logins',
      summary: 'Single sign-on of an organisation: none has any in this release',
      permission: { open: 'sign-in pages ask before anybody has signed in' },
      query: wire.ssoQuery,
      reply: { status: 200, body: wire.ssoLogins },
      refusals: [],
      audit: 'refusals-only',
      handle: async () => ok({ body: [] }),
    }),
    openEndpoint({
      route: 'GET /v1/auth/sso/providers',
      summary: 'Single sign-on of the installation: there is none in this release',
      permission: { open: 'sign-in pages ask before anybody has signed in' },
      reply: { status: 200, body: wire.ssoLogins },
      refusals: [],
      audit: 'refusals-only',
      handle: async () => ok({ body: [] }),
    }),
  ]

  async function setByLink(purpose: 'activate' | 'reset', token: string, password: string, caller: Caller) {
    const set = await passwords.setByLink({ ...callerOf(caller), token, purpose, password })
    return set.ok ? ok({ body: undefined }) : set
  }
}

const callerOf = ({ requestId, clientAddress, userAgent, now }: Caller): Caller => ({
  requestId,
  clientAddress,
  userAgent,
  now,
})
