import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Agent, request } from 'undici'
import { predefinedRole } from '../../contract/roles.ts'
import { type Api, createApi } from '../support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'

// Roles that count from some network, or for some time after signing in, on the real program. It believes what 127.0.0.1 says of
// its clients, as it would a load balancer.

let family: ProcessFamily
let palisade: Palisade
let cluster: FakeKubernetes
let acme: Tenant
let clusterUid: string
let project: string
before(async () => {
  family = await createProcessFamily('conditions')
  const env = { PALISADE_TRUSTED_PROXIES: '127.0.0.1/32' }
  ;[palisade, cluster] = await Promise.all([startPalisade({ family, name: 'conditions', env }), startFakeKubernetes()])
  acme = await createTenant(palisade, 'acme')
  project = acme.defaultProject
  cluster.intercept = ({ path }) => {
    if (path.includes('watch=1')) return 'endless'
    return path.includes('/pods') ? { status: 200, body: { kind: 'PodList' } } : undefined
  }
  const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
    project,
    body: { metadata: { name: 'one' }, spec: { kubeconfig: cluster.kubeconfig() } },
  })
  clusterUid = imported.uid
})
after(async () => {
  await palisade?.stop()
  await cluster?.close()
  await family?.stop()
})

async function userWith(name: string, conditions: object) {
  const user = await createUser(palisade, acme, name)
  await acme.admin.must('POST', '/v1/palisade/access/assignments', {
    body: { user: user.uid, role: predefinedRole('Project Viewer').uid, project, endsAt: null, conditions },
  })
  return user
}
const tokenOf = async (email: string): Promise<string> =>
  (
    await palisade.api.must('POST', '/v1/auth/authenticate', {
      body: { emailId: email, password: goodPassword, org: 'acme' },
    })
  ).Authorization

const pods = () => `/k8s/clusters/${clusterUid}/api/v1/namespaces/default/pods`

/** What both doors answer. */
async function seen(api: Api, authorization: string, headers: Readonly<Record<string, string>> = {}) {
  const bearer = { ...headers, authorization: `Bearer ${authorization}` }
  const inApi = await api.call('GET', `/v1/spectroclusters/${clusterUid}`, { project, headers: bearer })
  const atDoor = await api.call('GET', pods(), { headers: bearer })
  return { statuses: [inApi.status, atDoor.status], texts: [inApi.text, atDoor.text] }
}

test('an address that a client makes up does not let it into a network', async () => {
  const dev = await userWith('inside', { networks: ['203.0.113.0/24'] })
  const token = await tokenOf(dev.email)
  const nobody = palisade.api.as('nobody')
  const behind = (forwarded: string) => seen(nobody, token, { 'x-forwarded-for': forwarded })
  assert.deepEqual((await behind('203.0.113.9')).statuses, [200, 200], 'the proxy says so')
  assert.deepEqual((await behind('::ffff:203.0.113.9')).statuses, [200, 200], 'IPv4 is IPv4')
  assert.deepEqual((await seen(nobody, token)).statuses, [403, 403], 'the proxy itself')
  // What stood there when the proxy got it; it adds whom it got it from.
  for (const spoof of [
    '203.0.113.9, 198.51.100.7',
    '203.0.113.9,, 198.51.100.7',
    '203.0.113.9, 203.0.113.9, 2001:db8::1',
  ])
    assert.deepEqual((await behind(spoof)).statuses, [403, 403], spoof)
  for (const name of ['x-real-ip', 'forwarded', 'x-client-ip', 'x-palisade-end-client', 'cf-connecting-ip'])
    assert.deepEqual((await seen(nobody, token, { [name]: '203.0.113.9' })).statuses, [403, 403], name)
  // Who is no proxy is believed nothing.
  const stranger = createApi(palisade.url, palisade.caPem, '127.0.0.2')
  const spoofed = await seen(stranger, token, { 'x-forwarded-for': '203.0.113.9' })
  assert.deepEqual(spoofed.statuses, [403, 403])
  for (const text of spoofed.texts) assert.match(text, /under conditions alone: from 203\.0\.113\.0\/24/)
  await stranger.close()
})

test('a session that has grown too old passes no more, whatever is done with it, and its streams are cut', async () => {
  const seconds = 10
  const dev = await userWith('fresh', { signInWithinSeconds: seconds })
  const { apiKey } = await dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'robot' } } })
  const nobody = palisade.api.as('nobody')
  assert.deepEqual((await seen(nobody, apiKey)).statuses, [403, 403], 'a key is nobody who signs in')

  const signedInAt = Date.now()
  const token = await tokenOf(dev.email)
  assert.deepEqual((await seen(nobody, token)).statuses, [200, 200])
  const dispatcher = new Agent({ connect: { ca: palisade.caPem } })
  const open = await request(`${palisade.url}${pods()}?watch=1`, {
    dispatcher,
    headers: { authorization: `Bearer ${token}` },
  })
  assert.equal(open.statusCode, 200)
  // The stream ends, whole or broken off; were it not cut, this would wait for as long as the test may run.
  await open.body.text().catch(() => undefined)
  assert.ok(Date.now() >= signedInAt + seconds * 1_000, 'not before')
  await dispatcher.close()

  const stale = await seen(nobody, token)
  assert.deepEqual(stale.statuses, [403, 403])
  for (const text of stale.texts) assert.match(text, /within 10 seconds of signing in/)
  // A new token of the session is not a new sign-in.
  const refreshed = await palisade.api.must('GET', `/v1/auth/refresh/${encodeURIComponent(token)}`)
  assert.deepEqual((await seen(nobody, refreshed.Authorization)).statuses, [403, 403])
  assert.deepEqual((await seen(nobody, await tokenOf(dev.email))).statuses, [200, 200])
})
