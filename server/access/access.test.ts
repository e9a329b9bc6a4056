import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { TenantUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { decide } from '../../core/access/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { until } from '../../tests/support/until.ts'
import { type Clock, systemClock } from '../platform/clock/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { clientConfig, createInTenant, type InTenant, openPool } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type Access, createAccess } from './access.ts'
import { createFeed, newCallsStaleMs, openStreamsStaleMs } from './feed.ts'
import type { EndReason, LiveCall } from './live-calls.ts'
import type { Snapshot } from './snapshot.ts'

const logger = createLogger('error', () => undefined)

/** A clock that a test moves by hand. */
function handClock() {
  const time = { wall: Date.parse('2026-01-01T00:00:00Z'), mono: 1_000 }
  const clock: Clock = { now: () => time.wall, monotonicMs: () => time.mono }
  return { clock, time }
}

let postgres: TestPostgres
let database: TestDatabase
const pools: pg.Pool[] = []
const replicas: Access[] = []
let inTenant: InTenant

before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  inTenant = createInTenant(pool(database))
})
after(async () => {
  for (const one of replicas) await one.stop()
  for (const one of pools) await one.end()
  await postgres.stop()
})

function pool(of: TestDatabase): pg.Pool {
  const opened = openPool(of.app, 'test', 4, logger)
  pools.push(opened)
  return opened
}

async function replica(clock: Clock, of = database): Promise<Access> {
  const access = createAccess({
    connection: clientConfig(of.app, 'test-feed'),
    readInTenant: createInTenant(pool(of)),
    clock,
    logger,
  })
  replicas.push(access)
  await access.start()
  return access
}

async function makeTenant(using = inTenant): Promise<{ tenant: TenantUid; user: string; project: string }> {
  const tenant = TenantUid.parse(newUid())
  const user = newUid()
  const project = newUid()
  const now = new Date()
  await using(tenant, async (tx) => {
    await tx.query(
      `insert into tenants (tenant_id, org_name, org_key, state, created_at, updated_at) values ($1, 'a', $3, 'active', $2, $2)`,
      [tenant, now, newUid()],
    )
    await tx.query('insert into access_epochs (tenant_id) values ($1)', [tenant])
    await tx.query(
      `insert into users (tenant_id, user_id, email, email_index, first_name, last_name, state, created_at, updated_at)
       values ($1, $2, '', $3, '', '', 'active', $4, $4)`,
      [tenant, user, Buffer.from(user), now],
    )
    await tx.query(
      `insert into projects (tenant_id, project_id, name, name_key, created_at, updated_at) values ($1, $2, 'p', 'p', $3, $3)`,
      [tenant, project, now],
    )
  })
  return { tenant, user, project }
}

const giveRole = (access: Access, tenant: TenantUid, user: string, project: string) =>
  inTenant(tenant, async (tx) => {
    await access.lock(tx)
    await tx.query(
      `insert into role_assignments (tenant_id, assignment_id, user_id, role_id, project_id, created_at)
       values ($1, $2, $3, $4, $5, now())`,
      [tenant, newUid(), user, predefinedRole('Cluster Viewer').uid, project],
    )
    await access.raise(tx, 'access')
  })

function mayGet(snapshot: Snapshot, user: string, project: string): boolean {
  const scope = { kind: 'project' as const, projectUid: project }
  return (
    decide(
      { subject: { userUid: user }, permission: 'cluster.get', resource: { kind: 'spectrocluster', scope }, now: 0 },
      snapshot.compiled,
    ).effect === 'allow'
  )
}

/** A call that remembers what it was asked and why it ended. */
function watchfulCall(tenant: TenantUid, allowed: (snapshot: Snapshot) => boolean) {
  const seen: { ended: EndReason | undefined; asked: bigint[] } = { ended: undefined, asked: [] }
  const call: LiveCall = {
    uid: newUid(),
    tenant,
    user: 'somebody',
    cluster: 'some cluster',
    async recheck(snapshot) {
      seen.asked.push(snapshot.epoch)
      return allowed(snapshot) ? { recheckAt: Number.POSITIVE_INFINITY } : { end: 'right-withdrawn' }
    },
    end(reason) {
      seen.ended = reason
    },
  }
  return { call, seen }
}

test('a change on one replica ends an open call on another', async () => {
  const [here, there] = [await replica(handClock().clock), await replica(handClock().clock)]
  const { tenant, user, project } = await makeTenant()
  await giveRole(here, tenant, user, project)
  await until('the right there', async () => mayGet(await there.current(tenant), user, project) || undefined)
  const { call, seen } = watchfulCall(tenant, (snapshot) => mayGet(snapshot, user, project))
  there.calls.register(call)
  await inTenant(tenant, async (tx) => {
    await here.lock(tx)
    await tx.query('delete from role_assignments where tenant_id = $1', [tenant])
    await here.raise(tx, 'access')
  })
  await until('the end of the call', () => seen.ended)
  assert.equal(seen.ended, 'right-withdrawn')
})

