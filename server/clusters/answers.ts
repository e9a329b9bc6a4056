import type { z } from 'zod'
import type { TenantUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf } from '../../contract/wire/annotations.ts'
import type * as wire from '../../contract/wire/clusters.ts'
import { wireTime } from '../../contract/wire/common.ts'
import type { RequestAccess } from '../gateway/index.ts'
import { parseServer } from './kubeconfig.ts'
import { type Cluster, targetOf } from './store.ts'

/** The words of `/v1` for what a cluster is and how it is. */

/** The label value of a tag that has a name only. */
const bareTag = 'spectro__tag'

export const stateNames = { ready: 'Running', 'needs-bindings': 'Importing', pending: 'Pending' } as const
export type HealthName = 'Healthy' | 'UnHealthy' | 'Unknown'

/** Not measured anew: what the last import, check or renewal of the credential met. */
export function healthOf({ credential, credentialMode }: Pick<Cluster, 'credential' | 'credentialMode'>): HealthName {
  if (!credential) return credentialMode === 'token' ? 'Healthy' : 'Unknown'
  return credential.problem === undefined ? 'Healthy' : 'UnHealthy'
}

/** Who looks, for `annotations.permissions`; where, for links. */
export type Seen = { readonly tenant: TenantUid; readonly access: RequestAccess; readonly publicUrl: string }

const onClusters = [
  'cluster.delete',
  'cluster.get',
  'cluster.list',
  'cluster.update',
  'tag.update',
] as const satisfies readonly Permission[]

export function metadataAnswer(
  cluster: Cluster,
  { tenant, access }: Omit<Seen, 'publicUrl'>,
): z.input<typeof wire.cluster>['metadata'] {
  const target = targetOf(cluster)
  return {
    name: cluster.name,
    uid: cluster.uid,
    labels: { ...cluster.labels },
    annotations: annotationsOf(cluster.annotations, {
      scope: 'project',
      tenantUid: tenant,
      projectUid: cluster.project,
      permissions: onClusters.filter((permission) => access.allows(permission, target)),
    }),
    creationTimestamp: wireTime(cluster.createdAt),
    lastModifiedTimestamp: wireTime(cluster.updatedAt),
    deletionTimestamp: wireTime(undefined),
  }
}

export function clusterAnswer(cluster: Cluster, seen: Seen): z.input<typeof wire.cluster> {
  return {
    apiVersion: 'v1',
    kind: 'spectrocluster',
    metadata: metadataAnswer(cluster, seen),
    spec: {
      cloudType: cluster.cloudType,
      cloudConfigRef: { kind: '', name: '', uid: '' },
      clusterConfig: {
        clusterMetaAttribute: '',
        clusterResources: { namespaces: [], rbacs: [] },
        hostClusterConfig: { isHostCluster: false },
        timezone: '',
      },
      clusterProfileTemplates: [],
    },
    status: {
      ...statusOf(cluster, seen),
      // Terraform plans a change for as long as there is none.
      location: cluster.location ?? {},
      conditions: conditionsOf(cluster),
      apiEndpoints: endpointsOf(cluster),
      addOnServices: [],
      packs: [],
      services: [],
    },
  }
}

export function overviewAnswer(cluster: Cluster, seen: Seen): z.input<typeof wire.clusterOverview> {
  const isReady = cluster.state === 'ready'
  return {
    metadata: metadataAnswer(cluster, seen),
    spec: { archTypes: [], cloudConfig: cloudConfigOf(cluster), clusterProfileTemplates: [] },
    status: {
      ...statusOf(cluster, seen),
      conditions: conditionsOf(cluster),
      apiEndpoints: endpointsOf(cluster),
      health: healthAnswer(cluster),
      kubeMeta: {
        hasKubeConfig: isReady,
        hasKubeConfigClient: isReady,
        hasManifest: false,
        kubernetesVersion: versionOf(cluster),
      },
    },
  }
}

export function summaryAnswer(cluster: Cluster, seen: Seen): z.input<typeof wire.clusterSummaries>['items'][number] {
  return {
    metadata: metadataAnswer(cluster, seen),
    specSummary: {
      archTypes: [],
      cloudConfig: cloudConfigOf(cluster),
      clusterProfileTemplates: [],
      projectMeta: { uid: cluster.project, name: cluster.projectName },
    },
    status: {
      ...{ ...statusOf(cluster, seen), health: healthAnswer(cluster) },
      kubeMeta: { kubernetesVersion: versionOf(cluster) },
    },
  }
}

/** Without the v, as the published samples have it. */
const versionOf = ({ reached }: Cluster) => (reached?.kubernetesVersion ?? '').replace(/^v/, '')

export function metaAnswer(cluster: Cluster, seen: Seen): z.input<typeof wire.clusterMetas>[number] {
  const tags = Object.entries(cluster.labels).map(([key, value]) => (value === bareTag ? key : `${key}:${value}`))
  return {
    metadata: metadataAnswer(cluster, seen),
    spec: { cloudType: cluster.cloudType, tags },
    status: { state: stateNames[cluster.state] },
  }
}

const cloudConfigOf = ({ cloudType }: Cluster): z.input<typeof wire.clusterOverview>['spec']['cloudConfig'] => ({
  cloudType,
  uid: '',
  machinePools: [],
})

/** The command is the same as long as the cluster is there: clients keep it. */
function statusOf({ uid, state }: Cluster, { publicUrl }: Seen) {
  const name = stateNames[state]
  const importLink = `kubectl apply -f ${publicUrl}/v1/spectroclusters/${uid}/import/manifest`
  return { state: name, clusterImport: { importLink, isBrownfield: true, state: name } } as const
}

function endpointsOf({ reached }: Cluster) {
  if (!reached) return []
  const server = parseServer(reached.serverUrl)
  return server.ok ? [{ host: server.value.host, port: server.value.port }] : []
}

function healthAnswer(cluster: Cluster): z.input<typeof wire.clusterOverview>['status']['health'] {
  const problem = cluster.credential?.problem
  return {
    state: healthOf(cluster),
    agentVersion: '',
    conditions: problem === undefined ? [] : [{ type: 'CredentialRenewed', message: problem }],
    lastHeartBeatTimestamp: wireTime(cluster.reached?.contactedAt),
  }
}

/** Whether the account may do its work, and whether its token is kept alive. */
function conditionsOf({ state, missing, credential, reached, updatedAt }: Cluster) {
  const times = { lastProbeTime: wireTime(reached?.contactedAt), lastTransitionTime: wireTime(updatedAt) }
  const isReady = state === 'ready'
  const wanting = missing.map(({ verb, resource, name, why }) => `${verb} ${resource}${name ? ` ${name}` : ''}: ${why}`)
  const bindings = {
    type: 'BindingsInPlace',
    status: wanting.length === 0 && isReady ? 'True' : 'False',
    reason: isReady ? (wanting.length === 0 ? 'Verified' : 'LevelsNotBound') : reached ? 'NeedsBindings' : 'NotJoined',
    message: reached
      ? wanting.join('; ').slice(0, 4_000)
      : 'its manifest is to be applied there, and then the cluster joined',
    ...times,
  } as const
  if (!credential) return [bindings]
  const renewed = {
    type: 'CredentialRenewed',
    status: credential.problem === undefined ? 'True' : 'False',
    reason: credential.problem === undefined ? 'Valid' : 'RenewalFailed',
    message: credential.problem ?? '',
    ...times,
  } as const
  return [bindings, renewed]
}
