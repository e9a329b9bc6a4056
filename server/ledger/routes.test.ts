import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { EntryUid } from '../../contract/ids.ts'
import { leafHash, openCheckpoint, parseVerifierKey, verifyInclusion } from '../../core/ledger/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { until } from '../../tests/support/until.ts'
import type { Endpoint, Principal } from '../gateway/index.ts'
import { type Clock, systemClock } from '../platform/clock/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { openPool } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { entriesOfRequest } from './by-request.ts'
import { actorOf, createLedger, type Ledger, type NewEntry } from './index.ts'
import { countOverTime, type LogFilter } from './log.ts'
import { verdictOn } from './testing.ts'

let postgres: TestPostgres
let database: TestDatabase
let phases: Phases
let ledger: Ledger
let folder: string
let acme: Awaited<ReturnType<Phases['tenant']>>
let other: Awaited<ReturnType<Phases['tenant']>>
let sequencerPool: ReturnType<typeof openPool>

const logger = createLogger('error', () => {})
/** Signs eight times a second. */
const clock: Clock = { now: systemClock.now, monotonicMs: () => 8 * systemClock.monotonicMs() }
/** Predefined; reads the log of its project. */
const projectViewer = 'fd6f3aeb463bf3a5f25d72ce'

before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  folder = await mkdtemp(join(tmpdir(), 'palisade-routes-'))
  sequencerPool = openPool(database.sequencer, 'test-sequencer', 2, logger)
  phases = await startPhases(database, ({ keys, inTenant, pool }): readonly Endpoint[] => {
    ledger = createLedger({
      ...{ pool, sequencerPool, inTenant, folder, clock, logger, newUid },
      ...{ sealerOf: keys.of, auditHost: 'localhost', sessionMs: 3_600_000 },
    })
    return ledger.endpoints.map(keepingStreams)
  })
  await ledger.start()
  acme = await phases.tenant('Acme')
  other = await phases.tenant('Other')
})
after(async () => {
  await ledger?.stop()
  await phases?.stop()
  await sequencerPool?.end()
  await rm(folder, { recursive: true, force: true })
  await postgres.stop()
})

/** The last answer that was a stream: `phases` shows answers as JSON only. */
let streamed: AsyncIterable<string> | undefined

function keepingStreams(endpoint: Endpoint): Endpoint {
  const { handle } = endpoint
  return {
    ...endpoint,
    // Cast: the list of endpoints has forgotten what a handler takes.
    handle: async (c: never) => {
      const answer = await handle(c)
      if (answer.ok && endpoint.reply.contentType === 'application/jsonl') streamed = answer.value.body
      return answer
    },
  } as Endpoint
}

/** Records something that the principal did. */
async function did(who: Principal, about: Partial<NewEntry> = {}): Promise<string> {
  const { uid } = await ledger.record(who.tenant, {
    event: 'project.updated',
    outcome: 'done',
    actor: actorOf(who),
    resource: { uid: newUid(), name: 'payments' },
    request: newUid(),
    ...about,
  })
  return uid
}

const list = (who: Principal, query: Record<string, string> = {}, project?: string) =>
  phases.must(who, 'GET /v1/audits', { query, ...(project ? { project } : {}) })
const uidsOf = (page: { items: { metadata: { uid: string } }[] }) => page.items.map((item) => item.metadata.uid)

