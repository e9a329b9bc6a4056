import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { decide } from '../../core/access/index.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints, explainEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { newUid } from '../platform/random/index.ts'

// Roles on what filters select and roles on workspaces have ends and conditions as plain ones have, by the same calls.

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
const take = 'DELETE /v1/palisade/access/assignments/{uid}'
const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid
const viewer = role('Resource Cluster Viewer')
const operator = role('Workspace Operator')
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
const office = { networks: ['192.0.2.0/24'] }
const inside = '192.0.2.7'

/** A tenant with two projects, in each a workspace, and a filter. */
async function world() {
  const made = await api.tenant()
  const { admin, project } = made
  const { uid: elsewhere } = await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'Elsewhere' } } })
  const workspaceIn = (of: string) =>
    api.inTenant(admin.tenant, async (tx) => {
      const uid = newUid()
      await tx.query(
        `insert into workspaces (tenant_id, workspace_id, project_id, name, name_key, created_at, updated_at)
         values ($1::text, $2::text, $3::text, $2::text, $2::text, now(), now())`,
        [tx.tenant, uid, of],
      )
      return uid
    })
  const [workspace, other] = [await workspaceIn(project), await workspaceIn(elsewhere)]
  return { ...made, elsewhere: elsewhere as string, workspace, other, filter: await newFilter(admin, 'dev') }
}
const newFilter = async (admin: Principal, env: string): Promise<string> => {
  const body = { name: `${env} ${newUid()}`, expressions: [{ key: 'env', operator: 'eq', values: [env] }] }
  return (await api.must(admin, 'POST /v1/palisade/filters', { body })).uid
}
type World = Awaited<ReturnType<typeof world>>

/** The two kinds, as a body gives them, and what they are about. */
const kinds = [
  {
    kind: 'resource-role',
    body: ({ project, filter }: World) => ({ roles: [viewer], projects: [project], filters: [filter] }),
    on: ({ project }: World) => ({
      permission: 'cluster.get',
      resource: {
        kind: 'spectrocluster',
        scope: { kind: 'project', projectUid: project } as const,
        tags: { env: 'dev' },
      },
    }),
    table: 'resource_roles',
    key: 'resource_role_id',
  },
  {
    kind: 'workspace-role',
    body: ({ workspace }: World) => ({ role: operator, workspace }),
    on: ({ project, workspace }: World) => ({
      permission: 'workspace.get',
      resource: {
        kind: 'workspace',
        scope: { kind: 'workspace', projectUid: project, workspaceUid: workspace } as const,
      },
    }),
    table: 'workspace_roles',
    key: 'assignment_id',
  },
] as const
type Kind = (typeof kinds)[number]

/** Whether somebody may, then and from there. */
async function may(who: Principal, kind: Kind, of: World, { now = Date.now(), address = '' } = {}): Promise<boolean> {
  const { compiled } = await api.inTenant(who.tenant, (tx) => api.access.inTx(tx))
  const origin = address === '' ? undefined : { address }
  return decide({ subject: { userUid: who.user }, ...kind.on(of), now, origin }, compiled).effect === 'allow'
}

/** As time would have it. */
const endNow = ({ tenant }: Principal, { table, key }: Kind, uid: string) =>
  api.inTenant(tenant, async (tx) => {
    await api.access.lock(tx)
    await tx.query(`update ${table} set ends_at = now() - interval '1 second' where tenant_id = $1 and ${key} = $2`, [
      ...[tx.tenant, uid],
    ])
    await api.access.raise(tx, 'access')
  })

