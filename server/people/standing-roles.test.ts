import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'

// The published lists of roles show and replace standing roles alone (docs/adr/0015).

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

const assignments = '/v1/palisade/access/assignments'
type RoleName = Parameters<typeof predefinedRole>[0]
const role = (name: RoleName) => predefinedRole(name).uid
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
const office = { networks: ['192.0.2.0/24'] }
const at = (uid: string, body?: object) => ({ params: { uid }, ...(body ? { body } : {}) })

type Held = {
  readonly uid: string
  readonly role: { readonly uid: string }
  readonly endsAt: string | null
  readonly conditions: object | null
}
const give = async (who: Principal, body: object): Promise<string> =>
  (await api.must(who, `POST ${assignments}`, { body })).uid
const held = async (who: Principal, query: Readonly<Record<string, string>>): Promise<readonly Held[]> =>
  (await api.must(who, `GET ${assignments}`, { query })).items
const one = async (who: Principal, uid: string): Promise<Held> => api.must(who, `GET ${assignments}/{uid}`, at(uid))

/** Somebody and a team with them, who hold one role for good, one until a time and one under conditions, in both places. */
async function holders() {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin, { roles: [role('Tenant Viewer')] })
  const { uid: team } = await api.must(admin, 'POST /v1/teams', {
    body: { metadata: { name: 'crew' }, spec: { users: [person.user], roles: [role('Tenant Role Admin')] } },
  })
  await api.must(
    admin,
    'PUT /v1/users/{uid}/projects',
    at(person.user, { projects: [{ projectUid: project, roles: [role('Project Viewer')] }] }),
  )
  await api.must(
    admin,
    'PUT /v1/teams/{uid}/projects',
    at(team, { projects: [{ projectUid: project, roles: [role('Cluster Viewer')] }] }),
  )
  const endsAt = inHours(2)
  const uids: string[] = []
  for (const subject of [{ user: person.user }, { team }])
    for (const place of [{ project }, {}]) {
      const [first, second] =
        'project' in place
          ? [role('Project Editor'), role('Cluster Editor')]
          : [role('Tenant Project Admin'), role('Tenant User Admin')]
      uids.push(await give(admin, { ...subject, ...place, role: first, endsAt }))
      uids.push(await give(admin, { ...subject, ...place, role: second, endsAt: null, conditions: office }))
    }
  const terms = async () => {
    const found = [...(await held(admin, { user: person.user })), ...(await held(admin, { project }))]
    return uids.map((uid) => {
      const { role: of, endsAt: end, conditions } = found.find((each) => each.uid === uid) ?? {}
      return [of?.uid, end, conditions]
    })
  }
  return { admin, project, person, team, endsAt, terms }
}

/** What the published API names; what is held until a time or under conditions is not among it. */
const passing = ['Project Editor', 'Cluster Editor', 'Tenant Project Admin', 'Tenant User Admin'] as const