describe('GET /v1/audits', () => {
  test('has the published shape; actor, session, request and outcome stand in the annotations', async () => {
    const session = 'e'.repeat(24)
    const request = newUid()
    const resource = { uid: newUid(), name: 'payments' }
    const uid = await did(acme.admin, {
      ...{ session, request, resource, project: acme.project, address: '192.0.2.7', details: { labels: ['a'] } },
    })
    // No pause: who was told that it happened finds it.
    const { items, listmeta } = await list(acme.admin)
    const [item] = items
    const { metadata, ...rest } = item
    const { creationTimestamp, lastModifiedTimestamp, ...meta } = metadata
    assert.equal(creationTimestamp, lastModifiedTimestamp)
    assert.ok(Math.abs(Date.parse(creationTimestamp) - Date.now()) < 60_000)
    assert.deepEqual(meta, {
      uid,
      name: 'project.updated',
      labels: {},
      annotations: {
        index: '0',
        event: 'project.updated',
        outcome: 'done',
        actor: acme.admin.user,
        credential: `apiKey:${'c'.repeat(24)}`,
        request,
        session,
        address: '192.0.2.7',
      },
      deletionTimestamp: '0001-01-01T00:00:00.000Z',
    })
    const { person } = acme.admin
    assert.deepEqual(rest, {
      spec: {
        actionType: 'update',
        actor: {
          actorType: 'user',
          user: {
            uid: acme.admin.user,
            emailId: person.email,
            firstName: person.firstName,
            lastName: person.lastName,
            org: person.org,
          },
          project: { uid: acme.project },
        },
        resource: { kind: 'project', uid: resource.uid, name: 'payments', label: 'payments' },
        actionMsg: 'Project changed',
        contentMsg: '{"labels":["a"]}',
        userMsg: '',
      },
    })
    assert.deepEqual(listmeta, { continue: '', count: 1, limit: 50, offset: 0 })
  })

  test('every filter selects, alone and with others', async () => {
    const ben = await phases.person(acme.admin)
    const resource = { uid: newUid(), name: 'x' }
    const wanted = await did(ben, { event: 'team.created', resource, project: acme.project })
    await did(ben, { event: 'team.deleted' })
    await did(acme.admin, { event: 'team.created', resource: { uid: newUid() } })
    const [all] = (await list(acme.admin)).items
    const selecting: Record<string, string>[] = [
      { userUid: ben.user, actionType: 'create' },
      { resourceUid: resource.uid },
      { resourceKind: 'team', projectUid: acme.project },
      { resourceUid: resource.uid, tenantUid: acme.uid, startTime: '2020-01-01T00:00:00.000Z', endTime: '' },
      { resourceUid: resource.uid, startTime: '0001-01-01T00:00:00.000Z', userUid: '' },
      { resourceUid: resource.uid, endTime: all.metadata.creationTimestamp },
    ]
    for (const query of selecting)
      assert.deepEqual(uidsOf(await list(acme.admin, query)), [wanted], JSON.stringify(query))
    const none: Record<string, string>[] = [
      { resourceUid: resource.uid, userUid: acme.admin.user },
      { resourceUid: resource.uid, startTime: '2999-01-01T00:00:00+02:00' },
      { resourceUid: resource.uid, endTime: '2020-01-01T00:00:00Z' },
      { resourceUid: resource.uid, actionType: 'delete' },
    ]
    for (const query of none) {
      const page = await list(acme.admin, query)
      assert.deepEqual([page.items, page.listmeta.count], [[], 0], JSON.stringify(query))
    }
  })

  test('by session: what its person did with it, in the list and over time, with other filters, and nobody else’s', async () => {
    const ben = await phases.person(acme.admin)
    const [session, another] = [newUid(), newUid()]
    const started = await did(ben, { event: 'session.started', resource: { uid: session }, session })
    await did(ben, { event: 'session.started', resource: { uid: another }, session: another })
    const team = await did(ben, { event: 'team.created', session, project: acme.project })
    await did(ben, { event: 'team.created', session: another, project: acme.project })
    await did(ben, { event: 'team.created' })
    const refused = await did(ben, { outcome: 'refused', session })
    const of = { sessionUid: session }
    const selecting: readonly (readonly [Record<string, string>, readonly string[]])[] = [
      [{}, [refused, team, started]],
      [{ userUid: ben.user }, [refused, team, started]],
      [{ userUid: acme.admin.user }, []],
      [{ resourceKind: 'team' }, [team]],
      [{ outcome: 'refused' }, [refused]],
      [{ startTime: '2999-01-01T00:00:00.000Z' }, []],
      [{ endTime: '2020-01-01T00:00:00.000Z' }, []],
    ]
    for (const [query, uids] of selecting) {
      const page = await list(acme.admin, { ...of, ...query })
      assert.deepEqual([uidsOf(page), page.listmeta.count], [uids, uids.length], JSON.stringify(query))
    }
    assert.deepEqual(uidsOf(await list(acme.admin, of, acme.project)), [team])
    const first = await list(acme.admin, { ...of, limit: '2' })
    const second = await list(acme.admin, { ...of, limit: '2', continue: first.listmeta.continue })
    assert.deepEqual([uidsOf(first), uidsOf(second)], [[refused, team], [started]])
    const { buckets } = await phases.must(acme.admin, 'GET /v1/palisade/audit/histogram', {
      query: { ...of, buckets: '1' },
    })
    assert.deepEqual(buckets, [{ entries: 3, refused: 1 }])
    assert.deepEqual(uidsOf(await list(acme.admin, { sessionUid: newUid() })), [])
    assert.deepEqual(uidsOf(await list(other.admin, of)), [])
    assert.ok((await list(acme.admin, { sessionUid: '' })).listmeta.count > 3)
    for (const route of ['GET /v1/audits', 'GET /v1/palisade/audit/histogram'])
      assert.equal((await phases.call(acme.admin, route, { query: { sessionUid: 'x' } })).status, 400)
  })

  test('by session: an end that nobody knew is found whenever it was recorded, and too much to open is refused', async () => {
    const ben = await phases.person(acme.admin)
    const session = newUid()
    const started = await did(ben, { event: 'session.started', resource: { uid: session }, session })
    const later = await did(ben, { session })
    const unknown = await did(ben, { outcome: 'unknown', session })
    await list(acme.admin)
    // As if the session had begun two days ago: its hour is over.
    await withClient(database.superuser, (client) =>
      client.query("update audit_log set occurred_at = occurred_at - interval '2 days' where entry_id = $1", [started]),
    )
    const page = await list(acme.admin, { sessionUid: session })
    assert.deepEqual(uidsOf(page), [unknown, started])
    assert.ok(!uidsOf(page).includes(later))

    await withClient(database.superuser, (client) =>
      client.query(
        `insert into audit_log (tenant_id, index, entry_id, leaf, line, occurred_at, action_type, event, outcome,
                                resource_kind, resource_uid, actor_id)
         select tenant_id, 1000000 + n, left(md5(n::text), 24), leaf, null, occurred_at, action_type, 'team.created', outcome,
                'team', 'x', actor_id
           from audit_log, generate_series(1, 5000) n where entry_id = $1`,
        [started],
      ),
    )
    const refused = await phases.call(acme.admin, 'GET /v1/audits', { query: { sessionUid: session } })
    assert.deepEqual([refused.status, refused.refusal?.code], [400, 'invalid'])
    assert.match(refused.refusal?.detail ?? '', /startTime and endTime/)
    const narrowed = { sessionUid: session, resourceKind: 'session' }
    assert.deepEqual(uidsOf(await list(acme.admin, narrowed)), [started])
    await withClient(database.superuser, (client) => client.query('delete from audit_log where index > 1000000'))
  })

  test('pages go on from the last entry, however many have come since', async () => {
    const resource = { uid: newUid() }
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.unshift(await did(acme.admin, { resource }))
    const first = await list(acme.admin, { resourceUid: resource.uid, limit: '2' })
    assert.deepEqual(uidsOf(first), made.slice(0, 2))
    assert.deepEqual([first.listmeta.count, first.listmeta.limit, first.listmeta.offset], [5, 2, 0])
    await did(acme.admin, { resource })
    const second = await list(acme.admin, { resourceUid: resource.uid, limit: '2', continue: first.listmeta.continue })
    assert.deepEqual(uidsOf(second), made.slice(2, 4))
    assert.equal(second.listmeta.offset, 2)
    const third = await list(acme.admin, { resourceUid: resource.uid, limit: '2', continue: second.listmeta.continue })
    assert.deepEqual(uidsOf(third), made.slice(4))
    assert.equal(third.listmeta.continue, '')
    assert.deepEqual(uidsOf(await list(acme.admin, { resourceUid: resource.uid, offset: '1', limit: '0' })), made)
    const wrong = await phases.call(acme.admin, 'GET /v1/audits', { query: { continue: 'nonsense' } })
    assert.equal(wrong.status, 400)
  })

  test('a project shows its own entries to those who may read them there, and the tenant to nobody else', async () => {
    const reader = await phases.person(acme.admin)
    const here = await did(acme.admin, { project: acme.project })
    await did(acme.admin)
    const refused = await phases.call(reader, 'GET /v1/audits', { project: acme.project })
    assert.equal(refused.status, 403)
    await phases.inTenant(acme.uid, async (tx) => {
      await phases.access.lock(tx)
      await tx.query(
        `insert into role_assignments (tenant_id, assignment_id, user_id, role_id, project_id, created_at)
         values ($1, $2, $3, $4, $5, now())`,
        [acme.uid, newUid(), reader.user, projectViewer, acme.project],
      )
      await phases.access.raise(tx, 'access')
    })
    const page = await list(reader, {}, acme.project)
    assert.ok(uidsOf(page).includes(here))
    for (const item of page.items) assert.equal(item.spec.actor.project.uid, acme.project)
    assert.equal((await phases.call(reader, 'GET /v1/audits')).status, 403)
    assert.equal((await phases.call(reader, 'GET /v1/audits/{uid}', { params: { uid: here } })).status, 200)
    const elsewhere = await did(acme.admin)
    assert.equal((await phases.call(reader, 'GET /v1/audits/{uid}', { params: { uid: elsewhere } })).status, 403)
    assert.equal((await phases.call(reader, 'GET /v1/palisade/audit/export')).status, 403)
  })

  test("no way leads to another tenant's entries (H08)", async () => {
    const uid = await did(acme.admin)
    assert.ok(!uidsOf(await list(other.admin)).includes(uid))
    assert.equal((await phases.call(other.admin, 'GET /v1/audits', { query: { tenantUid: acme.uid } })).status, 404)
    for (const route of ['GET /v1/audits/{uid}', 'GET /v1/audits/{uid}/sysMsg'])
      assert.equal((await phases.call(other.admin, route, { params: { uid } })).status, 404)
    const note = { params: { uid }, body: { userMsg: 'not mine' } }
    assert.equal((await phases.call(other.admin, 'PATCH /v1/audits/{uid}/userMsg', note)).status, 404)
    for (const wrong of ['x', newUid(), '0'.repeat(23)])
      assert.equal((await phases.call(acme.admin, 'GET /v1/audits/{uid}', { params: { uid: wrong } })).status, 404)
  })

  test("system administrators see the system's log, and no tenant's", async () => {
    const uid = await did(phases.root, { event: 'tenant.activated' })
    await did(acme.admin)
    const page = await list(phases.root)
    assert.equal(uidsOf(page)[0], uid)
    assert.ok(
      page.items.every(
        (item: { spec: { actor: { user: { uid: string } } } }) => item.spec.actor.user.uid === phases.root.user,
      ),
    )
    assert.equal((await phases.call(phases.root, 'GET /v1/audits', { query: { tenantUid: acme.uid } })).status, 404)
  })
})

