import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { AuditLine } from '../../contract/audit.ts'
import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import { appendLeaf, emptyFrontier, leafHash, serializeFrontier } from '../../core/ledger/index.ts'
import { err, ok } from '../../core/result.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { until } from '../../tests/support/until.ts'
import { systemClock } from '../platform/clock/index.ts'
import { newUid } from '../platform/random/index.ts'
import { LedgerBusyError } from './group-commit.ts'
import type { Ledger } from './ledger.ts'
import { openTestInstallation, someEntry, type TestInstallation, verdictOn } from './testing.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startTestPostgres()
})
after(() => postgres.stop())

let database: TestDatabase
let installation: TestInstallation
/** Ledgers that a test started and has not stopped. */
const running = new Set<Ledger>()

beforeEach(async () => {
  database = await postgres.create()
  installation = await openTestInstallation(database)
})

async function startLedger(name?: string): Promise<Ledger> {
  const ledger = installation.ledger(name)
  await ledger.start()
  running.add(ledger)
  return ledger
}

async function stopLedger(ledger: Ledger): Promise<void> {
  running.delete(ledger)
  await ledger.stop()
}

afterEach(async () => {
  await Promise.all([...running].map(stopLedger))
  await installation.close()
})

/** As a database administrator, whom nothing stops. */
const meddle = (sql: string, values: unknown[] = []) =>
  withClient(database.superuser, async (client) => (await client.query(sql, values)).rows as Record<string, unknown>[])

const sizes = async (tenant: TenantUid) => {
  const [head] = await meddle('select size, checkpoint_size from audit_heads where tenant_id = $1', [tenant])
  return { size: Number(head?.size ?? 0), signed: Number(head?.checkpoint_size ?? 0) }
}

const untilSigned = (tenant: TenantUid, size: number) =>
  until(`${size} signed entries`, async () => ((await sizes(tenant)).signed >= size ? true : undefined))

const linesOf = async (tenant: TenantUid) =>
  (await installation.exported(tenant))
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line))

