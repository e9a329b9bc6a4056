import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { UserUid } from '../../contract/ids.ts'
import { assignmentsPerSubject } from '../../contract/limits.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import type { Principal } from '../gateway/index.ts'
import { hasRoomForRoles } from './assignment-limits.ts'
import { accessEndpoints } from './index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, () => [...accessEndpoints])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const sql = (text: string, values: unknown[]) => withClient(database.superuser, (client) => client.query(text, values))
const digits = (from: string, at: string) => `'${from}' || lpad(to_hex(${at}), 12, '0')`
const viewer = predefinedRole('Cluster Viewer').uid
const editor = predefinedRole('Cluster Editor').uid

/** Gives somebody so many roles in a project, whatever the roles are; `ended`: that they held until a moment ago. */
const fill = (
  tenant: string,
  holder: { user?: string; team?: string },
  project: string,
  count: number,
  ended = false,
) =>
  sql(
    `insert into role_assignments (tenant_id, assignment_id, user_id, team_id, role_id, project_id, created_at, ends_at)
     select $1, left(md5(concat($2::text, $3::text, $6::boolean, n)), 24), $2, $3,
            ${digits(ended ? 'eeeeeeeeeeee' : 'cccccccccccc', 'n')}, $4, now(), case when $6::boolean then now() end
       from generate_series(1, $5::int) as n`,
    [tenant, holder.user ?? null, holder.team ?? null, project, count, ended],
  )

test('one user, or one team, holds no more roles than they may, wherever they are given; who gets none more may be changed', async () => {
  const { uid: tenant, admin, project } = await api.tenant()
  const { uid: other } = await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'Other' } } })
  const person = await api.person(admin)
  const params = { uid: person.user }
  const team = (await api.must(admin, 'POST /v1/teams', { body: { metadata: { name: 'devs' }, spec: {} } })).uid
  await fill(tenant, { user: person.user }, project, assignmentsPerSubject - 1)
  // What has ended takes no room.
  await fill(tenant, { user: person.user }, project, 5, true)
  await api.must(admin, 'PUT /v1/users/{uid}/roles', { params, body: { roles: [predefinedRole('Tenant Viewer').uid] } })
  const refused = async (who: Principal, route: string, request: object) => {
    const { refusal } = await api.call(who, route, request)
    return [refusal?.code, refusal?.details]
  }
  const tooMany = ['resource_limit', { limit: assignmentsPerSubject, subject: person.user }]
  const one = { user: person.user, role: viewer, project: other, endsAt: null }
  const tenantRoles = ['Tenant Viewer', 'Tenant Project Admin'] as const
  for (const [route, request] of [
    ['PUT /v1/users/{uid}/roles', { params, body: { roles: tenantRoles.map((name) => predefinedRole(name).uid) } }],
    ['POST /v1/palisade/access/assignments', { body: one }],
    [
      'PUT /v1/projects/{uid}/users',
      { params: { uid: other }, body: { users: [{ userId: person.user, roles: [viewer] }] } },
    ],
  ] as const)
    assert.deepEqual(await refused(admin, route, request), tooMany, route)

  // A team has room of its own.
  const members = { params: { uid: other }, body: { teams: [{ teamId: team, roles: [viewer] }] } }
  await api.must(admin, 'PUT /v1/projects/{uid}/teams', members)

  // As many as before in another place is no more than before.
  const instead = { projects: [{ projectUid: other, roles: [viewer, editor] }] }
  await api.must(admin, 'PUT /v1/users/{uid}/projects', { params, body: instead })
  await api.must(admin, 'POST /v1/palisade/access/assignments', { body: { ...one, project } })
})

test('all of a tenant together hold no more than they may', async () => {
  const { uid: tenant, project, admin } = await api.tenant()
  const person = await api.person(admin)
  const subject = { user: UserUid.parse(person.user) }
  await fill(tenant, { user: person.user }, project, 20)
  await fill(tenant, { user: person.user }, project, 30, true)
  const ask = (perTenant: number, added: number, removed = 0, stored = Number.MAX_SAFE_INTEGER) =>
    api.inTenant(tenant, async (tx) => {
      const change = { added: Array(added).fill({ subject }), removed: Array(removed).fill({ subject }) }
      const room = await hasRoomForRoles(tx, { stored }, change, { perSubject: 1_000, perTenant })
      return room.ok ? 'room' : [room.error.code, room.error.details]
    })
  const ended = async () =>
    (
      await sql('select assignment_id from role_assignments where tenant_id = $1 and ends_at <= now() order by 1', [
        tenant,
      ])
    ).rows.map((row) => row.assignment_id)
  const before = await ended()
  const oldest = before[7]
  await sql(`update role_assignments set ends_at = now() - interval '1 day' where assignment_id = $1`, [oldest])
  assert.equal(await ask(56, 5), 'room')
  assert.deepEqual(await ended(), before, 'what has ended is kept for as long as there is room')
  assert.equal(await ask(55, 5), 'room')
  assert.deepEqual(
    await ended(),
    before.filter((one) => one !== oldest),
    'what ended first is forgotten first, and no more than has to be',
  )
  // The administrator's own role is one of them.
  assert.equal(await ask(23, 2), 'room')
  assert.deepEqual(await ask(23, 3), ['resource_limit', { limit: 23 }])
  assert.equal(await ask(23, 4, 2), 'room')
  assert.equal(await ask(10, 3, 3), 'room', 'no more than before is never refused')
  assert.equal(await ask(1_000_000, 3, 0, 20), 'room', 'far from the limit nothing is counted')
})
