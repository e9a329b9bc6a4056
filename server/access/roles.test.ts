import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole, predefinedRoles } from '../../contract/roles.ts'
import { decide } from '../../core/access/index.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import type { Principal } from '../gateway/index.ts'
import { accessEndpoints } from './index.ts'

const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid

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

const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
/** As the Terraform provider sends it. */
const roleBody = (name: string, permissions: readonly string[] | null, scope = 'tenant', isEnabled = true) => ({
  body: {
    metadata: { name, annotations: { scope }, creationTimestamp: '0001-01-01T00:00:00.000Z' },
    spec: { permissions, scope, type: 'user' },
    status: { isEnabled },
  },
})
const newRole = async (who: Principal, ...given: Parameters<typeof roleBody>): Promise<string> =>
  (await api.must(who, 'POST /v1/roles', roleBody(...given))).uid
const expression = (key: string, ...values: string[]) => ({ key, negation: false, operator: 'eq', values })
const filterBody = (name: string, filters: readonly object[], conjunction = 'and') => ({
  body: { metadata: { name }, spec: { filterGroup: { conjunction, filters } } },
})
const newFilter = async (who: Principal, name: string, ...filters: object[]): Promise<string> =>
  (await api.must(who, 'POST /v1/filters/tag', filterBody(name, filters))).uid

/** Whether somebody may do something to an object with these tags now. */
async function may(who: Principal, permission: string, project: string, tags: Record<string, string>) {
  const snapshot = await api.inTenant(who.tenant, (tx) => api.access.inTx(tx))
  const resource = { kind: 'spectrocluster', uid: 'x', scope: { kind: 'project', projectUid: project }, tags } as const
  const request = { subject: { userUid: who.user }, permission, resource, now: Date.now() }
  return decide(request, snapshot.compiled).effect === 'allow'
}
const give = (admin: Principal, who: Principal, roles: readonly string[]) =>
  api.must(admin, 'PUT /v1/users/{uid}/roles', at(who.user, { body: { roles } }))

