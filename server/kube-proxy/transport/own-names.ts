import { err, ok, type Result } from '../../../core/result.ts'

/** A place of Palisade's own that is known by a name, which may come to mean other addresses while Palisade runs. */
export interface OwnName {
  /** A name or an IP literal, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /**
   * Whether nothing may be reached at this port while the name cannot be resolved. False where it may be that it means nothing to
   * this machine, such as a public name that only clients know; a resolver that does not answer is no such answer.
   */
  readonly mustResolve: boolean
}

type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>

/** What was found holds this long: a burst of connections asks the resolver once. */
const keptMs = 5_000

/** @param now monotonic milliseconds */
export function createOwnNames(names: readonly OwnName[], lookup: Lookup, now: () => number) {
  const found = new Map<string, { readonly addresses: readonly string[]; readonly at: number }>()

  async function addressesOf({ host, mustResolve }: OwnName): Promise<readonly string[] | undefined> {
    const known = found.get(host)
    if (known && now() - known.at < keptMs) return known.addresses
    const addresses = await lookup(host).then(
      (all) => all.map(({ address }) => address),
      (cause: unknown) => (!mustResolve && meansNothing(cause) ? [] : undefined),
    )
    if (addresses === undefined || (addresses.length === 0 && mustResolve)) return undefined
    found.set(host, { addresses, at: now() })
    return addresses
  }

  return {
    /** Whether somebody has written one of the names themselves. */
    isNamed: (host: string, port: number): boolean =>
      names.some((name) => name.port === port && canonical(name.host) === canonical(host)),

    /** Where those at this port are at the moment; the error is a name that cannot be resolved. */
    async at(port: number): Promise<Result<readonly string[], string>> {
      const all: string[] = []
      for (const name of names) {
        if (name.port !== port) continue
        const addresses = await addressesOf(name)
        if (addresses === undefined) return err(name.host)
        all.push(...addresses)
      }
      return ok(all)
    },
  }
}

/** A name without a dot at its end and with one is the same name. */
const canonical = (host: string): string => host.toLowerCase().replace(/\.$/, '')

/** The resolver has answered that there is no such name, or none with an address. */
const meansNothing = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && (cause.code === 'ENOTFOUND' || cause.code === 'ENODATA')
