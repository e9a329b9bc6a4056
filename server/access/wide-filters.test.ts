import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { decide } from '../../core/access/index.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import type { Principal } from '../gateway/index.ts'
import { accessEndpoints } from './index.ts'

let postgres: TestPostgres
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  api = await startPhases(await postgres.create(), () => accessEndpoints)
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const make = 'POST /v1/palisade/filters'
const read = 'GET /v1/palisade/filters/{uid}'
const change = 'PUT /v1/palisade/filters/{uid}'
const published = 'GET /v1/filters/tag/{uid}'
const changePublished = 'PUT /v1/filters/tag/{uid}'

async function reads(who: Principal, project: string, tags: Record<string, string>) {
  const { compiled } = await api.inTenant(who.tenant, (tx) => api.access.inTx(tx))
  const resource = { kind: 'spectrocluster', uid: 'x', scope: { kind: 'project', projectUid: project }, tags } as const
  const request = { subject: { userUid: who.user }, permission: 'cluster.get', resource, now: Date.now() }
  return decide(request, compiled).effect === 'allow'
}

test('a filter with further operators selects what it says, and is read as it was written', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const expressions = [
    { key: 'env', operator: 'prefix', negation: false, values: ['prod'] },
    { key: 'tier', operator: 'lte', negation: false, values: ['2'] },
    { key: 'retired', operator: 'exists', negation: true, values: [] },
  ]
  const { uid } = await api.must(admin, make, { body: { name: 'critical', expressions } })
  const params = { uid }
  assert.deepEqual(await api.must(admin, read, { params }), {
    ...{ uid, name: 'critical', conjunction: 'and', expressions, isPublished: false },
  })
  await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
    params: { uid: person.user },
    body: { projectUids: [project], filterRefs: [uid], roles: [predefinedRole('Resource Cluster Viewer').uid] },
  })
  assert.equal(await reads(person, project, { env: 'prod-eu', tier: '1' }), true)
  assert.equal(await reads(person, project, { env: 'prod-eu', tier: '10' }), false)
  assert.equal(await reads(person, project, { env: 'prod-eu', tier: 'one' }), false)
  assert.equal(await reads(person, project, { env: 'prod-eu', tier: '1', retired: '' }), false)

  // The published shape has no room for it, and does not show a part that would select more.
  const shown = await api.must(admin, published, { params })
  assert.deepEqual(shown.spec.filterGroup, { conjunction: 'and', filters: [] })
  const filterGroup = { filters: [{ key: 'env', operator: 'eq', values: ['dev'] }] }
  const body = { metadata: { name: 'critical' }, spec: { filterGroup } }
  assert.equal((await api.call(admin, changePublished, { params, body })).refusal?.code, 'conflict')

  const narrowed = [{ key: 'env', operator: 'eq', values: ['dev'] }]
  assert.equal((await api.call(admin, change, { params, body: { name: 'dev', expressions: narrowed } })).status, 204)
  assert.equal(await reads(person, project, { env: 'dev' }), true)
  assert.equal(await reads(person, project, { env: 'prod-eu', tier: '1' }), false)
  assert.equal((await api.must(admin, read, { params })).isPublished, true)
  assert.equal((await api.must(admin, published, { params })).spec.filterGroup.filters.length, 1)
  assert.equal((await api.call(admin, changePublished, { params, body })).status, 204)
})

test('D01 who changes what a filter selects holds that, whatever it compares by', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const expressions = [{ key: 'env', operator: 'prefix', values: ['dev'] }]
  const { uid } = await api.must(admin, make, { body: { name: 'dev', expressions } })
  await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
    params: { uid: person.user },
    body: { projectUids: [project], filterRefs: [uid], roles: [predefinedRole('Resource Cluster Viewer').uid] },
  })
  const { uid: editors } = await api.must(admin, 'POST /v1/roles', {
    body: { metadata: { name: 'Filter editors' }, spec: { permissions: ['filter.update'], scope: 'tenant' } },
  })
  const editor = await api.person(admin, { roles: [editors] })
  const wider = { name: 'dev', expressions: [{ key: 'env', operator: 'exists' }] }
  assert.equal((await api.call(editor, change, { params: { uid }, body: wider })).refusal?.code, 'exceeds_own_rights')
  assert.equal((await api.call(editor, change, { params: { uid }, body: { name: 'other', expressions } })).status, 204)
})

test('an expression that could never be evaluated is refused', async () => {
  const { admin } = await api.tenant()
  const refused = async (expression: object, name = 'x') =>
    (await api.call(admin, make, { body: { name, expressions: [{ key: 'a', ...expression }] } })).refusal?.code
  for (const expression of [
    { operator: 'eq', values: [] },
    { operator: 'prefix' },
    { operator: 'exists', values: ['x'] },
    { operator: 'lt', values: ['five'] },
    { operator: 'gte', values: ['5', '1234567890'] },
    { operator: 'before', values: ['2026-13-01'] },
    { operator: 'after', values: ['2026-01-01T08:00:00+01:00'] },
    { operator: 'matches', values: ['x'] },
    { operator: 'eq', values: ['x'], key: '' },
  ])
    assert.equal(await refused(expression), 'invalid', JSON.stringify(expression))
  assert.equal((await api.call(admin, make, { body: { name: 'x', expressions: [] } })).refusal?.code, 'invalid')
  assert.equal(await refused({ operator: 'in', values: ['1', '2'] }, 'once'), undefined)
  assert.equal(await refused({ operator: 'in', values: ['1'] }, 'ONCE'), 'filter_name_taken')
})
