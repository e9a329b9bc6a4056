import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { TenantUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { assignmentsHeldBy, decide, explain, whoCan } from '../../core/access/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { createLogger } from '../platform/log/index.ts'
import { createInTenant, type InTenant, openPool, type Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { lockEpoch, raiseEpoch } from './epochs.ts'
import { type Loaded, loadSnapshot } from './snapshot.ts'

// D05: what a replica works out of a change is what it would work out of everything, reasons included, whatever was changed and
// whoever changes something at the same time.

const logger = createLogger('error', () => undefined)
const oneSnapshot = { isolation: 'repeatable read', readOnly: true } as const

let postgres: TestPostgres
let database: TestDatabase
let pool: pg.Pool
let inTenant: InTenant

before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  pool = openPool(database.app, 'test', 8, logger)
  inTenant = createInTenant(pool)
})
after(async () => {
  await pool.end()
  await postgres.stop()
})

const users = Array.from({ length: 6 }, newUid)
const teams = Array.from({ length: 3 }, newUid)
const projects = Array.from({ length: 3 }, newUid)
const workspaces = Array.from({ length: 2 }, newUid)
const roles = Array.from({ length: 3 }, newUid)
const filters = Array.from({ length: 2 }, newUid)
const resourceRoles = Array.from({ length: 3 }, newUid)
const now = new Date('2026-01-01T00:00:00Z')

async function makeTenant(): Promise<TenantUid> {
  const tenant = TenantUid.parse(newUid())
  await inTenant(tenant, async (tx) => {
    await tx.query(
      `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at) values ($1, 'a', $3, 'active', $2, $2)`,
      [tenant, now, newUid()],
    )
    await tx.query('insert into access_epochs (tenant_id) values ($1)', [tenant])
  })
  await change(tenant, async (tx) => {
    for (const user of users) await addUser(tx, user)
    for (const team of teams) await addTeam(tx, team)
    for (const project of projects) await addProject(tx, project)
    for (const workspace of workspaces) await addWorkspace(tx, workspace)
    for (const role of roles) await addRole(tx, role)
    for (const filter of filters) await addFilter(tx, filter)
  })
  return tenant
}

/** As every endpoint that changes access does it. */
async function change(tenant: TenantUid, work: (tx: Tx) => Promise<unknown>): Promise<void> {
  await inTenant(tenant, async (tx) => {
    await lockEpoch(tx)
    await work(tx)
    await raiseEpoch(tx, 'access')
  })
}

const into = (table: string, columns: string, values: string) => (tx: Tx, uid: string) =>
  tx.query(`insert into ${table} (tenant_id, ${columns}) values ($1::text, ${values}) on conflict do nothing`, [
    tx.tenant,
    uid,
  ])
const times = `'2026-01-01', '2026-01-01'`
const addUser = into(
  'users',
  'user_id, email, email_index, first_name, last_name, state, created_at, updated_at',
  `$2::text, '', convert_to($2::text, 'utf8'), '', '', 'active', ${times}`,
)
const addTeam = into(
  'teams',
  'team_id, name, name_key, created_at, updated_at',
  `$2::text, $2::text, $2::text, ${times}`,
)
const addProject = into(
  'projects',
  'project_id, name, name_key, created_at, updated_at',
  `$2::text, $2::text, $2::text, ${times}`,
)
const addWorkspace = into(
  'workspaces',
  'workspace_id, project_id, name, name_key, created_at, updated_at',
  `$2::text, '${projects[0]}', $2::text, $2::text, ${times}`,
)
const addRole = into(
  'roles',
  'role_id, name, name_key, scope, permissions, created_at, updated_at',
  `$2::text, $2::text, $2::text, 'resource', array['cluster.get'], ${times}`,
)
const addFilter = into(
  'filters',
  'filter_id, name, name_key, conjunction, expressions, created_at, updated_at',
  `$2::text, $2::text, $2::text, 'and', '[{"key":"env","operator":"eq","negation":false,"values":["prod"]}]', ${times}`,
)

