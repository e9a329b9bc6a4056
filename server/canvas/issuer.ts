import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  ClientError,
  ClientSecretBasic,
  type Configuration,
  type CustomFetch,
  calculatePKCECodeChallenge,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  refreshTokenGrant,
  tokenRevocation,
} from 'openid-client'
import { err, ok, type Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'

/** The OpenID issuer that people sign in at, and what the console is there. */
export type OpenIdSettings = {
  /** As its discovery document names itself. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: Secret
  /** `openid` and what makes it give a refresh token. */
  readonly scope: string
  /** RFC 8707: for whom the access token is to be, where the issuer asks. */
  readonly resource?: string
  /** The issuer forgets a browser when the session of the API ends, as our own does: nobody has to be sent there to sign out. */
  readonly endsWithSession?: boolean
  /** Trusts whoever signed the issuer's certificate. */
  readonly fetch: CustomFetch
}

/** What a sign-in has to remember until its callback. */
export type Begun = { readonly state: string; readonly nonce: string; readonly verifier: string }

export type IssuedTokens = {
  readonly access: string
  readonly refresh: string | undefined
  readonly expiresInSeconds: number
  /** Of the ID token, whose signature, issuer, audience, nonce and time were checked; absent where none came. */
  readonly subject: string | undefined
}

/** `refused`: the issuer, or our check of what it answered, says no; `away`: nothing is known, and it may be tried again. */
export type IssuerProblem = { readonly kind: 'refused' | 'away'; readonly cause: unknown }

export type Issuer = {
  /** @returns where the browser goes, and what to remember */
  begin(redirectUri: string): Promise<Result<{ readonly url: URL; readonly begun: Begun }, IssuerProblem>>
  /** @param callback the URL that the browser came back with */
  finish(callback: URL, begun: Begun): Promise<Result<IssuedTokens, IssuerProblem>>
  refresh(refreshToken: string): Promise<Result<IssuedTokens, IssuerProblem>>
  /** Tells the issuer to forget a refresh token. That it fails changes nothing for the browser, whose session is gone. */
  revoke(refreshToken: string): Promise<void>
  /** Where a browser ends what the issuer itself remembers of it, if it has to. */
  signOutUrl(): Promise<string | undefined>
}

/** Keys are looked for as tokens need them; this is for the addresses. */
const discoverEveryMs = 3_600_000
const timeoutSeconds = 10

export function createIssuer(settings: OpenIdSettings, clock: { monotonicMs(): number }): Issuer {
  const resource = settings.resource === undefined ? {} : { resource: settings.resource }
  let known: { readonly at: number; readonly configuration: Promise<Configuration> } | undefined

  function configuration(): Promise<Configuration> {
    const at = clock.monotonicMs()
    if (known && at - known.at < discoverEveryMs) return known.configuration
    const found = discovery(
      new URL(settings.issuer),
      settings.clientId,
      undefined,
      ClientSecretBasic(settings.clientSecret.reveal()),
      // Without it the signature of an ID token that comes straight from the token endpoint is not looked at.
      { [customFetch]: settings.fetch, timeout: timeoutSeconds, execute: [enableNonRepudiationChecks] },
    )
    const mine = { at, configuration: found }
    known = mine
    // A failure is not remembered: the next sign-in tries again.
    found.catch(() => {
      if (known === mine) known = undefined
    })
    return found
  }

  type Answer = Awaited<ReturnType<typeof refreshTokenGrant>>
  const issued = (tokens: Answer): IssuedTokens => ({
    access: tokens.access_token,
    refresh: tokens.refresh_token,
    expiresInSeconds: tokens.expiresIn() ?? 0,
    subject: tokens.claims()?.sub,
  })

  return {
    begin: (redirectUri) =>
      attempt(async () => {
        const begun = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() }
        const url = buildAuthorizationUrl(await configuration(), {
          redirect_uri: redirectUri,
          scope: settings.scope,
          ...resource,
          state: begun.state,
          nonce: begun.nonce,
          code_challenge: await calculatePKCECodeChallenge(begun.verifier),
          code_challenge_method: 'S256',
        })
        return { url, begun }
      }),
    finish: (callback, { state, nonce, verifier }) =>
      attempt(async () =>
        issued(
          await authorizationCodeGrant(
            await configuration(),
            callback,
            { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
            resource,
          ),
        ),
      ),
    refresh: (refreshToken) =>
      attempt(async () => issued(await refreshTokenGrant(await configuration(), refreshToken, resource))),
    async revoke(refreshToken) {
      const found = await configuration()
      if (found.serverMetadata().revocation_endpoint !== undefined) await tokenRevocation(found, refreshToken)
    },
    async signOutUrl() {
      if (settings.endsWithSession) return undefined
      const found = await configuration()
      // Without the ID token as a hint: no token is ever in the page.
      return found.serverMetadata().end_session_endpoint === undefined ? undefined : buildEndSessionUrl(found).href
    },
  }
}

async function attempt<T>(work: () => Promise<T>): Promise<Result<T, IssuerProblem>> {
  try {
    return ok(await work())
  } catch (cause) {
    return err({ kind: isRefusal(cause) ? 'refused' : 'away', cause })
  }
}

/** An answer of the protocol that says no, or one that did not pass a check; anything else is a matter of the way there. */
function isRefusal(cause: unknown): boolean {
  if (cause instanceof AuthorizationResponseError) return true
  if (cause instanceof ResponseBodyError)
    return cause.status < 500 && cause.status !== 429 && !ofTheInstallation.has(cause.error)
  return cause instanceof ClientError && !wayThere.has(cause.code ?? '')
}

/** RFC 6749 §5.2: errors that say nothing of the person or the grant. */
const ofTheInstallation = new Set(['invalid_client', 'unauthorized_client', 'server_error', 'temporarily_unavailable'])

/** openid-client's codes for what has nothing to do with the tokens. */
const wayThere = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_PARSE_ERROR',
  'OAUTH_RESPONSE_IS_NOT_JSON',
])
