import { createHash } from 'node:crypto'
import { err, ok, type Result } from '../../../core/result.ts'

/** What a client asks to switch to. Both carry the streams of exec, attach and port-forward. */
export type Upgrade =
  | {
      readonly kind: 'spdy'
      /** From `X-Stream-Protocol-Version`, in the client's order. */
      readonly protocols: readonly string[]
      readonly bearerToken: undefined
    }
  | {
      readonly kind: 'websocket'
      /** Subprotocols in the client's order, the one that carries a token taken out. */
      readonly protocols: readonly string[]
      /** 16 random bytes, base64. */
      readonly key: string
      /** From the subprotocol `base64url.bearer.authorization.k8s.io.…`, for browsers, which can set no header. */
      readonly bearerToken: string | undefined
    }

const bearerPrefix = 'base64url.bearer.authorization.k8s.io.'
/** RFC 9110 token; names of protocols are. */
const protocolName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}$/
/** 16 bytes, base64 (RFC 6455 §4.1). */
const websocketKey = /^[A-Za-z0-9+/]{21}[AQgw]==$/
/** RFC 6750 §2.1 */
const bearerToken = /^[A-Za-z0-9\-._~+/]+=*$/

/** @param to the value of the `Upgrade` line */
export function parseUpgrade(
  method: string,
  to: string,
  lines: ReadonlyMap<string, readonly string[]>,
): Result<Upgrade, string> {
  switch (to.trim().toLowerCase()) {
    case 'spdy/3.1':
      return parseSpdy(method, lines)
    case 'websocket':
      return parseWebSocket(method, lines)
    default:
      return err('The only protocols to upgrade to are SPDY/3.1 and websocket.')
  }
}

/** What the `Upgrade` line says, towards the cluster and in its answer. */
export function upgradeToken(upgrade: Upgrade): string {
  return upgrade.kind === 'spdy' ? 'SPDY/3.1' : 'websocket'
}

/** The answer to a WebSocket key (RFC 6455 §4.2.2). SHA-1 is the protocol's: it proves understanding, not identity. */
export function websocketAccept(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

function parseSpdy(method: string, lines: ReadonlyMap<string, readonly string[]>): Result<Upgrade, string> {
  if (method !== 'GET' && method !== 'POST') return err('SPDY is asked for with POST or GET.')
  const protocols = listOf(lines.get('x-stream-protocol-version'))
  if (protocols === undefined) return err('X-Stream-Protocol-Version is malformed.')
  return ok({ kind: 'spdy', protocols, bearerToken: undefined })
}

function parseWebSocket(method: string, lines: ReadonlyMap<string, readonly string[]>): Result<Upgrade, string> {
  if (method !== 'GET') return err('A WebSocket is asked for with GET.')
  const [key, ...moreKeys] = lines.get('sec-websocket-key') ?? []
  if (key === undefined || moreKeys.length > 0 || !websocketKey.test(key)) {
    return err('Sec-WebSocket-Key is not 16 bytes in base64.')
  }
  const versions = lines.get('sec-websocket-version') ?? []
  if (versions.length !== 1 || versions[0] !== '13') return err('The only WebSocket version understood is 13.')
  const offered = listOf(lines.get('sec-websocket-protocol'))
  if (offered === undefined) return err('Sec-WebSocket-Protocol is malformed.')

  const protocols = offered.filter((name) => !name.startsWith(bearerPrefix))
  const carriers = offered.filter((name) => name.startsWith(bearerPrefix))
  if (carriers.length > 1) return err('The WebSocket subprotocols carry more than one token.')
  const token = carriers[0] === undefined ? undefined : decodeToken(carriers[0].slice(bearerPrefix.length))
  if (carriers.length > 0 && token === undefined) return err('The WebSocket subprotocol carries no readable token.')
  // One has to be left to be agreed on: answering with the one that holds the token would write it back (as upstream).
  if (carriers.length > 0 && protocols.length === 0) {
    return err('Beside the WebSocket subprotocol that carries the token another one is needed.')
  }
  return ok({ kind: 'websocket', protocols, key, bearerToken: token })
}

/** The names in all lines; `undefined` when one is none. */
function listOf(values: readonly string[] | undefined): string[] | undefined {
  const names = (values ?? []).flatMap((value) => value.split(',').map((name) => name.trim()))
  const longest = bearerPrefix.length + 16 * 1024
  const isGood = (name: string): boolean =>
    name.startsWith(bearerPrefix) ? name.length <= longest : protocolName.test(name)
  return names.every(isGood) ? names : undefined
}

function decodeToken(encoded: string): string | undefined {
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(encoded)) return undefined
  const token = Buffer.from(encoded, 'base64url').toString('latin1')
  return bearerToken.test(token) ? token : undefined
}