/** A repeatable source of choices. */
function choices(seed: number) {
  let state = seed
  const below = (count: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * count)
  }
  return { below, pick: <T>(list: readonly T[]): T => list[below(list.length)] as T } // Cast: the lists are not empty.
}
type Choices = ReturnType<typeof choices>

const viewer = predefinedRole('Project Viewer').uid

/** Everything that an endpoint may write, one statement or a few each. */
const writes: readonly ((tx: Tx, by: Choices) => Promise<unknown>)[] = [
  (tx, { pick }) => addUser(tx, pick(users)),
  (tx, { pick }) =>
    tx.query('delete from users where tenant_id = $1::text and user_id = $2::text', [tx.tenant, pick(users)]),
  (tx, { pick }) =>
    tx.query('update users set state = $3::text where tenant_id = $1::text and user_id = $2::text', [
      ...[tx.tenant, pick(users), pick(['active', 'inactive', 'pending'])],
    ]),
  (tx, { pick }) =>
    tx.query(
      'update users set credential_epoch = credential_epoch + 1 where tenant_id = $1::text and user_id = $2::text',
      [...[tx.tenant, pick(users)]],
    ),
  (tx, { pick }) => addTeam(tx, pick(teams)),
  (tx, { pick }) =>
    tx.query('delete from teams where tenant_id = $1::text and team_id = $2::text', [tx.tenant, pick(teams)]),
  (tx, { pick, below }) =>
    tx.query('update teams set name = $3::text where tenant_id = $1::text and team_id = $2::text', [
      ...[tx.tenant, pick(teams), `name ${below(9)}`],
    ]),
  ...[1, 2, 3].map(
    () =>
      (tx: Tx, { pick, below }: Choices) =>
        tx.query(
          `insert into team_members (tenant_id, team_id, user_id, team_position, user_position)
       select $1::text, t.team_id, u.user_id, $4::int, $5::int from teams t join users u using (tenant_id)
        where t.tenant_id = $1::text and t.team_id = $2::text and u.user_id = $3::text
       on conflict (tenant_id, team_id, user_id) do update
          set team_position = excluded.team_position, user_position = excluded.user_position`,
          [tx.tenant, pick(teams), pick(users), below(4), below(4)],
        ),
  ),
  (tx, { pick }) =>
    tx.query('delete from team_members where tenant_id = $1::text and user_id = $2::text', [tx.tenant, pick(users)]),
  (tx, { pick }) => addProject(tx, pick(projects)),
  (tx, { pick }) =>
    tx.query('delete from projects where tenant_id = $1::text and project_id = $2::text', [
      tx.tenant,
      pick(projects.slice(1)),
    ]),
  (tx, { pick, below }) =>
    tx.query('update projects set name = $3::text where tenant_id = $1::text and project_id = $2::text', [
      ...[tx.tenant, pick(projects), `name ${below(9)}`],
    ]),
  ...[1, 2, 3, 4].map(
    () =>
      (tx: Tx, { pick, below }: Choices) =>
        tx.query(
          `insert into role_assignments (tenant_id, assignment_id, user_id, role_id, project_id, ends_at, conditions, created_at)
       select $1::text, $2::text, u.user_id, $4::text, p.project_id, $6::timestamptz, $7::jsonb, now() from users u join projects p using (tenant_id)
        where u.tenant_id = $1::text and u.user_id = $3::text and p.project_id = $5::text
       on conflict (tenant_id, user_id, team_id, role_id, project_id) do update
          set assignment_id = excluded.assignment_id, ends_at = excluded.ends_at, conditions = excluded.conditions`,
          [
            ...[tx.tenant, newUid(), pick(users), viewer, pick(projects)],
            ...[below(2) === 0 ? null : new Date(2e12 + below(9)), pick([null, null, '{"networks":["10.0.0.0/8"]}'])],
          ],
        ),
  ),
  (tx, { pick }) =>
    tx.query(
      `insert into role_assignments (tenant_id, assignment_id, team_id, role_id, created_at)
       select $1::text, $2::text, t.team_id, $4::text, now() from teams t where t.tenant_id = $1::text and t.team_id = $3::text on conflict do nothing`,
      [tx.tenant, newUid(), pick(teams), viewer],
    ),
  (tx, { pick }) =>
    tx.query('delete from role_assignments where tenant_id = $1::text and user_id = $2::text', [
      tx.tenant,
      pick(users),
    ]),
  (tx, { pick }) =>
    tx.query(
      `insert into workspace_roles (tenant_id, assignment_id, user_id, role_id, workspace_id, created_at)
       select $1::text, $2::text, u.user_id, $4::text, w.workspace_id, now() from users u join workspaces w using (tenant_id)
        where u.tenant_id = $1::text and u.user_id = $3::text and w.workspace_id = $5::text on conflict do nothing`,
      [tx.tenant, newUid(), pick(users), viewer, pick(workspaces)],
    ),
  (tx, { pick }) =>
    tx.query('delete from workspaces where tenant_id = $1::text and workspace_id = $2::text', [
      tx.tenant,
      pick(workspaces),
    ]),
  (tx, { pick }) => addWorkspace(tx, pick(workspaces)),
  (tx, { pick }) => addRole(tx, pick(roles)),
  (tx, { pick }) =>
    tx.query('delete from roles where tenant_id = $1::text and role_id = $2::text', [tx.tenant, pick(roles)]),
  (tx, { pick, below }) =>
    tx.query(
      'update roles set name = $3::text, is_enabled = $4::boolean, permissions = $5::text[] where tenant_id = $1::text and role_id = $2::text',
      [
        ...[tx.tenant, pick(roles), `role ${below(9)}`, below(3) > 0],
        below(2) === 0 ? ['cluster.get'] : ['cluster.list', 'cluster.get', 'cluster.update'],
      ],
    ),
  (tx, { pick }) =>
    tx.query(
      'update filters set conjunction = $3::text, expressions = $4::jsonb where tenant_id = $1::text and filter_id = $2::text',
      [
        ...[tx.tenant, pick(filters), pick(['and', 'or'])],
        JSON.stringify([
          { key: 'env', operator: 'eq', negation: pick([true, false]), values: [pick(['prod', 'test'])] },
        ]),
      ],
    ),
  ...[1, 2, 3].map(() => async (tx: Tx, { pick, below }: Choices) => {
    const uid = pick(resourceRoles)
    const [subject, table] = below(2) === 0 ? (['user', users] as const) : (['team', teams] as const)
    const [made] = await tx.query(
      `insert into resource_roles (tenant_id, resource_role_id, ${subject}_id, created_at, updated_at)
       select $1::text, $2::text, ${subject}_id, now(), now() from ${subject}s where tenant_id = $1::text and ${subject}_id = $3::text
       on conflict do nothing returning 1`,
      [tx.tenant, uid, pick(table)],
    )
    if (!made) return
    await tx.query(
      `insert into resource_role_projects select $1::text, $2::text, project_id, 0 from projects where tenant_id = $1::text and project_id = $3::text`,
      [tx.tenant, uid, pick(projects)],
    )
    await tx.query('insert into resource_role_filters values ($1::text, $2::text, $3::text, 0)', [
      tx.tenant,
      uid,
      pick(filters),
    ])
    await tx.query('insert into resource_role_roles values ($1::text, $2::text, $3::text, 0)', [
      tx.tenant,
      uid,
      pick(roles),
    ])
  }),
  (tx, { pick }) =>
    tx.query('delete from resource_roles where tenant_id = $1::text and resource_role_id = $2::text', [
      tx.tenant,
      pick(resourceRoles),
    ]),
  (tx, { pick }) =>
    tx.query(
      `insert into resource_role_roles select $1::text, resource_role_id, $3::text, 1 from resource_roles
        where tenant_id = $1::text and resource_role_id = $2::text on conflict do nothing`,
      [tx.tenant, pick(resourceRoles), pick(roles)],
    ),
  (tx, { pick }) =>
    tx.query(`update tenants set org_name = $2::text where tenant_id = $1::text`, [tx.tenant, pick(['one', 'other'])]),
]

