import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TenantUid } from '../../contract/ids.ts'
import { createLogger } from '../../server/platform/log/index.ts'
import { createInTenant, openPool, sqlState } from '../../server/platform/postgres/index.ts'
import { newUid } from '../../server/platform/random/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../support/database.ts'

// Reads the catalogue of a migrated database: what a table's author forgot is found here, not in production.

let postgres: TestPostgres
let database: TestDatabase
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
})
after(() => postgres.stop())

const read = <Row extends object>(sql: string, values: unknown[] = []) =>
  withClient(database.superuser, async (client) => (await client.query<Row>(sql, values)).rows)

test('every table with a tenant has forced row-level security', async () => {
  const tables = await read<{ relname: string; forced: boolean }>(
    `select c.relname, c.relrowsecurity and c.relforcerowsecurity as forced
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`,
  )
  assert.ok(tables.length >= 15, `${tables.length} tables with a tenant`)
  assert.deepEqual(
    tables.filter((table) => !table.forced),
    [],
  )
})

test('tables without a tenant are few and named', async () => {
  const tables = await read<{ relname: string }>(
    `select relname from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') order by 1`,
  )
  assert.deepEqual(
    tables.map((table) => table.relname),
    // Which processes are alive, and who failed to sign in from where (as HMACs), is the installation's affair.
    ['installation', 'installation_secrets', 'replicas', 'schema_migrations', 'sign_in_attempts'],
  )
})

test('a tenant leads every primary key of a tenant’s table, so that no foreign key crosses tenants', async () => {
  const keys = await read<{ relname: string; first: string }>(
    `select c.relname, a.attname as first
       from pg_class c
       join pg_index i on i.indrelid = c.oid and i.indisprimary
       join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
      where c.relnamespace = 'public'::regnamespace
        and exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = 'tenant_id')
        and a.attname <> 'tenant_id'`,
  )
  // The order in which entries arrive is one for all tenants: the sequencer takes many at once.
  assert.deepEqual(
    keys.map((key) => key.relname),
    ['audit_pending'],
  )
})

test('policies that look beyond one tenant are these, one by one', async () => {
  const policies = await read<{ policy: string }>(
    `select format('%s: %s to %s', tablename, policyname, array_to_string(roles, ',')) as policy
       from pg_policies where schemaname = 'public'
        and not (qual is not distinct from '((tenant_id)::text = current_setting(''app.tenant_id''::text, true))'
             and (with_check is null or with_check = qual))
        and not (qual is null and with_check = '((tenant_id)::text = current_setting(''app.tenant_id''::text, true))')
      order by 1`,
  )
  assert.deepEqual(
    policies.map((one) => one.policy),
    [
      // Who a change of access is about, written by triggers for the tenant of the changed row.
      'access_changes: changes to palisade_owner',
      'access_epochs: changes to palisade_owner',
      // Which tenants changed access: ids and numbers, through access_changes_since.
      'access_epochs: feed to palisade_owner',
      // Which requests for roles nobody answered in time: ids, through access_requests_to_expire.
      'access_requests: expiry to palisade_owner',
      // The sequencer takes entries of many tenants; it reaches these tables and nothing else.
      'audit_heads: sequencer to palisade_sequencer',
      'audit_log: sequencer to palisade_sequencer',
      'audit_pending: sequencer to palisade_sequencer',
      // Cookie → browser session, by hash, through canvas_session_by_cookie.
      'canvas_sessions: by_cookie to palisade_owner',
      // Which clusters are to be looked at: ids, through clusters_to_reconcile.
      'cluster_reconciliations: reconciliation to palisade_owner',
      // Which clusters' tokens are due for renewal: ids, through clusters_to_renew.
      'clusters: renewal to palisade_owner',
      // E-mail → tenant, by HMAC, through tenants_of_login.
      'login_directory: lookup to palisade_owner',
      // A code or token of the issuer → tenant, by hash, through tenant_of_oidc_state.
      'oidc_state: lookup to palisade_owner',
      // Which intents nobody will end: ids, through lost_intents.
      'open_intents: lost to palisade_owner',
      // Organisation → tenant, through tenant_by_org.
      'tenants: by_org to palisade_owner',
      // The system scope sees the list of tenants.
      'tenants: tenant to palisade_app',
    ],
  )
})