describe('writing', { concurrency: false }, () => {
  test('what is appended stands in the log when its transaction commits, and nowhere when it does not', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const { inTenant } = installation
    const kept = await inTenant(tenant, (tx) => ledger.append(tx, someEntry()))
    await assert.rejects(
      inTenant(tenant, async (tx) => {
        await ledger.append(tx, someEntry({ details: { lost: true } }))
        throw new Error('rolled back')
      }),
      /rolled back/,
    )
    await inTenant(tenant, async (tx) => {
      const refused = await tx.attempt(async () => {
        await ledger.append(tx, someEntry({ details: { lost: true } }))
        return err('refused')
      })
      assert.equal(refused.ok, false)
      await ledger.append(tx, someEntry({ outcome: 'refused' }))
      return ok(undefined)
    })
    await untilSigned(tenant, 2)
    const lines = await linesOf(tenant)
    assert.deepEqual(
      lines.map((line) => [line.index, line.outcome]),
      [
        [0, 'done'],
        [1, 'refused'],
      ],
    )
    assert.equal(lines[0].uid, kept)
  })

  test('one transaction writes to the logs of two tenants: a birth is in both or in none', async () => {
    const ledger = await startLedger()
    await installation.tenant(systemTenant)
    const tenant = await installation.tenant()
    await installation.inTenant(systemTenant, async (tx) => {
      await ledger.append(tx, someEntry({ event: 'tenant.created' }))
      await tx.within(tenant, (inside) => ledger.append(inside, someEntry({ event: 'tenant.created' })))
    })
    await untilSigned(systemTenant, 1)
    await untilSigned(tenant, 1)
    const [key] = [await installation.verifierKey(tenant)]
    assert.match(key, new RegExp(`^palisade\\.test/audit/${tenant}/1\\+`))
  })

  test('many writers at once: no gap, no entry lost, the chain holds (commit order is not id order)', async () => {
    const ledger = await startLedger()
    const tenants = [await installation.tenant(), await installation.tenant()] as const
    const { inTenant } = installation
    const written = new Map<TenantUid, Set<string>>(tenants.map((tenant) => [tenant, new Set()]))
    const writer = async (n: number) => {
      const tenant = tenants[n % 2]!
      for (let i = 0; i < 20; i++) {
        const uid =
          n % 3 === 0
            ? (await ledger.record(tenant, someEntry())).uid
            : await inTenant(tenant, async (tx) => {
                const first = await ledger.append(tx, someEntry({ details: { n, i } }))
                // Holds its id while others with larger ones commit.
                await tx.query('select pg_sleep($1)', [((n * 7 + i * 3) % 10) / 1000])
                return first
              })
        written.get(tenant)!.add(uid)
      }
    }
    await Promise.all(Array.from({ length: 12 }, (_, n) => writer(n)))
    for (const tenant of tenants) {
      const uids = written.get(tenant)!
      await untilSigned(tenant, uids.size)
      const text = await installation.exported(tenant)
      const verdict = await verdictOn(text, await installation.verifierKey(tenant))
      assert.ok(verdict.ok, JSON.stringify(verdict))
      assert.equal(verdict.size, uids.size)
      const lines = await linesOf(tenant)
      assert.deepEqual(new Set(lines.map((line) => line.uid)), uids)
      assert.deepEqual(
        lines.map((line) => line.index),
        lines.map((_, i) => i),
      )
    }
  })

  test('an entry whose transaction commits late is placed late, although its id is smaller', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    let commitLate: () => void = () => {}
    const late = new Promise<void>((resolve) => {
      commitLate = resolve
    })
    let inserted: () => void = () => {}
    const isInserted = new Promise<void>((resolve) => {
      inserted = resolve
    })
    const slow = installation.inTenant(tenant, async (tx) => {
      const uid = await ledger.append(tx, someEntry())
      inserted()
      await late
      return uid
    })
    await isInserted
    const { uid: early } = await ledger.record(tenant, someEntry())
    await untilSigned(tenant, 1)
    commitLate()
    const lateUid = await slow
    await untilSigned(tenant, 2)
    assert.deepEqual(
      (await linesOf(tenant)).map((line) => line.uid),
      [early, lateUid],
    )
  })

  test('a recorded entry answers the epoch that others have committed by then', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    assert.equal((await ledger.record(tenant, someEntry())).epoch, 1n)
    await installation.inTenant(tenant, (tx) =>
      tx.query('update access_epochs set epoch = epoch + 1 where tenant_id = $1', [tenant]),
    )
    assert.equal((await ledger.record(tenant, someEntry())).epoch, 2n)
  })

  test('the epoch is read after the insert: a change that commits meanwhile is seen', async () => {
    const tenant = await installation.tenant()
    const uid = newUid()
    const uids = [newUid(), uid]
    const ledger = installation.ledger('one', { newUid: () => uids.shift() ?? newUid() })
    await ledger.start()
    running.add(ledger)
    // Holds up the insert: the row that it is about to make is being made already.
    const epoch = await withClient(database.superuser, async (client) => {
      await client.query('begin')
      await client.query('insert into open_intents (tenant_id, entry_id, replica_id) values ($1, $2, $2)', [
        tenant,
        uid,
      ])
      const recorded = ledger.record(tenant, someEntry({ event: 'cluster.call', outcome: 'intended' }))
      await until('the insert that waits', async () => {
        const waiting = await meddle(`select from pg_stat_activity where wait_event_type = 'Lock'`)
        return waiting.length > 0 ? true : undefined
      })
      await meddle('update access_epochs set epoch = epoch + 1 where tenant_id = $1', [tenant])
      await client.query('rollback')
      return (await recorded).epoch
    })
    assert.equal(epoch, 2n)
  })

  test('when the database is away recording fails, and what is full is refused as busy', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    await ledger.record(tenant, someEntry())
    await meddle(`alter table audit_pending rename to away`)
    await assert.rejects(ledger.record(tenant, someEntry()), { code: '42P01' })
    await meddle(`alter table away rename to audit_pending`)
    const flood = await Promise.allSettled(Array.from({ length: 4_200 }, () => ledger.record(tenant, someEntry())))
    const busy = flood.filter((one) => one.status === 'rejected' && one.reason instanceof LedgerBusyError)
    assert.ok(busy.length > 0 && busy.length <= 200, `${busy.length} refused`)
  })
})