test('a change that was begun before another and commits after it is not lost, without any notification', async () => {
  const access = await replica(handClock().clock)
  const early = await makeTenant()
  const late = await makeTenant()
  for (const { tenant } of [early, late]) await access.current(tenant)
  const { call, seen } = watchfulCall(early.tenant, (snapshot) => snapshot.epoch < 2n)
  access.calls.register(call)
  const silently = `update access_epochs set epoch = epoch + 1, facts_epoch = epoch + 1, xid = pg_current_xact_id() where tenant_id = $1`

  await inTenant(early.tenant, async (slow) => {
    await slow.query(silently, [early.tenant])
    // A younger transaction commits and is polled first: an id-ordered cursor would have moved beyond the slow one.
    await inTenant(late.tenant, (fast) => fast.query(silently, [late.tenant]))
    await until('the younger change', async () => (await access.current(late.tenant)).epoch >= 2n || undefined)
    assert.equal(seen.ended, undefined)
  })
  await until('the older change', () => seen.ended)
})

test('new calls are refused 2 s, and open streams end 10 s, after the replica last heard from the database', async () => {
  const own = await startTestPostgres()
  const cut = await own.create()
  const { clock, time } = handClock()
  const using = createInTenant(pool(cut))
  const { tenant } = await makeTenant(using)
  const access = await replica(clock, cut)
  await access.current(tenant)
  const { call, seen } = watchfulCall(tenant, () => true)
  access.calls.register(call)
  assert.deepEqual([access.freshness().newCalls, access.freshness().openStreams], [true, true])
  await own.stop()

  time.mono += newCallsStaleMs + 1
  assert.deepEqual([access.freshness().newCalls, access.freshness().openStreams], [false, true])
  time.mono += openStreamsStaleMs - newCallsStaleMs
  assert.equal(access.freshness().openStreams, false)
  await until('the end of the stream', () => seen.ended)
  assert.equal(seen.ended, 'access-data-stale')
})

