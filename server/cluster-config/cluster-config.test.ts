import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ClusterUid, type ProjectUid, type TenantUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { err } from '../../core/result.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { createMemoryKubernetes, type MemoryKubernetes } from '../../tests/support/memory-kubernetes.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import type { AskCluster } from '../clusters/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { createLookups } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { createWorkspaces } from '../workspaces/index.ts'
import { type ClusterConfig, createClusterConfig, type FindCluster } from './index.ts'

let postgres: TestPostgres
let api: Phases
let config: ClusterConfig
const kubes = new Map<string, MemoryKubernetes>()
const asked: { cluster: string; level: string }[] = []
let isDown = false
let offsetMs = 0
const log: string[] = []

const findCluster: FindCluster = async ({ tx, params }) => {
  const [row] = await tx.query<{ cluster_id: string; project_id: string }>(
    'select cluster_id, project_id from clusters where tenant_id = $1 and cluster_id = $2',
    [tx.tenant, params.uid],
  )
  const scope = { kind: 'project', projectUid: row?.project_id ?? '' } as const
  return row && { kind: 'spectrocluster', uid: row.cluster_id, tags: {}, scope }
}
const ask: AskCluster = async ({ cluster, level }, conversation) => {
  asked.push({ cluster, level })
  const kube = kubes.get(cluster)
  return kube && !isDown ? conversation(kube.client) : err({ kind: 'unreachable', message: 'Nothing listens there.' })
}

before(async () => {
  postgres = await startTestPostgres()
  api = await startPhases(await postgres.create(), ({ inTenant, pool }) => {
    const deps = {
      ...{ inTenant, findCluster, ask, lookups: createLookups(pool) },
      subjects: {
        user: (...of: Parameters<Phases['people']['subjects']['user']>) => api.people.subjects.user(...of),
        team: (...of: Parameters<Phases['people']['subjects']['team']>) => api.people.subjects.team(...of),
      },
      protectedNamespaces: ['kube-system', 'palisade-system'],
      clock: { now: () => Date.now() + offsetMs, monotonicMs: () => performance.now() },
      logger: createLogger('warn', (line) => log.push(line)),
    }
    config = createClusterConfig(deps)
    return [...config.endpoints, ...createWorkspaces({ ...deps, changed: config.changed }).endpoints]
  })
})
after(async () => {
  await config?.stop()
  await api?.stop()
  await postgres?.stop()
})

const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
const rbacRoot = '/apis/rbac.authorization.k8s.io/v1'
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
  const kube = createMemoryKubernetes()
  for (const role of ['view', 'edit', 'admin']) kube.put(`${rbacRoot}/clusterroles/${role}`)
  kubes.set(uid, kube)
  return uid
}
const on = (uid: string, what: RegExp) =>
  [...(kubes.get(uid)?.objects.entries() ?? [])].filter(([path]) => what.test(path))
const bind = (more: object = {}) => ({
  ...{ type: 'RoleBinding', namespace: 'shop', role: { kind: 'ClusterRole', name: 'edit' } },
  ...{ subjects: [{ type: 'Group', name: 'shoppers' }], ...more },
})
const rbacs = (...sets: object[][]) => ({
  body: { rbacs: sets.map((bindings) => ({ metadata: null, spec: { bindings } })) },
})