describe('GET /v1/palisade/audit/requests', () => {
  const ask = (who: Principal, request: string, rest: object = {}) =>
    phases.call(who, 'GET /v1/palisade/audit/requests', { query: { request }, ...rest })
  const found = async (who: Principal, request: string, project?: string) => {
    const { status, body } = await ask(who, request, project === undefined ? {} : { project })
    assert.equal(status, 200)
    return body
  }

  test('finds the entries of a request by its id, and by the uid of one of them', async () => {
    const request = newUid()
    const first = await did(acme.admin, { request, project: acme.project })
    await did(acme.admin)
    const second = await did(acme.admin, { request, outcome: 'refused' })
    const page = await found(acme.admin, request)
    assert.deepEqual([uidsOf(page), page.next], [[second, first], null])
    assert.ok(page.looked >= 3 && page.back !== null)
    assert.deepEqual(uidsOf(await found(acme.admin, first)), [first])
    assert.deepEqual(uidsOf(await found(acme.admin, newUid())), [])
  })

  test('the end of a long call leads to its beginning, which has the decision', async () => {
    const request = newUid()
    const begun = await did(acme.admin, { request, event: 'cluster.call', outcome: 'intended' })
    const intent = EntryUid.parse(begun)
    const ended = await did(acme.admin, { request, event: 'cluster.call.ended', outcome: 'ended', intent })
    await list(acme.admin)
    await withClient(database.superuser, (client) =>
      client.query("update audit_log set occurred_at = occurred_at - interval '2 days' where entry_id = $1", [begun]),
    )
    assert.deepEqual(uidsOf(await found(acme.admin, request)), [ended, begun])
    assert.deepEqual(uidsOf(await found(acme.admin, ended)), [ended, begun])
  })

  test('what is far back is found a part at a time', async () => {
    const request = newUid()
    const uid = await did(acme.admin, { request })
    for (let i = 0; i < 5; i++) await did(acme.admin)
    await list(acme.admin)
    const look = (below?: number) =>
      phases.inTenant(acme.uid, async (tx) =>
        entriesOfRequest(tx, await phases.keys.of(acme.uid), {}, { id: request, below }, { entries: 4, perPage: 2 }),
      )
    const first = await look()
    assert.deepEqual([first.lines.length, first.looked], [0, 4])
    const second = await look(first.next)
    assert.deepEqual([second.lines.map(({ uid: one }) => String(one)), second.next], [[uid], undefined])
  })

  test('is for who may read the log there, and finds nothing of another tenant or project', async () => {
    const request = newUid()
    const uid = await did(acme.admin, { request })
    const here = await did(acme.admin, { request, project: acme.project })
    assert.deepEqual(uidsOf(await found(acme.admin, request, acme.project)), [here])
    assert.deepEqual(uidsOf(await found(acme.admin, uid, acme.project)), [])
    assert.deepEqual(uidsOf(await found(other.admin, request)), [])
    assert.deepEqual(uidsOf(await found(other.admin, uid)), [])
    const nobody = await phases.person(acme.admin)
    assert.equal((await ask(nobody, request)).status, 403)
    assert.equal((await ask(nobody, request, { project: acme.project })).status, 403)
    for (const wrong of ['', 'x', request.toUpperCase().replaceAll(/\d/g, 'A')])
      assert.equal((await ask(acme.admin, wrong)).status, 400, wrong)
  })
})

