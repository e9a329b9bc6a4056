import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientError,
  Configuration,
  type CustomFetch,
  calculatePKCECodeChallenge,
  clockSkew,
  customFetch,
  discovery,
  initiateDeviceAuthorization,
  None,
  pollDeviceAuthorizationGrant,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  refreshTokenGrant,
  tokenRevocation,
} from 'openid-client'
import { Secret } from '../core/seal/index.ts'
import type { CliEdges } from './edges.ts'
import { Failure } from './failure.ts'
import type { Session } from './kept.ts'
import type { Server } from './settings.ts'
import { createTransport, interrupted, notPalisade, type Transport, unreachable } from './transport.ts'

/** A sign-in begun at the issuer, to be finished with what the browser comes back with. */
export type Begun = {
  readonly url: URL
  /** What the browser has to bring back. */
  readonly state: string
  readonly finish: (callback: URL) => Promise<Session>
}

/** A sign-in begun for a device without a browser (RFC 8628). */
export type BegunOnDevice = {
  readonly page: string
  readonly code: string
  /** The page with the code filled in. */
  readonly pageWithCode: string | undefined
  readonly minutes: number
  /** Asks until somebody has let the device in. */
  readonly wait: (signal: AbortSignal) => Promise<Session>
}

/** The server's OpenID Connect issuer, as the client `palisade-cli`, which is no secret's holder. */
export type Issuer = {
  readonly begin: (redirectUri: string) => Promise<Begun>
  readonly beginOnDevice: () => Promise<BegunOnDevice>
  /** @param refresh good once, whether or not its answer arrives */
  readonly refresh: (refresh: Secret) => Promise<Session>
  /** Ends the session that the token belongs to. A token that is nobody's any more is as good as revoked (RFC 7009 §2.2). */
  readonly revoke: (refresh: Secret) => Promise<void>
  readonly close: () => void
}

const clientId = 'palisade-cli'
/** Who one is says the API; nothing else of a person is asked for. */
const scope = 'openid'
const timeoutSeconds = 15

/** Loaded where somebody signs in, out, or is renewed: most commands need no library for that. */
export async function openIssuer(server: Server, { now }: Pick<CliEdges, 'now'>): Promise<Issuer> {
  const transport = createTransport(server)
  const attempt = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } catch (cause) {
      throw failureOf(cause, server)
    }
  }

  /** @param run asked at `now`: the access token's life counts from before the request, by the clock of this machine */
  const session = (run: () => Promise<Awaited<ReturnType<typeof refreshTokenGrant>>>) =>
    attempt(async () => {
      const before = now().getTime()
      const tokens = await run()
      const seconds = tokens.expiresIn()
      if (tokens.refresh_token === undefined || seconds === undefined) throw notPalisade(server)
      return {
        access: new Secret(tokens.access_token),
        refresh: new Secret(tokens.refresh_token),
        accessEndsAt: new Date(before + seconds * 1000),
      }
    })

  let configuration: Configuration
  try {
    configuration = await attempt(() => configure(transport, server, now))
  } catch (cause) {
    transport.close()
    throw cause
  }

  return {
    async begin(redirectUri) {
      const [state, nonce, verifier] = [randomState(), randomNonce(), randomPKCECodeVerifier()]
      const url = buildAuthorizationUrl(configuration, {
        ...{ redirect_uri: redirectUri, scope, state, nonce },
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier }
      return {
        url,
        state,
        finish: (callback) => session(() => authorizationCodeGrant(configuration, callback, checks)),
      }
    },
    async beginOnDevice() {
      const device = await attempt(() => initiateDeviceAuthorization(configuration, { scope }))
      return {
        page: device.verification_uri,
        code: device.user_code,
        pageWithCode: device.verification_uri_complete,
        minutes: Math.floor(device.expires_in / 60),
        wait: (signal) =>
          session(() => pollDeviceAuthorizationGrant(configuration, device, undefined, { signal })).catch((cause) => {
            throw signal.aborted ? interrupted() : cause
          }),
      }
    },
    refresh: (refresh) => session(() => refreshTokenGrant(configuration, refresh.reveal())),
    revoke: (refresh) =>
      attempt(() => tokenRevocation(configuration, refresh.reveal(), { token_type_hint: 'refresh_token' })),
    close: transport.close,
  }
}

