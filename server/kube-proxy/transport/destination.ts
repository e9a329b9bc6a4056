import { lookup as dnsLookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'
import { err, ok, type Result } from '../../../core/result.ts'
import { createOwnNames, type OwnName } from './own-names.ts'

/** Addresses that may be connected to, best first. Connect to these and to nothing else: asking DNS again may answer otherwise. */
export interface Destination {
  readonly addresses: readonly ResolvedAddress[]
}

export interface ResolvedAddress {
  readonly address: string
  readonly family: 4 | 6
}

export interface DestinationRefusal {
  readonly code:
    | 'not_a_host'
    | 'unresolved'
    | 'own_listener'
    | 'own_unresolved'
    | 'forbidden_address'
    | 'loopback'
    | 'outside_ranges'
  /** A clause for people; names the address, which whoever gave the host may see. */
  readonly message: string
}

/** Says where Palisade may connect to on behalf of others. */
export interface DestinationPolicy {
  /**
   * Resolves and judges in one step; at import and again at every connect, since a name may change its mind (DNS rebinding).
   *
   * @param host a name or an IP literal, IPv6 without brackets
   */
  check(host: string, port: number): Promise<Result<Destination, DestinationRefusal>>
}

export interface DestinationSettings {
  /** Everything of Palisade's own that listens: main port, webhook, metrics, database, bus. Read at each check. */
  readonly ownListeners: () => readonly { readonly address: string; readonly port: number }[]
  /** What of it is known by name: the public URL, a remote database. Resolved at each check, some seconds at most before it. */
  readonly ownNames?: readonly OwnName[]
  /** True when Palisade itself listens on loopback only: then clusters on the same machine are what somebody tries out. */
  readonly allowLoopback: boolean
  /** CIDRs; when there are any, nothing outside is reached. From `parseRanges`, or valid by configuration. */
  readonly allowedRanges: readonly string[]
  /** Default: the system's resolver. */
  readonly lookup?: (host: string) => Promise<readonly ResolvedAddress[]>
  /** Default: the addresses of this machine's interfaces. */
  readonly ownAddresses?: () => readonly string[]
}

/** @throws RangeError for an invalid range; configuration checks with `parseRanges` first */
export function createDestinationPolicy(settings: DestinationSettings): DestinationPolicy {
  const { ownListeners, allowLoopback, lookup = systemLookup, ownAddresses = interfaceAddresses } = settings
  const parsed = parseRanges(settings.allowedRanges)
  if (!parsed.ok) throw new RangeError(parsed.error)
  const ranges = parsed.value
  const ownNames = createOwnNames(
    settings.ownNames ?? [],
    async (host) => {
      const resolved = literal(host)
      return resolved === undefined ? lookup(host) : [resolved]
    },
    () => performance.now(),
  )

  /** @param named addresses of ours at this port that were found by name */
  function judge({ address }: ResolvedAddress, port: number, named: readonly string[]): DestinationRefusal | undefined {
    const ip = unwrap(address)
    if (ip === undefined) return { code: 'not_a_host', message: `${address} is not an IP address` }
    if (isOwnListener(ip, port, named)) {
      return { code: 'own_listener', message: `${address}:${port} is Palisade itself` }
    }
    if (isNeverAllowed(ip)) {
      return { code: 'forbidden_address', message: `${address} is a link-local, metadata or otherwise special address` }
    }
    if (ranges.length > 0) {
      if (ranges.some((range) => isIn(ip, range))) return undefined
      return { code: 'outside_ranges', message: `${address} is outside the ranges that the operator allows` }
    }
    if (ip.range() === 'loopback') {
      if (allowLoopback) return undefined
      return {
        code: 'loopback',
        message: `${address} is this machine, and Palisade does not listen on loopback itself`,
      }
    }
    if (isOrdinary(ip)) return undefined
    return { code: 'forbidden_address', message: `${address} is an address reserved for special use` }
  }

  function isOwnListener(ip: Address, port: number, named: readonly string[]): boolean {
    return [...ownListeners(), ...named.map((address) => ({ address, port }))].some((listener) => {
      if (listener.port !== port) return false
      const own = unwrap(listener.address)
      // A listener without a readable address is taken to be everywhere.
      if (own !== undefined && own.range() !== 'unspecified') {
        return equals(own, ip) || (own.range() === 'loopback' && ip.range() === 'loopback')
      }
      return ip.range() === 'loopback' || ownAddresses().some((address) => equals(unwrap(address), ip))
    })
  }

  return {
    async check(host, port) {
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        return err({ code: 'not_a_host', message: `${port} is not a port` })
      }
      if (ownNames.isNamed(host, port))
        return err({ code: 'own_listener', message: `${host}:${port} is Palisade itself` })
      const named = await ownNames.at(port)
      if (!named.ok)
        return err({
          code: 'own_unresolved',
          message: `what Palisade itself has at port ${port} cannot be looked up at the moment, so this may be it`,
        })
      const resolved = await resolve(host, lookup)
      if (!resolved.ok) return resolved
      const addresses: ResolvedAddress[] = []
      let refusal: DestinationRefusal | undefined
      for (const candidate of resolved.value) {
        const against = judge(candidate, port, named.value)
        if (against === undefined) addresses.push(candidate)
        else refusal ??= against
      }
      if (addresses.length > 0) return ok({ addresses })
      return err(refusal ?? { code: 'unresolved', message: `${host} has no address` })
    },
  }
}

