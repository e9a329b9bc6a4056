import { once } from 'node:events'
import { isIP, type LookupFunction } from 'node:net'
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls'
import { type buildConnector, type Dispatcher, errors, Pool } from 'undici'
import { err, ok, type Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import type { ClientCredential, ClusterEndpoint } from './kubeconfig.ts'

/** Resolves a host and judges its addresses; asked at every connect, since a name may change its mind (threat D17). */
export type CheckDestination = (
  host: string,
  port: number,
) => Promise<
  Result<
    { readonly addresses: readonly { readonly address: string; readonly family: 4 | 6 }[] },
    { readonly code: string; readonly message: string }
  >
>

/** Why a cluster could not be asked. */
export type ClusterProblem = {
  readonly kind:
    | 'destination' // may not be connected to
    | 'unresolved'
    | 'unreachable'
    | 'timeout'
    | 'no-tls'
    | 'untrusted'
    | 'expired'
    | 'wrong-name'
    | 'unauthorized'
    | 'forbidden'
    | 'conflict' // an object is there and somebody else's
    | 'not-kubernetes'
    | 'too-old'
    | 'failed' // it answered, with an error of its own
  /** What is wrong and what to do about it. Names addresses and certificates, never a credential. */
  readonly message: string
}

export type KubernetesReply = {
  readonly status: number
  readonly body: unknown
  /** The server's clock when it answered, in milliseconds; undefined where it does not say. */
  readonly dateMs: number | undefined
}

export type KubernetesCall = {
  readonly body?: unknown
  /** Of the body; default JSON. */
  readonly contentType?: string
  /** Header lines of impersonation. */
  readonly impersonate?: readonly (readonly [string, string])[]
  /** In the place of the client's own credential. */
  readonly token?: Secret
}

/** Asks one API server with one credential. Every status is an answer; a redirect is one too and is not followed (threat A10). */
export type KubernetesClient = {
  call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options?: KubernetesCall,
  ): Promise<Result<KubernetesReply, ClusterProblem>>
  /** Ends its connections. */
  close(): Promise<void>
}

const connectMs = 10_000
const answerMs = 10_000
/** Everything asked for here is small: reviews, tokens, a handful of objects. */
const maxAnswerBytes = 1024 * 1024
const connections = 6