describe('who may do what', { concurrency: false }, () => {
  test('the application inserts pending entries of its tenant and reads its log, and nothing else', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const other = await installation.tenant()
    await ledger.record(tenant, someEntry())
    await ledger.record(other, someEntry())
    await untilSigned(tenant, 1)
    await untilSigned(other, 1)
    const attempt = (sql: string) => installation.inTenant(tenant, (tx) => tx.query(sql))
    const denied = { code: '42501' }
    for (const sql of [
      'select * from audit_pending',
      'update audit_pending set body = body',
      'delete from audit_pending',
      `insert into audit_pending (tenant_id, pack_id, body) values ('${tenant}', '${newUid()}', '') returning pending_id`,
      `insert into audit_pending (tenant_id, pack_id, body) values ('${other}', '${newUid()}', '')`,
      'update audit_log set outcome = outcome',
      'delete from audit_log',
      'truncate audit_log',
      `insert into audit_log select * from audit_log`,
      'update audit_heads set size = 0',
      'delete from audit_heads',
      'select signing_key from audit_heads',
      'select frontier from audit_heads',
      'alter table audit_log disable row level security',
      'create table mine (x int)',
    ])
      await assert.rejects(attempt(sql), denied, sql)
    const [mine] = await attempt('select count(*)::int as n, min(tenant_id) as tenant from audit_log')
    assert.deepEqual(mine, { n: 1, tenant })
  })

  test('the sequencer moves entries and touches nothing else', async () => {
    await installation.tenant()
    const denied = { code: '42501' }
    for (const sql of [
      'select * from tenants',
      'select * from tenant_keys',
      'select * from users',
      'select * from open_intents',
      'select * from audit_notes',
      `insert into audit_pending (tenant_id, pack_id, body) values ('system', '${newUid()}', '')`,
      'update audit_pending set body = body',
      'update audit_log set outcome = outcome',
      'delete from audit_log',
      'delete from audit_heads',
    ])
      await assert.rejects(
        withClient(database.sequencer, (client) => client.query(sql)),
        denied,
        sql,
      )
  })
})

