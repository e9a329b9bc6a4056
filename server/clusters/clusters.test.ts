import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { parse, parseAllDocuments } from 'yaml'
import { ClusterUid, type ProjectUid, type TenantUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import { cloudTypes } from '../../contract/wire/clusters.ts'
import { err, ok } from '../../core/result.ts'
import { Secret } from '../../core/seal/index.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import {
  adminToken,
  type FakeKubernetes,
  limitedToken,
  startFakeKubernetes,
  status,
} from '../../tests/support/fake-kubernetes.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { accessEndpoints } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { createLogger } from '../platform/log/index.ts'
import { createLookups } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { preferenceEndpoints, upgradeEndpoints } from '../settings/index.ts'
import { type KubernetesObject, pathOf } from './account.ts'
import { createClusters } from './clusters.ts'
import { createRecords } from './records.ts'
import { createRenewal } from './renewal.ts'

const role = (name: Parameters<typeof predefinedRole>[0]) => predefinedRole(name).uid

let postgres: TestPostgres
let api: Phases
let cluster: FakeKubernetes
let clusters: ReturnType<typeof createClusters>
let tenant: { readonly uid: TenantUid; readonly admin: Principal; readonly project: ProjectUid }
let other: typeof tenant

const log: string[] = []
/** Wall clock of what is tried here, moved by the tests of renewal. */
let offsetMs = 0
const clock = { now: () => Date.now() + offsetMs, monotonicMs: () => performance.now() }
const logger = createLogger('debug', (line) => log.push(line))
const never = async () => {
  throw new Error('these clusters are reached by impersonation')
}
const recorded: { event: string; details: object; resource: { uid: string } }[] = []
let renewal: ReturnType<typeof createRenewal>
let records: ReturnType<typeof createRecords>

before(async () => {
  postgres = await startTestPostgres()
  cluster = await startFakeKubernetes()
  api = await startPhases(await postgres.create(), ({ inTenant, keys, pool }) => {
    const deps = {
      inTenant,
      lookups: createLookups(pool),
      sealerOf: keys.of,
      checkDestination: async (host: string) =>
        host === '127.0.0.1'
          ? ok({ addresses: [{ address: host, family: 4 as const }] })
          : err({ code: 'forbidden_address', message: `${host} is special` }),
      issueClusterToken: async (principal: Principal) => ({
        token: new Secret(`short-${principal.user}`),
        expiresAt: new Date(Date.now() + 900_000),
      }),
      append: async (_tx: unknown, entry: (typeof recorded)[number]) => recorded.push(entry),
      publicUrl: 'https://palisade.test:8443',
      caPem: () => 'our CA',
      tokens: { issuer: 'https://palisade.test:8443/oidc', mintProbe: never, now: clock.now },
      ...{ standing: never, endsAt: never, mintDirect: never, mintToken: never },
      ...{ clock, logger },
    }
    clusters = createClusters(deps)
    records = createRecords(deps)
    renewal = createRenewal({ ...deps, forget: records.forget })
    return [...clusters.endpoints, ...accessEndpoints, ...preferenceEndpoints, ...upgradeEndpoints]
  })
  tenant = await api.tenant()
  other = await api.tenant()
})
after(async () => {
  await api?.stop()
  await cluster?.close()
  await postgres?.stop()
})
beforeEach(() => {
  offsetMs = 0
})
afterEach(() => {
  cluster.intercept = undefined
  cluster.objects.clear()
})

let made = 0
const newCluster = (given: { name?: string; labels?: object; kubeconfig?: string; bindings?: string } = {}) => {
  const { name = `cluster-${++made}`, labels = {}, kubeconfig = cluster.kubeconfig(), ...rest } = given
  return { metadata: { name, labels }, spec: { kubeconfig, ...rest } }
}
const importPath = 'POST /v1/palisade/clusters'
async function importCluster(
  given: Parameters<typeof newCluster>[0] & { project?: string } = {},
  who: Principal = tenant.admin,
) {
  const { project = tenant.project, ...rest } = given
  return api.must(who, importPath, { project, body: newCluster(rest) })
}
const at = (uid: string, rest: object = {}) => ({ params: { uid }, ...rest })
const read = (uid: string, who = tenant.admin) => api.must(who, 'GET /v1/spectroclusters/{uid}', at(uid))
/** As a transaction sees it now. */
const factsEpoch = async () => (await api.inTenant(tenant.uid, (tx) => api.access.inTx(tx))).factsEpoch
const newProject = async () =>
  (await api.must(tenant.admin, 'POST /v1/projects', { body: { metadata: { name: `project-${++made}` } } })).uid
/** Somebody with one role in one project. */
async function member(project: string, roleName: Parameters<typeof predefinedRole>[0]): Promise<Principal> {
  const person = await api.person(tenant.admin)
  await api.must(tenant.admin, 'PUT /v1/users/{uid}/projects', {
    ...at(person.user),
    body: { projects: [{ projectUid: project, roles: [role(roleName)] }] },
  })
  return person
}