for (const kind of kinds) {
  test(`${kind.kind}: held until its end, which moves, and taken`, async () => {
    const at = await world()
    const { admin } = at
    const person = await api.person(admin)
    const endsAt = inHours(2)
    const { uid } = await api.must(admin, give, { body: { user: person.user, ...kind.body(at), endsAt } })
    assert.equal(await may(person, kind, at), true)
    assert.equal(await may(person, kind, at, { now: Date.parse(endsAt) - 1 }), true)
    assert.equal(await may(person, kind, at, { now: Date.parse(endsAt) }), false)
    const [held] = (await api.must(person, list)).items
    assert.deepEqual([held.uid, held.kind, held.endsAt, held.conditions], [uid, kind.kind, endsAt, null])
    assert.equal(held.createdBy.uid, admin.user)
    const entry = api.entries.findLast(({ event }) => event === 'assignment.created')
    assert.deepEqual([entry?.details.endsAt, entry?.details.user], [endsAt, person.user])

    const later = inHours(5)
    assert.equal((await api.call(admin, change, { params: { uid }, body: { endsAt: later } })).status, 204)
    assert.equal(await may(person, kind, at, { now: Date.parse(endsAt) }), true)
    assert.equal(await may(person, kind, at, { now: Date.parse(later) }), false)
    assert.equal((await api.call(admin, take, { params: { uid } })).status, 204)
    assert.equal(await may(person, kind, at), false)
    assert.equal((await api.call(admin, take, { params: { uid } })).status, 404)
  })

  test(`${kind.kind}: counts for requests that meet its conditions alone, and explain says which do not`, async () => {
    const at = await world()
    const { admin, project } = at
    const person = await api.person(admin)
    const body = { user: person.user, ...kind.body(at), endsAt: null, conditions: office }
    const { uid } = await api.must(admin, give, { body })
    assert.equal(await may(person, kind, at, { address: inside }), true)
    assert.equal(await may(person, kind, at, { address: '198.51.100.7' }), false)
    assert.equal(await may(person, kind, at), false, 'nobody’s request')
    const { permission } = kind.on(at)
    const able = await api.must(admin, 'GET /v1/palisade/access/who-can', {
      query: {
        permission,
        ...(kind.kind === 'workspace-role' ? { workspace: at.workspace } : { project, filtered: 'true' }),
      },
    })
    const found = able.items.find(({ user }: { user: { uid: string } }) => user.uid === person.user)
    assert.deepEqual([found.because[0].assignment, found.because[0].conditions], [uid, office])
    const can = await api.must(person, 'GET /v1/palisade/access/what-can')
    assert.deepEqual([can.filtered, can.workspaces], [[], []])
    assert.deepEqual([can.conditional[0].assignment, can.conditional[0].conditions], [uid, office])
    if (kind.kind === 'workspace-role') {
      const asked = { body: { permission, workspace: at.workspace } }
      const { near } = await api.must(person, 'POST /v1/palisade/access/explain', asked)
      assert.deepEqual([near[0].assignment, near[0].why, near[0].unmet], [uid, 'condition', ['network']])
    }
    assert.equal((await api.call(admin, change, { params: { uid }, body: { conditions: null } })).status, 204)
    assert.equal(await may(person, kind, at), true)
    const entry = api.entries.findLast(({ event }) => event === 'assignment.updated')
    assert.deepEqual(entry?.details.before, { endsAt: null, conditions: office })
  })

  test(`D01 ${kind.kind}: nobody gives for longer than they hold, or on the strength of what they hold under conditions`, async () => {
    const at = await world()
    const { admin, project } = at
    const lead = await api.person(admin)
    const person = await api.person(admin)
    // To say who holds roles in the project takes no more than that.
    const { uid: keeper } = await api.must(admin, 'POST /v1/roles', {
      body: { metadata: { name: `Keeper ${newUid()}` }, spec: { permissions: ['project.update'], scope: 'project' } },
    })
    await api.must(admin, give, { body: { user: lead.user, role: keeper, project, endsAt: null } })
    const body = kind.body(at)
    const { uid } = await api.must(admin, give, { body: { user: lead.user, ...body, endsAt: inHours(2) } })
    const gives = (more: object) => api.call(lead, give, { body: { user: person.user, ...body, ...more } })
    const changes = (of: string, to: object, who = lead) => api.call(who, change, { params: { uid: of }, body: to })
    const exceeds = (reply: Awaited<ReturnType<typeof gives>>, what: string) =>
      assert.equal(reply.refusal?.code, 'exceeds_own_rights', what)
    exceeds(await gives({ endsAt: inHours(3) }), 'longer than it is held')
    exceeds(await gives({ endsAt: null }), 'for good')
    const given = await gives({ endsAt: inHours(1) })
    assert.equal(given.status, 201, JSON.stringify(given.refusal))
    exceeds(await changes(given.body.uid, { endsAt: inHours(3) }), 'moved beyond the own end')
    exceeds(await changes(uid, { endsAt: null }), 'their own')
    assert.equal((await changes(given.body.uid, { endsAt: inHours(0.5) })).status, 204, 'a sooner end is no giving')
    assert.equal((await changes(given.body.uid, { conditions: office })).status, 204, 'nor are conditions')
    await api.must(admin, take, { params: { uid: given.body.uid } })

    await api.must(admin, change, { params: { uid }, body: { endsAt: null, conditions: office } })
    const there = { ...lead, origin: { address: inside } }
    assert.equal(await may(lead, kind, at, { address: inside }), true)
    for (const conditions of [null, office]) {
      const reply = await api.call(there, give, { body: { user: person.user, ...body, endsAt: null, conditions } })
      exceeds(reply, 'held under conditions')
    }
    exceeds(await changes(uid, { conditions: null }, there), 'their own conditions')
    exceeds(await changes(uid, { conditions: { networks: ['0.0.0.0/0'] } }, there), 'looser ones')
    assert.equal((await changes(uid, { conditions: office }, there)).status, 204, 'as it was')
    assert.equal((await api.call(person, take, { params: { uid } })).refusal?.code, 'forbidden')
  })

  test(`${kind.kind}: what has ended is not held: not shown, in nobody’s way, and given anew`, async () => {
    const at = await world()
    const { admin } = at
    const person = await api.person(admin)
    const scope = kind.kind === 'workspace-role' ? 'project' : 'resource'
    const { uid: own } = await api.must(admin, 'POST /v1/roles', {
      body: { metadata: { name: `Own ${newUid()}` }, spec: { permissions: ['cluster.get'], scope } },
    })
    const what = 'roles' in kind.body(at) ? { roles: [own] } : { role: own }
    const body = { user: person.user, ...kind.body(at), ...what, endsAt: inHours(1) }
    const { uid } = await api.must(admin, give, { body })
    const deletion = () => api.call(admin, 'DELETE /v1/roles/{uid}', { params: { uid: own } })
    assert.equal((await deletion()).status, 409)
    await endNow(admin, kind, uid)
    assert.deepEqual((await api.must(person, list)).items, [])
    assert.equal((await api.call(admin, change, { params: { uid }, body: { endsAt: null } })).status, 404)
    assert.equal((await api.call(admin, take, { params: { uid } })).status, 404)
    const again = await api.must(admin, give, { body })
    assert.equal((await api.must(person, list)).items[0].uid, again.uid)
    await endNow(admin, kind, again.uid)
    assert.equal((await deletion()).status, 204)
    const filters = await api.must(admin, 'GET /v1/palisade/filters')
    assert.equal(filters.items.find((one: { uid: string }) => one.uid === at.filter).uses, 0)
    assert.equal((await api.call(admin, 'DELETE /v1/filters/tag/{uid}', { params: { uid: at.filter } })).status, 204)
  })
}

