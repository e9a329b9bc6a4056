import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import type { Target } from '../gateway/index.ts'
import { accessEndpoints, explainEndpoints } from './index.ts'

const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid

let postgres: TestPostgres
let api: Phases
/** Stands for a cluster: what is asked about has to have tags. */
let cluster: Target | undefined
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
      findCluster: async ({ params }) => (cluster?.uid === params.uid ? cluster : undefined),
    }),
  ])
  people = api.people
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
const explain = 'POST /v1/palisade/access/explain'
const whoCan = 'GET /v1/palisade/access/who-can'
const whatCan = 'GET /v1/palisade/access/what-can'

async function world() {
  const tenant = await api.tenant()
  const { admin, project } = tenant
  const direct = await api.person(admin)
  const member = await api.person(admin)
  const filtered = await api.person(admin)
  const team = (
    await api.must(admin, 'POST /v1/teams', { body: { metadata: { name: 'Devs' }, spec: { users: [member.user] } } })
  ).uid
  const viewer = [{ projectUid: project, roles: [role('Cluster Viewer')] }]
  await api.must(admin, 'PUT /v1/users/{uid}/projects', at(direct.user, { body: { projects: viewer } }))
  await api.must(admin, 'PUT /v1/teams/{uid}/projects', at(team, { body: { projects: viewer } }))
  const filterGroup = { filters: [{ key: 'env', values: ['prod'] }] }
  const filter = (
    await api.must(admin, 'POST /v1/filters/tag', { body: { metadata: { name: 'prod' }, spec: { filterGroup } } })
  ).uid
  await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
    ...at(filtered.user),
    body: { projectUids: [project], filterRefs: [filter], roles: [role('Resource Cluster Viewer')] },
  })
  cluster = {
    ...{ kind: 'spectrocluster', uid: 'c1', name: 'c1', tags: { env: 'prod' } },
    scope: { kind: 'project', projectUid: project },
  }
  return { ...tenant, direct, member, filtered, team, filter }
}

test('who can: everybody by name, with the way of each, in pages', async () => {
  const { admin, project, direct, member, filtered, team, filter } = await world()
  const found = await api.must(admin, whoCan, { query: { permission: 'cluster.get', cluster: 'c1' } })
  const ways = new Map(
    found.items.map((one: { user: { uid: string }; because: object[] }) => [one.user.uid, one.because]),
  )
  assert.deepEqual(new Set(ways.keys()), new Set([admin.user, direct.user, member.user, filtered.user]))
  assert.equal(found.count, 4)
  const scope = { kind: 'project', project: { uid: project, name: 'Default' } }
  const viewer = { uid: role('Cluster Viewer'), name: 'Cluster Viewer' }
  const way = (user: string) => (ways.get(user) as { assignment: string }[])[0]
  const rest = { endsAt: null, conditions: null, scope }
  assert.deepEqual(way(member.user), {
    ...{ assignment: way(member.user)?.assignment, role: viewer, filters: [], ...rest },
    via: { kind: 'team', team: { uid: team, name: 'Devs' } },
  })
  assert.deepEqual(way(filtered.user), {
    ...{ assignment: way(filtered.user)?.assignment, filters: [{ uid: filter, name: 'prod' }], ...rest },
    role: { uid: role('Resource Cluster Viewer'), name: 'Resource Cluster Viewer' },
    via: { kind: 'user' },
  })
  const names = found.items.map((one: { user: { name: string } }) => one.user.name)
  assert.deepEqual(names, names.toSorted())
  const page = await api.must(admin, whoCan, {
    query: { permission: 'cluster.get', cluster: 'c1', limit: '2', offset: '3' },
  })
  assert.deepEqual([page.items, page.count], [found.items.slice(3), 4])

  cluster = { ...(cluster as Target), tags: {} }
  const untagged = await api.must(admin, whoCan, { query: { permission: 'cluster.get', cluster: 'c1' } })
  assert.equal(untagged.count, 3, 'a filter selects it no more')
  const inProject = await api.must(admin, whoCan, { query: { permission: 'cluster.get', project } })
  assert.equal(inProject.count, 3, 'a filter gives nothing in the project as a whole')
  const partly = await api.must(admin, whoCan, { query: { permission: 'cluster.get', project, filtered: 'true' } })
  const through = partly.items.find((one: { user: { uid: string } }) => one.user.uid === filtered.user)
  assert.deepEqual([partly.count, through.because[0].filters], [4, [{ uid: filter, name: 'prod' }]])
  const onOne = { permission: 'cluster.get', cluster: 'c1', filtered: 'true' }
  assert.equal((await api.must(admin, whoCan, { query: onOne })).count, 3, 'what a filter does not select stays so')
  const inTenant = await api.must(admin, whoCan, { query: { permission: 'user.get' } })
  assert.deepEqual(
    inTenant.items.map((one: { user: { uid: string } }) => one.user.uid),
    [admin.user],
  )
  for (const permission of ['no.such', 'cluster.gett', 'Cluster.get'])
    assert.equal((await api.call(admin, whoCan, { query: { permission } })).refusal?.code, 'invalid', permission)
  const spelled = async (permission: string) => (await api.must(admin, whoCan, { query: { permission } })).count
  assert.equal(await spelled('virtualCloudConfig.get'), await spelled('virtualCloudconfig.get'))
})

