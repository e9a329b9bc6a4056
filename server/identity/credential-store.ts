import { type ApiKeyUid, type SessionUid, type TenantUid, UserUid } from '../../contract/ids.ts'
import { createBoundedMap } from '../platform/bounded-map/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { openPerson, type Person, type SealedPerson } from './accounts.ts'
import type { IdentityEdges } from './edges.ts'
import type { ApiKeyState, CredentialState, SessionState } from './validity.ts'

/** What of a tenant is presented: one of its sessions, or one of its keys. */
export type CredentialRef =
  | { readonly kind: 'session'; readonly tenant: TenantUid; readonly uid: SessionUid }
  | { readonly kind: 'apiKey'; readonly tenant: TenantUid; readonly uid: ApiKeyUid }

/** A credential as it was at an epoch of its tenant. */
export type Stored = {
  readonly state: CredentialState
  readonly person: Person
  /** The tenant's epoch in the same database snapshot: while it is the newest, nothing here has been withdrawn. */
  readonly epoch: bigint
}

/**
 * Sessions and keys as this replica knows them. Whatever ends one raises its tenant's epoch, so that what was read at the
 * newest epoch is still true, and a request that comes again asks no database.
 */
export type CredentialStore = {
  /** As read at this epoch or later; undefined where there is none. */
  atLeast(ref: CredentialRef, epoch: bigint): Promise<Stored | undefined>
  /** What is remembered, of whatever epoch. */
  remembered(ref: CredentialRef): Stored | undefined
  /** Reads it from the database. */
  read(ref: CredentialRef): Promise<Stored | undefined>
  /** It was ended here: its next use reads it. */
  forget(ref: CredentialRef): void
  /** Notes that it was used. Written at most once a minute; the idle end here counts from now on. */
  touch(ref: CredentialRef): void
  /** Resolves when what was noted is written. */
  settle(): Promise<void>
}

const maxRemembered = 50_000
const writeEveryMs = 60_000

export function createCredentialStore({
  inTenant,
  readInTenant,
  keys,
  clock,
  logger,
}: Pick<IdentityEdges, 'inTenant' | 'readInTenant' | 'keys' | 'clock' | 'logger'>): CredentialStore {
  const known = createBoundedMap<string, Stored>(maxRemembered)
  const reading = new Map<string, Promise<Stored | undefined>>()
  const writtenAt = createBoundedMap<string, number>(maxRemembered)
  const writing = new Set<Promise<void>>()

  /** Who comes while it is being read shares the answer, if that answer is new enough for them. */
  function read(ref: CredentialRef): Promise<Stored | undefined> {
    const name = nameOf(ref)
    const running = reading.get(name)
    if (running !== undefined) return running
    const mine = load(ref).finally(() => {
      if (reading.get(name) === mine) reading.delete(name)
    })
    reading.set(name, mine)
    return mine
  }

  async function load(ref: CredentialRef): Promise<Stored | undefined> {
    const row = await readInTenant<Read<CredentialState> | undefined>(ref.tenant, (tx) =>
      ref.kind === 'session' ? readSession(tx, ref.uid) : readApiKey(tx, ref.uid),
    )
    const name = nameOf(ref)
    if (!row) {
      known.delete(name)
      return undefined
    }
    const before = known.get(name)
    if (before && before.epoch > row.epoch) return before
    const stored: Stored = {
      state: withActivity(row.state, before?.state),
      person: openPerson(await keys.of(ref.tenant), row.person),
      epoch: row.epoch,
    }
    known.set(name, stored)
    return stored
  }

  async function write(ref: CredentialRef, now: number): Promise<void> {
    try {
      await inTenant(ref.tenant, (tx) =>
        ref.kind === 'session' ? touchSession(tx, ref.uid, now) : touchApiKey(tx, ref.uid, now),
      )
    } catch (cause) {
      // The idle end comes sooner at worst; the next use after a minute tries again.
      logger.warn({ cause, tenant: ref.tenant, [ref.kind]: ref.uid }, 'the use of a credential could not be written')
    }
  }

  return {
    async atLeast(ref, epoch) {
      const remembered = known.get(nameOf(ref))
      if (remembered && remembered.epoch >= epoch) return remembered
      const shared = await read(ref)
      // A read that began before the change may not have seen it; one that begins now has.
      return shared && shared.epoch < epoch ? read(ref) : shared
    },
    remembered: (ref) => known.get(nameOf(ref)),
    read,
    forget: (ref) => known.delete(nameOf(ref)),
    touch(ref) {
      const name = nameOf(ref)
      const now = clock.now()
      const stored = known.get(name)
      if (stored?.state.kind === 'session')
        known.set(name, { ...stored, state: { ...stored.state, lastSeenAt: Math.max(stored.state.lastSeenAt, now) } })
      if (now - (writtenAt.get(name) ?? Number.NEGATIVE_INFINITY) < writeEveryMs) return
      writtenAt.set(name, now)
      const mine = write(ref, now).finally(() => writing.delete(mine))
      writing.add(mine)
    },
    async settle() {
      await Promise.all(writing)
    },
  }
}