/** All that a snapshot says, in an order of its own making. */
function tell(snapshot: Loaded) {
  const { compiled } = snapshot
  const sorted = (entries: Iterable<readonly [string, unknown]>) =>
    [...entries].toSorted((a, b) => (a[0] < b[0] ? -1 : 1))
  const subjects = [
    ...users.map((uid) => ({ kind: 'user' as const, uid })),
    ...teams.map((uid) => ({ kind: 'team' as const, uid })),
  ]
  const requests = users.flatMap((userUid) =>
    [...projects.map((projectUid) => ({ kind: 'project' as const, projectUid })), { kind: 'tenant' as const }].flatMap(
      (scope) =>
        ['prod', 'test'].map((env) => ({
          ...{ subject: { userUid }, permission: 'cluster.get', now: now.getTime() },
          resource: { kind: 'spectrocluster', scope, tags: { env } },
        })),
    ),
  )
  return {
    head: [snapshot.epoch, snapshot.factsEpoch, snapshot.tenantState, snapshot.orgName, compiled.epoch],
    users: sorted(snapshot.users),
    names: [sorted(snapshot.teamNames), sorted(snapshot.projectNames)],
    terms: sorted(snapshot.terms),
    held: subjects.map((subject) => assignmentsHeldBy(compiled, subject)),
    roles: sorted(compiled.roles.definitions),
    assignments: compiled.assignments,
    decisions: requests.map((request) => decide(request, compiled)),
    explained: requests.map((request) => explain(request, compiled)),
    who: requests.slice(0, 8).map((request) => {
      const { users, waysOf } = whoCan(request, compiled)
      return users.toSorted().map((user) => [user, waysOf(user)])
    }),
  }
}

