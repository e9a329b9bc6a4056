import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Call, type Phases, startPhases } from '../../tests/support/phases.ts'
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

const path = '/v1/clusterprofiles'
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
const manifest = 'kind: Secret\nstringData: { password: hidden-in-a-manifest }'
const values = 'replicas: {{ .spectro.macro.REPLICAS }}\npassword: hidden-in-values'
const webPack = {
  ...{ name: 'web', tag: '1.0.0', type: 'manifest', uid: 'spectro-manifest-pack', values },
  manifests: [{ name: 'app', content: manifest }],
}
const sensitive = { name: 'token', isSensitive: true, defaultValue: 'hidden-in-a-variable' }
type Options = { readonly labels?: object; readonly version?: string; readonly packs?: readonly object[] | null }
/** As the Terraform provider sends it. */
const profileBody = (name: string, { labels, version = '1.0.0', packs = [webPack] }: Options = {}) => ({
  body: {
    metadata: {
      ...{ name, labels: labels ?? null, uid: '', creationTimestamp: '0001-01-01T00:00:00.000Z' },
      annotations: { description: 'a shop' },
    },
    spec: { version, template: { cloudType: 'all', type: 'add-on', packs }, variables: null },
  },
})
async function newProfile(
  who: Principal,
  name: string,
  { project, ...rest }: Options & { readonly project?: string } = {},
) {
  const call = { ...profileBody(name, rest), ...(project ? { project } : {}) }
  return (await api.must(who, `POST ${path}`, call)).uid as string
}
type Item = { metadata: { name: string; uid: string } }
const namesOf = (items: readonly Item[]) => items.map(({ metadata }) => metadata.name)
const newProject = async (admin: Principal, name: string): Promise<string> =>
  (await api.must(admin, 'POST /v1/projects', { body: { metadata: { name } } })).uid
const newRole = async (admin: Principal, name: string, scope: string, ...permissions: readonly string[]) =>
  (
    await api.must(admin, 'POST /v1/roles', {
      body: { metadata: { name }, spec: { permissions, scope, type: 'user' } },
    })
  ).uid as string
async function inProject(admin: Principal, project: string, ...roles: readonly string[]) {
  const who = await api.person(admin)
  const body = { projects: [{ projectUid: project, roles }] }
  await api.must(admin, 'PUT /v1/users/{uid}/projects', { ...at(who.user), body })
  return who
}
/** Gives roles on what has `key` among these values, or has not. */
async function onTags(
  admin: Principal,
  who: Principal,
  {
    project,
    values: tagged,
    negation = false,
    roles,
  }: { project: string; values: string[]; negation?: boolean; roles: string[] },
) {
  const filters = [{ key: 'env', negation, operator: 'eq', values: tagged }]
  const metadata = { name: `${tagged} ${negation} ${who.user} ${project}` }
  const { uid } = await api.must(admin, 'POST /v1/filters/tag', {
    body: { metadata, spec: { filterGroup: { filters } } },
  })
  const body = { projectUids: [project], filterRefs: [uid], roles }
  await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', { ...at(who.user), body })
}
const storedText = async (): Promise<string> =>
  withClient(database.superuser, async (client) => {
    const { rows } = await client.query('select * from cluster_profiles')
    return JSON.stringify(rows) + rows.map(({ content }) => content.toString('latin1')).join('')
  })