describe('import', () => {
  test('story 3: a cluster is checked, given an account, and is an ordinary cluster', async () => {
    const reply = await importCluster({ name: 'Production', labels: { env: 'prod', spot: 'spectro__tag' } })
    assert.equal(reply.state, 'ready')
    assert.equal(reply.created.length, 9)
    assert.deepEqual([reply.missing, reply.warnings, reply.yaml], [[], [], undefined])
    assert.deepEqual([reply.kubernetesVersion, reply.credentialMode], ['v1.36.3', 'impersonation'])
    assert.deepEqual(reply.levels, ['view', 'edit', 'admin'])

    const seen = await read(reply.uid)
    assert.equal(seen.metadata.name, 'Production')
    assert.deepEqual(seen.metadata.labels, { env: 'prod', spot: 'spectro__tag' })
    assert.deepEqual(seen.metadata.annotations, {
      scope: 'project',
      tenantUid: tenant.uid,
      projectUid: tenant.project,
      permissions: 'cluster.delete,cluster.get,cluster.list,cluster.update,tag.update',
    })
    assert.equal(seen.status.state, 'Running')
    const importLink = `kubectl apply -f https://palisade.test:8443/v1/spectroclusters/${reply.uid}/import/manifest`
    assert.deepEqual(seen.status.clusterImport, { importLink, isBrownfield: true, state: 'Running' })
    assert.deepEqual(seen.status.apiEndpoints, [{ host: '127.0.0.1', port: cluster.port }])
    assert.ok(seen.spec.clusterConfig && seen.spec.cloudConfigRef)
    const access = await api.must(tenant.admin, 'GET /v1/palisade/clusters/{uid}', at(reply.uid))
    assert.equal(access.credential.account, 'palisade-system/palisade-impersonator')
    assert.equal(access.kubernetesVersion, 'v1.36.3')
    const entry = api.entries.find(({ resource }) => resource.uid === reply.uid)
    assert.deepEqual([entry?.event, entry?.outcome, entry?.project], ['cluster.imported', 'done', tenant.project])
    const intended = api.entries.find((one) => one.outcome === 'intended' && one.request === entry?.request)
    assert.partialDeepStrictEqual(intended, {
      ...{ event: 'cluster.imported', resource: { uid: 'none', name: 'Production' }, project: tenant.project },
      details: { server: cluster.server, bindings: 'install' },
    })
    assert.match(entry?.intent ?? '', /^[0-9a-f]{24}$/)
  })

  test('H04 nothing is made on a cluster before it is recorded that it will be, and what comes of it is recorded too', async () => {
    const recordedWhen = async (change: () => void, name: string) => {
      const from = api.entries.length
      let before: readonly string[] | undefined
      cluster.intercept = (call) => {
        before ??= api.entries.slice(from).map(({ outcome }) => outcome)
        change()
        return call.method === 'PATCH' && name === 'h04-conflict' ? { status: 409, body: {} } : undefined
      }
      const { status } = await api.call(tenant.admin, importPath, {
        project: tenant.project,
        body: newCluster({ name }),
      })
      cluster.intercept = undefined
      assert.deepEqual(before, ['intended'], 'when the cluster is first asked')
      const entries = api.entries.slice(from)
      for (const { event } of entries) assert.equal(event, 'cluster.imported')
      return { status, entries: entries.map(({ outcome, intent }) => `${outcome}${intent ? ' of an intent' : ''}`) }
    }
    const nothing = () => undefined
    assert.deepEqual(await recordedWhen(nothing, 'h04'), { status: 201, entries: ['intended', 'done of an intent'] })
    const refused = ['intended', 'refused', 'ended of an intent']
    assert.deepEqual((await recordedWhen(nothing, 'h04-conflict')).entries, refused)
    const from = api.entries.length
    assert.equal(
      (await api.call(tenant.admin, importPath, { project: tenant.project, body: newCluster({ name: 'h04' }) })).status,
      409,
    )
    assert.deepEqual(
      api.entries.slice(from).map(({ outcome }) => outcome),
      ['refused'],
      'what is refused before the cluster is asked was never intended',
    )
  })

  test('without rights it waits for its bindings, says what is missing and how to go on', async () => {
    const reply = await importCluster({ kubeconfig: cluster.kubeconfig(limitedToken) })
    assert.equal(reply.state, 'needs-bindings')
    assert.ok(reply.missing.length > 20 && reply.missing.every((one: { why: string }) => one.why !== ''))
    assert.match(reply.yaml, new RegExp(`POST /v1/palisade/clusters/${reply.uid}/check`))
    assert.equal((await read(reply.uid)).status.state, 'Importing')
    const file = await api.call(tenant.admin, 'GET /v1/spectroclusters/{uid}/assets/kubeconfig', at(reply.uid))
    assert.equal(file.refusal?.code, 'cluster_not_ready')
    const access = await api.must(tenant.admin, 'GET /v1/palisade/clusters/{uid}', at(reply.uid))
    assert.deepEqual([access.yaml, access.missing, access.credential], [reply.yaml, reply.missing, undefined])
    const overview = await api.must(tenant.admin, 'GET /v1/dashboard/spectroclusters/{uid}/overview', at(reply.uid))
    assert.equal(overview.status.health.state, 'Unknown')
    assert.equal(overview.status.conditions[0].reason, 'NeedsBindings')
  })

  test('print makes nothing on the cluster', async () => {
    const reply = await importCluster({ bindings: 'print' })
    assert.deepEqual([reply.state, reply.created, cluster.objects.size], ['needs-bindings', [], 0])
    assert.deepEqual([reply.kubernetesVersion, reply.levels], ['v1.36.3', undefined])
  })

  test('where a tenant has switched automatic bindings off, nothing is made unless it is asked for', async () => {
    const own = await api.tenant()
    const route = 'PUT /v1/tenants/{tenantUid}/preferences/clusterRbacSettings'
    const set = (automaticClusterRoleBinding: string) =>
      api.must(own.admin, route, { params: { tenantUid: own.uid }, body: { automaticClusterRoleBinding } })
    const unasked = () => importCluster({ project: own.project }, own.admin)
    await set('disabled')
    const printed = await unasked()
    assert.deepEqual([printed.state, printed.created, cluster.objects.size], ['needs-bindings', [], 0])
    const check = 'POST /v1/palisade/clusters/{uid}/check'
    const kubeconfig = cluster.kubeconfig()
    const checked = await api.must(own.admin, check, at(printed.uid, { body: { kubeconfig } }))
    assert.deepEqual(
      [checked.state, cluster.objects.size],
      ['needs-bindings', 0],
      'a check repeats what an import does',
    )
    const entry = api.entries.findLast((one) => one.tenant === own.uid && one.event === 'cluster.imported')
    assert.equal(entry?.details.bindings, 'print', 'the log says what was done, not what was asked')
    assert.equal((await importCluster({ project: own.project, bindings: 'install' }, own.admin)).state, 'ready')
    for (const on of ['enabled', 'none']) {
      cluster.objects.clear()
      await set(on)
      assert.equal((await unasked()).state, 'ready', on)
    }
  })

  test('whether an agent may be upgraded is kept for clients, on the cluster where they look for it', async () => {
    const { uid } = await importCluster()
    const upgrade = (spectroComponents: string) =>
      api.call(
        tenant.admin,
        'POST /v1/spectroclusters/{uid}/upgrade/settings',
        at(uid, { body: { spectroComponents } }),
      )
    const key = 'spectroComponentsUpgradeForbidden'
    assert.equal((await upgrade('lock')).status, 204)
    assert.equal((await read(uid)).metadata.annotations[key], 'true')
    assert.equal((await upgrade('locked')).refusal?.code, 'invalid')
    await upgrade('unlock')
    assert.equal((await read(uid)).metadata.annotations[key], undefined)
    const viewer = await member(tenant.project, 'Cluster Viewer')
    const refused = await api.call(viewer, 'POST /v1/spectroclusters/{uid}/upgrade/settings', at(uid, { body: {} }))
    assert.equal(refused.refusal?.details?.permission, 'cluster.update')
  })

  test('what is refused is refused before the cluster is asked', async () => {
    const calls = cluster.calls.length
    const refusal = async (body: unknown, project: string | undefined = tenant.project) =>
      (await api.call(tenant.admin, importPath, { body, ...(project ? { project } : {}) })).refusal
    assert.equal((await refusal(newCluster(), ''))?.code, 'project_required')
    assert.equal((await refusal(newCluster({ name: ' ' })))?.code, 'invalid')
    assert.equal((await refusal(newCluster({ name: 'a\u202eb' })))?.code, 'invalid')
    assert.equal((await refusal(newCluster({ bindings: 'maybe' })))?.code, 'invalid')
    assert.equal((await refusal({ ...newCluster(), force: true }))?.code, 'invalid')
    assert.equal((await refusal(newCluster({ kubeconfig: 'x'.repeat(300_000) })))?.code, 'invalid')
    const bad = await refusal(newCluster({ kubeconfig: cluster.kubeconfig().replace('token:', 'tokenFile:') }))
    assert.equal(bad?.code, 'kubeconfig_refused')
    assert.match(bad?.detail ?? '', /`tokenFile` names a file/)
    await importCluster({ name: 'Taken' })
    const asked = cluster.calls.length
    assert.equal((await refusal(newCluster({ name: 'TAKEN ' })))?.code, 'cluster_name_taken')
    assert.equal(cluster.calls.length, asked)
    assert.ok(calls < asked)
  })

  test('D17: an address that may not be a cluster is refused, whatever stands for it', async () => {
    const kubeconfig = cluster.kubeconfig(adminToken, { server: 'https://169.254.169.254' })
    const { refusal } = await api.call(tenant.admin, importPath, {
      project: tenant.project,
      body: newCluster({ kubeconfig }),
    })
    assert.deepEqual([refusal?.code, refusal?.details?.reason], ['destination_refused', 'destination'])
  })

  test('each fault of a cluster has its code, and nothing is kept of it', async () => {
    const faults: [part: string, reply: ReturnType<typeof status>, code: string][] = [
      ['/version', { status: 200, body: {} }, 'cluster_unsupported'],
      ['selfsubjectreviews', status(401, 'Unauthorized'), 'cluster_refuses'],
      ['PATCH', status(409, 'conflict'), 'cluster_objects_differ'],
      ['/token', status(503, 'later'), 'cluster_unreachable'],
    ]
    for (const [part, reply, code] of faults) {
      cluster.intercept = ({ method, path }) => (`${method} ${path}`.includes(part) ? reply : undefined)
      const body = newCluster()
      assert.equal((await api.call(tenant.admin, importPath, { project: tenant.project, body })).refusal?.code, code)
      const found = await api.must(tenant.admin, 'POST /v1/dashboard/spectroclusters/metadata', {
        body: { filter: { name: { eq: body.metadata.name } } },
      })
      assert.deepEqual([found.items, cluster.objects.size], [[], 0])
    }
  })

  test('a name taken while the cluster was being asked takes back what was made', async () => {
    let overtaken = false
    cluster.intercept = async ({ path, token }) => {
      if (overtaken || token !== adminToken || !path.endsWith('/token')) return undefined
      overtaken = true
      assert.equal(cluster.objects.size, 9)
      await importCluster({ name: 'race', kubeconfig: cluster.kubeconfig(limitedToken) })
      return undefined
    }
    const { refusal } = await api.call(tenant.admin, importPath, {
      project: tenant.project,
      body: newCluster({ name: 'race' }),
    })
    assert.equal(refusal?.code, 'cluster_name_taken')
    assert.equal(cluster.objects.size, 0)
  })

  test('a second cluster of the same server is taken, with a warning', async () => {
    const first = await importCluster({ name: 'twin-a' })
    const second = await importCluster({ name: 'twin-b' })
    assert.ok(second.warnings.some((text: string) => text.includes('"twin-a"')))
    assert.notEqual(first.uid, second.uid)
  })

  test('whoever may not import in that project does not reach the cluster', async () => {
    const project = await newProject()
    const editor = await member(project, 'Cluster Editor')
    const calls = cluster.calls.length
    const { refusal } = await api.call(editor, importPath, { project, body: newCluster() })
    assert.equal(refusal?.code, 'forbidden')
    assert.equal(cluster.calls.length, calls)
    const admin = await member(project, 'Cluster Admin')
    assert.equal((await importCluster({ project }, admin)).state, 'ready')
    assert.equal((await api.call(admin, importPath, { project: tenant.project, body: newCluster() })).status, 403)
  })

  test('E08: one tenant has few conversations with clusters at a time', async () => {
    cluster.intercept = () => 'silence'
    const asked = Array.from({ length: 5 }, () => importCluster())
    const first = await Promise.race(asked.map((one) => one.catch((cause: Error) => cause.message)))
    assert.match(String(first), /"busy"/)
    await cluster.close()
    const rest = await Promise.allSettled(asked)
    assert.equal(
      rest.filter((one) => String((one as PromiseRejectedResult).reason).includes('cluster_unreachable')).length,
      4,
    )
    cluster = await startFakeKubernetes()
  })
})