/** Brings a snapshot up to date, and holds the outcome against what everything, read in the same database snapshot, says. */
async function compare(tenant: TenantUid, known: Loaded): Promise<Loaded> {
  const [warm, cold] = await inTenant(
    tenant,
    async (tx) => [await loadSnapshot(tx, known), await loadSnapshot(tx)] as const,
    oneSnapshot,
  )
  assert.deepEqual(tell(warm), tell(cold))
  return warm
}

test('D05: after each of 250 random changes', async () => {
  const tenant = await makeTenant()
  const by = choices(7)
  let known = await inTenant(tenant, (tx) => loadSnapshot(tx), oneSnapshot)
  const seen = { allow: 0, deny: 0 }
  for (let round = 0; round < 250; round++) {
    // What is remembered must not outlive the change.
    for (const { effect } of tell(known).decisions) seen[effect]++
    await change(tenant, async (tx) => {
      for (let n = 0; n <= by.below(3); n++) await by.pick(writes)(tx, by)
    })
    if (by.below(3) > 0) known = await compare(tenant, known)
  }
  assert.ok(seen.allow > 500 && seen.deny > 500, JSON.stringify(seen))
})

test('D05: while four others change things at the same time, and some do not follow the rules', async () => {
  const tenant = await makeTenant()
  let isDone = false
  const writer = async (seed: number) => {
    const by = choices(seed)
    for (let round = 0; round < 60; round++) {
      const lawless = seed === 1 && by.below(2) === 0
      const attempt = inTenant(tenant, async (tx) => {
        if (!lawless) await lockEpoch(tx)
        for (let n = 0; n <= by.below(3); n++) await by.pick(writes)(tx, by)
        // One that forgets to say so is heard of with the next that does not.
        if (!lawless || by.below(2) === 0) await raiseEpoch(tx, 'access')
      })
      // Without the lock two may want each other's rows, or what the other has just deleted; the database ends one of them.
      await attempt.catch((cause: { code?: string }) => {
        if (!['40P01', '23503', '23505'].includes(cause.code ?? '')) throw cause
      })
    }
  }
  const reader = async () => {
    let known = await inTenant(tenant, (tx) => loadSnapshot(tx), oneSnapshot)
    let compared = 0
    while (!isDone) {
      known = await compare(tenant, known)
      compared++
    }
    await change(tenant, async () => undefined)
    await compare(tenant, known)
    return compared
  }
  const reading = [reader(), reader()]
  try {
    await Promise.all([1, 2, 3, 4].map(writer))
  } finally {
    isDone = true
  }
  const compared = await Promise.all(reading)
  assert.ok(Math.min(...compared) > 5, `${compared}`)
})

