import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import Provider from 'oidc-provider'
import type { CustomFetch } from 'openid-client'
import { Agent, fetch as undiciFetch } from 'undici'
import { Secret } from '../../core/seal/index.ts'
import type { OpenIdSettings } from '../../server/canvas/index.ts'
import { createAuthority } from './certificates.ts'

/** A real OpenID provider that knows one client, the console, and signs in whom the test says, without a page. */
export type TestIssuer = {
  readonly url: string
  readonly caPem: string
  /** What the server under test is to be told of it. */
  readonly settings: OpenIdSettings
  /** `<tenant>/<user>` of whoever signs in next. */
  account: string
  /** The access token that it gives: one of the server under test. `before` is the one that is being renewed. */
  mint: (account: string, before: string | undefined) => Promise<string>
  /** What it says of a token's life; the token itself has its own. */
  expiresInSeconds: number
  /** Whether it gives refresh tokens. */
  gaveRefresh: boolean
  /** Answers 503 before anything is done. */
  away: boolean
  /** Changes an answer of the token endpoint; `lost`: it is given, and does not arrive. */
  tamper: ((answer: TokenAnswer) => unknown | Promise<unknown>) | undefined
  /** Signs an ID token as this issuer does, or with whatever key and header the test wants. */
  idToken: (
    claims: Readonly<Record<string, unknown>>,
    how?: { readonly header?: Readonly<Record<string, unknown>>; readonly key?: CryptoKey | Uint8Array },
  ) => Promise<string>
  /** Grants that were asked for at the token endpoint, by type. */
  readonly grants: string[]
  /** Refresh tokens that were revoked. */
  readonly revoked: string[]
  /** Waited for before the token endpoint answers. */
  hold: Promise<unknown> | undefined
  close(): Promise<void>
}

export type TokenAnswer = Record<string, unknown> & { access_token: string; id_token?: string; refresh_token?: string }

const clientId = 'palisade-canvas'
const clientSecret = 'a-secret-of-the-test-issuer-for-the-console'

/** @param publicUrl of the server under test */
export async function startTestIssuer(publicUrl: string): Promise<TestIssuer> {
  const authority = await createAuthority('test issuer')
  const { certPem, keyPem } = await authority.issue({ commonName: 'issuer', dnsNames: ['localhost'] })
  const server = createServer({ cert: certPem, key: keyPem })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `https://localhost:${port}`
  const dispatcher = new Agent({ connect: { ca: authority.certPem } })
  /** Of each account the token that it was given last. */
  const last = new Map<string, string>()

  const keys = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(keys.privateKey)), kid: 'test', alg: 'RS256', use: 'sig' }

  const provider = new Provider(url, {
    jwks: { keys: [jwk] },
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [`${publicUrl}/canvas/callback`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        id_token_signed_response_alg: 'RS256',
      },
    ],
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    cookies: { keys: ['test'] },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: async () => issuer.gaveRefresh,
    rotateRefreshToken: true,
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client?.clientId ?? '',
        accountId: ctx.oidc.session?.accountId ?? '',
      })
      grant.addOIDCScope('openid offline_access')
      await grant.save()
      return grant
    },
  })

  provider.use(async (ctx, next) => {
    if (ctx.path.startsWith('/interaction/')) {
      ctx.respond = false
      await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: issuer.account, remember: false } })
      return
    }
    if (issuer.away && ctx.path === '/token') {
      ctx.status = 503
      return
    }
    await next()
    const body = ctx.body as TokenAnswer | undefined
    if (ctx.path === '/token/revocation') issuer.revoked.push(String(ctx.oidc.params?.token))
    if (ctx.path !== '/token') return
    const grant = String(ctx.oidc.params?.grant_type)
    issuer.grants.push(grant)
    await issuer.hold
    if (body?.access_token === undefined) return
    const account = ctx.oidc.account?.accountId ?? ''
    const token = await issuer.mint(account, grant === 'refresh_token' ? last.get(account) : undefined)
    last.set(account, token)
    const answer = { ...body, access_token: token, expires_in: issuer.expiresInSeconds }
    const tampered = issuer.tamper ? await issuer.tamper(answer) : answer
    if (tampered === 'lost') {
      ctx.status = 503
      ctx.body = 'lost'
    } else ctx.body = tampered
  })
  server.on('request', provider.callback())

  const issuer: TestIssuer = {
    url,
    caPem: authority.certPem,
    settings: {
      ...{ issuer: url, clientId, clientSecret: new Secret(clientSecret), scope: 'openid offline_access' },
      // Its own undici's answers have all that the client asks of a Response.
      fetch: ((input: string, init: object) => undiciFetch(input, { ...init, dispatcher })) as unknown as CustomFetch,
    },
    account: '',
    mint: () => Promise.reject(new Error('the test says what tokens are')),
    expiresInSeconds: 900,
    gaveRefresh: true,
    away: false,
    tamper: undefined,
    idToken: (claims, { header = {}, key = keys.privateKey } = {}) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'test', ...header }).sign(key),
    grants: [],
    revoked: [],
    hold: undefined,
    async close() {
      await dispatcher.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return issuer
}