describe('a cluster profile', () => {
  test('is made as a draft, published, read as it was sent, changed, published again and deleted', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newProfile(admin, 'shop', { project, labels: { env: 'prod' } })
    const draft = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual([draft.status.isPublished, draft.status.hasUserMacros], [false, true])
    assert.deepEqual(draft.spec.published.packs, [], 'clients look into it without asking')
    const [pack] = draft.spec.draft.packs
    assert.deepEqual(
      { ...pack, manifests: namesOf(pack.manifests.map((metadata: object) => ({ metadata }))) },
      {
        ...{ name: 'web', tag: '1.0.0', version: '1.0.0', type: 'manifest', layer: 'addon', values },
        ...{ packUid: 'spectro-manifest-pack', registryUid: '', manifests: ['app'] },
      },
    )
    await api.must(admin, `PATCH ${path}/{uid}/publish`, at(uid, { project }))
    const published = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual([published.spec.draft, published.spec.published], [undefined, draft.spec.draft])
    assert.equal(published.status.isPublished, true)
    assert.deepEqual(published.metadata.annotations, {
      ...{ scope: 'project', projectUid: project, tenantUid: tenant, description: 'a shop' },
      permissions:
        'clusterProfile.delete,clusterProfile.get,clusterProfile.list,clusterProfile.update,clusterProfile.publish,tag.update',
    })
    assert.deepEqual(published.spec.versions, [{ uid, version: '1.0.0' }])

    // As the provider updates: the uid of the manifest comes along, labels do not.
    const [{ uid: manifestUid }] = pack.manifests
    const packs = [{ ...webPack, values: 'b: 2', manifests: [{ name: 'app', uid: manifestUid, content: 'kind: Pod' }] }]
    await api.must(admin, `PUT ${path}/{uid}`, {
      ...at(uid, { project }),
      body: { metadata: { name: 'shop 2', uid }, spec: { template: { type: 'add-on', packs }, version: '1.1.0' } },
    })
    const changed = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual(changed.metadata.labels, { env: 'prod' })
    assert.equal(changed.spec.published.packs[0].values, values, 'what is published stays until it is published again')
    assert.equal(changed.spec.draft.packs[0].values, 'b: 2')
    const { items } = await api.must(admin, `GET ${path}/{uid}/packs/{packName}/manifests`, {
      params: { uid, packName: 'web' },
    })
    assert.deepEqual(
      items.map(({ metadata, spec }: { metadata: { uid: string }; spec: Record<string, { content: string }> }) => [
        ...[metadata.uid, spec.draft?.content, spec.published?.content],
      ]),
      [[manifestUid, 'kind: Pod', manifest]],
    )
    await api.must(admin, `PATCH ${path}/{uid}/publish`, at(uid))
    const again = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual([again.spec.published.packs[0].values, again.spec.published.profileVersion], ['b: 2', '1.1.0'])
    await api.must(admin, `PATCH ${path}/{uid}/publish`, at(uid))
    await api.must(admin, `DELETE ${path}/{uid}`, at(uid))
    assert.equal((await api.call(admin, `GET ${path}/{uid}`, at(uid))).status, 404)
    const entries = api.entries.filter(({ resource }) => resource.uid === uid)
    assert.deepEqual(
      entries.map(({ event }) => event.replace('clusterprofile.', '')),
      ['created', 'published', 'updated', 'published', 'published', 'deleted'],
    )
    assert.doesNotMatch(JSON.stringify(entries.map(({ details }) => details)), /hidden-in/)
  })

  test('what it holds is sealed: no value, manifest or variable stands in the database', async () => {
    const { admin } = await api.tenant()
    const { body } = profileBody('sealed')
    const spec = { ...body.spec, variables: [sensitive] }
    const { uid } = await api.must(admin, `POST ${path}`, { body: { ...body, spec }, query: { publish: 'true' } })
    assert.doesNotMatch(await storedText(), /hidden-in/)
    const { variables } = await api.must(admin, `GET ${path}/{uid}/variables`, at(uid))
    assert.deepEqual([variables[0].name, variables[0].defaultValue], ['token', '********'])
    const read = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.ok(!JSON.stringify(read).includes('hidden-in-a-variable'))
    assert.equal(read.status.isPublished, true)
  })

  test('a manifest is added to a pack of the draft, within bounds', async () => {
    const { admin } = await api.tenant()
    const uid = await newProfile(admin, 'shop')
    await api.must(admin, `PATCH ${path}/{uid}/publish`, at(uid))
    const into = (packName: string, body: object) =>
      api.call(admin, `POST ${path}/{uid}/packs/{packName}/manifests`, { params: { uid, packName }, body })
    const added = await into('web', { name: 'more', content: 'kind: Job' })
    assert.equal(added.status, 201)
    const { spec } = await api.must(admin, `GET ${path}/{uid}`, at(uid))
    assert.deepEqual(
      spec.draft.packs[0].manifests.map(({ name }: { name: string }) => name),
      ['app', 'more'],
    )
    assert.equal(spec.draft.packs[0].manifests[1].uid, added.body.uid)
    assert.equal(spec.published.packs[0].manifests.length, 1)
    assert.equal((await into('web', { name: 'more' })).status, 400)
    assert.equal((await into('nothing', { name: 'x' })).status, 404)
    const large = 'x'.repeat(600_000)
    assert.equal((await into('web', { name: 'large', content: large })).status, 201)
    const tooMuch = await into('web', { name: 'larger', content: large })
    assert.deepEqual([tooMuch.status, tooMuch.refusal?.code], [400, 'invalid'])
  })

  test('packs are found by their names, and what cannot be kept is refused', async () => {
    const { admin } = await api.tenant()
    const refused = async (packs: readonly object[]) =>
      (await api.call(admin, `POST ${path}`, profileBody('x', { packs }))).refusal?.detail ?? ''
    assert.match(await refused([{ name: 'a' }, { name: 'a' }]), /"a" stands twice/)
    assert.match(await refused([{ name: 'a', manifests: [{ name: 'm' }, { name: 'm' }] }]), /"m" of a stands twice/)
    assert.match(await refused(Array.from({ length: 101 }, (_, i) => ({ name: `p${i}` }))), /more than 100/)
    for (const packs of [[{ name: 'a/b' }], [{ name: '' }], [{ name: 'a', layer: 'roof' }], [{ name: 'a', type: 'x' }]])
      assert.equal((await api.call(admin, `POST ${path}`, profileBody('x', { packs }))).status, 400)
    const uid = await newProfile(admin, 'nothing in it', { packs: null })
    assert.deepEqual((await api.must(admin, `GET ${path}/{uid}`, at(uid))).spec.draft.packs, [])
    const type = await api.call(admin, `PUT ${path}/{uid}`, {
      ...at(uid),
      body: { spec: { template: { type: 'infra' } } },
    })
    assert.equal(type.status, 400)
    for (const version of ['1', 'latest', '1.0', '1.0.0.0'])
      assert.equal((await api.call(admin, `POST ${path}`, profileBody('x', { version }))).status, 400, version)
  })

  test('several versions of one name, each once in a scope, in any spelling', async () => {
    const { admin, project } = await api.tenant()
    const first = await newProfile(admin, 'Shop')
    const second = await newProfile(admin, 'shop', { version: '1.10.0' })
    const third = await newProfile(admin, 'SHOP', { version: '1.9.0' })
    await newProfile(admin, 'shop', { project })
    const taken = await api.call(admin, `POST ${path}`, profileBody('sHOP'))
    assert.deepEqual([taken.status, taken.refusal?.code], [409, 'cluster_profile_name_taken'])
    const { spec } = await api.must(admin, `GET ${path}/{uid}`, at(second))
    assert.deepEqual(spec.versions, [
      { uid: first, version: '1.0.0' },
      { uid: third, version: '1.9.0' },
      { uid: second, version: '1.10.0' },
    ])
    const rename = (version: string) =>
      api.call(admin, `PATCH ${path}/{uid}/metadata`, { ...at(first), body: { metadata: {}, spec: { version } } })
    assert.equal((await rename('1.9.0')).status, 409)
    assert.equal((await rename('')).status, 204)
    const validate = async (call: Call) => (await api.call(admin, `GET ${path}/validate/name`, call)).status
    assert.equal(await validate({ query: { name: 'sHop' } }), 409)
    assert.equal(await validate({ query: { name: 'sHop', version: '2.0.0' } }), 204)
    assert.equal(await validate({ query: { name: 'shop', version: '1.9.0' }, project }), 204)
  })

  test('variables are replaced, patched and removed by name; a sensitive default stays with its variable', async () => {
    const { admin } = await api.tenant()
    const uid = await newProfile(admin, 'shop')
    const call = async (method: string, body: object) =>
      (await api.call(admin, `${method} ${path}/{uid}/variables`, { ...at(uid), body })).status
    const read = async () => (await api.must(admin, `GET ${path}/{uid}/variables`, at(uid))).variables
    const shown = async () =>
      (await read()).map(({ name, defaultValue }: Record<string, string>) => `${name}=${defaultValue}`)
    const port = { name: 'port', format: 'number', defaultValue: '80', options: null }
    assert.equal(await call('PUT', { variables: [port, sensitive] }), 204)
    assert.deepEqual(await shown(), ['port=80', 'token=********'])
    assert.equal(await call('PATCH', { variables: [{ ...port, defaultValue: '81' }, { name: 'new' }] }), 204)
    assert.deepEqual(await shown(), ['port=81', 'token=********', 'new='])
    assert.equal(await call('PATCH', { variables: [{ ...port, defaultValue: 'x' }] }), 400)
    // All that is read may be written back.
    assert.equal(await call('PUT', { variables: await read() }), 204)
    assert.deepEqual(await shown(), ['port=81', 'token=********', 'new='])
    assert.equal(await call('PUT', { variables: [{ ...sensitive, defaultValue: '********', regex: '^h' }] }), 400)
    assert.equal(await call('PATCH', { variables: [{ name: 'token', defaultValue: '********' }] }), 400)
    assert.equal(await call('DELETE', { variables: ['new', 'unknown'] }), 204)
    assert.equal(await call('PUT', { variables: null }), 204)
    assert.deepEqual(await shown(), [])
  })

  test('a clone is a draft of what is there, where the caller may make one', async () => {
    const { admin, project } = await api.tenant()
    const elsewhere = await newProject(admin, 'Elsewhere')
    const { body } = profileBody('shop', { labels: { env: 'prod' } })
    const source = (
      await api.must(admin, `POST ${path}`, {
        ...{ project, query: { publish: 'true' } },
        body: { ...body, spec: { ...body.spec, variables: [sensitive] } },
      })
    ).uid
    const clone = (who: Principal, metadata: object, rest: object = {}) =>
      api.call(who, `POST ${path}/{uid}/clone`, { ...at(source, rest), body: { metadata } })
    for (const [metadata, rest, scope, projectUid] of [
      [{ name: 'shop', version: '2.0.0' }, {}, 'project', project],
      [{ name: 'shop', target: { scope: 'tenant' } }, { project }, 'tenant', undefined],
      [{ name: 'shop', target: { scope: 'project', projectUid: elsewhere } }, {}, 'project', elsewhere],
      [{ name: 'other', target: { scope: 'project' } }, { project }, 'project', project],
    ] as const) {
      const made = await clone(admin, metadata, rest)
      assert.equal(made.status, 201, JSON.stringify([metadata, made.refusal]))
      const found = await api.must(admin, `GET ${path}/{uid}`, at(made.body.uid))
      assert.deepEqual(
        [found.metadata.annotations.scope, found.metadata.annotations.projectUid, found.metadata.labels],
        [scope, projectUid, { env: 'prod' }],
      )
      assert.deepEqual([found.status.isPublished, found.spec.draft.packs[0].values], [false, values])
      const { variables } = await api.must(admin, `GET ${path}/{uid}/variables`, at(made.body.uid))
      assert.equal(variables[0].defaultValue, '********')
    }
    const validate = async (body: object, rest: object = {}) =>
      (await api.call(admin, `POST ${path}/{uid}/clone/validate`, { ...at(source, rest), body })).status
    assert.equal(await validate({ name: 'shop', version: '2.0.0' }), 409)
    assert.equal(await validate({ name: 'shop', version: '3.0.0' }), 204)
    assert.equal(await validate({ name: 'x', target: { scope: 'project' } }), 400)
    assert.equal(await validate({ name: 'x', target: { scope: 'project', projectUid: source } }), 404)
    const person = await inProject(admin, project, predefinedRole('Cluster Profile Admin').uid)
    assert.equal((await clone(person, { name: 'mine' }, { project })).status, 201)
    for (const target of [{ scope: 'tenant' }, { scope: 'project', projectUid: elsewhere }])
      assert.equal((await clone(person, { name: 'mine', target }, { project })).status, 403, JSON.stringify(target))
  })

  test('the tenant’s are read and not changed in projects; publishing and labels have rights of their own', async () => {
    const { admin, project } = await api.tenant()
    const shared = await newProfile(admin, 'shared')
    const own = await newProfile(admin, 'own', { project })
    const person = await inProject(admin, project, predefinedRole('Cluster Profile Admin').uid)
    await api.must(person, `GET ${path}/{uid}`, at(shared, { project }))
    const { items } = await api.must(person, 'GET /v1/dashboard/clusterprofiles/metadata', { project })
    assert.deepEqual(namesOf(items), ['own', 'shared'])
    for (const route of [`PUT ${path}/{uid}`, `PATCH ${path}/{uid}/metadata`, `PUT ${path}/{uid}/variables`]) {
      const body = route.endsWith('variables') ? { variables: [] } : { metadata: { name: 'x' } }
      assert.equal((await api.call(person, route, { ...at(shared, { project }), body })).status, 403, route)
    }
    for (const route of [`PATCH ${path}/{uid}/publish`, `DELETE ${path}/{uid}`])
      assert.equal((await api.call(person, route, at(shared, { project }))).status, 403, route)
    const maker = await inProject(admin, project, await newRole(admin, 'Maker', 'project', 'clusterProfile.create'))
    const make = (query: Record<string, string>) =>
      api.call(maker, `POST ${path}`, { ...profileBody('m'), project, query })
    assert.equal((await make({ publish: 'true' })).status, 403)
    assert.equal((await make({})).status, 201)
    const changer = await inProject(
      ...([admin, project, await newRole(admin, 'Changer', 'project', 'clusterProfile.update')] as const),
    )
    const relabel = { ...at(own, { project }), body: { metadata: { labels: { env: 'prod' } } } }
    assert.equal((await api.call(changer, `PATCH ${path}/{uid}/metadata`, relabel)).status, 403, 'without tag.update')
    assert.equal((await api.call(changer, `PATCH ${path}/{uid}/publish`, at(own, { project }))).status, 403)
    await api.must(person, `PATCH ${path}/{uid}/metadata`, relabel)
  })

  test('the limit of the tenant counts', async () => {
    const { uid: tenant, admin } = await api.tenant()
    const uid = await newProfile(admin, 'one')
    await setLimit(tenant, 1)
    const second = await api.call(admin, `POST ${path}`, profileBody('two'))
    assert.deepEqual([second.status, second.refusal?.code], [403, 'resource_limit'])
    const body = { metadata: { name: 'two' } }
    assert.equal((await api.call(admin, `POST ${path}/{uid}/clone`, { ...at(uid), body })).status, 403)
  })
})

