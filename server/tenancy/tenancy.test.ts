import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TenantUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { until } from '../../tests/support/until.ts'
import { accessEndpoints } from '../access/index.ts'
import { newUid } from '../platform/random/index.ts'
import { deleteProject } from './project-store.ts'

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

let made = 0
const newTenant = (spec: object = {}) => ({
  body: {
    spec: { orgName: `Tenancy ${++made}`, firstName: 'Ada', lastName: 'Admin', emailId: 'ada@example.com', ...spec },
  },
})
const of = (tenantUid: string, rest: object = {}) => ({ params: { tenantUid }, ...rest })
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })

describe('tenants', () => {
  test('a tenant is born whole: first user pending with the link, project Default, an entry in both logs', async () => {
    const { uid } = await api.must(api.root, 'POST /v1/tenants', {
      body: {
        metadata: { name: 'ignored', labels: null },
        spec: {
          ...{
            orgName: 'Acme',
            firstName: 'Ada',
            lastName: 'Admin',
            emailId: 'Ada@Acme.example',
            roles: null,
            ssoApp: '',
          },
          ...{ orgEmailId: 'office@acme.example', address: { city: 'Berlin' } },
        },
      },
    })
    const tenant = await api.must(api.root, 'GET /v1/tenants/{tenantUid}', of(uid))
    assert.equal(tenant.metadata.name, 'Acme')
    assert.deepEqual(tenant.spec, {
      ...{ orgName: 'Acme', orgEmailId: 'office@acme.example', authType: 'password', defaultLoginMode: 'devops' },
      address: { addressLine1: '', addressLine2: '', city: 'Berlin', country: '', pincode: '', state: '' },
    })
    assert.deepEqual(tenant.status, { isActive: false, toBeDeleted: false })
    assert.equal(tenant.metadata.annotations.permissions, 'tenant.delete,tenant.get,tenant.list,tenant.update')

    const first = await api.must(api.root, 'GET /v1/tenants/{tenantUid}/user', of(uid))
    assert.equal(first.spec.emailId, 'Ada@Acme.example')
    assert.deepEqual(first.spec.roles, [role('Tenant Admin')])
    assert.match(first.status.activationLink, /^https:\/\/.*\/activate\//)

    const admin = await api.activate(TenantUid.parse(uid), first.metadata.uid)
    assert.equal((await api.must(api.root, 'GET /v1/tenants/{tenantUid}/user', of(uid))).status.activationLink, '')
    assert.equal((await api.must(api.root, 'GET /v1/tenants/{tenantUid}', of(uid))).status.isActive, true)
    const projects = await api.must(admin, 'GET /v1/dashboard/projects/metadata')
    assert.deepEqual(
      projects.items.map((one: { metadata: { name: string } }) => one.metadata.name),
      ['Default'],
    )
    const logs = api.entries.filter((entry) => entry.resource.uid === uid).map(({ tenant, event }) => [tenant, event])
    assert.deepEqual(logs, [
      [uid, 'tenant.created'],
      ['system', 'tenant.created'],
    ])
  })

  test('how an organisation is reached is changed part by part, and no log says to what', async () => {
    const { uid, admin } = await api.tenant()
    const patch = (what: string, body: object) =>
      api.call(api.root, `PATCH /v1/tenants/{tenantUid}/${what}`, of(uid, { body }))
    assert.equal((await patch('address', { address: { city: 'Bern', pincode: '3011', state: null } })).status, 204)
    assert.equal((await patch('emailId', { emailId: ' office@acme.example ' })).status, 204)
    const contact = async () => (await api.must(api.root, 'GET /v1/tenants/{tenantUid}', of(uid))).spec
    const noAddress = { addressLine1: '', addressLine2: '', city: '', country: '', pincode: '', state: '' }
    assert.deepEqual(
      [(await contact()).orgEmailId, (await contact()).address],
      ['office@acme.example', { ...noAddress, city: 'Bern', pincode: '3011' }],
    )
    assert.equal((await patch('emailId', { emailId: 'office' })).refusal?.code, 'invalid')
    await Promise.all([patch('address', { address: null }), patch('emailId', { emailId: null })])
    assert.deepEqual(
      [(await contact()).orgEmailId, (await contact()).address],
      ['', noAddress],
      'neither undid the other',
    )
    const entries = api.entries.filter(
      ({ event, resource }) => event === 'tenant.contact.updated' && resource.uid === uid,
    )
    assert.deepEqual(new Set(entries.map(({ tenant }) => tenant)), new Set(['system', uid]))
    assert.ok(!JSON.stringify(entries.map(({ details }) => details)).includes('acme.example'))
    const call = of(uid, { body: {} })
    assert.equal((await api.call(admin, 'PATCH /v1/tenants/{tenantUid}/address', call)).status, 403)
    const { admin: stranger } = await api.tenant()
    assert.equal((await api.call(stranger, 'PATCH /v1/tenants/{tenantUid}/address', call)).status, 404)
  })

  test('tenants are searched by a part of the name and by state, and cut into pages', async () => {
    const make = async (orgName: string) => (await api.must(api.root, 'POST /v1/tenants', newTenant({ orgName }))).uid
    const [north, south] = [await make('Seek 100%_ North'), await make('Seek South')]
    const { uid: active } = await api.tenant('Seek Active')
    await api.must(api.root, 'PATCH /v1/tenants/{tenantUid}/activate', of(south, { body: { isActive: false } }))
    const find = (query: Readonly<Record<string, string>>) => api.must(api.root, 'GET /v1/palisade/tenants', { query })
    const uids = async (query: Readonly<Record<string, string>>) =>
      (await find(query)).items.map(({ uid }: { uid: string }) => uid)
    assert.deepEqual(await uids({ q: ' SEEK ' }), [north, active, south])
    assert.deepEqual(await uids({ q: 'seek', descending: 'true' }), [south, active, north])
    assert.deepEqual(await uids({ q: 'seek', orderBy: 'createdAt' }), [north, south, active])
    assert.deepEqual(await uids({ q: '%_' }), [north], 'a pattern is text')
    assert.deepEqual(await uids({ q: 'seek', state: 'pending' }), [north])
    assert.deepEqual(await uids({ q: 'seek', state: 'inactive' }), [south])
    assert.deepEqual(await uids({ q: 'system' }), [])
    const page = await find({ q: 'seek', limit: '1', offset: '1' })
    assert.deepEqual([page.items[0].uid, page.count], [active, 3])
    assert.equal((await api.call(api.root, 'GET /v1/palisade/tenants', { query: { state: 'x' } })).status, 400)
  })

  test('the first user is shown with the link while it works, and is invited again until they have a password', async () => {
    const { uid } = await api.must(api.root, 'POST /v1/tenants', newTenant({ emailId: 'First@invited.test' }))
    const read = () => api.must(api.root, 'GET /v1/palisade/tenants/{tenantUid}', of(uid))
    const invite = () => api.call(api.root, 'POST /v1/palisade/tenants/{tenantUid}/invitation', of(uid))
    const { state, firstUser } = await read()
    assert.equal(state, 'pending')
    assert.partialDeepStrictEqual(firstUser, {
      email: 'First@invited.test',
      state: 'pending',
      link: { hasExpired: false },
    })
    assert.equal((await invite()).status, 204)
    const { link } = (await read()).firstUser
    assert.match(link.url, /^https:.*\/activate\//)
    assert.notEqual(link.url, firstUser.link.url)
    assert.deepEqual(
      api.entries
        .filter(({ event }) => event === 'tenant.invited')
        .map(({ tenant, resource }) => [tenant, resource.uid]),
      [
        [uid, uid],
        ['system', uid],
      ],
    )
    const user = (await api.must(api.root, 'GET /v1/tenants/{tenantUid}/user', of(uid))).metadata.uid
    const admin = await api.activate(TenantUid.parse(uid), user)
    assert.equal((await read()).firstUser.link, null)
    assert.deepEqual([(await invite()).refusal?.code, (await read()).state], ['conflict', 'active'])
    for (const route of ['GET /v1/palisade/tenants/{tenantUid}', 'POST /v1/palisade/tenants/{tenantUid}/invitation']) {
      assert.equal((await api.call(admin, route, of(uid))).status, 403, route)
      assert.equal((await api.call((await api.tenant()).admin, route, of(uid))).status, 404, route)
    }
    await api.must(api.root, 'PATCH /v1/tenants/{tenantUid}/activate', of(uid, { body: { isActive: false } }))
    assert.match((await invite()).refusal?.detail ?? '', /switched off/)
  })

  test('nothing of a refused birth is kept', async () => {
    const count = async () => (await api.must(api.root, 'GET /v1/tenants')).listmeta.count
    const before = await count()
    const reply = await api.call(api.root, 'POST /v1/tenants', newTenant({ orgName: 'Half', emailId: 'no-address' }))
    assert.deepEqual([reply.status, reply.refusal?.code], [400, 'invalid'])
    assert.equal(await count(), before)
    await api.must(api.root, 'POST /v1/tenants', newTenant({ orgName: 'Half' }))
  })

  test('D03: an organisation’s name is one name in every spelling, and some are nobody’s', async () => {
    await api.must(api.root, 'POST /v1/tenants', newTenant({ orgName: 'Caf\u00e9 GmbH' }))
    for (const orgName of [
      'CAF\u00c9 gmbh',
      'Cafe\u0301 GmbH',
      ' Caf\u00e9 GmbH ',
      'Caf\u00e9\u00a0GmbH',
      '\uff23af\u00e9 GmbH',
    ]) {
      const reply = await api.call(api.root, 'POST /v1/tenants', newTenant({ orgName }))
      assert.deepEqual([orgName, reply.refusal?.code], [orgName, 'org_taken'])
      assert.equal(
        (await api.call(api.root, 'POST /v1/tenants/validate', { body: { orgName } })).refusal?.code,
        'org_taken',
      )
    }
    for (const orgName of [
      'system',
      'SYSTEM ',
      '\uff33ystem',
      'root',
      '.',
      '..',
      'palisade',
      '',
      ' ',
      'a\u0007b',
      'a\u202eb',
      'a/b',
      'a\uff0fb',
      'a\\b',
      'x'.repeat(101),
    ]) {
      const reply = await api.call(api.root, 'POST /v1/tenants', newTenant({ orgName }))
      assert.deepEqual([orgName, reply.status, reply.refusal?.code], [orgName, 400, 'invalid'])
    }
  })

  test('what this cannot give is refused and not taken for something else', async () => {
    for (const spec of [{ authType: 'sso' }, { ssoApp: 'google' }, { loginMode: 'other' }])
      assert.equal((await api.call(api.root, 'POST /v1/tenants', newTenant(spec))).refusal?.code, 'invalid')
  })

  test('validate says what create would', async () => {
    const validate = (body: object) => api.call(api.root, 'POST /v1/tenants/validate', { body })
    assert.equal((await validate({ orgName: 'Not Yet', emailId: 'a@example.com' })).status, 204)
    assert.equal((await validate({ orgName: 'Not Yet', emailId: 'nonsense' })).refusal?.code, 'invalid')
  })

  test('two births with one name at once: one is born', async () => {
    const replies = await Promise.all(
      ['Twin', 'TWIN', 'twin'].map((orgName) => api.call(api.root, 'POST /v1/tenants', newTenant({ orgName }))),
    )
    assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 409, 409])
  })

  test('the list filters, sorts and pages', async () => {
    const suffix = newUid().slice(0, 6)
    const names = ['b', 'A', 'c'].map((letter) => `${letter} ${suffix}`)
    for (const orgName of names) await api.must(api.root, 'POST /v1/tenants', newTenant({ orgName }))
    const list = (query: Record<string, string>) => api.must(api.root, 'GET /v1/tenants', { query })
    const all = (await list({ limit: '0' })).items.map((one: { spec: { orgName: string } }) => one.spec.orgName)
    assert.deepEqual(
      all.filter((name: string) => name.endsWith(suffix)),
      [names[1], names[0], names[2]],
    )
    assert.ok(!all.includes('system'))
    const one = await list({ filters: `metadata.name=${names[0]}` })
    assert.deepEqual([one.items.length, one.listmeta.count], [1, 1])
    const page = await list({ limit: '2', orderBy: 'metadata.creationTimestamp=-1' })
    assert.deepEqual(
      page.items.map((item: { metadata: { name: string } }) => item.metadata.name),
      [names[2], names[1]],
    )
    const next = await list({ limit: '2', orderBy: 'metadata.creationTimestamp=-1', continue: page.listmeta.continue })
    assert.equal(next.items[0].metadata.name, names[0])
    for (const query of [{ filters: 'contact=x' }, { orderBy: 'metadata.name=2' }, { orderBy: 'contact=1' }])
      assert.equal((await api.call(api.root, 'GET /v1/tenants', { query })).refusal?.code, 'invalid')
  })

  test('switched off, every credential of the tenant is refused at once; switched on, they work again', async () => {
    const { uid, admin } = await api.tenant()
    const seen: string[] = []
    await api.access.current(uid)
    const watch = {
      uid: newUid(),
      tenant: uid,
      user: admin.user,
      cluster: newUid(),
      end: (reason: string) => void seen.push(reason),
    }
    const registration = api.access.calls.register({
      ...watch,
      recheck: async ({ tenantState }) =>
        tenantState === 'active' ? { recheckAt: Number.MAX_SAFE_INTEGER } : { end: 'tenant-inactive' },
    })
    try {
      assert.equal(
        (await api.call(api.root, 'PATCH /v1/tenants/{tenantUid}/activate', of(uid, { body: { isActive: false } })))
          .status,
        204,
      )
      assert.equal((await api.call(admin, 'GET /v1/users/info')).refusal?.code, 'unauthenticated')
      await until('the open stream’s end', () => (seen.length > 0 ? true : undefined), { timeoutMs: 5_000, everyMs: 5 })
      assert.deepEqual(seen, ['tenant-inactive'])
    } finally {
      registration.done()
    }
    assert.equal(
      (await api.call(api.root, 'PATCH /v1/tenants/{tenantUid}/activate', of(uid))).status,
      204,
      'no body switches on',
    )
    assert.equal((await api.call(admin, 'GET /v1/users/info')).status, 200)
    const own = api.entries.filter((entry) => entry.tenant === uid && entry.event === 'tenant.activated')
    assert.deepEqual(
      own.map(({ details }) => details.isActive),
      [false, true],
    )
  })

  test('a tenant marked for deletion is refused at once and cannot be switched on; its name stays taken', async () => {
    const { uid, admin } = await api.tenant('Doomed')
    assert.equal((await api.call(api.root, 'DELETE /v1/tenants/{tenantUid}', of(uid))).status, 204)
    assert.equal((await api.call(admin, 'GET /v1/users/info')).refusal?.code, 'unauthenticated')
    const tenant = await api.must(api.root, 'GET /v1/tenants/{tenantUid}', of(uid))
    assert.deepEqual(tenant.status, { isActive: false, toBeDeleted: true })
    const on = await api.call(api.root, 'PATCH /v1/tenants/{tenantUid}/activate', of(uid, { body: { isActive: true } }))
    assert.deepEqual([on.status, on.refusal?.code], [409, 'conflict'])
    assert.equal(
      (await api.call(api.root, 'POST /v1/tenants', newTenant({ orgName: 'doomed' }))).refusal?.code,
      'org_taken',
    )
  })

  test('D12: to anybody in a tenant another tenant is not there, and their own is not theirs to administer', async () => {
    const [a, b] = [await api.tenant(), await api.tenant()]
    for (const { route } of api.endpoints.filter((one) => one.route.includes('/v1/tenants'))) {
      const body = { isActive: false, orgName: 'X', spec: newTenant().body.spec }
      for (const tenantUid of [b.uid, '0'.repeat(24), 'system', 'a\u0000b'])
        assert.equal(
          (await api.call(a.admin, route, of(tenantUid, { body }))).refusal?.code,
          route.includes('{tenantUid}') ? 'not_found' : 'forbidden',
          `${route} ${tenantUid}`,
        )
      assert.equal((await api.call(a.admin, route, of(a.uid, { body }))).refusal?.code, 'forbidden', route)
    }
    for (const tenantUid of ['system', '0'.repeat(24), 'nonsense'])
      assert.equal((await api.call(api.root, 'GET /v1/tenants/{tenantUid}', of(tenantUid))).refusal?.code, 'not_found')
  })
})

