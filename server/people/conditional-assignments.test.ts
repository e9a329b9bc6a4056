import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints, explainEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'

let postgres: TestPostgres
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  let people: Phases['people'] | undefined
  api = await startPhases(await postgres.create(), () => [
    ...accessEndpoints,
    ...explainEndpoints({
      names: {
        people: async (tx) => (await people?.names.people(tx)) ?? new Map(),
        teams: async (tx) => (await people?.names.teams(tx)) ?? new Map(),
      },
      findAsset: async () => undefined,
      findCluster: async () => undefined,
    }),
  ])
  people = api.people
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const list = 'GET /v1/palisade/access/assignments'
const give = 'POST /v1/palisade/access/assignments'
const change = 'PATCH /v1/palisade/access/assignments/{uid}'
const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid
const viewer = role('Project Viewer')
const forever = { endsAt: null }
const office = { networks: ['192.0.2.0/24', '2001:db8::/32'] }
const fresh = { signInWithinSeconds: 900 }
const at = (address: string, who: Principal): Principal => ({ ...who, origin: { address } })
const signedIn = (who: Principal, secondsAgo: number): Principal => ({
  ...who,
  origin: { ...who.origin, provedAt: Date.now() - secondsAgo * 1_000 },
})

/** Whether somebody may read the project, through the phases that every request goes through. */
const reads = async (who: Principal, uid: string) =>
  (await api.call(who, 'GET /v1/projects/{uid}', { params: { uid } })).status === 200

test('a role under conditions counts for requests that meet them, and the refusal of others says which do', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const body = { user: person.user, role: viewer, project, ...forever, conditions: { ...office, ...fresh } }
  const { uid } = await api.must(admin, give, { body })
  const inside = at('192.0.2.7', person)
  assert.equal(await reads(signedIn(inside, 1), project), true)
  assert.equal(await reads(signedIn(at('2001:db8::7', person), 1), project), true)
  assert.equal(await reads(signedIn(inside, 901), project), false, 'too old')
  assert.equal(await reads(inside, project), false, 'an API key proves nobody')
  assert.equal(await reads(signedIn(at('198.51.100.7', person), 1), project), false, 'from elsewhere')
  assert.equal(await reads({ ...person, origin: {} }, project), false, 'a door that tells nothing')

  const refused = await api.call(at('198.51.100.7', person), 'GET /v1/projects/{uid}', { params: { uid: project } })
  assert.match(
    refused.refusal?.detail ?? '',
    /by Project Viewer under conditions alone: from 192\.0\.2\.0\/24 or 2001:db8::\/32, within 15 minutes of signing in/,
  )
  assert.deepEqual(refused.refusal?.details?.unmet, ['network', 'sign-in-age'])

  const { items } = await api.must(person, list)
  assert.deepEqual([items[0].uid, items[0].endsAt, items[0].conditions], [uid, null, body.conditions])
  const entry = api.entries.findLast(({ event }) => event === 'assignment.created')
  assert.deepEqual(entry?.details.conditions, body.conditions)
})

test('lists and own rights are those of the request', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  await api.must(admin, give, { body: { user: person.user, role: viewer, project, ...forever, conditions: office } })
  const permissionsAt = async (address: string) => {
    const me = await api.must(at(address, person), 'GET /v1/users/me')
    return Object.keys(me.status.projectPermissions)
  }
  assert.deepEqual(await permissionsAt('192.0.2.7'), [project])
  assert.deepEqual(await permissionsAt('198.51.100.7'), [])
  const names = async (address: string) =>
    (await api.must(at(address, person), 'GET /v1/dashboard/projects/metadata')).items.length
  assert.deepEqual([await names('192.0.2.7'), await names('198.51.100.7')], [1, 0])
})

test('conditions are changed and taken away; what is not named stays', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const endsAt = new Date(Date.now() + 3_600_000).toISOString()
  const { uid } = await api.must(admin, give, { body: { user: person.user, role: viewer, project, endsAt } })
  const change_ = (body: object) => api.call(admin, change, { params: { uid }, body })
  const held = async () => {
    const [one] = (await api.must(person, list)).items
    return [one.endsAt, one.conditions]
  }
  assert.deepEqual(await held(), [endsAt, null])
  assert.equal((await change_({ conditions: office })).status, 204)
  assert.deepEqual(await held(), [endsAt, office])
  assert.equal((await change_({ endsAt: null })).status, 204)
  assert.deepEqual(await held(), [null, office])
  const entry = api.entries.findLast(({ event }) => event === 'assignment.updated')
  assert.deepEqual(entry?.details.before, { endsAt, conditions: office })
  assert.equal((await change_({ conditions: null })).status, 204)
  assert.deepEqual(await held(), [null, null])
  assert.equal((await change_({})).refusal?.code, 'invalid')

  await change_({ conditions: office })
  const again = await api.call(admin, give, { body: { user: person.user, role: viewer, project, endsAt } })
  assert.equal(again.refusal?.code, 'conflict', 'giving takes no conditions away')
})