/** As PATCH /v1/tenants/{tenantUid}/resourceLimits leaves it. */
const setLimit = (tenant: string, clusterprofile: number) =>
  withClient(database.superuser, (client) =>
    client.query(
      `insert into settings (tenant_id, kind, value, updated_at) values ($1, 'resource-limits', $2, now())`,
      [tenant, JSON.stringify({ clusterprofile })],
    ),
  )

describe('lists of cluster profiles', () => {
  test('are searched, sorted and cut into pages', async () => {
    const { admin, project } = await api.tenant()
    for (const [name, options] of [
      ['c', { labels: { env: 'prod', shop: 'spectro__tag' } }],
      ['A', { project, labels: { env: 'dev' } }],
      ['b', { version: '2.1.0' }],
      ['b', { version: '2.0.0-rc.1' }],
    ] as const)
      await newProfile(admin, name, options)
    const search = async (filter: object | null, sort: object[] | null = null, query: Record<string, string> = {}) =>
      api.must(admin, 'POST /v1/dashboard/clusterprofiles', { body: { filter, sort }, query })
    const names = async (filter: object | null, sort?: object[]) => namesOf((await search(filter, sort)).items)
    assert.deepEqual(await names({}), ['A', 'b', 'b', 'c'])
    assert.deepEqual(namesOf((await api.must(admin, 'POST /v1/dashboard/clusterprofiles')).items), ['A', 'b', 'b', 'c'])
    assert.deepEqual(await names({}, [{ field: 'profileName', order: 'desc' }]), ['c', 'b', 'b', 'A'])
    for (const [filter, expected] of [
      [{ profileName: { eq: 'a' } }, ['A']],
      [{ profileName: { eq: 'a', ignoreCase: false } }, []],
      [{ tags: { eq: ['env:prod', 'env:x'] } }, ['c']],
      [{ tags: { eq: ['SHOP'] } }, ['c']],
      [{ tags: { eq: ['SHOP'], ignoreCase: false } }, []],
      [{ tags: { ne: ['env:prod'] } }, ['A', 'b', 'b']],
      [{ tags: { beginsWith: ['env:'] } }, ['A', 'c']],
      [{ profileType: ['infra'] }, []],
      [{ profileType: ['add-on', 'infra'], environment: ['ALL'] }, ['A', 'b', 'b', 'c']],
      [{ environment: ['aws'] }, []],
      [{ scope: 'project' }, ['A']],
      [{ scope: 'tenant' }, ['b', 'b', 'c']],
      [{ scope: 'system' }, []],
      [{ version: { eq: '2.1.0' } }, ['b']],
      [{ version: { gt: '1.0.0' } }, ['b', 'b']],
      [{ version: { gt: '2.0.0' } }, ['b']],
      [{ version: { lt: '2' } }, ['A', 'b', 'c']],
      [{ version: { beginsWith: '2.', ne: '2.1.0' } }, ['b']],
      [{ fips: 'full' }, []],
      [{ fips: 'unknown', profileType: null, environment: null, tags: { eq: null } }, ['A', 'b', 'b', 'c']],
    ] as const)
      assert.deepEqual(await names(filter as object), expected, JSON.stringify(filter))
    const first = await search({}, [], { limit: '3' })
    assert.deepEqual([first.items.length, first.listmeta.count], [3, 4])
    const rest = await search({}, [], { limit: '3', continue: first.listmeta.continue })
    assert.deepEqual([namesOf(rest.items), rest.listmeta.continue], [['c'], ''])
    assert.equal((await search({}, [], { limit: '0' })).items.length, 4)
    const [b] = (await search({ version: { eq: '2.1.0' } })).items
    assert.deepEqual(
      b.specSummary.versions.map(({ version }: { version: string }) => version),
      ['2.0.0-rc.1', '2.1.0'],
    )
    const { metadata } = b
    assert.deepEqual(await api.must(admin, 'GET /v1/dashboard/clusterprofiles/{uid}', at(metadata.uid)), b)
    const { items } = await api.must(admin, 'GET /v1/dashboard/clusterprofiles/metadata')
    assert.deepEqual(
      items.map((one: { metadata: { name: string }; spec: object }) => [one.metadata.name, one.spec]),
      [
        ['A', { cloudType: 'all', version: '1.0.0' }],
        ['b', { cloudType: 'all', version: '2.0.0-rc.1' }],
        ['b', { cloudType: 'all', version: '2.1.0' }],
        ['c', { cloudType: 'all', version: '1.0.0' }],
      ],
    )
    for (const body of [{ filter: { profileType: ['x'] } }, { sort: [{ field: 'x' }] }])
      assert.equal((await api.call(admin, 'POST /v1/dashboard/clusterprofiles', { body })).status, 400)
  })

  test('many are deleted at once: each that the caller may, and of the others it says why', async () => {
    const { admin, project } = await api.tenant()
    const { admin: stranger } = await api.tenant()
    const theirs = await newProfile(stranger, 'theirs')
    const shared = await newProfile(admin, 'shared')
    const own = await newProfile(admin, 'own', { project })
    const other = await newProfile(admin, 'other', { project, version: '2.0.0' })
    const person = await inProject(admin, project, predefinedRole('Cluster Profile Admin').uid)
    const remove = (who: Principal, uids: readonly string[]) =>
      api.must(who, `DELETE ${path}/bulk`, { body: { uids }, project })
    const answer = await remove(person, [own, shared, theirs, own, 'x', other])
    assert.deepEqual([answer.deletedCount, answer.isSucceeded], [2, false])
    assert.deepEqual(
      Object.fromEntries(
        answer.failures.map(({ uid, errMsg }: Record<string, string>) => [uid, errMsg?.split(':')[0]]),
      ),
      { [shared]: 'OperationForbidden', [theirs]: 'ResourceNotFound', x: 'ResourceNotFound' },
    )
    assert.equal((await api.call(admin, `GET ${path}/{uid}`, at(own))).status, 404)
    await api.must(stranger, `GET ${path}/{uid}`, at(theirs))
    assert.deepEqual(
      api.entries.filter(({ resource, event }) => resource.uid === other && event === 'clusterprofile.deleted').length,
      1,
    )
    // The tenant's cannot be deleted from within a project, by anybody: it is looked at in the tenant.
    const all = await remove(admin, [shared])
    assert.deepEqual([all.deletedCount, all.isSucceeded, all.failures], [1, true, []])
    const tooMany = { body: { uids: Array.from({ length: 101 }, () => own) } }
    assert.equal((await api.call(person, `DELETE ${path}/bulk`, tooMany)).status, 400)
    assert.equal((await api.must(person, `DELETE ${path}/bulk`, { body: { uids: null } })).deletedCount, 0)
  })
})