test('explain: why, what nearly does it, and the smallest role that would', async () => {
  const { admin, project, direct, filtered } = await world()
  const ask = (who: typeof admin, body: object) => api.must(who, explain, { body })
  const allowed = await ask(direct, { permission: 'cluster.get', cluster: 'c1' })
  assert.deepEqual([allowed.effect, allowed.why, allowed.because.length, allowed.near], ['allow', null, 1, []])
  const denied = await ask(direct, { permission: 'cluster.update', cluster: 'c1' })
  assert.deepEqual([denied.effect, denied.why, denied.because], ['deny', 'no-grant', []])
  assert.deepEqual(denied.scope.project, { uid: project, name: 'Default' }, 'by name, although nothing there names it')
  const roles = denied.roles.map((one: { permissions: number }) => one.permissions)
  assert.deepEqual(
    roles,
    roles.toSorted((a: number, b: number) => a - b),
  )
  assert.ok(denied.roles.some((one: { name: string }) => one.name === 'Resource Cluster Editor'))
  cluster = { ...(cluster as Target), tags: { env: 'dev' } }
  const near = await ask(filtered, { permission: 'cluster.get', cluster: 'c1' })
  assert.deepEqual(
    [
      near.effect,
      near.near.map((one: { why: string; filters: { name: string }[] }) => [one.why, one.filters[0]?.name]),
    ],
    ['deny', [['not-selected', 'prod']]],
  )
  const elsewhere = await ask(admin, { permission: 'cluster.get', user: direct.user })
  assert.deepEqual(
    [elsewhere.effect, elsewhere.scope, elsewhere.near.map((one: { why: string }) => one.why)],
    ['deny', { kind: 'tenant' }, ['elsewhere']],
  )
  const odd = await ask(direct, { permission: 'no.such' })
  assert.deepEqual([odd.effect, odd.why, odd.roles], ['deny', 'unknown-permission', []])
})

test('what can: by scope, and what is held through filters apart from the rest', async () => {
  const { admin, project, direct, filtered } = await world()
  const own = await api.must(direct, whatCan)
  assert.deepEqual([own.tenant, own.filtered], [[], []])
  assert.deepEqual(
    own.projects.map((one: { project: { uid: string } }) => one.project.uid),
    [project],
  )
  assert.ok(own.projects[0].permissions.includes('cluster.get'))
  const theirs = await api.must(admin, whatCan, { query: { user: filtered.user } })
  assert.deepEqual([theirs.tenant, theirs.projects, theirs.filtered.length], [[], [], 1])
  assert.ok(theirs.filtered[0].permissions.includes('cluster.list'))
})