describe('check', () => {
  const check = 'POST /v1/palisade/clusters/{uid}/check'

  test('finishes after the YAML was applied, with a token of the account', async () => {
    const { uid } = await importCluster({ bindings: 'print' })
    const epoch = await factsEpoch()
    assert.equal((await clusters.find(tenant.uid, uid, epoch))?.state, 'needs-bindings')
    await importCluster() // applies what the YAML says
    const [token] = cluster.tokens
    const done = await api.must(tenant.admin, check, at(uid, { body: { token } }))
    assert.deepEqual([done.state, done.created, done.missing, done.levels.length], ['ready', [], [], 3])
    assert.equal((await read(uid)).status.state, 'Running')
    const found = await clusters.find(tenant.uid, uid, await factsEpoch())
    assert.ok(found?.token && cluster.tokens.has(found.token.reveal()))
  })

  test('names the levels that are bound, and those that are not', async () => {
    const { uid } = await importCluster()
    const [token] = cluster.tokens
    cluster.intercept = ({ path, headers }) =>
      path.endsWith('/selfsubjectaccessreviews') && headers['impersonate-group']?.includes('palisade:level:edit')
        ? { status: 201, body: { status: { allowed: false } } }
        : undefined
    const done = await api.must(tenant.admin, check, at(uid, { body: { token } }))
    const missing = done.missing.map(({ name }: { name: string }) => name)
    assert.deepEqual([done.state, done.levels, missing], ['ready', ['view', 'admin'], ['edit']])
  })

  test('installs with a better kubeconfig, and goes on waiting with a worse one', async () => {
    const { uid } = await importCluster({ kubeconfig: cluster.kubeconfig(limitedToken) })
    const again = await api.must(
      tenant.admin,
      check,
      at(uid, { body: { kubeconfig: cluster.kubeconfig(limitedToken) } }),
    )
    assert.equal(again.state, 'needs-bindings')
    const done = await api.must(tenant.admin, check, at(uid, { body: { kubeconfig: cluster.kubeconfig() } }))
    assert.deepEqual([done.state, done.created.length], ['ready', 9])
    // A working cluster is not judged by a check that had too few rights.
    cluster.objects.clear()
    const worse = await api.must(
      tenant.admin,
      check,
      at(uid, { body: { kubeconfig: cluster.kubeconfig(limitedToken) } }),
    )
    assert.deepEqual([worse.state, worse.levels], ['ready', undefined])
    assert.ok(worse.missing.length > 20)
    assert.deepEqual((await api.must(tenant.admin, 'GET /v1/palisade/clusters/{uid}', at(uid))).missing, [])
  })

  test('takes one of the two, and a kubeconfig of the same server only', async () => {
    const { uid } = await importCluster()
    const code = async (body: object) => (await api.call(tenant.admin, check, at(uid, { body }))).refusal?.code
    assert.equal(await code({}), 'invalid')
    assert.equal(await code({ token: 'a', kubeconfig: cluster.kubeconfig() }), 'invalid')
    assert.equal(await code({ token: 'two words' }), 'invalid')
    assert.equal(await code({ token: 'unknown' }), 'cluster_refuses')
    const elsewhere = cluster.kubeconfig(adminToken, { server: `https://localhost:${cluster.port}` })
    assert.equal(await code({ kubeconfig: elsewhere }), 'kubeconfig_refused')
  })
})

