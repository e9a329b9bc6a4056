import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant, UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type CanonicalEmail, canonicalEmail } from '../../core/seal/index.ts'
import type { Keys, TenantSealer } from '../keys/index.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

export type UserState = 'pending' | 'active' | 'inactive'
export type LoginMode = 'dev' | 'devops'
export type AdminType = 'root' | 'OperationAdmin' | 'AccountAdmin'

/** One user with the sealed parts opened. */
export type Person = {
  readonly uid: UserUid
  /** As the person writes it. */
  readonly email: string
  readonly firstName: string
  readonly lastName: string
  readonly state: UserState
  readonly passwordResetting: boolean
  readonly loginMode: LoginMode
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly lastSignInAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What sealing a person's row takes. At a tenant's birth the sealer is the one that was just made. */
export type Sealing = { readonly sealer: TenantSealer; readonly directoryIndex: Keys['directoryIndex'] }

export type NewPerson = {
  readonly email: string
  readonly firstName: string
  readonly lastName: string
  readonly state: UserState
  /** The tenant's own, unless given. */
  readonly loginMode?: LoginMode
  /** In the tenant `system` alone, and required there. */
  readonly adminType?: AdminType
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** "First Last": what a person is called where one text is wanted, `metadata.name` for instance. */
export const fullName = ({ firstName, lastName }: { readonly firstName: string; readonly lastName: string }): string =>
  `${firstName} ${lastName}`.trim()

/**
 * Adds a user to `tx.tenant`, with the entry by which sign-in finds the tenant of an e-mail. Gives no role and no link.
 *
 * @returns refuses what is no e-mail address (`invalid`) and one that the tenant has already (`user_taken`)
 */
export async function insertUser(
  tx: Tx,
  { sealer, directoryIndex }: Sealing,
  person: NewPerson,
  now: Date,
): Promise<Result<UserUid, Refusal>> {
  const email = parseEmail(person.email, 'spec.emailId')
  if (!email.ok) return email
  const uid = UserUid.parse(newUid())
  const inserted = await tx.query(
    `insert into users (tenant_id, user_id, email, email_index, first_name, last_name, state, login_mode, admin_type,
                        labels, annotations, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, (select login_mode from tenants where tenant_id = $13)), $9,
             $10, $11, $12, $12)
     on conflict (tenant_id, email_index) do nothing returning user_id`,
    [
      ...[tx.tenant, uid, sealer.seal(field('email', uid), person.email), emailIndex(sealer, email.value)],
      ...[
        sealer.seal(field('first_name', uid), person.firstName),
        sealer.seal(field('last_name', uid), person.lastName),
      ],
      ...[person.state, person.loginMode ?? null, person.adminType ?? null],
      ...[person.labels ?? {}, person.annotations ?? {}, now, tx.tenant],
    ],
  )
  if (inserted.length === 0) return err(refuse('user_taken'))
  // System administrators sign in by a door of their own, which needs no directory.
  if (tx.tenant !== systemTenant)
    await tx.query('insert into login_directory (directory_index, tenant_id, user_id) values ($1, $2, $3)', [
      ...[directoryIndex(email.value), tx.tenant, uid],
    ])
  return ok(uid)
}

/** What of a person's row may change; absent stays. */
export type PersonChanges = {
  readonly email?: string
  readonly firstName?: string
  readonly lastName?: string
  readonly loginMode?: LoginMode
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** Writes changes of one user; `user_taken` where the new e-mail is another's. */
export async function updateUser(
  tx: Tx,
  { sealer, directoryIndex }: Sealing,
  uid: UserUid,
  changes: PersonChanges,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  const { email, firstName, lastName, loginMode, labels, annotations } = changes
  const sealed = (column: PersonalColumn, text: string | undefined) =>
    text === undefined ? null : sealer.seal(field(column, uid), text)
  const canonical = email === undefined ? undefined : parseEmail(email, 'spec.emailId')
  if (canonical && !canonical.ok) return canonical
  try {
    await tx.query(
      `update users set email = coalesce($3, email), email_index = coalesce($4, email_index),
              first_name = coalesce($5, first_name), last_name = coalesce($6, last_name),
              login_mode = coalesce($7, login_mode), labels = coalesce($8, labels),
              annotations = coalesce($9, annotations), updated_at = $10
        where tenant_id = $1 and user_id = $2`,
      [
        ...[tx.tenant, uid, sealed('email', email), canonical ? emailIndex(sealer, canonical.value) : null],
        ...[sealed('first_name', firstName), sealed('last_name', lastName), loginMode ?? null],
        ...[labels ?? null, annotations ?? null, now],
      ],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'users_tenant_id_email_index_key') return err(refuse('user_taken'))
    throw cause
  }
  if (canonical)
    await tx.query('update login_directory set directory_index = $3 where tenant_id = $1 and user_id = $2', [
      ...[tx.tenant, uid, directoryIndex(canonical.value)],
    ])
  return ok(undefined)
}

/** Switches a user on or off. Off also ends every session for good; API keys rest, and count again when the user is on. */
export async function setUserState(tx: Tx, uid: UserUid, state: UserState, now: Date): Promise<void> {
  await tx.query(
    `update users set state = $3, updated_at = $4,
            credential_epoch = credential_epoch + case when $3 = 'inactive' then 1 else 0 end
      where tenant_id = $1 and user_id = $2`,
    [tx.tenant, uid, state, now],
  )
}

/** Removes a user; sessions, keys, links, memberships and roles go with the row. */
export async function deleteUser(tx: Tx, uid: UserUid): Promise<void> {
  await tx.query('delete from users where tenant_id = $1 and user_id = $2', [tx.tenant, uid])
}

/** Everybody in this state; `resetting` is who is active and was given a link for a new password. */
export async function usersInState(tx: Tx, state: UserState | 'resetting'): Promise<UserUid[]> {
  const rows = await tx.query<{ user_id: string }>(
    `select user_id from users where tenant_id = $1 and state = $2 and (password_resetting or not $3)`,
    [tx.tenant, state === 'resetting' ? 'active' : state, state === 'resetting'],
  )
  return rows.map(({ user_id }) => UserUid.parse(user_id))
}

export async function countUsers(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from users where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

export async function userExists(tx: Tx, uid: UserUid): Promise<boolean> {
  return (await tx.query('select from users where tenant_id = $1 and user_id = $2', [tx.tenant, uid])).length > 0
}

/** Whose this e-mail address is, in any spelling of case. */
export async function findUserByEmail(tx: Tx, sealer: TenantSealer, email: string): Promise<UserUid | undefined> {
  const canonical = canonicalEmail(email)
  if (!canonical.ok) return undefined
  const [row] = await tx.query<{ user_id: string }>(
    'select user_id from users where tenant_id = $1 and email_index = $2',
    [tx.tenant, emailIndex(sealer, canonical.value)],
  )
  return row && UserUid.parse(row.user_id)
}

export async function readUser(tx: Tx, sealer: TenantSealer, uid: UserUid): Promise<Person | undefined> {
  return (await readUsers(tx, sealer, [uid]))[0]
}

/** These users, in this order; who is not there (any more) is left out. */
export async function readUsers(tx: Tx, sealer: TenantSealer, uids: readonly UserUid[]): Promise<Person[]> {
  if (uids.length === 0) return []
  const rows = await tx.query<UserRow>(
    `select user_id, email, first_name, last_name, state, password_resetting, login_mode,
            labels, annotations, last_sign_in_at, created_at, updated_at
       from users where tenant_id = $1 and user_id = any($2)`,
    [tx.tenant, uids],
  )
  const people = new Map<string, Person>()
  await inTurns(rows, (row) => people.set(row.user_id, toPerson(sealer, row)))
  return uids.flatMap((uid) => people.get(uid) ?? [])
}

/** Rows opened between two turns of the event loop: under 5 ms, so that no stream is held up by a long list. */
const rowsPerTurn = 500

/** Does something that takes microseconds with each of many rows. */
export async function inTurns<Row>(rows: readonly Row[], work: (row: Row) => void): Promise<void> {
  for (const [i, row] of rows.entries()) {
    if (i % rowsPerTurn === rowsPerTurn - 1) await nextTurn()
    work(row)
  }
}

/** Who may sign in with this address, in the one spelling that addresses are compared in. */
export function parseEmail(text: string, member: string): Result<CanonicalEmail, Refusal> {
  // Kept as written and written into mail later: what a canonical form would trim away must not be there.
  if (text !== text.trim()) return err(refuse('invalid', `${member} has white space around it`))
  const canonical = canonicalEmail(text)
  if (canonical.ok) return canonical
  const why = {
    not_an_address: 'is not an e-mail address',
    bad_local_part: 'has a part before the @ that is quoted or has unusual characters',
    bad_domain: 'has no proper domain after the @',
    look_alike_characters: 'is written with characters that pass for others',
  }[canonical.error]
  return err(refuse('invalid', `${member} ${why}`))
}

type PersonalColumn = 'email' | 'first_name' | 'last_name'

/** Where a sealed part of a person stands, for everything that opens one. */
export const field = (column: PersonalColumn, uid: string) => ({ table: 'users', column, row: uid })

const emailIndex = (sealer: TenantSealer, email: CanonicalEmail) => sealer.blindIndex('users', 'email', email)

type UserRow = {
  readonly user_id: string
  readonly email: Buffer
  readonly first_name: Buffer
  readonly last_name: Buffer
  readonly state: UserState
  readonly password_resetting: boolean
  readonly login_mode: LoginMode
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>
  readonly last_sign_in_at: Date | null
  readonly created_at: Date
  readonly updated_at: Date
}

function toPerson(sealer: TenantSealer, row: UserRow): Person {
  const uid = UserUid.parse(row.user_id)
  return {
    uid,
    email: sealer.open(field('email', uid), row.email),
    firstName: sealer.open(field('first_name', uid), row.first_name),
    lastName: sealer.open(field('last_name', uid), row.last_name),
    state: row.state,
    passwordResetting: row.password_resetting,
    loginMode: row.login_mode,
    labels: row.labels,
    annotations: row.annotations,
    lastSignInAt: row.last_sign_in_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
