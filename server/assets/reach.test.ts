import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createAssets } from './index.ts'

// Who reaches which cluster profiles and cloud accounts: what lists show beside what can be read one by one, every way to them,
// and what changes of their labels take.

let postgres: TestPostgres
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  api = await startPhases(await postgres.create(), ({ keys }) => [
    ...accessEndpoints,
    ...createAssets({ sealerOf: keys.of }).endpoints,
  ])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const cloudType = 'nutanix'
const azure = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  ...{ clientId: '22222222-2222-4222-8222-222222222222', clientSecret: 'x' },
}
const keyFile = {
  ...{ type: 'service_account', project_id: 'shop-1', private_key_id: 'abc', client_email: 'a@shop-1.test' },
  private_key: '-----BEGIN PRIVATE KEY-----\naGlkZGVuLWtleQ==\n-----END PRIVATE KEY-----\n',
}
const aws = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'x' }

/** A kind of object that carries labels: how one is made, where it is read, and the lists that show it. */
type Kind = {
  readonly key: 'clusterProfile' | 'cloudaccount'
  readonly path: string
  readonly spec: object
  readonly lists: readonly string[]
}
const kinds: readonly Kind[] = [
  {
    key: 'clusterProfile',
    path: '/v1/clusterprofiles',
    spec: { version: '1.0.0' },
    lists: ['POST /v1/dashboard/clusterprofiles', 'GET /v1/dashboard/clusterprofiles/metadata'],
  },
  ...(
    [
      ['/v1/cloudaccounts/aws', aws],
      ['/v1/cloudaccounts/gcp', { jsonCredentials: JSON.stringify(keyFile) }],
      ['/v1/cloudaccounts/azure', azure],
      ['/v1/cloudaccounts/cloudTypes/{cloudType}', { credentials: { a: 'b' } }],
    ] as const
  ).map(([path, spec]) => ({
    ...{ key: 'cloudaccount' as const, path, spec },
    lists: [`GET ${path}`, 'GET /v1/cloudaccounts/summary'],
  })),
]

const paramsOf = (uid = '') => ({ params: { uid, cloudType } })
const make = async (admin: Principal, kind: Kind, name: string, rest: { labels?: object; project?: string } = {}) => {
  const { labels = {}, project } = rest
  const body = { metadata: { name, labels }, spec: kind.spec }
  const call = { ...paramsOf(), body, ...(project ? { project } : {}) }
  return (await api.must(admin, `POST ${kind.path}`, call)).uid as string
}
async function tenant() {
  const made = await api.tenant()
  const { uid: elsewhere } = await api.must(made.admin, 'POST /v1/projects', {
    body: { metadata: { name: 'Elsewhere' } },
  })
  await api.must(made.admin, 'POST /v1/clouds/cloudTypes/register', { body: { metadata: { name: cloudType } } })
  return { ...made, projects: [made.project as string, elsewhere as string] as const }
}
const roleOf = async (admin: Principal, scope: string, permissions: readonly string[]): Promise<string> => {
  const body = {
    metadata: { name: `${scope} ${permissions.join(' ')}`.slice(0, 60) },
    spec: { permissions, scope, type: 'user' },
  }
  return (await api.must(admin, 'POST /v1/roles', { body })).uid
}
let filters = 0
async function giveOnTags(
  admin: Principal,
  who: Principal,
  given: { project: string; filterGroup: object; role: string; terms?: object },
) {
  const { project, filterGroup, role, terms } = given
  const body = { metadata: { name: `filter ${++filters}` }, spec: { filterGroup } }
  const { uid } = await api.must(admin, 'POST /v1/filters/tag', { body })
  if (terms === undefined)
    return api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
      ...{ params: { uid: who.user }, body: { projectUids: [project], filterRefs: [uid], roles: [role] } },
    })
  return api.must(admin, 'POST /v1/palisade/access/assignments', {
    body: { user: who.user, roles: [role], projects: [project], filters: [uid], ...terms },
  })
}
/** As time would have it: what ends does so. */
const endAll = ({ tenant, user }: Principal) =>
  api.inTenant(tenant, async (tx) => {
    await api.access.lock(tx)
    await tx.query(
      `update resource_roles set ends_at = now() - interval '1 second'
        where tenant_id = $1 and user_id = $2 and ends_at is not null`,
      [tenant, user],
    )
    await api.access.raise(tx, 'access')
  })