test('a change of one user leaves what the others hold as it is, not read and not compiled anew', async () => {
  const tenant = await makeTenant()
  const [one, other] = users as [string, string]
  const give = (user: string) => (tx: Tx) =>
    tx.query(
      `insert into role_assignments (tenant_id, assignment_id, user_id, role_id, created_at) values ($1::text, $2::text, $3::text, $4::text, now())`,
      [tenant, newUid(), user, viewer],
    )
  await change(tenant, give(other))
  const known = await inTenant(tenant, (tx) => loadSnapshot(tx), oneSnapshot)
  await change(tenant, give(one))
  const returned: unknown[] = []
  const fresh = await inTenant(
    tenant,
    (tx) => {
      const counting: Tx = {
        ...tx,
        async query(...args: Parameters<Tx['query']>) {
          const rows = await tx.query(...args)
          returned.push(...rows)
          return rows as never
        },
      }
      return loadSnapshot(counting, known)
    },
    oneSnapshot,
  )
  const held = (of: Loaded, uid: string) => assignmentsHeldBy(of.compiled, { kind: 'user', uid })
  assert.equal(held(fresh, one).length, 1)
  assert.equal(held(fresh, other), held(known, other))
  assert.equal(fresh.teamNames, known.teamNames)
  // The head, the one change, the user and the assignment.
  assert.ok(returned.length <= 4, `${returned.length} rows`)
})

test('everything is read where the log does not tell: too many epochs, too many people in one statement', async () => {
  const tenant = await makeTenant()
  const known = await inTenant(tenant, (tx) => loadSnapshot(tx), oneSnapshot)
  await change(tenant, (tx) =>
    tx.query(
      `insert into users (tenant_id, user_id, email, email_index, first_name, last_name, state, created_at, updated_at)
       select $1::text, substr(md5(n::text), 1, 24), '', convert_to(n::text, 'utf8'), '', '', 'active', now(), now()
         from generate_series(1, 1500) n`,
      [tenant],
    ),
  )
  const many = await compare(tenant, known)
  assert.equal(many.users.size, users.length + 1500)
  await inTenant(tenant, async (tx) => {
    await lockEpoch(tx)
    for (let n = 0; n < 700; n++) {
      await tx.query(`update users set state = $2::text where tenant_id = $1::text and user_id = $3::text`, [
        ...[tenant, n % 2 === 0 ? 'inactive' : 'active', users[n % 6]],
      ])
      await raiseEpoch(tx, 'access')
    }
  })
  await compare(tenant, many)
  const [kept] = await inTenant(tenant, (tx) =>
    tx.query<{ count: string }>('select count(distinct epoch) from access_changes where tenant_id = $1', [tenant]),
  )
  assert.ok(Number(kept?.count) < 600, `${kept?.count} epochs are kept`)
})

test('every table that is read tells of insertions, updates and deletions', async () => {
  const tenant = await makeTenant()
  const statements: string[] = []
  await inTenant(
    tenant,
    (tx) => {
      const noting: Tx = {
        ...tx,
        query(...args: Parameters<Tx['query']>) {
          statements.push(args[0])
          return tx.query(...args) as never
        },
      }
      return loadSnapshot(noting)
    },
    oneSnapshot,
  )
  const tables = new Set(
    statements.flatMap((sql) => [...sql.matchAll(/(?:from|join) (\w+)/g)].map(([, table]) => table)),
  )
  // The head, which is read each time; and where a workspace is, which never changes.
  for (const known of ['access_epochs', 'tenants', 'workspaces']) assert.ok(tables.delete(known), known)
  assert.ok(tables.size >= 11, [...tables].join())
  const triggers = await withClient(database.superuser, (client) =>
    client.query<{ at: string; events: number }>(
      `select tgrelid::regclass::text as at, bit_or(tgtype::int) as events from pg_trigger where tgname like 'access\\_%' group by 1`,
    ),
  )
  const told = new Map(triggers.rows.map(({ at, events }) => [at, events]))
  // pg_trigger.tgtype: 4 insert, 8 delete, 16 update.
  for (const table of tables) assert.equal((told.get(String(table)) ?? 0) & 28, 28, `${table} does not tell`)
})
