import { SessionUid, UserUid } from '../../contract/ids.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { Account } from './accounts.ts'
import { sessionAbsoluteSeconds } from './lifetimes.ts'
import { idleSecondsNow } from './session-settings.ts'
import type { SessionState } from './validity.ts'

/** Why a session was ended, as its row says. */
export type SessionEnd = 'signed-out' | 'ended-by-person' | 'token-revoked' | 'token-reused' | 'password-set'

/** Where a session was started from, as the request said. */
export type SessionClient = { readonly address: string; readonly userAgent: string }

const clientField = (session: SessionUid) => ({ table: 'sessions', column: 'client', row: session })

/**
 * Stores a new session, if the account is what it was when its password was looked at; else the answer is false and
 * nothing was stored.
 */
export async function insertSession(
  tx: Tx,
  sealer: TenantSealer,
  session: {
    readonly uid: SessionUid
    readonly account: Pick<Account, 'user' | 'credentialEpoch'>
    readonly client: SessionClient
    readonly now: Date
  },
): Promise<boolean> {
  const { uid, account, client, now } = session
  const idleSeconds = await idleSecondsNow(tx)
  const rows = await tx.query(
    `insert into sessions (tenant_id, session_id, user_id, credential_epoch, created_at, last_seen_at, idle_seconds,
                           absolute_end_at, client)
     select u.tenant_id, $3, u.user_id, u.credential_epoch, $5, $5, $6, $7, $8
       from users u join tenants t using (tenant_id)
      where u.tenant_id = $1 and u.user_id = $2 and u.credential_epoch = $4 and u.state = 'active' and t.state = 'active'
     returning session_id`,
    [
      ...[tx.tenant, account.user, uid, account.credentialEpoch.toString(), now],
      ...[idleSeconds, absoluteEnd(now), sealer.seal(clientField(uid), JSON.stringify(client))],
    ],
  )
  return rows.length > 0
}

export const absoluteEnd = (start: Date): Date => new Date(start.getTime() + sessionAbsoluteSeconds * 1000)

/** Forgets the person's sessions that are beyond their absolute end, revoked tokens included: nothing can revive them. */
export async function deleteOldSessions(tx: Tx, user: UserUid, now: Date): Promise<void> {
  await tx.query('delete from sessions where tenant_id = $1 and user_id = $2 and absolute_end_at < $3', [
    tx.tenant,
    user,
    now,
  ])
}

/** Moves the idle end of a session that has not ended. @returns its absolute end, or nothing where it has ended */
export async function extendSession(tx: Tx, uid: SessionUid, now: Date): Promise<Date | undefined> {
  const [row] = await tx.query<{ absolute_end_at: Date }>(
    `update sessions set last_seen_at = greatest(last_seen_at, $3)
      where tenant_id = $1 and session_id = $2 and ended_at is null and absolute_end_at > $3
     returning absolute_end_at`,
    [tx.tenant, uid, now],
  )
  return row?.absolute_end_at
}

/** Ends those of these sessions that are this user's and have not ended. @returns which */
export async function endSessions(
  tx: Tx,
  user: UserUid,
  uids: readonly SessionUid[],
  end: SessionEnd,
  now: Date,
): Promise<SessionUid[]> {
  return endWhere(tx, 'session_id = any($5)', [user, now, end, uids])
}

/** Ends all sessions of a user. @returns which */
export async function endAllSessions(tx: Tx, user: UserUid, end: SessionEnd, now: Date): Promise<SessionUid[]> {
  return endWhere(tx, 'true', [user, now, end])
}

async function endWhere(tx: Tx, condition: string, values: readonly unknown[]): Promise<SessionUid[]> {
  const rows = await tx.query<{ session_id: string }>(
    `update sessions set ended_at = $3, end_reason = $4
      where tenant_id = $1 and user_id = $2 and ended_at is null and ${condition} returning session_id`,
    [tx.tenant, ...values],
  )
  return rows.map((row) => SessionUid.parse(row.session_id))
}

/** Lists tokens as revoked, by their own ids. */
export async function insertRevoked(
  tx: Tx,
  tokens: readonly { readonly session: SessionUid; readonly jti: string }[],
): Promise<void> {
  await tx.query(
    `insert into revoked_tokens (tenant_id, session_id, jti)
     select $1, s.session_id, r.jti from unnest($2::text[], $3::text[]) as r (session_id, jti)
       join sessions s on s.tenant_id = $1 and s.session_id = r.session_id
     on conflict do nothing`,
    [tx.tenant, tokens.map(({ session }) => session), tokens.map(({ jti }) => jti)],
  )
}

/** Whose session it is. */
export async function ownerOfSession(tx: Tx, uid: string): Promise<UserUid | undefined> {
  if (!SessionUid.safeParse(uid).success) return undefined
  const [row] = await tx.query<{ user_id: string }>(
    'select user_id from sessions where tenant_id = $1 and session_id = $2',
    [tx.tenant, uid],
  )
  return row && UserUid.parse(row.user_id)
}

/** How many sessions of a user go on, or of everybody in the tenant. */
export async function countSessions(tx: Tx, user: UserUid | undefined, now: Date): Promise<number> {
  const [row] = await tx.query<{ count: string }>(
    `select count(*) from sessions s join users u using (tenant_id, user_id)
      where s.tenant_id = $1 and ($2::text is null or s.user_id = $2) and u.state = 'active' and s.ended_at is null and s.credential_epoch = u.credential_epoch
        and s.absolute_end_at > $3 and s.last_seen_at + make_interval(secs => s.idle_seconds) > $3`,
    [tx.tenant, user ?? null, now],
  )
  return Number(row?.count)
}

export type StoredSession = {
  readonly uid: SessionUid
  readonly createdAt: Date
  readonly state: SessionState
  readonly client: SessionClient
}

/** A user's sessions, the newest first, ended ones too: which of them count is `validity`'s to say. */
export async function sessionsOf(tx: Tx, sealer: TenantSealer, user: UserUid): Promise<StoredSession[]> {
  const rows = await tx.query<{
    session_id: string
    created_at: Date
    credential_epoch: string
    last_seen_at: Date
    idle_seconds: number
    absolute_end_at: Date
    ended_at: Date | null
    client: Buffer
  }>(
    `select session_id, created_at, credential_epoch, last_seen_at, idle_seconds, absolute_end_at, ended_at, client
       from sessions where tenant_id = $1 and user_id = $2 order by created_at desc, session_id limit 1000`,
    [tx.tenant, user],
  )
  return rows.map((row) => {
    const uid = SessionUid.parse(row.session_id)
    return {
      uid,
      createdAt: row.created_at,
      state: {
        kind: 'session',
        user,
        credentialEpoch: BigInt(row.credential_epoch),
        provedAt: row.created_at.getTime(),
        lastSeenAt: row.last_seen_at.getTime(),
        idleMs: row.idle_seconds * 1000,
        absoluteEndAt: row.absolute_end_at.getTime(),
        ended: row.ended_at !== null,
        revoked: new Set(),
      },
      // It was sealed by insertSession.
      client: JSON.parse(sealer.open(clientField(uid), row.client)) as SessionClient,
    }
  })
}
