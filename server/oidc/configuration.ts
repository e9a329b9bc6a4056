import {
  type AccountClaims,
  type Adapter,
  type ClientMetadata,
  type Configuration,
  errors,
  interactionPolicy,
  type JWKS,
  type KoaContextWithOIDC,
} from 'oidc-provider'
import type { TeamUid, TenantUid } from '../../contract/ids.ts'
import type { ReadableMap } from '../../core/access/index.ts'
import { identityOf } from '../../core/kube/index.ts'
import type { IssuerPort, SessionHolder } from '../identity/index.ts'
import { hasApiAccess, onlyTenantOf } from './clients.ts'
import { accountId, sessionOfGrant } from './grant-id.ts'
import type { IssuerPages } from './issuer-pages.ts'

/** A person in one session, as the provider library asks about accounts. */
export type Account = {
  readonly accountId: string
  readonly holder: SessionHolder
  claims(): Promise<AccountClaims>
}

export type ConfigurationDeps = {
  readonly publicUrl: string
  readonly clients: ClientMetadata[]
  /** Private keys, the newest first. */
  readonly jwks: JWKS
  readonly adapter: (kind: string) => Adapter
  readonly sessionHolder: IssuerPort['sessionHolder']
  readonly teamNames: (tenant: TenantUid) => Promise<ReadableMap<TeamUid, string>>
  readonly pages: IssuerPages
}

/** What a session may last, which nothing that belongs to it outlives; the session itself ends it sooner. */
const longestSeconds = 12 * 3600
const accessTokenSeconds = 15 * 60
/** A sign-in page that was left open. */
const interactionSeconds = 30 * 60
const deviceCodeSeconds = 10 * 60

/**
 * The one sign-in that a browser has under way. `__Host-`: a neighbouring domain cannot put somebody else's there (threat C08), so
 * nobody finishes or resumes what another browser began (threat B12).
 */
export const signInCookie = '__Host-palisade-sign-in'
/** The same, as the library keeps it for the way back; it proves nothing unless it agrees with the cookie above. */
export const resumeCookie = '__Secure-palisade-resume'

/** The scopes that a client may ask for; what a person may do is in none of them, but decided at each use. */
export const scopes = ['openid', 'email', 'profile', 'groups', 'offline_access'] as const