describe('projects', () => {
  const create = async (who: Parameters<Phases['must']>[0], name: string, rest: object = {}) =>
    (await api.must(who, 'POST /v1/projects', { body: { metadata: { name, ...rest } } })).uid

  test('as the provider uses it: a PUT without spec changes the metadata and no assignment', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const dev = await api.person(admin)
    const uid = await create(admin, 'payments', { labels: { a: 'spectro__tag' }, annotations: { description: 'Pay' } })
    const users = [{ userId: dev.user, roles: [role('Cluster Viewer')] }]
    await api.must(admin, 'PUT /v1/projects/{uid}/users', at(uid, { body: { users } }))
    await api.must(
      admin,
      'PUT /v1/projects/{uid}',
      at(uid, {
        body: {
          metadata: { name: 'payments', uid, labels: { b: 'c' }, annotations: { description: 'Paid', tenantUid: 'x' } },
        },
      }),
    )
    const project = await api.must(admin, 'GET /v1/projects/{uid}', at(uid))
    assert.deepEqual(project.metadata.labels, { b: 'c' })
    assert.deepEqual(project.metadata.annotations, {
      ...{ description: 'Paid', scope: 'tenant', tenantUid: tenant },
      permissions: 'project.delete,project.get,project.list,project.update,tag.update',
    })
    assert.deepEqual(project.spec, { alerts: [], users, teams: [] })
    // Lists that are null stay too; one that is there replaces.
    await api.must(
      admin,
      'PUT /v1/projects/{uid}',
      at(uid, { body: { metadata: { name: 'payments' }, spec: { users: null } } }),
    )
    assert.deepEqual((await api.must(admin, 'GET /v1/projects/{uid}', at(uid))).spec.users, users)
    await api.must(
      admin,
      'PUT /v1/projects/{uid}',
      at(uid, { body: { metadata: { name: 'payments' }, spec: { users: [] } } }),
    )
    assert.deepEqual((await api.must(admin, 'GET /v1/projects/{uid}', at(uid))).spec.users, [])
  })

  test('users and teams of a project are replaced each by itself; meta keeps what is not sent', async () => {
    const { admin } = await api.tenant()
    const [dev, ops] = [await api.person(admin), await api.person(admin)]
    const crew = (await api.must(admin, 'POST /v1/teams', { body: { metadata: { name: 'Crew' } } })).uid
    const users = [{ userId: dev.user, roles: [role('Cluster Viewer')] }]
    const teams = [{ teamId: crew, roles: [role('Cluster Editor')] }]
    const { uid } = await api.must(admin, 'POST /v1/projects', {
      body: { metadata: { name: 'P' }, spec: { users, teams } },
    })
    const read = async () => (await api.must(admin, 'GET /v1/projects/{uid}', at(uid))).spec
    assert.deepEqual(await read(), { alerts: [], users, teams })
    const others = [{ userId: ops.user, roles: [role('Cluster Viewer')] }]
    await api.must(admin, 'PUT /v1/projects/{uid}/users', at(uid, { body: { users: others } }))
    assert.deepEqual(await read(), { alerts: [], users: others, teams })
    await api.must(admin, 'PUT /v1/projects/{uid}/teams', at(uid, { body: { teams: null } }))
    assert.deepEqual(await read(), { alerts: [], users: others, teams: [] })
    await api.must(admin, 'PUT /v1/projects/{uid}/meta', at(uid, { body: { labels: { x: 'y' } } }))
    const { metadata } = await api.must(admin, 'GET /v1/projects/{uid}', at(uid))
    assert.deepEqual([metadata.name, metadata.labels], ['P', { x: 'y' }])
    assert.equal((await api.call(dev, 'GET /v1/projects/{uid}', at(uid))).refusal?.code, 'forbidden')
    assert.equal((await api.call(ops, 'GET /v1/projects/{uid}', at(uid))).status, 200)
    const foreign = await api.tenant()
    const wrong = { users: [{ userId: foreign.admin.user, roles: [role('Cluster Viewer')] }] }
    assert.equal(
      (await api.call(admin, 'PUT /v1/projects/{uid}/users', at(uid, { body: wrong }))).refusal?.code,
      'not_found',
    )
  })

  test('labels of a project go with project.update, and give nobody anything: no role reaches it by them', async () => {
    const { admin } = await api.tenant()
    const uid = await create(admin, 'tagged', { labels: { env: 'dev' } })
    const { uid: keeps } = await api.must(admin, 'POST /v1/roles', {
      body: {
        metadata: { name: 'Keeper' },
        spec: { scope: 'project', permissions: ['project.get', 'project.update'] },
      },
    })
    const keeper = await api.person(admin)
    await api.must(
      admin,
      'PUT /v1/projects/{uid}/users',
      at(uid, { body: { users: [{ userId: keeper.user, roles: [keeps] }] } }),
    )
    // Somebody with a role on everything that is tagged so in the project.
    const tagged = await api.person(admin)
    const { uid: filter } = await api.must(admin, 'POST /v1/filters/tag', {
      body: {
        metadata: { name: 'prod' },
        spec: { filterGroup: { filters: [{ key: 'env', operator: 'eq', values: ['prod'] }] } },
      },
    })
    const roles = [role('Resource Cluster Admin')]
    await api.must(
      admin,
      'POST /v1/users/{uid}/resourceRoles',
      at(tagged.user, { body: { projectUids: [uid], filterRefs: [filter], roles } }),
    )
    const routes = ['PUT /v1/projects/{uid}', 'PUT /v1/projects/{uid}/meta']
    const body = { metadata: { name: 'tagged', labels: { env: 'prod' } }, labels: { env: 'prod' } }
    for (const route of routes) {
      await api.must(keeper, route, at(uid, { body }))
      const { labels, annotations } = (await api.must(keeper, 'GET /v1/projects/{uid}', at(uid))).metadata
      assert.deepEqual(labels, { env: 'prod' }, route)
      assert.equal(annotations.permissions, 'project.get,project.update')
      for (const one of ['GET /v1/projects/{uid}', ...routes])
        assert.equal((await api.call(tagged, one, at(uid, { body }))).status, 403, one)
    }
  })

  test('D03: one name is one project in every spelling, in its tenant', async () => {
    const [a, b] = [await api.tenant(), await api.tenant()]
    await create(a.admin, 'Payments')
    await create(b.admin, 'payments')
    assert.equal(
      (await api.call(a.admin, 'POST /v1/projects', { body: { metadata: { name: 'PAYMENTS' } } })).refusal?.code,
      'project_name_taken',
    )
    assert.equal(
      (await api.call(a.admin, 'PUT /v1/projects/{uid}/meta', at(a.project, { body: { name: 'payments' } }))).refusal
        ?.code,
      'project_name_taken',
    )
  })

  test('lists show only projects in which the caller holds a right', async () => {
    const { admin, project } = await api.tenant()
    const dev = await api.person(admin)
    const mine = await create(admin, 'mine')
    await api.must(
      admin,
      'PUT /v1/projects/{uid}/users',
      at(mine, { body: { users: [{ userId: dev.user, roles: [role('Virtual Machine User')] }] } }),
    )
    const names = async (who: Parameters<Phases['must']>[0], query = {}) =>
      (await api.must(who, 'GET /v1/dashboard/projects/metadata', { query })).items.map(
        (one: { metadata: { name: string } }) => one.metadata.name,
      )
    assert.deepEqual(await names(admin), ['Default', 'mine'])
    assert.deepEqual(await names(admin, { name: 'mine' }), ['mine'])
    assert.deepEqual(await names(dev), ['mine'])
    assert.deepEqual(await names(dev, { name: 'Default' }), [])
    const all = await api.must(dev, 'GET /v1/projects', { query: { limit: '1', offset: '7' } })
    assert.deepEqual(
      all.items.map((one: { metadata: { uid: string } }) => one.metadata.uid),
      [mine],
    )
    const summary = await api.must(dev, 'POST /v1/dashboard/projects', {
      body: { filter: { name: { contains: 'I' } }, sort: null },
    })
    assert.deepEqual(
      summary.items.map((one: { metadata: { uid: string } }) => one.metadata.uid),
      [mine],
    )
    assert.equal(summary.listmeta.count, 1)
    assert.deepEqual(
      summary.items[0].specSummary.users,
      [{ uid: dev.user, name: '' }],
      'names are for who may list users',
    )
    const admins = await api.must(admin, 'POST /v1/dashboard/projects', { body: { filter: { name: { eq: 'MINE' } } } })
    assert.match(admins.items[0].specSummary.users[0].name, /^Person/)
    const sorted = await api.must(admin, 'POST /v1/dashboard/projects', {
      query: { limit: '1' },
      body: { sort: [{ field: 'creationTimestamp', order: 'desc' }] },
    })
    assert.equal(sorted.items[0].metadata.uid, mine)
    assert.notEqual(sorted.listmeta.continue, '')
    assert.deepEqual(await names(api.root), [])
    assert.ok(project)
  })

  test('a project with clusters is not deleted, whatever is asked; without, its roles go with it', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const dev = await api.person(admin)
    const uid = await create(admin, 'in use')
    await api.must(
      admin,
      'PUT /v1/projects/{uid}/users',
      at(uid, { body: { users: [{ userId: dev.user, roles: [role('Cluster Viewer')] }] } }),
    )
    const cluster = newUid()
    await api.inTenant(tenant, (tx) =>
      tx.query(
        `insert into clusters (tenant_id, cluster_id, project_id, name, name_key, state, server_url, ca_pem, kubernetes_version,
                               contacted_at, created_at, updated_at)
         values ($1, $2, $3, 'c1', 'c1', 'needs-bindings', 'https://c1', '', 'v1.33.0', now(), now(), now())`,
        [tenant, cluster, uid],
      ),
    )
    const active = await api.must(admin, 'DELETE /v1/projects/{uid}/validate', at(uid))
    assert.deepEqual(active.clusters, {
      count: 1,
      clusters: [{ clusterRef: { uid: cluster, name: 'c1' }, state: 'needs-bindings' }],
    })
    assert.deepEqual(active.appDeployments, { count: 0, apps: [] })
    for (const query of [{}, { cleanupProjectResources: 'true' }]) {
      const reply = await api.call(admin, 'DELETE /v1/projects/{uid}', at(uid, { query }))
      assert.deepEqual([reply.status, reply.refusal?.code], [409, 'project_in_use'])
      assert.deepEqual(reply.refusal?.details, { clusters: [{ uid: cluster, name: 'c1' }] })
    }
    // A cluster that comes in between the look and the deletion is found by the foreign key.
    const race = await api.inTenant(tenant, (tx) => tx.attempt(() => deleteProject(tx, uid)))
    assert.equal(!race.ok && race.error.code, 'project_in_use')
    assert.equal((await api.call(admin, 'GET /v1/projects/{uid}', at(uid))).status, 200)
    await api.inTenant(tenant, (tx) => tx.query('delete from clusters where tenant_id = $1', [tenant]))
    assert.equal((await api.call(admin, 'DELETE /v1/projects/{uid}', at(uid))).status, 204)
    assert.deepEqual(await api.must(admin, 'GET /v1/users/{uid}/projects', at(dev.user)), { projects: [] })
    assert.equal((await api.call(admin, 'DELETE /v1/projects/{uid}', at(uid))).refusal?.code, 'not_found')
  })

  test('values that the database cannot keep are refused as such', async () => {
    const { admin } = await api.tenant()
    for (const metadata of [
      { name: 'n', labels: { a: 'b\u0000' } },
      { name: 'n', labels: { 'a\u0000': 'b' } },
      { name: 'n', annotations: { a: '\ud800' } },
      { name: 'n\u0000' },
    ])
      assert.equal((await api.call(admin, 'POST /v1/projects', { body: { metadata } })).refusal?.code, 'invalid')
    const uid = await create(admin, 'odd', { labels: JSON.parse('{"__proto__":"x","constructor":"y"}') })
    const { metadata } = await api.must(admin, 'GET /v1/projects/{uid}', at(uid))
    assert.equal(metadata.labels.constructor, 'y')
    assert.equal(Object.getPrototypeOf(metadata.labels), Object.prototype)
  })
})