describe('access to cluster profiles', () => {
  test('D02 nobody moves a profile out of, or into, what a filter lets them change', async () => {
    const { admin, project } = await api.tenant()
    const dev = await newProfile(admin, 'dev', { project, labels: { env: 'dev' } })
    const prod = await newProfile(admin, 'prod', { project, labels: { env: 'prod' } })
    // May change tags everywhere in the project, and profiles that are not for production.
    const person = await inProject(admin, project, await newRole(admin, 'Tagger', 'project', 'tag.update'))
    const editor = await newRole(
      admin,
      'Editor',
      'resource',
      ...['get', 'list', 'update', 'delete', 'publish'].map((one) => `clusterProfile.${one}`),
    )
    await onTags(admin, person, { project, values: ['prod'], negation: true, roles: [editor] })
    const relabel = (uid: string, route: string, labels: object) =>
      api.call(person, route, { ...at(uid, { project }), body: { metadata: { labels } } })
    for (const route of [`PATCH ${path}/{uid}/metadata`, `PUT ${path}/{uid}`]) {
      const into = await relabel(dev, route, { env: 'prod' })
      assert.deepEqual([into.status, into.refusal?.details?.permission], [403, 'clusterProfile.update'], route)
      const out = await relabel(prod, route, { env: 'dev' })
      assert.equal(out.status, 403, `${route}: it has to be theirs before, too`)
      assert.equal((await relabel(dev, route, { env: 'dev', team: route })).status, 204)
    }
    assert.deepEqual((await api.must(admin, `GET ${path}/{uid}`, at(prod))).metadata.labels, { env: 'prod' })
  })

  test('D02 nobody makes the tenant’s own readable to themselves in a project by its labels', async () => {
    const { admin, project } = await api.tenant()
    const uid = await newProfile(admin, 'shared', { labels: { env: 'dev' } })
    // Changes profiles and tags in the tenant without reading them, and reads in the project what is for production.
    const person = await api.person(admin)
    const changer = await newRole(admin, 'Changer', 'tenant', 'clusterProfile.update', 'tag.update')
    await api.must(admin, 'PUT /v1/users/{uid}/roles', { ...at(person.user), body: { roles: [changer] } })
    const reader = await newRole(admin, 'Reader', 'resource', 'clusterProfile.get')
    await onTags(admin, person, { project, values: ['prod'], roles: [reader] })
    const relabel = (labels: object) =>
      api.call(person, `PATCH ${path}/{uid}/metadata`, { ...at(uid), body: { metadata: { labels } } })
    assert.equal((await relabel({ env: 'dev', team: 'a' })).status, 204)
    const refused = await relabel({ env: 'prod' })
    assert.deepEqual([refused.status, refused.refusal?.details?.permission], [403, 'clusterProfile.get'])
    assert.equal((await api.call(person, `GET ${path}/{uid}`, at(uid, { project }))).status, 403)
  })

  test('D02 what is relabelled while somebody changes it is decided about as it has become', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const person = await api.person(admin)
    const editor = await newRole(
      admin,
      'Editor',
      'resource',
      ...['get', 'update', 'delete', 'publish'].map((one) => `clusterProfile.${one}`),
    )
    await onTags(admin, person, { project, values: ['dev'], roles: [editor] })
    const acts: Readonly<Record<string, object>> = {
      [`PUT ${path}/{uid}`]: { body: { metadata: { name: 'theirs' } } },
      [`PATCH ${path}/{uid}/metadata`]: { body: { metadata: { name: 'theirs' } } },
      [`PUT ${path}/{uid}/variables`]: { body: { variables: [{ name: 'a' }] } },
      [`PATCH ${path}/{uid}/publish`]: {},
      [`DELETE ${path}/{uid}`]: {},
    }
    for (const [route, call] of Object.entries(acts)) {
      const uid = await newProfile(admin, `dev ${route}`, { project, labels: { env: 'dev' } })
      let asked: ReturnType<Phases['call']> | undefined
      await api.inTenant(tenant, async (tx) => {
        await tx.query(
          `update cluster_profiles set labels = '{"env":"prod"}' where tenant_id = $1 and profile_id = $2`,
          [...[tenant, uid]],
        )
        asked = api.call(person, route, { ...at(uid, { project }), ...call })
        // It has begun, and waits for what is held here.
        await withClient(database.superuser, (client) =>
          until('the call to wait', async () => {
            const { rows } = await client.query(`select from pg_stat_activity where wait_event_type = 'Lock'`)
            return rows.length > 0 || undefined
          }),
        )
      })
      const answer = await asked
      assert.deepEqual([answer?.status, answer?.refusal?.code], [403, 'forbidden'], route)
      assert.equal((await api.must(admin, `GET ${path}/{uid}`, at(uid))).metadata.name, `dev ${route}`)
    }
  })

  test('D11 every way to a profile asks what the main one asks', async () => {
    const { admin, project } = await api.tenant()
    const elsewhere = await newProject(admin, 'Elsewhere')
    const hidden = await newProfile(admin, 'hidden', { project, labels: { env: 'prod' } })
    const shown = await newProfile(admin, 'hidden', { project, labels: { env: 'dev' }, version: '2.0.0' })
    const there = await newProfile(admin, 'there', { project: elsewhere, labels: { env: 'dev' } })
    const everything = ['get', 'list', 'update', 'delete', 'publish'].map((one) => `clusterProfile.${one}`)
    const person = await api.person(admin)
    await onTags(admin, person, {
      ...{ project, values: ['dev'], roles: [await newRole(admin, 'All on dev', 'resource', ...everything)] },
    })
    const paths = api.endpoints
      .map(({ route }) => route as string)
      .filter((route) => /clusterprofiles\/\{uid\}/.test(route))
    assert.ok(paths.length >= 14, paths.join(', '))
    const bodies: Readonly<Record<string, object>> = {
      [`PUT ${path}/{uid}`]: { metadata: { name: 'x' } },
      [`PATCH ${path}/{uid}/metadata`]: { metadata: { name: 'x' } },
      [`POST ${path}/{uid}/clone`]: { metadata: { name: 'x' } },
      [`POST ${path}/{uid}/clone/validate`]: { name: 'x' },
      [`POST ${path}/{uid}/packs/{packName}/manifests`]: { name: 'x' },
      [`PUT ${path}/{uid}/variables`]: { variables: [] },
      [`PATCH ${path}/{uid}/variables`]: { variables: [] },
      [`DELETE ${path}/{uid}/variables`]: { variables: [] },
    }
    for (const route of paths) {
      const ask = async (uid: string, selected: object) => {
        const body = bodies[route]
        const call = { params: { uid, packName: 'web' }, ...selected, ...(body ? { body } : {}) }
        return (await api.call(person, route, call)).status
      }
      assert.equal(await ask(hidden, { project }), 403, route)
      assert.equal(await ask(hidden, {}), 403, route)
      assert.equal(await ask(there, { project }), 404, `${route}: in another project than the selected`)
      assert.equal(await ask(there, {}), 403, route)
    }
    const { spec } = await api.must(person, `GET ${path}/{uid}`, at(shown, { project }))
    assert.deepEqual(spec.versions, [{ uid: shown, version: '2.0.0' }], 'and no answer names another')
    const { specSummary } = await api.must(person, 'GET /v1/dashboard/clusterprofiles/{uid}', at(shown))
    assert.deepEqual(specSummary.versions, [{ uid: shown, version: '2.0.0' }])
    const { failures } = await api.must(person, `DELETE ${path}/bulk`, { body: { uids: [hidden, there] } })
    assert.deepEqual(
      failures.map(({ name }: { name: string }) => name),
      ['', ''],
    )
    assert.equal((await api.call(admin, `GET ${path}/{uid}`, at(hidden))).status, 200, 'nothing was done')
  })

  test('another tenant’s is not there', async () => {
    const { admin } = await api.tenant()
    const { admin: stranger } = await api.tenant()
    const uid = await newProfile(admin, 'shop')
    assert.equal((await api.call(stranger, `GET ${path}/{uid}`, at(uid))).status, 404)
    assert.equal((await api.call(stranger, `DELETE ${path}/{uid}`, at(uid))).status, 404)
    assert.deepEqual((await api.must(stranger, 'GET /v1/dashboard/clusterprofiles/metadata')).items, [])
  })
})
