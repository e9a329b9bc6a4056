import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { predefinedRole } from '../../contract/roles.ts'
import { startTestPostgres, type TestPostgres } from '../../tests/support/database.ts'
import { type Phases, startPhases } from '../../tests/support/phases.ts'
import { preferenceEndpoints, upgradeEndpoints } from './index.ts'

let postgres: TestPostgres
let api: Phases
before(async () => {
  postgres = await startTestPostgres()
  api = await startPhases(await postgres.create(), () => [...preferenceEndpoints, ...upgradeEndpoints])
})
after(async () => {
  await api?.stop()
  await postgres?.stop()
})

const place = '/v1/tenants/{tenantUid}'
const nonFips = (mode: string) => ({
  fipsPackConfig: { mode },
  fipsClusterFeatureConfig: { mode },
  fipsClusterImportConfig: { mode },
})
const privateCloud = (cpu: number) => ({
  ...{ cpuUnitPricePerHour: cpu, memoryUnitPriceGiBPerHour: 0, storageUnitPriceGiBPerHour: 0, gpuUnitPricePerHour: 0 },
})
const publicCloud = (compute: number) => ({
  computeOptimized: { computeRateProportion: compute, memoryRateProportion: 0 },
  memoryOptimized: { computeRateProportion: 0, memoryRateProportion: 0 },
})
const prices = (given: object = {}) => ({
  ...Object.fromEntries(['aws', 'azure', 'gcp'].map((cloud) => [cloud, publicCloud(0)])),
  ...Object.fromEntries(
    ['apache-cloudstack', 'edge', 'edgeNative', 'generic', 'maas', 'vsphere'].map((cloud) => [cloud, privateCloud(0)]),
  ),
  custom: [],
  ...given,
})
const remediation = (disableNodesAutoRemediation: boolean, isEnabled: boolean) => ({
  disableNodesAutoRemediation,
  isEnabled,
})

/** What is read before anybody wrote, what is written, what is read then; and a word with a typo in it. */
const documents: readonly {
  readonly get: string
  readonly put?: string
  readonly unset: object
  readonly body: object
  readonly read: object
  readonly typo: object
}[] = [
  {
    get: 'preferences/clusterRbacSettings',
    unset: { automaticClusterRoleBinding: 'none' },
    body: { automaticClusterRoleBinding: 'disabled' },
    read: { automaticClusterRoleBinding: 'disabled' },
    typo: { automaticClusterRoleBinding: 'disable' },
  },
  {
    get: 'preferences/clusterSettings',
    put: 'preferences/clusterSettings/nodesAutoRemediationSetting',
    unset: { nodesAutoRemediationSetting: remediation(true, false) },
    body: { disableNodesAutoRemediation: null, isEnabled: true },
    read: { nodesAutoRemediationSetting: remediation(false, true) },
    typo: { isEnabled: 'true' },
  },
  {
    get: 'preferences/fips',
    unset: nonFips('nonFipsDisabled'),
    body: { ...nonFips('nonFipsEnabled'), fipsPackConfig: null, fipsClusterImportConfig: { mode: '' } },
    read: {
      ...nonFips('nonFipsDisabled'),
      fipsClusterFeatureConfig: { mode: 'nonFipsEnabled' },
    },
    typo: nonFips('nonFipsdisabled'),
  },
  {
    get: 'preferences/developerCredit',
    unset: { cpu: 0, memoryGiB: 0, storageGiB: 0, virtualClustersLimit: 0 },
    body: { cpu: 12, memoryGiB: 16, storageGiB: 20, virtualClustersLimit: 2 },
    read: { cpu: 12, memoryGiB: 16, storageGiB: 20, virtualClustersLimit: 2 },
    typo: { cpu: -1 },
  },
  {
    get: 'preferences/clusterGroup',
    unset: { hideSystemClusterGroups: false, isClusterGroupEnabled: false },
    body: { hideSystemClusterGroups: true },
    read: { hideSystemClusterGroups: true, isClusterGroupEnabled: false },
    typo: { hideSystemClusterGroups: 1 },
  },
  {
    get: 'rateConfig',
    unset: prices(),
    body: { aws: publicCloud(1.5), maas: { cpuUnitPricePerHour: 0.25 }, custom: [{ cloudType: 'nutanix' }], gcp: null },
    read: prices({
      ...{ aws: publicCloud(1.5), maas: privateCloud(0.25) },
      custom: [{ cloudType: 'nutanix', rateConfig: privateCloud(0) }],
    }),
    typo: { vsphere: { cpuUnitPricePerHour: '1' } },
  },
]

