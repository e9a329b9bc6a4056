import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { UserUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { assignmentsOf } from '../../core/access/index.ts'
import { canonicalEmail } from '../../core/seal/index.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import type { Principal } from '../gateway/index.ts'

const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid

let postgres: TestPostgres
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  api = await startPhases(await postgres.create())
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const newUser = (emailId: string, spec: object = {}) => ({
  body: { metadata: { name: 'x' }, spec: { emailId, firstName: 'Given', lastName: 'Family', ...spec } },
})
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })

async function user(who: Principal, uid: string) {
  return api.must(who, 'GET /v1/users/{uid}', at(uid))
}
async function team(who: Principal, name: string, spec: object = {}): Promise<string> {
  return (await api.must(who, 'POST /v1/teams', { body: { metadata: { name }, spec } })).uid
}
const summaryOf = async (who: Principal, emailId: string) =>
  (await api.must(who, 'POST /v1/users/summary', { body: { filter: { emailId: { eq: emailId } }, sort: null } })).items

describe('users', () => {
  test('people are searched by a part of name or e-mail, in any spelling, and cut into pages that share nobody', async () => {
    const { admin } = await api.tenant()
    for (const [email, firstName, lastName] of [
      ['zoe@north.test', 'Zoë', 'Ångström'],
      ['bob@south.test', 'Bob', 'North'],
      ['al@south.test', 'Al', 'Smith'],
      ['al2@south.test', 'Al', 'Smith'],
    ] as const)
      await api.must(admin, 'POST /v1/users', newUser(email, { firstName, lastName }))
    const find = (query: Readonly<Record<string, string>>) => api.must(admin, 'GET /v1/palisade/people', { query })
    const emails = async (query: Readonly<Record<string, string>>) =>
      (await find(query)).items.map(({ email }: { email: string }) => email)

    assert.deepEqual(await emails({ q: 'NORTH' }), ['bob@south.test', 'zoe@north.test'])
    assert.deepEqual(await emails({ q: ' a\u030Angstro\u0308m ' }), ['zoe@north.test'], 'however it is composed')
    assert.deepEqual(await emails({ q: 'nobody' }), [])
    assert.deepEqual(await emails({ q: 'south', orderBy: 'email', descending: 'true' }), [
      ...['bob@south.test', 'al@south.test', 'al2@south.test'],
    ])
    const pages = [await find({ q: 'south', limit: '2' }), await find({ q: 'south', limit: '2', offset: '2' })]
    assert.deepEqual(
      pages.map(({ items, count }) => [items.length, count]),
      [
        [2, 3],
        [1, 3],
      ],
    )
    assert.equal(new Set(pages.flatMap(({ items }) => items.map(({ uid }: { uid: string }) => uid))).size, 3)
    const [found] = (await find({ q: 'zoe' })).items
    assert.deepEqual([found.name, found.state, found.lastSignInAt], ['Zoë Ångström', 'pending', null])
    assert.match(found.createdAt, /^20\d\d-/)
    const { items } = await find({ q: 'zoe', offset: '50' })
    assert.deepEqual(items, [], 'a page beyond the end is empty')
    for (const query of [
      { limit: '0' },
      { limit: '101' },
      { offset: '-1' },
      { orderBy: 'uid' },
      { other: 'x' },
      { q: '\0' },
    ])
      assert.equal((await api.call(admin, 'GET /v1/palisade/people', { query })).status, 400, JSON.stringify(query))
  })

  test('people are narrowed to a state and to a team, and each says how long their link works', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const of = async (name: string) => (await api.must(admin, 'POST /v1/users', newUser(`${name}@state.test`))).uid
    const [invited, expired] = [await of('invited'), await of('expired')]
    const off = await api.person(admin, { email: 'off@state.test' })
    const resetting = await api.person(admin, { email: 'resetting@state.test' })
    await api.inTenant(tenant, async (tx) => {
      await api.links.end(tx, UserUid.parse(expired))
      await api.links.end(tx, admin.user)
      await tx.query('update users set password_resetting = true where tenant_id = $1 and user_id = $2', [
        ...[tenant, resetting.user],
      ])
    })
    const body = [{ op: 'replace', path: '/status/isActive', value: false }]
    await api.must(admin, 'PATCH /v1/users/{uid}', at(off.user, { body }))
    const crew = await team(admin, 'Crew', { users: [invited, resetting.user] })
    const find = async (query: Readonly<Record<string, string>>) => {
      const { items, count } = await api.must(admin, 'GET /v1/palisade/people', { query })
      assert.equal(count, items.length)
      return items.map(({ email }: { email: string }) => email.split('@')[0])
    }
    const cases: readonly (readonly [Record<string, string>, string[]])[] = [
      [{ state: 'invited' }, ['invited']],
      [{ state: 'expired' }, ['expired']],
      [{ state: 'inactive' }, ['off']],
      [{ state: 'resetting' }, ['resetting']],
      [{ state: 'active' }, ['admin', 'resetting']],
      [{ state: 'active', q: 'setting' }, ['resetting']],
      [{ team: crew }, ['invited', 'resetting']],
      [{ team: crew, state: 'invited' }, ['invited']],
      [{ team: await team(admin, 'Nobody') }, []],
    ]
    for (const [query, expected] of cases)
      assert.deepEqual([query, (await find({ orderBy: 'email', ...query })).toSorted()], [query, expected])
    const { admin: stranger } = await api.tenant()
    const wrong = [
      [stranger, { team: crew }, 404],
      [admin, { team: 'f'.repeat(24) }, 404],
      [admin, { team: 'x' }, 400],
      [admin, { state: 'pending' }, 400],
    ] as const
    for (const [who, query, status] of wrong)
      assert.equal((await api.call(who, 'GET /v1/palisade/people', { query })).status, status, JSON.stringify(query))

    const one = (who: Principal, uid: string) => api.call(who, 'GET /v1/palisade/people/{uid}', at(uid))
    const life = async (uid: string) => (await one(admin, uid)).body.link
    assert.equal((await life(invited)).hasExpired, false)
    assert.ok(Date.parse((await life(invited)).expiresAt) > Date.now())
    assert.ok(await life(resetting.user))
    for (const uid of [expired, off.user, admin.user]) assert.equal(await life(uid), null)
    assert.equal((await one(resetting, resetting.user)).status, 200, 'everybody may read themselves')
    assert.equal((await one(resetting, admin.user)).status, 403)
    assert.equal((await one(stranger, invited)).status, 404)
  })

  test('teams are searched by a part of the name and cut into pages, each with what belongs to it', async () => {
    const { admin, project } = await api.tenant()
    const { admin: stranger } = await api.tenant()
    const [first, second] = [await api.person(admin), await api.person(admin)]
    const night = await team(admin, 'Night shift', {
      users: [first.user, second.user],
      roles: [role('Tenant User Admin')],
    })
    for (const name of ['Day shift', 'Ångström', 'platform']) await team(admin, name)
    await api.must(admin, 'PUT /v1/teams/{uid}/projects', {
      ...at(night),
      body: { projects: [{ projectUid: project, roles: [role('Project Viewer'), role('Cluster Viewer')] }] },
    })
    const find = (query: Readonly<Record<string, string>>, who = admin) =>
      api.must(who, 'GET /v1/palisade/teams', { query })
    const names = async (query: Readonly<Record<string, string>>) =>
      (await find(query)).items.map(({ name }: { name: string }) => name)
    assert.deepEqual(await names({}), ['Day shift', 'Night shift', 'platform', 'Ångström'])
    assert.deepEqual(await names({ q: ' SHIFT ' }), ['Day shift', 'Night shift'])
    assert.deepEqual(await names({ q: 'A\u030angstro\u0308m' }), ['Ångström'], 'however it is composed')
    assert.deepEqual(await names({ orderBy: 'name', descending: 'true', limit: '2' }), ['Ångström', 'platform'])
    assert.deepEqual(await names({ limit: '2', offset: '3' }), ['Ångström'])
    assert.deepEqual((await names({ orderBy: 'createdAt' })).at(0), 'Night shift')
    const { items, count } = await find({ q: 'night', limit: '1' })
    assert.equal(count, 1)
    const { createdAt, ...rest } = items[0]
    assert.match(createdAt, /^20\d\d-/)
    assert.deepEqual(rest, {
      ...{ uid: night, name: 'Night shift', members: 2 },
      roles: [{ uid: role('Tenant User Admin'), name: 'Tenant User Admin' }],
      projects: [{ uid: project, name: 'Default' }],
    })
    assert.deepEqual(await find({}, stranger), { items: [], count: 0 })
    assert.equal((await api.call(first, 'GET /v1/palisade/teams')).status, 403)
    for (const query of [{ limit: '0' }, { limit: '101' }, { offset: '-1' }, { orderBy: 'members' }, { other: 'x' }])
      assert.equal((await api.call(admin, 'GET /v1/palisade/teams', { query })).status, 400, JSON.stringify(query))
  })

  test('a user is created pending, with the names given, and found by summary as the provider reads it', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const first = await team(admin, 'Zebras')
    const second = await team(admin, 'Ants')
    const created = await api.must(admin, 'POST /v1/users', {
      // As the Go client sends it: nil slices and maps as null, zero times, read-only members.
      body: {
        metadata: {
          ...{ name: 'Grace Hopper', labels: null, annotations: null, uid: '' },
          creationTimestamp: '0001-01-01T00:00:00.000Z',
        },
        spec: {
          emailId: 'Grace.Hopper@Example.com',
          firstName: 'Grace',
          lastName: 'Hopper',
          roles: null,
          teams: [first, second],
        },
      },
    })
    const [found, ...more] = await summaryOf(admin, 'Grace.Hopper@Example.com')
    assert.deepEqual(more, [])
    assert.equal(found.metadata.uid, created.uid)
    assert.equal(found.metadata.name, 'Grace Hopper')
    assert.equal(found.spec.emailId, 'Grace.Hopper@Example.com', 'byte for byte')
    assert.deepEqual(
      found.spec.teams.map((one: { uid: string }) => one.uid),
      [first, second],
      'in the order given',
    )
    assert.deepEqual(
      { isActive: found.status.isActive, lastSignIn: found.status.lastSignIn },
      { isActive: false, lastSignIn: '0001-01-01T00:00:00.000Z' },
    )
    assert.equal(found.metadata.annotations.scope, 'tenant')
    assert.equal(found.metadata.annotations.tenantUid, tenant)
    assert.equal(found.metadata.annotations.permissions, 'user.delete,user.get,user.list,user.update')
  })

  test('the store holds no name and no e-mail in the clear', async () => {
    const { uid: tenant, admin } = await api.tenant()
    await api.must(admin, 'POST /v1/users', newUser('needle@haystack.example', { firstName: 'Nadel' }))
    const rows = await api.inTenant(tenant, (tx) => tx.query('select u.*, d.* from users u, login_directory d'))
    const dump = rows
      .map((row) => JSON.stringify(row, (_, v) => (v?.type === 'Buffer' ? Buffer.from(v).toString('latin1') : v)))
      .join()
    assert.ok(!/needle|haystack|Nadel/i.test(dump))
  })

  test('one e-mail is one user, however it is written; in another tenant it is another user', async () => {
    const [a, b] = [await api.tenant(), await api.tenant()]
    await api.must(a.admin, 'POST /v1/users', newUser('Same.Person@example.com'))
    const again = await api.call(a.admin, 'POST /v1/users', newUser('same.person@EXAMPLE.com'))
    assert.deepEqual([again.status, again.refusal?.code], [409, 'user_taken'])
    await api.must(b.admin, 'POST /v1/users', newUser('same.person@example.com'))
  })

  for (const email of [
    'user@evil.com@corp.com',
    '"quoted local"@example.com',
    'user@example.com.',
    'user@[127.0.0.1]',
    'user@example.\u212Acom',
    'no-address',
    ' user@example.com',
    'user@example.com\r\nBcc: x@y.z',
  ])
    test(`B17: ${JSON.stringify(email)} is no e-mail address`, async () => {
      const { admin } = await api.tenant()
      const reply = await api.call(admin, 'POST /v1/users', newUser(email))
      assert.deepEqual([reply.status, reply.refusal?.code], [400, 'invalid'])
      assert.match(reply.refusal?.detail ?? '', /emailId/)
    })

  test('PUT changes what is sent and keeps what is not; reserved annotations are the server’s', async () => {
    const { admin } = await api.tenant()
    const { uid } = await api.must(
      admin,
      'POST /v1/users',
      newUser('put@example.com', { roles: [role('Tenant Viewer')] }),
    )
    await api.must(
      admin,
      'PUT /v1/users/{uid}',
      at(uid, {
        body: {
          metadata: { labels: { a: 'b' }, annotations: { note: 'mine', scope: 'system', permissions: 'all' } },
          spec: { firstName: 'Changed', lastName: null, roles: null },
        },
      }),
    )
    const after = await user(admin, uid)
    assert.equal(after.metadata.name, 'Changed Family')
    assert.deepEqual(after.metadata.labels, { a: 'b' })
    assert.equal(after.metadata.annotations.note, 'mine')
    assert.equal(after.metadata.annotations.scope, 'tenant')
    assert.deepEqual(after.spec.roles, [role('Tenant Viewer')])
    assert.equal(after.spec.emailId, 'put@example.com')
  })

  test('PUT with roles replaces them', async () => {
    const { admin } = await api.tenant()
    const { uid } = await api.must(
      admin,
      'POST /v1/users',
      newUser('roles@example.com', { roles: [role('Tenant Viewer')] }),
    )
    await api.must(admin, 'PUT /v1/users/{uid}', at(uid, { body: { spec: { roles: [] } } }))
    assert.deepEqual((await user(admin, uid)).spec.roles, [])
  })

  test('PATCH is RFC 6902 on a small document; other paths are refused by name', async () => {
    const { admin } = await api.tenant()
    const { uid } = await api.must(admin, 'POST /v1/users', newUser('patch@example.com'))
    const patch = (...body: object[]) => api.call(admin, 'PATCH /v1/users/{uid}', at(uid, { body }))
    const done = await patch(
      { op: 'test', path: '/spec/firstName', value: 'Given' },
      { op: 'replace', path: '/spec/firstName', value: 'New' },
      { op: 'add', path: '/metadata/labels/team~1x', value: 'y' },
      { op: 'replace', path: '/status/loginMode', value: 'dev' },
    )
    assert.equal(done.status, 204)
    const after = await user(admin, uid)
    assert.equal(after.spec.firstName, 'New')
    assert.deepEqual(after.metadata.labels, { 'team/x': 'y' })

    for (const [wrong, why] of [
      [{ op: 'replace', path: '/spec/roles', value: [] }, /"\/spec\/roles" cannot be patched/],
      [{ op: 'replace', path: '/metadata/uid', value: 'x' }, /"\/metadata\/uid" cannot/],
      [{ op: 'add', path: '/metadata/annotations/scope', value: 'system' }, /annotations\/scope" cannot/],
      [{ op: 'remove', path: '/spec/firstName' }, /\/spec\/firstName/],
      [{ op: 'replace', path: '/status/isActive', value: 'yes' }, /\/status\/isActive/],
      [{ op: 'test', path: '/spec/firstName', value: 'Old' }, /another/],
      [{ op: 'replace', path: '/spec/emailId', value: 'no-address' }, /emailId/],
    ] as const) {
      const reply = await patch({ op: 'replace', path: '/spec/lastName', value: 'Gone' }, wrong)
      assert.deepEqual([reply.status, reply.refusal?.code], [400, 'invalid'], wrong.path)
      assert.match(reply.refusal?.detail ?? '', why)
    }
    assert.equal((await user(admin, uid)).spec.lastName, 'Family', 'nothing of a refused patch is kept')
  })

  test('switched off, a user is refused at once and every earlier credential stays void; on again by who covers them', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const viewer = await api.person(admin, { roles: [role('Tenant Viewer')] })
    const switchTo = (value: boolean) =>
      api.call(
        admin,
        'PATCH /v1/users/{uid}',
        at(viewer.user, { body: [{ op: 'replace', path: '/status/isActive', value }] }),
      )
    // As a transaction sees it: what this replica has heard by now may be older.
    const epochOf = async () => {
      const { users } = await api.inTenant(tenant, (tx) => api.access.inTx(tx))
      return users.get(viewer.user)?.credentialEpoch ?? 0n
    }
    const before = await epochOf()
    assert.equal((await switchTo(false)).status, 204)
    assert.equal((await api.call(viewer, 'GET /v1/users')).refusal?.code, 'unauthenticated')
    assert.equal((await switchTo(true)).status, 204)
    assert.equal((await user(admin, viewer.user)).status.isActive, true)
    assert.equal(await epochOf(), before + 1n)
  })

  test('the login mode is the tenant’s unless it is chosen', async () => {
    const { uid: tenant, admin } = await api.tenant()
    await api.inTenant(tenant, (tx) => tx.query(`update tenants set login_mode = 'dev' where tenant_id = $1`, [tenant]))
    const modeOf = async (who: Principal) => (await api.must(who, 'GET /v1/users/me')).status.loginMode
    assert.equal(await modeOf(await api.person(admin)), 'dev')
    assert.equal(await modeOf(admin), 'devops')
  })

  test('a pending user becomes active only by the link', async () => {
    const { admin } = await api.tenant()
    const { uid } = await api.must(admin, 'POST /v1/users', newUser('pending@example.com'))
    const body = [{ op: 'replace', path: '/status/isActive', value: true }]
    const reply = await api.call(admin, 'PATCH /v1/users/{uid}', at(uid, { body }))
    assert.deepEqual([reply.status, reply.refusal?.code], [409, 'conflict'])
  })

  test('DELETE removes the user with memberships and roles; the second time it is not found', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const gone = await api.person(admin, { roles: [role('Tenant Viewer')], email: 'gone@example.com' })
    const crew = await team(admin, 'Crew', { users: [gone.user] })
    assert.equal((await api.call(admin, 'DELETE /v1/users/{uid}', at(gone.user))).status, 204)
    assert.deepEqual((await api.must(admin, 'GET /v1/teams/{uid}', at(crew))).spec.users, [])
    assert.equal((await api.call(admin, 'DELETE /v1/users/{uid}', at(gone.user))).refusal?.code, 'not_found')
    assert.equal((await api.call(gone, 'GET /v1/users/info')).refusal?.code, 'unauthenticated')
    const left = await api.inTenant(tenant, (tx) =>
      tx.query(
        `select user_id from role_assignments where tenant_id = $1 and user_id = $2
         union all select user_id from login_directory where tenant_id = $1 and user_id = $2`,
        [tenant, gone.user],
      ),
    )
    assert.deepEqual(left, [])
    // The address is free again.
    await api.must(admin, 'POST /v1/users', newUser('gone@example.com'))
  })

  test('an e-mail change moves the look-up, ends old links, and cannot take another’s address', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const { uid } = await api.must(admin, 'POST /v1/users', newUser('before@example.com'))
    await api.must(admin, 'POST /v1/users', newUser('other@example.com'))
    const link = (await user(admin, uid)).status.activationLink
    const change = (emailId: string) => api.call(admin, 'PUT /v1/users/{uid}', at(uid, { body: { spec: { emailId } } }))
    assert.equal((await change('OTHER@example.com')).refusal?.code, 'user_taken')
    assert.equal((await change('After@example.com')).status, 204)
    assert.notEqual((await user(admin, uid)).status.activationLink, link)
    const directory = await api.inTenant(tenant, (tx) =>
      tx.query<{ directory_index: Buffer }>(
        'select directory_index from login_directory where tenant_id = $1 and user_id = $2',
        [tenant, uid],
      ),
    )
    const canonical = canonicalEmail('after@example.com')
    assert.ok(canonical.ok && directory[0]?.directory_index.equals(api.keys.directoryIndex(canonical.value)))
  })

  test('the list filters, sorts and pages; limit=0 answers everybody', async () => {
    const { admin } = await api.tenant()
    for (let i = 0; i < 60; i++)
      await api.must(
        admin,
        'POST /v1/users',
        newUser(`u${i}@example.com`, { firstName: `N${String(i).padStart(2, '0')}` }),
      )
    const list = (query: Record<string, string>) => api.must(admin, 'GET /v1/users', { query })
    const first = await list({})
    assert.equal(first.items.length, 50)
    assert.deepEqual({ ...first.listmeta, continue: '' }, { continue: '', count: 61, limit: 50, offset: 0 })
    const rest = await list({ continue: first.listmeta.continue })
    assert.equal(rest.items.length, 11)
    assert.equal(rest.listmeta.continue, '')
    assert.equal((await list({ limit: '0' })).items.length, 61)
    const names = async (query: Record<string, string>) =>
      (await list(query)).items.map((one: { spec: { firstName: string } }) => one.spec.firstName)
    assert.deepEqual(await names({ filters: 'metadata.name=N07 FamilyANDspec.emailId=u7@example.com' }), ['N07'])
    assert.deepEqual(await names({ orderBy: 'metadata.name=-1', limit: '2' }), ['N59', 'N58'])
    assert.equal(
      (await api.call(admin, 'GET /v1/users', { query: { filters: 'spec.secret=1' } })).refusal?.code,
      'invalid',
    )
    assert.equal((await api.call(admin, 'GET /v1/users', { query: { continue: 'nonsense' } })).refusal?.code, 'invalid')
    const found = await api.must(admin, 'POST /v1/users/summary', {
      body: {
        filter: { name: { contains: 'n1', eq: null }, emailId: { beginsWith: 'U1' } },
        sort: [{ field: 'name', order: 'desc' }],
      },
    })
    assert.deepEqual(
      found.items.map((one: { spec: { firstName: string } }) => one.spec.firstName),
      Array.from({ length: 10 }, (_, i) => `N${19 - i}`),
    )
    assert.equal((await api.must(admin, 'GET /v1/users/meta')).items.length, 61)
  })

  test('info and me tell callers who they are and what they may do', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const dev = await api.person(admin)
    await api.must(
      admin,
      'PUT /v1/users/{uid}/projects',
      at(dev.user, { body: { projects: [{ projectUid: project, roles: [role('Cluster Viewer')] }] } }),
    )
    const info = await api.must(dev, 'GET /v1/users/info')
    assert.deepEqual({ tenantUid: info.tenantUid, userUid: info.userUid }, { tenantUid: tenant, userUid: dev.user })
    const me = await api.must(dev, 'GET /v1/users/me')
    assert.deepEqual(me.status.tenantPermissions, {})
    assert.deepEqual(Object.keys(me.status.projectPermissions), [project])
    assert.deepEqual(
      me.status.projectPermissions[project].toSorted(),
      predefinedRole('Cluster Viewer').permissions.toSorted(),
    )
    assert.equal(me.status.tenant.tenantUid, tenant)
    const admins = await api.must(admin, 'GET /v1/users/me')
    assert.deepEqual(admins.status.tenantPermissions.role, [
      'role.create',
      'role.delete',
      'role.get',
      'role.list',
      'role.update',
    ])
  })
})

