import { z } from 'zod'
import { type CanvasSessionUid, SessionUid } from '../../contract/ids.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** What a cookie stands for. Never leaves this process but to the API, the Kubernetes door and the issuer. */
export type Tokens = z.output<typeof Tokens>
const Tokens = z.strictObject({ access: z.string(), refresh: z.string().optional() })

export type StoredSession = {
  /** The session of the API that the tokens belong to. */
  readonly session: SessionUid
  readonly tokens: Tokens
  readonly tokenEndsAt: Date
  readonly generation: number
  readonly refreshingUntil: Date | undefined
}

const field = (row: CanvasSessionUid) => ({ table: 'canvas_sessions', column: 'tokens', row })
const sealed = (sealer: TenantSealer, uid: CanvasSessionUid, tokens: Tokens) =>
  sealer.seal(field(uid), JSON.stringify(tokens))

export async function insertSession(
  tx: Tx,
  sealer: TenantSealer,
  session: {
    readonly uid: CanvasSessionUid
    readonly session: SessionUid
    readonly cookieHash: Buffer
    readonly tokens: Tokens
    readonly tokenEndsAt: Date
    readonly now: Date
  },
): Promise<void> {
  const { uid, cookieHash, tokens, tokenEndsAt, now } = session
  await tx.query(
    `insert into canvas_sessions (tenant_id, canvas_session_id, session_id, cookie_hash, tokens, token_ends_at, created_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [tx.tenant, uid, session.session, cookieHash, sealed(sealer, uid, tokens), tokenEndsAt, now],
  )
}

export async function readSession(
  tx: Tx,
  sealer: TenantSealer,
  uid: CanvasSessionUid,
): Promise<StoredSession | undefined> {
  const [row] = await tx.query<{
    session_id: string
    tokens: Buffer
    token_ends_at: Date
    generation: number
    refreshing_until: Date | null
  }>(
    `select session_id, tokens, token_ends_at, generation, refreshing_until from canvas_sessions
      where tenant_id = $1 and canvas_session_id = $2`,
    [tx.tenant, uid],
  )
  return (
    row && {
      session: SessionUid.parse(row.session_id),
      tokens: Tokens.parse(JSON.parse(sealer.open(field(uid), row.tokens))),
      tokenEndsAt: row.token_ends_at,
      generation: row.generation,
      refreshingUntil: row.refreshing_until ?? undefined,
    }
  )
}

/** Makes this replica the one that refreshes; false where another one is, or already has. */
export async function claimRefresh(
  tx: Tx,
  uid: CanvasSessionUid,
  { generation, now, until }: { readonly generation: number; readonly now: Date; readonly until: Date },
): Promise<boolean> {
  const rows = await tx.query(
    `update canvas_sessions set refreshing_until = $5
      where tenant_id = $1 and canvas_session_id = $2 and generation = $3
        and (refreshing_until is null or refreshing_until <= $4)
     returning canvas_session_id`,
    [tx.tenant, uid, generation, now, until],
  )
  return rows.length > 0
}

/** Lets others try, after a refresh that came to nothing. */
export async function releaseRefresh(tx: Tx, uid: CanvasSessionUid, generation: number): Promise<void> {
  await tx.query(
    `update canvas_sessions set refreshing_until = null where tenant_id = $1 and canvas_session_id = $2 and generation = $3`,
    [tx.tenant, uid, generation],
  )
}

/** Stores what a refresh gave. @returns false where the session was ended meanwhile, or somebody else refreshed it */
export async function storeRefreshed(
  tx: Tx,
  sealer: TenantSealer,
  uid: CanvasSessionUid,
  after: { readonly generation: number; readonly tokens: Tokens; readonly tokenEndsAt: Date },
): Promise<boolean> {
  const rows = await tx.query(
    `update canvas_sessions set tokens = $4, token_ends_at = $5, generation = generation + 1, refreshing_until = null
      where tenant_id = $1 and canvas_session_id = $2 and generation = $3 returning canvas_session_id`,
    [tx.tenant, uid, after.generation, sealed(sealer, uid, after.tokens), after.tokenEndsAt],
  )
  return rows.length > 0
}

/** Deletes what stands for the same session of the API, but for this one. */
export async function deleteOthers(tx: Tx, session: SessionUid, uid: CanvasSessionUid): Promise<void> {
  await tx.query('delete from canvas_sessions where tenant_id = $1 and session_id = $2 and canvas_session_id <> $3', [
    tx.tenant,
    session,
    uid,
  ])
}

/** Whether some browser's cookie stands for this session of the API. */
export async function isInUse(tx: Tx, session: SessionUid): Promise<boolean> {
  const rows = await tx.query('select from canvas_sessions where tenant_id = $1 and session_id = $2 limit 1', [
    tx.tenant,
    session,
  ])
  return rows.length > 0
}

export async function deleteSession(tx: Tx, uid: CanvasSessionUid): Promise<void> {
  await tx.query('delete from canvas_sessions where tenant_id = $1 and canvas_session_id = $2', [tx.tenant, uid])
}