describe('sequencing', { concurrency: false }, () => {
  test('of two replicas one leads; when it goes, the other one takes over and the log goes on', async () => {
    const first = await startLedger('first')
    await until('a leader', () => (first.state().leads ? true : undefined))
    const second = await startLedger('second')
    const tenant = await installation.tenant()
    await second.record(tenant, someEntry())
    await untilSigned(tenant, 1)
    assert.equal(second.state().leads, false)
    assert.equal(first.state().integrated, 1)

    await first.record(tenant, someEntry())
    await stopLedger(first)
    assert.deepEqual(await sizes(tenant), { size: 2, signed: 2 }, 'a stop integrates and signs first')
    await until('the other leader', () => (second.state().leads ? true : undefined))
    await second.record(tenant, someEntry())
    await untilSigned(tenant, 3)
    const verdict = await verdictOn(await installation.exported(tenant), await installation.verifierKey(tenant))
    assert.ok(verdict.ok && verdict.size === 3, JSON.stringify(verdict))
    assert.deepEqual(second.state().problems, [])
  })

  test('a leader whose connection is killed, or whose database crashes, goes on where it was', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const acknowledged = new Set<string>()
    let stopWriting = false
    const write = async () => {
      while (!stopWriting)
        await ledger.record(tenant, someEntry()).then(
          ({ uid }) => acknowledged.add(uid),
          () => new Promise((resolve) => setTimeout(resolve, 20)),
        )
    }
    const writers = Array.from({ length: 4 }, write)
    for (let i = 0; i < 5; i++) {
      const before = acknowledged.size
      await until('more entries', () => (acknowledged.size > before + 50 ? true : undefined))
      await meddle(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'palisade_sequencer'`)
    }
    await postgres.crash()
    const before = acknowledged.size
    await until('entries after the crash', () => (acknowledged.size > before + 20 ? true : undefined))
    stopWriting = true
    await Promise.all(writers)
    await stopLedger(ledger)
    const verdict = await verdictOn(await installation.exported(tenant), await installation.verifierKey(tenant))
    assert.ok(verdict.ok, JSON.stringify(verdict))
    const uids = (await linesOf(tenant)).map((line) => line.uid)
    assert.equal(new Set(uids).size, uids.length)
    const lost = [...acknowledged].filter((uid) => !uids.includes(uid))
    assert.deepEqual(lost, [])
  })

  test('rows that are no entries are stepped over and told, and hold up nobody', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const other = await installation.tenant()
    const { uid } = await ledger.record(tenant, someEntry())
    await untilSigned(tenant, 1)
    // Garbage, a tenant that does not exist, an entry that is in the log already, and one that is pending twice.
    const insert = 'insert into audit_pending (tenant_id, pack_id, body) values ($1, $2, $3)'
    await meddle(insert, [tenant, newUid(), Buffer.from('garbage')])
    await meddle(insert, [newUid(), newUid(), Buffer.from('garbage')])
    const sealer = await installation.keys.of(tenant)
    const body = (entry: string) => sealer.seal({ table: 'audit_pending', column: 'body', row: entry }, bodyOf(entry))
    await meddle(insert, [tenant, uid, body(uid)])
    const twice = newUid()
    await meddle(`${insert}, ($1, $2, $3)`, [tenant, twice, body(twice)])
    await ledger.record(tenant, someEntry())
    await ledger.record(other, someEntry())
    await untilSigned(tenant, 3)
    await untilSigned(other, 1)
    await until('the problems', () => (ledger.state().unusable === 3 ? true : undefined))
    assert.ok(ledger.state().problems.some((problem) => /3 pending rows/.test(problem)))
    assert.ok(ledger.state().problems.every((problem) => !problem.includes(tenant)))
    const verdict = await verdictOn(await installation.exported(tenant), await installation.verifierKey(tenant))
    assert.ok(verdict.ok && verdict.size === 3, JSON.stringify(verdict))
  })

  test('a clock that jumped back is flagged, and orders nothing (H12)', async () => {
    let jump = 0
    const clock = { now: () => systemClock.now() + jump, monotonicMs: () => 8 * systemClock.monotonicMs() }
    const ledger = installation.ledger('one', { clock })
    await ledger.start()
    running.add(ledger)
    const tenant = await installation.tenant()
    await ledger.record(tenant, someEntry())
    jump = -3_600_000
    await ledger.record(tenant, someEntry({ details: { note: 'an hour back\u202e' } }))
    await ledger.record(tenant, someEntry())
    await untilSigned(tenant, 3)
    const lines = await linesOf(tenant)
    assert.equal(lines[0].details, undefined)
    assert.ok(Math.abs(lines[1].details.clockSkewMs - 3_600_000) < 10_000)
    assert.equal(lines[1].details.note, 'an hour back\u202e')
    assert.equal(lines[2].details, undefined)
    const verdict = await verdictOn(await installation.exported(tenant), await installation.verifierKey(tenant))
    assert.ok(verdict.ok, JSON.stringify(verdict))
  })
})

const bodyOf = (uid: string) =>
  `{"salt":"${Buffer.alloc(16).toString('base64')}","uid":"${uid}","time":"2026-11-22T00:00:00.000Z","event":"x","action":"create","outcome":"done","actor":{"kind":"system","uid":"x"},"resource":{"kind":"x","uid":"x"},"request":"x"}`

describe('what was signed', { concurrency: false }, () => {
  test('the last checkpoint is kept outside the database, for nobody else to read', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    await ledger.record(tenant, someEntry())
    await untilSigned(tenant, 1)
    const path = join(installation.folder('one'), `${tenant}-1.checkpoint.json`)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    const [head] = await meddle('select checkpoint from audit_heads where tenant_id = $1', [tenant])
    assert.equal(JSON.parse(await readFile(path, 'utf8')).checkpoint, head?.checkpoint)
  })

  const attacks = {
    'a database rolled back to an earlier state': async (tenant: TenantUid) => {
      await meddle('delete from audit_log where tenant_id = $1 and index >= 2', [tenant])
      await meddle('delete from audit_heads where tenant_id = $1', [tenant])
      await meddle('insert into audit_heads select * from saved_heads')
    },
    'a head that was thrown away, with the log': async (tenant: TenantUid) => {
      await meddle('delete from audit_log where tenant_id = $1', [tenant])
      await meddle('delete from audit_heads where tenant_id = $1', [tenant])
    },
    'a leaf that was replaced, with a head that fits': async (tenant: TenantUid) => {
      const rows = await meddle('select leaf from audit_log where tenant_id = $1 order by index', [tenant])
      const leaves = rows.map((row) => row.leaf as Buffer).with(3, leafHash('another entry'))
      const forged = leaves.reduce(appendLeaf, emptyFrontier)
      await meddle('update audit_log set leaf = $2 where tenant_id = $1 and index = 3', [tenant, leaves[3]])
      await meddle('update audit_heads set frontier = $2 where tenant_id = $1', [tenant, serializeFrontier(forged)])
    },
    'a checkpoint in the database that was never signed': async (tenant: TenantUid) => {
      await meddle(
        `update audit_heads set checkpoint = replace(checkpoint, E'\\n5\\n', E'\\n4\\n') where tenant_id = $1`,
        [tenant],
      )
    },
    'another generation by hand': async (tenant: TenantUid) => {
      await meddle('update audit_heads set generation = 2 where tenant_id = $1', [tenant])
    },
    'another public key': async (tenant: TenantUid) => {
      await meddle(`update audit_heads set verifier_key = replace(verifier_key, '+', '+0') where tenant_id = $1`, [
        tenant,
      ])
    },
  }
  for (const [what, attack] of Object.entries(attacks))
    test(`${what} is not signed, and told`, async () => {
      const first = await startLedger()
      const tenant = await installation.tenant()
      const bystander = await installation.tenant()
      for (let i = 0; i < 2; i++) await first.record(tenant, someEntry())
      await untilSigned(tenant, 2)
      await meddle('create table saved_heads as select * from audit_heads where tenant_id = $1', [tenant])
      for (let i = 0; i < 3; i++) await first.record(tenant, someEntry())
      await untilSigned(tenant, 5)
      await stopLedger(first)
      const before = await readFile(join(installation.folder('one'), `${tenant}-1.checkpoint.json`), 'utf8')
      await attack(tenant)

      const second = await startLedger()
      await second.record(tenant, someEntry())
      await second.record(bystander, someEntry())
      await untilSigned(bystander, 1)
      await until('the problem', () => (second.state().troubled === 1 ? true : undefined))
      assert.ok(second.state().problems.some((problem) => /audit logs/.test(problem)))
      assert.ok(installation.log.some((line) => line.includes(tenant) && /not (signed|integrated)/.test(line)))
      assert.equal(await readFile(join(installation.folder('one'), `${tenant}-1.checkpoint.json`), 'utf8'), before)
    })

  test('an outside copy that is damaged, or was replaced by an older one, is noticed or caught up with', async () => {
    const first = await startLedger()
    const tenant = await installation.tenant()
    const path = join(installation.folder('one'), `${tenant}-1.checkpoint.json`)
    await first.record(tenant, someEntry())
    await untilSigned(tenant, 1)
    const old = await readFile(path, 'utf8')
    await first.record(tenant, someEntry())
    await untilSigned(tenant, 2)
    // An older one of the same log says less, and nothing that is wrong.
    await writeFile(path, old)
    await first.record(tenant, someEntry())
    await untilSigned(tenant, 3)
    await writeFile(path, '{')
    await first.record(tenant, someEntry())
    await until('the problem', () => (first.state().troubled === 1 ? true : undefined))
    assert.equal((await sizes(tenant)).signed, 3)
  })

  test('a replica without an outside copy begins with what the database has signed', async () => {
    const first = await startLedger('first')
    const tenant = await installation.tenant()
    for (let i = 0; i < 5; i++) await first.record(tenant, someEntry())
    await stopLedger(first)
    const second = await startLedger('second')
    await second.record(tenant, someEntry())
    await untilSigned(tenant, 6)
    assert.ok((await stat(join(installation.folder('second'), `${tenant}-1.checkpoint.json`))).isFile())
    await stopLedger(second)
    // The first one's copy is older than what was signed meanwhile.
    const again = await startLedger('first')
    await again.record(tenant, someEntry())
    await untilSigned(tenant, 7)
    assert.deepEqual(again.state().problems, [])
  })
})

describe('open intents', { concurrency: false }, () => {
  const intended = (about = {}) =>
    someEntry({ event: 'cluster.call', outcome: 'intended', details: { verb: 'create' }, ...about })
  const openIntents = async () => (await meddle('select entry_id from open_intents')).map((row) => row.entry_id)

  test('an intent is open until its end is recorded', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const { uid } = await ledger.record(tenant, intended())
    assert.deepEqual(await openIntents(), [uid])
    assert.equal(ledger.state().openIntents, 1)
    await ledger.conclude(
      tenant,
      someEntry({ event: 'cluster.call.ended', outcome: 'ended', intent: uid, details: { bytesOut: 5 } }),
    )
    assert.deepEqual(await openIntents(), [])
    assert.equal(ledger.state().openIntents, 0)
    await untilSigned(tenant, 2)
    assert.deepEqual(
      (await linesOf(tenant)).map((line) => [line.outcome, line.intent]),
      [
        ['intended', undefined],
        ['ended', uid],
      ],
    )
  })

  test('what a crashed process left open is closed as unknown by the next one on its data folder', async () => {
    // A process that ends without a word: it is never stopped.
    const crashed = installation.ledger('one')
    await crashed.start()
    running.add(crashed)
    const tenant = await installation.tenant()
    const { uid } = await crashed.record(tenant, intended({ request: 'the-request', project: 'c'.repeat(24) }))
    await meddle(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'palisade_sequencer'`)

    const next = await startLedger('one')
    await until('the closed intent', async () => ((await openIntents()).length === 0 ? true : undefined))
    await until('the entry', async () => ((await sizes(tenant)).signed === 2 ? true : undefined))
    const [, end] = await linesOf(tenant)
    assert.deepEqual(
      [end.event, end.outcome, end.intent, end.request, end.project, end.actor.email],
      ['cluster.call.ended', 'unknown', uid, 'the-request', 'c'.repeat(24), 'ada@example.com'],
    )
    assert.deepEqual(await next.closeOpenIntents(), { closed: 0, left: 0 })
  })

  test("one process's start does not close another one's live calls; its silence does", async () => {
    const busy = await startLedger('busy')
    const tenant = await installation.tenant()
    const { uid } = await busy.record(tenant, intended())
    const other = await startLedger('other')
    await untilSigned(tenant, 1)
    assert.deepEqual(await other.closeOpenIntents(), { closed: 0, left: 0 })
    assert.deepEqual(await openIntents(), [uid])
    await meddle(
      `update replicas set seen_at = now() - interval '31 seconds' where replica_id in (select replica_id from open_intents)`,
    )
    assert.deepEqual(await other.closeOpenIntents(), { closed: 1, left: 0 })
    assert.deepEqual(await openIntents(), [])
  })

  test('an intent whose commit was not answered is closed by the process that sent it, when it is old enough', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const known = await ledger.record(tenant, intended())
    const { uid } = await ledger.record(tenant, someEntry())
    await untilSigned(tenant, 2)
    // As if `uid` had been an intent whose answer was lost: its row is there, the process does not know of it.
    await meddle(
      `insert into open_intents (tenant_id, entry_id, replica_id, opened_at)
       select tenant_id, $1, replica_id, now() - interval '1 minute' from open_intents`,
      [uid],
    )
    await meddle(`update open_intents set opened_at = now() - interval '1 minute'`)
    assert.deepEqual(await ledger.closeOpenIntents(), { closed: 1, left: 0 })
    assert.deepEqual(await openIntents(), [known.uid])
  })

  test('an end that the database does not take is tried again until it does', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const { uid } = await ledger.record(tenant, intended())
    await meddle('alter table audit_pending rename to away')
    const ended = ledger.conclude(tenant, someEntry({ event: 'cluster.call.ended', outcome: 'ended', intent: uid }))
    assert.equal(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]), 'waits')
    await meddle('alter table away rename to audit_pending')
    await ended
    await untilSigned(tenant, 2)
    assert.deepEqual(await openIntents(), [])
  })

  test('an end that can never be recorded is given up at once, and its intent closed', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    const { uid } = await ledger.record(tenant, intended())
    await ledger.conclude(tenant, someEntry({ outcome: 'ended', intent: uid, actor: { kind: 'user', uid: '' } }))
    assert.deepEqual([ledger.state().givenUp, ledger.state().openIntents], [1, 0])
    await untilSigned(tenant, 1)
    await meddle(`update open_intents set opened_at = now() - interval '1 minute'`)
    assert.deepEqual(await ledger.closeOpenIntents(), { closed: 1, left: 0 })
  })
})