describe('roles', () => {
  test('PUT replaces, a project without roles is not listed, inherited roles stand apart', async () => {
    const { admin, project } = await api.tenant()
    const other = (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'payments' } } })).uid
    const dev = await api.person(admin)
    const crew = await team(admin, 'Crew', { users: [dev.user], roles: [role('Tenant Viewer')] })
    await api.must(
      admin,
      'PUT /v1/teams/{uid}/projects',
      at(crew, { body: { projects: [{ projectUid: other, roles: [role('Cluster Viewer')] }] } }),
    )
    const put = (projects: object[]) =>
      api.call(admin, 'PUT /v1/users/{uid}/projects', at(dev.user, { body: { projects } }))
    const get = async () => (await api.must(admin, 'GET /v1/users/{uid}/projects', at(dev.user))).projects

    assert.equal(
      (
        await put([
          { projectUid: project, roles: [role('Cluster Editor'), role('Cluster Viewer'), role('Cluster Viewer')] },
        ])
      ).status,
      204,
    )
    const both = await get()
    assert.deepEqual(
      both.map((one: { name: string }) => one.name),
      ['Default', 'payments'],
    )
    assert.deepEqual(both[0].roles.map((one: { name: string }) => one.name).sort(), [
      'Cluster Editor',
      'Cluster Viewer',
    ])
    assert.deepEqual(both[1], {
      uid: other,
      name: 'payments',
      roles: [],
      inheritedRoles: [{ uid: role('Cluster Viewer'), name: 'Cluster Viewer' }],
    })
    // As the provider does it: the old project with empty roles.
    assert.equal((await put([{ projectUid: project, roles: [] }])).status, 204)
    assert.deepEqual(
      (await get()).map((one: { name: string }) => one.name),
      ['payments'],
    )
    assert.deepEqual(await api.must(admin, 'GET /v1/users/{uid}/roles', at(dev.user)), {
      roles: [],
      inheritedRoles: [{ uid: role('Tenant Viewer'), name: 'Tenant Viewer' }],
    })
    assert.deepEqual(await api.must(admin, 'GET /v1/teams/{uid}/roles', at(crew)), {
      roles: [{ uid: role('Tenant Viewer'), name: 'Tenant Viewer' }],
    })
    // What was given works, and the summary counts the project however it is held.
    assert.equal((await api.call(dev, 'GET /v1/users')).status, 200)
    assert.equal((await summaryOf(admin, (await user(admin, dev.user)).spec.emailId))[0].spec.projectsCount, 1)
    await api.must(admin, 'PUT /v1/teams/{uid}/roles', at(crew, { body: { roles: null } }))
    assert.equal((await api.call(dev, 'GET /v1/users')).refusal?.code, 'forbidden')
  })

  test('only known roles, and only where their kind may be given', async () => {
    const { admin, project } = await api.tenant()
    const dev = await api.person(admin)
    const inTenant = (roles: string[]) =>
      api.call(admin, 'PUT /v1/users/{uid}/roles', at(dev.user, { body: { roles } }))
    const inProject = (projectUid: string, roles: string[]) =>
      api.call(admin, 'PUT /v1/users/{uid}/projects', at(dev.user, { body: { projects: [{ projectUid, roles }] } }))
    assert.equal((await inTenant(['0'.repeat(24)])).refusal?.code, 'not_found')
    assert.equal((await inTenant(['Tenant Admin'])).refusal?.code, 'not_found')
    assert.match((await inTenant([role('Resource Cluster Viewer')])).refusal?.detail ?? '', /resource role/)
    assert.match(
      (await inProject(project, [role('Tenant Viewer')])).refusal?.detail ?? '',
      /tenant role and cannot be given in a project/,
    )
    assert.equal((await inTenant([role('Root Administrator')])).refusal?.code, 'not_found')
    assert.equal((await inProject('0'.repeat(24), [role('Cluster Viewer')])).refusal?.code, 'not_found')
    // A project role in the tenant acts in all projects.
    assert.equal((await inTenant([role('Cluster Viewer')])).status, 204)
  })

  test('D01: nobody gives more than they hold, by whatever way', async () => {
    const { admin, project } = await api.tenant()
    const userAdmin = await api.person(admin, { roles: [role('Tenant User Admin')] })
    const teamAdmin = await api.person(admin, { roles: [role('Tenant Team Admin')] })
    const editor = await api.person(admin)
    await api.must(
      admin,
      'PUT /v1/users/{uid}/projects',
      at(editor.user, { body: { projects: [{ projectUid: project, roles: [role('Project Editor')] }] } }),
    )
    const owners = await team(admin, 'Owners', { roles: [role('Tenant Admin')] })
    const clusters = [role('Cluster Admin')]
    const ways = {
      'own tenant roles': await api.call(
        userAdmin,
        'PUT /v1/users/{uid}/roles',
        at(userAdmin.user, { body: { roles: [role('Tenant User Admin'), role('Tenant Admin')] } }),
      ),
      'own project roles': await api.call(
        userAdmin,
        'PUT /v1/users/{uid}/projects',
        at(userAdmin.user, { body: { projects: [{ projectUid: project, roles: clusters }] } }),
      ),
      'a new user with roles': await api.call(
        userAdmin,
        'POST /v1/users',
        newUser('puppet@example.com', { roles: [role('Tenant Admin')] }),
      ),
      'a new user in a team': await api.call(
        userAdmin,
        'POST /v1/users',
        newUser('puppet@example.com', { teams: [owners] }),
      ),
      'roles by PUT of the user': await api.call(
        userAdmin,
        'PUT /v1/users/{uid}',
        at(userAdmin.user, { body: { spec: { roles: [role('Tenant Admin')] } } }),
      ),
      'joining a team': await api.call(
        teamAdmin,
        'PUT /v1/teams/{uid}',
        at(owners, { body: { metadata: { name: 'Owners' }, spec: { users: [teamAdmin.user] } } }),
      ),
      'joining a team by patch': await api.call(
        teamAdmin,
        'PATCH /v1/teams/{uid}',
        at(owners, { body: [{ op: 'add', path: '/spec/users/-', value: teamAdmin.user }] }),
      ),
      'roles for the own team': await api.call(teamAdmin, 'POST /v1/teams', {
        body: { metadata: { name: 'Mine' }, spec: { users: [teamAdmin.user], roles: [role('Tenant Admin')] } },
      }),
      'the users of the project': await api.call(
        editor,
        'PUT /v1/projects/{uid}/users',
        at(project, { body: { users: [{ userId: editor.user, roles: [role('Project Editor'), ...clusters] }] } }),
      ),
      'the project itself': await api.call(
        editor,
        'PUT /v1/projects/{uid}',
        at(project, {
          body: { metadata: { name: 'Default' }, spec: { users: [{ userId: editor.user, roles: clusters }] } },
        }),
      ),
    }
    for (const [way, { status, refusal }] of Object.entries(ways))
      assert.deepEqual([way, status, refusal?.code], [way, 403, 'exceeds_own_rights'])
    assert.match(ways['own tenant roles'].refusal?.detail ?? '', /cloudaccount\.create \(tenant\)/)
    assert.deepEqual(await summaryOf(admin, 'puppet@example.com'), [], 'nothing half done')
    // What is covered goes through, and a list sent back as it was read needs nothing.
    assert.equal(
      (
        await api.call(
          teamAdmin,
          'PUT /v1/teams/{uid}',
          at(owners, { body: { metadata: { name: 'Owners!' }, spec: { users: [] } } }),
        )
      ).status,
      204,
    )
    assert.equal(
      (
        await api.call(
          editor,
          'PUT /v1/projects/{uid}/users',
          at(project, {
            body: { users: [{ userId: editor.user, roles: [role('Project Editor'), role('Cluster Viewer')] }] },
          }),
        )
      ).status,
      204,
    )
  })

  test('C04: the link, the e-mail and the switch of somebody with more rights are not for who holds fewer', async () => {
    const { admin } = await api.tenant()
    const userAdmin = await api.person(admin, { roles: [role('Tenant User Admin')] })
    const viewer = await api.person(admin, { roles: [role('Tenant Viewer')] })
    const { uid: boss } = await api.must(
      admin,
      'POST /v1/users',
      newUser('boss@example.com', { roles: [role('Tenant Admin')] }),
    )
    const { uid: plain } = await api.must(admin, 'POST /v1/users', newUser('plain@example.com'))
    assert.notEqual((await user(admin, boss)).status.activationLink, '')
    assert.equal((await user(userAdmin, boss)).status.activationLink, '')
    assert.notEqual((await user(userAdmin, plain)).status.activationLink, '')
    assert.equal(
      (await user(viewer, plain)).status.activationLink,
      '',
      'reading is no reason to be handed a credential',
    )
    for (const item of (await api.must(admin, 'GET /v1/users')).items) assert.equal(item.status.activationLink, '')
    const change = await api.call(
      userAdmin,
      'PUT /v1/users/{uid}',
      at(boss, { body: { spec: { emailId: 'mine@example.com' } } }),
    )
    assert.equal(change.refusal?.code, 'exceeds_own_rights')
    assert.equal(
      (await api.call(userAdmin, 'PUT /v1/users/{uid}', at(boss, { body: { spec: { firstName: 'Big' } } }))).status,
      204,
    )

    const active = await api.person(admin, { roles: [role('Tenant Admin')] })
    const patch = (who: Principal, value: boolean) =>
      api.call(
        who,
        'PATCH /v1/users/{uid}',
        at(active.user, { body: [{ op: 'replace', path: '/status/isActive', value }] }),
      )
    assert.equal((await patch(userAdmin, false)).status, 204, 'taking away lifts nobody')
    assert.equal((await patch(userAdmin, true)).refusal?.code, 'exceeds_own_rights')
    assert.equal((await patch(admin, true)).status, 204)
  })

  test('people change the names and login mode of themselves and nothing else (B16: not the e-mail)', async () => {
    const { admin } = await api.tenant()
    const dev = await api.person(admin, { email: 'self@example.com' })
    const put = (spec: object, metadata?: object) =>
      api.call(dev, 'PUT /v1/users/{uid}', at(dev.user, { body: { metadata, spec } }))
    assert.equal(
      (await put({ firstName: 'Me', emailId: 'self@example.com' })).status,
      204,
      'what is as it was is no change',
    )
    assert.equal(
      (await api.call(dev, 'PATCH /v1/users/{uid}/status/loginMode', at(dev.user, { body: { loginMode: 'dev' } })))
        .status,
      204,
    )
    for (const wrong of [
      put({ emailId: 'victim@example.com' }),
      put({ roles: [role('Tenant Admin')] }),
      put({}, { labels: { team: 'claims' } }),
    ])
      assert.equal((await wrong).refusal?.code, 'forbidden')
    assert.equal((await user(dev, dev.user)).spec.firstName, 'Me')
    assert.equal((await api.call(dev, 'GET /v1/users/{uid}', at(admin.user))).refusal?.code, 'forbidden')
    assert.equal(
      (await api.call(dev, 'PUT /v1/users/{uid}', at(admin.user, { body: { spec: { firstName: 'X' } } }))).refusal
        ?.code,
      'forbidden',
    )
  })

  test('the last active Tenant Admin stays, whichever way it is tried', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const userAdmin = await api.person(admin, { roles: [role('Tenant User Admin'), role('Tenant Team Admin')] })
    const off = [{ op: 'replace', path: '/status/isActive', value: false }]
    const refusal = async (route: string, call: object) => (await api.call(userAdmin, route, call)).refusal?.code
    assert.equal(await refusal('DELETE /v1/users/{uid}', at(admin.user)), 'conflict')
    assert.equal(await refusal('PATCH /v1/users/{uid}', at(admin.user, { body: off })), 'conflict')
    assert.equal(await refusal('PUT /v1/users/{uid}/roles', at(admin.user, { body: { roles: [] } })), 'conflict')
    assert.equal(await refusal('PUT /v1/users/{uid}', at(admin.user, { body: { spec: { roles: [] } } })), 'conflict')

    // Held through a team, it counts as well, and the team is then what may not go.
    const second = await api.person(admin)
    const admins = await team(admin, 'Admins', { users: [second.user], roles: [role('Tenant Admin')] })
    assert.equal(
      (await api.call(admin, 'PUT /v1/users/{uid}/roles', at(admin.user, { body: { roles: [] } }))).status,
      204,
    )
    for (const [route, body] of [
      ['DELETE /v1/teams/{uid}', undefined],
      ['PUT /v1/teams/{uid}/roles', { roles: [] }],
      ['PUT /v1/teams/{uid}', { metadata: { name: 'Admins' }, spec: { users: [] } }],
      ['PATCH /v1/teams/{uid}', [{ op: 'remove', path: '/spec/users/0' }]],
    ] as const)
      assert.equal((await api.call(second, route, at(admins, { body }))).refusal?.code, 'conflict', route)
    assert.equal(
      (await api.call(second, 'DELETE /v1/users/{uid}', at(second.user))).refusal?.code,
      'conflict',
      'oneself',
    )
    const roles = await api.inTenant(tenant, (tx) =>
      tx.query(`select from role_assignments where tenant_id = $1 and role_id = $2`, [tenant, role('Tenant Admin')]),
    )
    assert.equal(roles.length, 1)
  })

  test('two Tenant Admins who remove each other at once: one stays', async () => {
    for (let round = 0; round < 5; round++) {
      const { admin } = await api.tenant()
      const other = await api.person(admin, { roles: [role('Tenant Admin')] })
      const replies = await Promise.all([
        api.call(admin, 'PUT /v1/users/{uid}/roles', at(other.user, { body: { roles: [] } })),
        api.call(other, 'PUT /v1/users/{uid}/roles', at(admin.user, { body: { roles: [] } })),
      ])
      assert.deepEqual(replies.map(({ status }) => status).sort(), [204, 403], 'the second no longer holds the right')
    }
  })

  test('two User Admins who take the role from the last two Tenant Admins at once: one stays', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const other = await api.person(admin, { roles: [role('Tenant Admin')] })
    const helper = await api.person(admin, { roles: [role('Tenant User Admin')] })
    const replies = await Promise.all(
      [admin, other].map((one) => api.call(helper, 'PUT /v1/users/{uid}/roles', at(one.user, { body: { roles: [] } }))),
    )
    assert.deepEqual(replies.map(({ status }) => status).sort(), [204, 409])
    const { compiled } = await api.access.current(tenant)
    assert.equal(assignmentsOf(compiled, role('Tenant Admin')).length, 1)
  })
})

