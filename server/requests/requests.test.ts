import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { decide } from '../../core/access/index.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Endpoint, Principal } from '../gateway/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { createLookups, openPool, type Tx } from '../platform/postgres/index.ts'
import { createExpiry, requestEndpoints, requestPulse } from './index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, ({ keys }) => [
    ...accessEndpoints,
    ...requestEndpoints({
      sealerOf: keys.of,
      names: { people: (tx) => api.people.names.people(tx) },
      findCluster: async () => undefined,
    }).map(counted),
  ])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

/** Queries that the endpoints for requests have made. */
let queries = 0
const counted = (one: Endpoint) => {
  const handle = (c: { readonly tx: Tx }) => {
    const query: Tx['query'] = (text, values) => {
      queries++
      return c.tx.query(text, values)
    }
    // Cast: what an endpoint of any kind is given, but for the counting.
    return one.handle({ ...c, tx: { ...c.tx, query } } as never)
  }
  return { ...one, handle } as Endpoint
}

const requests = '/v1/palisade/access/requests'
const settings = '/v1/palisade/access/request-settings'
const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid
const projectAdmin = role('Project Admin')

/** A tenant, a person without rights, and a lead who is Project Admin of its project. */
async function team() {
  const { uid: tenant, admin, project } = await api.tenant()
  const [person, lead] = [await api.person(admin), await api.person(admin)]
  const giveLead = (roles: string[]) =>
    api.must(admin, 'PUT /v1/users/{uid}/projects', {
      params: { uid: lead.user },
      body: { projects: [{ projectUid: project, roles }] },
    })
  await giveLead([projectAdmin])
  return { tenant, admin, project, person, lead, giveLead }
}
const ask = (who: Principal, project: string | undefined, more: object = {}) =>
  api.call(who, `POST ${requests}`, {
    body: { role: 'Project Viewer', project, seconds: 3_600, reason: 'the night shift', ...more },
  })
const act = (who: Principal, uid: string, what: 'approve' | 'deny' | 'withdraw', body?: object) =>
  api.call(who, `POST ${requests}/{uid}/${what}`, {
    params: { uid },
    ...(what === 'withdraw' ? {} : { body: body ?? {} }),
  })
const read = (who: Principal, uid: string) => api.call(who, `GET ${requests}/{uid}`, { params: { uid } })
const listed = async (who: Principal, view: string) =>
  (await api.must(who, `GET ${requests}`, { query: { view } })).items as { uid: string; state: string }[]
const asked = async (...of: Parameters<typeof ask>): Promise<string> => {
  const made = await ask(...of)
  assert.equal(made.status, 201, JSON.stringify(made.refusal))
  return made.body.uid
}

async function reads(who: Principal, project: string, now = Date.now()): Promise<boolean> {
  const { compiled } = await api.inTenant(who.tenant, (tx) => api.access.inTx(tx))
  const resource = { kind: 'project', scope: { kind: 'project', projectUid: project } } as const
  return (
    decide({ subject: { userUid: who.user }, permission: 'cluster.get', resource, now }, compiled).effect === 'allow'
  )
}
const sql = (text: string, values: unknown[]) =>
  withClient(database.superuser, async (client) => (await client.query(text, values)).rows)
const setOver = (uid: string) =>
  sql(`update access_requests set expires_at = now() - interval '1 second' where request_id = $1`, [uid])

test('D19 who holds a role approves it, and the time begins with the approval', async () => {
  const { admin, project, person, lead } = await team()
  const uid = await asked(person, project)
  assert.equal(await reads(person, project), false)
  assert.deepEqual(
    (await listed(lead, 'waiting')).map((one) => one.uid),
    [uid],
  )
  assert.deepEqual(await listed(person, 'waiting'), [])
  const before = Date.now()
  const approved = await act(lead, uid, 'approve', { note: 'until the morning' })
  assert.equal(approved.status, 200, JSON.stringify(approved.refusal))
  const endsAt = Date.parse(approved.body.endsAt)
  assert.ok(endsAt >= before + 3_600_000 && endsAt <= Date.now() + 3_600_000)
  assert.equal(await reads(person, project), true)
  assert.equal(await reads(person, project, endsAt), false)
  const { body } = await read(person, uid)
  assert.deepEqual(
    [body.state, body.note, body.endsAt, body.decidedBy.uid, body.mayDecide, body.isMine, body.reason],
    ['approved', 'until the morning', approved.body.endsAt, lead.user, false, true, 'the night shift'],
  )
  assert.deepEqual(await listed(lead, 'waiting'), [])
  const entries = api.entries.filter(({ tenant }) => tenant === admin.tenant).map(({ event }) => event)
  assert.deepEqual(entries.slice(-2), ['access.request.created', 'access.request.approved'])
})