describe('roles', () => {
  test('roles are searched by a part of the name or by a permission, by scope, a page at a time', async () => {
    const { admin } = await api.tenant()
    const { admin: stranger } = await api.tenant()
    const own = await newRole(admin, 'Night watch', ['cluster.get', 'cluster.delete'], 'project', false)
    const find = (query: Readonly<Record<string, string>>, who = admin) =>
      api.must(who, 'GET /v1/palisade/roles', { query })
    const names = async (query: Readonly<Record<string, string>>, who = admin): Promise<string[]> =>
      (await find(query, who)).items.map(({ name }: { name: string }) => name)
    assert.deepEqual((await find({ q: 'NIGHT' })).items, [
      {
        ...{ uid: own, name: 'Night watch', scope: 'project', description: '', permissions: 2 },
        ...{ isPredefined: false, isEnabled: false },
      },
    ])
    assert.deepEqual(await names({ q: 'night' }, stranger), [])
    const carrying = predefinedRoles.filter((one) => one.permissions.includes('cluster.delete' as never))
    const tenantOrBelow = carrying.filter(({ scope }) => scope !== 'system').map(({ name }) => name)
    assert.deepEqual((await names({ q: 'Cluster.Delete', limit: '100' })).toSorted(), [
      ...[...tenantOrBelow, 'Night watch'].toSorted(),
    ])
    assert.deepEqual(await names({ q: 'cluster.delet' }), [], 'a part of a permission is none')
    const inProjects = await names({ scope: 'project', limit: '100' })
    assert.ok(inProjects.includes('Night watch') && !inProjects.includes('Tenant Admin'))
    const whole = await find({ limit: '100' })
    assert.equal(whole.count, whole.items.length)
    const pages = [await names({ limit: '10' }), await names({ limit: '10', offset: '10' })]
    assert.deepEqual(pages.flat(), (await names({ limit: '100' })).slice(0, 20))
    const counts = (await find({ orderBy: 'permissions', descending: 'true', limit: '100' })).items.map(
      ({ permissions }: { permissions: number }) => permissions,
    )
    assert.deepEqual(
      counts,
      counts.toSorted((a: number, b: number) => b - a),
    )
    assert.equal((await api.call(await api.person(admin), 'GET /v1/palisade/roles')).status, 403)
    for (const query of [{ limit: '0' }, { orderBy: 'scope' }, { scope: 'system' }, { other: 'x' }])
      assert.equal((await api.call(admin, 'GET /v1/palisade/roles', { query })).status, 400, JSON.stringify(query))
  })

  test('a role of the tenant is made, read as it was sent, changed, and gives what it says from then on', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newRole(admin, 'Auditors', ['cluster.list', 'cluster.get', 'cluster.get'], 'project')
    const found = await api.must(admin, 'GET /v1/roles/{uid}', at(uid))
    assert.deepEqual(found.spec, { permissions: ['cluster.list', 'cluster.get'], scope: 'project', type: 'user' })
    assert.deepEqual(found.status, { isEnabled: true })
    assert.deepEqual(found.metadata.annotations, {
      ...{ scope: 'tenant', tenantUid: tenant },
      permissions: 'role.delete,role.get,role.list,role.update',
    })

    const person = await api.person(admin)
    await api.must(admin, 'PUT /v1/users/{uid}/projects', {
      ...at(person.user),
      body: { projects: [{ projectUid: project, roles: [uid] }] },
    })
    const held = await api.must(admin, 'GET /v1/users/{uid}/projects', at(person.user))
    assert.deepEqual(held.projects[0].roles, [{ uid, name: 'Auditors' }])
    assert.equal(await may(person, 'cluster.get', project, {}), true)
    assert.equal(await may(person, 'cluster.update', project, {}), false)
    await api.must(admin, 'PUT /v1/roles/{uid}', at(uid, roleBody('Auditors', ['cluster.update'], 'project')))
    assert.equal(await may(person, 'cluster.get', project, {}), false)
    assert.equal(await may(person, 'cluster.update', project, {}), true)
    await api.must(admin, 'PUT /v1/roles/{uid}', at(uid, roleBody('Auditors', ['cluster.update'], 'project', false)))
    assert.equal(await may(person, 'cluster.update', project, {}), false, 'switched off, it gives nothing')
  })

  test("the tenant's own roles stand before the predefined ones, are found by name, and are nobody else's", async () => {
    const { admin } = await api.tenant()
    const { admin: stranger } = await api.tenant()
    for (const name of ['Zebra', 'Ant', 'Elk', 'Owl', 'Yak', 'Hen']) await newRole(admin, name, ['cluster.get'])
    const first = await api.must(admin, 'GET /v1/roles', { query: { limit: '50' } })
    const names = first.items.map((one: { metadata: { name: string } }) => one.metadata.name)
    assert.deepEqual(names.slice(0, 7), ['Ant', 'Elk', 'Hen', 'Owl', 'Yak', 'Zebra', predefinedRoles[0]?.name])
    assert.deepEqual([first.items.length, first.listmeta.count], [50, 52])
    const found = await api.must(admin, 'GET /v1/roles', { query: { filters: 'metadata.name=Yak' } })
    assert.deepEqual(
      found.items.map((one: { spec: { type: string } }) => one.spec.type),
      ['user'],
    )
    const own = await api.must(admin, 'GET /v1/roles', {
      query: { filters: 'spec.type=user', orderBy: 'metadata.name=-1' },
    })
    assert.equal(own.items[0].metadata.name, 'Zebra')
    const [{ metadata }] = found.items
    for (const route of ['GET /v1/roles/{uid}', 'DELETE /v1/roles/{uid}'])
      assert.equal((await api.call(stranger, route, at(metadata.uid))).status, 404, route)
    const given = await api.call(stranger, 'PUT /v1/users/{uid}/roles', {
      ...at(stranger.user),
      body: { roles: [role('Tenant Admin'), metadata.uid] },
    })
    assert.equal(given.status, 404)
  })

  test('a name is taken in any spelling, by a predefined role too', async () => {
    const { admin } = await api.tenant()
    const uid = await newRole(admin, 'Straße ＡＢＣ', ['cluster.get'])
    const other = await newRole(admin, 'Other', ['cluster.get'])
    for (const name of ['straße abc', 'STRAßE ABC ', 'cluster VIEWER', 'Tenant Admin']) {
      const made = await api.call(admin, 'POST /v1/roles', roleBody(name, ['cluster.get']))
      assert.deepEqual([made.status, made.refusal?.code], [409, 'role_name_taken'], name)
      const renamed = await api.call(admin, 'PUT /v1/roles/{uid}', at(other, roleBody(name, ['cluster.get'])))
      assert.equal(renamed.refusal?.code, 'role_name_taken', name)
      const cloned = await api.call(admin, 'POST /v1/roles/{uid}/clone', at(uid, { body: { metadata: { name } } }))
      assert.equal(cloned.refusal?.code, 'role_name_taken', name)
    }
    await api.must(admin, 'PUT /v1/roles/{uid}', at(uid, roleBody('STRASSE', ['cluster.get'])))
  })

  for (const [what, body, says] of [
    ['a wildcard', roleBody('x', ['cluster.*']), /"cluster\.\*" is no permission/],
    ['a permission in another case', roleBody('x', ['Cluster.get']), /is no permission/],
    ['one that only system administrators hold', roleBody('x', ['tenant.create']), /no permission/],
    ['one of another kind of role', roleBody('x', ['user.get'], 'project'), /a project role cannot carry "user\.get"/],
    ['the creation of what a filter is to select', roleBody('x', ['cluster.create'], 'resource'), /cannot carry/],
    ['the system scope', roleBody('x', [], 'system'), /spec\.scope/],
    ['a scope that does not exist', roleBody('x', [], 'cluster'), /spec\.scope/],
    [
      'a role of the predefined type',
      { body: { metadata: { name: 'x' }, spec: { permissions: [], scope: 'tenant', type: 'system' } } },
      /spec\.type/,
    ],
  ] as const)
    test(`a role is not made with ${what}`, async () => {
      const { admin } = await api.tenant()
      const made = await api.call(admin, 'POST /v1/roles', body)
      assert.equal(made.status, 400)
      assert.match(made.refusal?.detail ?? '', says)
    })

  test('predefined roles stay as they are, and can be cloned; null lists are empty ones', async () => {
    const { admin } = await api.tenant()
    const uid = role('Cluster Viewer')
    for (const [route, call] of [
      ['PUT /v1/roles/{uid}', at(uid, roleBody('Mine', ['cluster.get'], 'project'))],
      ['DELETE /v1/roles/{uid}', at(uid)],
    ] as const)
      assert.deepEqual((await api.call(admin, route, call)).refusal?.code, 'role_predefined', route)
    const copy = await api.must(admin, 'POST /v1/roles/{uid}/clone', at(uid, { body: { metadata: { name: 'Copy' } } }))
    const found = await api.must(admin, 'GET /v1/roles/{uid}', at(copy.uid))
    assert.deepEqual(found.spec, {
      permissions: [...predefinedRole('Cluster Viewer').permissions],
      scope: 'project',
      type: 'user',
    })
    const empty = await newRole(admin, 'Nothing', null)
    assert.deepEqual((await api.must(admin, 'GET /v1/roles/{uid}', at(empty))).spec.permissions, [])
    assert.equal((await api.call(admin, 'GET /v1/roles/{uid}', at('Cluster Viewer'))).status, 404, 'a name is no uid')
  })

  test('a role that is held is not deleted and does not change its kind; the refusal names who holds it', async () => {
    const { admin, project } = await api.tenant()
    const uid = await newRole(admin, 'Held', ['cluster.get'], 'resource')
    const filter = await newFilter(admin, 'prod', expression('env', 'prod'))
    const person = await api.person(admin)
    const body = { projectUids: [project], filterRefs: [filter], roles: [uid] }
    await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', at(person.user, { body }))
    const deleted = await api.call(admin, 'DELETE /v1/roles/{uid}', at(uid))
    assert.deepEqual([deleted.status, deleted.refusal?.code], [409, 'role_in_use'])
    assert.deepEqual(deleted.refusal?.details, { uses: [{ kind: 'user', uid: person.user, project }], count: 1 })
    const changed = await api.call(admin, 'PUT /v1/roles/{uid}', at(uid, roleBody('Held', ['cluster.get'], 'project')))
    assert.equal(changed.refusal?.code, 'role_in_use')
    const [held] = (await api.must(admin, 'GET /v1/users/{uid}/resourceRoles', at(person.user))).resourceRoles
    await api.must(admin, 'DELETE /v1/users/{uid}/resourceRoles/{resourceRoleUid}', {
      params: { uid: person.user, resourceRoleUid: held.uid },
    })
    await api.must(admin, 'DELETE /v1/roles/{uid}', at(uid))
    assert.equal((await api.call(admin, 'GET /v1/roles/{uid}', at(uid))).status, 404)
  })

  test('who may only change roles makes any, and lifts nobody, themselves neither (D01)', async () => {
    const { admin } = await api.tenant()
    const keeper = await api.person(admin, { roles: [role('Tenant Role Admin')] })
    const uid = await newRole(keeper, 'Grows', ['role.get'])
    await give(admin, keeper, [role('Tenant Role Admin'), uid])
    const grow = (permissions: readonly string[], isEnabled = true) =>
      api.call(keeper, 'PUT /v1/roles/{uid}', at(uid, roleBody('Grows', permissions, 'tenant', isEnabled)))
    const refused = await grow(['role.get', 'user.delete'])
    assert.deepEqual([refused.status, refused.refusal?.code], [403, 'exceeds_own_rights'])
    assert.equal((await grow(['role.get', 'role.list'])).status, 204, 'what they hold already lifts nobody')
    // Not in two steps either: first while it gives nothing, then on again.
    assert.equal((await grow(['user.delete'], false)).status, 204)
    assert.equal((await grow(['user.delete'], true)).refusal?.code, 'exceeds_own_rights')
    const free = await newRole(keeper, 'Free', ['user.delete'])
    await api.must(keeper, 'PUT /v1/roles/{uid}', at(free, roleBody('Free', ['user.delete', 'user.get'])))
    assert.equal(
      (await api.call(keeper, 'PUT /v1/users/{uid}/roles', at(keeper.user, { body: { roles: [free] } }))).status,
      403,
    )
  })
})

