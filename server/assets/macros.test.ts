import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createAssets } from './index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, ({ keys }) => [
    ...accessEndpoints,
    ...createAssets({ sealerOf: keys.of }).endpoints,
  ])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

type Macros = Readonly<Record<string, string>>
const bodyOf = (macros: Macros) => ({
  body: { macros: Object.entries(macros).map(([name, value]) => ({ name, value })) },
})
/** The two places that macros are kept in, by the same calls. */
const places = ['tenant', 'project'] as const
type Place = (typeof places)[number]
const routeAt = (place: Place, method: string) =>
  place === 'tenant' ? `${method} /v1/tenants/{tenantUid}/macros` : `${method} /v1/projects/{uid}/macros`
const pathAt = (place: Place, { uid, project }: { uid: string; project: string }) => ({
  params: place === 'tenant' ? { tenantUid: uid } : { uid: project },
})

describe('macros', () => {
  for (const place of places) {
    test(`of the ${place} are added, read, replaced, changed and removed by name`, async () => {
      const tenant = await api.tenant()
      const at = pathAt(place, tenant)
      const ask = (method: string, macros?: Macros) =>
        api.must(tenant.admin, routeAt(place, method), { ...at, ...(macros ? bodyOf(macros) : {}) })
      const read = async () =>
        Object.fromEntries(
          (await ask('GET')).macros.map(({ name, value }: { name: string; value: string }) => [name, value]),
        )
      await ask('POST', { REGION: 'eu', 'db.password': 's3cret' })
      await ask('POST', { empty: '' })
      assert.deepEqual(await read(), { REGION: 'eu', 'db.password': 's3cret', empty: '' })
      await ask('PUT', { region: 'us', 'db.password': 's3cret', new: 'x' })
      assert.deepEqual(await read(), { region: 'us', 'db.password': 's3cret', new: 'x' })
      await ask('PATCH', { new: 'y' })
      await ask('DELETE', { region: 'whatever', 'not-there': '' })
      assert.deepEqual(await read(), { 'db.password': 's3cret', new: 'y' })

      const entries = api.entries.filter((one) => one.tenant === tenant.uid && one.event.startsWith('macro.'))
      assert.deepEqual(
        entries.map(({ event, details: { decision: _, ...details } }) => [event, details]),
        [
          ['macro.created', { added: ['REGION', 'db.password'] }],
          ['macro.created', { added: ['empty'] }],
          ['macro.updated', { added: ['new'], changed: ['region'], removed: ['empty'] }],
          ['macro.updated', { changed: ['new'] }],
          ['macro.deleted', { removed: ['region'] }],
        ],
      )
    })

    test(`of the ${place}: a name that is taken, in any case, is a 422 and changes nothing`, async () => {
      const tenant = await api.tenant()
      const at = pathAt(place, tenant)
      await api.must(tenant.admin, routeAt(place, 'POST'), { ...at, ...bodyOf({ one: '1' }) })
      const twice = { body: { macros: [{ name: 'x' }, { name: 'X' }] } }
      for (const [method, call] of [
        ['POST', bodyOf({ new: 'n', One: '2' })],
        ['POST', twice],
        ['PUT', twice],
        ['PATCH', twice],
      ] as const) {
        const { status, refusal } = await api.call(tenant.admin, routeAt(place, method), { ...at, ...call })
        assert.deepEqual([status, refusal?.code], [422, 'macro_name_taken'], method)
      }
      const unknown = await api.call(tenant.admin, routeAt(place, 'PATCH'), { ...at, ...bodyOf({ two: '2' }) })
      assert.equal(unknown.status, 404)
      const { macros } = await api.must(tenant.admin, routeAt(place, 'GET'), at)
      assert.deepEqual(macros, [{ name: 'one', value: '1' }])
    })
  }

  test("the tenant's and a project's of the same name stand side by side, each for who may", async () => {
    const tenant = await api.tenant()
    for (const place of places)
      await api.must(tenant.admin, routeAt(place, 'POST'), { ...pathAt(place, tenant), ...bodyOf({ one: place }) })
    const person = await inProject(tenant, [predefinedRole('Project Admin').uid])
    const at = pathAt('project', tenant)
    const found = await api.must(person, routeAt('project', 'GET'), at)
    assert.deepEqual(found.macros, [{ name: 'one', value: 'project' }])
    assert.equal((await api.call(person, routeAt('tenant', 'GET'), pathAt('tenant', tenant))).status, 403)
  })

  test('replacing all is no way to add or remove for who may only change', async () => {
    const tenant = await api.tenant()
    const at = pathAt('project', tenant)
    await api.must(tenant.admin, routeAt('project', 'POST'), { ...at, ...bodyOf({ one: '1', two: '2' }) })
    const { uid: role } = await api.must(tenant.admin, 'POST /v1/roles', {
      body: { metadata: { name: 'Changer' }, spec: { permissions: ['macro.update'], scope: 'project', type: 'user' } },
    })
    const person = await inProject(tenant, [role])
    for (const [macros, missing] of [
      [{ one: '1', two: '2', three: '3' }, 'macro.create'],
      [{ one: '1' }, 'macro.delete'],
    ] as const) {
      const { status, refusal } = await api.call(person, routeAt('project', 'PUT'), { ...at, ...bodyOf(macros) })
      assert.deepEqual([status, refusal?.details?.permission], [403, missing])
    }
    await api.must(person, routeAt('project', 'PUT'), { ...at, ...bodyOf({ one: 'eins', two: '2' }) })
    assert.equal((await api.call(person, routeAt('project', 'GET'), at)).status, 403, 'values need macro.get')
  })

  test('no more than 200 in a scope, and a null list is an empty one', async () => {
    const tenant = await api.tenant()
    const at = pathAt('project', tenant)
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`m${i}`, `${i}`]))
    await api.must(tenant.admin, routeAt('project', 'POST'), { ...at, ...bodyOf(many) })
    const more = await api.call(tenant.admin, routeAt('project', 'POST'), { ...at, ...bodyOf({ more: '' }) })
    assert.equal(more.refusal?.code, 'resource_limit')
    const all = await api.call(tenant.admin, routeAt('project', 'PUT'), { ...at, ...bodyOf({ ...many, more: '' }) })
    assert.equal(all.refusal?.code, 'resource_limit')
    await api.must(tenant.admin, routeAt('project', 'PUT'), { ...at, body: { macros: null } })
    assert.deepEqual((await api.must(tenant.admin, routeAt('project', 'GET'), at)).macros, [])
    const odd = await api.call(tenant.admin, routeAt('project', 'POST'), { ...at, ...bodyOf({ 'a b': '' }) })
    assert.equal(odd.status, 400)
  })

  test('values are sealed in the database, and stand in no entry', async () => {
    const tenant = await api.tenant()
    const at = pathAt('tenant', tenant)
    await api.must(tenant.admin, routeAt('tenant', 'POST'), { ...at, ...bodyOf({ password: 'correct horse' }) })
    const rows = await withClient(database.superuser, (client) =>
      client.query('select value from macros where tenant_id = $1', [tenant.uid]),
    )
    assert.equal(rows.rowCount, 1)
    assert.ok(!rows.rows[0].value.includes('correct horse'))
    assert.ok(!JSON.stringify(api.entries.map(({ details }) => details)).includes('correct horse'))
  })

  test('of the installation are kept by system administrators, and tenants see the names', async () => {
    const { admin, uid: tenantUid, project } = await api.tenant()
    const system = '/v1/users/system/macros'
    await api.must(api.root, `POST ${system}`, bodyOf({ NTP: 'ntp.example', 'proxy.password': 's3cret' }))
    await api.must(api.root, `PATCH ${system}`, bodyOf({ NTP: 'time.example' }))
    const kept = [
      { name: 'NTP', value: 'time.example' },
      { name: 'proxy.password', value: 's3cret' },
    ]
    assert.deepEqual((await api.must(api.root, `GET ${system}`)).macros, kept)
    assert.equal((await api.call(api.root, `POST ${system}`, bodyOf({ ntp: '' }))).status, 422)
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const body = method === 'GET' ? {} : bodyOf({ NTP: 'evil.example' })
      assert.equal((await api.call(admin, `${method} ${system}`, body)).status, 403, method)
    }

    await api.must(admin, routeAt('tenant', 'POST'), { params: { tenantUid }, ...bodyOf({ NTP: 'own', REGION: 'eu' }) })
    await api.must(admin, routeAt('project', 'POST'), {
      params: { uid: project },
      ...bodyOf({ REGION: 'us', ZONE: 'a' }),
    })
    const visible = async (who: Principal, inProject?: string) => {
      const { macros } = await api.must(who, 'GET /v1/clusterprofiles/macros', inProject ? { project: inProject } : {})
      assert.ok(
        macros.every(({ value }: { value: string }) => value === ''),
        'no values',
      )
      return macros.map(({ name }: { name: string }) => name)
    }
    assert.deepEqual(await visible(admin, project), ['NTP', 'REGION', 'ZONE', 'proxy.password'])
    assert.deepEqual(await visible(admin), ['NTP', 'REGION', 'proxy.password'])
    const person = await inProject({ admin, project }, [predefinedRole('Project Viewer').uid])
    assert.deepEqual(await visible(person, project), ['NTP', 'REGION', 'ZONE', 'proxy.password'])
    assert.equal((await api.call(person, 'GET /v1/clusterprofiles/macros')).status, 403, "the tenant's alone")

    await api.must(api.root, `PUT ${system}`, bodyOf({ DNS: '192.0.2.1' }))
    await api.must(api.root, `DELETE ${system}`, bodyOf({ DNS: '' }))
    assert.deepEqual((await api.must(api.root, `GET ${system}`)).macros, [])
  })

  test('another tenant’s are not there', async () => {
    const tenant = await api.tenant()
    const { admin: stranger } = await api.tenant()
    for (const place of places)
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        const call = { ...pathAt(place, tenant), ...(method === 'GET' ? {} : bodyOf({ one: '1' })) }
        assert.equal((await api.call(stranger, routeAt(place, method), call)).status, 404, `${method} ${place}`)
      }
  })
})

async function inProject({ admin, project }: { admin: Principal; project: string }, roles: readonly string[]) {
  const who = await api.person(admin)
  await api.must(admin, 'PUT /v1/users/{uid}/projects', {
    params: { uid: who.user },
    body: { projects: [{ projectUid: project, roles }] },
  })
  return who
}