test('D19 nobody approves or denies their own, whatever they hold', async () => {
  const { admin, project } = await team()
  const uid = await asked(admin, project)
  for (const what of ['approve', 'deny'] as const)
    assert.equal((await act(admin, uid, what)).refusal?.code, 'own_request')
  assert.equal((await read(admin, uid)).body.mayDecide, false)
  assert.deepEqual(await listed(admin, 'waiting'), [])
  const refused = api.entries.findLast(({ event }) => event === 'access.request.approved')
  assert.equal(refused?.outcome, 'refused')
})

test('D19 nor with a second account of the same mailbox, now or when it was asked', async () => {
  const { admin, project } = await team()
  const tenantAdmin = [role('Tenant Admin')]
  const person = await api.person(admin, { email: 'carl@team.example' })
  const second = await api.person(admin, { email: 'Carl+oncall@team.example', roles: tenantAdmin })
  const uid = await asked(person, project)
  assert.equal((await act(second, uid, 'approve')).refusal?.code, 'own_request')
  assert.equal((await act(second, uid, 'deny')).refusal?.code, 'own_request')
  assert.deepEqual(await listed(second, 'waiting'), [])
  // A new address of the account that asked makes nobody else of it.
  await api.must(admin, 'PATCH /v1/users/{uid}', {
    params: { uid: person.user },
    body: [{ op: 'replace', path: '/spec/emailId', value: 'someone.else@team.example' }],
  })
  assert.equal((await act(second, uid, 'approve')).refusal?.code, 'own_request', 'by the mailbox that asked')
  // Nor does an account that takes the address of now.
  await api.must(admin, 'PATCH /v1/users/{uid}', {
    params: { uid: second.user },
    body: [{ op: 'replace', path: '/spec/emailId', value: 'someone.else+2@team.example' }],
  })
  assert.equal((await act(second, uid, 'approve')).refusal?.code, 'own_request', 'by the mailbox of now')
  assert.equal((await act(admin, uid, 'approve')).status, 200)
})

test('what waits takes as many queries whoever asked', async () => {
  const { admin, project, lead } = await team()
  const askFrom = async (people: number) => {
    for (let at = 0; at < people; at++) await asked(await api.person(admin), project)
    queries = 0
    const { length } = await listed(lead, 'waiting')
    return [length, queries]
  }
  const [few, before] = await askFrom(2)
  const [many, after] = await askFrom(10)
  assert.deepEqual([few, many], [2, 12])
  assert.equal(after, before)
})

test('D19 a second approval finds it decided, by whomever', async () => {
  const { admin, project, person, lead } = await team()
  const uid = await asked(person, project)
  const first = await act(lead, uid, 'approve')
  for (const who of [lead, admin]) assert.equal((await act(who, uid, 'approve')).refusal?.code, 'request_closed')
  assert.equal((await act(admin, uid, 'deny')).refusal?.code, 'request_closed')
  assert.equal((await act(person, uid, 'withdraw')).refusal?.code, 'request_closed')
  assert.equal((await read(person, uid)).body.endsAt, first.body.endsAt)
})

test('D19 who has lost the right does not approve what they could have approved', async () => {
  const { project, person, lead, giveLead } = await team()
  const uid = await asked(person, project)
  assert.equal((await read(lead, uid)).body.mayDecide, true)
  await giveLead([role('Project Viewer')])
  const refused = await act(lead, uid, 'approve')
  assert.deepEqual([refused.status, refused.refusal?.code], [404, 'not_found'], 'it is not even there for them')
  assert.equal(await reads(person, project), false)
  await giveLead([projectAdmin])
  assert.equal((await act(lead, uid, 'approve')).status, 200)
})

test('D19 a right that is taken while somebody approves: one comes first, and both are true', async () => {
  for (let round = 0; round < 5; round++) {
    const { admin, project, person, lead, giveLead } = await team()
    const uid = await asked(person, project)
    const [answer] = await Promise.all([act(lead, uid, 'approve'), giveLead([])])
    const state = (await read(admin, uid)).body.state
    assert.equal(answer.status === 200, state === 'approved')
    assert.equal(await reads(person, project), state === 'approved')
  }
})

