import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { systemTenant } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { IdentityEdges } from './edges.ts'
import { tokenSeconds } from './lifetimes.ts'

/** The only algorithm: a key carries it, and no token chooses (threat B09). */
export const signingAlgorithm = 'ES256'

const renewAfterMs = 30 * 24 * 3_600_000
/** How often a replica looks for keys of the others, and whether the newest is due. */
const lookEveryMs = 10 * 60_000
/** A retired key verifies as long as a replica may go on signing with it, and then for the life of a token. */
const retiredVerifiesMs = lookEveryMs + tokenSeconds * 1000 + 5 * 60_000
/**
 * An unknown key id makes a replica look at once, but not at the beck of whoever sends made-up ids; and while tokens come it looks
 * this often whether another replica has taken their key away.
 */
const lookAgainMs = 1_000

/** The keys that tokens are signed with: made per installation, sealed in the database, renewed. */
export type SigningKeys = {
  /** Loads the keys, makes the first, and begins to look for newer ones. */
  start(): Promise<void>
  stop(): void
  /** The newest key. */
  signing(): { readonly kid: string; readonly key: CryptoKey }
  /** The public key of this id, if it still verifies. An unknown id is looked for in the database. */
  verifying(kid: string): Promise<CryptoKey | undefined>
  /** Whether the key of this id is known here and still verifies; asks nobody. */
  verifies(kid: string): boolean
  /** RFC 7517 §5: the public keys that verify now, the newest first. */
  jwks(): { readonly keys: readonly JWK[] }
  /** The same with their private halves, the newest first, for the issuer: it signs with the first of them. */
  privateJwks(): readonly JWK[]
  /** Makes sure that a key which another replica made is known here within a second, for those who ask for `jwks`. */
  lookForNewer(): Promise<void>
  /**
   * Makes a new key, which signs from the commit on; others know it a second after they first ask. The older ones verify until their last
   * token has expired, or no more with `distrustOlder`, for when one may be in somebody's hands: on every replica within about a second
   * of the next request.
   *
   * @returns the id of the new key
   */
  rotate(tx: Tx, options: { readonly distrustOlder: boolean }): Promise<string>
  /** After the commit of `rotate`: from here on this replica signs with the new key. */
  rotated(): Promise<void>
  /** Reads the keys anew and renews the newest where it is due. The timer calls it. */
  refresh(): Promise<void>
}

type Known = {
  readonly version: number
  readonly sealed: Buffer
  readonly kid: string
  readonly jwk: JWK
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
  readonly privateJwk: JWK
  readonly createdAtMs: number
  readonly retiredAtMs: number | undefined
}

type Stored = {
  readonly version: number
  readonly sealed: Buffer
  readonly created_at: Date
  readonly retired_at: Date | null
}

