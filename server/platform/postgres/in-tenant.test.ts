import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { TenantUid } from '../../../contract/ids.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../../tests/support/database.ts'
import { createLogger } from '../log/index.ts'
import { newUid } from '../random/index.ts'
import { CommitUncertainError, databaseUnavailable } from './errors.ts'
import { createInTenant, type InTenant, type Tx } from './in-tenant.ts'
import { openPool } from './pools.ts'

let postgres: TestPostgres
let pool: pg.Pool
let inTenant: InTenant
let database: TestDatabase

before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  pool = openPool(
    database.app,
    'test',
    2,
    createLogger('fatal', () => undefined),
  )
  inTenant = createInTenant(pool)
})
after(async () => {
  await pool.end()
  await postgres.stop()
})

const insert = (tx: Tx, org = 'a') =>
  tx.query(
    `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at)
     values ($1, 'a', $2, 'active', now(), now())`,
    [tx.tenant, org],
  )

test('what is acknowledged is stored: a failed statement that was passed over is an error', async () => {
  const tenant = TenantUid.parse(newUid())
  let told = false
  const acknowledged = inTenant(tenant, async (tx) => {
    tx.afterCommit(() => {
      told = true
    })
    await insert(tx)
    await tx.query('select 1/0').catch(() => undefined)
  })
  await assert.rejects(acknowledged, /passed over/)
  assert.equal(told, false)
  // The connection is good for the next.
  assert.deepEqual(await inTenant(tenant, (tx) => tx.query('select tenant_id from tenants')), [])
  await inTenant(tenant, insert)
  assert.equal((await inTenant(tenant, (tx) => tx.query('select tenant_id from tenants'))).length, 1)
})

test('a commit whose answer is lost is told from one that was refused', async () => {
  const tenant = TenantUid.parse(newUid())
  // Runs at the commit: refuses it, or ends the connection on which it came.
  const atCommit = (body: string) =>
    withClient(database.superuser, (client) =>
      client.query(`
        create or replace function at_commit() returns trigger language plpgsql security definer as $$
          begin ${body}; return null; end $$;
        drop trigger if exists at_commit on tenants;
        create constraint trigger at_commit after insert on tenants deferrable initially deferred
          for each row execute function at_commit()`),
    )
  const inserting = () => inTenant(tenant, (tx) => insert(tx, 'at-commit'))
  await atCommit(`raise exception 'no'`)
  await assert.rejects(
    inserting(),
    (cause) => !(cause instanceof CommitUncertainError) && /^no$/.test(String((cause as Error).message)),
  )
  await atCommit('perform pg_terminate_backend(pg_backend_pid())')
  await assert.rejects(inserting(), (cause) => cause instanceof CommitUncertainError && databaseUnavailable(cause))
  await assert.rejects(
    inTenant(tenant, (tx) => tx.query('select pg_terminate_backend(pg_backend_pid())')),
    (cause) => !(cause instanceof CommitUncertainError),
    'what broke before the commit is not stored',
  )
  await withClient(database.superuser, (client) => client.query('drop trigger at_commit on tenants'))
})

test('of two transactions that wait for each other one is told to try again', async () => {
  const tenant = TenantUid.parse(newUid())
  await inTenant(tenant, async (tx) => {
    await insert(tx, 'deadlock')
    await tx.query(`insert into access_epochs (tenant_id) values ($1)`, [tenant])
  })
  const locks = [
    (tx: Tx) => tx.query('select from tenants where tenant_id = $1 for update', [tenant]),
    (tx: Tx) => tx.query('select from access_epochs where tenant_id = $1 for update', [tenant]),
  ] as const
  const both = Promise.withResolvers<void>()
  let holding = 0
  const take = (first: (typeof locks)[number], second: (typeof locks)[number]) =>
    inTenant(tenant, async (tx) => {
      await first(tx)
      if (++holding === 2) both.resolve()
      await both.promise
      await second(tx)
    })
  const ends = await Promise.allSettled([take(locks[0], locks[1]), take(locks[1], locks[0])])
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  assert.equal(failures.length, 1)
  assert.ok(databaseUnavailable(failures[0]), String(failures[0]))
})

test('of those who ask for one lock of a tenant few have a connection, and those who ask for locks leave some of the pool', async () => {
  const tenants = Array.from({ length: 3 }, () => TenantUid.parse(newUid()))
  const small = openPool(
    database.app,
    'small',
    4,
    createLogger('fatal', () => undefined),
  )
  const inSmall = createInTenant(small)
  const held = Promise.withResolvers<void>()
  const most = Promise.withResolvers<void>()
  let holding = 0
  const all = tenants.flatMap((tenant) =>
    Array.from({ length: 20 }, () =>
      inSmall(
        tenant,
        async (tx) => {
          await tx.query('select')
          if (++holding === 3) most.resolve()
          await held.promise
        },
        { lock: 'access' },
      ),
    ),
  )
  const [first] = tenants
  assert.ok(first)
  await most.promise
  for (let i = 0; i < 5; i++) await inSmall(first, (tx) => tx.query('select'))
  assert.deepEqual([holding, small.totalCount, small.waitingCount], [3, 4, 0])
  held.resolve()
  await Promise.all(all)
  assert.equal(holding, 60)
  await small.end()
})