test('D19 approving and withdrawing at once: one of them happens', async () => {
  const { admin, project, person, lead } = await team()
  for (let round = 0; round < 8; round++) {
    const uid = await asked(person, project)
    const answers = await Promise.all([
      act(lead, uid, 'approve'),
      act(person, uid, 'withdraw'),
      act(admin, uid, 'deny'),
    ])
    const won = answers.filter(({ refusal }) => refusal === undefined)
    assert.equal(won.length, 1, JSON.stringify(answers.map(({ refusal }) => refusal?.code)))
    for (const { refusal } of answers) if (refusal) assert.equal(refusal.code, 'request_closed')
    const { state } = (await read(person, uid)).body
    assert.equal(state, ['approved', 'withdrawn', 'denied'][answers.findIndex(({ refusal }) => !refusal)])
    assert.equal(await reads(person, project), state === 'approved')
    const { items } = await api.must(person, 'GET /v1/palisade/access/assignments')
    for (const one of items)
      await api.must(admin, 'DELETE /v1/palisade/access/assignments/{uid}', { params: { uid: one.uid } })
  }
})

test('D19 an approver gives no more than they hold, and no longer than they hold it', async () => {
  const { admin, project, person, lead } = await team()
  const beyond = await asked(person, undefined, { role: 'Tenant Admin' })
  assert.equal((await act(lead, beyond, 'approve')).status, 404)
  // May give in the tenant, and holds less than is asked for.
  const users = await api.person(admin, { roles: [role('Tenant User Admin')] })
  assert.equal((await act(users, beyond, 'approve')).refusal?.code, 'exceeds_own_rights')
  const short = await api.person(admin)
  await api.must(admin, 'POST /v1/palisade/access/assignments', {
    body: { user: short.user, role: projectAdmin, project, endsAt: new Date(Date.now() + 1_800_000).toISOString() },
  })
  const long = await asked(person, project)
  assert.equal((await act(short, long, 'approve')).refusal?.code, 'exceeds_own_rights', 'they hold half of the hour')
  const half = await asked(person, project, { role: 'Project Admin', seconds: 600 })
  assert.equal((await act(short, half, 'approve')).status, 200)
  assert.equal((await act(admin, beyond, 'approve')).status, 200)
})

test('D19 a request that nobody answered is over, and the log says so', async () => {
  const { admin, tenant, project, person, lead } = await team()
  const uid = await asked(person, project)
  await setOver(uid)
  assert.equal((await act(lead, uid, 'approve')).refusal?.code, 'request_closed')
  assert.equal((await act(person, uid, 'withdraw')).refusal?.code, 'request_closed')
  assert.equal((await read(person, uid)).body.state, 'expired')
  assert.deepEqual(await listed(lead, 'waiting'), [])
  const logger = createLogger('error', () => undefined)
  const pool = openPool(database.app, 'expiry', 2, logger)
  const appended: { event: string; tenant: string; resource: object }[] = []
  const expiry = createExpiry({
    ...{ inTenant: api.inTenant, lookups: createLookups(pool), sealerOf: api.keys.of, logger },
    clock: { now: () => Date.now(), monotonicMs: () => performance.now() },
    append: async (tx, { event, resource }) => appended.push({ event, resource, tenant: tx.tenant }),
  })
  const open = await asked(person, project, { role: 'Project Admin' })
  await Promise.all([expiry.expireDue(), expiry.expireDue()])
  await pool.end()
  assert.deepEqual(appended, [{ event: 'access.request.expired', resource: { uid }, tenant }])
  assert.deepEqual(
    (await listed(person, 'mine')).map((one) => [one.uid, one.state]),
    [
      [open, 'open'],
      [uid, 'expired'],
    ],
  )
  assert.equal((await act(admin, uid, 'deny')).refusal?.code, 'request_closed')
})

test('what is asked for can be given there, is not held, is not asked for twice, and not too often', async () => {
  const { admin, project, person } = await team()
  const other = await team()
  const refusal = async (...of: Parameters<typeof ask>) => (await ask(...of)).refusal?.code
  assert.equal(await refusal(person, other.project), 'not_found', 'another tenant’s project')
  assert.equal(await refusal(person, 'no such project'), 'not_found')
  assert.equal(await refusal(person, project, { role: 'no such role' }), 'not_found')
  assert.equal(await refusal(person, project, { role: 'Tenant Admin' }), 'invalid', 'a tenant role in a project')
  assert.equal(await refusal(person, project, { role: 'Resource Cluster Admin' }), 'invalid', 'without filters')
  assert.equal(await refusal(person, project, { reason: '   ' }), 'invalid')
  assert.equal(await refusal(person, project, { seconds: 9 * 3_600 }), 'invalid', 'longer than the tenant allows')
  assert.equal(await refusal(person, project, { cluster: 'f'.repeat(24) }), 'invalid', 'two places')
  assert.equal(await refusal(person, undefined, { cluster: 'f'.repeat(24) }), 'not_found')
  assert.equal(await refusal(api.root, undefined, { role: 'Tenant Admin' }), 'invalid')
  const own = await api.must(admin, 'POST /v1/roles', {
    body: { metadata: { name: 'Off' }, spec: { permissions: [], scope: 'project' }, status: { isEnabled: false } },
  })
  assert.equal(await refusal(person, project, { role: own.uid }), 'conflict')
  assert.equal(await refusal(admin, undefined, { role: 'Tenant Admin' }), 'conflict', 'held for good')

  await asked(person, 'DEFAULT')
  assert.equal(await refusal(person, project, { role: 'PROJECT VIEWER' }), 'conflict', 'the same, by other names')
  for (const name of ['Project Admin', 'Cluster Viewer', 'Cluster Editor', 'Cluster Admin'])
    await asked(person, project, { role: name })
  const sixth = await ask(person, project, { role: 'Cluster Profile Viewer' })
  assert.deepEqual([sixth.refusal?.code, sixth.refusal?.details], ['resource_limit', { limit: 5 }])
  // At once, too.
  const [mine] = await listed(person, 'mine')
  await act(person, mine?.uid ?? '', 'withdraw')
  const both = await Promise.all(
    ['Cluster Profile Viewer', 'Cluster Profile Editor'].map((name) => ask(person, project, { role: name })),
  )
  assert.deepEqual(both.map(({ status }) => status).toSorted(), [201, 403])
})

