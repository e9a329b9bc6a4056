import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Header } from '../../../core/kube/index.ts'
import { err, ok, type Result } from '../../../core/result.ts'
import { parseUpgrade, type Upgrade } from './upgrade-request.ts'

/** HTTP/1.1, or HTTP/2 in Node's compatible clothes: one server with `allowHTTP1` gives both. */
export type ClientRequest = IncomingMessage | Http2ServerRequest

/**
 * A request's head, parsed once and checked. What goes on to the cluster is written from this, never from the bytes that
 * came.
 */
export interface RequestHead {
  readonly method: string
  /** The request target as it came; for `parseClusterTarget`. */
  readonly rawTarget: string
  /** Names of all lines as they came; for the table of what Palisade refuses. */
  readonly names: readonly string[]
  /** The value of `Authorization`. */
  readonly authorization: string | undefined
  /** The lines to pass on: name, value, name, value. Identity, framing and hop-by-hop lines are not among them. */
  readonly forwarded: readonly string[]
  readonly hasBody: boolean
  readonly contentLength: number | undefined
  /** What the client asks to switch to, when it does. */
  readonly upgrade: Upgrade | undefined
}

/** Why a head is refused (400), as a sentence for people. It quotes nothing of the request. */
export type HeadProblem = string

/**
 * Parses and checks the head of a request to the Kubernetes door.
 *
 * Node's parsers have refused by now: folded lines, blanks before the colon, control characters, bare line feeds,
 * Content-Length beside Transfer-Encoding or twice; nghttp2 the like for HTTP/2. What they let through and is ambiguous
 * is refused here. Everything not on the list below ends here, so that nobody has to think of every spelling of a header
 * that some server might read as an identity.
 */
export function parseHead(request: ClientRequest): Result<RequestHead, HeadProblem> {
  const isHttp2 = request.httpVersionMajor >= 2
  const lines = parseLines(request.rawHeaders)
  if (!lines.ok) return lines
  const { names, byName } = lines.value

  for (const name of singleLines) {
    if ((byName.get(name)?.length ?? 0) > 1) return err(`The request has more than one ${name} line.`)
  }
  const host = authority(byName, isHttp2)
  if (!host.ok) return host
  const options = connectionOptions(byName.get('connection'))
  if (!options.ok) return options
  const framing = parseFraming(request, byName, isHttp2)
  if (!framing.ok) return framing

  const method = request.method ?? ''
  const upgradeTo = !isHttp2 && options.value.has('upgrade') ? byName.get('upgrade')?.[0] : undefined
  let upgrade: Upgrade | undefined
  if (upgradeTo !== undefined) {
    // What follows an upgrade belongs to the new protocol; a body before it would be for one side or the other.
    if (framing.value.hasBody) return err('A request that asks for an upgrade cannot have a body.')
    const parsed = parseUpgrade(method, upgradeTo, byName)
    if (!parsed.ok) return parsed
    upgrade = parsed.value
  }
  const authorization = byName.get('authorization')?.[0]
  if (authorization !== undefined && upgrade?.bearerToken !== undefined) {
    return err('The request has two credentials, one in Authorization and one in the WebSocket subprotocol.')
  }
  return ok({
    method,
    rawTarget: request.url ?? '',
    names,
    authorization,
    forwarded: forwardedLines(byName, options.value),
    hasBody: framing.value.hasBody,
    contentLength: framing.value.contentLength,
    upgrade,
  })
}

/** Lines as header pairs, for those who write them one by one. */
export function headerPairs(flat: readonly string[]): Header[] {
  const pairs: Header[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!]) // in pairs by construction
  return pairs
}

/**
 * What a client may tell the cluster. `range` is for proxied applications; the `kubectl-` lines are what kubectl says
 * about itself.
 */
const forwardable: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'content-encoding',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'kubectl-command',
  'kubectl-session',
  'range',
  'user-agent',
])