/** @param signal ends everything under way, and what comes after */
export function createKubernetesClient(
  endpoint: ClusterEndpoint,
  credential: ClientCredential,
  deps: { readonly checkDestination: CheckDestination; readonly signal: AbortSignal },
): KubernetesClient {
  const { url, basePath } = endpoint.server
  const pool = new Pool(new URL(url).origin, {
    connections,
    connect: connector(endpoint, credential, deps),
    pipelining: 1,
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
    maxResponseSize: maxAnswerBytes,
    maxHeaderSize: 16 * 1024,
    allowH2: false,
  })

  return {
    async call(method, path, { body, contentType = 'application/json', impersonate = [], token } = {}) {
      const bearer = token ?? credential.token
      const authorization = bearer ? ['authorization', `Bearer ${bearer.reveal()}`] : []
      const headers = ['accept', 'application/json', 'user-agent', 'palisade', ...authorization, ...impersonate.flat()]
      if (body !== undefined) headers.push('content-type', contentType)
      try {
        const reply = await pool.request({
          method,
          path: `${basePath}${path}`,
          headers,
          signal: deps.signal,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        const dateMs = Date.parse(String(reply.headers.date))
        return ok({
          status: reply.statusCode,
          body: await readJson(reply.body),
          dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
        })
      } catch (cause) {
        return err(problemOf(cause, endpoint))
      }
    },
    close: () => pool.destroy(),
  }
}

/** What an answer that is none of the expected ones means. */
export function unexpected({ status, body }: Pick<KubernetesReply, 'status' | 'body'>, doing: string): ClusterProblem {
  const said = statusMessage(body)
  if (status === 401)
    return {
      kind: 'unauthorized',
      message: 'The cluster does not know this credential (401): it is expired, revoked or of another cluster.',
    }
  if (status === 403)
    return { kind: 'forbidden', message: `The cluster refused ${doing} (403)${said ? `: ${said}` : ''}` }
  // Only what speaks as Kubernetes does is quoted: another server's page is none of the caller's business.
  if (said !== undefined)
    return { kind: 'failed', message: `The cluster answered ${status} when asked for ${doing}: ${said}` }
  return notKubernetes
}

export const notKubernetes: ClusterProblem = {
  kind: 'not-kubernetes',
  message: 'What answers there is no Kubernetes API server: check `server`, its port and path.',
}

/** The message of a Kubernetes `Status`, cut and without control characters. */
export function statusMessage(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  // Any member may be missing or of any type.
  const { kind, message } = body as { kind?: unknown; message?: unknown }
  if (kind !== 'Status' || typeof message !== 'string') return undefined
  return printable(message, 400)
}

type Asked = Dispatcher.ResponseData['body']

async function readJson(body: Asked): Promise<unknown> {
  const text = await body.text()
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The destination policy's refusal, on its way through undici. */
class DestinationError extends Error {
  override readonly name = 'DestinationError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Connects to an address that was just judged, and to no other, and verifies the certificate by the pinned CA and name. */
function connector(
  { server, caPem, serverName }: ClusterEndpoint,
  { certificate }: ClientCredential,
  { checkDestination, signal }: { readonly checkDestination: CheckDestination; readonly signal: AbortSignal },
): buildConnector.connector {
  const { host, port } = server
  const expectedName = serverName ?? host

  async function dial(ended: AbortSignal): Promise<TLSSocket> {
    const checked = await Promise.race([checkDestination(host, port), rejectOn(ended)])
    if (!checked.ok) throw new DestinationError(checked.error.code, checked.error.message)
    const socket = connect({
      host,
      port,
      // A second look-up could answer otherwise. IP literals are not looked up.
      lookup: pinned(checked.value.addresses),
      ALPNProtocols: ['http/1.1'],
      ca: [caPem],
      minVersion: 'TLSv1.2',
      ...(certificate ? { cert: certificate.certPem, key: certificate.key.reveal() } : {}),
      ...(isIP(expectedName) === 0 ? { servername: expectedName } : {}),
      checkServerIdentity: (_host, presented) => checkServerIdentity(expectedName, presented),
    })
    try {
      await once(socket, 'secureConnect', { signal: ended })
      return socket
    } catch (cause) {
      socket.on('error', () => undefined) // it is being thrown away
      socket.destroy()
      throw cause
    }
  }

  return (_options, callback) => {
    dial(AbortSignal.any([signal, AbortSignal.timeout(connectMs)])).then(
      (socket) => callback(null, socket),
      (cause: Error) => callback(cause, null),
    )
  }
}

function rejectOn(ended: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (ended.aborted)
      reject(ended.reason as Error) // AbortSignal's reasons here are DOMExceptions
    else ended.addEventListener('abort', () => reject(ended.reason as Error), { once: true })
  })
}

function pinned(addresses: readonly { readonly address: string; readonly family: 4 | 6 }[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses
    if (options.all === true) callback(null, [...addresses])
    else if (first) callback(null, first.address, first.family)
    else callback(new Error('no address'), '')
  }
}

/** What went wrong below HTTP, told apart as a person would have to act on it. */
function problemOf(cause: unknown, { server, serverName }: ClusterEndpoint): ClusterProblem {
  const at = `${server.host}:${server.port}`
  if (cause instanceof DestinationError)
    return cause.code === 'unresolved'
      ? { kind: 'unresolved', message: `${cause.message}: check the host in \`server\`.` }
      : { kind: 'destination', message: `${at} may not be a cluster: ${cause.message}.` }
  if (isTimeout(cause)) return { kind: 'timeout', message: `${at} did not answer in time: ${reachHint}` }
  const code = codeOf(cause)
  switch (code) {
    case 'ECONNREFUSED':
      return { kind: 'unreachable', message: `Nothing listens at ${at}: ${reachHint}` }
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return {
        kind: 'expired',
        message: `The certificate of ${at} is ${code === 'CERT_HAS_EXPIRED' ? 'expired' : 'not valid yet'}: renew it, and check the clocks.`,
      }
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        kind: 'wrong-name',
        message: `The certificate of ${at} is not for ${serverName ?? server.host}${namesOf(cause)}: use a name that it bears in \`server\` or in \`tls-server-name\`.`,
      }
    default:
  }
  if (/^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|ERR_TLS_CERT_)/.test(code))
    return {
      kind: 'untrusted',
      message: `The certificate of ${at} was not issued by the CA in \`certificate-authority-data\` (${code}): use the CA of this very cluster.`,
    }
  if (/ALERT_(BAD_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|NO_CERTIFICATE)/.test(code))
    return { kind: 'unauthorized', message: `${at} does not accept the client certificate (${code}).` }
  if (/^(ERR_SSL_|EPROTO)/.test(code))
    return { kind: 'no-tls', message: `${at} does not speak TLS as an API server does (${code}): check the port.` }
  if (cause instanceof errors.HTTPParserError || /^UND_ERR_(RES_EXCEEDED_MAX_SIZE|HEADERS_OVERFLOW)$/.test(code))
    return notKubernetes
  return { kind: 'unreachable', message: `${at} cannot be reached (${code}): ${reachHint}` }
}

const reachHint = 'check `server`, and that a firewall lets this server through.'

function isTimeout(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  if (cause.name === 'TimeoutError') return true
  if (cause.name === 'AbortError' && isTimeout(cause.cause)) return true
  return /^UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT$|^ETIMEDOUT$/.test(codeOf(cause))
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  // Of several addresses each may have failed in its own way; the first one's reason is told.
  if (code === undefined && cause instanceof AggregateError) return codeOf(cause.errors[0])
  return typeof code === 'string' && /^[A-Z0-9_]{1,80}$/.test(code) ? code : 'error'
}

/** The names of a certificate that bears none that was expected. */
function namesOf(cause: unknown): string {
  const certificate = cause instanceof Error && 'cert' in cause ? cause.cert : undefined
  const names = (certificate as { subjectaltname?: unknown } | undefined)?.subjectaltname // Node's PeerCertificate
  return typeof names === 'string' && names !== '' ? ` but for ${printable(names, 300)}` : ''
}

const printable = (text: string, most: number) => text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, most)
