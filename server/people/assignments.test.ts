import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { decide } from '../../core/access/index.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'

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

const list = 'GET /v1/palisade/access/assignments'
const give = 'POST /v1/palisade/access/assignments'
const move = 'PATCH /v1/palisade/access/assignments/{uid}'
const take = 'DELETE /v1/palisade/access/assignments/{uid}'
const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid
const viewer = role('Project Viewer')
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()

/** Whether somebody may read clusters of a project, then. */
async function reads(who: Principal, project: string, now = Date.now()): Promise<boolean> {
  const { compiled } = await api.inTenant(who.tenant, (tx) => api.access.inTx(tx))
  const resource = { kind: 'project', scope: { kind: 'project', projectUid: project } } as const
  return (
    decide({ subject: { userUid: who.user }, permission: 'cluster.get', resource, now }, compiled).effect === 'allow'
  )
}

/** As time would have it. */
const endNow = (tenant: Principal['tenant'], uid: string) =>
  api.inTenant(tenant, async (tx) => {
    await api.access.lock(tx)
    await tx.query(
      `update role_assignments set ends_at = now() - interval '1 second' where tenant_id = $1 and assignment_id = $2`,
      [tx.tenant, uid],
    )
    await api.access.raise(tx, 'access')
  })

test('a role until a time is held until then, and shown with its end', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const endsAt = inHours(2)
  const { uid } = await api.must(admin, give, { body: { user: person.user, role: viewer, project, endsAt } })
  assert.equal(await reads(person, project), true)
  assert.equal(await reads(person, project, Date.parse(endsAt) - 1), true)
  assert.equal(await reads(person, project, Date.parse(endsAt)), false)

  const { items } = await api.must(person, list)
  assert.equal(items.length, 1)
  assert.deepEqual(
    [items[0].uid, items[0].role.uid, items[0].project.uid, items[0].endsAt, items[0].createdBy.uid],
    [uid, viewer, project, endsAt, admin.user],
  )
  // Whoever may not list people is not told what the one who gave it is called.
  const [shown] = (await api.must(admin, list, { query: { project } })).items
  assert.notEqual(shown.createdBy.name, '')
  assert.deepEqual([{ ...shown, createdBy: { ...shown.createdBy, name: '' } }], items)
  const published = await api.must(admin, 'GET /v1/users/{uid}/projects', { params: { uid: person.user } })
  assert.deepEqual(published.projects, [], 'those lists are of what stands')
  const entry = api.entries.findLast(({ event }) => event === 'assignment.created')
  assert.deepEqual(entry?.details.endsAt, endsAt)

  const later = inHours(5)
  assert.equal((await api.call(admin, move, { params: { uid }, body: { endsAt: later } })).status, 204)
  assert.equal((await api.must(person, list)).items[0].endsAt, later)
  assert.equal((await api.call(admin, take, { params: { uid } })).status, 204)
  assert.equal(await reads(person, project), false)
  assert.equal((await api.call(admin, take, { params: { uid } })).status, 404)
})

test('a role is given for good one by one too, by who holds it for good', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const endsAt = inHours(2)
  await api.must(admin, give, { body: { user: person.user, role: viewer, project, endsAt } })
  const editor = role('Project Editor')
  const made = await api.must(admin, give, { body: { user: person.user, role: editor, project, endsAt: null } })
  assert.equal(made.endsAt, null)
  const { items } = await api.must(person, list)
  assert.deepEqual(
    items.map(({ role: { uid }, endsAt: end }: { role: { uid: string }; endsAt: string | null }) => [uid, end]),
    [
      [viewer, endsAt],
      [editor, null],
    ],
    'the other one kept its end',
  )
  const again = await api.call(admin, give, { body: { user: person.user, role: viewer, project, endsAt: null } })
  assert.equal(again.refusal?.code, 'conflict', 'an end is moved, and not given over')
  const giver = await api.person(admin)
  await api.must(admin, give, { body: { user: giver.user, role: role('Tenant User Admin'), endsAt: null } })
  await api.must(admin, give, { body: { user: giver.user, role: viewer, project, endsAt: inHours(1) } })
  const other = await api.person(admin)
  const forGood = { user: other.user, role: viewer, project, endsAt: null }
  assert.equal((await api.call(giver, give, { body: forGood })).refusal?.code, 'exceeds_own_rights')
})