describe('filters', () => {
  test('a filter is made, read as it was sent, listed, changed and deleted', async () => {
    const { admin } = await api.tenant()
    const filters = [expression('team', 'claims', 'billing'), { ...expression('env', 'dev'), negation: true }]
    const { uid } = await api.must(admin, 'POST /v1/filters/tag', filterBody('Claims', filters, 'or'))
    const found = await api.must(admin, 'GET /v1/filters/tag/{uid}', at(uid))
    assert.deepEqual(found.spec, { filterGroup: { conjunction: 'or', filters } })
    const list = await api.must(admin, 'GET /v1/filters', { query: { limit: '0' } })
    assert.deepEqual(
      list.items.map((one: { metadata: { uid: string }; spec: object }) => [one.metadata.uid, one.spec]),
      [[uid, { filterType: 'tag' }]],
    )
    assert.deepEqual(await api.must(admin, 'GET /v1/filters/metadata', { query: { filterType: 'tag' } }), {
      items: [{ uid, name: 'Claims', filterType: 'tag' }],
    })
    assert.deepEqual(await api.must(admin, 'GET /v1/filters/metadata', { query: { filterType: 'meta' } }), {
      items: [],
    })
    await api.must(admin, 'PUT /v1/filters/tag/{uid}', at(uid, filterBody('Claims 2', [expression('team', 'x')])))
    const changed = await api.must(admin, 'GET /v1/filters/tag/{uid}', at(uid))
    assert.deepEqual(
      [changed.metadata.name, changed.spec.filterGroup.conjunction, changed.spec.filterGroup.filters[0].values],
      ['Claims 2', 'and', ['x']],
    )
    const taken = await api.call(admin, 'POST /v1/filters/tag', filterBody('CLAIMS 2', [expression('a', 'b')]))
    assert.deepEqual([taken.status, taken.refusal?.code], [409, 'filter_name_taken'])
    const { admin: stranger } = await api.tenant()
    assert.equal((await api.call(stranger, 'GET /v1/filters/tag/{uid}', at(uid))).status, 404)
    await api.must(admin, 'DELETE /v1/filters/tag/{uid}', at(uid))
    assert.equal((await api.call(admin, 'GET /v1/filters/tag/{uid}', at(uid))).status, 404)
  })

  for (const [what, filters, conjunction] of [
    ['no comparison', [], 'and'],
    ['a comparison without values', [{ ...expression('a'), values: [] }], 'and'],
    ['a comparison without a key', [expression('', 'b')], 'and'],
    ['an operator that does not exist', [{ ...expression('a', 'b'), operator: 'contains' }], 'and'],
    ['a conjunction that does not exist', [expression('a', 'b')], 'xor'],
  ] as const)
    test(`a filter is not made with ${what}`, async () => {
      const { admin } = await api.tenant()
      assert.equal((await api.call(admin, 'POST /v1/filters/tag', filterBody('x', filters, conjunction))).status, 400)
    })
})

