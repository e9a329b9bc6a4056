import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { createTenant, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { freePort } from '../support/ports.ts'

// Clients reach Palisade somewhere else than where it listens: through a load balancer, at another port.

let palisade: Palisade
let acme: Tenant
let publicPort: number

before(async () => {
  publicPort = await freePort()
  palisade = await startPalisade({
    name: 'balanced',
    env: { PALISADE_PUBLIC_URL: `https://localhost:${publicPort}` },
  })
  acme = await createTenant(palisade, 'acme')
})
after(() => palisade?.stop())

const importOf = (server: string, caPem: string, kubeconfig: (changes: { server: string; caPem: string }) => string) =>
  acme.admin.call('POST', '/v1/palisade/clusters', {
    project: acme.defaultProject,
    body: { metadata: { name: 'ourselves' }, spec: { kubeconfig: kubeconfig({ server, caPem }) } },
  })

test('a kubeconfig that Palisade itself has given out is no cluster, by its name or by its address', async () => {
  const backend = await startFakeKubernetes()
  try {
    const kubeconfig = (changes: { server: string; caPem: string }) => backend.kubeconfig(undefined, changes)
    const path = `/k8s/clusters/${'a'.repeat(24)}`
    const own = [
      `https://localhost:${publicPort}${path}`,
      `https://LOCALHOST:${publicPort}${path}`,
      `https://127.0.0.1:${publicPort}${path}`,
      `https://[::1]:${publicPort}`,
      `https://localhost:${palisade.port}${path}`,
    ]
    for (const server of own) {
      const answer = await importOf(server, palisade.caPem, kubeconfig)
      assert.equal(answer.body.code, 'DestinationRefused', `${server}: ${answer.text}`)
      assert.match(answer.text, /is Palisade itself/, server)
    }
    const cluster = await importOf(backend.server, backend.caPem, kubeconfig)
    assert.equal(cluster.status, 201, cluster.text)
  } finally {
    await backend.close()
  }
})