/** The provider library, set up: code with PKCE S256 and device grant, everything else off. */
export function configurationOf(deps: ConfigurationDeps): Configuration {
  const { publicUrl, pages } = deps

  return {
    adapter: deps.adapter,
    jwks: deps.jwks,
    clients: deps.clients,
    scopes: [...scopes],
    claims: {
      openid: ['sub', 'tenant', 'org'],
      email: ['email'],
      profile: ['name', 'given_name', 'family_name'],
      groups: ['groups', 'teams'],
    },
    // Clusters and simple clients read the ID token and nothing else.
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    extraClientMetadata: { properties: ['palisade_api'] },
    // One algorithm, which the key carries (threat B09).
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256'],
      userinfoSigningAlgValues: ['ES256'],
    },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    pkce: { required: () => true },
    enableHttpPostMethods: false,
    allowOmittingSingleRegisteredRedirectUri: false,
    clientBasedCORS: () => false,
    cookies: {
      names: {
        session: '__Host-palisade-issuer',
        interaction: signInCookie,
        // The library gives it a path of its own, which the prefix `__Host-` does not allow: see `restrictions.ts`.
        resume: resumeCookie,
      },
      // Ids of 256 random bits, looked up by their hash: a signature would add nothing.
      long: { httpOnly: true, secure: true, sameSite: 'lax', signed: false, path: '/' },
      // Without a path the library would choose one for the sign-in's cookie too, and browsers would drop it for its name.
      short: { httpOnly: true, secure: true, sameSite: 'lax', signed: false, path: '/' },
    },
    routes: {
      authorization: '/auth',
      token: '/token',
      jwks: '/jwks',
      userinfo: '/userinfo',
      revocation: '/token/revocation',
      introspection: '/token/introspection',
      end_session: '/session/end',
      device_authorization: '/device/auth',
      code_verification: '/device',
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, client, oneOf) => oneOf ?? (hasApiAccess(client) ? publicUrl : []),
        useGrantedResource: () => true,
        getResourceServerInfo(_ctx, resource, client) {
          if (resource !== publicUrl || !hasApiAccess(client)) throw new errors.InvalidTarget()
          return {
            scope: '',
            audience: publicUrl,
            accessTokenFormat: 'jwt',
            accessTokenTTL: accessTokenSeconds,
            jwt: { sign: { alg: 'ES256' } },
          }
        },
      },
      userinfo: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, issued) => issued.clientId === client.clientId },
      introspection: {
        enabled: true,
        // Its own tokens, and only while their session counts.
        allowedPolicy: async (_ctx, client, issued) =>
          issued.clientId === client.clientId &&
          'grantId' in issued &&
          (await holderOfGrant(issued.grantId)) !== undefined,
      },
      deviceFlow: {
        enabled: true,
        charset: 'base-20',
        mask: '****-****',
        deviceInfo: (ctx) => ({ ip: pages.callerOf(ctx).clientAddress, ua: pages.callerOf(ctx).userAgent }),
        userCodeInputSource: pages.userCode,
        userCodeConfirmSource: pages.userCodeConfirm,
        successSource: pages.deviceAdmitted,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: pages.signOut,
        postLogoutSuccessSource: pages.signedOut,
      },
    },
    formats: {
      customizers: {
        // As in the tokens of the API: who it is in `sub`, the organisation beside it.
        jwt(_ctx, token, jwt) {
          const named = sessionOfGrant('grantId' in token ? token.grantId : undefined)
          if (!named) throw new Error('an access token without a session')
          jwt.payload.sub = named.user
        },
      },
    },
    async extraTokenClaims(ctx, issued) {
      if (issued.kind !== 'AccessToken' || issued.aud !== publicUrl) return undefined
      const named = sessionOfGrant(issued.grantId)
      const holder = holderOf(ctx)
      if (!named || !holder) throw new Error('an access token without a session')
      return { tenant: named.tenant, sid: named.session, ce: Number(holder.credentialEpoch) }
    },
    ttl: {
      AccessToken: (ctx) => withinSession(ctx, accessTokenSeconds),
      IdToken: (ctx) => withinSession(ctx, accessTokenSeconds),
      RefreshToken: (ctx) => withinSession(ctx, longestSeconds),
      AuthorizationCode: 60,
      DeviceCode: deviceCodeSeconds,
      Grant: longestSeconds,
      Interaction: interactionSeconds,
      Session: longestSeconds,
    },
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    // They end with Palisade's session, which outlives the browser's cookie.
    expiresWithSession: async () => false,
    findAccount,
    loadExistingGrant: async ({ oidc }) => {
      const id = oidc.result?.consent?.grantId ?? oidc.session?.grantIdFor(oidc.client?.clientId ?? '')
      return id === undefined ? undefined : oidc.provider.Grant.find(id)
    },
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}`, policy: policy() },
    renderError: pages.failed,
  }

  /**
   * The person behind a code, a token or the browser's cookie: nobody, once their session has ended by whatever cause, or at
   * a client that belongs to another organisation.
   */
  async function findAccount(
    ctx: KoaContextWithOIDC,
    id: string,
    token?: { readonly grantId?: string | undefined } | object,
  ): Promise<Account | undefined> {
    const { oidc } = ctx
    const grantId = token !== undefined && 'grantId' in token ? token.grantId : currentGrant(ctx)
    const named = sessionOfGrant(grantId)
    const holder = named && (await holderOfGrant(grantId))
    if (!named || !holder || accountId(named) !== id) return undefined
    const only = oidc.client && onlyTenantOf(oidc.client.clientId)
    if (only !== undefined && only !== named.tenant) return undefined
    return { accountId: id, holder, claims: () => claimsOf(id, holder) }
  }

  async function holderOfGrant(grantId: string | undefined): Promise<SessionHolder | undefined> {
    const named = sessionOfGrant(grantId)
    const holder = named && (await deps.sessionHolder(named))
    return holder?.ok ? holder.value : undefined
  }

  async function claimsOf(sub: string, { principal, teams }: SessionHolder): Promise<AccountClaims> {
    const { tenant, user, person } = principal
    const names = await deps.teamNames(tenant)
    const named = teams.map((uid) => ({ uid, name: names.get(uid) ?? '' }))
    const { groups } = identityOf({
      ...{ tenantUid: tenant, userUid: user, email: person.email, levels: [], teams: named },
      ...{ sessionUid: undefined, requestId: '' },
    })
    return {
      ...{ sub, tenant, org: person.org, email: person.email },
      name: `${person.firstName} ${person.lastName}`.trim(),
      ...{ given_name: person.firstName, family_name: person.lastName },
      ...{ groups: [...groups], teams: named.map(({ name }) => name) },
    }
  }
}

/** The grant of the sign-in that a browser has just made, or else of the one that its cookie stands for. */
export function currentGrant({ oidc }: KoaContextWithOIDC): string | undefined {
  return oidc.result?.consent?.grantId ?? grantOfBrowser(oidc.session)
}

/** All grants of one browser's cookie belong to one session of Palisade, so any of them leads to it. */
export function grantOfBrowser(
  session:
    | { readonly authorizations?: Readonly<Record<string, { readonly grantId?: string | undefined }>> | undefined }
    | undefined,
): string | undefined {
  for (const { grantId } of Object.values(session?.authorizations ?? {})) if (grantId !== undefined) return grantId
  return undefined
}

/** `findAccount` made it, and nobody else does. */
export const holderOf = ({ oidc }: KoaContextWithOIDC): SessionHolder | undefined =>
  (oidc.account as Account | undefined)?.holder

function withinSession(ctx: KoaContextWithOIDC, seconds: number): number {
  const holder = holderOf(ctx)
  if (!holder) throw new Error('a token for nobody')
  // A session that ends this second was valid when it was looked at.
  return Math.max(1, Math.min(seconds, Math.floor((holder.absoluteEndAtMs - Date.now()) / 1000)))
}

/** Asks for the password wherever the browser's cookie stands for nobody any more, or for somebody of another organisation. */
function policy() {
  const { base, Check } = interactionPolicy
  const prompts = base()
  prompts
    .get('login')
    ?.checks.add(
      new Check('session_ended', 'the session has ended', 'login_required', ({ oidc }) =>
        oidc.session?.accountId !== undefined && oidc.account === undefined
          ? Check.REQUEST_PROMPT
          : Check.NO_NEED_TO_PROMPT,
      ),
    )
  return prompts
}
