import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ClusterUid, type ProjectUid, type TenantUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestDatabase, type TestPostgres, withClient } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { until } from '../../tests/support/until.ts'
import { accessEndpoints, explainEndpoints } from '../access/index.ts'
import type { FindCluster } from '../cluster-config/index.ts'
import type { Principal } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { createWorkspaces } from './index.ts'
import { mayKeep } from './kept-elsewhere.ts'

const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid

let postgres: TestPostgres
let database: TestDatabase
let api: Phases

/** Clusters are rows here: nobody asks them anything. */
const findCluster: FindCluster = async ({ tx, params }) => {
  const [row] = await tx.query<{ cluster_id: string; project_id: string }>(
    'select cluster_id, project_id from clusters where tenant_id = $1 and cluster_id = $2',
    [tx.tenant, params.uid],
  )
  const scope = { kind: 'project', projectUid: row?.project_id ?? '' } as const
  return row && { kind: 'spectrocluster', uid: row.cluster_id, tags: {}, scope }
}

before(async () => {
  postgres = await startTestPostgres()
  database = await postgres.create()
  api = await startPhases(database, () => [
    ...accessEndpoints,
    ...explainEndpoints({
      names: {
        people: async (tx) => await api.people.names.people(tx),
        teams: async (tx) => await api.people.names.teams(tx),
      },
      findAsset: async () => undefined,
      findCluster,
    }),
    ...createWorkspaces({
      findCluster,
      subjects: {
        user: (tx, text) => api.people.subjects.user(tx, text),
        team: (tx, text) => api.people.subjects.team(tx, text),
      },
      protectedNamespaces: ['kube-system', 'palisade-system'],
      changed: async (_tx, clusters) => void told.push(...clusters),
    }).endpoints,
  ])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

/** Clusters on which something else was said to be wanted. */
const told: string[] = []
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
let made = 0

async function newCluster(tenant: TenantUid, project: ProjectUid): Promise<string> {
  const uid = ClusterUid.parse(newUid())
  await api.inTenant(tenant, (tx) =>
    tx.query(
      `insert into clusters (tenant_id, cluster_id, project_id, name, name_key, state, server_url, ca_pem,
         kubernetes_version, contacted_at, created_at, updated_at)
       values ($1, $2, $3, $4, $4, 'needs-bindings', 'https://k.test', '', 'v1.36.0', now(), now(), now())`,
      [tenant, uid, project, `cluster-${++made}`],
    ),
  )
  return uid
}

const bind = (name: string, more: object = {}) => ({
  ...{ type: 'RoleBinding', namespace: 'shop', role: { kind: 'ClusterRole', name } },
  ...{ subjects: [{ type: 'Group', name: 'shoppers' }], ...more },
})
const rbacOf = (...bindings: object[]) => ({ metadata: null, spec: { bindings } })
const newWorkspace = async (
  who: Principal,
  project: string,
  spec: object = {},
  metadata: object = {},
): Promise<string> =>
  (
    await api.must(who, 'POST /v1/workspaces', {
      project,
      body: { metadata: { name: `workspace-${++made}`, ...metadata }, spec },
    })
  ).uid
async function person(admin: Principal, project: string, ...roles: Parameters<typeof predefinedRole>[0][]) {
  const who = await api.person(admin)
  await api.must(admin, 'PUT /v1/users/{uid}/projects', {
    ...at(who.user),
    body: { projects: [{ projectUid: project, roles: roles.map(role) }] },
  })
  return who
}
const give = (admin: Principal, user: string, workspaces: object[]) =>
  api.call(admin, 'PUT /v1/workspaces/users/{userUid}/roles', { params: { userUid: user }, body: { workspaces } })
const rolesOf = async (admin: Principal, userUid: string) =>
  (await api.must(admin, 'GET /v1/workspaces/users/{userUid}/roles', { params: { userUid } })).projects
const namesFor = async (who: Principal, project?: string) => {
  const { items } = await api.must(who, 'GET /v1/dashboard/workspaces', project ? { project } : {})
  return items.map((one: { metadata: { name: string } }) => one.metadata.name)
}

/**
 * Starts calls while somebody else's transaction has changed a workspace, and ends that one when all of them wait.
 *
 * @param change where `value` is the workspace
 */
async function meanwhile(tenant: TenantUid, uid: string, change: string, calls: () => ReturnType<Phases['call']>[]) {
  let asked: ReturnType<Phases['call']>[] = []
  await api.inTenant(tenant, async (tx) => {
    await tx.query('select from workspaces where tenant_id = $1 and workspace_id = $2 for update', [tenant, uid])
    await tx.query(change, [tenant, uid])
    asked = calls()
    await withClient(database.superuser, (client) =>
      until('the calls to wait', async () => {
        const { rows } = await client.query(`select from pg_stat_activity where wait_event_type = 'Lock'`)
        return rows.length >= asked.length || undefined
      }),
    )
  })
  return Promise.all(asked)
}

describe('workspaces', () => {
  test('one is made, read as it was sent, changed part by part and deleted, and the log knows', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const cluster = await newCluster(tenant, project)
    const allotted = { defaultResourceAllocation: { cpuCores: 2, memoryMiB: 512 }, clusterResourceAllocations: null }
    const uid = await newWorkspace(
      admin,
      project,
      {
        clusterRefs: [{ clusterUid: cluster, clusterName: 'as the client says' }],
        clusterNamespaces: [{ name: 'shop', isRegex: false, namespaceResourceAllocation: allotted, image: null }],
        clusterRbacs: [rbacOf(bind('edit'))],
        quota: { resourceAllocation: { cpuCores: 8, memoryMiB: 0 } },
        policies: null,
      },
      { name: 'shop', labels: { env: 'prod' } },
    )
    const found = await api.must(admin, 'GET /v1/workspaces/{uid}', at(uid, { project }))
    assert.deepEqual(found.metadata.labels, { env: 'prod' })
    assert.deepEqual(
      found.spec.clusterRefs.map((one: { clusterUid: string }) => one.clusterUid),
      [cluster],
    )
    assert.deepEqual(found.spec.clusterNamespaces, [
      {
        ...{ name: 'shop', isRegex: false },
        namespaceResourceAllocation: {
          clusterResourceAllocations: [],
          defaultResourceAllocation: { cpuCores: 2, memoryMiB: 512 },
        },
      },
    ])
    assert.deepEqual(found.spec.quota, { resourceAllocation: { cpuCores: 8, memoryMiB: 0 } })
    const [rbac] = found.spec.clusterRbacs
    assert.match(rbac.metadata.uid, /^[0-9a-f]{24}$/)
    assert.deepEqual(rbac.spec.bindings, [
      { ...bind('edit'), subjects: [{ type: 'Group', name: 'shoppers', namespace: '' }] },
    ])

    await api.must(admin, 'PUT /v1/workspaces/{uid}/meta', at(uid, { body: { name: 'shop 2', labels: null } }))
    await api.must(
      admin,
      'PUT /v1/workspaces/{uid}/clusterNamespaces',
      at(uid, { body: { clusterNamespaces: [{ name: 'till' }], clusterRefs: null, quota: null } }),
    )
    const inside = { params: { uid, clusterRbacUid: rbac.metadata.uid } }
    await api.must(admin, 'PUT /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}', {
      ...inside,
      body: rbacOf(bind('view')),
    })
    const { uid: second } = await api.must(
      admin,
      'POST /v1/workspaces/{uid}/clusterRbacs',
      at(uid, { body: rbacOf({ ...bind('view'), type: 'ClusterRoleBinding', namespace: '' }) }),
    )
    const changed = await api.must(admin, 'GET /v1/workspaces/{uid}', at(uid))
    assert.deepEqual([changed.metadata.name, changed.metadata.labels], ['shop 2', { env: 'prod' }])
    assert.deepEqual(changed.spec.clusterRefs.length, 1, 'what is not sent stays')
    assert.deepEqual(changed.spec.quota.resourceAllocation.cpuCores, 8)
    assert.deepEqual(
      changed.spec.clusterRbacs.map((one: { metadata: { uid: string } }) => one.metadata.uid),
      [rbac.metadata.uid, second],
    )
    await api.must(admin, 'DELETE /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}', inside)
    assert.equal(
      (await api.call(admin, 'DELETE /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}', inside)).status,
      404,
    )
    assert.equal(told.filter((one) => one === cluster).length, 6, 'each change of what is wanted there is told')
    await api.must(admin, 'DELETE /v1/workspaces/{uid}', at(uid))
    assert.equal((await api.call(admin, 'GET /v1/workspaces/{uid}', at(uid))).status, 404)
    assert.equal(told.filter((one) => one === cluster).length, 7)
    const events = api.entries.filter(({ resource }) => resource.uid === uid)
    assert.deepEqual(
      events.map(({ event, project: where }) => [event, where]),
      [
        ...['created', 'updated', 'updated', 'rbac.updated', 'rbac.created', 'rbac.deleted', 'deleted'].map((what) => [
          `workspace.${what}`,
          project,
        ]),
      ],
    )
  })

  test('a name is a workspace’s in its project, in any spelling; another project may have it too', async () => {
    const { admin, project } = await api.tenant()
    await newWorkspace(admin, project, {}, { name: 'Shop' })
    const again = await api.call(admin, 'POST /v1/workspaces', { project, body: { metadata: { name: 'sHOP' } } })
    assert.equal(again.refusal?.code, 'workspace_name_taken')
    const validate = (name: string) => api.call(admin, 'GET /v1/workspaces/validate/name', { project, query: { name } })
    assert.equal((await validate('SHOP')).refusal?.code, 'workspace_name_taken')
    assert.equal((await validate('other')).status, 204)
    const { uid: elsewhere } = await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'Else' } } })
    await newWorkspace(admin, elsewhere, {}, { name: 'Shop' })
    assert.deepEqual([await namesFor(admin, project), await namesFor(admin)], [['Shop'], ['Shop', 'Shop']])
    const nowhere = await api.call(admin, 'POST /v1/workspaces', { body: { metadata: { name: 'x' } } })
    assert.equal(nowhere.refusal?.code, 'project_required')
  })

  test('clusters of another project or tenant are none, nor such as the author does not see', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const { uid: elsewhere } = await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'Else' } } })
    const other = await api.tenant()
    const foreign = [await newCluster(tenant, elsewhere), await newCluster(other.uid, other.project), newUid()]
    for (const clusterUid of foreign) {
      const spec = { clusterRefs: [{ clusterUid }] }
      const reply = await api.call(admin, 'POST /v1/workspaces', { project, body: { metadata: { name: 'x' }, spec } })
      assert.equal(reply.refusal?.code, 'not_found')
    }
    const mine = await newCluster(tenant, project)
    const uid = await newWorkspace(admin, project, { clusterRefs: [{ clusterUid: mine }] })
    const blind = await api.person(admin)
    await api.must(admin, 'POST /v1/roles', {
      body: {
        metadata: { name: 'Blind' },
        spec: { scope: 'project', permissions: ['workspace.update', 'workspace.create'] },
      },
    })
    const { items } = await api.must(admin, 'GET /v1/roles', { query: { limit: '0' } })
    const custom = items.find((one: { metadata: { name: string } }) => one.metadata.name === 'Blind').metadata.uid
    await api.must(admin, 'PUT /v1/users/{uid}/projects', {
      ...at(blind.user),
      body: { projects: [{ projectUid: project, roles: [custom] }] },
    })
    const unseen = await newCluster(tenant, project)
    const put = (...clusters: string[]) =>
      api.call(
        blind,
        'PUT /v1/workspaces/{uid}/clusterNamespaces',
        at(uid, { body: { clusterNamespaces: [], clusterRefs: clusters.map((clusterUid) => ({ clusterUid })) } }),
      )
    assert.equal((await put(mine, unseen)).refusal?.code, 'not_found')
    assert.equal((await put(mine)).status, 204, 'what is there already needs not be seen')
  })

  const bad: readonly (readonly [string, object])[] = [
    ['a pattern', { clusterNamespaces: [{ name: '/^shop-.*/', isRegex: true }] }],
    ['a protected namespace', { clusterNamespaces: [{ name: 'kube-system' }] }],
    ['Palisade’s own namespace', { clusterNamespaces: [{ name: 'palisade-system' }] }],
    ['a namespace that Kubernetes reserves', { clusterNamespaces: [{ name: 'kube-public' }] }],
    ['what is no name of a namespace', { clusterNamespaces: [{ name: 'Shop/../x' }] }],
    ['a namespace twice', { clusterNamespaces: [{ name: 'shop' }, { name: 'shop' }] }],
    ['barred images', { clusterNamespaces: [{ name: 'shop', image: { blackListedImages: ['evil'] } }] }],
    ['a backup policy', { policies: { backupPolicy: { includeAllClusters: true } } }],
    [
      'a reserved group',
      { clusterRbacs: [rbacOf(bind('view', { subjects: [{ type: 'Group', name: 'system:masters' }] }))] },
    ],
    [
      'a reserved group in disguise',
      { clusterRbacs: [rbacOf(bind('view', { subjects: [{ type: 'Group', name: 'ｓystem:masters' }] }))] },
    ],
    [
      'a group of the levels',
      { clusterRbacs: [rbacOf(bind('view', { subjects: [{ type: 'Group', name: 'palisade:level:admin' }] }))] },
    ],
    [
      'somebody of another tenant',
      {
        clusterRbacs: [
          rbacOf(bind('view', { subjects: [{ type: 'User', name: `palisade:${'a'.repeat(24)}:${'b'.repeat(24)}` }] })),
        ],
      },
    ],
    [
      'a role binding in Palisade’s own namespace',
      { clusterRbacs: [rbacOf(bind('view', { namespace: 'palisade-system' }))] },
    ],
    ['a role binding without a namespace', { clusterRbacs: [rbacOf(bind('view', { namespace: '' }))] }],
    ['a role with a path', { clusterRbacs: [rbacOf(bind('../x'))] }],
    ['nobody', { clusterRbacs: [rbacOf(bind('view', { subjects: null }))] }],
    [
      'a cluster-wide binding of a Role',
      {
        clusterRbacs: [
          rbacOf({ ...bind('x'), type: 'ClusterRoleBinding', namespace: '', role: { kind: 'Role', name: 'x' } }),
        ],
      },
    ],
  ]
  for (const [what, spec] of bad)
    test(`none is made with ${what}`, async () => {
      const { admin, project } = await api.tenant()
      const reply = await api.call(admin, 'POST /v1/workspaces', { project, body: { metadata: { name: 'x' }, spec } })
      assert.equal(reply.refusal?.code, 'invalid')
      assert.deepEqual(await namesFor(admin), [])
    })

  test('the namespaces are not allotted more than the quota, nor limits on clusters that are none of it', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const clusterUid = await newCluster(tenant, project)
    const spec = (cpuCores: number, on = clusterUid) => ({
      clusterRefs: [{ clusterUid }],
      clusterNamespaces: [
        {
          name: 'shop',
          namespaceResourceAllocation: {
            clusterResourceAllocations: [{ clusterUid: on, resourceAllocation: { cpuCores, memoryMiB: 0 } }],
          },
        },
      ],
      quota: { resourceAllocation: { cpuCores: 4, memoryMiB: -1 } },
    })
    const post = (of: object) =>
      api.call(admin, 'POST /v1/workspaces', { project, body: { metadata: { name: 'x' }, spec: of } })
    assert.match((await post(spec(5))).refusal?.detail ?? '', /quota of 4000/)
    assert.equal((await post(spec(1, newUid()))).refusal?.code, 'invalid')
    assert.equal((await post(spec(4))).status, 201)
  })

  test('who may read, list, change, create and delete is what roles say', async () => {
    const { admin, project } = await api.tenant()
    const uid = await newWorkspace(admin, project, {}, { name: 'one' })
    const viewer = await person(admin, project, 'Project Viewer')
    const editor = await person(admin, project, 'Workspace Operator')
    const owner = await person(admin, project, 'Workspace Admin')
    const stranger = await api.person(admin)
    const tries = async (who: Principal) => [
      (await api.call(who, 'GET /v1/workspaces/{uid}', at(uid))).status,
      (await api.call(who, 'PUT /v1/workspaces/{uid}/meta', at(uid, { body: {} }))).status,
      (await api.call(who, 'POST /v1/workspaces', { project, body: { metadata: { name: `n${++made}` } } })).status,
    ]
    assert.deepEqual(await tries(viewer), [200, 403, 403])
    assert.deepEqual(await tries(editor), [200, 403, 403])
    assert.deepEqual(await tries(owner), [200, 204, 201])
    assert.deepEqual(await tries(stranger), [403, 403, 403])
    assert.deepEqual(await namesFor(stranger), [])
    assert.equal((await api.call(stranger, 'GET /v1/dashboard/workspaces', { project })).status, 403)
    assert.equal((await api.call(viewer, 'DELETE /v1/workspaces/{uid}', at(uid))).status, 403)
    const { uid: elsewhere } = await api.must(admin, 'POST /v1/projects', { body: { metadata: { name: 'Else' } } })
    const there = await api.call(admin, 'GET /v1/workspaces/{uid}', at(uid, { project: elsewhere }))
    assert.equal(there.status, 404, 'it is not in that project')
    const relabel = await api.call(editor, 'PUT /v1/workspaces/{uid}/meta', at(uid, { body: { labels: { a: 'b' } } }))
    assert.equal(relabel.status, 403)
  })

  test('D09 a namespace that somebody else keeps on a cluster is not taken up, nor limited, by who may change neither', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const [one, two] = [await newCluster(tenant, project), await newCluster(tenant, project)]
    const refs = (...uids: string[]) => uids.map((clusterUid) => ({ clusterUid }))
    const named = (name: string, cpuCores = 0) => ({
      name,
      ...(cpuCores ? { namespaceResourceAllocation: { defaultResourceAllocation: { cpuCores, memoryMiB: 0 } } } : {}),
    })
    const theirs = await newWorkspace(admin, project, { clusterRefs: refs(one), clusterNamespaces: [named('shop', 4)] })
    const mine = await newWorkspace(admin, project, { clusterRefs: refs(one), clusterNamespaces: [named('mine')] })
    await api.inTenant(tenant, (tx) =>
      tx.query(
        `insert into cluster_namespaces (tenant_id, namespace_id, cluster_id, position, name, created_at, updated_at)
         values ($1, $2, $3, 1, 'listed', now(), now())`,
        [tenant, newUid(), one],
      ),
    )
    const mallory = await api.person(admin)
    const onMine = [{ uid: mine, roles: [role('Workspace Admin')] }]
    assert.equal((await give(admin, mallory.user, onMine)).status, 204)
    const put = async (who: Principal, of: string, ...clusterNamespaces: object[]) => {
      const call = at(of, { body: { clusterNamespaces } })
      return (await api.call(who, 'PUT /v1/workspaces/{uid}/clusterNamespaces', call)).refusal?.code ?? 'changed'
    }
    for (const name of ['shop', 'listed'])
      for (const cpuCores of [0, 0.001]) assert.equal(await put(mallory, mine, named(name, cpuCores)), 'namespace_kept')
    assert.deepEqual(api.entries.at(-1)?.outcome, 'refused')
    // Their own they have as they like, and namespaces that nobody keeps.
    assert.equal(await put(mallory, mine, named('mine', 1), named('more', 1)), 'changed')
    // Who may change the cluster shares one. From then on it is sent back as it is, and limited otherwise by none but such.
    assert.equal(await put(admin, mine, named('mine'), named('shop', 2)), 'changed')
    assert.equal(await put(mallory, mine, named('mine', 1), named('shop', 2)), 'changed')
    for (const cpuCores of [0, 0.001])
      assert.equal(await put(mallory, mine, named('mine', 1), named('shop', cpuCores)), 'namespace_kept')
    assert.equal(await put(mallory, mine, named('mine', 1)), 'changed', 'to leave it is no harm')

    // In the whole project: a workspace that is made anew, a cluster that is added, and who may change the other workspace too.
    const wide = await person(admin, project, 'Workspace Admin')
    const post = (who: Principal, clusters: string[], name: string) =>
      api.call(who, 'POST /v1/workspaces', {
        project,
        body: {
          metadata: { name: `workspace-${++made}` },
          spec: { clusterRefs: refs(...clusters), clusterNamespaces: [named(name, 1)] },
        },
      })
    assert.equal((await post(wide, [one], 'listed')).refusal?.code, 'namespace_kept', 'the cluster’s own')
    assert.equal((await post(wide, [one], 'shop')).status, 201, 'they may change that workspace as well')
    const { uid: elsewhere } = (await post(wide, [two], 'listed')).body
    const add = { body: { clusterNamespaces: [named('listed', 1)], clusterRefs: refs(two, one) } }
    const added = await api.call(wide, 'PUT /v1/workspaces/{uid}/clusterNamespaces', at(elsewhere, add))
    assert.equal(added.refusal?.code, 'namespace_kept')
    assert.deepEqual(added.refusal?.details, { namespace: 'listed', cluster: one, permission: 'cluster.update' })
    const editor = await person(admin, project, 'Workspace Admin', 'Cluster Editor')
    assert.equal((await post(editor, [one], 'listed')).status, 201)
    assert.ok(theirs)
  })

  test('D09 of two workspaces that take up one namespace at once, one does', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const cluster = await newCluster(tenant, project)
    const all = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const uid = await newWorkspace(admin, project, { clusterRefs: [{ clusterUid: cluster }] })
        const who = await api.person(admin)
        await give(admin, who.user, [{ uid, roles: [role('Workspace Admin')] }])
        return { uid, who }
      }),
    )
    const body = { clusterNamespaces: [{ name: 'shop' }] }
    const taken = await Promise.all(
      all.map(({ uid, who }) => api.call(who, 'PUT /v1/workspaces/{uid}/clusterNamespaces', at(uid, { body }))),
    )
    assert.deepEqual(taken.map(({ status }) => status).toSorted(), [204, 409, 409, 409])
  })

  test('D09 D02 changes of one workspace at once keep what each other wrote', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const [one, two] = [await newCluster(tenant, project), await newCluster(tenant, project)]
    const uid = await newWorkspace(admin, project, {
      clusterRefs: [{ clusterUid: one }, { clusterUid: two }],
      clusterNamespaces: [{ name: 'before' }],
    })
    const put = (what: 'meta' | 'clusterNamespaces', body: object) =>
      api.call(admin, `PUT /v1/workspaces/{uid}/${what}`, at(uid, { body }))
    const done = await meanwhile(
      ...([tenant, uid] as const),
      `delete from workspace_clusters where tenant_id = $1 and workspace_id = $2 and position = 2`,
      () => [
        put('clusterNamespaces', {
          clusterNamespaces: [{ name: 'after' }],
          quota: { resourceAllocation: { cpuCores: 3 } },
        }),
        put('meta', { name: 'renamed' }),
        put('meta', { labels: { env: 'prod' } }),
      ],
    )
    assert.deepEqual(
      done.map(({ status }) => status),
      [204, 204, 204],
    )
    const { metadata, spec } = await api.must(admin, 'GET /v1/workspaces/{uid}', at(uid))
    assert.deepEqual([metadata.name, metadata.labels], ['renamed', { env: 'prod' }])
    assert.deepEqual(
      spec.clusterNamespaces.map(({ name }: { name: string }) => name),
      ['after'],
    )
    assert.equal(spec.quota.resourceAllocation.cpuCores, 3)
    assert.deepEqual(
      spec.clusterRefs.map(({ clusterUid }: { clusterUid: string }) => clusterUid),
      [one],
      'what was taken away while it waited stays away',
    )
  })

  test('one that is deleted while somebody changes it is not there, and the log has no change of it', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const acts: readonly (readonly [string, object])[] = [
      ['PUT /v1/workspaces/{uid}/meta', { body: { name: 'late' } }],
      ['PUT /v1/workspaces/{uid}/clusterNamespaces', { body: { clusterNamespaces: [{ name: 'late' }] } }],
      ['POST /v1/workspaces/{uid}/clusterRbacs', { body: rbacOf(bind('view')) }],
      ['PUT /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}', { body: rbacOf(bind('edit')) }],
      ['DELETE /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}', {}],
      ['DELETE /v1/workspaces/{uid}', {}],
    ]
    for (const [route, call] of acts) {
      const uid = await newWorkspace(admin, project, { clusterRbacs: [rbacOf(bind('view'))] })
      const { spec } = await api.must(admin, 'GET /v1/workspaces/{uid}', at(uid))
      const params = { uid, clusterRbacUid: spec.clusterRbacs[0].metadata.uid }
      const deletion = 'delete from workspaces where tenant_id = $1 and workspace_id = $2'
      const [answer] = await meanwhile(tenant, uid, deletion, () => [api.call(admin, route, { params, ...call })])
      assert.deepEqual([answer?.status, answer?.refusal?.code], [404, 'not_found'], route)
      const events = api.entries.filter(({ resource }) => resource.uid === uid).map(({ event }) => event)
      assert.ok(!events.includes('workspace.updated') && !events.includes('workspace.deleted'), `${route}: ${events}`)
    }
  })

  test('D09 whether namespaces are kept elsewhere takes as many statements for many as for one', async () => {
    const { uid: tenant, project } = await api.tenant()
    const clusters = [await newCluster(tenant, project), await newCluster(tenant, project)]
    const scope = { kind: 'project', projectUid: project } as const
    const targets = clusters.map((uid) => ({ kind: 'spectrocluster', uid, tags: {}, scope }) as const)
    const statementsFor = (count: number) =>
      api.inTenant(tenant, async (tx) => {
        const ran: string[] = []
        const counted: Tx = {
          ...tx,
          query(text, values) {
            ran.push(text)
            return tx.query(text, values)
          },
        }
        const namespaces = Array.from({ length: count }, (_, i) => ({ name: `n-${i}` }))
        const after = { clusters, namespaces, quota: undefined }
        const kept = await mayKeep({ tx: counted, access: { allows: () => false } }, targets, { after })
        assert.ok(kept.ok)
        return ran.length
      })
    assert.equal(await statementsFor(100), await statementsFor(1))
  })

  test('D01 D09 a role binding needs the level on each cluster that it would give', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const clusterUid = await newCluster(tenant, project)
    const uid = await newWorkspace(admin, project, { clusterRefs: [{ clusterUid }] })
    const lister = await person(admin, project, 'Workspace Admin')
    const editor = await person(admin, project, 'Workspace Admin', 'Cluster Editor')
    const post = async (who: Principal, binding: object) => {
      const body = rbacOf(binding)
      return (await api.call(who, 'POST /v1/workspaces/{uid}/clusterRbacs', at(uid, { body }))).refusal?.code ?? 'made'
    }
    const wide = { ...bind('view'), type: 'ClusterRoleBinding', namespace: '' }
    const own = { ...bind('x'), role: { kind: 'Role', name: 'x' } }
    const inKube = bind('view', { namespace: 'kube-system' })
    const account = bind('edit', { subjects: [{ type: 'ServiceAccount', name: 'x', namespace: 'kube-system' }] })
    for (const one of [bind('view'), bind('edit'), bind('admin'), wide, own, inKube, account])
      assert.equal(await post(lister, one), 'exceeds_own_rights')
    for (const one of [bind('admin'), bind('cluster-admin'), wide, own, inKube, account])
      assert.equal(await post(editor, one), 'exceeds_own_rights')
    for (const one of [bind('view'), bind('edit')]) assert.equal(await post(editor, one), 'made')
    for (const one of [bind('admin'), wide, own, inKube, account]) assert.equal(await post(admin, one), 'made')

    // Whoever may not bind may not have it bound by adding a cluster either, and may send back what is there.
    const second = await newCluster(tenant, project)
    const refs = (...clusters: string[]) => ({
      body: { clusterNamespaces: [], clusterRefs: clusters.map((one) => ({ clusterUid: one })) },
    })
    const add = await api.call(lister, 'PUT /v1/workspaces/{uid}/clusterNamespaces', at(uid, refs(clusterUid, second)))
    assert.equal(add.refusal?.code, 'exceeds_own_rights')
    const { spec } = await api.must(lister, 'GET /v1/workspaces/{uid}', at(uid))
    const [rbac] = spec.clusterRbacs.toReversed()
    const back = { params: { uid, clusterRbacUid: rbac.metadata.uid }, body: rbac }
    assert.equal((await api.call(lister, 'PUT /v1/workspaces/{uid}/clusterRbacs/{clusterRbacUid}', back)).status, 204)
  })
})

