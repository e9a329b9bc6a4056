import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
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

const path = '/v1/cloudaccounts/aws'
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
const accessKey = 'AKIAIOSFODNN7EXAMPLE'
const secretKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const keyPair = { credentialType: 'secret', accessKey, secretKey, partition: 'aws', policyARNs: null }
const arn = 'arn:aws:iam::123456789012:role/Palisade'
const role = { credentialType: 'sts', sts: { arn, externalId: 'shop-1' }, policyARNs: [] }
/** As the Terraform provider sends it. */
const accountBody = (
  name: string,
  spec: object = keyPair,
  { scope, labels }: { scope?: string; labels?: object } = {},
) => ({
  body: {
    metadata: {
      ...{ name, labels, uid: '', creationTimestamp: '0001-01-01T00:00:00.000Z' },
      annotations: { ...(scope === undefined ? {} : { scope }), overlordUid: 'gateway-1' },
    },
    spec,
  },
})
type Options = { readonly project?: string; readonly scope?: string; readonly labels?: object }
const newAccount = async (who: Principal, name: string, { project, ...rest }: Options = {}): Promise<string> =>
  (await api.must(who, `POST ${path}`, { ...accountBody(name, keyPair, rest), ...(project ? { project } : {}) })).uid
type Item = { metadata: { name: string } }
const namesOf = (items: readonly Item[]) => items.map(({ metadata }) => metadata.name)
const newProject = async (admin: Principal, name: string): Promise<string> =>
  (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name } } })).uid
async function inProject(admin: Principal, project: string, ...roles: readonly string[]) {
  const who = await api.person(admin)
  await api.must(admin, 'PUT /v1/users/{uid}/projects', {
    ...at(who.user),
    body: { projects: [{ projectUid: project, roles }] },
  })
  return who
}
/** What the database holds, sealed or not. */
async function storedOf(uid: string): Promise<{ text: string; secrets: Buffer | null }> {
  const { rows } = await withClient(database.superuser, (client) =>
    client.query('select * from cloud_accounts where account_id = $1', [uid]),
  )
  assert.equal(rows.length, 1)
  return { text: JSON.stringify(rows[0]), secrets: rows[0].secrets }
}

