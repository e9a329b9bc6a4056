import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { until } from '../../tests/support/until.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createAssets } from './index.ts'

let postgres: TestPostgres
let database: TestDatabase
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, ({ keys }) => [
    ...accessEndpoints,
    ...createAssets({ sealerOf: keys.of }).endpoints,
  ])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const path = '/v1/users/assets/sshkeys'
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@example.com\n'
const other = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g'
const keyBody = (name: string, labels?: object, key = publicKey) => ({
  body: { metadata: { name, labels, creationTimestamp: '0001-01-01T00:00:00.000Z' }, spec: { publicKey: key } },
})
const newKey = async (who: Principal, name: string, project?: string, labels?: object): Promise<string> =>
  (await api.must(who, `POST ${path}`, { ...keyBody(name, labels), ...(project ? { project } : {}) })).uid
const namesFor = async (who: Principal, project?: string) => {
  const { items } = await api.must(who, `GET ${path}`, project ? { project } : {})
  return items.map((one: { metadata: { name: string } }) => one.metadata.name)
}
const newProject = async (admin: Principal, name: string): Promise<string> =>
  (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name } } })).uid
async function inProject(admin: Principal, project: string, ...roles: Parameters<typeof predefinedRole>[0][]) {
  const who = await api.person(admin)
  await api.must(admin, 'PUT /v1/users/{uid}/projects', {
    ...at(who.user),
    body: { projects: [{ projectUid: project, roles: roles.map((name) => predefinedRole(name).uid) }] },
  })
  return who
}