async function configure(transport: Transport, server: Server, now: () => Date): Promise<Configuration> {
  let skewSeconds = 0
  // The library's way to the server: the same trust as every other call, and nowhere else than there.
  const fetch: CustomFetch = async (target, { method, headers, body, signal }) => {
    const url = new URL(target)
    if (url.origin !== server.url)
      throw new Failure(`the issuer at ${server.url} names an address elsewhere: ${url.origin}`)
    try {
      const answer = await transport.send({
        ...{ method, url, headers, signal: signal ?? undefined },
        body: body === undefined || body === null ? undefined : String(body),
      })
      const text = await transport.readAll(answer)
      const serverTime = Date.parse(answer.headers.date ?? '')
      if (!Number.isNaN(serverTime)) skewSeconds = Math.round((serverTime - now().getTime()) / 1000)
      const head = new Headers({ 'content-type': answer.headers['content-type'] ?? 'text/plain' })
      const retryAfter = answer.headers['retry-after']
      if (retryAfter !== undefined) head.set('retry-after', retryAfter)
      return new Response(text === '' ? null : text, { status: answer.statusCode ?? 0, headers: head })
    } catch (cause) {
      const isSlow = signal?.aborted === true && signal.reason instanceof Error && signal.reason.name === 'TimeoutError'
      throw isSlow ? unreachable(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }), server) : cause
    }
  }
  const options = { [customFetch]: fetch, timeout: timeoutSeconds }
  const found = await discovery(new URL(`${server.url}/oidc`), clientId, undefined, None(), options)
  // Tokens come straight from the server, and their times are by its clock: a wrong one here is no reason to refuse them.
  const configuration = new Configuration(found.serverMetadata(), clientId, { [clockSkew]: skewSeconds }, None())
  configuration[customFetch] = fetch
  configuration.timeout = timeoutSeconds
  return configuration
}

/** The end of a session, or of what would have become one, as the issuer's codes say it (RFC 6749 §5.2, RFC 8628 §3.5). */
const said: Readonly<Record<string, { readonly message: string; readonly hint?: string }>> = {
  access_denied: { message: 'the sign-in was refused in the browser; nobody was signed in' },
  expired_token: { message: 'the code has expired; nobody was signed in', hint: 'palisade login begins anew.' },
  temporarily_unavailable: { message: 'too many sign-ins come from this network', hint: 'Try again in a moment.' },
}

/** `invalid_grant`: what was presented is good for nothing any more. */
export class GrantEnded extends Failure {}

function failureOf(cause: unknown, server: Server): unknown {
  for (let one = cause; one instanceof Error; one = one.cause) if (one instanceof Failure) return one
  if (cause instanceof ResponseBodyError || cause instanceof AuthorizationResponseError) {
    if (cause.error === 'invalid_grant')
      return new GrantEnded(`${server.url} takes this sign-in no more; nobody was signed in`, {
        hints: ['palisade login begins anew.'],
      })
    const known = said[cause.error]
    if (!known) return new Failure(`${server.url} refuses the sign-in (${cause.error})`)
    return new Failure(known.message, { hints: known.hint === undefined ? [] : [known.hint] })
  }
  if (!(cause instanceof ClientError)) return cause
  const { status } = cause.cause instanceof Response ? cause.cause : { status: 0 }
  if (status === 429 || status >= 500)
    return new Failure(`${server.url} cannot answer now (${status})`, { hints: ['Try again in a moment.'] })
  const named = issuerNamed(cause)
  if (named !== undefined)
    return new Failure(`the server at ${server.url} calls itself ${named}`, {
      hints: ['Use the address that it has in PALISADE_PUBLIC_URL.'],
    })
  return notPalisade(server)
}

/** The name in a discovery document that is another than it was asked by. */
function issuerNamed({ code, cause }: ClientError): string | undefined {
  if (code !== 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') return undefined
  const { body } = (cause ?? {}) as { readonly body?: { readonly issuer?: unknown } }
  return typeof body?.issuer === 'string' && URL.canParse(body.issuer) ? new URL(body.issuer).origin : undefined
}