const nameOf = (ref: CredentialRef) => `${ref.kind} ${ref.tenant} ${ref.uid}`

/** Uses that this replica has seen and not yet written count too. They were valid uses: others are never noted. */
function withActivity(fresh: CredentialState, before: CredentialState | undefined): CredentialState {
  if (fresh.kind !== 'session' || before?.kind !== 'session') return fresh
  return { ...fresh, lastSeenAt: Math.max(fresh.lastSeenAt, before.lastSeenAt) }
}

type Read<State> = { readonly state: State; readonly person: SealedPerson; readonly epoch: bigint }

async function readSession(tx: Tx, uid: string): Promise<Read<SessionState> | undefined> {
  const [row] = await tx.query<
    SealedPerson & {
      credential_epoch: string
      created_at: Date
      last_seen_at: Date
      idle_seconds: number
      absolute_end_at: Date
      ended_at: Date | null
      revoked: string[]
      epoch: string
    }
  >(
    `select s.user_id, s.credential_epoch, s.created_at, s.last_seen_at, s.idle_seconds, s.absolute_end_at, s.ended_at,
            array(select r.jti from revoked_tokens r
                   where r.tenant_id = s.tenant_id and r.session_id = s.session_id) as revoked,
            u.email, u.first_name, u.last_name, e.epoch
       from sessions s join users u using (tenant_id, user_id) join access_epochs e using (tenant_id)
      where s.tenant_id = $1 and s.session_id = $2`,
    [tx.tenant, uid],
  )
  return (
    row && {
      state: {
        kind: 'session',
        user: UserUid.parse(row.user_id),
        credentialEpoch: BigInt(row.credential_epoch),
        provedAt: row.created_at.getTime(),
        lastSeenAt: row.last_seen_at.getTime(),
        idleMs: row.idle_seconds * 1000,
        absoluteEndAt: row.absolute_end_at.getTime(),
        ended: row.ended_at !== null,
        revoked: new Set(row.revoked),
      },
      person: row,
      epoch: BigInt(row.epoch),
    }
  )
}

async function readApiKey(tx: Tx, uid: string): Promise<Read<ApiKeyState> | undefined> {
  const [row] = await tx.query<
    SealedPerson & {
      created_by: string
      secret_hash: Buffer
      is_active: boolean
      expires_at: Date | null
      epoch: string
    }
  >(
    `select k.user_id, k.created_by, k.secret_hash, k.is_active, k.expires_at, u.email, u.first_name, u.last_name, e.epoch
       from api_keys k join users u using (tenant_id, user_id) join access_epochs e using (tenant_id)
      where k.tenant_id = $1 and k.key_id = $2`,
    [tx.tenant, uid],
  )
  return (
    row && {
      state: {
        kind: 'apiKey',
        user: UserUid.parse(row.user_id),
        createdBy: UserUid.parse(row.created_by),
        secretHash: row.secret_hash,
        active: row.is_active,
        expiresAt: row.expires_at?.getTime(),
      },
      person: row,
      epoch: BigInt(row.epoch),
    }
  )
}

/** A session that has ended, by whatever, stays ended: what comes late does not move its idle end. */
async function touchSession(tx: Tx, uid: string, now: number): Promise<void> {
  await tx.query(
    `update sessions set last_seen_at = $3
      where tenant_id = $1 and session_id = $2 and ended_at is null and last_seen_at < $3
        and last_seen_at + idle_seconds * interval '1 second' > $3 and absolute_end_at > $3`,
    [tx.tenant, uid, new Date(now)],
  )
}

async function touchApiKey(tx: Tx, uid: string, now: number): Promise<void> {
  await tx.query(
    `update api_keys set last_used_at = $3
      where tenant_id = $1 and key_id = $2 and (last_used_at is null or last_used_at < $3)`,
    [tx.tenant, uid, new Date(now)],
  )
}