describe('GET /v1/palisade/audit/histogram', () => {
  const counted = (who: Principal, query: Record<string, string>) =>
    phases.must(who, 'GET /v1/palisade/audit/histogram', { query })
  const sum = (buckets: readonly { entries: number; refused: number }[]) =>
    buckets.reduce<[number, number]>(([all, no], one) => [all + one.entries, no + one.refused], [0, 0])

  test('counts what a list with the same filter holds, refusals apart, in buckets that share the range', async () => {
    const resource = { uid: newUid(), name: 'counted' }
    const of = { resourceUid: resource.uid }
    assert.deepEqual(await counted(acme.admin, of), { from: null, to: null, buckets: [], more: false })
    for (const outcome of ['done', 'refused', 'done'] as const) await did(acme.admin, { resource, outcome })
    const { from, to, buckets, more } = await counted(acme.admin, { ...of, buckets: '7' })
    assert.equal(buckets.length, 7)
    assert.deepEqual(sum(buckets), [3, 1])
    assert.equal(more, false)
    assert.ok(Date.parse(from) <= Date.parse(to))
    assert.deepEqual(sum((await counted(acme.admin, { ...of, outcome: 'refused' })).buckets), [1, 1])
    assert.deepEqual(uidsOf(await list(acme.admin, { ...of, outcome: 'refused' })).length, 1)

    const ranged = await counted(acme.admin, {
      ...{ ...of, buckets: '2' },
      ...{ startTime: '2020-01-01T00:00:00.000Z', endTime: '2999-01-01T00:00:00.000Z' },
    })
    assert.deepEqual(
      [ranged.from, ranged.to, ranged.buckets[0].entries],
      ['2020-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z', 3],
    )
    const backwards = { ...of, startTime: '2999-01-01T00:00:00.000Z', endTime: '2020-01-01T00:00:00.000Z' }
    assert.deepEqual(sum((await counted(acme.admin, backwards)).buckets), [0, 0])
  })

  test('looks among the newest entries alone, says so, and refuses a range that lies before them', async () => {
    const { tenant } = acme.admin
    const resource = { uid: newUid(), name: 'old' }
    for (let i = 0; i < 6; i++) await did(acme.admin, { resource })
    await list(acme.admin, {})
    const count = (filter: LogFilter, most?: Parameters<typeof countOverTime>[4]) =>
      phases.inTenant(tenant, (tx) => countOverTime(tx, filter, 10, new Date(), most))
    const entriesOf = (counted: Awaited<ReturnType<typeof count>>) => {
      assert.ok(counted.ok)
      return { entries: sum(counted.value.buckets)[0], more: counted.value.more }
    }
    const of = { resourceUid: resource.uid }
    assert.deepEqual(entriesOf(await count(of)), { entries: 6, more: false })
    assert.deepEqual(entriesOf(await count(of, { fits: 4, looksAmong: 100_000 })), { entries: 4, more: true })
    assert.deepEqual(entriesOf(await count(of, { fits: 100, looksAmong: 2 })), { entries: 2, more: true })
    assert.deepEqual(entriesOf(await count({ resourceUid: newUid() }, { fits: 100, looksAmong: 2 })), {
      ...{ entries: 0, more: true },
    })
    const before = await count({ ...of, to: new Date('2020-01-01') }, { fits: 100, looksAmong: 2 })
    assert.ok(!before.ok && before.error.looksBackTo > new Date('2020-01-01'))
  })

  test('E08: one tenant has few of them counted at a time; more are refused at once, and another tenant is not', async () => {
    const route = 'GET /v1/palisade/audit/histogram'
    const ask = (who: Principal) => phases.call(who, route, { query: { buckets: '1' } })
    await withClient(database.superuser, async (client) => {
      // Whoever reads the log waits here.
      await client.query('begin; lock table audit_log in access exclusive mode')
      const waiting = [ask(acme.admin), ask(acme.admin), ask(acme.admin)]
      const stuck = `select from pg_stat_activity
        where wait_event_type = 'Lock' and query like 'select index, occurred_at from audit_log%'`
      await until('all of them to wait', async () =>
        withClient(database.superuser, async (looker) =>
          (await looker.query(stuck)).rowCount === waiting.length ? true : undefined,
        ),
      )
      const refused = await ask(acme.admin)
      assert.equal(refused.status, 429)
      assert.match(refused.refusal?.detail ?? '', /counted and proved for others/)
      const others = ask(other.admin)
      await client.query('commit')
      for (const answer of await Promise.all([...waiting, others])) assert.equal(answer.status, 200)
    })
    assert.equal((await ask(acme.admin)).status, 200, 'shares are given back')
  })

  test('refuses what is no filter', async () => {
    for (const query of [
      { buckets: '0' },
      { buckets: '201' },
      { outcome: 'maybe' },
      { startTime: 'x' },
      { other: 'x' },
    ])
      assert.equal(
        (await phases.call(acme.admin, 'GET /v1/palisade/audit/histogram', { query: query as never })).status,
        400,
        JSON.stringify(query),
      )
  })
})

