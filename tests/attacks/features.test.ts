import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import { createTenant, type Palisade, startPalisade, type Tenant } from '../support/palisade.ts'

// Threat D13: a feature is switched off, and its API is called all the same.

let palisade: Palisade
let cluster: FakeKubernetes
let acme: Tenant
let clusterUid: string
before(async () => {
  ;[palisade, cluster] = await Promise.all([startPalisade({ name: 'features' }), startFakeKubernetes()])
  acme = await createTenant(palisade, 'acme')
  const { items } = await acme.admin.must('GET', '/v1/dashboard/projects/metadata')
  const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
    project: items[0].metadata.uid,
    body: { metadata: { name: 'one' }, spec: { kubeconfig: cluster.kubeconfig() } },
  })
  clusterUid = imported.uid
})
after(async () => {
  await palisade?.stop()
  await cluster?.close()
})

type Item = { metadata: { uid: string }; spec: { key: string; isAllowed: boolean } }
const listed = async () => (await palisade.system.must('GET', '/v1/system/features')).items as Item[]
async function switchTo(key: string, isAllowed: boolean) {
  const uid = (await listed()).find(({ spec }) => spec.key === key)?.metadata.uid
  assert.equal((await palisade.system.call('PATCH', `/v1/system/features/${uid}`, { body: { isAllowed } })).status, 204)
}

let made = 0
/** What each feature is, and what is answered while it is allowed. */
const uses: Readonly<Record<string, () => { method: string; path: string; body?: object; status: number }>> = {
  apiKeyCreation: () => ({
    ...{ method: 'POST', path: '/v1/apiKeys', body: { metadata: { name: `key ${++made}` } }, status: 201 },
  }),
  auditExport: () => ({ method: 'GET', path: '/v1/palisade/audit/export', status: 200 }),
  directTokens: () => ({
    // This cluster gives none: it is reached by impersonation. That is a refusal of another kind.
    ...{ method: 'POST', path: `/v1/palisade/clusters/${clusterUid}/directToken`, body: {}, status: 409 },
  }),
  oidcClients: () => ({
    ...{ method: 'POST', path: '/v1/palisade/oidc/clients', status: 201 },
    body: { name: `client ${++made}`, kind: 'web', redirectUris: ['https://app.acme.test/'] },
  }),
}

describe('D13', () => {
  test('every feature that can be switched off is tried here, and begins allowed', async () => {
    const found = await listed()
    assert.deepEqual(found.map(({ spec }) => spec.key).toSorted(), Object.keys(uses).toSorted())
    assert.ok(found.every(({ spec }) => spec.isAllowed))
    assert.deepEqual((await acme.admin.must('GET', '/v1/users/system/features')).items, found)
  })

  for (const [feature, use] of Object.entries(uses))
    test(`${feature}, switched off, is refused to everybody by whatever credential, and recorded`, async () => {
      const { apiKey } = await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: `of ${feature}` } } })
      const key = palisade.api.as({ apiKey })
      const ask = async (who: typeof key) => {
        const { method, path, body, status } = use()
        return { answer: await who.call(method, path, body ? { body } : {}), expected: status }
      }
      for (const who of [acme.admin, key]) {
        const { answer, expected } = await ask(who)
        assert.equal(answer.status, expected, answer.text)
      }
      await switchTo(feature, false)
      for (const who of [acme.admin, key]) {
        const { answer } = await ask(who)
        assert.equal(answer.status, 403, answer.text)
        // The published API's envelope, or a problem: each has the code.
        assert.equal(answer.body.code, 'FeatureNotAllowed')
      }
      const { items } = await acme.admin.must('GET', '/v1/audits?limit=1')
      assert.equal(items[0].metadata.annotations.outcome, 'refused')
      const said = (await key.must('GET', '/v1/users/system/features')).items as Item[]
      assert.deepEqual(
        said.filter(({ spec }) => !spec.isAllowed).map(({ spec }) => spec.key),
        [feature],
        'and what was made before goes on: the key still works',
      )
      await switchTo(feature, true)
      const { answer, expected } = await ask(acme.admin)
      assert.equal(answer.status, expected)
    })

  test('nobody of a tenant switches one, and a switch has to say which way', async () => {
    const [first] = await listed()
    const path = `/v1/system/features/${first?.metadata.uid}`
    assert.equal((await acme.admin.call('PATCH', path, { body: { isAllowed: false } })).status, 404)
    assert.equal((await acme.admin.call('GET', '/v1/system/features')).status, 403)
    for (const body of [{}, { isAllowed: null }, { isAllowed: 'false' }, { isallowed: false }])
      assert.equal((await palisade.system.call('PATCH', path, { body })).status, 400, JSON.stringify(body))
    const unknown = `/v1/system/features/${'f'.repeat(24)}`
    assert.equal((await palisade.system.call('PATCH', unknown, { body: { isAllowed: false } })).status, 404)
    assert.ok((await listed()).every(({ spec }) => spec.isAllowed))
  })
})
