import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { predefinedRole } from '../../contract/roles.ts'
import type { Api } from '../../tests/support/api.ts'
import { type FakeKubernetes, startFakeKubernetes } from '../../tests/support/fake-kubernetes.ts'
import {
  createTenant,
  createUser,
  goodPassword,
  type Palisade,
  startPalisade,
  type Tenant,
} from '../../tests/support/palisade.ts'
import { until } from '../../tests/support/until.ts'

// What an act would end, counted before it is done: with one session, with one API key, in a whole tenant.

describe('what is open with one credential, and in a tenant', () => {
  let palisade: Palisade
  let kubernetes: FakeKubernetes
  let watches: Agent
  let acme: Tenant
  let globex: Tenant
  let dev: Awaited<ReturnType<typeof createUser>>
  let eve: Awaited<ReturnType<typeof createUser>>
  let cluster: string
  /** The developer, in two sessions and with two keys; something runs in the first of each. */
  let sessions: readonly string[]
  let keys: readonly string[]

  before(async () => {
    palisade = await startPalisade({ name: 'open' })
    kubernetes = await startFakeKubernetes()
    // A watch goes on until its client goes.
    kubernetes.intercept = ({ path }) => (path.includes('watch=1') ? 'endless' : undefined)
    watches = new Agent({ connect: { ca: palisade.caPem } })
    acme = await createTenant(palisade, 'acme')
    globex = await createTenant(palisade, 'globex')
    dev = await createUser(palisade, acme, 'dev')
    eve = await createUser(palisade, acme, 'eve')
    const imported = await acme.admin.must('POST', '/v1/palisade/clusters', {
      project: acme.defaultProject,
      body: { metadata: { name: 'west' }, spec: { kubeconfig: kubernetes.kubeconfig() } },
    })
    cluster = imported.uid
    await acme.admin.must('PUT', `/v1/users/${dev.uid}/projects`, {
      body: { projects: [{ projectUid: acme.defaultProject, roles: [predefinedRole('Cluster Editor').uid] }] },
    })
    const [first, second] = [await signIn(), await signIn()]
    sessions = [await sessionOf(first), await sessionOf(second)]
    const made = [await makeKey('ci'), await makeKey('idle')]
    keys = made.map(({ uid }) => uid)
    await watch(first)
    await watch(made[0]?.apiKey ?? '')
    await watch(made[0]?.apiKey ?? '')
    await until('three streams', async () => (await countOf(acme.admin, `people/${dev.uid}`)) === 3 || undefined)
  })
  after(async () => {
    await watches?.destroy()
    await palisade?.stop()
    await kubernetes?.close()
  })

  async function signIn(): Promise<string> {
    const body = { emailId: dev.email, password: goodPassword, org: 'acme' }
    return (await palisade.api.must('POST', '/v1/auth/authenticate', { body })).Authorization
  }
  async function sessionOf(token: string): Promise<string> {
    const { items } = await palisade.api.as({ token }).must('GET', '/v1/palisade/sessions')
    return items.find((one: { current: boolean }) => one.current).uid
  }
  const makeKey = (name: string): Promise<{ uid: string; apiKey: string }> =>
    dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name } } })
  const watch = (credential: string) =>
    request(`${palisade.url}/k8s/clusters/${cluster}/api/v1/pods?watch=1`, {
      dispatcher: watches,
      headers: { authorization: `Bearer ${credential}` },
    })
  const countOf = async (api: Api, of: string): Promise<number> =>
    (await api.must('GET', `/v1/palisade/${of}/open`)).streams

  test('of each session and each key alone, for its owner and for who may end it', async () => {
    for (const api of [dev.api, acme.admin]) {
      assert.deepEqual(await Promise.all(sessions.map((uid) => countOf(api, `sessions/${uid}`))), [1, 0])
      assert.deepEqual(await Promise.all(keys.map((uid) => countOf(api, `apiKeys/${uid}`))), [2, 0])
    }
  })

  test('not for a colleague without the right, and not there for another tenant', async () => {
    for (const [path, permission] of [
      [`/v1/palisade/sessions/${sessions[0]}/open`, 'user.update'],
      [`/v1/palisade/apiKeys/${keys[0]}/open`, 'apiKey.update'],
    ] as const) {
      const refused = await eve.api.call('GET', path)
      assert.deepEqual([refused.status, refused.body.permission], [403, permission], path)
      assert.equal((await globex.admin.call('GET', path)).status, 404, path)
    }
  })

  test('a tenant’s are for system administrators, and for nobody of it', async () => {
    const path = `/v1/palisade/tenants/${acme.uid}/open`
    const before = await palisade.system.must('GET', path)
    assert.deepEqual({ ...before, sessions: 0 }, { people: 3, clusters: 1, apiKeys: 2, streams: 3, sessions: 0 })
    await signIn()
    assert.equal((await palisade.system.must('GET', path)).sessions, before.sessions + 1)
    await dev.api.must('PUT', `/v1/apiKeys/${keys[1]}/state`, { body: { isActive: false } })
    assert.equal((await palisade.system.must('GET', path)).apiKeys, 1, 'one that is switched off is not cut off')
    const { people, clusters, streams } = await palisade.system.must('GET', `/v1/palisade/tenants/${globex.uid}/open`)
    assert.deepEqual({ people, clusters, streams }, { people: 1, clusters: 0, streams: 0 })
    assert.equal((await acme.admin.call('GET', path)).body.permission, 'tenant.update')
    assert.equal((await globex.admin.call('GET', path)).status, 404)
  })

  test('what ended is not counted', async () => {
    await dev.api.must('DELETE', `/v1/palisade/sessions/${sessions[0]}`)
    await until('the end of its stream', async () =>
      (await countOf(acme.admin, `people/${dev.uid}`)) === 2 ? true : undefined,
    )
    assert.equal(await countOf(dev.api, `sessions/${sessions[0]}`), 0)
  })
})
