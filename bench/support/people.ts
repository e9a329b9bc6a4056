import { TenantUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { canonicalEmail } from '../../core/seal/index.ts'
import type { Keys } from '../../server/keys/index.ts'
import type { InTenant, Tx } from '../../server/platform/postgres/index.ts'
import { newUid } from '../../server/platform/random/index.ts'

export type StoredTenant = {
  readonly uid: TenantUid
  readonly org: string
  /** Of its administrator, whose password is that of the hash. */
  readonly email: string
  readonly projects: readonly string[]
}

const names = ['Ada', 'Bela', 'Cleo', 'Dana', 'Emil', 'Fred', 'Gina', 'Hugo', 'Ines', 'Jona']

/** The so many-th person of a stored tenant. */
export function storedPerson(org: string, n: number) {
  const [firstName, lastName] = [names[n % names.length]!, `Person ${n}`]
  return { email: `person${n}@${org}.test`, firstName, lastName, name: `${firstName} ${lastName}` }
}

/**
 * Stores a tenant as its birth, its invitations and its assignments would have left it: people sealed under its own key, in one team
 * and with one role in one project each, the first as its administrator. Straight inserts, for there are very many.
 */
export async function storeTenant(
  inTenant: InTenant,
  keys: Keys,
  tenant: { readonly org: string; readonly users: number; readonly projects: number; readonly passwordHash: string },
): Promise<StoredTenant> {
  const { org, passwordHash } = tenant
  const uid = TenantUid.parse(newUid())
  const projects = Array.from({ length: tenant.projects }, newUid)
  const users = Array.from({ length: tenant.users }, newUid)
  const team = newUid()
  const now = new Date()
  await inTenant(uid, async (tx) => {
    await tx.query(
      `insert into tenants (tenant_id, org_name, org_key, state, first_user_id, created_at, updated_at)
       values ($1, $2, $3, 'active', $4, $5, $5)`,
      [uid, org, nameKey(org), users[0], now],
    )
    await tx.query('insert into access_epochs (tenant_id) values ($1)', [uid])
    await keys.create(tx)
    await tx.query(
      `insert into projects (tenant_id, project_id, name, name_key, created_at, updated_at)
       select $1::text, p.uid, 'project ' || p.n, 'project ' || p.n, $3::timestamptz, $3::timestamptz
         from unnest($2::text[]) with ordinality as p(uid, n)`,
      [uid, projects, now],
    )
    await tx.query(
      `insert into teams (tenant_id, team_id, name, name_key, created_at, updated_at) values ($1, $2, 'all', 'all', $3, $3)`,
      [uid, team, now],
    )
  })
  // The key is there for others once it is committed.
  const sealer = await keys.of(uid)
  const field = (column: string, row: string) => ({ table: 'users', column, row })
  const emailOf = (n: number) => storedPerson(org, n).email
  for (let from = 0; from < users.length; from += 10_000) {
    const part = users.slice(from, from + 10_000)
    const emails = part.map((_, n) => {
      const email = canonicalEmail(emailOf(from + n))
      if (!email.ok) throw new Error(`${emailOf(from + n)} is no e-mail address`)
      return email.value
    })
    const seal = (column: string, text: (n: number) => string) =>
      part.map((row, n) => sealer.seal(field(column, row), text(from + n)))
    const stored: readonly (readonly unknown[])[] = [
      ...[part, seal('email', emailOf), emails.map((email) => sealer.blindIndex('users', 'email', email))],
      ...[
        seal('first_name', (n) => storedPerson(org, n).firstName),
        seal('last_name', (n) => storedPerson(org, n).lastName),
      ],
    ]
    await inTenant(uid, async (tx) => {
      await tx.query(
        `insert into users (tenant_id, user_id, email, email_index, first_name, last_name, state, created_at, updated_at)
         select $1::text, given.*, 'active', $7::timestamptz, $7::timestamptz
           from unnest($2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[]) as given`,
        [uid, ...stored, now],
      )
      await tx.query(
        `insert into login_directory (directory_index, tenant_id, user_id)
         select given.index, $1::text, given.uid from unnest($2::bytea[], $3::text[]) as given(index, uid)`,
        [uid, emails.map((email) => keys.directoryIndex(email)), part],
      )
      await assign(tx, part, from, team, projects)
    })
  }
  await inTenant(uid, async (tx) => {
    const [first] = users
    if (first === undefined) throw new Error('a tenant has an administrator')
    await tx.query('update users set password = $3, password_set_at = $4 where tenant_id = $1 and user_id = $2', [
      ...[uid, first, sealer.seal(field('password', first), passwordHash), now],
    ])
    await tx.query(
      `insert into role_assignments (tenant_id, assignment_id, user_id, role_id, created_at) values ($1, $2, $3, $4, $5)`,
      [uid, newUid(), first, predefinedRole('Tenant Admin').uid, now],
    )
  })
  return { uid, org, email: emailOf(0), projects }
}

async function assign(
  tx: Tx,
  users: readonly string[],
  from: number,
  team: string,
  projects: readonly string[],
): Promise<void> {
  await tx.query(
    `insert into team_members (tenant_id, team_id, user_id, team_position, user_position)
     select $1::text, $2::text, u.uid, 0, $4::int + u.n from unnest($3::text[]) with ordinality as u(uid, n)`,
    [tx.tenant, team, users, from],
  )
  await tx.query(
    `insert into role_assignments (tenant_id, assignment_id, user_id, role_id, project_id, created_at)
     select $1::text, given.*, now() from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as given`,
    [
      ...[tx.tenant, users.map(newUid), users, users.map(() => predefinedRole('Project Viewer').uid)],
      users.map((_, n) => projects[n % projects.length]),
    ],
  )
}
