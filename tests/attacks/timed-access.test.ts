import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Agent, request } from 'undici'
import { predefinedRole } from '../../contract/roles.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'

// Access that ends by itself, on the real program.

let family: ProcessFamily
let palisade: Palisade
let cluster: FakeKubernetes
let acme: Tenant
let clusterUid: string
let project: string
before(async () => {
  family = await createProcessFamily('timed')
  ;[palisade, cluster] = await Promise.all([startPalisade({ family, name: 'timed' }), startFakeKubernetes()])
  acme = await createTenant(palisade, 'acme')
  project = acme.defaultProject
  // A watch goes on until one of its sides goes.
  cluster.intercept = ({ path }) => (path.includes('watch=1') ? 'endless' : undefined)
  const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
    project,
    body: { metadata: { name: 'one', labels: { env: 'dev' } }, spec: { kubeconfig: cluster.kubeconfig() } },
  })
  clusterUid = imported.uid
})
after(async () => {
  await palisade?.stop()
  await cluster?.close()
  await family?.stop()
})

/** Somebody, by a key, and the way to watch pods as them. */
async function watcher(name: string) {
  const user = await createUser(palisade, acme, name)
  const { apiKey } = await user.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'watches' } } })
  const dispatcher = new Agent({ connect: { ca: palisade.caPem } })
  const watch = () =>
    request(`${palisade.url}/k8s/clusters/${clusterUid}/api/v1/pods?watch=1`, {
      dispatcher,
      headers: { authorization: `Bearer ${apiKey}` },
    })
  const statusOf = async () => {
    const { statusCode, body } = await watch()
    await body.dump()
    return statusCode
  }
  return { uid: user.uid, watch, statusOf, close: () => dispatcher.close() }
}

const ways: Readonly<Record<string, () => Promise<object>>> = {
  'a role in the project': async () => ({ role: predefinedRole('Project Viewer').uid, project }),
  'a role on what a filter selects': async () => {
    const { uid } = await acme.admin.must('POST', '/v1/palisade/filters', {
      body: { name: 'dev', expressions: [{ key: 'env', operator: 'eq', values: ['dev'] }] },
    })
    return { roles: [predefinedRole('Resource Cluster Viewer').uid], projects: [project], filters: [uid] }
  },
}
for (const [way, body] of Object.entries(ways))
  test(`the end of ${way} that was given until a time cuts the streams that rest on it`, async () => {
    const dev = await watcher(`dev ${way}`.replaceAll(' ', '-'))
    assert.equal(await dev.statusOf(), 403)
    const given = await body()
    const endsAt = new Date(Date.now() + 3_000)
    await acme.admin.must('POST', '/v1/palisade/access/assignments', {
      body: { user: dev.uid, ...given, endsAt: endsAt.toISOString() },
    })
    const open = await dev.watch()
    assert.equal(open.statusCode, 200)
    // The stream ends, whole or broken off; were it not cut, this would wait for as long as the test may run.
    await open.body.text().catch(() => undefined)
    assert.ok(Date.now() >= endsAt.getTime(), 'not before the end')
    assert.equal(await dev.statusOf(), 403)
    await dev.close()
  })