describe('roles on workspaces', () => {
  test('what is given on one acts on it, and on nothing around it; a list shows it alone', async () => {
    const { admin, project } = await api.tenant()
    const [one, two] = [
      await newWorkspace(admin, project, {}, { name: 'one' }),
      await newWorkspace(admin, project, {}, { name: 'two' }),
    ]
    const who = await api.person(admin)
    assert.equal((await give(admin, who.user, [{ uid: one, roles: [role('Workspace Admin')] }])).status, 204)
    assert.deepEqual([await namesFor(who), await namesFor(who, project)], [['one'], ['one']])
    const { items } = await api.must(who, 'GET /v1/dashboard/projects/metadata')
    assert.deepEqual(
      items.map(({ metadata }: { metadata: { uid: string } }) => metadata.uid),
      [project],
    )
    assert.equal((await api.call(who, 'GET /v1/workspaces/{uid}', at(one))).status, 200)
    assert.equal((await api.call(who, 'GET /v1/workspaces/{uid}', at(two))).status, 403)
    assert.equal(
      (await api.call(who, 'POST /v1/workspaces', { project, body: { metadata: { name: 'x' } } })).status,
      403,
    )
    const relabel = { body: { name: 'uno', labels: { a: 'b' } } }
    assert.equal((await api.call(who, 'PUT /v1/workspaces/{uid}/meta', at(one, relabel))).status, 204)
    const gone = await api.call(who, 'DELETE /v1/workspaces/{uid}', at(one))
    assert.equal(gone.status, 204)
    assert.deepEqual(await rolesOf(admin, who.user), [])
  })

  test('what is given on one until a time or under conditions counts until then, and for such requests', async () => {
    const { admin, project } = await api.tenant()
    const [mine, other] = [await newWorkspace(admin, project), await newWorkspace(admin, project)]
    const guest = await api.person(admin)
    const given = (workspace: string, terms: object) =>
      api.must(admin, 'POST /v1/palisade/access/assignments', {
        body: { user: guest.user, role: role('Workspace Operator'), workspace, ...terms },
      })
    const { uid } = await given(mine, { endsAt: new Date(Date.now() + 3_600_000).toISOString() })
    await given(other, { endsAt: null, conditions: { networks: ['192.0.2.0/24'] } })
    /** Those that can be read one by one are those that a list shows. */
    const seen = async (who: Principal) => {
      const { items } = await api.must(who, 'GET /v1/dashboard/workspaces')
      const listed = items.map((one: { metadata: { uid: string } }) => one.metadata.uid).toSorted()
      const read: string[] = []
      for (const one of [mine, other])
        if ((await api.call(who, 'GET /v1/workspaces/{uid}', at(one))).status === 200) read.push(one)
      assert.deepEqual(listed, read.toSorted())
      return read
    }
    const inside = { ...guest, origin: { address: '192.0.2.7' } }
    assert.deepEqual(await seen(inside), [mine, other])
    assert.deepEqual(await seen({ ...guest, origin: { address: '198.51.100.7' } }), [mine])
    await api.inTenant(admin.tenant, async (tx) => {
      await api.access.lock(tx)
      await tx.query(
        `update workspace_roles set ends_at = now() - interval '1 second' where tenant_id = $1 and assignment_id = $2`,
        [tx.tenant, uid],
      )
      await api.access.raise(tx, 'access')
    })
    assert.deepEqual(await seen(inside), [other])
    const asked = { body: { permission: 'workspace.get', workspace: mine } }
    const { near } = await api.must(guest, 'POST /v1/palisade/access/explain', asked)
    assert.equal(near.find((one: { assignment: string }) => one.assignment === uid)?.why, 'ended')
    // Its row is in nobody's way: it is given anew, and taken with the workspace.
    await given(mine, { endsAt: null })
    assert.deepEqual(await seen(inside), [mine, other])
    await api.must(admin, 'DELETE /v1/workspaces/{uid}', at(mine))
    assert.equal((await api.must(guest, 'GET /v1/palisade/access/assignments')).items.length, 1)
  })

  test('a PUT changes the workspaces that it names and no others; without roles they vanish', async () => {
    const { admin, project } = await api.tenant()
    const [one, two] = [await newWorkspace(admin, project), await newWorkspace(admin, project)]
    const who = await api.person(admin)
    await give(admin, who.user, [{ uid: one, roles: [role('Workspace Admin'), role('Workspace Operator')] }])
    await give(admin, who.user, [{ uid: two, roles: [role('Workspace Operator')] }])
    const held = async () =>
      (await rolesOf(admin, who.user)).flatMap((in_: { workspaces: { uid: string; roles: { name: string }[] }[] }) =>
        in_.workspaces.map(({ uid, roles }) => [uid, roles.map(({ name }) => name).toSorted()]),
      )
    assert.deepEqual(
      (await held()).toSorted(),
      [
        [one, ['Workspace Admin', 'Workspace Operator']],
        [two, ['Workspace Operator']],
      ].toSorted(),
    )
    await give(admin, who.user, [{ uid: one, roles: [role('Workspace Operator')] }])
    assert.equal((await held()).length, 2)
    await give(admin, who.user, [{ uid: one, roles: [] }])
    assert.deepEqual(await held(), [[two, ['Workspace Operator']]])
    await give(admin, who.user, [{ uid: two, roles: [] }])
    assert.deepEqual(await rolesOf(admin, who.user), [])
  })

  test('a team’s are inherited and told apart', async () => {
    const { admin, project } = await api.tenant()
    const uid = await newWorkspace(admin, project, {}, { name: 'one' })
    const who = await api.person(admin)
    const { uid: teamUid } = await api.must(admin, 'POST /v1/teams', {
      body: { metadata: { name: 'blue' }, spec: { users: [who.user] } },
    })
    await api.must(admin, 'PUT /v1/workspaces/teams/{teamUid}/roles', {
      params: { teamUid },
      body: { workspaces: [{ uid, roles: [role('Workspace Operator')] }] },
    })
    const [found] = await rolesOf(admin, who.user)
    assert.deepEqual(found.workspaces, [
      {
        ...{ uid, name: 'one', roles: [] },
        inheritedRoles: [{ uid: role('Workspace Operator'), name: 'Workspace Operator' }],
      },
    ])
    const { projects } = await api.must(admin, 'GET /v1/workspaces/teams/{teamUid}/roles', { params: { teamUid } })
    assert.equal(projects[0].workspaces[0].roles[0].name, 'Workspace Operator')
    assert.deepEqual(await namesFor(who), ['one'])
  })

  test('D01 nobody gives on a workspace what they do not hold on it, nor roles of another kind', async () => {
    const { admin, project } = await api.tenant()
    const uid = await newWorkspace(admin, project)
    const target = await api.person(admin)
    const giver = await api.person(admin, { roles: [role('Tenant User Admin')] })
    const to = (who: Principal, name: Parameters<typeof predefinedRole>[0], workspace = uid) =>
      give(who, target.user, [{ uid: workspace, roles: [role(name)] }])
    assert.equal((await to(giver, 'Workspace Operator')).refusal?.code, 'exceeds_own_rights')
    await give(admin, giver.user, [{ uid, roles: [role('Workspace Operator')] }])
    assert.equal((await to(giver, 'Workspace Operator')).status, 204)
    assert.equal((await to(giver, 'Workspace Admin')).refusal?.code, 'exceeds_own_rights')
    const second = await newWorkspace(admin, project)
    assert.equal((await to(giver, 'Workspace Operator', second)).refusal?.code, 'exceeds_own_rights')
    assert.equal((await to(admin, 'Tenant Admin')).refusal?.code, 'invalid')
    assert.equal((await to(admin, 'Resource Cluster Viewer')).refusal?.code, 'invalid')
    const other = await api.tenant()
    const foreign = await newWorkspace(other.admin, other.project)
    assert.equal((await to(admin, 'Workspace Operator', foreign)).refusal?.code, 'not_found')
  })

  test('a role that is held on a workspace is in use; explain, who-can and what-can know it', async () => {
    const { admin, project } = await api.tenant()
    const uid = await newWorkspace(admin, project, {}, { name: 'one' })
    const who = await api.person(admin)
    const { uid: custom } = await api.must(admin, 'POST /v1/roles', {
      body: { metadata: { name: 'Reader' }, spec: { scope: 'project', permissions: ['workspace.get'] } },
    })
    await give(admin, who.user, [{ uid, roles: [custom] }])
    const deletion = await api.call(admin, 'DELETE /v1/roles/{uid}', at(custom))
    assert.equal(deletion.refusal?.code, 'role_in_use')
    const explained = await api.must(who, 'POST /v1/palisade/access/explain', {
      body: { permission: 'workspace.get', workspace: uid },
    })
    assert.equal(explained.effect, 'allow')
    assert.deepEqual(explained.because[0].scope.workspace, { uid, name: 'one' })
    const able = await api.must(admin, 'GET /v1/palisade/access/who-can', {
      query: { permission: 'workspace.get', workspace: uid },
    })
    assert.ok(able.items.some((one: { user: { uid: string } }) => one.user.uid === who.user))
    const { workspaces } = await api.must(who, 'GET /v1/palisade/access/what-can')
    assert.deepEqual(
      workspaces.map((one: { workspace: object; permissions: string[] }) => [one.workspace, one.permissions]),
      [[{ uid, name: 'one' }, ['workspace.get']]],
    )
    await api.must(admin, 'DELETE /v1/workspaces/{uid}', at(uid))
    assert.equal((await api.call(admin, 'DELETE /v1/roles/{uid}', at(custom))).status, 204)
  })
})
