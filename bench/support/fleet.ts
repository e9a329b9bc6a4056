import { predefinedRole } from '../../contract/roles.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../../tests/cluster/cluster.ts'
import type { Api } from '../../tests/support/api.ts'
import { createTenant, createUser, type Palisade, startPalisade, type Tenant } from '../../tests/support/palisade.ts'
import { createProcessFamily, type ProcessFamily } from '../../tests/support/processes.ts'

/** A server, a real cluster imported into it, and a developer with an API key. */
export type Fleet = {
  readonly family: ProcessFamily
  readonly palisade: Palisade
  readonly cluster: Cluster
  readonly tenant: Tenant
  readonly project: string
  readonly dev: { readonly uid: string; readonly api: Api; readonly key: string }
  readonly clusterUid: string
  /** Makes these the developer's roles in the project, and no others. */
  giveDev(...roles: ('Cluster Viewer' | 'Cluster Editor')[]): Promise<void>
  stop(): Promise<void>
}

/** @param env for the server, e.g. an outside database that a second replica shares */
export async function startFleet(options: { kubelet: boolean; env?: Record<string, string> }): Promise<Fleet> {
  const missing = await clusterSkipReason()
  if (missing) throw new Error(`a benchmark of the door needs a real cluster: ${missing}`)
  const family = await createProcessFamily('bench')
  const cluster = await startCluster({ name: 'bench', kubelet: options.kubelet })
  const palisade = await startPalisade({ family, ...(options.env ? { env: options.env } : {}) })
  const tenant = await createTenant(palisade, 'bench')
  const project = tenant.defaultProject
  const dev = await createUser(palisade, tenant, 'dev')
  const { uid: clusterUid } = await tenant.admin.must('POST', '/v1/palisade/clusters', {
    project,
    body: { metadata: { name: 'bench' }, spec: { kubeconfig: cluster.adminKubeconfigText } },
  })
  const giveDev: Fleet['giveDev'] = (...roles) =>
    tenant.admin.must('PUT', `/v1/users/${dev.uid}/projects`, {
      body: {
        projects:
          roles.length > 0 ? [{ projectUid: project, roles: roles.map((role) => predefinedRole(role).uid) }] : [],
      },
    })
  await giveDev('Cluster Editor')
  const { apiKey } = await dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'bench' }, spec: {} } })
  return {
    ...{ family, palisade, cluster, tenant, project, clusterUid, giveDev },
    dev: { uid: dev.uid, api: dev.api, key: apiKey },
    async stop() {
      await palisade.stop()
      await cluster.stop()
      await family.stop()
    },
  }
}

/** The q-quantile of sorted or unsorted values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
