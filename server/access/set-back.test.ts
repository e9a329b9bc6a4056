import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type pg from 'pg'
import { TenantUid } from '../../contract/ids.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { until } from '../../tests/support/until.ts'
import { systemClock } from '../platform/clock/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { clientConfig, createInTenant, createLookups, type EpochChange, openPool } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { createAccess } from './access.ts'
import { createFeed } from './feed.ts'

// What a connection to the database says when it is not the first: the same database, one of the past, or another one.

const logger = createLogger('silent', () => undefined)
/** More than a crash gives out again. */
const manyIds = 1_000

type World = {
  readonly own: TestPostgres
  readonly database: TestDatabase
  readonly tenant: TenantUid
  /** A way to the database that can be barred, so that much may happen there before a replica connects again. */
  readonly connection: pg.ClientConfig
  bar(barred: boolean): void
  /** A committed change of access of the tenant. */
  change(): Promise<void>
  /** Ids that are used there for nothing that matters. */
  useIds(many: number, end: 'commit' | 'rollback'): Promise<void>
}

async function openWorld(t: TestContext): Promise<World> {
  const own = await startTestPostgres()
  t.after(() => own.stop())
  const database = await own.create()
  const tenant = TenantUid.parse(newUid())
  let isBarred = false
  const asSuperuser = (text: string) => withClient(database.superuser, (client) => client.query(text))
  await asSuperuser(`insert into tenants (tenant_id, org_key, org_name, state, created_at, updated_at) values ('${tenant}', '${tenant}', 'o', 'active', now(), now());
    insert into access_epochs (tenant_id) values ('${tenant}')`)
  return {
    ...{ own, database, tenant },
    connection: {
      ...clientConfig(database.app, 'test-feed'),
      get host() {
        return isBarred ? '/nowhere' : database.app.host
      },
    },
    bar(barred) {
      isBarred = barred
    },
    change: async () => {
      await asSuperuser(
        `update access_epochs set epoch = epoch + 1, xid = pg_current_xact_id() where tenant_id = '${tenant}'`,
      )
    },
    useIds: async (many, end) => {
      await asSuperuser(`do $$ begin for i in 1..${many} loop perform pg_current_xact_id(); ${end}; end loop; end $$`)
    },
  }
}

/** A replica that has the tenant's data in memory. */
async function remembering(t: TestContext, { database, tenant, connection }: World) {
  const pool = openPool(database.app, 'test', 2, logger)
  const access = createAccess({ connection, readInTenant: createInTenant(pool), clock: systemClock, logger })
  t.after(async () => {
    await access.stop()
    await pool.end()
  })
  await access.start()
  const { epoch } = await access.current(tenant)
  return { access, epoch }
}

/** Until the process is gone, its data only grows older. */
const isStale = (access: { freshness(): { newCalls: boolean } }) =>
  until('the data to be too old', () => (access.freshness().newCalls ? undefined : true))

test('a copy of the database as it was is noticed, and nothing of before is trusted', async (t) => {
  const world = await openWorld(t)
  await world.own.backUp()
  await world.useIds(manyIds, 'commit')
  const { access } = await remembering(t, world)
  world.bar(true)
  await world.own.restore('copy')
  world.bar(false)
  await access.failed
  await isStale(access)
})

test('a change that the copy lacks is missed by its epoch alone', async (t) => {
  const world = await openWorld(t)
  await world.own.backUp()
  await world.change()
  const { access } = await remembering(t, world)
  world.bar(true)
  await world.own.restore('copy')
  world.bar(false)
  await access.failed
})

test('a standby that was promoted without the last change is noticed, also when its ids and epochs are beyond ours', async (t) => {
  const world = await openWorld(t)
  await world.own.backUp()
  await world.change()
  const { access, epoch } = await remembering(t, world)
  world.bar(true)
  await world.own.restore('standby')
  await world.useIds(manyIds, 'commit')
  // Another change, under the number that the lost one had.
  await world.change()
  const there = await changes(world)
  assert.equal(there.find(({ tenant }) => tenant === world.tenant)?.epoch, epoch)
  world.bar(false)
  await access.failed
  await isStale(access)
})

test('after a crash that gives out ids again a change is heard whatever its id, and the replica lives on', async (t) => {
  const world = await openWorld(t)
  // Otherwise the journal is on the disk before the crash, and no id comes again.
  await withClient(world.database.superuser, async (client) => {
    await client.query(`alter system set wal_writer_delay = '10s'`)
    await client.query('select pg_reload_conf()')
  })
  await world.change()
  const heard: EpochChange[] = []
  let lost = false
  const feed = createFeed({
    connection: world.connection,
    clock: systemClock,
    logger,
    onChanges: (found) => heard.push(...found),
    onSetBack: () => {
      lost = true
    },
    stillHolds: () => true,
  })
  t.after(() => feed.stop())
  await feed.start()
  await world.useIds(100, 'rollback')
  const before = await nextXid(world)
  const polled = performance.now()
  await until('a poll that knows these ids', () => feed.ageMs() < performance.now() - polled || undefined)
  world.bar(true)
  await world.own.crash()
  assert.ok((await nextXid(world)) < before, 'no id came again: this test tries nothing')
  // The change has an id that was passed already, and the next ones are beyond it again.
  await world.change()
  await world.useIds(200, 'commit')
  assert.ok((await nextXid(world)) > before)
  world.bar(false)
  await until('the change', () => heard.find(({ tenant, epoch }) => tenant === world.tenant && epoch === 3n))
  assert.equal(lost, false)
})

test('a server that does not tell its history is followed by ids and epochs', async (t) => {
  const world = await openWorld(t)
  await withClient(world.database.superuser, (client) =>
    client.query('revoke execute on function pg_walfile_name(pg_lsn) from public'),
  )
  await world.own.backUp()
  await world.change()
  const { access } = await remembering(t, world)
  world.bar(true)
  await world.own.restore('standby')
  world.bar(false)
  await access.failed
})

const lookups = <T>({ database }: World, ask: (of: ReturnType<typeof createLookups>) => Promise<T>) =>
  // Look-ups take a pool, of which they only use `query`.
  withClient(database.app, (client) => ask(createLookups(client as unknown as pg.Pool)))
const changes = async (world: World) => (await lookups(world, (of) => of.accessChangesSince(0n))).changes
const nextXid = async (world: World) => (await lookups(world, (of) => of.accessChangesSince(0n))).nextXid
