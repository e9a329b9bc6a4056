import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../../tests/cluster/cluster.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../../tests/support/palisade.ts'
import { until } from '../../tests/support/until.ts'

// What is kept on a cluster, on a real one: that the API server takes what is made, that it means what it should, and that
// its people get by it what they should through the door.

describe('kept on a real cluster', { skip: await clusterSkipReason() }, () => {
  let palisade: Palisade
  let cluster: Cluster
  let acme: Tenant
  let project: string
  let uid: string
  before(async () => {
    ;[palisade, cluster] = await Promise.all([
      startPalisade({ name: 'kept' }),
      startCluster({ name: 'kept', kubelet: false }),
    ])
    acme = await createTenant(palisade, 'acme')
    const { items } = await acme.admin.must('GET', '/v1/dashboard/projects/metadata')
    project = items[0].metadata.uid
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project,
      body: { metadata: { name: 'one' }, spec: { kubeconfig: cluster.adminKubeconfigText } },
    })
    assert.equal(imported.state, 'ready')
    uid = imported.uid
  })
  after(async () => {
    await palisade?.stop()
    await cluster?.stop()
  })

  const read = (path: string) => cluster.api('GET', path)
  const inShop = (what: string) => `/apis/rbac.authorization.k8s.io/v1/namespaces/shop/${what}`
  const bindings = async () => ((await read(inShop('rolebindings'))).body as { items?: unknown[] }).items ?? []

  test('D16 a workspace is made there; its people work in it and nowhere else, and label no namespace; it is taken back', async () => {
    const bob = await createUser(palisade, acme, 'bob')
    await acme.admin.must('PUT', `/v1/users/${bob.uid}/projects`, {
      body: { projects: [{ projectUid: project, roles: [predefinedRole('Cluster Viewer').uid] }] },
    })
    const { uid: workspace } = await acme.admin.must('POST', '/v1/workspaces', {
      project,
      body: {
        metadata: { name: 'shop' },
        spec: {
          clusterRefs: [{ clusterUid: uid }],
          clusterNamespaces: [
            {
              name: 'shop',
              namespaceResourceAllocation: { defaultResourceAllocation: { cpuCores: 1.5, memoryMiB: 2048 } },
            },
          ],
          clusterRbacs: [
            {
              spec: {
                bindings: [
                  {
                    ...{ type: 'RoleBinding', namespace: 'shop', role: { kind: 'ClusterRole', name: 'admin' } },
                    subjects: [{ type: 'User', name: bob.email }],
                  },
                ],
              },
            },
          ],
        },
      },
    })
    const settled = await until('the workspace on the cluster', async () =>
      (await bindings()).length === 1 ? acme.admin.must('GET', `/v1/workspaces/${workspace}`) : undefined,
    )
    assert.deepEqual(settled.status.errors, [])
    const quota = await read(`/api/v1/namespaces/shop/resourcequotas/palisade-${workspace}`)
    assert.deepEqual((quota.body as { spec: object }).spec, { hard: { 'limits.cpu': '1500m', 'limits.memory': '2Gi' } })

    const { Authorization: token } = await palisade.api.must('POST', '/v1/auth/authenticate', {
      body: { emailId: bob.email, password: goodPassword, org: 'acme' },
    })
    const door = (method: string, path: string, body?: unknown, contentType = 'application/json') =>
      palisade.api.call(method, `/k8s/clusters/${uid}${path}`, {
        ...(body === undefined ? {} : { body }),
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': contentType }) },
      })
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }
    assert.equal((await door('POST', '/api/v1/namespaces/shop/configmaps', map)).status, 201)
    assert.equal((await door('POST', '/api/v1/namespaces/default/configmaps', map)).status, 403)

    // With every right on namespaces that the cluster can give, labels are still for its administrators.
    await cluster.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'namespaces' } },
      rules: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['*'] }],
    })
    await acme.admin.must('POST', `/v1/workspaces/${workspace}/clusterRbacs`, {
      body: {
        spec: {
          bindings: [
            {
              ...{ type: 'ClusterRoleBinding', role: { kind: 'ClusterRole', name: 'namespaces' } },
              subjects: [{ type: 'User', name: bob.email }],
            },
          ],
        },
      },
    })
    const label = { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } }
    // Deleting labels nothing, and shows that the binding is there.
    const dry = '/api/v1/namespaces/shop?dryRun=All'
    await until('the right on namespaces', async () => ((await door('DELETE', dry)).status === 200 ? true : undefined))
    const patched = await door('PATCH', '/api/v1/namespaces/shop', label, 'application/merge-patch+json')
    assert.equal(patched.status, 403)
    assert.match(patched.text, /cluster\.delete/)
    const { metadata } = (await read('/api/v1/namespaces/shop')).body as { metadata: { labels: object } }
    assert.deepEqual(metadata.labels, {
      ...{ 'app.kubernetes.io/managed-by': 'palisade', 'kubernetes.io/metadata.name': 'shop' },
      'palisade.dev/cluster': uid,
    })

    const live = await acme.admin.must('GET', `/v1/spectroclusters/${uid}/namespaces`)
    assert.ok(live.namespaces.some((one: { namespace: string }) => one.namespace === 'shop'))
    await acme.admin.must('DELETE', `/v1/workspaces/${workspace}`)
    await until('the bindings to be gone', async () => ((await bindings()).length === 0 ? true : undefined))
    assert.equal((await read('/api/v1/namespaces/shop')).status, 200)
  })

  test('bindings of one cluster are applied, and an object of others is left alone', async () => {
    await cluster.api('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'theirs' },
    })
    const body = {
      rbacs: [
        {
          metadata: null,
          spec: {
            bindings: [
              {
                ...{ type: 'RoleBinding', namespace: 'theirs', role: { kind: 'ClusterRole', name: 'view' } },
                subjects: [{ type: 'ServiceAccount', name: 'ci', namespace: 'theirs' }],
              },
            ],
          },
        },
      ],
    }
    await acme.admin.must('PUT', `/v1/spectroclusters/${uid}/config/rbacs`, { body })
    const namespaces = { namespaces: [{ metadata: { name: 'theirs' }, spec: { resourceAllocation: { cpuCores: 1 } } }] }
    await acme.admin.must('PUT', `/v1/spectroclusters/${uid}/config/namespaces`, { body: namespaces })
    const kept = await until('the look at the cluster', async () => {
      const { items } = await acme.admin.must('GET', `/v1/spectroclusters/${uid}/config/namespaces`)
      return items[0].status.errors.length > 0 ? items : undefined
    })
    assert.match(kept[0].status.errors[0].msg, /did not make the namespace theirs/)
    const found = (await read('/apis/rbac.authorization.k8s.io/v1/namespaces/theirs/rolebindings')).body as {
      items: { subjects: object[] }[]
    }
    assert.deepEqual(found.items[0]?.subjects, [{ kind: 'ServiceAccount', name: 'ci', namespace: 'theirs' }])
    assert.deepEqual((await read('/api/v1/namespaces/theirs/resourcequotas')).status, 200)
  })
})