test('a connection that is lost in the middle of a poll is not asked for again without a pause', async (t) => {
  const own = await startTestPostgres()
  t.after(() => own.stop())
  const { app, superuser } = await own.create()
  let attempts = 0
  const stream = () => {
    attempts++
    return new Socket()
  }
  const connection = { ...clientConfig(app, 'test-feed'), stream }
  const ignore = () => undefined
  const feed = createFeed({
    ...{ connection, clock: systemClock, logger, onChanges: ignore, onSetBack: ignore },
    stillHolds: () => true,
  })
  t.after(() => feed.stop())
  await feed.start()

  const locker = new pg.Client(clientConfig(superuser, 'locker'))
  locker.on('error', () => undefined) // it goes down with the server
  await locker.connect()
  await locker.query('begin; lock table access_epochs in access exclusive mode')
  const polling = await until('a poll that waits', async () => {
    const { rows } = await locker.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'palisade-feed' and wait_event_type = 'Lock'`,
    )
    return rows[0]?.pid
  })
  attempts = 0
  const startedAt = performance.now()
  process.kill(polling, 'SIGKILL')
  await own.crash()
  await until('the feed to be back', () => feed.ageMs() < 200 || undefined)
  const pauses = (performance.now() - startedAt) / 100
  assert.ok(attempts <= pauses + 3, `${attempts} attempts in ${Math.round(pauses * 100)} ms`)
})

test('a stream about which a change cannot be loaded ends when its data is stale, although changes are heard', async () => {
  const { clock, time } = handClock()
  let isBroken = false
  const read = createInTenant(pool(database))
  const access = createAccess({
    connection: clientConfig(database.app, 'test-feed'),
    readInTenant: (...args) => (isBroken ? Promise.reject(new Error('no connection is free')) : read(...args)),
    clock,
    logger,
  })
  replicas.push(access)
  await access.start()
  const { tenant } = await makeTenant()
  const calm = await makeTenant()
  for (const one of [tenant, calm.tenant]) await access.current(one)
  const { call, seen } = watchfulCall(tenant, () => true)
  const untouched = watchfulCall(calm.tenant, () => true)
  access.calls.register(call)
  access.calls.register(untouched.call)
  const change = () =>
    inTenant(tenant, async (tx) => {
      await access.lock(tx)
      await access.raise(tx, 'access')
    })
  /** Moves the time on; the feed goes on polling in it. */
  const pass = async (ms: number) => {
    time.mono += ms
    await until('a poll', () => access.freshness().ageMs < 500 || undefined)
  }

  isBroken = true
  await change()
  await assert.rejects(until('the change', async () => (await access.current(tenant)).epoch >= 2n || undefined))
  for (let i = 0; i < 4; i++) await pass(2_000)
  assert.equal(seen.ended, undefined)
  // It was asked in time; the next change begins anew.
  isBroken = false
  await until('the question', () => seen.asked.includes(2n) || undefined)
  isBroken = true
  await change()
  await assert.rejects(until('the change', async () => (await access.current(tenant)).epoch >= 3n || undefined))
  for (let i = 0; i < 6 && seen.ended === undefined; i++) await pass(2_000)
  await until('the end', () => seen.ended)
  assert.equal(seen.ended, 'access-data-stale')
  assert.equal(untouched.seen.ended, undefined)
})

test('whoever waits for newer data than is being loaded waits for one load, not each for their own', async () => {
  const gate = Promise.withResolvers<void>()
  let loads = 0
  let isLoaded = false
  const read = createInTenant(pool(database))
  const readInTenant: InTenant = async (of, work, options) => {
    loads++
    const isFirst = loads === 1
    const loaded = await read(of, work, options)
    isLoaded = true
    if (isFirst) await gate.promise
    return loaded
  }
  const access = createAccess({
    connection: clientConfig(database.app, 'test-feed'),
    readInTenant,
    clock: handClock().clock,
    logger,
  })
  replicas.push(access)
  await access.start()
  const { tenant } = await makeTenant()
  const first = access.current(tenant)
  await until('the first load', () => isLoaded || undefined)
  await inTenant(tenant, async (tx) => {
    await access.lock(tx)
    await access.raise(tx, 'access')
  })
  const waiting = Array.from({ length: 50 }, () => access.atLeast(tenant, 2n))
  gate.resolve()
  await first
  for (const snapshot of await Promise.all(waiting)) assert.equal(snapshot.epoch, 2n)
  // The one that began too early, the one that all waited for, and at most one that the notification brought.
  assert.ok(loads <= 3, `${loads} loads`)
})

test('a decision is never on older data than the epoch that the caller has seen (D18)', async () => {
  const [here, there] = [await replica(handClock().clock), await replica(handClock().clock)]
  const { tenant, user, project } = await makeTenant()
  await there.current(tenant)
  await giveRole(here, tenant, user, project)
  const { epoch } = await inTenant(tenant, (tx) => here.inTx(tx))
  const snapshot = await there.atLeast(tenant, epoch)
  assert.ok(snapshot.epoch >= epoch)
  assert.ok(mayGet(snapshot, user, project))
})

test('the end of a session asks open calls again but compiles nothing anew', async () => {
  const access = await replica(handClock().clock)
  const { tenant } = await makeTenant()
  const first = await access.current(tenant)
  const { call, seen } = watchfulCall(tenant, () => true)
  access.calls.register(call)
  await inTenant(tenant, async (tx) => {
    await access.lock(tx)
    await access.raise(tx, 'sessions')
  })
  await until('the question', () => seen.asked.length > 0 || undefined)
  const second = await access.current(tenant)
  assert.equal(second.compiled, first.compiled)
  assert.equal(second.epoch, first.epoch + 1n)
})

test('the end of time is asked for, by the wall clock, a jumped one too', async () => {
  const { clock, time } = handClock()
  const access = await replica(clock)
  const { tenant } = await makeTenant()
  await access.current(tenant)
  const ends = time.wall + 3_600_000
  const { call, seen } = watchfulCall(tenant, () => time.wall < ends)
  access.calls.register(call).recheckAt(ends)
  time.wall += 7_200_000
  await until('the end of the call', () => seen.ended)
})

test('a transaction that changes access waits for the one before it', async () => {
  const access = await replica(handClock().clock)
  const { tenant } = await makeTenant()
  const order: string[] = []
  let second: Promise<void> | undefined
  await inTenant(tenant, async (tx) => {
    await access.lock(tx)
    second = inTenant(tenant, async (other) => {
      await access.lock(other)
      order.push('second')
    })
    await withClient(database.superuser, (client) =>
      until('the second one to wait', async () => {
        const { rowCount } = await client.query(`select from pg_stat_activity where wait_event_type = 'Lock'`)
        return rowCount ? true : undefined
      }),
    )
    order.push('first')
    await access.raise(tx, 'access')
  })
  await second
  assert.deepEqual(order, ['first', 'second'])
})
