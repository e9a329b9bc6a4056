import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryKubernetes } from '../../tests/support/memory-kubernetes.ts'
import { apply } from './apply.ts'
import type { Binding } from './bindings.ts'
import type { Rbac } from './rbac-store.ts'
import { wantedOn } from './wanted.ts'

const cluster = 'c'.repeat(24)
const workspace = 'a'.repeat(24)
const rbacUid = 'b'.repeat(24) as Rbac['uid'] // a UID by its form
const protectedNamespaces = ['kube-system', 'palisade-system']
const rbacRoot = '/apis/rbac.authorization.k8s.io/v1'
const ours = { 'app.kubernetes.io/managed-by': 'palisade', 'palisade.dev/cluster': cluster }

const bind = (more: Partial<Binding> = {}): Binding => ({
  ...{ type: 'RoleBinding', namespace: 'shop', role: { kind: 'ClusterRole', name: 'edit' } },
  subjects: [{ type: 'Group', name: 'shoppers', namespace: '', onCluster: 'palisade:team:t:g' }],
  ...more,
})
const rbacs = (...bindings: Binding[]): Rbac[] => [
  { uid: rbacUid, name: '', labels: {}, annotations: {}, bindings, createdAt: new Date(), updatedAt: new Date() },
]
const namespaceOf = (name: string, cpuCores = 0) => ({
  name,
  namespaceResourceAllocation: {
    clusterResourceAllocations: [],
    defaultResourceAllocation: { cpuCores, memoryMiB: 0 },
  },
})
const wanted = (namespaces: ReturnType<typeof namespaceOf>[], bindings: Binding[] = []) =>
  wantedOn({
    ...{ cluster, rbacs: [], namespaces: [] },
    workspaces: [{ uid: workspace, clusters: [cluster], namespaces, quota: undefined, rbacs: rbacs(...bindings) }],
  })
const withRoles = () => {
  const kube = createMemoryKubernetes()
  for (const role of ['view', 'edit']) kube.put(`${rbacRoot}/clusterroles/${role}`)
  return kube
}
async function run(kube: ReturnType<typeof createMemoryKubernetes>, what: Parameters<typeof apply>[2]) {
  const done = await apply(kube.client, cluster, what, protectedNamespaces)
  if (!done.ok) throw new Error(done.error.message)
  return done.value.map(({ resourceType, msg }) => `${resourceType}: ${msg}`)
}

test('namespaces, limits and bindings are made with our label, and a second look changes nothing', async () => {
  const kube = withRoles()
  const all = wanted(
    [namespaceOf('shop', 2)],
    [bind(), bind({ subjects: [{ type: 'User', name: 'bob', namespace: '' }] })],
  )
  assert.deepEqual(await run(kube, all), [])
  assert.deepEqual(kube.objects.get('/api/v1/namespaces/shop')?.metadata.labels, ours)
  assert.deepEqual(kube.objects.get(`/api/v1/namespaces/shop/resourcequotas/palisade-${workspace}`)?.spec, {
    hard: { 'limits.cpu': '2000m' },
  })
  const bindings = [...kube.objects].filter(([path]) => path.includes('/rolebindings/'))
  assert.equal(bindings.length, 1, 'one role in one place is one binding')
  assert.deepEqual(bindings[0]?.[1].subjects, [
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'palisade:team:t:g' },
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bob' },
  ])
  kube.writes.splice(0)
  assert.deepEqual(await run(kube, all), [])
  assert.deepEqual(kube.writes, [])
})

test('what somebody changed is put right, and what is no longer wanted is removed; namespaces stay', async () => {
  const kube = withRoles()
  await run(kube, wanted([namespaceOf('shop', 2)], [bind()]))
  const [path = '', binding] = [...kube.objects].find(([at]) => at.includes('/rolebindings/')) ?? []
  kube.objects.set(path, { ...binding!, subjects: [{ kind: 'User', name: 'intruder' }] })
  await run(kube, wanted([namespaceOf('shop', 2)], [bind()]))
  assert.deepEqual(kube.objects.get(path)?.subjects, [
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'palisade:team:t:g' },
  ])
  await run(kube, wanted([namespaceOf('shop', 0)], [bind({ role: { kind: 'ClusterRole', name: 'view' } })]))
  const left = [...kube.objects.keys()].filter((at) => at.includes('palisade-'))
  assert.equal(left.length, 1)
  assert.notEqual(left[0], path, 'another role is another object')
  await run(kube, wanted([]))
  assert.deepEqual(
    [...kube.objects.keys()].filter((at) => !at.includes('clusterroles')),
    ['/api/v1/namespaces/shop'],
  )
})

