import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { createTenant, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { switchToTokens, trustingNobody } from '../support/token-mode.ts'

const skip = await clusterSkipReason()

describe('token mode', { skip }, () => {
  let family: ProcessFamily
  let palisade: Palisade
  let east: Cluster
  let acme: Tenant
  let uid: string

  before(async () => {
    family = await createProcessFamily('token-mode')
    ;[palisade, east] = await Promise.all([
      startPalisade({ family }),
      startCluster({ name: 'east', audit: true, kubelet: false, authenticationConfig: trustingNobody }),
    ])
    acme = await createTenant(palisade, 'acme')
    uid = (
      await acme.admin.must('POST', '/v1/palisade/clusters', {
        project: acme.defaultProject,
        body: { metadata: { name: 'east' }, spec: { kubeconfig: east.adminKubeconfigText } },
      })
    ).uid
  })
  after(async () => {
    await palisade?.stop()
    await east?.stop()
    await family?.stop()
  })

  test('smoke', async () => {
    const refused = await acme.admin.call('PUT', `/v1/palisade/clusters/${uid}/credentialMode`, {
      body: { mode: 'token' },
    })
    console.log(refused.status, refused.text)
    console.log((await acme.admin.must('GET', `/v1/palisade/clusters/${uid}/authentication`)).configuration)
    const t = Date.now()
    console.log(await switchToTokens(acme.admin, east, uid).catch((e) => e.message), Date.now() - t)
    const again = await acme.admin.call('PUT', `/v1/palisade/clusters/${uid}/credentialMode`, {
      body: { mode: 'token' },
    })
    console.log(again.status, again.text)
    assert.ok(true)
    const { readFile } = await import('node:fs/promises')
    console.log(east.daemons.apiserver)
  })
})