describe('who sees and does what', () => {
  test('D10, D12: another tenant’s cluster and none are the same answer on every route', async () => {
    const { uid } = await importCluster()
    const routes = clusters.endpoints.map(({ route }) => route as string).filter((route) => route.includes('{uid}'))
    assert.ok(routes.length >= 11)
    for (const route of routes) {
      const bodies: Record<string, unknown> = {
        'PATCH /v1/spectroclusters/{uid}/metadata': { metadata: { name: 'mine' } },
        'POST /v1/palisade/clusters/{uid}/check': { token: 'x' },
        'PUT /v1/palisade/clusters/{uid}/credentialMode': { mode: 'token' },
        'POST /v1/palisade/clusters/{uid}/directToken': {},
        'POST /v1/spectroclusters/{uid}/upgrade/settings': {},
        'PUT /v1/spectroclusters/{uid}/assets/kubeconfig': { kubeconfig: 'x' },
        'PUT /v1/spectroclusters/{uid}/location': { location: null },
      }
      const body = bodies[route]
      for (const id of [uid, newUid(), 'nonsense', '../x']) {
        const { refusal } = await api.call(other.admin, route, at(id, body === undefined ? {} : { body }))
        assert.deepEqual([route, id, refusal], [route, id, { code: 'not_found' }])
      }
    }
    assert.equal((await read(uid)).metadata.uid, uid)
  })

  test('lists show the clusters of projects in which the caller may list, and count no others', async () => {
    const [mine, theirs] = [await newProject(), await newProject()]
    const seen = await importCluster({ project: mine, name: 'visible' })
    const hidden = await importCluster({ project: theirs, name: 'hidden' })
    const viewer = await member(mine, 'Cluster Viewer')
    // Some lists hold objects, some their metadata alone.
    const uids = (items: { uid?: string; metadata?: { uid: string } }[]) =>
      items.map((one) => one.metadata?.uid ?? one.uid)

    const lists: [string, object, (body: { items: never[] }) => never[]][] = [
      ['GET /v1/spectroclusters', {}, ({ items }) => items],
      ['POST /v1/dashboard/spectroclusters/search', { body: {} }, ({ items }) => items],
      ['GET /v1/dashboard/spectroclusters/metadata', {}, ({ items }) => items],
      ['POST /v1/dashboard/spectroclusters/metadata', { body: null }, ({ items }) => items],
      ['GET /v1/dashboard/spectroclusters/meta', {}, (body) => body as unknown as never[]],
    ]
    for (const [route, call, itemsOf] of lists) {
      const whole = await api.must(viewer, route, call)
      assert.deepEqual([route, uids(itemsOf(whole))], [route, [seen.uid]])
      if (whole.listmeta) assert.equal(whole.listmeta.count, 1)
      assert.deepEqual(uids(itemsOf(await api.must(viewer, route, { ...call, project: mine }))), [seen.uid])
      assert.equal((await api.call(viewer, route, { ...call, project: theirs })).refusal?.code, 'forbidden')
      assert.deepEqual(uids(itemsOf(await api.must(tenant.admin, route, { ...call, project: theirs }))), [hidden.uid])
      assert.deepEqual(itemsOf(await api.must(other.admin, route, call)), [])
    }
    const everything = uids((await api.must(tenant.admin, 'GET /v1/spectroclusters', { query: { limit: '0' } })).items)
    assert.ok(everything.includes(seen.uid) && everything.includes(hidden.uid))
    const inputs = (await api.must(viewer, 'GET /v1/dashboard/spectroclusters/search/input')).inputs
    assert.deepEqual(
      inputs.projectUid.values.map((one: { uid: string }) => one.uid),
      [mine],
    )
    assert.equal((await api.call(viewer, 'GET /v1/spectroclusters/{uid}', at(hidden.uid))).refusal?.code, 'forbidden')
  })

  test('labels and names change with cluster.update; labels with tag.update too', async () => {
    const project = await newProject()
    const { uid } = await importCluster({ project, labels: { env: 'dev', keep: 'me' } })
    const path = 'PATCH /v1/spectroclusters/{uid}/metadata'
    const viewer = await member(project, 'Cluster Viewer')
    const editor = await member(project, 'Cluster Editor')
    const body = { metadata: { labels: { env: 'prod', keep: 'me' } } }
    assert.equal((await api.call(viewer, path, at(uid, { body }))).refusal?.code, 'forbidden')
    await api.must(editor, path, at(uid, { body }))
    const seen = await read(uid)
    assert.deepEqual(seen.metadata.labels, body.metadata.labels)
    const entry = api.entries.findLast(({ resource }) => resource.uid === uid)
    assert.deepEqual(entry?.details.labels, { before: { env: 'dev' }, after: { env: 'prod' } })

    await api.must(
      editor,
      path,
      at(uid, {
        body: {
          metadata: { name: 'renamed', labels: null, annotations: { note: 'x', scope: 'system', permissions: 'all' } },
        },
      }),
    )
    const renamed = await read(uid, editor)
    assert.equal(renamed.metadata.name, 'renamed')
    assert.deepEqual(renamed.metadata.labels, body.metadata.labels)
    assert.deepEqual([renamed.metadata.annotations.note, renamed.metadata.annotations.scope], ['x', 'project'])
    assert.equal(renamed.metadata.annotations.permissions, 'cluster.get,cluster.list,cluster.update,tag.update')

    await importCluster({ project, name: 'occupied' })
    const taken = await api.call(editor, path, at(uid, { body: { metadata: { name: 'OCCUPIED' } } }))
    assert.equal(taken.refusal?.code, 'cluster_name_taken')
    assert.equal((await read(uid)).metadata.name, 'renamed')
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v']))
    assert.equal(
      (await api.call(editor, path, at(uid, { body: { metadata: { labels: many } } }))).refusal?.code,
      'invalid',
    )
  })

  test('D02: labels are only changed to what the caller may change, and with the right to tags', async () => {
    const { uid } = await importCluster({ labels: { env: 'dev' } })
    const patch = clusters.endpoints.find(({ route }) => route === 'PATCH /v1/spectroclusters/{uid}/metadata')
    // Roles with filters cannot be given yet; what they would allow is said here.
    const attempt = (allows: (permission: string, tags: Record<string, string>) => boolean, labels: object) =>
      api.inTenant(tenant.uid, async (tx) => {
        const target = { kind: 'spectrocluster', uid, scope: { kind: 'project', projectUid: tenant.project } }
        const says = (permission: string, on: { tags: Record<string, string> }) => allows(permission, on.tags)
        const answer = await patch?.handle({
          ...{ tx, params: { uid }, body: { metadata: { labels } }, target, requestId: 'r', now: new Date() },
          access: { allows: says, allowsForGood: says },
        } as never) // the members that this handler reads
        return answer?.ok ? 'done' : answer?.error.details?.permission
      })
    const onlyDev = (permission: string, tags: Record<string, string>) =>
      permission === 'tag.update' || tags.env === 'dev'
    assert.equal(await attempt(onlyDev, { env: 'prod' }), 'cluster.update')
    assert.equal(await attempt(onlyDev, {}), 'cluster.update')
    assert.equal(await attempt((permission) => permission !== 'tag.update', { env: 'dev', x: 'y' }), 'tag.update')
    assert.equal(await attempt(() => false, { env: 'dev' }), 'done') // nothing changes
    assert.equal(await attempt(onlyDev, { env: 'dev', x: 'y' }), 'done')
  })

  test('under the header of another project a cluster is not there, and nothing is done to it', async () => {
    const [project, other] = [await newProject(), await newProject()]
    const { uid } = await importCluster({ project })
    for (const path of ['GET /v1/spectroclusters/{uid}', 'DELETE /v1/spectroclusters/{uid}'])
      assert.equal((await api.call(tenant.admin, path, { ...at(uid), project: other })).refusal?.code, 'not_found')
    assert.equal((await api.call(tenant.admin, 'GET /v1/spectroclusters/{uid}', { ...at(uid), project })).status, 200)
    assert.equal((await read(uid)).metadata.uid, uid)
  })

  test('a token of a list that was made by hand is refused', async () => {
    const token = (after: unknown[]) =>
      Buffer.from(JSON.stringify({ offset: 1, count: 3, token: JSON.stringify(after) })).toString('base64url')
    const uid = '0'.repeat(24)
    for (const after of [['a\0', uid], ['\ud800', uid], ['a', 'x'], ['a', `${uid}\0`], [1, uid], ['a']])
      assert.equal(
        (await api.call(tenant.admin, 'GET /v1/spectroclusters', { query: { limit: '1', continue: token(after) } }))
          .refusal?.code,
        'invalid',
        JSON.stringify(after),
      )
  })

  test('delete takes cluster.delete, raises the epoch, and says what stays on the cluster', async () => {
    const project = await newProject()
    const { uid } = await importCluster({ project })
    const editor = await member(project, 'Cluster Editor')
    const path = 'DELETE /v1/spectroclusters/{uid}'
    assert.equal((await api.call(editor, path, at(uid))).refusal?.code, 'forbidden')
    const before = await factsEpoch()
    assert.ok(await clusters.find(tenant.uid, uid, before))
    await api.must(tenant.admin, path, at(uid))
    const after = await factsEpoch()
    assert.ok(after > before)
    assert.equal(await clusters.find(tenant.uid, uid, after), undefined)
    assert.equal((await api.call(tenant.admin, 'GET /v1/spectroclusters/{uid}', at(uid))).refusal?.code, 'not_found')
    const entry = api.entries.findLast(({ resource }) => resource.uid === uid)
    assert.equal(entry?.details.leftOnCluster, 'palisade-system/palisade-impersonator')
  })

  test('a name can be asked for before the import', async () => {
    const { uid } = await importCluster({ name: 'asked' })
    const ask = async (name: string, project?: string) => {
      const reply = await api.call(tenant.admin, 'GET /v1/spectroclusters/validate/name', {
        query: { name },
        ...(project ? { project } : {}),
      })
      return reply.refusal?.code ?? reply.status
    }
    assert.deepEqual(
      [
        await ask('free', tenant.project),
        await ask('Asked', tenant.project),
        await ask('', tenant.project),
        await ask('free'),
      ],
      [204, 'cluster_name_taken', 'invalid', 'project_required'],
    )
    const inProject = await api.inTenant(tenant.uid, (tx) => clusters.inProject(tx, tenant.project))
    assert.ok(inProject.some((one) => one.uid === uid && one.state === 'Running'))
  })
})

