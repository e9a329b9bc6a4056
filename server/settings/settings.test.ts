import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { limitedKinds } from '../../contract/wire/limits.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import { limitEndpoints } from './index.ts'

let postgres: TestPostgres
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  api = await startPhases(await postgres.create(), () => [...accessEndpoints, ...limitEndpoints])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const of = 'GET /v1/tenants/{tenantUid}/resourceLimits'
const set = 'PATCH /v1/tenants/{tenantUid}/resourceLimits'
const ofAll = 'GET /v1/system/resourceLimits'
const setAll = 'PATCH /v1/system/resourceLimits'
type Shown = { kind: string; limit: number; maxLimit: number; label: string }
const shown = (body: { resources: Shown[] }, kind: string) => body.resources.find((one) => one.kind === kind)

test('limits are set by a tenant for itself, and hold for what is made from then on', async () => {
  const { uid: tenantUid, admin } = await api.tenant()
  const params = { tenantUid }
  const team = (name: string) => api.call(admin, 'POST /v1/teams', { body: { metadata: { name }, spec: {} } })
  const project = (name: string) => api.call(admin, 'POST /v1/projects', { body: { metadata: { name } } })
  const role = (name: string) =>
    api.call(admin, 'POST /v1/roles', { body: { metadata: { name }, spec: { permissions: [], scope: 'tenant' } } })
  const filterGroup = { filters: [{ key: 'a', values: ['b'] }] }
  const filter = (name: string) =>
    api.call(admin, 'POST /v1/filters/tag', { body: { metadata: { name }, spec: { filterGroup } } })
  const user = (name: string) =>
    api.call(admin, 'POST /v1/users', { body: { spec: { emailId: `${name}@example.com`, firstName: name } } })
  const before = await api.must(admin, of, { params })
  assert.deepEqual(before.resources.map((one: Shown) => one.kind).toSorted(), limitedKinds.toSorted())
  assert.deepEqual(shown(before, 'team'), { kind: 'team', label: 'Teams', limit: 10_000, maxLimit: 10_000 })
  assert.equal(shown(before, 'apiKey')?.limit, 20)

  const kinds = { team, project, role, filter, user }
  // One of each is there by then: the administrator, the project Default, and what is made here.
  for (const make of [team, role, filter]) assert.equal((await make('one')).status, 201)
  const resources = Object.keys(kinds).map((kind) => ({ kind, limit: 1 }))
  assert.equal((await api.call(admin, set, { params, body: { resources } })).status, 204)
  for (const [kind, make] of Object.entries(kinds)) {
    const refused = await make('two')
    assert.deepEqual([refused.status, refused.refusal?.code], [403, 'resource_limit'], kind)
    assert.deepEqual(refused.refusal?.details, { kind, limit: 1 })
  }
  await api.must(admin, set, { params, body: { resources: [{ kind: 'team', limit: 2 }] } })
  assert.equal((await team('two')).status, 201)
  const after = await api.must(admin, of, { params })
  assert.deepEqual([shown(after, 'team')?.limit, shown(after, 'role')?.limit], [2, 1], 'what is not named stays')
  await api.must(admin, set, { params, body: { resources: null } })
})

test('those who ask at once are counted one after the other', async () => {
  const { uid: tenantUid, admin } = await api.tenant()
  const asked = { resources: [{ kind: 'filter', limit: 3 }] }
  await api.must(admin, set, { params: { tenantUid }, body: asked })
  const filterGroup = { filters: [{ key: 'a', values: ['b'] }] }
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      api.call(admin, 'POST /v1/filters/tag', { body: { metadata: { name: `f${at}` }, spec: { filterGroup } } }),
    ),
  )
  assert.equal(answers.filter(({ status }) => status === 201).length, 3)
  assert.equal(answers.filter(({ refusal }) => refusal?.code === 'resource_limit').length, 17)
})

test('the installation sets what holds for all, and the most that a tenant may set', async () => {
  const { uid: tenantUid, admin } = await api.tenant()
  const params = { tenantUid }
  const asked = (kind: string, limit: number) =>
    api.call(admin, set, { params, body: { resources: [{ kind, limit }] } })
  assert.equal((await asked('sshkey', 10_000)).status, 204)
  assert.equal((await asked('sshkey', 10_001)).refusal?.code, 'invalid')
  const resources = [{ kind: 'sshkey', limit: 5, maxLimit: 7 }]
  await api.must(api.root, setAll, { body: { resources } })
  assert.deepEqual(shown(await api.must(api.root, ofAll), 'sshkey'), resources[0])
  assert.deepEqual(shown(await api.must(admin, of, { params }), 'sshkey')?.limit, 7, 'a lowered ceiling holds at once')
  const { uid: other, admin: otherAdmin } = await api.tenant()
  assert.deepEqual(shown(await api.must(otherAdmin, of, { params: { tenantUid: other } }), 'sshkey')?.limit, 5)
  const above = await api.call(api.root, setAll, { body: { resources: [{ kind: 'sshkey', limit: 8 }] } })
  assert.equal(above.refusal?.code, 'invalid')
  assert.equal(shown(await api.must(api.root, ofAll), 'sshkey')?.limit, 5, 'and nothing of it was kept')
})

test('only a Tenant Admin sets limits, and only of their own tenant; a typo is no limit', async () => {
  const { uid: tenantUid, admin } = await api.tenant()
  const { uid: other } = await api.tenant()
  const body = { resources: [{ kind: 'team', limit: 5 }] }
  const users = await api.person(admin, { roles: [predefinedRole('Tenant User Admin').uid] })
  const nobody = await api.person(admin)
  assert.equal((await api.call(users, set, { params: { tenantUid }, body })).status, 403)
  assert.equal((await api.call(users, of, { params: { tenantUid } })).status, 200)
  assert.equal((await api.call(nobody, of, { params: { tenantUid } })).status, 403)
  for (const route of [of, set]) {
    assert.equal((await api.call(admin, route, { params: { tenantUid: other }, body })).status, 404, route)
    assert.equal((await api.call(api.root, route, { params: { tenantUid }, body })).status, 404, route)
  }
  for (const odd of [
    { resources: [{ kind: 'Team', limit: 5 }] },
    { resources: [{ kind: 'team', limit: -1 }] },
    { resources: [{ kind: 'team', limit: 1.5 }] },
    { resources: [{ kind: 'team' }] },
  ])
    assert.equal((await api.call(admin, set, { params: { tenantUid }, body: odd })).status, 400, JSON.stringify(odd))
  assert.equal((await api.call(admin, setAll, { body })).status, 403)
})