describe('the proof', { concurrency: false }, () => {
  test('an export verifies offline; one byte, a dropped, a swapped or a cut line names the first bad index (H01)', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    for (let i = 0; i < 10; i++) await ledger.record(tenant, someEntry({ details: { i } }))
    await untilSigned(tenant, 10)
    const text = await installation.exported(tenant)
    const key = await installation.verifierKey(tenant)
    const verdict = await verdictOn(text, key)
    assert.ok(verdict.ok && verdict.size === 10 && verdict.destroyed === 0, JSON.stringify(verdict))

    const lines = text.trimEnd().split('\n')
    for (const [i, line] of lines.slice(1).entries()) assert.equal(AuditLine.parse(JSON.parse(line)).index, i)
    const bad = async (changed: string[]) => {
      const found = await verdictOn(`${changed.join('\n')}\n`, key)
      return found.ok ? 'good' : [found.problem, found.firstBadIndex]
    }
    const line = (index: number) => lines[index + 1]!
    const replaced = (index: number, by: string) => lines.toSpliced(index + 1, 1, by)
    assert.deepEqual(await bad(replaced(3, line(3).replace('"i":3', '"i":4'))), ['prev', 3])
    assert.deepEqual(await bad(lines.toSpliced(5 + 1, 1)), ['index', 5])
    assert.deepEqual(await bad(lines.toSpliced(5 + 1, 2, line(6), line(5))), ['index', 5])
    assert.deepEqual(await bad(lines.slice(0, -2)), ['missing', 8])
    assert.deepEqual(await bad([...lines, line(9)]), ['extra', 10])
    assert.deepEqual((await bad(replaced(9, line(9).replace('"i":9', '"i":8'))))[0], 'root')
  })

  test('what an administrator does to the stored rows is named as well (H01)', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    for (let i = 0; i < 10; i++) await ledger.record(tenant, someEntry({ details: { i } }))
    await untilSigned(tenant, 10)
    const key = await installation.verifierKey(tenant)
    const verdict = async () => {
      const found = await verdictOn(await installation.exported(tenant), key)
      return found.ok ? { destroyed: found.destroyed } : [found.problem, found.firstBadIndex]
    }
    await meddle('create table saved as select * from audit_log')
    const restore = async () => {
      await meddle('delete from audit_log')
      await meddle('insert into audit_log select * from saved')
    }
    await meddle(`update audit_log set line = set_byte(line, 60, get_byte(line, 60) # 1) where index = 4`)
    assert.deepEqual(await verdict(), ['entry', 4])
    await restore()
    await meddle('delete from audit_log where index = 6')
    assert.deepEqual(await verdict(), ['index', 6])
    await restore()
    await meddle('update audit_log set index = index + 100 where index in (2, 3)')
    await meddle('update audit_log set index = case index when 102 then 3 else 2 end where index > 100')
    assert.deepEqual(await verdict(), ['index', 2])
    await restore()
    await meddle('update audit_log a set line = b.line from audit_log b where a.index = 7 and b.index = 8')
    assert.deepEqual(await verdict(), ['entry', 7])
    await restore()
    await meddle('delete from audit_log where index = 9')
    assert.deepEqual(await verdict(), ['missing', 9])
    await restore()
    await meddle('update audit_log set line = null where index = 5')
    assert.deepEqual(await verdict(), { destroyed: 1 })
  })

  test('entries are sealed at rest: neither table shows a name', async () => {
    const ledger = await startLedger()
    const tenant = await installation.tenant()
    await ledger.record(tenant, someEntry({ resource: { uid: 'x', name: 'Canary Nightingale' } }))
    await untilSigned(tenant, 1)
    const rows = await meddle(`select position('Canary'::bytea in line) as at, audit_log::text as text from audit_log`)
    assert.equal(rows[0]?.at, 0)
    assert.doesNotMatch(String(rows[0]?.text), /ada@example/)
  })
})