describe('kubeconfigs', () => {
  const assets = (name: string) => `GET /v1/spectroclusters/{uid}/assets/${name}`

  test('lead through Palisade with a token of the caller, and hold nothing of the cluster', async () => {
    const project = await newProject()
    const { uid } = await importCluster({ project, name: 'na: "me"' })
    const viewer = await member(project, 'Cluster Viewer')
    for (const name of ['kubeconfig', 'kubeconfigclient']) {
      const text = await api.must(viewer, assets(name), at(uid))
      const file = parse(text)
      assert.equal(file['current-context'], 'na: "me"')
      assert.equal(file.clusters[0].cluster.server, `https://palisade.test:8443/k8s/clusters/${uid}`)
      assert.equal(Buffer.from(file.clusters[0].cluster['certificate-authority-data'], 'base64').toString(), 'our CA')
      assert.equal(file.users[0].user.token, `short-${viewer.user}`)
      assert.doesNotMatch(text, /account-|admin-token|127\.0\.0\.1/)
      const entry = api.entries.findLast(({ resource }) => resource.uid === uid)
      assert.deepEqual([entry?.event, entry?.outcome], ['cluster.kubeconfig.issued', 'done'])
    }
    assert.equal((await api.call(viewer, assets('adminKubeconfig'), at(uid))).refusal?.code, 'forbidden')
    assert.ok(await api.must(tenant.admin, assets('adminKubeconfig'), at(uid)))
  })
})

describe('search', () => {
  let project: string
  before(async () => {
    project = await newProject()
    const given: [string, object, string][] = [
      ['Alpha', { env: 'prod', team: 'a' }, adminToken],
      ['beta', { env: 'dev' }, adminToken],
      ['gamma', { spot: 'spectro__tag' }, limitedToken],
      ["o'delta%_\\", {}, adminToken],
    ]
    for (const [name, labels, token] of given)
      await importCluster({
        project,
        name,
        labels,
        kubeconfig: cluster.kubeconfig(token),
        bindings: token === limitedToken ? 'print' : 'install',
      })
  })

  const find = async (body: object, query: Record<string, string> = {}) => {
    const reply = await api.call(tenant.admin, 'POST /v1/dashboard/spectroclusters/search', { project, body, query })
    return reply.refusal
      ? reply.refusal.detail
      : reply.body.items.map((one: { metadata: { name: string } }) => one.metadata.name)
  }
  const one = (property: string, type: string, condition: object) => ({
    filter: {
      conjunction: 'and',
      filterGroups: [{ conjunction: 'and', filters: [{ property, type, condition: { [type]: condition } }] }],
    },
  })
  const text = (property: string, operator: string, values: string[], rest: object = {}) =>
    one(property, 'string', { operator, match: { conjunction: 'or', values }, ...rest })
  const tag = (key: string, operator: string, values: string[], rest: object = {}) =>
    one('tags', 'keyValue', { key, operator, match: { values }, ...rest })
  const all = ['Alpha', 'beta', 'gamma', "o'delta%_\\"]

  const cases: [rule: string, body: () => object, found: string[]][] = [
    ['nothing asked is everything', () => ({}), all],
    ['nulls are nothing', () => ({ filter: { filterGroups: null }, sort: null }), all],
    ['a group without filters is nothing', () => ({ filter: { filterGroups: [{ filters: [] }] } }), all],
    ['a name', () => text('clusterName', 'eq', ['beta']), ['beta']],
    ['case counts', () => text('clusterName', 'eq', ['ALPHA']), []],
    ['unless it says otherwise', () => text('clusterName', 'eq', ['ALPHA'], { ignoreCase: true }), ['Alpha']],
    ['several names', () => text('clusterName', 'eq', ['Alpha', 'beta']), ['Alpha', 'beta']],
    ['negated', () => text('clusterName', 'eq', ['Alpha'], { negation: true }), all.slice(1)],
    ['a part', () => text('clusterName', 'contains', ['a%_']), ["o'delta%_\\"]],
    [
      'all parts',
      () => one('clusterName', 'string', { operator: 'contains', match: { conjunction: 'and', values: ['b', 't'] } }),
      ['beta'],
    ],
    ['a beginning', () => text('clusterName', 'beginsWith', ["o'"]), ["o'delta%_\\"]],
    ['a state', () => text('clusterState', 'eq', ['Importing']), ['gamma']],
    ['a health', () => text('healthState', 'eq', ['Unknown']), ['gamma']],
    ['the environment', () => text('environment', 'eq', ['generic']), all],
    [
      'the provider’s way to leave out virtual ones',
      () => text('environment', 'eq', ['nested'], { negation: true }),
      all,
    ],
    ['not deleted', () => one('isDeleted', 'bool', { value: false }), all],
    ['deleted', () => one('isDeleted', 'bool', { value: true }), []],
    ['a version', () => text('kubernetesVersion', 'beginsWith', ['1.36']), all],
    ['a project', () => text('projectUid', 'eq', [project]), all],
    ['a tag', () => tag('env', 'eq', ['prod']), ['Alpha']],
    ['a tag that is missing equals nothing', () => tag('env', 'eq', ['']), []],
    ['a tag that is missing is not equal', () => tag('env', 'eq', ['prod'], { negation: true }), all.slice(1)],
    ['a bare tag', () => tag('spot', 'eq', ['spectro__tag']), ['gamma']],
    [
      'a date',
      () => one('creationTimestamp', 'date', { operator: 'gt', match: { values: ['0000-01-01T00:00:00Z'] } }),
      all,
    ],
    [
      'a range',
      () =>
        one('creationTimestamp', 'date', {
          operator: 'range',
          match: { values: ['2020-01-01T00:00:00Z', '2021-01-01T00:00:00Z'] },
        }),
      [],
    ],
    [
      'groups joined by or',
      () => ({
        filter: {
          conjunction: 'or',
          filterGroups: [text('clusterName', 'eq', ['beta']), tag('team', 'eq', ['a'])].flatMap(
            ({ filter }) => filter.filterGroups,
          ),
        },
      }),
      ['Alpha', 'beta'],
    ],
    ['sorted downwards', () => ({ sort: [{ field: 'clusterName', order: 'desc' }] }), all.toReversed()],
    [
      'sorted by state, then name',
      () => ({ sort: [{ field: 'clusterState', order: 'asc' }] }),
      ['gamma', 'Alpha', 'beta', "o'delta%_\\"],
    ],
    ['sorted by what is the same for all', () => ({ sort: [{ field: 'environment', order: 'desc' }] }), all],
  ]
  for (const [rule, body, found] of cases) test(rule, async () => assert.deepEqual(await find(body()), found))

  const refused: [rule: string, body: object, sentence: RegExp][] = [
    ['an unknown property', text('secret', 'eq', ['x']), /"secret" is not known; use clusterName,/],
    ['an inherited property', text('constructor', 'eq', ['x']), /is not known/],
    ['another type', one('clusterName', 'bool', { value: true }), /is of type string, not bool/],
    [
      'no condition',
      { filter: { filterGroups: [{ filters: [{ property: 'clusterName', type: 'string' }] }] } },
      /needs condition.string/,
    ],
    ['no values', text('clusterName', 'eq', []), /needs 1 to 100 values/],
    [
      'half a range',
      one('creationTimestamp', 'date', { operator: 'range', match: { values: ['2020-01-01T00:00:00Z'] } }),
      /two values/,
    ],
    ['an unknown order', { sort: [{ field: 'memoryUsage', order: 'asc' }] }, /"memoryUsage" is not known/],
    ['an operator of nobody', text('clusterName', 'matches', ['x']), /operator/],
    [
      'too many comparisons',
      {
        filter: {
          filterGroups: Array.from({ length: 51 }, () => text('clusterName', 'eq', ['x']).filter.filterGroups[0]),
        },
      },
      /more than 50/,
    ],
  ]
  for (const [rule, body, sentence] of refused)
    test(`${rule} is refused`, async () => assert.match(String(await find(body)), sentence))

  test('pages follow one another', async () => {
    const page = async (query: Record<string, string>) =>
      api.must(tenant.admin, 'POST /v1/dashboard/spectroclusters/search', { project, body: {}, query })
    const first = await page({ limit: '3' })
    assert.deepEqual([first.items.length, first.listmeta.count], [3, 4])
    const last = await page({ limit: '3', continue: first.listmeta.continue })
    assert.deepEqual([last.items.length, last.listmeta.continue], [1, ''])
    assert.equal((await page({ offset: '10' })).listmeta.count, 4)
    const bad = await api.call(tenant.admin, 'POST /v1/dashboard/spectroclusters/search', {
      project,
      body: {},
      query: { continue: 'x' },
    })
    assert.equal(bad.refusal?.code, 'invalid')
  })

  test('the names by part, and none that carry others', async () => {
    const names = async (body: object | null) =>
      (await api.must(tenant.admin, 'POST /v1/dashboard/spectroclusters/metadata', { project, body })).items.map(
        (item: { name: string }) => item.name,
      )
    assert.deepEqual(await names({ filter: { name: { contains: 'ALPH' } } }), ['Alpha'])
    assert.deepEqual(await names({ filter: { name: { contains: 'ALPH', ignoreCase: false } } }), [])
    assert.deepEqual(await names({ filter: { name: { ne: 'alpha', beginsWith: 'b' } } }), ['beta'])
    assert.deepEqual(await names({ filter: { state: 'Importing', environment: 'generic' }, sort: 'state' }), ['gamma'])
    assert.deepEqual(await names({ filter: { environment: 'aws' } }), [])
    const hosts = await api.must(tenant.admin, 'GET /v1/dashboard/spectroclusters/metadata', {
      project,
      query: { quickFilter: 'hostclusters' },
    })
    assert.deepEqual(hosts.items, [])
  })

  test('the schema names what the search takes', async () => {
    const { schema } = await api.must(tenant.admin, 'GET /v1/dashboard/spectroclusters/search/schema')
    for (const { name, type } of schema.properties)
      assert.doesNotMatch(
        String(
          await find(
            one(name, type, { value: true, key: 'x', operator: 'eq', match: { values: ['2020-01-01T00:00:00Z'] } }),
          ),
        ),
        /not known|of type/,
      )
  })
})