describe('resource roles', () => {
  async function world() {
    const tenant = await api.tenant()
    const { admin } = tenant
    return {
      ...tenant,
      prod: await newFilter(admin, 'prod', expression('env', 'prod')),
      person: await api.person(admin),
      viewer: role('Resource Cluster Viewer'),
      editor: role('Resource Cluster Editor'),
    }
  }

  for (const kind of ['users', 'teams'] as const)
    test(`of ${kind}: given through filters, they act on what is selected and on nothing else, and end`, async () => {
      const { admin, project, prod, person, viewer, editor } = await world()
      const holder =
        kind === 'users'
          ? person.user
          : (
              await api.must(admin, 'POST /v1/teams', {
                body: { metadata: { name: 'T' }, spec: { users: [person.user] } },
              })
            ).uid
      const elsewhere = (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'elsewhere' } } })).uid
      const path = `/v1/${kind}/{uid}/resourceRoles`
      const body = { projectUids: [project], filterRefs: [prod], roles: [viewer] }
      const reply = await api.call(admin, `POST ${path}`, at(holder, { body }))
      assert.deepEqual([reply.status, reply.body], [204, undefined])
      const [held] = (await api.must(admin, `GET ${path}`, at(holder))).resourceRoles
      assert.deepEqual(held, {
        uid: held.uid,
        projectUids: [{ uid: project, name: 'Default' }],
        filterRefs: [{ uid: prod, name: 'prod' }],
        roles: [{ uid: viewer, name: 'Resource Cluster Viewer' }],
      })
      assert.equal(await may(person, 'cluster.get', project, { env: 'prod' }), true)
      assert.equal(await may(person, 'cluster.get', project, { env: 'PROD' }), false, 'byte for byte')
      assert.equal(await may(person, 'cluster.get', project, {}), false)
      assert.equal(await may(person, 'cluster.get', elsewhere, { env: 'prod' }), false)
      assert.equal(await may(person, 'cluster.update', project, { env: 'prod' }), false)

      const params = { uid: holder, resourceRoleUid: held.uid }
      await api.must(admin, `PATCH ${path}/{resourceRoleUid}`, {
        params,
        body: { projectUids: [elsewhere, project], filterRefs: [prod], roles: [editor] },
      })
      assert.equal(await may(person, 'cluster.update', elsewhere, { env: 'prod' }), true)
      const [changed] = (await api.must(admin, `GET ${path}`, at(holder))).resourceRoles
      assert.deepEqual(
        [changed.uid, changed.projectUids.map((one: { uid: string }) => one.uid)],
        [held.uid, [elsewhere, project]],
        'in the order given',
      )
      await api.must(admin, `DELETE ${path}/{resourceRoleUid}`, { params })
      assert.equal(await may(person, 'cluster.get', project, { env: 'prod' }), false)
      assert.deepEqual(await api.must(admin, `GET ${path}`, at(holder)), { resourceRoles: [] })
      assert.equal((await api.call(admin, `DELETE ${path}/{resourceRoleUid}`, { params })).status, 404)
    })

  test('any of several filters selects; a changed filter selects something else at once', async () => {
    const { admin, project, prod, person, viewer } = await world()
    const team = await newFilter(admin, 'team', expression('team', 'claims'), {
      ...expression('env', 'dev'),
      negation: true,
    })
    const body = { projectUids: [project], filterRefs: [prod, team], roles: [viewer] }
    await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', at(person.user, { body }))
    assert.equal(await may(person, 'cluster.get', project, { team: 'claims' }), true)
    assert.equal(await may(person, 'cluster.get', project, { team: 'claims', env: 'dev' }), false)
    assert.equal(await may(person, 'cluster.get', project, { env: 'prod' }), true)
    await api.must(admin, 'PUT /v1/filters/tag/{uid}', at(prod, filterBody('prod', [expression('env', 'stage')])))
    assert.equal(await may(person, 'cluster.get', project, { env: 'prod' }), false)
    assert.equal(await may(person, 'cluster.get', project, { env: 'stage' }), true)
    const used = await api.call(admin, 'DELETE /v1/filters/tag/{uid}', at(prod))
    assert.deepEqual([used.status, used.refusal?.code], [409, 'filter_in_use'])
  })

  test('empty lists, what does not exist and roles of another kind are refused', async () => {
    const { admin, project, prod, person, viewer } = await world()
    const whole = { projectUids: [project], filterRefs: [prod], roles: [viewer] }
    const { admin: stranger } = await api.tenant()
    const foreign = await newFilter(stranger, 'foreign', expression('a', 'b'))
    for (const [body, status, says] of [
      [{ ...whole, filterRefs: [] }, 400, /filterRefs: a resource role needs/],
      [{ ...whole, filterRefs: null }, 400, /filterRefs/],
      [{ ...whole, projectUids: [] }, 400, /projectUids/],
      [{ ...whole, roles: [] }, 400, /roles/],
      [{ ...whole, roles: [role('Cluster Viewer')] }, 400, /"Cluster Viewer" is a project role/],
      [{ ...whole, filterRefs: [prod, foreign] }, 404, /No filter/],
      [{ ...whole, filterRefs: ['nonsense'] }, 404, /No filter nonsense/],
      [{ ...whole, projectUids: ['0123456789abcdef01234567'] }, 404, /No project/],
      [{ ...whole, roles: [person.user] }, 404, /No role/],
    ] as const) {
      const reply = await api.call(admin, 'POST /v1/users/{uid}/resourceRoles', at(person.user, { body }))
      assert.equal(reply.status, status, JSON.stringify(body))
      assert.match(reply.refusal?.detail ?? '', says)
    }
    assert.deepEqual(await api.must(admin, 'GET /v1/users/{uid}/resourceRoles', at(person.user)), { resourceRoles: [] })
    const resource = await api.call(admin, 'PUT /v1/users/{uid}/projects', {
      ...at(person.user),
      body: { projects: [{ projectUid: project, roles: [viewer] }] },
    })
    assert.match(resource.refusal?.detail ?? '', /given together with filters/)
  })

  test('nobody gives through a filter, or widens one, beyond what they hold (D01)', async () => {
    const { admin, project, prod, person, viewer, editor } = await world()
    const dev = await newFilter(admin, 'dev', expression('env', 'dev'))
    // May give and change filters; on clusters themselves they may read what is tagged prod.
    const keeper = await newRole(admin, 'Keeper', ['user.get', 'user.update', 'filter.get', 'filter.update'])
    const giver = await api.person(admin, { roles: [keeper] })
    const path = 'POST /v1/users/{uid}/resourceRoles'
    const body = { projectUids: [project], filterRefs: [prod], roles: [viewer] }
    await api.must(admin, path, at(giver.user, { body }))
    const tried = (change: object) => api.call(giver, path, at(person.user, { body: { ...body, ...change } }))
    assert.equal((await tried({})).status, 204, 'what they hold, through the same filter')
    assert.equal((await tried({ filterRefs: [dev] })).refusal?.code, 'exceeds_own_rights')
    assert.equal((await tried({ filterRefs: [prod, dev] })).refusal?.code, 'exceeds_own_rights')
    assert.equal((await tried({ roles: [editor] })).refusal?.code, 'exceeds_own_rights')
    const other = (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'other' } } })).uid
    assert.equal((await tried({ projectUids: [project, other] })).refusal?.code, 'exceeds_own_rights')

    const widened = await api.call(giver, 'PUT /v1/filters/tag/{uid}', {
      ...at(prod, filterBody('prod', [{ ...expression('env', 'none'), negation: true }])),
    })
    assert.deepEqual([widened.status, widened.refusal?.code], [403, 'exceeds_own_rights'])
    assert.equal(
      (await api.call(giver, 'PUT /v1/filters/tag/{uid}', at(prod, filterBody('renamed', [expression('env', 'prod')]))))
        .status,
      204,
      'a name widens nothing',
    )
    // Nor by a change of an own one: to what is new the same holds.
    const [held] = (await api.must(admin, 'GET /v1/users/{uid}/resourceRoles', at(giver.user))).resourceRoles
    const params = { uid: giver.user, resourceRoleUid: held.uid }
    const patch = (change: object) =>
      api.call(giver, 'PATCH /v1/users/{uid}/resourceRoles/{resourceRoleUid}', { params, body: { ...body, ...change } })
    assert.equal((await patch({})).status, 204)
    for (const change of [{ filterRefs: [prod, dev] }, { roles: [viewer, editor] }, { projectUids: [project, other] }])
      assert.equal((await patch(change)).refusal?.code, 'exceeds_own_rights', JSON.stringify(change))
  })

  test('with the last of its projects a resource role is gone', async () => {
    const { admin, prod, person, viewer } = await world()
    const project = (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'short' } } })).uid
    const body = { projectUids: [project], filterRefs: [prod], roles: [viewer] }
    await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', at(person.user, { body }))
    await api.must(admin, 'DELETE /v1/projects/{uid}', at(project))
    assert.deepEqual(await api.must(admin, 'GET /v1/users/{uid}/resourceRoles', at(person.user)), { resourceRoles: [] })
    await api.must(admin, 'DELETE /v1/filters/tag/{uid}', at(prod))
  })
})