test('D09 nothing is written in a foreign namespace but a binding, and no foreign object is changed or removed', async () => {
  const kube = withRoles()
  kube.put('/api/v1/namespaces/shop', { metadata: { labels: { team: 'others' } } })
  // By the label of ours, but of another name or of another import.
  kube.put('/api/v1/namespaces/shop/resourcequotas/theirs', { metadata: { labels: ours } })
  const foreign = { 'palisade.dev/cluster': 'd'.repeat(24) }
  kube.put(`${rbacRoot}/clusterrolebindings/palisade-${'e'.repeat(24)}-0123456789`, { metadata: { labels: foreign } })
  const before = structuredClone([...kube.objects])
  const errors = await run(kube, wanted([namespaceOf('shop', 2)], [bind()]))
  assert.deepEqual(errors, ['ResourceQuota: Palisade did not make the namespace shop, so it sets no limits there.'])
  for (const [path, object] of before) assert.deepEqual(kube.objects.get(path), object, path)
  assert.ok(
    kube.writes.every((one) => /^POST .*\/namespaces\/shop\/rolebindings$/.test(one)),
    kube.writes.join(),
  )
})

test('D09 an object of our name that is not ours is left alone', async () => {
  const kube = withRoles()
  await run(kube, wanted([namespaceOf('shop')], [bind()]))
  const path = [...kube.objects.keys()].find((at) => at.includes('/rolebindings/')) ?? ''
  kube.put(path, { subjects: [] })
  const errors = await run(kube, wanted([namespaceOf('shop')], [bind()]))
  assert.match(errors.join(), /is there and somebody else’s/)
  assert.deepEqual(kube.objects.get(path)?.subjects, [])
})

test('D09 protected namespaces are neither made nor limited, whatever is stored', async () => {
  const kube = withRoles()
  const errors = await run(
    kube,
    wanted([namespaceOf('kube-system', 1), namespaceOf('palisade-system', 1), namespaceOf('kube-x', 1)]),
  )
  assert.equal(errors.filter((one) => one.startsWith('Namespace: ')).length, 3)
  assert.deepEqual(kube.writes, [])
})

test('D16 the labels of a namespace are what somebody made them: it is never written again', async () => {
  const kube = withRoles()
  await run(kube, wanted([namespaceOf('shop', 1)]))
  const made = kube.objects.get('/api/v1/namespaces/shop')!
  const labels = { ...made.metadata.labels, 'pod-security.kubernetes.io/enforce': 'restricted' }
  kube.objects.set('/api/v1/namespaces/shop', { ...made, metadata: { ...made.metadata, labels } })
  kube.writes.splice(0)
  await run(kube, wanted([namespaceOf('shop', 3)], [bind()]))
  await run(kube, wanted([]))
  assert.deepEqual(kube.objects.get('/api/v1/namespaces/shop')?.metadata.labels, labels)
  assert.ok(kube.writes.length > 2 && kube.writes.every((one) => !/ \/api\/v1\/namespaces(?:\/[^/]+)?$/.test(one)))
})

test('a role that is not there, and a namespace that is not there, are told of', async () => {
  const kube = withRoles()
  const errors = await run(
    kube,
    wanted(
      [],
      [
        bind(),
        bind({ role: { kind: 'Role', name: 'x' } }),
        bind({ namespace: '', type: 'ClusterRoleBinding', role: { kind: 'ClusterRole', name: 'no' } }),
      ],
    ),
  )
  assert.deepEqual(errors, [
    'RoleBinding: There is no namespace shop.',
    'RoleBinding: There is no Role x for namespace shop.',
    'ClusterRoleBinding: There is no ClusterRole no.',
  ])
})