describe('the Kubernetes door’s look at a cluster', () => {
  test('with the epoch unchanged nothing is read again; a change of labels is seen at once', async () => {
    const { uid } = await importCluster({ labels: { env: 'dev' } })
    const epoch = await factsEpoch()
    const found = await records.find(tenant.uid, uid, epoch)
    assert.deepEqual(found?.tags, { env: 'dev' })
    assert.equal(found?.endpoint?.server.url, cluster.server)
    assert.equal(await records.find(tenant.uid, uid, epoch), found)
    await api.must(
      tenant.admin,
      'PATCH /v1/spectroclusters/{uid}/metadata',
      at(uid, { body: { metadata: { labels: { env: 'prod' } } } }),
    )
    const after = await factsEpoch()
    const [first, second] = await Promise.all([
      records.find(tenant.uid, uid, after),
      records.find(tenant.uid, uid, after),
    ])
    assert.deepEqual(first?.tags, { env: 'prod' })
    assert.equal(first, second)
  })

  test('another tenant finds nothing', async () => {
    const { uid } = await importCluster()
    for (const id of [uid, newUid(), 'x', '']) assert.equal(await records.find(other.uid, id, 0n), undefined)
  })
})

describe('renewal', () => {
  const halfLifeMs = 15 * 24 * 3_600_000

  test('half a token’s life before its end it is replaced, once, and the door uses the new one', async () => {
    const { uid } = await importCluster({ name: 'renewed' })
    const epoch = await factsEpoch()
    const before = await records.find(tenant.uid, uid, epoch)
    await renewal.renewDue()
    assert.equal((await records.find(tenant.uid, uid, epoch))?.token, before?.token)
    offsetMs = halfLifeMs + 60_000
    recorded.length = 0
    const asked = cluster.calls.length
    await Promise.all([renewal.renewDue(), renewal.renewDue()])
    const after = await records.find(tenant.uid, uid, epoch)
    assert.notEqual(after?.token?.reveal(), before?.token?.reveal())
    const mine = cluster.calls.slice(asked).filter(({ token }) => token === before?.token?.reveal())
    assert.equal(mine.length, 1)
    assert.ok(recorded.some(({ event, details }) => event === 'cluster.credential.renewed' && 'expiresAt' in details))
    const access = await api.must(tenant.admin, 'GET /v1/palisade/clusters/{uid}', at(uid))
    assert.equal(access.credential.problem, undefined)
  })

  test('a failure is told in the cluster’s status and tried again later', async () => {
    const { uid } = await importCluster({ name: 'unlucky' })
    offsetMs = 2 * halfLifeMs + 120_000
    cluster.intercept = ({ path }) =>
      path.endsWith('/token') ? status(403, 'serviceaccounts "x" is forbidden') : undefined
    await renewal.renewDue()
    const health = async () => (await api.must(tenant.admin, 'GET /v1/dashboard/spectroclusters/{uid}', at(uid))).status
    const bad = await health()
    assert.equal(bad.health.state, 'UnHealthy')
    assert.match(bad.conditions[1].message, /is forbidden/)
    assert.ok(log.some((line) => line.includes(uid) && line.includes('could not be renewed')))
    cluster.intercept = undefined
    const calls = cluster.calls.length
    await renewal.renewDue()
    assert.equal(cluster.calls.length, calls)
    offsetMs += 11 * 60_000
    await renewal.renewDue()
    assert.equal((await health()).health.state, 'Healthy')
  })

  test('a cluster that is removed in the meantime stays removed', async () => {
    const { uid } = await importCluster()
    offsetMs = 4 * halfLifeMs
    const token = (await records.find(tenant.uid, uid, 0n))?.token?.reveal()
    cluster.intercept = async (call) => {
      if (call.token !== token) return undefined
      assert.match(call.path, /\/token$/)
      await api.must(tenant.admin, 'DELETE /v1/spectroclusters/{uid}', at(uid))
      return undefined
    }
    await renewal.renewDue()
    assert.equal(await records.find(tenant.uid, uid, await factsEpoch()), undefined)
    assert.ok(!recorded.some(({ resource }) => resource.uid === uid))
  })
})

test('E01, E05: no answer, entry or log line shows a kubeconfig, a token or the account’s credential', async () => {
  const uid = ClusterUid.parse((await importCluster({ name: 'canary' })).uid)
  const said: unknown[] = [api.entries, recorded, log]
  for (const { route } of clusters.endpoints.filter(({ route }) => route.startsWith('GET '))) {
    const query = route.includes('validate') ? { name: 'x' } : {}
    const reply = await api.call(tenant.admin, route, { ...at(uid), query, project: tenant.project })
    said.push([route, reply])
  }
  const bad = newCluster({ kubeconfig: cluster.kubeconfig('canary-token').replace('current-context', 'no-context') })
  said.push(await api.call(tenant.admin, importPath, { project: tenant.project, body: bad }))
  const text = JSON.stringify(said, (_key, value) => (typeof value === 'bigint' ? String(value) : value))
  assert.doesNotMatch(text, /admin-token|limited-token|canary-token|account-[0-9a-f]{8}/)
  const stored = await api.inTenant(tenant.uid, (tx) =>
    tx.query<{ row: string }>(`select row_to_json(c)::text as row from clusters c where tenant_id = $1`, [tenant.uid]),
  )
  const rows = stored.map(({ row }) => row).join('')
  assert.doesNotMatch(rows, /admin-token|limited-token|account-[0-9a-f]{8}|PRIVATE KEY/)
  assert.ok(!rows.includes(Buffer.from('account-').toString('hex')))
})