const giveInProject = async (admin: Principal, who: Principal, project: string, role: string) =>
  api.must(admin, 'PUT /v1/users/{uid}/projects', {
    ...{ params: { uid: who.user }, body: { projects: [{ projectUid: project, roles: [role] }] } },
  })
const envIs = (value: string, negation = false) => ({
  filters: [{ key: 'env', negation, operator: 'eq', values: [value] }],
})

/** The same numbers each time, so that a failure can be looked at again. */
function generator(seed: number) {
  let state = seed
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  const one = <T>(of: readonly T[]): T => of[next(of.length)] as T
  return { next, one }
}

test('A18 a list shows, and counts, what can be read one by one, whatever roles, filters, ends and conditions there are', async () => {
  const { admin, projects } = await tenant()
  const { next, one } = generator(20_262)
  const labelsOf = () =>
    Object.fromEntries(['env', 'team'].flatMap((key) => (next(3) === 0 ? [] : [[key, one(['a', 'b', ''])]])))
  const objects: { kind: Kind; uid: string }[] = []
  for (const [i, kind] of [...kinds, ...kinds].entries())
    for (const place of [{}, { project: projects[0] }, { project: projects[1] }])
      objects.push({
        kind,
        uid: await make(admin, kind, `one ${i} ${place.project}`, { ...place, labels: labelsOf() }),
      })
  const both = (key: Kind['key']) => [`${key}.get`, `${key}.list`]
  const roles = new Map<string, string>()
  for (const scope of ['project', 'resource'])
    for (const key of ['clusterProfile', 'cloudaccount'] as const)
      roles.set(`${scope} ${key}`, await roleOf(admin, scope, both(key)))
  let shown = 0
  let hidden = 0
  const office = { networks: ['192.0.2.0/24'] }
  const termsOf = () =>
    one([
      undefined,
      { endsAt: null, conditions: office },
      { endsAt: new Date(Date.now() + 3_600_000).toISOString(), conditions: one([null, office]) },
    ])
  for (let world = 0; world < 6; world++) {
    const origin = { address: world % 2 === 0 ? '192.0.2.7' : '198.51.100.7' }
    const person = { ...(await api.person(admin)), origin }
    for (let given = 0; given < 1 + next(3); given++) {
      const expression = () => ({
        ...{ key: one(['env', 'team', 'other']), negation: next(3) === 0, operator: 'eq' },
        values: [one(['a', 'b', '']), ...(next(2) === 0 ? ['x'] : [])],
      })
      const filterGroup = {
        conjunction: one(['and', 'or']),
        filters: [expression(), ...(next(2) === 0 ? [expression()] : [])],
      }
      const role = roles.get(`resource ${one(['clusterProfile', 'cloudaccount'])}`) ?? ''
      const terms = termsOf()
      await giveOnTags(admin, person, { project: one(projects), filterGroup, role, ...(terms ? { terms } : {}) })
    }
    if (world > 3) await endAll(person)
    if (next(3) === 0)
      await giveInProject(
        admin,
        person,
        one(projects),
        roles.get(`project ${one(['clusterProfile', 'cloudaccount'])}`) ?? '',
      )
    for (const selected of [{}, ...projects.map((project) => ({ project }))]) {
      const readable = new Map<Kind, string[]>()
      for (const { kind, uid } of objects) {
        const { status } = await api.call(person, `GET ${kind.path}/{uid}`, { ...paramsOf(uid), ...selected })
        if (status === 200) readable.set(kind, [...(readable.get(kind) ?? []), uid])
      }
      for (const kind of kinds)
        for (const route of kind.lists) {
          const answer = await api.call(person, route, {
            ...paramsOf(),
            query: route.startsWith('GET /v1/dash') ? {} : { limit: '0' },
            ...selected,
          })
          const listed: string[] = (answer.body?.items ?? []).map(
            (item: { metadata: { uid: string } }) => item.metadata.uid,
          )
          const wanted = route.endsWith('/summary')
            ? [...readable].filter(([{ key }]) => key === 'cloudaccount').flatMap(([, uids]) => uids)
            : (readable.get(kind) ?? [])
          assert.deepEqual(
            listed.toSorted(),
            wanted.toSorted(),
            `world ${world}, ${route}, ${JSON.stringify(selected)}`,
          )
          if (answer.body?.listmeta) assert.equal(answer.body.listmeta.count, wanted.length)
          shown += listed.length
          hidden += objects.length - listed.length
        }
    }
  }
  assert.ok(shown > 100 && hidden > 100, `the worlds tell something: ${shown} shown, ${hidden} not`)
})

