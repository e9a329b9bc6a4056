import { timingSafeEqual } from 'node:crypto'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { SessionUid, TeamUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Credential, Principal } from '../gateway/index.ts'
import type { ClusterTokens } from './cluster-tokens.ts'
import type { CredentialRef, CredentialStore, Stored } from './credential-store.ts'
import type { CredentialFacts, IdentityEdges } from './edges.ts'
import { createKeyMakers } from './key-makers.ts'
import { createLane } from './lane.ts'
import { fingerprint, parseApiKeyValue } from './secrets.ts'
import type { Claims, Tokens } from './tokens.ts'
import { type InvalidReason, validity } from './validity.ts'

/** The credentials that a request carries, as its headers say. */
export type Presented = {
  readonly authorization?: string
  readonly apiKey?: string
  /** Where the request comes from, as the door found it; without it no condition on the network is met. */
  readonly address?: string
  /** The Kubernetes door takes `Bearer` alone. */
  readonly bearerOnly?: boolean
  /** Asked before an API key that is not known here is looked up; false: it is refused as one too many. */
  readonly mayLookUp?: () => boolean
}

/** `reason` is for the end of an open stream; the caller reads `detail`. */
export type CredentialRefusal = Refusal & { readonly reason: InvalidReason }

type Valid = { readonly endsAt: number; readonly settledUntil: number }

export type Authenticator = {
  /**
   * Who calls. Exactly one credential, in exactly one of these forms (threat B10): `Authorization: <token>`,
   * `Authorization: Bearer <token or API key>`, `ApiKey: <API key>`. Anything else, whatever it is, is `unauthenticated`;
   * an API key that would have to be looked up while too much is being looked up is `too_many_requests`.
   *
   * Throws when the database is needed and away.
   */
  authenticate(presented: Presented): Promise<Result<Principal, Refusal>>
  /** Who holds this token; as `authenticate`, for a token that comes in another place. */
  ofToken(token: string): Promise<Result<Principal & { readonly claims: Claims }, Refusal>>
  /** Who holds this session, if it counts: for tokens that name one in a form of their own, as the issuer's grants do. */
  ofSession(of: {
    readonly tenant: TenantUid
    readonly user: UserUid
    readonly session: SessionUid
  }): Promise<Result<SessionHolder, CredentialRefusal>>
  /**
   * Whether a credential that was valid still is, on newer access data.
   *
   * @returns when it ends by itself (ms since 1970; Infinity for a key without expiry), and before when time alone changes nothing about
   *   it, for the timer of a stream
   */
  recheck(
    principal: Principal,
    facts: Pick<CredentialFacts, 'epoch' | 'tenantState' | 'users' | 'compiled'>,
  ): Promise<Result<Valid, CredentialRefusal>>
  /** Notes that the credential is in use, as a stream that goes on does. Requests do so by themselves. */
  touch(principal: Principal): void
}

/** A session's person, and what a token about it says. */
export type SessionHolder = {
  readonly principal: Principal
  readonly credentialEpoch: bigint
  /** When it ends at the latest, whatever is done with it. */
  readonly absoluteEndAtMs: number
  readonly teams: readonly TeamUid[]
}

const bearer = /^bearer ([^\s]+)$/i

/**
 * API keys that anybody may have made up, looked up at once: fewer than there are connections to read with, so that what ends
 * open streams never waits behind them. Tokens are not among them: their signature is looked at first.
 */
const strangers = { atOnce: 2, waiting: 200 } as const

