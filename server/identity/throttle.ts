import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import type { CanonicalEmail } from '../../core/seal/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { IdentityEdges } from './edges.ts'

/** Failures count within this time of the first, and what they lock stays locked this long. */
const windowMs = 15 * 60_000

/** A network from which somebody signed in is known as theirs this long after the last time: holidays included. */
const knownForMs = 30 * 24 * 3_600_000

/**
 * How many failures are taken before a lock, in the order in which they are counted.
 *
 * The small limit counts an account from one network: whoever fails on purpose locks out themselves, not the person, who
 * comes from elsewhere. The limit of a network stops one password that is tried on many accounts; it is that of an office
 * behind one address, whose successes are taken off again. Guessing from many networks meets the limit of the account,
 * some 3,000 guesses a day. It would let anybody lock out anybody, so it does not hold where the person is known: what
 * comes from a network from which they signed in before meets the first two limits alone.
 */
const limits = { 'account-network': 5, network: 100, account: 30 } as const
type Counted = keyof typeof limits

/** What is counted. `account` undefined: no address, so nobody's account. */
export type Attempt = {
  /** System administrators sign in elsewhere and are counted apart; so are those who ask for a reset link. */
  readonly realm: 'tenant' | 'system' | 'reset'
  /**
   * Whose account it is, however the organisation was named; undefined: nobody's. What one tenant's administrator makes of
   * an address neither clears the failures nor adds to the networks of somebody elsewhere who has the same.
   */
  readonly tenant: TenantUid | undefined
  readonly account: CanonicalEmail | undefined
  /** An IPv4 address or an IPv6 /64 (threat B28). */
  readonly network: string
}

export type Count = {
  /** The attempt is beyond a limit; it must be refused, whatever the password. */
  readonly locked: boolean
  /** What this attempt was the last to be let through of. */
  readonly nowLocks: readonly Counted[]
  /** Until the lock ends; 0 where there is none. */
  readonly retryAfterSeconds: number
}

export type Throttle = {
  /**
   * Counts an attempt as failed, before its password is looked at: any number of attempts at once share the same few
   * guesses (threat B27). Committed when it returns; throws when the database is away, and then nobody signs in.
   */
  count(attempt: Attempt, now: Date): Promise<Count>
  /** Takes back what a right password had counted, and mostly the account's failures before it; the network is known now. */
  succeeded(tx: Tx, attempt: Attempt, now: Date): Promise<void>
}