describe('cloud accounts', () => {
  for (const kind of kinds.filter(({ key }) => key === 'cloudaccount'))
    test(`D02 nobody moves one out of, or into, what a filter lets them change: ${kind.path}`, async () => {
      const { admin, project } = await tenant()
      const dev = await make(admin, kind, 'dev', { project, labels: { env: 'dev' } })
      const person = await api.person(admin)
      // No predefined or custom resource role may change accounts: only the whole project's may, and with tags.
      const role = await roleOf(admin, 'project', ['cloudaccount.update', 'cloudaccount.get'])
      await giveInProject(admin, person, project, role)
      const relabel = (who: Principal, labels: object) =>
        api.call(who, `PUT ${kind.path}/{uid}`, {
          ...paramsOf(dev),
          project,
          body: { metadata: { name: 'dev', labels }, spec: kind.spec },
        })
      const refused = await relabel(person, { env: 'prod' })
      assert.deepEqual([refused.status, refused.refusal?.details?.permission], [403, 'tag.update'])
      assert.equal((await relabel(person, { env: 'dev' })).status, 204, 'the same labels change nothing')
      assert.equal((await relabel(admin, { env: 'prod' })).status, 204)
    })

  test('D11 every way to an account asks what the main one asks', async () => {
    const { admin, project, projects } = await tenant()
    const person = await api.person(admin)
    const role = await roleOf(admin, 'resource', ['cloudaccount.get', 'cloudaccount.list'])
    await giveOnTags(admin, person, { project, filterGroup: envIs('dev'), role })
    const routes = api.endpoints
      .map(({ route }) => route as string)
      .filter((one) => /cloudaccounts\/.*\{uid\}/.test(one))
    assert.equal(routes.length, 12, routes.join(', '))
    for (const kind of kinds.filter(({ key }) => key === 'cloudaccount')) {
      const hidden = await make(admin, kind, 'hidden', { project, labels: { env: 'prod' } })
      const shown = await make(admin, kind, 'shown', { project, labels: { env: 'dev' } })
      const there = await make(admin, kind, 'there', { project: projects[1], labels: { env: 'dev' } })
      const shared = await make(admin, kind, 'shared', { labels: { env: 'dev' } })
      const body = { metadata: { name: 'mine', labels: { env: 'dev' } }, spec: kind.spec }
      for (const route of routes.filter((one) => one.includes(`${kind.path}/`))) {
        const method = route.split(' ')[0] ?? ''
        const ask = async (uid: string, selected: object) =>
          (await api.call(person, route, { ...paramsOf(uid), ...selected, ...(method === 'PUT' ? { body } : {}) }))
            .status
        assert.equal(await ask(hidden, { project }), 403, `${route} of what the filter does not select`)
        assert.equal(await ask(hidden, {}), 403, route)
        assert.equal(await ask(there, { project }), 404, `${route} of another project`)
        assert.equal(await ask(there, {}), 403, route)
        assert.equal(await ask(shared, {}), 403, `${route} of the tenant's, in the tenant`)
        // What was given is to read, and the tenant's are read in a project.
        for (const uid of [shown, shared])
          assert.equal(await ask(uid, { project }), method === 'GET' ? 200 : 403, route)
      }
      const made = await api.call(person, `POST ${kind.path}`, { ...paramsOf(), project, body })
      assert.equal(made.status, 403, 'a right through filters makes nothing')
      for (const uid of [hidden, shown, there, shared]) await api.must(admin, `GET ${kind.path}/{uid}`, paramsOf(uid))
    }
  })
})