export function createAuthenticator({
  tokens,
  clusterTokens,
  store,
  access,
  clients,
  clock,
}: {
  readonly tokens: Tokens
  readonly clusterTokens: ClusterTokens
  readonly store: CredentialStore
} & Pick<IdentityEdges, 'access' | 'clients' | 'clock'>): Authenticator {
  const lane = createLane(strangers)
  const keyMakers = createKeyMakers()

  async function authenticate(presented: Presented): Promise<Result<Principal, Refusal>> {
    const found = await whoPresents(presented)
    return found.ok ? ok({ ...found.value, origin: { ...found.value.origin, address: presented.address } }) : found
  }

  async function whoPresents(presented: Presented): Promise<Result<Principal, Refusal>> {
    const { authorization, apiKey, bearerOnly = false, mayLookUp = () => true } = presented
    if (authorization !== undefined && apiKey !== undefined)
      return err(refuse('unauthenticated', 'Send one credential: Authorization or ApiKey, not both'))
    if (apiKey !== undefined) return bearerOnly ? err(refuse('unauthenticated')) : ofApiKey(apiKey, mayLookUp)
    if (authorization === undefined) return err(refuse('unauthenticated'))
    const behindBearer = bearer.exec(authorization)?.[1]
    if (behindBearer?.startsWith('pak_')) return ofApiKey(behindBearer, mayLookUp)
    if (behindBearer === undefined && bearerOnly) return err(refuse('unauthenticated'))
    const token = behindBearer ?? authorization
    return (bearerOnly ? await ofClusterToken(token) : undefined) ?? ofToken(token)
  }

  /** A token out of a kubeconfig, which the Kubernetes door alone takes; nothing for any other text. */
  async function ofClusterToken(token: string): Promise<Result<Principal, Refusal> | undefined> {
    const claims = await clusterTokens.verify(token)
    if (!claims) return undefined
    const { tenant, user, holder, jti } = claims
    const matches = ({ state }: Stored) => state.kind === holder.kind && state.user === user
    if (holder.kind === 'apiKey') {
      const found = await current({ kind: 'apiKey', tenant, uid: holder.key }, matches)
      return found.ok ? ok(principalOf(found.value, holder)) : found
    }
    const by = { jti, ...registered(holder.client) }
    const found = await current({ kind: 'session', tenant, uid: holder.session }, matches, by)
    return found.ok ? ok(principalOf(found.value, { kind: 'session', session: holder.session, ...by })) : found
  }

  async function ofToken(token: string) {
    const claims = await tokens.verify(token)
    if (!claims) return err(refuse('unauthenticated', 'The token is not valid, or has expired'))
    const { tenant, user, session, jti } = claims
    const matches = ({ state }: Stored) =>
      state.kind === 'session' && state.user === user && state.credentialEpoch === claims.credentialEpoch
    const by = { jti, ...registered(claims.client) }
    const found = await current({ kind: 'session', tenant, uid: session }, matches, by)
    return found.ok ? ok({ ...principalOf(found.value, { kind: 'session', session, ...by }), claims }) : found
  }

  /** Those that come with Palisade are always there: whether they are is never asked. */
  const registered = (client: string | undefined) => (client === undefined || clients.own.has(client) ? {} : { client })

  async function ofApiKey(value: string, mayLookUp: () => boolean) {
    const claimed = parseApiKeyValue(value)
    if (!claimed) return err(unknownKey)
    const { tenant, uid } = claimed
    const presented = fingerprint(value)
    const matches = ({ state }: Stored) => state.kind === 'apiKey' && timingSafeEqual(state.secretHash, presented)
    const ref = { kind: 'apiKey', tenant, uid } as const
    if (!store.remembered(ref)) {
      const looked = mayLookUp() ? await lane.enter(() => store.read(ref)) : err('full')
      if (!looked.ok) return err({ ...refuse('too_many_requests'), retryAfterSeconds: 1 })
      if (!looked.value) return err(unknownKey)
    }
    const found = await current(ref, matches)
    return found.ok ? ok(principalOf(found.value, { kind: 'apiKey', key: uid })) : found
  }

  /** The token that named a session, and the registered client that it is of. */
  type NamedBy = { readonly jti?: string; readonly client?: string }
  type Found = { readonly ref: CredentialRef; readonly stored: Stored; readonly facts: CredentialFacts }

  /** The credential and the facts that speak for it, both as new as this replica knows the tenant to be. */
  async function current(
    ref: CredentialRef,
    matches: (stored: Stored) => boolean,
    { jti, client }: NamedBy = {},
  ): Promise<Result<Found, Refusal>> {
    // The row first: a made-up tenant has none, and its access data is never asked for.
    const known = store.remembered(ref) ?? (await store.read(ref))
    if (!known || !matches(known)) return err(ref.kind === 'apiKey' ? unknownKey : refuse('unauthenticated'))
    let facts = await access.current(ref.tenant)
    let stored = await store.atLeast(ref, facts.epoch)
    let valid = check(stored, facts, jti)
    if (!valid.ok && stored && stored.epoch > facts.epoch) {
      // The credential was read after a change of which this replica has not heard, such as its owner's activation.
      facts = await access.atLeast(ref.tenant, stored.epoch)
      valid = check(stored, facts, jti)
    }
    if (!valid.ok && valid.error.reason === 'expired') {
      // Another replica may have seen it in use since.
      stored = await store.read(ref)
      valid = check(stored, facts, jti)
    }
    if (!valid.ok || !stored) return valid.ok ? err(refuse('unauthenticated')) : valid
    if (client !== undefined && !(await clients.has(client))) return err(clientRemoved)
    store.touch(ref)
    return ok({ ref, stored, facts })
  }

  function check(
    stored: Stored | undefined,
    facts: Pick<CredentialFacts, 'tenantState' | 'users' | 'compiled'>,
    jti?: string,
  ): Result<Valid, CredentialRefusal> {
    if (!stored) return err(refusalOf('session-ended'))
    const valid = validity(stored.state, facts, clock.now(), jti)
    if (!valid.ok) return err(refusalOf(valid.error))
    const known = keyMakers.mayKnow(stored.state, facts, clock.now())
    const { endsAt } = valid.value
    return known.ok ? ok({ endsAt, settledUntil: Math.min(endsAt, known.value.until) }) : err(refusalOf(known.error))
  }

  async function ofSession(of: Parameters<Authenticator['ofSession']>[0]) {
    const { tenant, user, session } = of
    const matches = ({ state }: Stored) => state.kind === 'session' && state.user === user
    const found = await current({ kind: 'session', tenant, uid: session }, matches)
    if (!found.ok) return err({ reason: 'session-ended' as const, ...found.error })
    const { stored, facts } = found.value
    if (stored.state.kind !== 'session') throw new Error('a session was read as something else')
    const { credentialEpoch, absoluteEndAt } = stored.state
    return ok({
      // The session itself is meant and none of its tokens, so no token's id is named.
      principal: principalOf(found.value, { kind: 'session', session, jti: '' }),
      credentialEpoch,
      absoluteEndAtMs: absoluteEndAt,
      teams: facts.users.get(user)?.teams ?? [],
    })
  }

  return {
    authenticate,
    ofToken,
    ofSession,
    async recheck(principal, facts) {
      const ref = refOf(principal)
      const { jti, client }: NamedBy = principal.credential.kind === 'session' ? principal.credential : {}
      let valid = check(await store.atLeast(ref, facts.epoch), facts, jti)
      if (!valid.ok && valid.error.reason === 'expired') valid = check(await store.read(ref), facts, jti)
      if (!valid.ok || client === undefined) return valid
      if (!(await clients.has(client))) return err(clientRemoved)
      const { endsAt, settledUntil } = valid.value
      return ok({ endsAt, settledUntil: Math.min(settledUntil, clock.now() + clientRecheckMs) })
    },
    touch: (principal) => store.touch(refOf(principal)),
  }
}