describe('roles on what a filter selects', () => {
  test('every list shows, and counts, what a get of each would allow (D12)', async () => {
    const { admin } = tenant
    const [here, there] = [await newProject(), await newProject()]
    const uids = new Map<string, string>()
    for (const [name, project, labels] of [
      ['selected', here, { env: 'prod', team: 'claims' }],
      ['other-env', here, { env: 'dev' }],
      ['untagged', here, {}],
      ['elsewhere', there, { env: 'prod' }],
    ] as const)
      uids.set(name, (await importCluster({ name, project, labels })).uid)
    const filter = await api.must(admin, 'POST /v1/filters/tag', {
      body: {
        metadata: { name: 'prod clusters' },
        spec: { filterGroup: { conjunction: 'and', filters: [{ key: 'env', operator: 'eq', values: ['prod'] }] } },
      },
    })
    const person = await api.person(admin)
    await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
      ...at(person.user),
      body: { projectUids: [here], filterRefs: [filter.uid], roles: [role('Resource Cluster Viewer')] },
    })

    const gets = []
    for (const [name, uid] of uids)
      if ((await api.call(person, 'GET /v1/spectroclusters/{uid}', at(uid))).status === 200) gets.push(name)
    assert.deepEqual(gets, ['selected'])
    const names = (items: readonly { metadata: { name: string } }[]) => items.map((one) => one.metadata.name)
    for (const project of [undefined, here]) {
      const asked = project === undefined ? {} : { project }
      const list = await api.must(person, 'GET /v1/spectroclusters', asked)
      assert.deepEqual([names(list.items), list.listmeta.count], [['selected'], 1])
      const found = await api.must(person, 'POST /v1/dashboard/spectroclusters/search', { ...asked, body: {} })
      assert.deepEqual([names(found.items), found.listmeta.count], [['selected'], 1])
      const { inputs } = await api.must(person, 'GET /v1/dashboard/spectroclusters/search/input', asked)
      assert.deepEqual(
        inputs.tags.values.map((one: { name: string }) => one.name),
        ['env', 'team'],
      )
    }
    const refused = await api.call(person, 'GET /v1/spectroclusters', { project: there })
    assert.deepEqual([refused.status, refused.refusal?.code], [403, 'forbidden'])
    const projects = await api.must(person, 'GET /v1/dashboard/projects/metadata')
    assert.deepEqual(
      projects.items.map((one: { metadata: { uid: string } }) => one.metadata.uid),
      [here],
      'the project that they have to select',
    )

    // Out of the filter, out of sight.
    const { env: _, ...rest } = { env: 'prod', team: 'claims' }
    await api.must(admin, 'PATCH /v1/spectroclusters/{uid}/metadata', {
      ...at(uids.get('selected') ?? ''),
      body: { metadata: { labels: rest } },
    })
    assert.deepEqual((await api.must(person, 'GET /v1/spectroclusters')).items, [])
  })

  test('who reaches a cluster through its tags does not tag others into reach, or it out of it (D02)', async () => {
    const { admin } = tenant
    const project = await newProject()
    const mine = (await importCluster({ project, labels: { env: 'prod' } })).uid
    const filter = await api.must(admin, 'POST /v1/filters/tag', {
      body: {
        metadata: { name: 'prod again' },
        spec: { filterGroup: { conjunction: 'and', filters: [{ key: 'env', operator: 'eq', values: ['prod'] }] } },
      },
    })
    const person = await api.person(admin)
    await api.must(admin, 'POST /v1/users/{uid}/resourceRoles', {
      ...at(person.user),
      body: { projectUids: [project], filterRefs: [filter.uid], roles: [role('Resource Cluster Editor')] },
    })
    const tag = (labels: object) =>
      api.call(person, 'PATCH /v1/spectroclusters/{uid}/metadata', { ...at(mine), body: { metadata: { labels } } })
    assert.equal((await tag({ env: 'dev' })).status, 403)
    // Tags have a right of their own, which no filter gives.
    assert.equal((await tag({ env: 'prod', team: 'x' })).status, 403)
    assert.deepEqual((await read(mine)).metadata.labels, { env: 'prod' })
  })
})