describe('what is kept on a cluster', () => {
  test('an empty list where nothing is kept; bindings are applied, read with their uids, replaced and taken away', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newCluster(tenant, project)
    assert.deepEqual(await api.must(admin, 'GET /v1/spectroclusters/{uid}/config/rbacs', at(uid)), { items: [] })
    assert.deepEqual(await api.must(admin, 'GET /v1/spectroclusters/{uid}/config/namespaces', at(uid)), { items: [] })
    kubes.get(uid)?.put('/api/v1/namespaces/shop')
    const { uid: team } = await api.must(admin, 'POST /v1/teams', { body: { metadata: { name: 'Shoppers' } } })
    await api.must(admin, 'PUT /v1/spectroclusters/{uid}/config/rbacs', at(uid, rbacs([bind()])))
    await config.reconcileDue()
    const [[path, binding] = []] = on(uid, /rolebindings/)
    assert.deepEqual(binding?.subjects, [
      { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: `palisade:team:${tenant}:${team}` },
    ])
    assert.equal(asked.findLast((one) => one.cluster === uid)?.level, 'admin')
    const { items } = await api.must(admin, 'GET /v1/spectroclusters/{uid}/config/rbacs', at(uid))
    assert.deepEqual(
      items[0].spec.bindings[0].subjects,
      [{ type: 'Group', name: 'shoppers', namespace: '' }],
      'as it was written',
    )
    assert.deepEqual(items[0].status, { errors: [] })

    const rbacUid = items[0].metadata.uid
    const one = { params: { uid, rbacUid } }
    const changed = { ...items[0], spec: { bindings: [bind({ role: { kind: 'ClusterRole', name: 'view' } })] } }
    await api.must(admin, 'PUT /v1/spectroclusters/{uid}/config/rbacs/{rbacUid}', { ...one, body: changed })
    await config.reconcileDue()
    assert.equal(
      (await api.must(admin, 'GET /v1/spectroclusters/{uid}/config/rbacs/{rbacUid}', one)).metadata.uid,
      rbacUid,
    )
    assert.equal(on(uid, /rolebindings/).length, 1)
    assert.notEqual(on(uid, /rolebindings/)[0]?.[0], path)
    await api.must(admin, 'PUT /v1/spectroclusters/{uid}/config/rbacs', at(uid, { body: { rbacs: null } }))
    await config.reconcileDue()
    assert.deepEqual(on(uid, /rolebindings/), [])
    assert.equal((await api.call(admin, 'GET /v1/spectroclusters/{uid}/config/rbacs/{rbacUid}', one)).status, 404)
  })

  test('namespaces are made with limits, keep their uid, and stay when they are left out', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newCluster(tenant, project)
    const put = (...namespaces: object[]) =>
      api.call(admin, 'PUT /v1/spectroclusters/{uid}/config/namespaces', at(uid, { body: { namespaces } }))
    const shop = (cpuCores: number) => ({
      metadata: { name: 'shop', uid: 'ignored', creationTimestamp: '0001-01-01T00:00:00.000Z' },
      spec: { isRegex: false, resourceAllocation: { cpuCores, memoryMiB: 64 } },
    })
    assert.equal((await put(shop(1), { metadata: { name: 'till' }, spec: null })).status, 204)
    await config.reconcileDue()
    const read = async () => (await api.must(admin, 'GET /v1/spectroclusters/{uid}/config/namespaces', at(uid))).items
    const [first] = await read()
    assert.deepEqual(first.spec, { isRegex: false, resourceAllocation: { cpuCores: 1, memoryMiB: 64 } })
    assert.deepEqual(on(uid, /resourcequotas/)[0]?.[1].spec, {
      hard: { 'limits.cpu': '1000m', 'limits.memory': '64Mi' },
    })
    assert.equal((await put(shop(2))).status, 204)
    assert.equal((await read())[0].metadata.uid, first.metadata.uid)
    const one = { params: { uid, namespaceUid: first.metadata.uid } }
    await api.must(admin, 'PUT /v1/spectroclusters/{uid}/config/namespaces/{namespaceUid}', { ...one, body: shop(3) })
    const renamed = { ...shop(3), metadata: { name: 'other' } }
    const rename = await api.call(admin, 'PUT /v1/spectroclusters/{uid}/config/namespaces/{namespaceUid}', {
      ...one,
      body: renamed,
    })
    assert.equal(rename.refusal?.code, 'invalid')
    await config.reconcileDue()
    assert.deepEqual(on(uid, /resourcequotas/)[0]?.[1].spec, {
      hard: { 'limits.cpu': '3000m', 'limits.memory': '64Mi' },
    })
    assert.equal((await put()).status, 204)
    await config.reconcileDue()
    assert.deepEqual(on(uid, /resourcequotas/), [])
    assert.equal(on(uid, /namespaces\/(?:shop|till)$/).length, 2)
    for (const bad of [{ metadata: { name: 'kube-system' } }, { metadata: { name: '/x/' }, spec: { isRegex: true } }])
      assert.equal((await put(bad)).refusal?.code, 'invalid')
  })

  test('D01 D09 who edits a cluster binds no more than they may do there', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newCluster(tenant, project)
    const editor = await api.person(admin)
    await api.must(admin, 'PUT /v1/users/{uid}/projects', {
      ...at(editor.user),
      body: { projects: [{ projectUid: project, roles: [predefinedRole('Cluster Editor').uid] }] },
    })
    const put = async (who: Principal, ...bindings: object[]) =>
      (await api.call(who, 'PUT /v1/spectroclusters/{uid}/config/rbacs', at(uid, rbacs(bindings)))).refusal?.code ??
      'put'
    const wide = { ...bind(), type: 'ClusterRoleBinding', namespace: '' }
    assert.equal(await put(editor, bind()), 'put')
    assert.equal(await put(editor, bind(), wide), 'exceeds_own_rights')
    assert.equal(
      await put(editor, bind({ role: { kind: 'ClusterRole', name: 'cluster-admin' } })),
      'exceeds_own_rights',
    )
    assert.equal(await put(editor, bind({ subjects: [{ type: 'Group', name: 'system:masters' }] })), 'invalid')
    assert.equal(await put(admin, bind(), wide), 'put')
    assert.equal(await put(editor, bind(), wide), 'put', 'what is there is no new right')
  })

  test('a workspace is carried to its clusters, shows what stands in the way, and is taken back', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const [one, two] = [await newCluster(tenant, project), await newCluster(tenant, project)]
    const role = { kind: 'ClusterRole', name: 'missing' }
    const { uid } = await api.must(admin, 'POST /v1/workspaces', {
      project,
      body: {
        metadata: { name: 'shop' },
        spec: {
          clusterRefs: [{ clusterUid: one }, { clusterUid: two }],
          clusterNamespaces: [{ name: 'shop' }],
          quota: { resourceAllocation: { cpuCores: 3, memoryMiB: 0 } },
          clusterRbacs: [{ spec: { bindings: [bind(), bind({ role })] } }],
        },
      },
    })
    await config.reconcileDue()
    for (const cluster of [one, two]) {
      assert.equal(on(cluster, /namespaces\/shop$/).length, 1)
      assert.equal(on(cluster, /rolebindings/).length, 1)
      assert.deepEqual(
        on(cluster, /resourcequotas/)[0]?.[1].spec,
        { hard: { 'limits.cpu': '1500m' } },
        'a share of the quota',
      )
    }
    const found = await api.must(admin, 'GET /v1/workspaces/{uid}', at(uid))
    assert.deepEqual(
      found.status.errors
        .map(({ clusterUid, resourceType, name }: Record<string, string>) => [clusterUid, resourceType, name])
        .toSorted(),
      [one, two].map((cluster) => [cluster, 'RoleBinding', 'missing']).toSorted(),
    )
    assert.equal(found.spec.clusterRbacs[0].status.errors.length, 2)
    assert.match(log.join(), /There is no ClusterRole missing/)

    await api.must(
      admin,
      'PUT /v1/workspaces/{uid}/clusterNamespaces',
      at(uid, { body: { clusterNamespaces: [{ name: 'shop' }], clusterRefs: [{ clusterUid: one }] } }),
    )
    await config.reconcileDue()
    assert.deepEqual([on(one, /rolebindings/).length, on(two, /rolebindings|resourcequotas/).length], [1, 0])
    await api.must(admin, 'DELETE /v1/workspaces/{uid}', at(uid))
    await config.reconcileDue()
    assert.deepEqual(on(one, /rolebindings|resourcequotas/), [])
    assert.equal(on(one, /namespaces\/shop$/).length, 1, 'what is in a namespace is not ours to delete')
    const left = await api.inTenant(tenant, (tx) =>
      tx.query('select from cluster_reconciliations where tenant_id = $1', [tx.tenant]),
    )
    assert.deepEqual(left, [])
  })

  test('a cluster that does not answer is told of and asked again later; what others changed is put right', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newCluster(tenant, project)
    kubes.get(uid)?.put('/api/v1/namespaces/shop')
    isDown = true
    try {
      await api.must(admin, 'PUT /v1/spectroclusters/{uid}/config/rbacs', at(uid, rbacs([bind()])))
      await config.reconcileDue()
    } finally {
      isDown = false
    }
    const errors = async () =>
      (await api.must(admin, 'GET /v1/spectroclusters/{uid}/config/rbacs', at(uid))).items[0].status.errors
    assert.match((await errors())[0].msg, /Nothing listens there/)
    const asks = () => asked.filter(({ cluster }) => cluster === uid).length
    const before = asks()
    await config.reconcileDue()
    assert.equal(asks(), before, 'not at once')
    offsetMs = 60_000
    await config.reconcileDue()
    assert.deepEqual([await errors(), on(uid, /rolebindings/).length], [[], 1])
    const [[path = '', binding] = []] = on(uid, /rolebindings/)
    kubes.get(uid)?.objects.set(path, { ...binding!, subjects: [] })
    offsetMs = 60 * 60_000
    await config.reconcileDue()
    assert.deepEqual(
      on(uid, /rolebindings/).map(([, { subjects }]) => Array.isArray(subjects) && subjects.length),
      [1],
    )
    offsetMs = 0
  })

  test('the namespaces that there are, as somebody who may read sees them', async () => {
    const { uid: tenant, admin, project } = await api.tenant()
    const uid = await newCluster(tenant, project)
    kubes.get(uid)?.put('/api/v1/namespaces/shop')
    kubes.get(uid)?.put('/api/v1/namespaces/till')
    kubes.get(uid)?.put('/api/v1/namespaces/shop/persistentvolumeclaims/x')
    const all = await api.must(admin, 'GET /v1/spectroclusters/{uid}/namespaces', at(uid))
    assert.deepEqual(all.namespaces, [
      { namespace: 'shop', pvcCount: 1 },
      { namespace: 'till', pvcCount: 0 },
    ])
    const some = at(uid, { query: { skipEmptyNamespaces: 'true' } })
    const full = await api.must(admin, 'GET /v1/spectroclusters/{uid}/namespaces', some)
    assert.deepEqual(full.namespaces, [{ namespace: 'shop', pvcCount: 1 }])
    assert.equal(asked.findLast((one) => one.cluster === uid)?.level, 'view')
  })
})