export function createSigningKeys({
  inTenant,
  readInTenant,
  keys: sealing,
  clock,
  logger,
}: Pick<IdentityEdges, 'inTenant' | 'readInTenant' | 'keys' | 'clock' | 'logger'>): SigningKeys {
  let known: readonly Known[] = []
  let looking: Promise<void> | undefined
  let lookedAt = Number.NEGATIVE_INFINITY
  /** Apart from the looks behind requests: a key that was made since the last of them is to be found at once. */
  let lookedForUnknownAt = Number.NEGATIVE_INFINITY
  let lookingForUnknown: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const isTrusted = ({ retiredAtMs }: Known) =>
    retiredAtMs === undefined || clock.now() - retiredAtMs < retiredVerifiesMs
  const find = (kid: string) => known.find((one) => one.kid === kid && isTrusted(one))

  /** One look at a time; who comes during one shares it. */
  function look(): Promise<void> {
    looking ??= read().finally(() => {
      looking = undefined
    })
    return looking
  }

  /** After a change: a look that began before it may not have seen it. */
  async function lookAnew(): Promise<void> {
    await looking
    await look()
  }

  async function read(): Promise<void> {
    lookedAt = clock.monotonicMs()
    // Whoever asks about a token may hold a connection of the main pool, and must not wait there for another.
    const rows = await readInTenant(systemTenant, (tx) =>
      tx.query<Stored>(
        `select version, sealed, created_at, retired_at from installation_secrets where kind = 'jwt' order by version desc`,
      ),
    )
    known = await Promise.all(rows.map(openUnlessKnown))
  }

  /** A key never changes, but for being retired. */
  async function openUnlessKnown(row: Stored): Promise<Known> {
    const before = known.find(({ version, sealed }) => version === row.version && sealed.equals(row.sealed))
    return before ? { ...before, retiredAtMs: row.retired_at?.getTime() } : open(row)
  }

  /** A look that began after it was asked for, at most once a second; who comes during one shares it. */
  async function lookForUnknown(): Promise<void> {
    if (!lookingForUnknown && clock.monotonicMs() - lookedForUnknownAt >= lookAgainMs) {
      lookedForUnknownAt = clock.monotonicMs()
      lookingForUnknown = lookAnew().finally(() => {
        lookingForUnknown = undefined
      })
    }
    await lookingForUnknown
  }

  /** A look behind a request that does not wait for it. */
  function lookBehind(): void {
    // A database that is away is told of elsewhere; until it is back what is known holds.
    if (clock.monotonicMs() - lookedAt >= lookAgainMs) look().catch(() => undefined)
  }

  async function open(row: Stored): Promise<Known> {
    const sealed = await sealing.installation.open('jwt', row.version, row.sealed)
    // It was sealed by `make`, and what opens is authentic.
    const { d, ...jwk } = JSON.parse(sealed.toString('utf8')) as JWK & { kid: string; d: string }
    return {
      version: row.version,
      sealed: row.sealed,
      kid: jwk.kid,
      jwk,
      privateJwk: { ...jwk, d },
      publicKey: await importKey(jwk),
      privateKey: await importKey({ ...jwk, d }),
      createdAtMs: row.created_at.getTime(),
      retiredAtMs: row.retired_at?.getTime(),
    }
  }

  /** Adds this version and tells its id. Of two replicas that do so at once, one adds; the other finds that key. */
  async function make(tx: Tx, version: number, now: Date): Promise<string | undefined> {
    const { privateKey } = await generateKeyPair(signingAlgorithm, { extractable: true })
    const { d, ...point } = await exportJWK(privateKey)
    const jwk = { ...point, alg: signingAlgorithm, use: 'sig', kid: await calculateJwkThumbprint(point) }
    const sealed = await sealing.installation.seal('jwt', version, Buffer.from(JSON.stringify({ ...jwk, d })))
    const added = await tx.query(
      `insert into installation_secrets (kind, version, sealed, public_part, created_at)
       values ('jwt', $1, $2, $3, $4) on conflict do nothing returning version`,
      [version, sealed, JSON.stringify(jwk), now],
    )
    if (added.length === 0) return undefined
    await tx.query(
      `update installation_secrets set retired_at = $2 where kind = 'jwt' and version < $1 and retired_at is null`,
      [version, now],
    )
    await tx.query(`delete from installation_secrets where kind = 'jwt' and retired_at < $1`, [
      new Date(now.getTime() - retiredVerifiesMs),
    ])
    return jwk.kid
  }

  async function refresh(): Promise<void> {
    await look()
    const newest = known[0]
    if (newest && clock.now() - newest.createdAtMs < renewAfterMs) return
    // The version after the one that was looked at: where another replica has renewed it since, nothing is added.
    await inTenant(systemTenant, (tx) => make(tx, (newest?.version ?? 0) + 1, new Date(clock.now())))
    await lookAnew()
  }

  return {
    async start() {
      await refresh()
      timer = setInterval(() => {
        refresh().catch((cause) =>
          logger.warn({ cause }, 'the signing keys could not be looked at; trying again later'),
        )
      }, lookEveryMs)
      timer.unref()
    },
    stop: () => clearInterval(timer),
    signing() {
      const newest = known[0]
      if (!newest) throw new Error('no signing key: identity was not started')
      return { kid: newest.kid, key: newest.privateKey }
    },
    async verifying(kid) {
      if (find(kid)) lookBehind()
      else await lookForUnknown()
      return find(kid)?.publicKey
    },
    verifies(kid) {
      lookBehind()
      return find(kid) !== undefined
    },
    jwks: () => ({ keys: known.filter(isTrusted).map(({ jwk }) => jwk) }),
    privateJwks: () => known.filter(isTrusted).map(({ privateJwk }) => privateJwk),
    async lookForNewer() {
      if (clock.monotonicMs() - lookedAt >= lookAgainMs) await look()
    },
    async rotate(tx, { distrustOlder }) {
      const now = new Date(clock.now())
      // Two at once make two keys, one after the other.
      await tx.query(`select pg_advisory_xact_lock(hashtext('signing keys'))`)
      for (let tries = 0; tries < 3; tries++) {
        const [newest] = await tx.query<{ version: number }>(
          `select coalesce(max(version), 0) as version from installation_secrets where kind = 'jwt'`,
        )
        const version = (newest?.version ?? 0) + 1
        const kid = await make(tx, version, now)
        // The monthly renewal was faster, here or on another replica: then the one after it.
        if (kid === undefined) continue
        if (distrustOlder)
          await tx.query(`delete from installation_secrets where kind = 'jwt' and version < $1`, [version])
        return kid
      }
      throw new Error('the signing keys were renewed at the same moment, again and again')
    },
    rotated: lookAnew,
    refresh,
  }
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, signingAlgorithm)
  if (key instanceof Uint8Array) throw new Error('a signing key is a pair and no secret')
  return key
}