describe('import by manifest', () => {
  const route = (cloud = 'generic') => `POST /v1/spectroclusters/${cloud}/import`
  const join = 'PUT /v1/spectroclusters/{uid}/assets/kubeconfig'
  const manifestOf = (uid: string) =>
    api.must(tenant.admin, 'GET /v1/spectroclusters/{uid}/import/manifest', at(uid)) as Promise<string>
  const importBy = async (clusterConfig: object | null = null, cloud = 'generic') => {
    const metadata = {
      name: `manifest-${++made}`,
      labels: { env: 'prod' },
      annotations: { note: 'n', scope: 'tenant' },
    }
    const body = { metadata, spec: { clusterConfig } }
    return (await api.must(tenant.admin, route(cloud), { project: tenant.project, body })).uid as string
  }
  /** What kubectl does with the manifest. */
  const apply = (manifest: string) => {
    for (const document of parseAllDocuments(manifest)) {
      const object: KubernetesObject = document.toJS()
      cluster.objects.set(pathOf(object), { ...object })
    }
  }
  const accountKubeconfig = () => {
    cluster.tokens.add('account-by-hand')
    return cluster.kubeconfig('account-by-hand')
  }

  test('is pending with all that clients read, then joined by a kubeconfig of the account its manifest makes', async () => {
    const uid = await importBy({ importMode: '', proxy: { httpProxy: '', noProxy: null } }, 'aws')
    const seen = await read(uid)
    assert.deepEqual(
      [seen.status.state, seen.status.clusterImport.state, seen.spec.cloudType, seen.metadata.annotations.note],
      ['Pending', 'Pending', 'aws', 'n'],
    )
    assert.equal(seen.metadata.annotations.scope, 'project')
    assert.ok(seen.spec.clusterConfig && seen.spec.cloudConfigRef)
    const link = seen.status.clusterImport.importLink
    assert.equal(link, `kubectl apply -f https://palisade.test:8443/v1/spectroclusters/${uid}/import/manifest`)
    const overview = await api.must(tenant.admin, 'GET /v1/dashboard/spectroclusters/{uid}/overview', at(uid))
    assert.deepEqual([overview.status.state, overview.status.health.state], ['Pending', 'Unknown'])
    assert.equal(overview.status.conditions[0].reason, 'NotJoined')
    const access = await api.must(tenant.admin, 'GET /v1/palisade/clusters/{uid}', at(uid))
    assert.deepEqual([access.state, access.server, access.contactedAt], ['pending', undefined, undefined])
    assert.equal((await clusters.find(tenant.uid, uid, await factsEpoch()))?.endpoint, undefined)

    const manifest = await manifestOf(uid)
    assert.equal(access.yaml, manifest)
    assert.equal(await api.must(tenant.admin, 'GET /v1/spectroclusters/{uid}/assets/manifest', at(uid)), manifest)
    assert.match(manifest, new RegExp(`palisade cluster join ${uid}`))
    const body = { kubeconfig: accountKubeconfig() }
    const early = await api.call(tenant.admin, join, at(uid, { body }))
    assert.equal(early.refusal?.code, 'cluster_refuses', 'the account may not do anything yet')
    assert.equal((await read(uid)).status.state, 'Pending')

    apply(manifest)
    assert.equal((await api.call(tenant.admin, join, at(uid, { body }))).status, 204)
    const joined = await read(uid)
    assert.deepEqual([joined.status.state, joined.status.clusterImport.importLink], ['Running', link])
    const { host, port } = joined.status.apiEndpoints[0]
    assert.deepEqual([host, port], ['127.0.0.1', cluster.port])
    const found = await clusters.find(tenant.uid, uid, await factsEpoch())
    assert.ok(found?.token && cluster.tokens.has(found.token.reveal()) && found.token.reveal() !== 'account-by-hand')
    const healthy = await api.must(tenant.admin, 'GET /v1/dashboard/spectroclusters/{uid}/overview', at(uid))
    assert.equal(healthy.status.health.state, 'Healthy')
    const elsewhere = { kubeconfig: cluster.kubeconfig('t', { server: 'https://127.0.0.1:1' }) }
    const other = await api.call(tenant.admin, join, at(uid, { body: elsewhere }))
    assert.equal(other.refusal?.code, 'kubeconfig_refused', 'it stays where it is')
  })

  test('every kind of cloud is one, and search finds it by that', async () => {
    const uids: string[] = []
    for (const cloud of cloudTypes) uids.push(await importBy(null, cloud))
    for (const [i, cloud] of cloudTypes.entries()) {
      const string = { operator: 'eq', match: { values: [cloud] } }
      const filters = [{ property: 'environment', type: 'string', condition: { string } }]
      const { items } = await api.must(tenant.admin, 'POST /v1/dashboard/spectroclusters/search', {
        body: { filter: { filterGroups: [{ filters }] }, sort: null },
        query: { limit: '0' },
      })
      const found = items.map(({ metadata }: { metadata: { uid: string } }) => metadata.uid)
      assert.ok(found.includes(uids[i]), cloud)
      assert.ok(
        uids.every((uid, other) => other === i || !found.includes(uid)),
        cloud,
      )
    }
  })

  test('read-only: only the level that looks is bound, and lifting it says what is missing then', async () => {
    const uid = await importBy({ importMode: 'read-only' })
    const manifest = await manifestOf(uid)
    const bound = parseAllDocuments(manifest).map((one) => one.toJS())
    const levels = bound.filter(({ metadata }) => metadata.name.startsWith('palisade:level:'))
    assert.deepEqual(
      levels.map(({ roleRef }) => roleRef.name),
      ['view'],
    )
    apply(manifest)
    await api.must(tenant.admin, join, at(uid, { body: { kubeconfig: accountKubeconfig() } }))
    const before = await api.must(tenant.admin, 'GET /v1/palisade/clusters/{uid}', at(uid))
    assert.deepEqual(
      [before.state, before.importMode, before.missing, before.yaml],
      ['ready', 'read-only', [], undefined],
    )
    assert.equal((await clusters.find(tenant.uid, uid, await factsEpoch()))?.readOnly, true)
    const among = async (filter: object) => {
      const list = 'POST /v1/dashboard/spectroclusters/metadata'
      const { items } = await api.must(tenant.admin, list, { project: tenant.project, body: { filter } })
      return items.some((one: { uid: string }) => one.uid === uid)
    }
    assert.deepEqual(
      [await among({}), await among({ isImportReadOnly: true }), await among({ isImportReadOnly: false })],
      [true, true, false],
    )

    const upgrade = 'PATCH /v1/spectroclusters/{uid}/import/upgrade'
    const editor = await member(tenant.project, 'Cluster Editor')
    assert.equal((await api.call(editor, upgrade, at(uid))).refusal?.details?.permission, 'cluster.delete')
    assert.equal((await api.call(tenant.admin, upgrade, at(uid))).status, 204)
    assert.equal((await clusters.find(tenant.uid, uid, await factsEpoch()))?.readOnly, false)
    assert.equal(await among({ isImportReadOnly: false }), true)
    const after = await api.must(tenant.admin, 'GET /v1/palisade/clusters/{uid}', at(uid))
    assert.deepEqual(
      [after.importMode, after.missing.map(({ name }: { name: string }) => name)],
      ['full', ['edit', 'cluster-admin']],
    )
    assert.match(after.yaml, /palisade:level:admin/)
    assert.equal((await api.call(tenant.admin, upgrade, at(uid))).status, 204, 'lifted already')
    const entries = api.entries.filter((one) => one.event === 'cluster.import.upgraded' && one.outcome === 'done')
    assert.ok(entries.length > 0)
  })

  test('a check installs what a read-only cluster needs, and no more', async () => {
    const uid = await importBy({ importMode: 'read-only' })
    const body = { kubeconfig: cluster.kubeconfig(), bindings: 'install' }
    const done = await api.must(tenant.admin, 'POST /v1/palisade/clusters/{uid}/check', at(uid, { body }))
    assert.deepEqual([done.state, done.created.length, done.missing], ['ready', 7, []])
  })

  test('a name that is taken, a proxy, a missing project, too few rights are each refused by name', async () => {
    const uid = await importBy()
    const { name } = (await read(uid)).metadata
    const call = (body: object, rest: object = { project: tenant.project }, who = tenant.admin) =>
      api.call(who, route(), { body, ...rest })
    assert.equal((await call({ metadata: { name }, spec: null })).refusal?.code, 'cluster_name_taken')
    const proxied = { metadata: { name: 'p' }, spec: { clusterConfig: { proxy: { httpProxy: 'http://p:3128' } } } }
    const refusedProxy = (await call(proxied)).refusal
    assert.deepEqual([refusedProxy?.code, /no agent/.test(refusedProxy?.detail ?? '')], ['invalid', true])
    assert.equal((await call({ metadata: { name: 'x' } }, {})).refusal?.code, 'project_required')
    const viewer = await member(tenant.project, 'Cluster Viewer')
    const refused = await call({ metadata: { name: 'y' } }, { project: tenant.project }, viewer)
    assert.equal(refused.refusal?.details?.permission, 'cluster.import')
    for (const asset of [
      'GET /v1/spectroclusters/{uid}/import/manifest',
      'GET /v1/spectroclusters/{uid}/assets/manifest',
    ])
      assert.equal((await api.call(viewer, asset, at(uid))).refusal?.details?.permission, 'cluster.delete')
    const token = { body: { token: 'account' } }
    const unknown = await api.call(tenant.admin, 'POST /v1/palisade/clusters/{uid}/check', at(uid, token))
    assert.equal(unknown.refusal?.code, 'invalid', 'a token alone does not say where')
    const mode = { body: { mode: 'token' } }
    const switched = await api.call(tenant.admin, 'PUT /v1/palisade/clusters/{uid}/credentialMode', at(uid, mode))
    assert.equal(switched.refusal?.code, 'cluster_not_ready')
    const none = await api.call(tenant.admin, join, at(uid, { body: { kubeconfig: null } }))
    assert.equal(none.refusal?.code, 'invalid')
  })

  test('a cluster that nobody joined is deleted at once', async () => {
    const uid = await importBy()
    assert.equal((await api.call(tenant.admin, 'DELETE /v1/spectroclusters/{uid}', at(uid))).status, 204)
    assert.equal((await api.call(tenant.admin, 'GET /v1/spectroclusters/{uid}', at(uid))).refusal?.code, 'not_found')
  })

  test('what clients read beside it answers for clusters of every state', async () => {
    const pending = await importBy()
    const { uid: ready } = await importCluster()
    const seen = (route: string, uid: string, who = tenant.admin) => api.must(who, route, at(uid))
    const assets = 'GET /v1/spectroclusters/{uid}/assets'
    assert.deepEqual((await seen(assets, pending)).spec, {
      ...{ kubeconfig: '', kubeconfigclient: '', frpKubeconfig: '', tokenkubeconfig: '' },
      manifest: await manifestOf(pending),
    })
    const viewer = await member(tenant.project, 'Cluster Viewer')
    const { spec } = await seen(assets, ready, viewer)
    assert.match(spec.kubeconfig, /short-/)
    assert.equal(spec.manifest, '')
    for (const one of ['adminTokenKubeconfig', 'frpKubeconfig'])
      assert.match(await seen(`GET /v1/spectroclusters/{uid}/assets/${one}`, ready), /short-/)
    const refused = await api.call(viewer, 'GET /v1/spectroclusters/{uid}/assets/adminTokenKubeconfig', at(ready))
    assert.equal(refused.refusal?.details?.permission, 'cluster.delete')

    const { redirectUri } = await seen('GET /v1/spectroclusters/{uid}/kubectl/redirect', ready)
    assert.match(redirectUri, new RegExp(`^https://palisade.test:8443/t/[^/]+/clusters/${ready}/pods$`))
    const { url } = await seen('GET /v1/spectroclusters/{uid}/oidc/dashboard/url', pending)
    assert.match(url, new RegExp(`/clusters/${pending}$`))
    const oidc = await seen('GET /v1/spectroclusters/{uid}/oidc', ready)
    assert.deepEqual([oidc.issuerUrl, oidc.clientId], ['', ''], 'it trusts no issuer')

    const location = { countryCode: 'CH', regionName: 'Zürich', geoLoc: { latitude: 47.4, longitude: 8.5 } }
    await api.must(tenant.admin, 'PUT /v1/spectroclusters/{uid}/location', at(ready, { body: { location } }))
    assert.deepEqual((await read(ready)).status.location, location)
    const north = { location: { geoLoc: { latitude: 91 } } }
    const wrong = await api.call(tenant.admin, 'PUT /v1/spectroclusters/{uid}/location', at(ready, { body: north }))
    assert.equal(wrong.refusal?.code, 'invalid')
  })
})