test('what the published API shows of roles is what stands; our own lists show all', async () => {
  const { admin, project, person, team } = await holders()
  const seen: readonly (readonly [string, RoleName, object?])[] = [
    ['GET /v1/users', 'Tenant Viewer'],
    ['POST /v1/users/summary', 'Tenant Viewer'],
    ['GET /v1/users/{uid}', 'Tenant Viewer', at(person.user)],
    ['GET /v1/users/{uid}/roles', 'Tenant Viewer', at(person.user)],
    ['GET /v1/users/{uid}/roles', 'Tenant Role Admin', at(person.user)],
    ['GET /v1/users/{uid}/projects', 'Project Viewer', at(person.user)],
    ['GET /v1/users/{uid}/projects', 'Cluster Viewer', at(person.user)],
    ['GET /v1/teams', 'Tenant Role Admin'],
    ['POST /v1/teams/summary', 'Tenant Role Admin'],
    ['GET /v1/teams/{uid}', 'Tenant Role Admin', at(team)],
    ['GET /v1/teams/{uid}/roles', 'Tenant Role Admin', at(team)],
    ['GET /v1/teams/{uid}/projects', 'Cluster Viewer', at(team)],
    ['GET /v1/projects', 'Project Viewer'],
    ['GET /v1/projects/{uid}', 'Cluster Viewer', at(project)],
  ]
  for (const [route, shows, call] of seen) {
    const text = JSON.stringify(await api.must(admin, route, call ?? {}))
    assert.ok(text.includes(role(shows)), `${route} shows ${shows}`)
    for (const name of passing) assert.ok(!text.includes(role(name)), `${route} shows ${name}`)
  }
  const me = await api.must(person, 'GET /v1/users/me')
  assert.deepEqual(me.spec.roles, [role('Tenant Viewer')])
  assert.ok(me.status.tenantPermissions.project.includes('project.create'), 'what they may do now is all that they may')

  const all = JSON.stringify([await held(admin, { user: person.user }), await held(admin, { project })])
  for (const name of passing) assert.ok(all.includes(role(name)), name)
  const listed = (await api.must(admin, 'GET /v1/palisade/teams')).items[0]
  assert.equal(listed.roles.length, 3, 'the console’s list of teams')
})

test('who holds something in a project until a time alone is in its summary, and not among its users', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  await give(admin, { user: person.user, role: role('Project Viewer'), project, endsAt: inHours(1) })
  const { items } = await api.must(admin, 'POST /v1/dashboard/projects', { body: {} })
  assert.deepEqual(
    items[0].specSummary.users.map(({ uid }: { uid: string }) => uid),
    [person.user],
  )
  assert.deepEqual((await api.must(admin, 'GET /v1/projects/{uid}', at(project))).spec.users, [])
  assert.deepEqual((await api.must(admin, 'GET /v1/users/{uid}/projects', at(person.user))).projects, [])
  assert.equal((await api.call(person, 'GET /v1/projects/{uid}', at(project))).status, 200)
})

test('no list that is written through the published API takes, moves or gives anything else than what stands', async () => {
  const { admin, project, person, team, terms } = await holders()
  const before = await terms()
  assert.ok(before.every(([of]) => of !== undefined))
  const name = (await api.must(admin, 'GET /v1/projects/{uid}', at(project))).metadata.name
  const writes: readonly (readonly [string, object])[] = [
    ['PUT /v1/users/{uid}/roles', at(person.user, { roles: [] })],
    ['PUT /v1/users/{uid}/projects', at(person.user, { projects: [{ projectUid: project, roles: [] }] })],
    ['PUT /v1/users/{uid}/projects', at(person.user, { projects: [] })],
    ['PUT /v1/users/{uid}', at(person.user, { spec: { roles: [] } })],
    ['PUT /v1/teams/{uid}/roles', at(team, { roles: [] })],
    ['PUT /v1/teams/{uid}/projects', at(team, { projects: [] })],
    ['PUT /v1/teams/{uid}', at(team, { metadata: { name: 'crew' }, spec: { users: [person.user], roles: [] } })],
    ['PUT /v1/projects/{uid}/users', at(project, { users: [] })],
    ['PUT /v1/projects/{uid}/teams', at(project, { teams: [] })],
    ['PUT /v1/projects/{uid}', at(project, { metadata: { name }, spec: { users: [], teams: [] } })],
  ]
  for (const [route, call] of writes) {
    const { status, refusal } = await api.call(admin, route, call)
    assert.equal(status, 204, `${route}: ${JSON.stringify(refusal)}`)
    assert.deepEqual(await terms(), before, route)
  }
  assert.equal((await held(admin, { user: person.user })).length, before.length, 'what stood is gone')
  // A patch carries the whole list along, whatever it is about.
  const rename = [{ op: 'replace', path: '/metadata/name', value: 'other crew' }]
  assert.equal((await api.call(admin, 'PATCH /v1/teams/{uid}', { params: { uid: team }, body: rename })).status, 204)
  const add = [{ op: 'add', path: '/spec/roles/-', value: role('Tenant Viewer') }]
  assert.equal((await api.call(admin, 'PATCH /v1/teams/{uid}', { params: { uid: team }, body: add })).status, 204)
  assert.deepEqual(await terms(), before)
})