export function createThrottle({ inTenant, keys }: Pick<IdentityEdges, 'inTenant' | 'keys'>): Throttle {
  /** In the one order in which every transaction takes the rows; that of a known network comes before the account's. */
  function counters({ realm, tenant, account, network }: Attempt): { readonly what: Counted; readonly key: Buffer }[] {
    const canonical = realm === 'reset' ? `reset ${network}` : network
    const ofNetwork = { what: 'network', key: keys.attemptKey('network', canonical) } as const
    if (account === undefined) return [ofNetwork]
    // Neither a uid nor a canonical address has white space, so the parts cannot change places.
    const whose = `${realm} ${tenant ?? 'nobody'} ${account}`
    return [
      { what: 'account-network', key: keys.attemptKey('account-network', `${whose} ${network}`) },
      ofNetwork,
      { what: 'account', key: keys.attemptKey('account', whose) },
    ]
  }

  /** Of signing in; whoever asks for a reset link from there is known too. */
  const knownKey = ({ tenant, account, network }: Attempt) =>
    keys.attemptKey('known-network', `${tenant ?? 'nobody'} ${account ?? ''} ${network}`)

  return {
    async count(attempt, now) {
      const nowLocks: Counted[] = []
      // The counters belong to no tenant: most attempts name none.
      return inTenant(systemTenant, async (tx) => {
        let lockEndsAt: number | undefined
        for (const { what, key } of counters(attempt)) {
          const limit = limits[what]
          // Asked of everybody who gets this far, and counted all the same: the time does not tell who is known here.
          const isExempt = what === 'account' && (await isKnown(tx, knownKey(attempt), now))
          const { failures, lockedUntil } = await countOne(tx, key, limit, now)
          if (failures === limit) nowLocks.push(what)
          if (failures <= limit || isExempt) continue
          // What is refused here goes no further: one network that hammers on must not fill the account's own count, nor
          // one script with an old password that of its whole office.
          lockEndsAt = lockedUntil
          break
        }
        await forgetOldAttempts(tx, now)
        if (lockEndsAt === undefined) return { locked: false, nowLocks, retryAfterSeconds: 0 }
        return {
          locked: true,
          nowLocks,
          retryAfterSeconds: Math.max(1, Math.ceil((lockEndsAt - now.getTime()) / 1000)),
        }
      })
    },

    async succeeded(tx, attempt, now) {
      for (const { what, key } of counters(attempt)) {
        const wasKnown = what === 'account' && (await isKnown(tx, knownKey(attempt), now))
        if (what === 'account') await rememberNetwork(tx, knownKey(attempt), now)
        if (what === 'network' || wasKnown)
          // It gets this one attempt back: a right password must not pay for guesses at other accounts, nor that of a person who
          // is known here for guesses at theirs from elsewhere.
          await tx.query(
            `update sign_in_attempts
                set failures = greatest(failures - 1, 0), locked_until = case when failures > $2 then locked_until end
              where attempt_key = $1`,
            [key, limits[what]],
          )
        else
          await tx.query('update sign_in_attempts set failures = 0, locked_until = null where attempt_key = $1', [key])
      }
    },
  }
}

/*
 * A known network is a row of the same table that counts nothing: its `window_start` is when it stops being known, so that
 * it is forgotten with the counters of that time, holds on every replica, and says as little as they do of whom it is about.
 */

async function isKnown(tx: Tx, key: Buffer, now: Date): Promise<boolean> {
  const rows = await tx.query('select from sign_in_attempts where attempt_key = $1 and window_start > $2', [key, now])
  return rows.length > 0
}

async function rememberNetwork(tx: Tx, key: Buffer, now: Date): Promise<void> {
  await tx.query(
    `insert into sign_in_attempts (attempt_key, failures, window_start) values ($1, 0, $2)
     on conflict (attempt_key) do update set window_start = excluded.window_start`,
    [key, new Date(now.getTime() + knownForMs)],
  )
}

/** One more failure. @returns how many there are, at most one above the limit, and when the lock ends that they made */
async function countOne(tx: Tx, key: Buffer, limit: number, now: Date) {
  const [row] = await tx.query<{ failures: number; locked_until: Date | null }>(
    `insert into sign_in_attempts as a (attempt_key, failures, window_start) values ($1, 1, $2)
     on conflict (attempt_key) do update set (failures, window_start, locked_until) = (
       select case when past then 1 else least(a.failures + 1, $3 + 1) end,
              case when past then $2 else a.window_start end,
              case when past then null
                   when a.locked_until is null and a.failures + 1 >= $3 then $2 + $4 * interval '1 millisecond'
                   else a.locked_until end
         from (select coalesce(a.locked_until, a.window_start + $4 * interval '1 millisecond') <= $2 as past) as earlier)
     returning failures, locked_until`,
    [key, now, limit, windowMs],
  )
  if (!row) throw new Error('an attempt was not counted')
  return { failures: row.failures, lockedUntil: row.locked_until?.getTime() ?? 0 }
}

/**
 * Forgets counters that no longer count. A few at each attempt, more than it can have added: the table stays as small as what
 * is going on, also where nobody ever succeeds.
 */
async function forgetOldAttempts(tx: Tx, now: Date): Promise<void> {
  await tx.query(
    `delete from sign_in_attempts where attempt_key in (
       select attempt_key from sign_in_attempts where window_start < $1 limit 20 for update skip locked)`,
    [new Date(now.getTime() - 2 * windowMs)],
  )
}