test('one list has all kinds: whose they are, those of teams, and those in a project', async () => {
  const at = await world()
  const { admin, project, elsewhere, workspace, other, filter } = at
  const person = await api.person(admin)
  const { uid: team } = await api.must(admin, 'POST /v1/teams', {
    body: { metadata: { name: 'Team' }, spec: { users: [person.user] } },
  })
  const made = async (body: object): Promise<string> =>
    (await api.must(admin, give, { body: { endsAt: null, ...body } })).uid
  const user = person.user
  const plain = await made({ user, role: role('Project Viewer'), project })
  const onFilter = await made({ user, roles: [viewer], projects: [project, elsewhere], filters: [filter] })
  const onWorkspace = await made({ team, role: operator, workspace })
  const onOther = await made({ user, role: operator, workspace: other, endsAt: inHours(1) })
  const uids = async (who: Principal, query: Record<string, string>) =>
    (await api.must(who, list, { query })).items.map(({ uid }: { uid: string }) => uid)
  assert.deepEqual(await uids(person, {}), [plain, onFilter, onWorkspace, onOther])
  assert.deepEqual(await uids(admin, { team }), [onWorkspace])
  assert.deepEqual(await uids(admin, { project: elsewhere }), [onFilter, onOther])
  const { items } = await api.must(person, list)
  const named = (list: readonly { uid: string }[]) => list.map(({ uid }) => uid)
  assert.deepEqual(
    [items[1].kind, named(items[1].roles), named(items[1].projects), named(items[1].filters)],
    ['resource-role', [viewer], [project, elsewhere], [filter]],
  )
  for (const one of [...items[1].projects, ...items[1].filters]) assert.notEqual(one.name, '', 'their own')
  assert.deepEqual(
    [items[2].kind, items[2].subject.uid, items[2].role.uid, items[2].project.uid, items[2].workspace.uid],
    ['workspace-role', team, operator, project, workspace],
  )

  // Who sees one project is told no more of the other and of filters than that they are.
  const onlooker = await api.person(admin)
  await made({ user: onlooker.user, role: role('Project Viewer'), project })
  const seen = (await api.must(onlooker, list, { query: { project } })).items
  const shown = seen.find(({ uid }: { uid: string }) => uid === onFilter)
  assert.deepEqual(
    shown.projects.map(({ name }: { name: string }) => name === ''),
    [false, true],
  )
  assert.equal(shown.subject.name, '')

  // Nor may who changes one project alone take what is given in both.
  const lead = await api.person(admin)
  await made({ user: lead.user, role: role('Project Admin'), project })
  assert.equal((await api.call(lead, take, { params: { uid: onFilter } })).refusal?.code, 'forbidden')
  assert.equal((await api.call(lead, take, { params: { uid: onOther } })).refusal?.code, 'forbidden')
  assert.equal((await api.call(lead, take, { params: { uid: onWorkspace } })).status, 204)
})