test('about others asks who may know them and their roles; what one does not see is not there', async () => {
  const { admin, project, direct, member } = await world()
  const { admin: stranger, project: foreign } = await api.tenant()
  const reader = await api.person(admin, { roles: [role('Tenant User Admin')] })
  for (const [who, route, call, status] of [
    [direct, explain, { body: { permission: 'cluster.get', user: member.user } }, 403],
    [direct, whatCan, { query: { user: member.user } }, 403],
    [direct, whoCan, { query: { permission: 'cluster.get', project } }, 403],
    // Users, but not roles.
    [reader, whoCan, { query: { permission: 'cluster.get', project } }, 403],
    [reader, explain, { body: { permission: 'cluster.get', user: direct.user } }, 403],
    [admin, explain, { body: { permission: 'cluster.get', user: stranger.user } }, 404],
    [admin, whatCan, { query: { user: 'nonsense' } }, 404],
    [admin, explain, { body: { permission: 'cluster.get', project: foreign } }, 404],
    [admin, whoCan, { query: { permission: 'cluster.get', project: 'a\u0000b' } }, 404],
    [admin, whoCan, { query: { permission: 'cluster.get', cluster: 'c2' } }, 404],
    [admin, whoCan, { query: { permission: 'cluster.get', cluster: 'c1', project } }, 400],
    [admin, whoCan, { query: { permission: 'cluster.get', limit: '101' } }, 400],
    [admin, whoCan, { query: {} }, 400],
  ] as const)
    assert.equal((await api.call(who, route, call)).status, status, `${route} ${JSON.stringify(call)}`)
  assert.equal(
    (await api.must(direct, explain, { body: { permission: 'cluster.get', user: direct.user } })).effect,
    'deny',
  )
})

test('what can: what a team gives its members, and places in pages', async () => {
  const { admin, project, member, team, filtered } = await world()
  const of = (query: Record<string, string>) => api.must(admin, whatCan, { query })
  const given = await of({ team })
  assert.deepEqual([given.user, given.team, given.tenant], [null, { uid: team, name: 'Devs' }, []])
  assert.deepEqual(
    given.projects.map((one: { project: object }) => one.project),
    [{ uid: project, name: 'Default' }],
  )
  assert.ok(given.projects[0].permissions.includes('cluster.get'))
  assert.equal(given.count, 1)
  assert.deepEqual((await of({ user: member.user })).projects, given.projects, 'a member may as much')

  const viewer = [{ projectUid: project, roles: [role('Cluster Viewer')] }]
  await api.must(admin, 'PUT /v1/users/{uid}/projects', at(filtered.user, { body: { projects: viewer } }))
  const all = await of({ user: filtered.user })
  assert.deepEqual([all.filtered.length, all.projects.length, all.count], [1, 1, 2])
  const first = await of({ user: filtered.user, limit: '1' })
  const second = await of({ user: filtered.user, limit: '1', offset: '1' })
  assert.deepEqual([first.filtered, first.projects, first.count], [all.filtered, [], 2])
  assert.deepEqual([second.filtered, second.projects, second.count], [[], all.projects, 2])

  const stranger = await api.tenant()
  for (const [who, query, status] of [
    [member, { team }, 403],
    [admin, { team: 'nonsense' }, 404],
    [stranger.admin, { team }, 404],
    [admin, { team, user: member.user }, 400],
    [admin, { limit: '101' }, 400],
  ] as const)
    assert.equal((await api.call(who, whatCan, { query })).status, status, JSON.stringify(query))
})

test('explain names the cluster to those alone who see it', async () => {
  const { direct, filtered } = await world()
  cluster = { ...(cluster as Target), name: 'west', tags: {} }
  const on = async (who: typeof direct) =>
    (await api.must(who, explain, { body: { permission: 'cluster.update', cluster: 'c1' } })).on
  assert.deepEqual(await on(direct), { uid: 'c1', name: 'west' })
  assert.equal(await on(filtered), null, 'its filter selects it no more')
})