test('functions that run with the owner’s rights are these, and the application may call no other', async () => {
  const functions = await read<{ name: string; app: boolean; anybody: boolean; path: string | null }>(
    `select p.proname as name, has_function_privilege('palisade_app', p.oid, 'execute') as app,
            has_function_privilege('public', p.oid, 'execute') as anybody, array_to_string(proconfig, ';') as path
       from pg_proc p where pronamespace = 'public'::regnamespace and prosecdef order by 1`,
  )
  assert.deepEqual(
    functions.map((one) => one.name),
    [
      'access_changes_since',
      'access_requests_to_expire',
      'canvas_session_by_cookie',
      'clusters_to_reconcile',
      'clusters_to_renew',
      'lost_intents',
      'note_access_changes',
      'note_access_row',
      'note_access_statement',
      'tenant_by_org',
      'tenant_of_oidc_state',
      'tenants_of_login',
    ],
  )
  for (const one of functions) {
    assert.equal(one.anybody, false, `${one.name} is open to everybody`)
    assert.equal(one.path, 'search_path=public, pg_temp', `${one.name} runs with a caller’s search path`)
  }
})

test('the two logins own nothing, are no superusers and cannot bypass row-level security', async () => {
  const roles = await read<{ rolname: string; power: boolean; owns: string }>(
    `select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as power,
            (select count(*) from pg_class where relowner = r.oid)::text as owns
       from pg_roles r where rolname in ('palisade_app', 'palisade_sequencer') order by 1`,
  )
  assert.deepEqual(roles, [
    { rolname: 'palisade_app', power: false, owns: '0' },
    { rolname: 'palisade_sequencer', power: false, owns: '0' },
  ])
})

test('the sequencer reaches the audit log’s tables and nothing else', async () => {
  const reachable = await read<{ relname: string }>(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
        and has_table_privilege('palisade_sequencer', oid, 'select, insert, update, delete') order by 1`,
  )
  const names = reachable.map((table) => table.relname)
  assert.deepEqual(
    names.filter((name) => !name.startsWith('audit_')),
    names.filter((name) => name === 'open_intents'),
  )
})

test('the application cannot read what waits, nor write or change the log', async () => {
  const pool = openPool(
    database.app,
    'test',
    2,
    createLogger('error', () => undefined),
  )
  const inTenant = createInTenant(pool)
  const tenant = TenantUid.parse(newUid())
  const denied = (sql: string) =>
    assert.rejects(
      inTenant(tenant, (tx) => tx.query(sql)),
      (cause) => sqlState(cause) === '42501',
      sql,
    )
  await denied('select * from audit_pending')
  await denied('delete from audit_pending')
  await denied('update audit_pending set body = body')
  await denied(`insert into audit_log (tenant_id, index, entry_id) values ('${tenant}', 0, '${newUid()}')`)
  await denied('update audit_log set line = null')
  await denied('delete from audit_log')
  await denied('update audit_heads set size = 0')
  await denied('select signing_key from audit_heads')
  await denied('alter table users disable row level security')
  await denied('create table mine (x int)')
  await denied('truncate users')
  await pool.end()
})

test('without a tenant there are no rows, and a row of another tenant cannot be written', async () => {
  const pool = openPool(
    database.app,
    'test',
    2,
    createLogger('error', () => undefined),
  )
  const inTenant = createInTenant(pool)
  const [one, other] = [TenantUid.parse(newUid()), TenantUid.parse(newUid())]
  const insert = `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at) values ($1, 'a', $2, 'active', now(), now())`
  for (const tenant of [one, other]) await inTenant(tenant, (tx) => tx.query(insert, [tenant, newUid()]))
  assert.deepEqual((await pool.query('select * from tenants')).rows, [])
  assert.equal((await inTenant(one, (tx) => tx.query('select from tenants'))).length, 1)
  await assert.rejects(
    inTenant(one, (tx) => tx.query('insert into access_epochs (tenant_id) values ($1)', [other])),
    (cause) => sqlState(cause) === '42501',
  )
  assert.equal((await inTenant(one, (tx) => tx.query('delete from tenants where tenant_id = $1', [other]))).length, 0)
  assert.equal((await inTenant(other, (tx) => tx.query('select from tenants'))).length, 1)
  await pool.end()
})

test('inTenant refuses what is no tenant', async () => {
  const pool = openPool(
    database.app,
    'test',
    2,
    createLogger('error', () => undefined),
  )
  const inTenant = createInTenant(pool)
  // Forced types: the brand is what a mistake would have circumvented.
  for (const bad of ['', 'x', `${newUid()}'; reset role; --`, newUid().toUpperCase()])
    await assert.rejects(
      inTenant(bad as TenantUid, async () => undefined),
      /needs a tenant/,
    )
  await pool.end()
})