test('the published calls show and replace what is held for good and for every request, and leave terms as they are', async () => {
  const at = await world()
  const { admin, project, workspace, filter } = at
  const person = await api.person(admin)
  const endsAt = inHours(2)
  const until = { user: person.user, endsAt, conditions: office }
  const { uid: onFilter } = await api.must(admin, give, {
    body: { ...until, roles: [viewer], projects: [project], filters: [filter] },
  })
  const { uid: onWorkspace } = await api.must(admin, give, { body: { ...until, role: operator, workspace } })
  const params = { uid: person.user, userUid: person.user }
  const onFilters = 'GET /v1/users/{uid}/resourceRoles'
  const onWorkspaces = 'GET /v1/workspaces/users/{userUid}/roles'
  assert.deepEqual((await api.must(admin, onFilters, { params })).resourceRoles, [])
  assert.deepEqual((await api.must(admin, onWorkspaces, { params })).projects, [])

  // What is named by its uid is another one for as long and for the same requests.
  const editor = role('Resource Cluster Editor')
  const patch = 'PATCH /v1/users/{uid}/resourceRoles/{resourceRoleUid}'
  await api.must(admin, patch, {
    params: { ...params, resourceRoleUid: onFilter },
    body: { projectUids: [project], filterRefs: [filter], roles: [editor] },
  })
  const put = (roles: string[]) =>
    api.must(admin, 'PUT /v1/workspaces/users/{userUid}/roles', {
      params,
      body: { workspaces: [{ uid: workspace, roles }] },
    })
  await put([])
  const { items } = await api.must(person, list)
  assert.deepEqual(
    items.map((one: { uid: string; endsAt: string; conditions: object }) => [one.uid, one.endsAt, one.conditions]),
    [onFilter, onWorkspace].map((uid) => [uid, endsAt, office]),
  )
  assert.equal(items[0].roles[0].uid, editor)

  // A list that names it means for good, as where nothing is held.
  await put([operator])
  const [, now] = (await api.must(person, list)).items
  assert.deepEqual([now.kind, now.endsAt, now.conditions], ['workspace-role', null, null])
  assert.equal((await api.must(admin, onWorkspaces, { params })).projects.length, 1)
  const entry = api.entries.findLast(({ event }) => event === 'user.access.updated')
  const added = entry?.details.added as { before: object }[] | undefined
  assert.deepEqual(added?.[0]?.before, { endsAt, conditions: office })
})

