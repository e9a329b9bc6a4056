import { hash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { CanvasSessionUid, type TenantUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Principal } from '../gateway/index.ts'
import type { Keys } from '../keys/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { RequestLog } from '../platform/log/index.ts'
import type { InTenant, Lookups } from '../platform/postgres/index.ts'
import { newSecret, newUid } from '../platform/random/index.ts'
import type { IssuedTokens, Issuer } from './issuer.ts'
import {
  claimRefresh,
  deleteOthers,
  deleteSession,
  insertSession,
  isInUse,
  readSession,
  releaseRefresh,
  type StoredSession,
  storeRefreshed,
} from './session-store.ts'

export type SessionPorts = {
  readonly issuer: Pick<Issuer, 'refresh' | 'revoke'>
  /** Who a token of the API stands for, as the API itself finds out. */
  readonly authenticate: (token: string) => Promise<Result<Principal, Refusal>>
  readonly inTenant: InTenant
  readonly lookups: Pick<Lookups, 'canvasSession'>
  readonly keys: Pick<Keys, 'of'>
  readonly clock: Clock
}

type Ref = { readonly tenant: TenantUid; readonly uid: CanvasSessionUid }

/** A browser's session that counts, with a token that does. */
export type BrowserSession = Ref & { readonly token: string; readonly refreshToken: string | undefined }

export type Sessions = {
  /**
   * Stores a session, in the place of one that the same browser had within the same session of the API.
   *
   * @returns the value of its cookie, which is nowhere else
   */
  start(tokens: IssuedTokens, principal: Principal): Promise<Result<string, Refusal>>
  /** The session behind a cookie, its token renewed where it is about to end; `log` knows then whose it is. */
  open(cookie: string, log: RequestLog): Promise<Result<BrowserSession, Refusal>>
  /** Whether a session was behind this cookie when it was last looked up here. For budgets alone: it proves nothing now. */
  wasFound(cookie: string): boolean
  /** Forgets a session here and its refresh token at the issuer. The session of the API is the API's to end. */
  forget(session: Pick<BrowserSession, 'tenant' | 'uid' | 'refreshToken'>, log: RequestLog): Promise<void>
  /** Resolves when nothing is under way at the issuer. */
  settle(): Promise<void>
}

/** What a cookie is stored as. No slow hash, since 256 random bits cannot be guessed. */
export const cookieHash = (cookie: string): Buffer => hash('sha256', cookie, 'buffer')

const signedOut = refuse('unauthenticated', 'Nobody is signed in here, or the session has ended; sign in')
const notNow: Refusal = { ...refuse('unavailable', 'The issuer does not answer; try again'), retryAfterSeconds: 1 }

/** A token is renewed this long before its end, so that a request under way never carries one that has ended. */
const renewBeforeMs = 60_000
/** Who renews has this long; then another may, after a crash for example. Longer than a call to the issuer may take. */
const claimMs = 15_000
const lookEveryMs = 50
const maxFound = 50_000

export function createSessions(ports: SessionPorts): Sessions {
  const { issuer, authenticate, inTenant, lookups, keys, clock } = ports
  /** Renewals of this replica: many tabs of one browser wait for one. */
  const renewing = new Map<CanvasSessionUid, Promise<Result<StoredSession, Refusal>>>()
  const underWay = new Set<Promise<unknown>>()
  const found = new Set<string>()

  const now = () => new Date(clock.now())
  const endOf = ({ expiresInSeconds }: IssuedTokens) => new Date(clock.now() + expiresInSeconds * 1000)

  async function read({ tenant, uid }: Ref): Promise<StoredSession | undefined> {
    const sealer = await keys.of(tenant)
    return inTenant(tenant, (tx) => readSession(tx, sealer, uid), { readOnly: true })
  }

  async function remove({ tenant, uid }: Ref): Promise<void> {
    await inTenant(tenant, (tx) => deleteSession(tx, uid))
  }

  async function open(cookie: string, log: RequestLog): Promise<Result<BrowserSession, Refusal>> {
    const hashed = cookieHash(cookie)
    const name = hashed.toString('base64')
    const ref = await lookups.canvasSession(hashed)
    const stored = ref && (await read(ref))
    if (!ref || !stored) {
      found.delete(name)
      return err(signedOut)
    }
    log.knows({ tenant: ref.tenant, session: stored.session, canvasSession: ref.uid })
    // The oldest is forgotten: it pays once for its next look-up, and has it back.
    const [oldest] = found
    if (found.size >= maxFound && oldest !== undefined) found.delete(oldest)
    found.add(name)
    const current = await withToken(ref, stored, log)
    if (!current.ok) return current
    return ok({ ...ref, token: current.value.tokens.access, refreshToken: current.value.tokens.refresh })
  }

  /** The one place that says whether a session still has a token that counts, for every request alike (threats C06, B21). */
  async function withToken(ref: Ref, stored: StoredSession, log: RequestLog): Promise<Result<StoredSession, Refusal>> {
    const leftMs = stored.tokenEndsAt.getTime() - clock.now()
    const counts = leftMs > 0
    if (leftMs > renewBeforeMs) return ok(stored)
    if (stored.tokens.refresh === undefined) {
      if (counts) return ok(stored)
      await remove(ref)
      return err(signedOut)
    }
    // Another replica is at it, and until it is done the token counts: nobody has to wait.
    if (counts && stored.refreshingUntil && stored.refreshingUntil > now()) return ok(stored)
    const renewed = await renewOnce(ref, stored, log)
    return !renewed.ok && renewed.error.code === 'unavailable' && stored.tokenEndsAt > now() ? ok(stored) : renewed
  }

  function renewOnce(ref: Ref, stored: StoredSession, log: RequestLog): Promise<Result<StoredSession, Refusal>> {
    const running = renewing.get(ref.uid)
    if (running !== undefined) return running
    const mine = renew(ref, stored, log).finally(() => renewing.delete(ref.uid))
    renewing.set(ref.uid, mine)
    return mine
  }

  /** One replica asks the issuer; the others wait for what it stores. */
  async function renew(ref: Ref, stored: StoredSession, log: RequestLog): Promise<Result<StoredSession, Refusal>> {
    const giveUpAt = clock.monotonicMs() + claimMs + 1_000
    let latest: StoredSession | undefined = stored
    while (clock.monotonicMs() < giveUpAt) {
      if (!latest) return err(signedOut)
      if (latest.generation !== stored.generation) return ok(latest)
      const { generation } = latest
      const claim = { generation, now: now(), until: new Date(clock.now() + claimMs) }
      if (await inTenant(ref.tenant, (tx) => claimRefresh(tx, ref.uid, claim))) return renewHere(ref, latest, log)
      await delay(lookEveryMs)
      latest = await read(ref)
    }
    return err(notNow)
  }

  async function renewHere(ref: Ref, stored: StoredSession, log: RequestLog): Promise<Result<StoredSession, Refusal>> {
    const { generation, tokens } = stored
    const renewed = await issuer.refresh(tokens.refresh ?? '')
    if (!renewed.ok) {
      const { kind, cause } = renewed.error
      if (kind === 'away') {
        log.lines().warn({ cause }, 'the issuer did not renew a token; it is tried again')
        await inTenant(ref.tenant, (tx) => releaseRefresh(tx, ref.uid, generation))
        return err(notNow)
      }
      log.lines().info('the issuer has ended a session of the console')
      await remove(ref)
      return err(signedOut)
    }
    const issued = renewed.value
    // The session that the first token was of is the one that every later token is of (threat A22).
    const holder = await authenticate(issued.access)
    const isSame =
      holder.ok &&
      holder.value.tenant === ref.tenant &&
      holder.value.credential.kind === 'session' &&
      holder.value.credential.session === stored.session
    if (!isSame) {
      log.lines().error('a renewed token is not that of the session')
      await remove(ref)
      return err(signedOut)
    }
    // An issuer that does not rotate sends none: the old one goes on.
    const refresh = issued.refresh ?? tokens.refresh
    const next = {
      session: stored.session,
      tokens: { access: issued.access, ...(refresh === undefined ? {} : { refresh }) },
      tokenEndsAt: endOf(issued),
      generation: generation + 1,
      refreshingUntil: undefined,
    }
    const sealer = await keys.of(ref.tenant)
    const kept = await inTenant(ref.tenant, (tx) => storeRefreshed(tx, sealer, ref.uid, { ...next, generation }))
    if (!kept) {
      // It was ended meanwhile, in another tab: what was just given out goes too. Where the browser has signed in again instead, the
      // session goes on, and revoking a token of it would end it.
      if (!(await inTenant(ref.tenant, (tx) => isInUse(tx, stored.session), { readOnly: true })))
        revokeLater(refresh, log)
      return err(signedOut)
    }
    return ok(next)
  }

  function revokeLater(refreshToken: string | undefined, log: RequestLog): void {
    if (refreshToken === undefined) return
    const mine = issuer
      .revoke(refreshToken)
      .catch((cause) => log.lines().info({ cause }, 'a refresh token could not be revoked; it ends with its session'))
      .finally(() => underWay.delete(mine))
    underWay.add(mine)
  }

  return {
    async start(issued, principal) {
      const { tenant, credential } = principal
      if (credential.kind !== 'session') return err(refuse('internal'))
      const cookie = newSecret()
      const uid = CanvasSessionUid.parse(newUid())
      const sealer = await keys.of(tenant)
      await inTenant(tenant, async (tx) => {
        await insertSession(tx, sealer, {
          ...{ uid, session: credential.session, cookieHash: cookieHash(cookie), now: now() },
          tokens: { access: issued.access, ...(issued.refresh === undefined ? {} : { refresh: issued.refresh }) },
          tokenEndsAt: endOf(issued),
        })
        // One session of the API is one browser. Its cookie of before may not have come along: `Strict` keeps it at home where another
        // site led here, and it is dead all the same (threat B23). Its refresh token is left to the session, which revoking would end.
        await deleteOthers(tx, credential.session, uid)
      })
      return ok(cookie)
    },
    open,
    wasFound: (cookie) => found.has(cookieHash(cookie).toString('base64')),
    async forget({ tenant, uid, refreshToken }, log) {
      await remove({ tenant, uid })
      revokeLater(refreshToken, log)
    },
    async settle() {
      await Promise.allSettled([...underWay, ...renewing.values()])
    },
  }
}