test('a list that names what is held until a time, or under conditions, gives it for good in its place', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const viewer = role('Project Viewer')
  const put = (who: Principal) =>
    api.call(
      who,
      'PUT /v1/users/{uid}/projects',
      at(person.user, { projects: [{ projectUid: project, roles: [viewer] }] }),
    )
  for (const terms of [
    { endsAt: inHours(1), conditions: null },
    { endsAt: null, conditions: office },
    { endsAt: inHours(1), conditions: office },
  ]) {
    const uid = await give(admin, { user: person.user, role: viewer, project, ...terms })
    const before = await one(person, uid)
    assert.deepEqual([before.endsAt, before.conditions], [terms.endsAt, terms.conditions])

    // It takes what giving for good takes: whoever holds it until a time, or under conditions, does not.
    const lead = await api.person(admin, { roles: [role('Tenant User Admin')] })
    await give(admin, { user: lead.user, role: role('Project Admin'), project, endsAt: inHours(9) })
    assert.equal((await put(lead)).refusal?.code, 'exceeds_own_rights')
    assert.deepEqual(await one(person, uid), before)

    assert.equal((await put(admin)).status, 204)
    const [after, ...more] = await held(person, {})
    assert.deepEqual([after?.endsAt, after?.conditions, more], [null, null, []])
    // Whoever would take or move what was for a time finds it no more.
    assert.notEqual(after?.uid, uid)
    assert.equal((await api.call(admin, `DELETE ${assignments}/{uid}`, at(uid))).status, 404)
    const entry = api.entries.findLast(({ event }) => event === 'user.access.updated')
    const added = entry?.details.added as readonly { before?: object }[] | undefined
    assert.deepEqual(added?.[0]?.before, terms)
    assert.equal((await put(admin)).status, 204, 'as it is')
    await api.must(admin, 'PUT /v1/users/{uid}/projects', at(person.user, { projects: [] }))
    assert.deepEqual(await held(person, {}), [])
  }
})

test('an end that is put on what stands takes it out of the list, and the next list that names it takes the end away', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const projects = [{ projectUid: project, roles: [role('Project Viewer')] }]
  const put = () => api.must(admin, 'PUT /v1/users/{uid}/projects', at(person.user, { projects }))
  const listed = async () => (await api.must(admin, 'GET /v1/users/{uid}/projects', at(person.user))).projects.length
  await put()
  const [stands] = await held(person, {})
  const uid = stands?.uid ?? ''
  assert.equal(await listed(), 1)
  assert.equal((await api.call(admin, `PATCH ${assignments}/{uid}`, at(uid, { endsAt: inHours(1) }))).status, 204)
  assert.equal(await listed(), 0)
  await put()
  assert.equal(await listed(), 1)
  assert.equal((await held(person, {}))[0]?.endsAt, null)
})