test('what has ended is not held: not shown, given anew, in nobody’s way', async () => {
  const { admin, project } = await api.tenant()
  const person = await api.person(admin)
  const own = await api.must(admin, 'POST /v1/roles', {
    body: { metadata: { name: 'Readers' }, spec: { permissions: ['cluster.get'], scope: 'project' } },
  })
  const body = { user: person.user, role: own.uid, project, endsAt: inHours(1) }
  const { uid } = await api.must(admin, give, { body })
  assert.equal((await api.call(admin, give, { body })).refusal?.code, 'conflict', 'held by then')
  assert.equal((await api.call(admin, 'DELETE /v1/roles/{uid}', { params: { uid: own.uid } })).status, 409)
  await endNow(admin.tenant, uid)
  assert.deepEqual((await api.must(person, list)).items, [])
  assert.equal((await api.call(admin, move, { params: { uid }, body: { endsAt: null } })).status, 404)
  // The published list gives it for good, although there is a row that ended.
  const projects = [{ projectUid: project, roles: [own.uid] }]
  await api.must(admin, 'PUT /v1/users/{uid}/projects', { params: { uid: person.user }, body: { projects } })
  assert.equal(await reads(person, project, Date.now() + 9e9), true)
  assert.equal((await api.call(admin, give, { body })).refusal?.code, 'conflict', 'a time takes nothing away')
  const { items } = await api.must(person, list)
  await api.must(admin, move, { params: { uid: items[0].uid }, body: { endsAt: inHours(1) } })
  await endNow(admin.tenant, items[0].uid)
  assert.equal((await api.call(admin, 'DELETE /v1/roles/{uid}', { params: { uid: own.uid } })).status, 204)
})

test('D01 nobody gives what they do not hold, or for longer than they hold it', async () => {
  const { admin, project } = await api.tenant()
  const lead = await api.person(admin)
  const person = await api.person(admin)
  const projectAdmin = role('Project Admin')
  const { uid } = await api.must(admin, give, {
    body: { user: lead.user, role: projectAdmin, project, endsAt: inHours(2) },
  })
  const gives = (body: object) => api.call(lead, give, { body: { user: person.user, project, role: viewer, ...body } })
  assert.equal((await gives({ endsAt: inHours(3) })).refusal?.code, 'exceeds_own_rights', 'longer than it is held')
  const given = await gives({ endsAt: inHours(1) })
  assert.equal(given.status, 201)
  const params = { uid: given.body.uid }
  assert.equal(
    (await api.call(lead, move, { params, body: { endsAt: inHours(3) } })).refusal?.code,
    'exceeds_own_rights',
  )
  assert.equal((await api.call(lead, move, { params, body: { endsAt: null } })).refusal?.code, 'exceeds_own_rights')
  assert.equal(
    (await api.call(lead, move, { params: { uid }, body: { endsAt: null } })).refusal?.code,
    'exceeds_own_rights',
    'their own',
  )
  assert.equal((await gives({ project: undefined, endsAt: inHours(1) })).refusal?.code, 'forbidden', 'in the tenant')
  assert.equal(
    (await api.call(person, give, { body: { user: lead.user, project, role: viewer, endsAt: inHours(1) } })).refusal
      ?.code,
    'forbidden',
  )
  assert.equal((await api.call(person, take, { params })).refusal?.code, 'forbidden')
  assert.equal((await api.call(lead, take, { params })).status, 204)
})

test('an end is a time to come, a role is one that can be given there, and somebody holds it', async () => {
  const { admin, project } = await api.tenant()
  const other = await api.tenant()
  const person = await api.person(admin)
  const { uid: team } = await api.must(admin, 'POST /v1/teams', { body: { metadata: { name: 'T' }, spec: {} } })
  const asked = async (body: object) => {
    const whole = { user: person.user, role: viewer, project, endsAt: inHours(1), ...body }
    return (await api.call(admin, give, { body: whole })).refusal?.code
  }
  assert.equal(await asked({ endsAt: new Date(Date.now() - 1).toISOString() }), 'invalid')
  assert.equal(await asked({ endsAt: 'tomorrow' }), 'invalid')
  assert.equal(await asked({ team }), 'invalid', 'two subjects')
  assert.equal(await asked({ user: undefined }), 'invalid', 'none')
  assert.equal(await asked({ role: role('Tenant Admin') }), 'invalid', 'a tenant role in a project')
  assert.equal(await asked({ role: role('Resource Cluster Viewer') }), 'invalid', 'a resource role without filters')
  assert.equal(await asked({ role: 'f'.repeat(24) }), 'not_found')
  assert.equal(await asked({ user: other.admin.user }), 'not_found', 'somebody of another tenant')
  assert.equal(await asked({ project: other.project }), 'not_found', 'a project of another tenant')
  assert.equal(await asked({ user: undefined, team }), undefined)
  assert.equal((await api.must(admin, list, { query: { team } })).items.length, 1)
  assert.equal((await api.call(person, list, { query: { team } })).status, 403)
  assert.equal((await api.call(person, list, { query: { project } })).status, 403)
  assert.equal((await api.call(admin, list, { query: { team, project } })).status, 400)
})

test('the last Tenant Admin stays one for good', async () => {
  const { admin } = await api.tenant()
  const { items } = await api.must(admin, list)
  const params = { uid: items[0].uid }
  assert.equal((await api.call(admin, take, { params })).refusal?.code, 'conflict')
  assert.equal((await api.call(admin, move, { params, body: { endsAt: inHours(1) } })).refusal?.code, 'conflict')
})