describe('notes', () => {
  test('who did it may explain it; the note stands beside the entry, and the log says who wrote it', async () => {
    const ben = await phases.person(acme.admin)
    const uid = await did(ben, { details: { a: 1 } })
    const note = (who: Principal, userMsg: string) =>
      phases.call(who, 'PATCH /v1/audits/{uid}/userMsg', { params: { uid }, body: { userMsg } })
    assert.equal((await note(ben, '  as agreed with Ada ')).status, 204)
    const recorded = phases.entries.at(-1)
    assert.deepEqual(
      [recorded?.event, recorded?.resource, recorded?.details.note],
      ['audit.noted', { uid }, 'as agreed with Ada'],
    )
    const read = await phases.must(acme.admin, 'GET /v1/audits/{uid}', { params: { uid } })
    assert.equal(read.spec.userMsg, 'as agreed with Ada')
    assert.equal((await note(acme.admin, 'not with me')).status, 204)
    assert.equal((await list(acme.admin, { userUid: ben.user })).items[0].spec.userMsg, 'not with me')
    const carla = await phases.person(acme.admin)
    assert.equal((await note(carla, 'me too')).status, 403)
    for (const bad of ['no', 'x'.repeat(256), 'a\u001b[31mb'])
      assert.equal((await note(ben, bad)).status, 400, JSON.stringify(bad))
    assert.deepEqual(await phases.must(acme.admin, 'GET /v1/audits/{uid}/sysMsg', { params: { uid } }), {
      actionMsg: 'Project changed',
      contentMsg: '{"a":1}',
    })
  })
})