test('who and where they are held still end them, and a role that is held so is in use', async () => {
  const { admin, project } = await api.tenant()
  const own = await api.must(admin, 'POST /v1/roles', {
    body: { metadata: { name: 'Readers' }, spec: { permissions: ['cluster.get', 'project.get'], scope: 'project' } },
  })
  const terms = { role: own.uid, endsAt: inHours(1) }
  const remove = (route: string, uid: string) => api.call(admin, route, at(uid))
  const inUse = async () => (await remove('DELETE /v1/roles/{uid}', own.uid)).refusal?.code
  const person = await api.person(admin)
  const gone = await api.person(admin)
  const { uid: team } = await api.must(admin, 'POST /v1/teams', {
    body: { metadata: { name: 'T' }, spec: { users: [person.user], roles: [] } },
  })
  const { uid: other } = await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'other' } } })
  const uids = [
    await give(admin, { user: gone.user, project, ...terms }),
    await give(admin, { team, project, ...terms }),
    await give(admin, { user: person.user, project: other, ...terms }),
    await give(admin, { user: person.user, project, ...terms }),
  ]
  const there = async () => {
    const answers = await Promise.all(uids.map((uid) => api.call(admin, `GET ${assignments}/{uid}`, at(uid))))
    return answers.map(({ status }) => status === 200)
  }
  assert.deepEqual(await there(), [true, true, true, true])
  assert.equal(await inUse(), 'role_in_use')

  const switchTo = (value: boolean) =>
    api.must(admin, 'PATCH /v1/users/{uid}', {
      params: { uid: gone.user },
      body: [{ op: 'replace', path: '/status/isActive', value }],
    })
  const reads = async () => (await api.call(gone, 'GET /v1/projects/{uid}', at(project))).status === 200
  assert.equal(await reads(), true)
  await switchTo(false)
  assert.equal(await reads(), false)
  await switchTo(true)
  assert.equal(await reads(), true, 'until its end, as with what stands')

  await remove('DELETE /v1/users/{uid}', gone.user)
  assert.deepEqual(await there(), [false, true, true, true])
  await remove('DELETE /v1/teams/{uid}', team)
  assert.deepEqual(await there(), [false, false, true, true])
  await remove('DELETE /v1/projects/{uid}', other)
  assert.deepEqual(await there(), [false, false, false, true])
  assert.equal(await inUse(), 'role_in_use')
  await remove(`DELETE ${assignments}/{uid}`, uids[3] ?? '')
  assert.equal(await inUse(), undefined)
})

test('the last Tenant Admin is one who stands: a list that leaves nobody else is refused', async () => {
  const { admin } = await api.tenant()
  const person = await api.person(admin)
  const tenantAdmin = role('Tenant Admin')
  await give(admin, { user: person.user, role: tenantAdmin, endsAt: inHours(1) })
  const none = () => api.call(admin, 'PUT /v1/users/{uid}/roles', at(admin.user, { roles: [] }))
  assert.equal((await none()).refusal?.code, 'conflict')
  await api.must(admin, 'PUT /v1/users/{uid}/roles', at(person.user, { roles: [tenantAdmin] }))
  assert.equal((await none()).status, 204)
})

test('one is read by who holds it, by who may read them, and by who may read the project', async () => {
  const { admin, project } = await api.tenant()
  const [person, other] = [await api.person(admin), await api.person(admin)]
  const { uid: team } = await api.must(admin, 'POST /v1/teams', {
    body: { metadata: { name: 'T' }, spec: { users: [person.user], roles: [] } },
  })
  const terms = { role: role('Project Viewer'), project, endsAt: inHours(1) }
  const own = await give(admin, { user: person.user, ...terms })
  const ofTeam = await give(admin, { team, ...terms })
  const inTenant = await give(admin, { user: person.user, role: role('Tenant Viewer'), endsAt: inHours(1) })
  const code = async (who: Principal, uid: string) =>
    (await api.call(who, `GET ${assignments}/{uid}`, at(uid))).refusal?.code
  for (const uid of [own, ofTeam, inTenant]) {
    for (const who of [admin, person]) assert.equal(await code(who, uid), undefined)
    assert.equal(await code(other, uid), 'forbidden')
  }
  await give(admin, { user: other.user, ...terms })
  assert.equal(await code(other, own), undefined)
  assert.equal(await code(other, inTenant), 'forbidden')
  const stranger = (await api.tenant()).admin
  assert.equal(await code(stranger, own), 'not_found')
  assert.equal(await code(admin, 'nonsense'), 'not_found')
  assert.deepEqual(
    await one(admin, own),
    (await held(admin, { user: person.user })).find(({ uid }) => uid === own),
  )
})