describe('teams', () => {
  test('the order of users is kept; PUT replaces name and users and leaves roles that are not sent', async () => {
    const { admin } = await api.tenant()
    const [a, b, c] = [await api.person(admin), await api.person(admin), await api.person(admin)]
    const uid = await team(admin, 'Ordered', { users: [c.user, a.user, a.user], roles: [role('Tenant Viewer')] })
    const get = async () => api.must(admin, 'GET /v1/teams/{uid}', at(uid))
    assert.deepEqual((await get()).spec.users, [c.user, a.user])
    const body = { metadata: { name: 'Renamed' }, spec: { users: [b.user, c.user], roles: null } }
    assert.equal((await api.call(admin, 'PUT /v1/teams/{uid}', at(uid, { body }))).status, 204)
    const after = await get()
    assert.equal(after.metadata.name, 'Renamed')
    assert.deepEqual(after.spec, { users: [b.user, c.user], roles: [role('Tenant Viewer')], sources: [] })
    assert.equal(after.metadata.annotations.scope, 'tenant')
    await api.must(
      admin,
      'PATCH /v1/teams/{uid}',
      at(uid, { body: [{ op: 'add', path: '/spec/users/0', value: a.user }] }),
    )
    assert.deepEqual((await get()).spec.users, [a.user, b.user, c.user])
  })

  test('D03: names that differ by case, Unicode form or space are one name', async () => {
    const { admin } = await api.tenant()
    await team(admin, 'Caf\u00e9')
    for (const name of ['CAF\u00c9', 'cafe\u0301', ' Caf\u00e9 ', '\uff23af\u00e9'])
      assert.equal(
        (await api.call(admin, 'POST /v1/teams', { body: { metadata: { name } } })).refusal?.code,
        'team_name_taken',
        name,
      )
    for (const name of ['', '  ', 'a\u0000b', 'a\u200bb', 'system:masters', 'SYSTEM:x'])
      assert.equal(
        (await api.call(admin, 'POST /v1/teams', { body: { metadata: { name } } })).refusal?.code,
        'invalid',
        name,
      )
    const other = await team(admin, 'Other')
    const rename = await api.call(
      admin,
      'PUT /v1/teams/{uid}',
      at(other, { body: { metadata: { name: 'caf\u00c9' } } }),
    )
    assert.equal(rename.refusal?.code, 'team_name_taken')
  })

  test('found by exact name, also one that holds the word AND; summary searches by part', async () => {
    const { admin } = await api.tenant()
    for (const name of ['BRANDY', 'Brand', 'Others']) await team(admin, name)
    const names = async (query: Record<string, string>) =>
      (await api.must(admin, 'GET /v1/teams', { query })).items.map(
        (one: { metadata: { name: string } }) => one.metadata.name,
      )
    assert.deepEqual(await names({ limit: '50', filters: 'metadata.name=BRANDY' }), ['BRANDY'])
    assert.deepEqual(await names({ orderBy: 'metadata.name=-1' }), ['Others', 'BRANDY', 'Brand'])
    const found = await api.must(admin, 'POST /v1/teams/summary', {
      body: { filter: { name: { beginsWith: 'brand' } } },
    })
    assert.equal(found.items.length, 2)
    assert.equal((await api.must(admin, 'POST /v1/teams/summary')).items.length, 3)
  })

  test('unknown members and users of another tenant are not found, and nothing is made', async () => {
    const [a, b] = [await api.tenant(), await api.tenant()]
    for (const uid of ['0'.repeat(24), b.admin.user, 'someone@example.com', '\u0000'])
      assert.equal(
        (await api.call(a.admin, 'POST /v1/teams', { body: { metadata: { name: 'T' }, spec: { users: [uid] } } }))
          .refusal?.code,
        'not_found',
      )
    assert.deepEqual((await api.must(a.admin, 'GET /v1/teams')).items, [])
  })

  test('a summary names members, roles and projects', async () => {
    const { admin, project } = await api.tenant()
    const dev = await api.person(admin)
    const crew = await team(admin, 'Crew', { users: [dev.user], roles: [role('Tenant Viewer')] })
    const projects = [{ projectUid: project, roles: [role('Cluster Viewer')] }]
    await api.must(admin, 'PUT /v1/teams/{uid}/projects', at(crew, { body: { projects } }))
    const [found] = (await api.must(admin, 'POST /v1/teams/summary')).items
    assert.equal(found.spec.users[0].name, (await user(admin, dev.user)).metadata.name)
    assert.deepEqual(found.spec.roles, [{ uid: role('Tenant Viewer'), name: 'Tenant Viewer' }])
    assert.deepEqual(found.spec.projects, [{ uid: project, name: 'Default' }])
    assert.equal((await api.call(admin, 'DELETE /v1/teams/{uid}', at(crew))).status, 204)
    assert.deepEqual(await api.must(admin, 'GET /v1/users/{uid}/projects', at(dev.user)), { projects: [] })
  })
})