describe('the proof over the API', () => {
  const exported = async (who: Principal): Promise<string> => {
    await phases.must(who, 'GET /v1/palisade/audit/export')
    let text = ''
    for await (const piece of streamed ?? []) text += piece
    return text
  }

  test('an export has all that was committed before it, its own entry included, and verifies with the key', async () => {
    const uids: string[] = []
    for (let i = 0; i < 450; i++) uids.push(await did(acme.admin, { details: { i } }))
    const text = await exported(acme.admin)
    const key = await phases.must(acme.admin, 'GET /v1/palisade/audit/key')
    assert.match(key, new RegExp(`^localhost/audit/${acme.uid}/1\\+[0-9a-f]{8}\\+[A-Za-z0-9+/=]+$`))
    const verdict = await verdictOn(text, key)
    assert.ok(verdict.ok, JSON.stringify(verdict))
    const entries = text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line))
    const there = new Set(entries.map((entry) => entry.uid))
    assert.deepEqual(
      uids.filter((uid) => !there.has(uid)),
      [],
    )
    const own = entries.at(-1)
    assert.deepEqual([own.event, own.outcome, own.actor.uid], ['audit.exported', 'done', acme.admin.user])
    const note = await phases.must(acme.admin, 'GET /v1/palisade/audit/checkpoint')
    assert.ok(note.startsWith(`localhost/audit/${acme.uid}/1\n`) && note.endsWith('\n'))
  })

  test('one entry proves itself: its line, its place, the path to the signed root', async () => {
    const uid = await did(acme.admin, { project: acme.project, details: { one: true } })
    const proof = await phases.must(acme.admin, 'GET /v1/palisade/audit/entries/{uid}/proof', { params: { uid } })
    const key = parseVerifierKey(await phases.must(acme.admin, 'GET /v1/palisade/audit/key'))
    assert.ok(key.ok)
    const checkpoint = openCheckpoint(proof.checkpoint, key.value)
    assert.ok(checkpoint.ok)
    const { size, root } = checkpoint.value
    assert.deepEqual([proof.size, JSON.parse(proof.line).uid], [size, uid])
    const path = proof.path.map((one: string) => Buffer.from(one, 'base64'))
    const leaf = leafHash(proof.line)
    assert.equal(leaf.toString('base64'), proof.leaf)
    assert.ok(verifyInclusion({ index: proof.index, leaf, size, root, proof: path }))
    const stranger = await phases.person(acme.admin)
    for (const [who, status] of [
      [stranger, 403],
      [other.admin, 404],
    ] as const) {
      const refused = await phases.call(who, 'GET /v1/palisade/audit/entries/{uid}/proof', { params: { uid } })
      assert.equal(refused.status, status)
    }
  })

  test('the system has a log of its own, which proves itself in the same way', async () => {
    await did(phases.root, { event: 'tenant.activated' })
    const verdict = await verdictOn(
      await exported(phases.root),
      await phases.must(phases.root, 'GET /v1/palisade/audit/key'),
    )
    assert.ok(verdict.ok && verdict.origin === 'localhost/audit/system/1', JSON.stringify(verdict))
  })

  test('where nothing is signed an export is refused in time, and says so', async () => {
    await did(other.admin)
    await list(other.admin)
    await withClient(database.superuser, (client) =>
      client.query('update audit_heads set verifier_key = $2 where tenant_id = $1', [other.uid, 'x']),
    )
    await did(other.admin)
    await until('the trouble', () => (ledger.state().troubled > 0 ? true : undefined))
    const refused = await phases.call(other.admin, 'GET /v1/palisade/audit/export')
    assert.deepEqual([refused.status, refused.refusal?.retryAfterSeconds], [503, 2])
    const [entry] = (await list(other.admin)).items
    assert.deepEqual([entry.metadata.name, entry.metadata.annotations.outcome], ['audit.exported', 'refused'])
  })
})
