import { UserUid } from '../../contract/ids.ts'
import type { CanonicalEmail } from '../../core/seal/index.ts'
import type { Snapshot } from '../access/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { IdentityEntry } from './edges.ts'

/** A person's names, as audit entries and clusters are told. */
export type Person = { readonly email: string; readonly firstName: string; readonly lastName: string }

/** What signing in asks of a user. */
export type Account = {
  readonly user: UserUid
  readonly person: Person
  readonly state: 'pending' | 'active' | 'inactive'
  readonly tenantState: Snapshot['tenantState']
  readonly orgName: string
  /** PHC string; undefined until the person has set a password. */
  readonly passwordHash: string | undefined
  readonly passwordSetAt: Date | undefined
  readonly passwordResetting: boolean
  readonly credentialEpoch: bigint
}

/** Stands in where an address is none, so that the same look-ups are made. A name below `.invalid` is nobody's (RFC 2606). */
export const nobody = 'nobody@palisade.invalid' as CanonicalEmail // In canonical form as it stands.

/** The user of the transaction's tenant with this address. */
export async function accountByEmail(
  tx: Tx,
  sealer: TenantSealer,
  email: CanonicalEmail,
): Promise<Account | undefined> {
  return find(tx, sealer, 'email_index', sealer.blindIndex('users', 'email', email))
}

/** @param uid any text: what is no UID is no user's */
export async function accountByUid(tx: Tx, sealer: TenantSealer, uid: string): Promise<Account | undefined> {
  return UserUid.safeParse(uid).success ? find(tx, sealer, 'user_id', uid) : undefined
}

/** Whether the person may sign in at all. */
export const isActive = ({ state, tenantState }: Account): boolean => state === 'active' && tenantState === 'active'

/** The person of an account, as an audit entry names its actor. */
export function actorOf({ user, person, orgName }: Account, credential?: string): IdentityEntry['actor'] {
  return { kind: 'user', uid: user, ...person, org: orgName, ...(credential === undefined ? {} : { credential }) }
}

type Row = SealedPerson & {
  readonly state: Account['state']
  readonly tenant_state: Account['tenantState']
  readonly org_name: string
  readonly password: Buffer | null
  readonly password_set_at: Date | null
  readonly password_resetting: boolean
  readonly credential_epoch: string
}

async function find(tx: Tx, sealer: TenantSealer, column: 'email_index' | 'user_id', value: unknown) {
  const [row] = await tx.query<Row>(
    `select u.user_id, u.email, u.first_name, u.last_name, u.state, u.password, u.password_set_at,
            u.password_resetting, u.credential_epoch,
            t.state as tenant_state, t.org_name
       from users u join tenants t using (tenant_id) where u.tenant_id = $1 and u.${column} = $2`,
    [tx.tenant, value],
  )
  return row && toAccount(sealer, row)
}

function toAccount(sealer: TenantSealer, row: Row): Account {
  const field = { table: 'users', column: 'password', row: row.user_id }
  return {
    user: UserUid.parse(row.user_id),
    person: openPerson(sealer, row),
    state: row.state,
    tenantState: row.tenant_state,
    orgName: row.org_name,
    passwordHash: row.password ? sealer.open(field, row.password) : undefined,
    passwordSetAt: row.password_set_at ?? undefined,
    passwordResetting: row.password_resetting,
    credentialEpoch: BigInt(row.credential_epoch),
  }
}

/** The sealed columns of `users` that name somebody. */
export type SealedPerson = {
  readonly user_id: string
  readonly email: Buffer
  readonly first_name: Buffer
  readonly last_name: Buffer
}

export function openPerson(sealer: TenantSealer, row: SealedPerson): Person {
  const open = (column: 'email' | 'first_name' | 'last_name') =>
    sealer.open({ table: 'users', column, row: row.user_id }, row[column])
  return { email: open('email'), firstName: open('first_name'), lastName: open('last_name') }
}
