import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import type { Api } from '../../tests/support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../../tests/support/fake-kubernetes.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../../tests/support/palisade.ts'
import { until } from '../../tests/support/until.ts'

const path = '/v1/palisade/access/simulate'

type Listed = { readonly name: string; readonly uses: number; readonly isPublished: boolean }

describe('simulate', () => {
  let palisade: Palisade
  let cluster: FakeKubernetes
  let acme: Tenant
  let project: string
  let robin: { readonly uid: string; readonly api: Api }
  let role: string
  let team: string

  before(async () => {
    cluster = await startFakeKubernetes()
    palisade = await startPalisade({ name: 'simulate' })
    acme = await createTenant(palisade, 'acme')
    const { admin } = acme
    project = acme.defaultProject
    robin = await createUser(palisade, acme, 'robin')
    ;({ uid: role } = await admin.must('POST', '/v1/roles', {
      body: {
        metadata: { name: 'Keeper' },
        spec: { scope: 'project', type: 'user', permissions: ['macro.create', 'macro.get', 'cluster.get'] },
      },
    }))
    ;({ uid: team } = await admin.must('POST', '/v1/teams', {
      body: { metadata: { name: 'Keepers' }, spec: { users: [robin.uid] } },
    }))
    await admin.must('PUT', `/v1/teams/${team}/projects`, {
      body: { projects: [{ projectUid: project, roles: [role] }] },
    })
  })
  after(async () => {
    await palisade?.stop()
    await cluster?.close()
  })

  const asked = (change: unknown, more: object = {}) => acme.admin.must('POST', path, { body: { change, ...more } })

  test('says who would gain and lose what by another role, and changes nothing', async () => {
    const before = await acme.admin.must('GET', `/v1/roles/${role}`)
    const answer = await asked({ kind: 'role', role, permissions: ['macro.get', 'macro.list', 'cluster.get'] })
    assert.deepEqual([answer.users.count, answer.users.gain, answer.users.lose], [1, 1, 1])
    const [{ user, places, selections }] = answer.users.items
    assert.equal(user.uid, robin.uid)
    assert.deepEqual(places, [
      {
        scope: { kind: 'project', project: { uid: project, name: 'Default' } },
        gains: ['macro.list'],
        loses: ['macro.create'],
      },
    ])
    assert.deepEqual(selections, [])
    assert.equal(answer.clusters, null)
    assert.equal(answer.replay, null)
    assert.deepEqual(await acme.admin.must('GET', `/v1/roles/${role}`), before)
    const off = await asked({ kind: 'role', role, permissions: ['macro.get'], isEnabled: false })
    assert.deepEqual(off.users.items[0].places[0].loses.toSorted(), ['cluster.get', 'macro.create', 'macro.get'])
  })

  test('asks again what the log has of them', async () => {
    const body = { macros: [{ name: 'TONE', value: 'a' }] }
    const { headers } = await robin.api.call('POST', `/v1/projects/${project}/macros`, { body })
    await robin.api.call('DELETE', `/v1/projects/${project}/macros`, { body })
    const change = { kind: 'role', role, permissions: ['macro.get', 'macro.delete', 'cluster.get'] }
    const { replay } = await until('both to be in the log', async () => {
      const answer = await asked(change, { replayDays: 1 })
      return answer.replay.items.length === 2 ? answer : undefined
    })
    const about = { user: { uid: robin.uid, name: 'robin Test' }, resource: { kind: 'project' } }
    const [refused, done] = replay.items
    assert.deepEqual(
      [refused, done].map(({ user, permission, before, after, count }) => ({ user, permission, before, after, count })),
      [
        { user: about.user, permission: 'macro.delete', before: 'deny', after: 'allow', count: 1 },
        { user: about.user, permission: 'macro.create', before: 'allow', after: 'deny', count: 1 },
      ],
    )
    assert.equal(done.latest.request, headers['x-request-id'])
    assert.deepEqual([replay.more, replay.refused, replay.allowed], [false, 1, 1])
    const same = await asked(
      { ...change, permissions: ['macro.get', 'macro.create', 'cluster.get'] },
      { replayDays: 1 },
    )
    assert.deepEqual(same.replay.items, [])
    assert.equal(same.users.count, 0)
  })

  test('says how many clusters a filter would select otherwise', async () => {
    const { admin } = acme
    for (const [name, env] of [
      ['one', 'prod'],
      ['two', 'prod'],
      ['three', 'test'],
    ] as const)
      await admin.must('POST', '/v1/palisade/clusters', {
        project,
        body: { metadata: { name, labels: { env } }, spec: { kubeconfig: cluster.kubeconfig() } },
      })
    const group = (value: string) => ({
      conjunction: 'and',
      filters: [{ key: 'env', negation: false, operator: 'eq', values: [value] }],
    })
    const { uid: filter } = await admin.must('POST', '/v1/filters/tag', {
      body: { metadata: { name: 'prod' }, spec: { filterGroup: group('prod') } },
    })
    await admin.must('POST', `/v1/users/${robin.uid}/resourceRoles`, {
      body: {
        projectUids: [project],
        filterRefs: [filter],
        roles: [predefinedRole('Resource Cluster Viewer').uid],
      },
    })
    const answer = await asked({ kind: 'filter', filter, filterGroup: group('test') })
    assert.deepEqual(answer.clusters, { gained: 1, lost: 2 })
    const [{ user, selections }] = answer.users.items
    assert.equal(user.uid, robin.uid)
    assert.equal(selections[0].selectsOtherwise, true)
    assert.deepEqual(selections[0].filters, [{ uid: filter, name: 'prod' }])
    assert.equal((await asked({ kind: 'filter', filter, filterGroup: group('prod') })).users.count, 0)

    // The same with operators that the published shape has no room for; what says nothing, or both, is refused.
    const rule = { expressions: [{ key: 'env', operator: 'prefix', values: ['p', 't'] }] }
    const wider = await asked({ kind: 'filter', filter, rule })
    assert.deepEqual(wider.clusters, { gained: 1, lost: 0 })
    assert.equal(wider.users.items[0].selections[0].selectsOtherwise, true)
    for (const change of [
      { kind: 'filter', filter },
      { kind: 'filter', filter, rule, filterGroup: group('test') },
      { kind: 'filter', filter, rule: { expressions: [{ key: 'env', operator: 'lt', values: ['few'] }] } },
    ])
      assert.equal((await admin.call('POST', path, { body: { change } })).status, 400, JSON.stringify(change))
  })

  test('lists filters with their uses, and what a rule would select of what the caller sees', async () => {
    const { admin } = acme
    const expressions = [{ key: 'env', operator: 'prefix', values: ['pr'] }]
    const { uid: unused } = await admin.must('POST', '/v1/palisade/filters', { body: { name: 'spare', expressions } })
    const all = await admin.must('GET', '/v1/palisade/filters')
    assert.deepEqual(
      all.items.map(({ name, uses, isPublished }: Listed) => ({ name, uses, isPublished })),
      [
        { name: 'prod', uses: 1, isPublished: true },
        { name: 'spare', uses: 0, isPublished: false },
      ],
    )
    const found = await admin.must('GET', '/v1/palisade/filters?q=PRO')
    assert.deepEqual([found.count, found.items[0].name], [1, 'prod'])
    const uses = await admin.must('GET', `/v1/palisade/filters/${found.items[0].uid}/uses`)
    assert.deepEqual(
      uses.items.map(({ uid, ...use }: { uid: string }) => use),
      [
        {
          subject: { kind: 'user', uid: robin.uid, name: 'robin Test' },
          roles: [{ uid: predefinedRole('Resource Cluster Viewer').uid, name: 'Resource Cluster Viewer' }],
          projects: [{ uid: project, name: 'Default' }],
          filters: [{ uid: found.items[0].uid, name: 'prod' }],
        },
      ],
    )
    assert.deepEqual((await admin.must('GET', `/v1/palisade/filters/${unused}/uses`)).items, [])

    const selection = '/v1/palisade/filters/selection'
    const selected = await admin.must('POST', selection, { body: { expressions } })
    assert.deepEqual(
      [selected.clusters.map(({ name }: { name: string }) => name), selected.count, selected.of],
      [['one', 'two'], 2, 3],
    )
    // Robin lists what the filter lets them see, and hears of nothing else.
    const there = { expressions: [{ key: 'env', operator: 'exists' }] }
    const seen = await robin.api.must('POST', selection, { body: there })
    assert.deepEqual([seen.count, seen.of], [2, 2])
    const stranger = await createUser(palisade, acme, 'stranger')
    assert.deepEqual(await stranger.api.must('POST', selection, { body: there }), { clusters: [], count: 0, of: 0 })
    assert.equal((await stranger.api.call('GET', '/v1/palisade/filters')).status, 403)
    assert.equal((await admin.call('POST', selection, { body: { expressions: [] } })).status, 400)
    // What a use says of people is for those who may list them.
    const { uid: readers } = await admin.must('POST', '/v1/roles', {
      body: { metadata: { name: 'Filter readers' }, spec: { scope: 'tenant', permissions: ['filter.get'] } },
    })
    await admin.must('PUT', `/v1/users/${stranger.uid}/roles`, { body: { roles: [readers] } })
    const refused = await stranger.api.call('GET', `/v1/palisade/filters/${unused}/uses`)
    assert.equal(refused.status, 403)
    assert.match(refused.text, /user\.list/)
  })

  test('D12 counts none but the clusters that the asker may list, and asks of no others what the log has', async () => {
    const { admin } = acme
    const { items } = await admin.must('GET', '/v1/palisade/filters?q=prod')
    const filter = items[0].uid
    const asker = await createUser(palisade, acme, 'asker')
    const mayAsk = ['role.get', 'user.list', 'filter.get', 'audit.list']
    const { uid: asking } = await admin.must('POST', '/v1/roles', {
      body: { metadata: { name: 'Askers' }, spec: { scope: 'tenant', permissions: mayAsk } },
    })
    await admin.must('PUT', `/v1/users/${asker.uid}/roles`, { body: { roles: [asking] } })
    // What somebody did to a cluster that the filter selects is in the log.
    const viewer = await createUser(palisade, acme, 'viewer')
    await admin.must('POST', `/v1/users/${viewer.uid}/resourceRoles`, {
      body: { projectUids: [project], filterRefs: [filter], roles: [predefinedRole('Resource Cluster Viewer').uid] },
    })
    const there = { expressions: [{ key: 'env', operator: 'exists' }] }
    const { clusters } = await viewer.api.must('POST', '/v1/palisade/filters/selection', { body: there })
    await viewer.api.must('GET', `/v1/spectroclusters/${clusters[0].uid}/assets`, { project })
    const guess = async (api: Api, value: string) =>
      api.must('POST', path, {
        body: {
          change: {
            kind: 'filter',
            filter,
            rule: { expressions: [{ key: 'env', operator: 'prefix', values: [value] }] },
          },
          replayDays: 1,
        },
      })
    const seen = await until('it to be in the log', async () => {
      const answer = await guess(admin, 'test')
      return answer.replay.items.length > 0 ? answer : undefined
    })
    assert.deepEqual(seen.clusters, { gained: 1, lost: 2 })
    for (const value of ['p', 'pr', 't', 'test', 'x']) {
      const { clusters, replay } = await guess(asker.api, value)
      assert.deepEqual(clusters, { gained: 0, lost: 0 }, value)
      assert.deepEqual(replay.items, [], value)
    }
    // Of what they may list they hear.
    const { uid: onTest } = await admin.must('POST', '/v1/palisade/filters', {
      body: { name: 'only test', expressions: [{ key: 'env', operator: 'eq', values: ['test'] }] },
    })
    await admin.must('POST', `/v1/users/${asker.uid}/resourceRoles`, {
      body: { projectUids: [project], filterRefs: [onTest], roles: [predefinedRole('Resource Cluster Viewer').uid] },
    })
    assert.deepEqual((await guess(asker.api, 'test')).clusters, { gained: 1, lost: 0 })
    await admin.must('PUT', `/v1/users/${asker.uid}/roles`, {
      body: { roles: [asking, predefinedRole('Tenant Viewer').uid] },
    })
    assert.deepEqual((await guess(asker.api, 'test')).clusters, { gained: 1, lost: 2 })
  })

  test('is for those who may see what it tells, about what can be changed', async () => {
    const change = { kind: 'role', role, permissions: ['macro.get'] }
    const denied = await robin.api.call('POST', path, { body: { change } })
    assert.equal(denied.status, 403)
    const admins = await createUser(palisade, acme, 'roles')
    await acme.admin.must('PUT', `/v1/users/${admins.uid}/roles`, {
      body: { roles: [predefinedRole('Tenant Viewer').uid] },
    })
    assert.equal((await admins.api.call('POST', path, { body: { change, replayDays: 1 } })).status, 200)
    await acme.admin.must('PUT', `/v1/users/${admins.uid}/roles`, {
      body: { roles: [predefinedRole('Tenant Role Admin').uid] },
    })
    const needsMore = await admins.api.call('POST', path, { body: { change } })
    assert.equal(needsMore.status, 403)
    assert.match(needsMore.text, /user\.list/)
    const predefined = { ...change, role: predefinedRole('Cluster Viewer').uid }
    const refused = await acme.admin.call('POST', path, { body: { change: predefined } })
    assert.equal(refused.body.code, 'RolePredefined')
    const unknown = await acme.admin.call('POST', path, { body: { change: { ...change, permissions: ['macro.gte'] } } })
    assert.equal(unknown.status, 400)
    const globex = await createTenant(palisade, 'globex')
    for (const foreign of [
      change,
      { kind: 'filter', filter: role, filterGroup: { filters: [{ key: 'a', values: ['b'] }] } },
    ])
      assert.equal((await globex.admin.call('POST', path, { body: { change: foreign } })).status, 404)
  })
})