describe('preferences of a tenant', () => {
  for (const { get, put = get, unset, body, read, typo } of documents) {
    test(`D15 ${get}: whole before anybody wrote, read as it was written, and a typo is refused`, async () => {
      const { uid: tenantUid, admin, project } = await api.tenant()
      const params = { tenantUid }
      const shown = () => api.must(admin, `GET ${place}/${get}`, { params, project })
      assert.deepEqual(await shown(), unset)
      assert.equal((await api.call(admin, `PUT ${place}/${put}`, { params, body, project })).status, 204)
      assert.deepEqual(await shown(), read)
      const refused = await api.call(admin, `PUT ${place}/${put}`, { params, body: typo })
      assert.deepEqual([refused.status, refused.refusal?.code], [400, 'invalid'])
      assert.deepEqual(await shown(), read, 'and nothing of it was kept')
      const entries = api.entries.filter(
        (one) => one.tenant === tenantUid && one.event === 'tenant.preferences.updated',
      )
      assert.deepEqual(
        entries.map(({ outcome, details }) => [outcome, details.before, details.after]),
        [['done', unset, read]],
      )

      const viewer = await api.person(admin, { roles: [predefinedRole('Tenant Viewer').uid] })
      assert.deepEqual(await api.must(viewer, `GET ${place}/${get}`, { params }), read)
      assert.equal((await api.call(viewer, `PUT ${place}/${put}`, { params, body })).status, 403)
      const userAdmin = await api.person(admin, { roles: [predefinedRole('Tenant User Admin').uid] })
      assert.equal((await api.call(userAdmin, `PUT ${place}/${put}`, { params, body })).refusal?.code, 'forbidden')

      const { admin: stranger } = await api.tenant()
      for (const [route, sent] of [
        [`GET ${place}/${get}`, undefined],
        [`PUT ${place}/${put}`, body],
      ] as const)
        assert.equal((await api.call(stranger, route, { params, body: sent })).status, 404, route)
    })
  }
})

describe('preferences of a project', () => {
  const get = 'GET /v1/projects/{uid}/preferences/clusterSettings'
  const put = 'PUT /v1/projects/{uid}/preferences/clusterSettings/nodesAutoRemediationSetting'

  test("the repair of nodes is the tenant's until the project has its own", async () => {
    const { uid: tenantUid, admin, project } = await api.tenant()
    const params = { uid: project }
    const ofTenant = { nodesAutoRemediationSetting: remediation(false, true) }
    await api.must(admin, `PUT ${place}/preferences/clusterSettings/nodesAutoRemediationSetting`, {
      params: { tenantUid },
      body: ofTenant.nodesAutoRemediationSetting,
    })
    assert.deepEqual(await api.must(admin, get, { params }), { ...ofTenant, tenantClusterSettings: ofTenant })
    await api.must(admin, put, { params, body: remediation(true, true) })
    assert.deepEqual(await api.must(admin, get, { params }), {
      nodesAutoRemediationSetting: remediation(true, true),
      tenantClusterSettings: ofTenant,
    })
    const viewer = await api.person(admin)
    await api.must(admin, 'PUT /v1/users/{uid}/projects', {
      params: { uid: viewer.user },
      body: { projects: [{ projectUid: project, roles: [predefinedRole('Project Viewer').uid] }] },
    })
    assert.equal((await api.call(viewer, get, { params })).status, 200)
    assert.equal((await api.call(viewer, put, { params, body: {} })).refusal?.details?.permission, 'project.update')
    await api.must(admin, 'DELETE /v1/projects/{uid}', { params })
    assert.equal((await api.call(admin, get, { params })).status, 404)
  })

  test('upgrades are locked in the tenant or, with the header, in one project', async () => {
    const { admin, project } = await api.tenant()
    const route = '/v1/spectroclusters/upgrade/settings'
    const read = async (inProject?: string) =>
      (await api.must(admin, `GET ${route}`, inProject ? { project: inProject } : {})).spectroComponents
    const write = (spectroComponents: string, inProject?: string) =>
      api.call(admin, `POST ${route}`, { body: { spectroComponents }, ...(inProject ? { project: inProject } : {}) })
    assert.deepEqual([await read(), await read(project)], ['unlock', 'unlock'])
    assert.equal((await write('lock')).status, 204)
    assert.deepEqual([await read(), await read(project)], ['lock', 'lock'])
    await write('unlock', project)
    assert.deepEqual([await read(), await read(project)], ['lock', 'unlock'])
    assert.equal((await write('closed')).refusal?.code, 'invalid')
  })
})