test('what could never mean what its author thinks is refused, and what is unknown', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const window = { timeZone: 'Europe/Berlin', days: ['mon'], from: '08:00', to: '18:00' }
  const cases: readonly (readonly [conditions: unknown, says: RegExp])[] = [
    [{}, /at least one/],
    [{ weather: 'fine' }, /weather/],
    [{ timeWindow: { ...window, timeZone: 'Mars/Olympus' } }, /Mars\/Olympus is no time zone/],
    [{ timeWindow: { ...window, days: [] } }, /days/],
    [{ timeWindow: { ...window, days: ['mon', 'mon'] } }, /a day stands twice/],
    [{ timeWindow: { ...window, to: '25:00' } }, /00:00 to 24:00/],
    [{ timeWindow: { ...window, to: '08:00' } }, /the same/],
    [{ networks: ['10.0.0.1/8'] }, /bits behind/],
    [{ networks: Array.from({ length: 33 }, (_, i) => `10.0.${i}.0/24`) }, /networks/],
    [{ networks: [] }, /networks/],
    [{ signInWithinSeconds: 0 }, /signInWithinSeconds/],
    [{ signInWithinSeconds: 1.5 }, /signInWithinSeconds/],
  ]
  for (const [conditions, says] of cases) {
    const reply = await api.call(admin, give, {
      body: { user: person.user, role: viewer, project, ...forever, conditions },
    })
    assert.equal(reply.refusal?.code, 'invalid', JSON.stringify(conditions))
    assert.match(reply.refusal?.detail ?? '', says)
  }
})

test('D01 what is held under conditions is not enough to give it, and nobody loosens their own', async () => {
  const { admin, project } = await api.tenant()
  const lead = at('192.0.2.7', await api.person(admin))
  const person = await api.person(admin)
  const { uid } = await api.must(admin, give, {
    body: { user: lead.user, role: role('Project Admin'), project, ...forever, conditions: office },
  })
  const gives = (conditions: object | null) =>
    api.call(lead, give, { body: { user: person.user, role: viewer, project, ...forever, conditions } })
  assert.equal(await reads(lead, project), true)
  assert.equal((await gives(null)).refusal?.code, 'exceeds_own_rights')
  assert.equal((await gives(office)).refusal?.code, 'exceeds_own_rights', 'under the same neither')
  const change_ = (who: Principal, body: object, of = uid) => api.call(who, change, { params: { uid: of }, body })
  assert.equal((await change_(lead, { conditions: null })).refusal?.code, 'exceeds_own_rights')
  assert.equal((await change_(lead, { conditions: { networks: ['0.0.0.0/0'] } })).refusal?.code, 'exceeds_own_rights')
  assert.equal((await change_(lead, { conditions: { ...office, ...fresh } })).refusal?.code, 'exceeds_own_rights')
  assert.equal((await change_(lead, { conditions: office })).status, 204, 'as it was')
  const outside = { ...lead, origin: { address: '198.51.100.7' } }
  assert.equal(
    (await change_(outside, { endsAt: new Date(Date.now() + 9e6).toISOString() })).refusal?.code,
    'forbidden',
  )

  // Whoever holds it outright gives it under conditions; to put conditions on what somebody has is no giving.
  await api.must(admin, 'PUT /v1/users/{uid}/projects', {
    params: { uid: lead.user },
    body: { projects: [{ projectUid: project, roles: [role('Project Admin')] }] },
  })
  const given = await gives(office)
  assert.equal(given.status, 201)
})

test('the tenant keeps an administrator whom no condition keeps out', async () => {
  const { admin } = await api.tenant()
  const [own] = (await api.must(admin, list)).items
  const reply = await api.call(admin, change, { params: { uid: own.uid }, body: { conditions: office } })
  assert.equal(reply.refusal?.code, 'conflict')
})

test('explain says which condition fails and what it asks; who can and what can name it', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const conditions = { ...office, ...fresh }
  await api.must(admin, give, { body: { user: person.user, role: viewer, project, ...forever, conditions } })
  const ask = (who: Principal, more: object = {}) =>
    api.must(who, 'POST /v1/palisade/access/explain', { body: { permission: 'cluster.get', project, ...more } })
  const whyNot = async (who: Principal, more?: object) => {
    const { effect, near } = await ask(who, more)
    return [effect, ...near.map((one: { why: string; unmet: string[]; conditions: object }) => [one.why, one.unmet])]
  }
  const inside = signedIn(at('192.0.2.7', person), 1)
  assert.deepEqual(await whyNot(inside), ['allow'])
  assert.deepEqual((await ask(inside)).because[0].conditions, conditions)
  assert.deepEqual(await whyNot(at('192.0.2.7', person)), ['deny', ['condition', ['sign-in-age']]])
  assert.deepEqual(await whyNot(signedIn(at('198.51.100.7', person), 1)), ['deny', ['condition', ['network']]])
  // Of somebody else's requests nobody knows anything, the asker's own least of all.
  assert.deepEqual(await whyNot(signedIn(at('192.0.2.7', admin), 1), { user: person.user }), [
    'deny',
    ['condition', ['network', 'sign-in-age']],
  ])
  const able = await api.must(admin, 'GET /v1/palisade/access/who-can', {
    query: { permission: 'cluster.get', project },
  })
  const one = able.items.find(({ user }: { user: { uid: string } }) => user.uid === person.user)
  assert.deepEqual(one.because[0].conditions, conditions)
  const can = await api.must(inside, 'GET /v1/palisade/access/what-can')
  assert.deepEqual([can.projects, can.filtered], [[], []])
  assert.deepEqual([can.conditional[0].conditions, can.conditional[0].role.uid], [conditions, viewer])
  assert.ok(can.conditional[0].permissions.includes('cluster.get'))
})