describe('SSH keys', () => {
  test('a key is made, read as it was sent, changed and deleted, and the log knows', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newKey(admin, 'deploy', project, { env: 'prod' })
    const found = await api.must(admin, `GET ${path}/{uid}`, at(uid, { project }))
    assert.deepEqual(found.spec, { publicKey })
    assert.deepEqual(found.metadata.annotations, {
      ...{ scope: 'project', tenantUid: tenant, projectUid: project },
      permissions: 'sshKey.delete,sshKey.get,sshKey.list,sshKey.update,tag.update',
    })
    assert.deepEqual(found.metadata.labels, { env: 'prod' })
    await api.must(admin, `PUT ${path}/{uid}`, at(uid, { ...keyBody('deploy 2', undefined, other), project }))
    const changed = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual([changed.metadata.name, changed.spec.publicKey], ['deploy 2', other])
    assert.deepEqual(changed.metadata.labels, { env: 'prod' }, 'what is not sent stays')
    await api.must(admin, `DELETE ${path}/{uid}`, at(uid, { project }))
    assert.equal((await api.call(admin, `GET ${path}/{uid}`, at(uid))).status, 404)
    const events = api.entries.filter(({ resource }) => resource.uid === uid)
    assert.deepEqual(
      events.map(({ event, outcome, project }) => [event, outcome, project]),
      [
        ['sshkey.created', 'done', project],
        ['sshkey.updated', 'done', project],
        ['sshkey.deleted', 'done', project],
      ],
    )
  })

  test("the tenant's keys are seen in projects and changed in the tenant; a project's are there alone", async () => {
    const { admin, project } = await api.tenant()
    const elsewhere = await newProject(admin, 'Elsewhere')
    const [shared, here, there] = [
      await newKey(admin, 'shared'),
      await newKey(admin, 'here', project),
      await newKey(admin, 'there', elsewhere),
    ]
    const person = await inProject(admin, project, 'Project Admin')
    assert.deepEqual(await namesFor(person, project), ['here', 'shared'])
    assert.deepEqual(await namesFor(person), ['here'])
    assert.deepEqual(await namesFor(admin, elsewhere), ['shared', 'there'])
    assert.deepEqual(await namesFor(admin), ['here', 'shared', 'there'])
    assert.equal((await api.call(person, `GET ${path}`, { project: elsewhere })).status, 403)

    await api.must(person, `GET ${path}/{uid}`, at(shared, { project }))
    await api.must(person, `PUT ${path}/{uid}`, at(here, { project, ...keyBody('mine') }))
    for (const [what, route, uid, status] of [
      ['the tenant’s, changed', `PUT ${path}/{uid}`, shared, 403],
      ['the tenant’s, deleted', `DELETE ${path}/{uid}`, shared, 403],
      ['another project’s, read', `GET ${path}/{uid}`, there, 404],
      ['another project’s, deleted', `DELETE ${path}/{uid}`, there, 404],
    ] as const) {
      const call = at(uid, { project, ...(route.startsWith('PUT') ? keyBody('x') : {}) })
      assert.equal((await api.call(person, route, call)).status, status, what)
    }
    assert.equal((await api.call(person, `GET ${path}/{uid}`, at(there))).status, 403)
    assert.equal((await api.call(person, `POST ${path}`, keyBody('x'))).status, 403, 'in the tenant')
    assert.equal((await api.call(admin, `GET ${path}/{uid}`, at(there, { project }))).status, 404)
    // Clients that share a header between calls: whoever may change the tenant's may do so with it, too.
    await api.must(admin, `DELETE ${path}/{uid}`, at(shared, { project }))
  })

  test('a name is taken in any spelling, in its own scope', async () => {
    const { admin, project } = await api.tenant()
    await newKey(admin, 'Deploy')
    await newKey(admin, 'deploy', project)
    const free = await newKey(admin, 'other')
    for (const [call, where] of [
      [keyBody('dePLOY '), 'the tenant'],
      [{ ...keyBody('Ｄeploy'), project }, 'the project'],
    ] as const) {
      const made = await api.call(admin, `POST ${path}`, call)
      assert.deepEqual([made.status, made.refusal?.code], [409, 'ssh_key_name_taken'], where)
    }
    const renamed = await api.call(admin, `PUT ${path}/{uid}`, at(free, keyBody('DEPLOY')))
    assert.equal(renamed.refusal?.code, 'ssh_key_name_taken')
  })

  test('a private key is refused by a code of its own, and stands neither in the refusal nor in the log', async () => {
    const { admin } = await api.tenant()
    const secret = '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----'
    const made = await api.call(admin, `POST ${path}`, keyBody('x', {}, secret))
    assert.deepEqual([made.status, made.refusal?.code], [400, 'private_key_refused'])
    assert.ok(
      !JSON.stringify([made.refusal, api.entries.map(({ details, resource }) => [details, resource])]).includes(
        'c2VjcmV0',
      ),
    )
    const malformed = await api.call(admin, `POST ${path}`, keyBody('x', {}, 'ssh-ed25519 AAAA'))
    assert.equal(malformed.refusal?.code, 'invalid')
    assert.deepEqual(await namesFor(admin), [])
  })

  test('labels are changed with tag.update alone, and a list filters by name', async () => {
    const { admin, project } = await api.tenant()
    const uid = await newKey(admin, 'one', project, { env: 'dev' })
    await newKey(admin, 'two', project)
    const { uid: role } = await api.must(admin, 'POST /v1/roles', {
      body: { metadata: { name: 'Keys' }, spec: { permissions: ['sshKey.update'], scope: 'project', type: 'user' } },
    })
    const person = await api.person(admin)
    await api.must(admin, 'PUT /v1/users/{uid}/projects', {
      ...at(person.user),
      body: { projects: [{ projectUid: project, roles: [role] }] },
    })
    await api.must(person, `PUT ${path}/{uid}`, at(uid, keyBody('uno', { env: 'dev' })))
    const relabelled = await api.call(person, `PUT ${path}/{uid}`, at(uid, keyBody('uno', { env: 'prod' })))
    assert.deepEqual([relabelled.status, relabelled.refusal?.details?.permission], [403, 'tag.update'])
    await api.must(admin, `PUT ${path}/{uid}`, at(uid, keyBody('uno', { env: 'prod' })))

    const query = { filters: 'metadata.name=two' }
    const found = await api.must(admin, `GET ${path}`, { query, project })
    assert.equal(found.items.length, 1)
    const unknown = await api.call(admin, `GET ${path}`, { query: { filters: 'spec.publicKey=x' } })
    assert.equal(unknown.status, 400)
  })

  test('what a filter selects is what a list shows and a get allows', async () => {
    const { admin, project } = await api.tenant()
    const uids = [
      await newKey(admin, 'tenant prod', undefined, { env: 'prod' }),
      await newKey(admin, 'tenant dev', undefined, { env: 'dev' }),
      await newKey(admin, 'prod', project, { env: 'prod' }),
      await newKey(admin, 'dev', project, { env: 'dev' }),
      await newKey(admin, 'none', project),
      await newKey(admin, 'elsewhere', await newProject(admin, 'Elsewhere'), { env: 'prod' }),
    ]
    const { uid: role } = await api.must(admin, 'POST /v1/roles', {
      body: {
        metadata: { name: 'Reader' },
        spec: { permissions: ['sshKey.get', 'sshKey.list'], scope: 'resource', type: 'user' },
      },
    })
    const { uid: filter } = await api.must(admin, 'POST /v1/filters/tag', {
      body: {
        metadata: { name: 'not dev' },
        spec: { filterGroup: { filters: [{ key: 'env', negation: true, operator: 'eq', values: ['dev'] }] } },
      },
    })
    const person = await api.person(admin)
    await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
      ...at(person.user),
      body: { projectUids: [project], filterRefs: [filter], roles: [role] },
    })
    for (const [selected, names] of [
      [{ project }, ['none', 'prod', 'tenant prod']],
      [{}, ['none', 'prod']],
    ] as const) {
      assert.deepEqual(await namesFor(person, 'project' in selected ? selected.project : undefined), names)
      const readable: string[] = []
      for (const uid of uids) {
        const { body } = await api.call(person, `GET ${path}/{uid}`, at(uid, selected))
        if (body) readable.push(body.metadata.name)
      }
      assert.deepEqual(readable.toSorted(), names)
    }
  })

  test('D02 what is relabelled while somebody changes it is not labelled back', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const { uid: role } = await api.must(admin, 'POST /v1/roles', {
      body: { metadata: { name: 'Keys' }, spec: { permissions: ['sshKey.update'], scope: 'project', type: 'user' } },
    })
    const person = await api.person(admin)
    await api.must(admin, 'PUT /v1/users/{uid}/projects', {
      ...at(person.user),
      body: { projects: [{ projectUid: project, roles: [role] }] },
    })
    for (const [labels, status, permission] of [
      [{ env: 'dev' }, 403, 'tag.update'],
      [undefined, 204, undefined],
    ] as const) {
      const uid = await newKey(admin, `key ${status}`, project, { env: 'dev' })
      let asked: ReturnType<Phases['call']> | undefined
      await api.inTenant(tenant, async (tx) => {
        await tx.query(`update ssh_keys set labels = '{"env":"prod"}' where tenant_id = $1 and key_id = $2`, [
          ...[tenant, uid],
        ])
        asked = api.call(person, `PUT ${path}/{uid}`, at(uid, keyBody(`new ${status}`, labels)))
        // It has begun, and waits for what is held here.
        await withClient(database.superuser, (client) =>
          until('the call to wait', async () => {
            const { rows } = await client.query(`select from pg_stat_activity where wait_event_type = 'Lock'`)
            return rows.length > 0 || undefined
          }),
        )
      })
      const answer = await asked
      assert.deepEqual([answer?.status, answer?.refusal?.details?.permission], [status, permission])
      assert.deepEqual((await api.must(admin, `GET ${path}/{uid}`, at(uid))).metadata.labels, { env: 'prod' })
    }
  })

  test('a key of another tenant is not there, and one of a project goes with it', async () => {
    const { admin } = await api.tenant()
    const { admin: stranger } = await api.tenant()
    const project = await newProject(admin, 'Short')
    const uid = await newKey(admin, 'one', project)
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const call = at(uid, method === 'PUT' ? keyBody('x') : {})
      assert.equal((await api.call(stranger, `${method} ${path}/{uid}`, call)).status, 404, method)
    }
    await api.must(admin, 'DELETE /v1/projects/{uid}', at(project))
    assert.deepEqual(await namesFor(admin), [])
  })
})
