import { AsyncLocalStorage } from 'node:async_hooks'
import { type JWK, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { TeamUid, TenantUid } from '../../contract/ids.ts'
import type { ReadableMap } from '../../core/access/index.ts'
import type { DoorRequest, DoorResponse, Endpoint, RateLimiter } from '../gateway/index.ts'
import { type Caller, type IssuerPort, issuerOf, type SessionName } from '../identity/index.ts'
import type { Keys } from '../keys/index.ts'
import type { NoticesOf } from '../notices/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger, RequestLog } from '../platform/log/index.ts'
import type { InTenant, Lookups } from '../platform/postgres/index.ts'
import { createStateAdapter } from './adapter.ts'
import { clientEndpoints } from './client-routes.ts'
import { canvasSecretOf, createClientFinder, ownClients } from './clients.ts'
import { configurationOf, grantOfBrowser } from './configuration.ts'
import { createIssuerDoor } from './door.ts'
import { sessionOfGrant } from './grant-id.ts'
import { createIssuerPages } from './issuer-pages.ts'
import { createRestrictions } from './restrictions.ts'
import { createSignInPages } from './sign-in-pages.ts'

export type IssuerDeps = {
  readonly publicUrl: string
  /** What stands around every page. */
  readonly notices: Pick<NoticesOf, 'around' | 'ownBanner' | 'operator'>
  readonly port: IssuerPort
  readonly inTenant: InTenant
  readonly keys: Pick<Keys, 'of'>
  readonly lookups: Pick<Lookups, 'tenantOfOidcState'>
  readonly teamNames: (tenant: TenantUid) => Promise<ReadableMap<TeamUid, string>>
  readonly rate: RateLimiter
  readonly trustedProxies: readonly string[]
  /** For whom the console's server side asks; undefined for a request of anybody else. */
  readonly endClientOf: (request: Pick<DoorRequest, 'socket' | 'headers'>) => string | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly observe: (route: string, status: number, seconds: number) => void
}

/** The OpenID Connect issuer with its sign-in pages. */
export type Issuer = {
  /** Requests below `/oidc` and `/sign-in`. */
  readonly handler: (request: DoorRequest, response: DoorResponse) => void
  /** Registration of clients. */
  readonly endpoints: readonly Endpoint[]
  /** What the console's own client proves itself with; the same on every replica. */
  canvasSecret(): Promise<string>
}

/** The request under way, for what the library calls without saying for which. */
type Underway = {
  readonly caller: Caller
  readonly log: RequestLog
  readonly path: string
  readonly userCode: string
}

export function createIssuer(deps: IssuerDeps): Issuer {
  const { publicUrl, port, keys, inTenant, logger } = deps
  const underway = new AsyncLocalStorage<Underway>()
  const current = () => {
    const found = underway.getStore()
    if (!found) throw new Error('the issuer was asked outside of a request')
    return found
  }
  const adapter = createStateAdapter({
    ...{ inTenant, keys, lookups: deps.lookups, sessions: port, clock: deps.clock },
    caller: () => current().caller,
    whyGrantEnds: () => whyGrantEnds(current().path),
    findClient: createClientFinder({ inTenant, keys }),
  })
  const pages = createIssuerPages({
    notices: deps.notices,
    callerOf: () => current().caller,
    prefilledCode: () => current().userCode,
  })

  const restrictions = createRestrictions(pages)

  // The library takes its keys once. What it remembers is in the database, so with new keys there is simply a new one.
  let made: { readonly kids: string; readonly provider: Provider } | undefined
  let canvasSecret: string | undefined

  async function ready(): Promise<void> {
    canvasSecret ??= await canvasSecretOf(keys)
    const jwks = port.signingKeys.privateJwks()
    const kids = jwks.map(({ kid }) => kid).join(' ')
    if (made?.kids !== kids) made = { kids, provider: make(jwks as readonly JWK[], canvasSecret) }
  }

  function make(jwks: readonly JWK[], secret: string): Provider {
    const provider = new Provider(
      issuerOf(publicUrl),
      configurationOf({
        ...{ publicUrl, adapter, pages },
        clients: ownClients(publicUrl, secret),
        jwks: { keys: [...jwks] },
        sessionHolder: port.sessionHolder,
        teamNames: deps.teamNames,
      }),
    )
    provider.use(restrictions)
    provider.use(async (ctx, next) => {
      await next()
      learn(ctx.oidc)
      // Signing out ends the session with all that was let into it, whether or not the client asked for it.
      const session: KoaContextWithOIDC['oidc']['session'] = ctx.path.endsWith('/session/end/confirm')
        ? ctx.oidc?.session
        : undefined
      // The library says so on the session, though its types do not.
      if (!session || !('destroyed' in session)) return
      for (const { grantId } of Object.values(session.authorizations ?? {})) {
        const named = sessionOfGrant(grantId)
        if (named) await port.endSession(named, 'signed-out', current().caller)
      }
    })
    provider.on('server_error', (ctx, cause) => {
      learn(ctx.oidc)
      lines().error({ cause }, 'the issuer failed')
    })
    // An event of Koa, which the library's own list does not name.
    const koa: { on(event: 'error', heard: (cause: Error) => void): unknown } = provider
    koa.on('error', (cause) => lines().error({ cause }, 'the issuer failed'))
    return provider
  }

  const lines = () => underway.getStore()?.log.lines() ?? logger

  /** The log learns whose request it is, once what came with it has led to a session. */
  function learn(oidc: Oidc | undefined): void {
    const named = sessionOfRequest(oidc)
    if (named) underway.getStore()?.log.knows(named)
  }

  function provider(): Provider {
    if (!made) throw new Error('the issuer was not made ready')
    return made.provider
  }

  const signInPages = createSignInPages({ provider, port, ownBanner: deps.notices.ownBanner })

  return {
    handler: createIssuerDoor({
      ...deps,
      async issuer(request, response, { caller, log, userCode }) {
        const path = request.url ?? ''
        if (path.startsWith('/jwks')) await port.signingKeys.lookForNewer()
        await ready()
        await underway.run({ caller, log, path, userCode }, () => provider().callback()(request, response))
      },
      async pages(page) {
        await ready()
        return underway.run({ caller: page.caller, log: page.log, path: page.path, userCode: '' }, () =>
          signInPages(page),
        )
      },
    }),
    endpoints: clientEndpoints({ keys }),
    canvasSecret: () => canvasSecretOf(keys),
  }
}

function whyGrantEnds(path: string): 'signed-out' | 'token-revoked' | 'token-reused' {
  if (path.startsWith('/session/end')) return 'signed-out'
  return path.startsWith('/token/revocation') ? 'token-revoked' : 'token-reused'
}

/** The library's context of a request; it makes none for an unknown path. */
type Oidc = KoaContextWithOIDC['oidc']

/** The session that a request is about: that of the token or code it brought, or of the browser's cookie. */
function sessionOfRequest(oidc: Oidc | undefined): SessionName | undefined {
  if (!oidc) return undefined
  const { Grant, AccessToken, RefreshToken, AuthorizationCode, DeviceCode } = oidc.entities
  const ids = [Grant?.jti, ...[AccessToken, RefreshToken, AuthorizationCode, DeviceCode].map((one) => one?.grantId)]
  return sessionOfGrant(ids.find((id) => id !== undefined) ?? grantOfBrowser(oidc.session))
}