export type Range = readonly [Address, number]

/** Parses CIDRs (`10.0.0.0/8`, `fd00::/8`); the error names the first that is none. */
export function parseRanges(ranges: readonly string[]): Result<Range[], string> {
  const parsed: Range[] = []
  for (const range of ranges) {
    if (!ipaddr.isValidCIDR(range)) return err(`"${range}" is not a range such as 10.0.0.0/8`)
    parsed.push(ipaddr.parseCIDR(range))
  }
  return ok(parsed)
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** What an address may be where nothing else is configured: public, or private to an organisation. */
function isOrdinary(ip: Address): boolean {
  if (!ordinaryRanges.has(ip.range())) return false
  // What ipaddr.js has no name for is `unicast` to it; of IPv6 only 2000::/3 is (RFC 4291 §2.4).
  return ip.range() !== 'unicast' || ip.kind() === 'ipv4' || (ip.toByteArray()[0]! & 0xe0) === 0x20 // 16 bytes
}

const ordinaryRanges: ReadonlySet<string> = new Set(['unicast', 'private', 'uniqueLocal', 'carrierGradeNat'])

/** Never reached, whatever ranges are configured: where clouds hand out credentials, and what is no single machine. */
const neverRanges: ReadonlySet<string> = new Set(['unspecified', 'broadcast', 'multicast', 'linkLocal'])
const metadataServices = [
  '100.100.100.200', // Alibaba Cloud
  '168.63.129.16', // Azure's host agent
  '192.0.0.192', // Oracle Cloud
  'fd00:ec2::254', // AWS
  'fd20:ce::254', // Google Cloud
].map((address) => ipaddr.parse(address))

function isNeverAllowed(ip: Address): boolean {
  return neverRanges.has(ip.range()) || metadataServices.some((service) => equals(service, ip))
}

async function resolve(
  host: string,
  lookup: (host: string) => Promise<readonly ResolvedAddress[]>,
): Promise<Result<readonly ResolvedAddress[], DestinationRefusal>> {
  const address = literal(host)
  if (address) return ok([address])
  if (!hostName.test(host)) return err({ code: 'not_a_host', message: 'this is neither a host name nor an IP address' })
  try {
    return ok(await lookup(host))
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'error'
    return err({ code: 'unresolved', message: `${host} cannot be resolved (${code})` })
  }
}

function literal(host: string): ResolvedAddress | undefined {
  // `isValid` takes 0x7f.1 and the like for IPv4; getaddrinfo decides on those, and what it says is judged.
  if (ipaddr.IPv4.isValidFourPartDecimal(host)) return { address: host, family: 4 }
  if (ipaddr.IPv6.isValid(host) && !host.includes('%')) return { address: host, family: 6 }
  return undefined
}

const hostName = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/

/** IPv4 in IPv6 clothes (mapped, translated by NAT64) is judged as the IPv4 address it leads to. */
function unwrap(address: string): Address | undefined {
  if (!ipaddr.isValid(address)) return undefined
  const ip = ipaddr.process(address)
  if (ip.kind() === 'ipv6' && ip.range() === 'rfc6052') return new ipaddr.IPv4(ip.toByteArray().slice(12))
  return ip
}

function equals(a: Address | undefined, b: Address): boolean {
  return a !== undefined && a.kind() === b.kind() && a.toNormalizedString() === b.toNormalizedString()
}

function isIn(ip: Address, [network, bits]: Range): boolean {
  return ip.kind() === network.kind() && ip.match(network, bits)
}

async function systemLookup(host: string): Promise<readonly ResolvedAddress[]> {
  const found = await dnsLookup(host, { all: true, order: 'verbatim' })
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }))
}

function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address))
}
