import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Clock } from '../platform/clock/index.ts'

/** What one client may take, from the first start on. Tenants and operators may set less, never nothing. */
export const limits = {
  bodyBytes: 1024 * 1024,
  jsonDepth: 32,
  headerBytes: 16 * 1024,
  connectionsPerAddress: 512,
  connections: 20_000,
  /** A client has this long to send a whole head, and a whole request. */
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
  keepAliveMs: 75_000,
  handshakeTimeoutMs: 10_000,
  http2Streams: 250,
  callerRequestsPerSecond: 5_000,
} as const

/** Budgets per network that need no credential; `burst` requests at once, then `perSecond`. */
export const rates = {
  /** Requests that no valid credential came with. */
  unauthenticated: { perSecond: 100, burst: 500 },
  'sign-in': { perSecond: 10, burst: 50 },
  /** The console's way to the issuer and back, each by itself: who uses up one of them stops neither the other nor passwords. */
  'console-login': { perSecond: 10, burst: 50 },
  'console-callback': { perSecond: 10, burst: 50 },
  /** What the console's server side asks of our own issuer, by the network of the browser that it is for. */
  'back-channel': { perSecond: 100, burst: 500 },
  /** Codes of devices are short: ten tries, then one in ten seconds (threat B19). */
  'device-code': { perSecond: 0.1, burst: 10 },
  'password-reset': { perSecond: 2, burst: 10 },
  /** The published API's own rates, which hold only where a system administrator has switched them on. */
  published: { perSecond: 10, burst: 50 },
  'published-large': { perSecond: 50, burst: 250 },
  caller: { perSecond: limits.callerRequestsPerSecond, burst: limits.callerRequestsPerSecond },
} as const

export type RateName = keyof typeof rates

/** Buckets remembered at most; a forgotten one starts full, so the oldest are the least loss. */
const maxBuckets = 50_000

/** Token buckets, one a key and budget. */
export type RateLimiter = {
  /** @returns the seconds to wait, or 0 */
  take(rate: RateName, key: string): number
  /** Undoes a `take` that was answered 0. */
  giveBack(rate: RateName, key: string): void
}

/** Kinds of objects that clients ask for in bulk. */
const large = new Set(['cloudconfigs', 'clusterprofiles', 'packs', 'spectroclusters'])

/**
 * Which of the published rates a route counts under, and the kind of object that it is counted with.
 *
 * @param path as it is declared, so that nobody makes up kinds
 */
export function publishedRateOf(path: string): { readonly rate: RateName; readonly kind: string } | undefined {
  const [, version, first = '', second = ''] = path.split('/')
  if (version !== 'v1') return undefined
  const isLarge = large.has(first) || path.endsWith('/{uid}/profiles') || path.includes('/events/components')
  return { rate: isLarge ? 'published-large' : 'published', kind: first === 'palisade' ? `palisade/${second}` : first }
}

export function createRateLimiter(clock: Clock): RateLimiter {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return {
    take(rate, key) {
      const { perSecond, burst } = rates[rate]
      const name = `${rate} ${key}`
      const at = clock.monotonicMs()
      const bucket = buckets.get(name)
      if (!bucket) {
        if (buckets.size >= maxBuckets) {
          const oldest = buckets.keys().next()
          if (!oldest.done) buckets.delete(oldest.value)
        }
        buckets.set(name, { tokens: burst - 1, at })
        return 0
      }
      bucket.tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / 1000) * perSecond)
      bucket.at = at
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1
        return 0
      }
      return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond))
    },
    giveBack(rate, key) {
      const bucket = buckets.get(`${rate} ${key}`)
      if (bucket) bucket.tokens = Math.min(rates[rate].burst, bucket.tokens + 1)
    },
  }
}

/**
 * The network that limits count: an IPv4 address, or the /64 of an IPv6 address, which is one customer's and can be walked
 * through for free (threat B28). IPv4 in IPv6 is IPv4.
 */
export const networkOf: (address: string) => string = remembering((address) => {
  if (isIP(address) === 0) return address
  const parsed = ipaddr.process(withoutZone(address))
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()}/64`
})

/** An address comes with every request of its connections; to parse it costs more than to decide about it. */
function remembering(parse: (address: string) => string): (address: string) => string {
  const known = new Map<string, string>()
  return (address) => {
    const before = known.get(address)
    if (before !== undefined) return before
    const parsed = parse(address)
    // What a client sends as its zone can be of any length.
    if (address.length > 64) return parsed
    if (known.size === maxBuckets) known.clear()
    known.set(address, parsed)
    return parsed
  }
}

/**
 * The client's address. `X-Forwarded-For` counts only where the peer is a trusted proxy, and is read from the right as far
 * as the proxies are trusted (threat A20); a value that is no address ends the walk.
 */
export function clientAddress(peer: string, forwardedFor: string | undefined, trusted: readonly string[]): string {
  let address = normal(peer)
  if (trusted.length === 0) return address
  const hops = (forwardedFor ?? '').split(',').reverse()
  for (const hop of hops) {
    if (!isTrusted(address, trusted)) return address
    const next = hop.trim()
    if (isIP(next) === 0) return address
    address = normal(next)
  }
  return address
}

const normal = remembering((address) =>
  isIP(address) === 0 ? address : ipaddr.process(withoutZone(address)).toString(),
)

/**
 * A link-local peer's address ends in its interface (`fe80::1%br-lan`), whose name may hold what ipaddr.js takes for no
 * address and throws on: in the listener that would be the end of the process.
 */
const withoutZone = (address: string) => address.replace(/%.*$/, '')

/** Whether an address is one of the operator's own proxies. */
export function isTrusted(address: string, ranges: readonly string[]): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.process(withoutZone(address))
  return ranges.some((range) => {
    const [network, bits] = ipaddr.parseCIDR(range)
    return network.kind() === parsed.kind() && parsed.match(network, bits)
  })
}