/** Two of these and two readers may choose differently. */
const singleLines = [
  'host',
  'authorization',
  'content-length',
  'transfer-encoding',
  'content-type',
  'content-encoding',
  'expect',
  'upgrade',
] as const

type Lines = ReadonlyMap<string, readonly string[]>

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** What may not stand in a value: control characters other than the tab. Characters are latin1 here. */
const forbiddenInValue = /[^\t\x20-\x7e\x80-\xff]/

function parseLines(raw: readonly string[]): Result<{ names: string[]; byName: Lines }, HeadProblem> {
  const names: string[] = []
  const byName = new Map<string, string[]>()
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    const isPseudo = name.startsWith(':')
    if (!token.test(isPseudo ? name.slice(1) : name) || forbiddenInValue.test(value)) {
      return err('The request has a malformed header line.')
    }
    if (!isPseudo) names.push(name)
    const key = name.toLowerCase()
    const before = byName.get(key)
    if (before === undefined) byName.set(key, [value])
    else before.push(value)
  }
  return ok({ names, byName })
}

/** Exactly one statement of the host (RFC 9112 §3.2, RFC 9113 §8.3.1). What it says is for the listener to judge. */
function authority(lines: Lines, isHttp2: boolean): Result<undefined, HeadProblem> {
  const host = lines.get('host')?.[0]
  const pseudo = isHttp2 ? lines.get(':authority')?.[0] : undefined
  if (host === undefined && pseudo === undefined) return err('The request does not say for which host it is.')
  if (host !== undefined && pseudo !== undefined && host !== pseudo) return err('The request names two hosts.')
  return ok(undefined)
}

/** Lines that nobody may have removed on the way: with them an intermediary could be made to drop what protects others. */
const notToBeNominated = /^(?:authorization|host|content-.*|accept|cookie|expect|(?:impersonate|x[-_]remote)[-_].*)$/

const noOptions: ReadonlySet<string> = new Set()

function connectionOptions(values: readonly string[] | undefined): Result<ReadonlySet<string>, HeadProblem> {
  if (values === undefined) return ok(noOptions)
  const options = new Set<string>()
  for (const value of values) {
    for (const part of value.split(',')) {
      const option = part.trim().toLowerCase()
      if (option === '') continue
      if (!token.test(option)) return err('The Connection line is malformed.')
      if (notToBeNominated.test(option)) return err('The Connection line names a line that cannot be hop-by-hop.')
      options.add(option)
    }
  }
  return ok(options)
}

type Framing = { readonly hasBody: boolean; readonly contentLength: number | undefined }

function parseFraming(request: ClientRequest, lines: Lines, isHttp2: boolean): Result<Framing, HeadProblem> {
  const transfer = lines.get('transfer-encoding')?.[0]
  const length = lines.get('content-length')?.[0]
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return err('The Content-Length is not a number.')
  const contentLength = length === undefined ? undefined : Number(length)
  if (isHttp2) {
    if (transfer !== undefined) return err('HTTP/2 has no Transfer-Encoding.')
    // The compatible request of HTTP/2 has the stream, which knows whether the head closed it.
    const { stream } = request as Http2ServerRequest
    return ok({ hasBody: !stream.endAfterHeaders, contentLength })
  }
  if (transfer !== undefined) {
    if (contentLength !== undefined) return err('The request has both Content-Length and Transfer-Encoding.')
    // Any other coding leaves open where the body ends, or how it would have to be read.
    if (transfer.trim().toLowerCase() !== 'chunked') return err('The only Transfer-Encoding understood is chunked.')
    return ok({ hasBody: true, contentLength: undefined })
  }
  return ok({ hasBody: contentLength !== undefined && contentLength > 0, contentLength })
}

function forwardedLines(lines: Lines, nominated: ReadonlySet<string>): string[] {
  const forwarded: string[] = []
  for (const [name, values] of lines) {
    if (!forwardable.has(name) || nominated.has(name)) continue
    for (const value of values) forwarded.push(name, value)
  }
  return forwarded
}