const unknownKey = refuse('unauthenticated', 'The API key is not valid')

/** Said only to those who proved that the credential was theirs. */
const told: Readonly<Record<InvalidReason, string>> = {
  'session-ended': 'The session has ended; sign in again',
  'key-ended': 'The API key is switched off',
  'user-inactive': 'The account is not active',
  'tenant-inactive': 'The organisation is not active',
  expired: 'The session or API key has expired',
  'right-withdrawn': 'Who made this API key may not do all that its owner may; make a new one',
}

/** A client of all tenants belongs to none of them, so no tenant's epoch tells of its end. With the sweep of open calls, within a second. */
const clientRecheckMs = 700

const clientRemoved: CredentialRefusal = {
  ...refuse('unauthenticated', 'The client that this token was given to was removed'),
  reason: 'session-ended',
}

const refusalOf = (reason: InvalidReason): CredentialRefusal => ({ ...refuse('unauthenticated', told[reason]), reason })

function refOf({ tenant, credential }: Principal): CredentialRef {
  return credential.kind === 'session'
    ? { kind: 'session', tenant, uid: credential.session }
    : { kind: 'apiKey', tenant, uid: credential.key }
}

function principalOf(
  { ref, stored, facts }: { ref: CredentialRef; stored: Stored; facts: CredentialFacts },
  credential: Credential,
): Principal {
  return {
    tenant: ref.tenant,
    user: stored.state.user,
    credential,
    origin: stored.state.kind === 'session' ? { provedAt: stored.state.provedAt } : {},
    person: { ...stored.person, org: facts.orgName },
    // The older of the two: at that epoch both were known to hold.
    epoch: stored.epoch < facts.epoch ? stored.epoch : facts.epoch,
  }
}