test('a filter is changed by who holds through it for as long as those who act through it', async () => {
  const { admin, project, filter } = await world()
  const lead = await api.person(admin)
  const person = await api.person(admin)
  const { uid: keeper } = await api.must(admin, 'POST /v1/roles', {
    body: {
      metadata: { name: 'Filter keeper' },
      spec: { permissions: ['filter.get', 'filter.update'], scope: 'tenant' },
    },
  })
  await api.must(admin, give, { body: { user: lead.user, role: keeper, endsAt: null } })
  await api.must(admin, give, { body: { user: lead.user, role: role('Cluster Admin'), project, endsAt: inHours(2) } })
  const { uid } = await api.must(admin, give, {
    body: { user: person.user, roles: [viewer], projects: [project], filters: [filter], endsAt: inHours(1) },
  })
  const expressions = [{ key: 'env', operator: 'eq', negation: false, values: ['prod'] }]
  const write = (values: string[]) =>
    api.call(lead, 'PUT /v1/palisade/filters/{uid}', {
      params: { uid: filter },
      body: { name: 'dev', expressions: [{ ...expressions[0], values }] },
    })
  assert.equal((await write(['prod'])).status, 204, 'until a time within their own')
  await api.must(admin, change, { params: { uid }, body: { endsAt: null } })
  assert.equal((await write(['test'])).refusal?.code, 'exceeds_own_rights')
})

test('one body is one assignment, of what there is in the tenant', async () => {
  const at = await world()
  const foreign = await world()
  const { admin, project, workspace, filter } = at
  const person = await api.person(admin)
  const onFilter = { roles: [viewer], projects: [project], filters: [filter] }
  const asked = async (body: object) =>
    (await api.call(admin, give, { body: { user: person.user, endsAt: null, ...body } })).refusal?.code
  assert.equal(await asked({}), 'invalid', 'no role')
  assert.equal(await asked({ role: operator, workspace, project }), 'invalid', 'two places')
  assert.equal(await asked({ ...onFilter, role: viewer }), 'invalid')
  assert.equal(await asked({ ...onFilter, workspace }), 'invalid')
  assert.equal(await asked({ ...onFilter, filters: [] }), 'invalid')
  assert.equal(await asked({ roles: [viewer], projects: [project] }), 'invalid', 'no filters')
  assert.equal(await asked({ roles: [viewer], filters: [filter] }), 'invalid', 'no projects')
  assert.equal(await asked({ ...onFilter, roles: [operator] }), 'invalid', 'no resource role')
  assert.equal(await asked({ role: viewer, workspace }), 'invalid', 'a resource role on a workspace')
  assert.equal(await asked({ role: role('Tenant Admin'), workspace }), 'invalid', 'a tenant role on a workspace')
  assert.equal(await asked({ role: operator, workspace, endsAt: inHours(-1) }), 'invalid', 'has ended')
  assert.equal(await asked({ role: operator, workspace, conditions: {} }), 'invalid', 'conditions that say nothing')
  for (const uid of ['x', 'f'.repeat(24), foreign.workspace])
    assert.equal(await asked({ role: operator, workspace: uid }), 'not_found')
  for (const uid of ['x', 'f'.repeat(24), foreign.filter])
    assert.equal(await asked({ ...onFilter, filters: [uid] }), 'not_found')
  for (const uid of ['x', 'f'.repeat(24), foreign.project])
    assert.equal(await asked({ ...onFilter, projects: [project, uid] }), 'not_found')
  assert.equal(await asked({ role: operator, workspace }), undefined)
  assert.equal(await asked({ role: operator, workspace, endsAt: inHours(1) }), 'conflict', 'held already')
  const theirs = await api.must(foreign.admin, give, {
    body: { user: foreign.admin.user, role: operator, workspace: foreign.workspace, endsAt: null },
  })
  for (const route of [change, take])
    assert.equal((await api.call(admin, route, { params: theirs, body: { endsAt: null } })).status, 404, route)
})