describe('AWS accounts', () => {
  test('an account is validated, made, read as it was sent but for its secret, changed and deleted', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    await api.must(admin, 'POST /v1/clouds/aws/account/validate', { body: keyPair, project })
    const uid = await newAccount(admin, 'shop', { project, scope: 'project', labels: { env: 'prod' } })
    const found = await api.must(admin, `GET ${path}/{uid}`, at(uid, { project }))
    assert.deepEqual(found.spec, { credentialType: 'secret', accessKey, partition: 'aws', policyARNs: [] })
    assert.deepEqual([found.kind, found.status], ['aws', { state: 'Unverified' }])
    assert.deepEqual(found.metadata.annotations, {
      ...{ scope: 'project', projectUid: project, tenantUid: tenant },
      overlordUid: 'gateway-1',
      permissions: 'cloudaccount.delete,cloudaccount.get,cloudaccount.list,cloudaccount.update,tag.update',
    })
    await api.must(admin, `PUT ${path}/{uid}`, at(uid, { ...accountBody('shop 2', role), project }))
    const changed = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual(changed.spec, { ...role, partition: 'aws' })
    assert.deepEqual([changed.metadata.name, changed.metadata.labels], ['shop 2', { env: 'prod' }])
    const { items } = await api.must(admin, 'GET /v1/cloudaccounts/summary', { project })
    assert.deepEqual(
      items.map(({ kind, specSummary, status }: Record<string, unknown>) => ({ kind, specSummary, status })),
      [{ kind: 'aws', specSummary: { accountId: '123456789012' }, status: { state: 'Unverified' } }],
    )
    await api.must(admin, `DELETE ${path}/{uid}`, at(uid, { project }))
    assert.equal((await api.call(admin, `GET ${path}/{uid}`, at(uid))).status, 404)
    const entries = api.entries.filter(({ resource }) => resource.uid === uid)
    assert.deepEqual(
      entries.map(({ event, project: where }) => [event, where]),
      ['created', 'updated', 'deleted'].map((what) => [`cloudaccount.${what}`, project]),
    )
    assert.ok(!JSON.stringify(entries.map(({ details }) => details)).includes(secretKey))
  })

  test('secrets are sealed, replaced with their access key, kept when they are not sent, and gone with a role', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const uid = await newAccount(admin, 'shop')
    const sealer = await api.keys.of(tenant)
    const opened = (sealed: Buffer | null) =>
      sealed && JSON.parse(sealer.open({ table: 'cloud_accounts', column: 'secrets', row: uid }, sealed))
    const first = await storedOf(uid)
    assert.ok(!first.text.includes(secretKey) && !first.secrets?.includes(secretKey))
    assert.deepEqual(opened(first.secrets), { secretKey, secretToken: '' })

    const put = (spec: object) => api.call(admin, `PUT ${path}/{uid}`, at(uid, accountBody('shop', spec)))
    const { secretKey: _, ...withoutSecret } = keyPair
    assert.equal((await put(withoutSecret)).status, 204)
    assert.deepEqual((await storedOf(uid)).secrets, first.secrets)
    const moved = await put({ ...withoutSecret, accessKey: 'AKIAIOSFODNN7ANOTHER' })
    assert.deepEqual([moved.status, moved.refusal?.code], [400, 'invalid'])
    assert.equal((await put({ ...keyPair, secretKey: 'another' })).status, 204)
    assert.deepEqual(opened((await storedOf(uid)).secrets), { secretKey: 'another', secretToken: '' })
    assert.equal((await put(role)).status, 204)
    assert.equal((await storedOf(uid)).secrets, null)
    assert.equal((await put(withoutSecret)).status, 400, 'the secret did not wait for its key to come back')
  })

  test('a kept secret never comes under another access key, whichever of two changes is first', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const sealer = await api.keys.of(tenant)
    const { secretKey: _, ...withoutSecret } = keyPair
    const other = { ...keyPair, accessKey: 'AKIAIOSFODNN7ANOTHER', secretKey: 'another' }
    for (let round = 0; round < 10; round++) {
      const uid = await newAccount(admin, `shop ${round}`)
      const put = (spec: object) => api.call(admin, `PUT ${path}/{uid}`, at(uid, accountBody(`shop ${round}`, spec)))
      const [kept, moved] = await Promise.all([put(withoutSecret), put(other)])
      assert.ok([204, 400].includes(kept.status) && moved.status === 204, `${kept.status}, ${moved.status}`)
      const { spec } = await api.must(admin, `GET ${path}/{uid}`, at(uid))
      const { secrets } = await storedOf(uid)
      const opened =
        secrets && JSON.parse(sealer.open({ table: 'cloud_accounts', column: 'secrets', row: uid }, secrets))
      assert.deepEqual([spec.accessKey, opened.secretKey], ['AKIAIOSFODNN7ANOTHER', 'another'])
    }
  })

  test('validating looks at the form alone, and says so', async () => {
    const { admin } = await api.tenant()
    const validate = (body: object) => api.call(admin, 'POST /v1/clouds/aws/account/validate', { body })
    assert.equal((await validate(role)).status, 204)
    assert.equal((await validate({ ...keyPair, secretKey: '' })).status, 400)
    assert.equal((await validate({ credentialType: 'guess' })).status, 400)
  })

  test('scope: as the annotation says, else as the header does; nobody makes the tenant’s from a project', async () => {
    const { admin, project } = await api.tenant()
    for (const [call, scope] of [
      [{}, 'tenant'],
      [{ project }, 'project'],
      [{ project, scope: 'tenant' }, 'tenant'],
      [{ project, scope: 'project' }, 'project'],
      [{ scope: 'tenant' }, 'tenant'],
    ] as const) {
      const uid = await newAccount(admin, `a ${JSON.stringify(call)}`, call)
      const found = await api.must(admin, `GET ${path}/{uid}`, at(uid))
      assert.equal(found.metadata.annotations.scope, scope, JSON.stringify(call))
      const other = scope === 'tenant' ? 'project' : 'tenant'
      const moved = await api.call(admin, `PUT ${path}/{uid}`, at(uid, accountBody('x', keyPair, { scope: other })))
      assert.equal(moved.status, 400)
    }
    const person = await inProject(admin, project, predefinedRole('Project Admin').uid)
    for (const [who, call, status, code] of [
      [admin, accountBody('x', keyPair, { scope: 'project' }), 400, 'project_required'],
      [admin, accountBody('x', keyPair, { scope: 'system' }), 400, 'invalid'],
      [person, { ...accountBody('x', keyPair, { scope: 'tenant' }), project }, 403, 'forbidden'],
      [person, accountBody('x'), 403, 'forbidden'],
    ] as const) {
      const made = await api.call(who, `POST ${path}`, call)
      assert.deepEqual([made.status, made.refusal?.code], [status, code])
    }
    await newAccount(person, 'mine', { project })
  })

  test("the tenant's are read and not changed in projects; a project's are there alone; names are free elsewhere", async () => {
    const { admin, project } = await api.tenant()
    const elsewhere = await newProject(admin, 'Elsewhere')
    const shared = await newAccount(admin, 'one')
    const here = await newAccount(admin, 'One', { project })
    const there = await newAccount(admin, 'ONE', { project: elsewhere })
    const taken = await api.call(admin, `POST ${path}`, { ...accountBody('oNe'), project })
    assert.deepEqual([taken.status, taken.refusal?.code], [409, 'cloud_account_name_taken'])
    const person = await inProject(admin, project, predefinedRole('Project Admin').uid)
    await api.must(person, `GET ${path}/{uid}`, at(shared, { project }))
    await api.must(person, `PUT ${path}/{uid}`, at(here, { ...accountBody('renamed'), project }))
    for (const [uid, status] of [
      [shared, 403],
      [there, 404],
    ] as const)
      for (const method of ['PUT', 'DELETE']) {
        const call = at(uid, { project, ...(method === 'PUT' ? accountBody('x') : {}) })
        assert.equal((await api.call(person, `${method} ${path}/{uid}`, call)).status, status)
      }
    const { items } = await api.must(person, `GET ${path}`, { project, query: { limit: '0' } })
    assert.deepEqual(namesOf(items), ['one', 'renamed'])
    const clash = await api.call(admin, `PUT ${path}/{uid}`, at(here, { ...accountBody('One'), project }))
    assert.equal(clash.status, 204, 'the tenant’s name is free in the project')
  })

  test('pages, filters and order, and what is no filter is refused', async () => {
    const { admin, project } = await api.tenant()
    for (const name of ['c', 'A', 'b']) await newAccount(admin, name, { project })
    const list = async (query: Record<string, string>) => api.must(admin, `GET ${path}`, { query, project })
    const first = await list({ limit: '2' })
    assert.deepEqual([namesOf(first.items), first.listmeta.count], [['A', 'b'], 3])
    const rest = await list({ limit: '2', continue: first.listmeta.continue })
    assert.deepEqual([namesOf(rest.items), rest.listmeta.continue], [['c'], ''])
    assert.deepEqual(namesOf((await list({ orderBy: 'metadata.name=-1' })).items), ['c', 'b', 'A'])
    assert.deepEqual(namesOf((await list({ filters: 'metadata.name=bANDkind=aws' })).items), ['b'])
    for (const query of [{ filters: 'spec.secretKey=x' }, { orderBy: 'spec=1' }, { continue: 'x' }])
      assert.equal((await api.call(admin, `GET ${path}`, { query })).status, 400, JSON.stringify(query))
    const { uid } = (await list({ filters: 'metadata.name=A' })).items[0].metadata
    const relabelled = accountBody('A', keyPair, { labels: { env: 'prod' } })
    const { uid: changer } = await api.must(admin, 'POST /v1/roles', {
      body: {
        metadata: { name: 'Changer' },
        spec: { permissions: ['cloudaccount.update'], scope: 'project', type: 'user' },
      },
    })
    const person = await inProject(admin, project, changer)
    assert.equal((await api.call(person, `PUT ${path}/{uid}`, at(uid, relabelled))).status, 403, 'without tag.update')
    await api.must(admin, `PUT ${path}/{uid}`, at(uid, relabelled))
  })

  test('what filters select is what lists show and count, and what a get allows (D12)', async () => {
    const { admin, project } = await api.tenant()
    const elsewhere = await newProject(admin, 'Elsewhere')
    const uids: string[] = []
    for (const env of ['prod', 'dev', undefined])
      for (const [where, place] of [
        ['tenant', {}],
        ['here', { project }],
        ['elsewhere', { project: elsewhere }],
      ] as const)
        uids.push(await newAccount(admin, `${where} ${env}`, { ...place, labels: env ? { env } : {} }))
    const { uid: reader } = await api.must(admin, 'POST /v1/roles', {
      body: {
        metadata: { name: 'Reader' },
        spec: { permissions: ['cloudaccount.get', 'cloudaccount.list'], scope: 'resource', type: 'user' },
      },
    })
    const filterOf = async (name: string, negation: boolean): Promise<string> => {
      const filters = [{ key: 'env', negation, operator: 'eq', values: ['prod'] }]
      const body = { metadata: { name }, spec: { filterGroup: { filters } } }
      return (await api.must(admin, 'POST /v1/filters/tag', { body })).uid
    }
    const person = await api.person(admin)
    for (const [projectUid, filter] of [
      [project, await filterOf('prod', false)],
      [elsewhere, await filterOf('not prod', true)],
    ])
      await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
        ...at(person.user),
        body: { projectUids: [projectUid], filterRefs: [filter], roles: [reader] },
      })
    for (const [selected, names] of [
      [{ project }, ['here prod', 'tenant prod']],
      [{ project: elsewhere }, ['elsewhere dev', 'elsewhere undefined', 'tenant dev', 'tenant undefined']],
      [{}, ['elsewhere dev', 'elsewhere undefined', 'here prod']],
    ] as const) {
      const readable: string[] = []
      for (const uid of uids) {
        const { body } = await api.call(person, `GET ${path}/{uid}`, at(uid, selected))
        if (body) readable.push(body.metadata.name)
      }
      assert.deepEqual(readable.toSorted(), names)
      for (const route of [`GET ${path}`, 'GET /v1/cloudaccounts/summary']) {
        const { items, listmeta } = await api.must(person, route, selected)
        assert.deepEqual([namesOf(items), listmeta.count], [names, names.length], route)
      }
    }
    const projects = await api.must(person, 'GET /v1/dashboard/projects/metadata')
    assert.deepEqual(namesOf(projects.items), ['Default', 'Elsewhere'], 'where they are can be found')
    const created = await api.call(person, `POST ${path}`, { ...accountBody('x'), project })
    assert.equal(created.status, 403)
  })

  test('another tenant’s is not there', async () => {
    const { admin } = await api.tenant()
    const { admin: stranger } = await api.tenant()
    const uid = await newAccount(admin, 'shop')
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const call = at(uid, method === 'PUT' ? accountBody('x') : {})
      assert.equal((await api.call(stranger, `${method} ${path}/{uid}`, call)).status, 404, method)
    }
    assert.deepEqual((await api.must(stranger, `GET ${path}`)).items, [])
  })
})
