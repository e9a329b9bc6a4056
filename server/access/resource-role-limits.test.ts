import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assignmentsOfResourceRoles, grantsShown } from '../../contract/limits.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints, explainEndpoints } from './index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, () => [
    ...accessEndpoints,
    ...explainEndpoints({
      names: { people: (tx) => api.people.names.people(tx), teams: (tx) => api.people.names.teams(tx) },
      findAsset: async () => undefined,
      findCluster: async () => undefined,
    }),
  ])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const give = 'POST /v1/users/{uid}/resourceRoles'
const viewer = predefinedRole('Resource Cluster Viewer').uid
const editor = predefinedRole('Resource Cluster Editor').uid
const digits = (from: string, at: string) => `'${from}' || lpad(to_hex(${at}), 12, '0')`
const sql = (text: string, values: unknown[]) => withClient(database.superuser, (client) => client.query(text, values))

/** A tenant with 101 projects, a filter, and somebody who holds nothing. */
async function world() {
  const { uid: tenant, admin } = await api.tenant()
  const person = await api.person(admin)
  const body = { name: 'dev', expressions: [{ key: 'env', operator: 'eq', values: ['dev'] }] }
  const { uid: filter } = await api.must(admin, 'POST /v1/palisade/filters', { body })
  await sql(
    `insert into projects (tenant_id, project_id, name, name_key, created_at, updated_at)
     select $1, ${digits('aaaaaaaaaaaa', 'n')}, 'p' || n, 'p' || n, now(), now() from generate_series(0, 100) as n`,
    [tenant],
  )
  const projects = Array.from({ length: 101 }, (_, at) => `aaaaaaaaaaaa${at.toString(16).padStart(12, '0')}`)
  const role = (projectUids: string[], roles: string[]) => ({ projectUids, filterRefs: [filter], roles })
  return { tenant, admin, person, projects, role }
}

test('a resource role gives at most a thousand assignments', async () => {
  const { admin, person, projects, role } = await world()
  const params = { uid: person.user }
  const roles = await Promise.all(
    Array.from({ length: 11 }, async (_, at) => {
      const spec = { permissions: ['cluster.get'], scope: 'resource' }
      return (await api.must(admin, 'POST /v1/roles', { body: { metadata: { name: `r${at}` }, spec } })).uid
    }),
  )
  const tooMany = await api.call(admin, give, { params, body: role(projects.slice(0, 100), roles) })
  assert.equal(tooMany.refusal?.code, 'invalid')
  const most = role(projects.slice(0, 100), roles.slice(0, 10))
  assert.equal((await api.call(admin, give, { params, body: most })).status, 204)
})

test('the resource roles of a tenant come to no more than it may have, and fewer are always taken', async () => {
  const { tenant, admin, person, projects, role } = await world()
  const params = { uid: person.user }
  // A hundred resource roles of a thousand assignments each, whatever the roles are.
  await sql(
    `with made as (
       insert into resource_roles (tenant_id, resource_role_id, user_id, created_at, updated_at)
       select $1, ${digits('bbbbbbbbbbbb', 'n')}, $2, now(), now() from generate_series(1, 100) as n
       returning resource_role_id),
     filled as (
       insert into resource_role_projects (tenant_id, resource_role_id, project_id, position)
       select $1, resource_role_id, ${digits('aaaaaaaaaaaa', 'n')}, n from made, generate_series(0, 99) as n)
     insert into resource_role_roles (tenant_id, resource_role_id, role_id, position)
     select $1, resource_role_id, ${digits('cccccccccccc', 'n')}, n from made, generate_series(1, 10) as n`,
    [tenant, person.user],
  )
  const one = role(projects.slice(0, 1), [viewer])
  const refused = await api.call(admin, give, { params, body: one })
  assert.deepEqual(
    [refused.refusal?.code, refused.refusal?.details],
    ['resource_limit', { limit: assignmentsOfResourceRoles }],
  )
  const change = 'PATCH /v1/users/{uid}/resourceRoles/{resourceRoleUid}'
  const first = { ...params, resourceRoleUid: `bbbbbbbbbbbb${(1).toString(16).padStart(12, '0')}` }
  assert.equal((await api.call(admin, change, { params: first, body: one })).status, 204)
  assert.equal((await api.call(admin, give, { params, body: one })).status, 204)
  const large = role(projects.slice(0, 100), [viewer, editor])
  assert.equal((await api.call(admin, change, { params: first, body: large })).status, 204)
  const other = await api.must(admin, 'GET /v1/users/{uid}/resourceRoles', { params })
  assert.equal(other.resourceRoles.length, 101)
})

test('an answer names the first hundred of the grants, and says of how many', async () => {
  const { admin, person, projects, role } = await world()
  const params = { uid: person.user }
  await api.must(admin, give, { params, body: role(projects.slice(0, 100), [viewer]) })
  await api.must(admin, give, { params, body: role(projects.slice(0, 100), [viewer]) })
  const body = { permission: 'cluster.get', user: person.user }
  const told = await api.must(admin, 'POST /v1/palisade/access/explain', { body })
  assert.deepEqual([told.near.length, told.nearCount], [grantsShown, 200])
  assert.deepEqual([told.because.length, told.becauseCount], [0, 0])
})

test('who can names the first hundred ways of each, and how many there are, whoever is on the page', async () => {
  const { tenant, admin, person, projects } = await world()
  const [project = ''] = projects
  // Everybody in each of 150 teams that see the project's clusters; one of them through a resource role besides.
  await sql(
    `with made as (
       insert into teams (tenant_id, team_id, name, name_key, created_at, updated_at)
       select $1, ${digits('eeeeeeeeeeee', 'n')}, 't' || n, 't' || n, now(), now() from generate_series(1, 150) as n
       returning team_id),
     joined as (
       insert into team_members (tenant_id, user_id, team_id)
       select $1, u.user_id, team_id from made, users u where u.tenant_id = $1)
     insert into role_assignments (tenant_id, assignment_id, team_id, role_id, project_id, created_at)
     select $1, replace(team_id, 'eeeeeeeeeeee', 'ffffffffffff'), team_id, $2, $3, now() from made`,
    [tenant, predefinedRole('Cluster Viewer').uid, project],
  )
  // What changes access has it read.
  await api.must(admin, give, {
    params: { uid: person.user },
    body: { ...(await narrow(admin)), projectUids: [project] },
  })
  const whoCan = 'GET /v1/palisade/access/who-can'
  const query = { permission: 'cluster.get', project, filtered: 'true' }
  const all = await api.must(admin, whoCan, { query })
  assert.equal(all.count, 2)
  const counts = Object.fromEntries(
    all.items.map((one: { user: { uid: string }; because: object[]; becauseCount: number }) => [
      one.user.uid,
      [one.because.length, one.becauseCount],
    ]),
  )
  // The administrator's own is one way more.
  assert.deepEqual(counts, { [admin.user]: [grantsShown, 151], [person.user]: [grantsShown, 151] })
  const pages = []
  for (const offset of ['0', '1'])
    pages.push(...(await api.must(admin, whoCan, { query: { ...query, limit: '1', offset } })).items)
  assert.deepEqual(pages, all.items)
})

/** A resource role for viewing what a filter selects, but for its projects. */
async function narrow(admin: Parameters<Phases['call']>[0]) {
  const body = { name: 'narrow', expressions: [{ key: 'env', operator: 'eq', values: ['narrow'] }] }
  const { uid } = await api.must(admin, 'POST /v1/palisade/filters', { body })
  return { filterRefs: [uid], roles: [viewer] }
}