test('a request is there for who asked, who may decide, and who may ask about others', async () => {
  const { admin, project, person, lead } = await team()
  const uid = await asked(person, project)
  const bystander = await api.person(admin)
  const { admin: stranger } = await team()
  for (const who of [bystander, stranger]) {
    assert.equal((await read(who, uid)).status, 404)
    for (const what of ['approve', 'deny', 'withdraw'] as const) assert.equal((await act(who, uid, what)).status, 404)
  }
  assert.equal((await read(lead, uid)).status, 200)
  const looker = await api.person(admin, { roles: [role('Tenant Viewer')] })
  assert.equal((await read(looker, uid)).body.mayDecide, false)
  assert.equal((await act(looker, uid, 'approve')).refusal?.code, 'forbidden')
  assert.equal((await act(lead, uid, 'withdraw')).refusal?.code, 'forbidden')
  assert.equal((await act(lead, uid, 'deny', { note: 'not tonight' })).status, 204)
  assert.equal((await read(person, uid)).body.note, 'not tonight')
  assert.equal(await reads(person, project), false)
})

test('the tenant says for how long; what is longer than it says by now is not approved', async () => {
  const { admin, project, person, lead } = await team()
  assert.deepEqual(await api.must(person, `GET ${settings}`), {
    maxSeconds: 28_800,
    answerSeconds: 86_400,
    openPerPerson: 5,
  })
  const uid = await asked(person, project)
  const body = { maxSeconds: 1_800, answerSeconds: 600, openPerPerson: 1 }
  assert.equal((await api.call(lead, `PUT ${settings}`, { body })).status, 403)
  assert.equal((await api.call(admin, `PUT ${settings}`, { body: { ...body, maxSeconds: 1 } })).status, 400)
  assert.equal((await api.call(admin, `PUT ${settings}`, { body })).status, 204)
  assert.equal((await act(lead, uid, 'approve')).refusal?.code, 'conflict')
  await act(person, uid, 'withdraw')
  const { body: made } = await ask(person, project, { seconds: 1_800 })
  assert.ok(Date.parse(made.expiresAt) <= Date.now() + 600_000)
})

test('an approval moves the end of what is held until a time already, and never nearer', async () => {
  const { admin, project, person, lead } = await team()
  const give = (endsAt: Date) =>
    api.must(admin, 'POST /v1/palisade/access/assignments', {
      body: { user: person.user, role: role('Project Viewer'), project, endsAt: endsAt.toISOString() },
    })
  await give(new Date(Date.now() + 600_000))
  const longer = await act(lead, await asked(person, project), 'approve')
  assert.ok(Date.parse(longer.body.endsAt) > Date.now() + 3_000_000)
  const shorter = await act(lead, await asked(person, project, { seconds: 60 }), 'approve')
  assert.equal(shorter.body.endsAt, longer.body.endsAt)
})

test('an account that is switched off is given nothing', async () => {
  const { admin, project, person, lead } = await team()
  const uid = await asked(person, project)
  await sql(`update users set state = 'inactive' where user_id = $1`, [person.user])
  assert.equal((await act(lead, uid, 'approve')).refusal?.code, 'conflict')
  assert.equal((await read(admin, uid)).body.state, 'open')
})

test('pages are told of every change', async () => {
  const { tenant, project, person, lead } = await team()
  const pulse = () => api.inTenant(tenant, requestPulse)
  const seen = [await pulse()]
  const uid = await asked(person, project)
  seen.push(await pulse())
  await act(lead, uid, 'deny')
  seen.push(await pulse())
  assert.equal(new Set(seen).size, 3)
})