test('D10, D12: the ids of another tenant, unknown ones and nonsense are answered alike, on every route', async () => {
  const [a, b] = [await api.tenant(), await api.tenant()]
  const foreign = {
    users: b.admin.user,
    teams: await team(b.admin, 'Theirs'),
    projects: b.project,
  }
  const bodies: Record<string, unknown> = {
    'PUT /v1/users/{uid}': { spec: { firstName: 'X' } },
    'PATCH /v1/users/{uid}': [{ op: 'replace', path: '/spec/firstName', value: 'X' }],
    'PATCH /v1/users/{uid}/status/loginMode': { loginMode: 'dev' },
    'PATCH /v1/teams/{uid}': [{ op: 'replace', path: '/metadata/name', value: 'X' }],
    'PUT /v1/teams/{uid}': { metadata: { name: 'X' } },
    'PUT /v1/projects/{uid}': { metadata: { name: 'X' } },
  }
  let asked = 0
  for (const { route } of api.endpoints) {
    const kind = /^\w+ \/v1\/(users|teams|projects)\/\{uid\}/.exec(route)?.[1] as keyof typeof foreign | undefined
    if (!kind) continue
    asked++
    for (const uid of [foreign[kind], '0'.repeat(24), 'nonsense', 'a\u0000b', "' or 1=1"]) {
      const params = { uid, resourceRoleUid: '0'.repeat(24) }
      const reply = await api.call(a.admin, route, { params, body: bodies[route] ?? {} })
      assert.deepEqual([route, uid, reply.status, reply.refusal], [route, uid, 404, { code: 'not_found' }])
    }
  }
  assert.ok(asked >= 20, 'the list of endpoints was read')
  const foreignProject = await api.call(a.admin, 'GET /v1/users', { project: b.project })
  assert.equal(foreignProject.refusal?.code, 'project_not_found')
})

