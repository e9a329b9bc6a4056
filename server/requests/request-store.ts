import { AccessRequestUid, ProjectUid, RoleUid, UserUid } from '../../contract/ids.ts'
import type { AccessRequestState } from '../../core/access/index.ts'
import type { Field, TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

export type StoredRequest = {
  readonly uid: AccessRequestUid
  readonly user: UserUid
  /** Blind index of the mailbox that asked. */
  readonly mailbox: Buffer
  readonly role: RoleUid
  /** Undefined: in the tenant. */
  readonly project: ProjectUid | undefined
  readonly seconds: number
  readonly reason: string
  readonly state: AccessRequestState
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly decidedBy: UserUid | undefined
  readonly decidedAt: Date | undefined
  readonly note: string | undefined
  readonly endsAt: Date | undefined
}

export type NewRequest = Pick<
  StoredRequest,
  'user' | 'mailbox' | 'role' | 'project' | 'seconds' | 'reason' | 'createdAt' | 'expiresAt'
>

/** Decided ones of a person that are kept; the log has all of them. */
const keptPerPerson = 100

const field = (column: 'reason' | 'note', uid: string): Field => ({ table: 'access_requests', column, row: uid })

/** The index under which mailboxes are compared. */
export const mailboxIndex = (sealer: TenantSealer, mailbox: string): Buffer =>
  sealer.blindIndex('access_requests', 'mailbox', mailbox)

/** @returns nothing where the person asks for the very same already */
export async function insertRequest(
  tx: Tx,
  sealer: TenantSealer,
  request: NewRequest,
): Promise<AccessRequestUid | undefined> {
  const uid = AccessRequestUid.parse(newUid())
  const { user, mailbox, role, project, seconds, reason, createdAt, expiresAt } = request
  const inserted = await tx.query(
    `insert into access_requests (tenant_id, request_id, user_id, mailbox, role_id, project_id, seconds, reason,
                                  created_at, changed_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10) on conflict do nothing returning request_id`,
    [
      ...[tx.tenant, uid, user, mailbox, role, project ?? null, seconds, sealer.seal(field('reason', uid), reason)],
      ...[createdAt, expiresAt],
    ],
  )
  return inserted.length > 0 ? uid : undefined
}

/** Forgets the oldest of a person's decided requests beyond those that are kept. */
export async function forgetOldest(tx: Tx, user: UserUid): Promise<void> {
  await tx.query(
    `delete from access_requests where tenant_id = $1 and user_id = $2 and state <> 'open' and request_id not in
       (select request_id from access_requests where tenant_id = $1 and user_id = $2 and state <> 'open'
         order by created_at desc limit $3)`,
    [tx.tenant, user, keptPerPerson],
  )
}

/** Open ones, whether their time is over or not: of one person, and of all. */
export async function countOpen(tx: Tx, user: UserUid): Promise<{ readonly own: number; readonly all: number }> {
  const [row] = await tx.query<{ own: string; all: string }>(
    `select count(*) filter (where user_id = $2) as own, count(*) as all from access_requests
      where tenant_id = $1 and state = 'open'`,
    [tx.tenant, user],
  )
  return { own: Number(row?.own ?? 0), all: Number(row?.all ?? 0) }
}

/** Holds other requests of the person back until this transaction ends, so that they are counted one by one. */
export async function lockRequester(tx: Tx, user: UserUid): Promise<void> {
  await tx.query('select from users where tenant_id = $1 and user_id = $2 for no key update', [tx.tenant, user])
}

/** @param toChange locks the row: whoever acts on it next sees what became of it */
export async function readRequest(
  tx: Tx,
  sealer: TenantSealer,
  uid: string,
  { toChange = false } = {},
): Promise<StoredRequest | undefined> {
  if (!AccessRequestUid.safeParse(uid).success) return undefined
  const [row] = await tx.query<Row>(
    `select ${columns} from access_requests where tenant_id = $1 and request_id = $2 ${toChange ? 'for update' : ''}`,
    [tx.tenant, uid],
  )
  return row && toRequest(sealer, row)
}

/** What a person asked for, the newest first. */
export async function requestsOf(
  tx: Tx,
  sealer: TenantSealer,
  user: UserUid,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<{ readonly items: StoredRequest[]; readonly count: number }> {
  const rows = await tx.query<Row>(
    `select ${columns} from access_requests where tenant_id = $1 and user_id = $2
      order by created_at desc, request_id limit $3 offset $4`,
    [tx.tenant, user, limit, offset],
  )
  const [total] = await tx.query<{ count: string }>(
    'select count(*) from access_requests where tenant_id = $1 and user_id = $2',
    [tx.tenant, user],
  )
  return { items: rows.map((row) => toRequest(sealer, row)), count: Number(total?.count ?? 0) }
}

/** All that can still be answered at `now`, the oldest first. */
export async function openRequests(tx: Tx, sealer: TenantSealer, now: Date): Promise<StoredRequest[]> {
  const rows = await tx.query<Row>(
    `select ${columns} from access_requests where tenant_id = $1 and state = 'open' and expires_at > $2
      order by created_at, request_id`,
    [tx.tenant, now],
  )
  return rows.map((row) => toRequest(sealer, row))
}

export type Settled = {
  readonly state: Exclude<AccessRequestState, 'open'>
  readonly at: Date
  readonly by?: UserUid
  readonly note?: string | undefined
  readonly endsAt?: Date
}

/** Writes what became of a request; its row is locked by then. */
export async function settleRequest(
  tx: Tx,
  sealer: TenantSealer,
  uid: AccessRequestUid,
  { state, at, by, note, endsAt }: Settled,
): Promise<void> {
  await tx.query(
    `update access_requests set state = $3, decided_at = $4, changed_at = $4, decided_by = $5, note = $6, ends_at = $7
      where tenant_id = $1 and request_id = $2`,
    [
      ...[tx.tenant, uid, state, at, by ?? null],
      ...[note === undefined || note === '' ? null : sealer.seal(field('note', uid), note), endsAt ?? null],
    ],
  )
}

/** A little that changes whenever a tenant's requests do; tells nothing else. */
export async function requestPulse(tx: Tx): Promise<string> {
  const [row] = await tx.query<{ pulse: string }>(
    `select concat_ws('/', (select max(changed_at) from access_requests where tenant_id = $1),
            (select bit_xor(hashtextextended(request_id, 0)) from access_requests where tenant_id = $1 and state = 'open')
     ) as pulse`,
    [tx.tenant],
  )
  return row?.pulse ?? ''
}

const columns = `request_id, user_id, mailbox, role_id, project_id, seconds, reason, state, created_at, expires_at, decided_by,
  decided_at, note, ends_at`

type Row = {
  readonly request_id: string
  readonly user_id: string
  readonly mailbox: Buffer
  readonly role_id: string
  readonly project_id: string | null
  readonly seconds: number
  readonly reason: Buffer
  readonly state: AccessRequestState
  readonly created_at: Date
  readonly expires_at: Date
  readonly decided_by: string | null
  readonly decided_at: Date | null
  readonly note: Buffer | null
  readonly ends_at: Date | null
}

function toRequest(sealer: TenantSealer, row: Row): StoredRequest {
  const uid = AccessRequestUid.parse(row.request_id)
  return {
    uid,
    user: UserUid.parse(row.user_id),
    mailbox: row.mailbox,
    role: RoleUid.parse(row.role_id),
    project: row.project_id === null ? undefined : ProjectUid.parse(row.project_id),
    seconds: row.seconds,
    reason: sealer.open(field('reason', uid), row.reason),
    state: row.state,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    decidedBy: row.decided_by === null ? undefined : UserUid.parse(row.decided_by),
    decidedAt: row.decided_at ?? undefined,
    note: row.note === null ? undefined : sealer.open(field('note', uid), row.note),
    endsAt: row.ends_at ?? undefined,
  }
}