test('every change leaves an entry that names what changed, and no e-mail or link', async () => {
  const { uid: tenant, admin } = await api.tenant()
  const { uid } = await api.must(admin, 'POST /v1/users', newUser('audited@example.com'))
  await api.must(admin, 'PUT /v1/users/{uid}/roles', at(uid, { body: { roles: [role('Tenant Viewer')] } }))
  await api.must(
    admin,
    'PUT /v1/users/{uid}',
    at(uid, { body: { spec: { emailId: 'new@example.com', firstName: 'New' } } }),
  )
  const mine = api.entries.filter((entry) => entry.tenant === tenant && entry.resource.uid === uid)
  assert.deepEqual(
    mine.map(({ event }) => event),
    ['user.created', 'user.access.updated', 'user.updated'],
  )
  assert.deepEqual(mine[1]?.details.added, [{ user: uid, role: 'Tenant Viewer', roleUid: role('Tenant Viewer') }])
  assert.deepEqual(mine[2]?.details.changed, ['email', 'firstName'])
  assert.ok(!JSON.stringify(mine.map(({ details }) => details)).includes('@example.com'))
})

test('nobody’s tenant role reaches the system, and a system administrator’s no tenant', async () => {
  const { admin } = await api.tenant()
  assert.equal((await api.call(api.root, 'GET /v1/users')).refusal?.code, 'forbidden')
  assert.equal((await api.call(api.root, 'POST /v1/users', newUser('a@example.com'))).refusal?.code, 'forbidden')
  assert.equal((await api.call(api.root, 'GET /v1/users/{uid}', at(admin.user))).refusal?.code, 'not_found')
  assert.equal((await api.must(api.root, 'GET /v1/users/me')).metadata.annotations.scope, 'system')
})
