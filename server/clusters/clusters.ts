import type { ProjectUid, TenantUid } from '../../contract/ids.ts'
import type { Endpoint, Target } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { InTenant, Lookups, Tx } from '../platform/postgres/index.ts'
import { stateNames } from './answers.ts'
import { type AskCluster, type AskPorts, createAsk } from './ask.ts'
import { type ClusterPorts, clusterEndpoints } from './cluster-routes.ts'
import { type CredentialModePorts, credentialModeEndpoints } from './credential-mode-routes.ts'
import { dashboardEndpoints } from './dashboard-routes.ts'
import { type DirectPorts, directEndpoints } from './direct-routes.ts'
import { findCluster } from './found.ts'
import { importEndpoints } from './import-routes.ts'
import { createImports, type ImportPorts } from './imports.ts'
import type { CheckDestination } from './kubernetes-client.ts'
import { labelsOf, labelTallies } from './labels.ts'
import { listsWith } from './list-answer.ts'
import { createLists } from './listing.ts'
import { manifestEndpoints } from './manifest-routes.ts'
import { type PartPorts, partEndpoints } from './part-routes.ts'
import { type ClusterRecords, createRecords } from './records.ts'
import { type AppendEntry, createRenewal } from './renewal.ts'
import { selectionEndpoints } from './selection-routes.ts'
import { clustersOfProject } from './store.ts'
import { upgradeEndpoint } from './upgrade-routes.ts'

export type ClustersDeps = ClusterPorts &
  CredentialModePorts &
  DirectPorts &
  PartPorts &
  Pick<ImportPorts, 'tokens'> &
  Pick<AskPorts, 'mintToken'> & {
    readonly inTenant: InTenant
    readonly lookups: Pick<Lookups, 'clustersToRenew'>
    readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
    readonly checkDestination: CheckDestination
    readonly append: AppendEntry
    readonly clock: Clock
    readonly logger: Logger
  }

export type Clusters = Pick<ClusterRecords, 'find'> & {
  readonly endpoints: readonly Endpoint[]
  /** A cluster as what is decided about; an unknown or foreign one is none. */
  target(c: { readonly tx: Tx; readonly params: { readonly uid: string } }): Promise<Target | undefined>
  /** How many clusters of some projects carry the same labels; and the labels of single ones. */
  readonly tallies: typeof labelTallies
  readonly labels: typeof labelsOf
  /** The clusters of a project, which cannot be deleted while it has some. */
  inProject(
    tx: Tx,
    project: ProjectUid,
  ): Promise<readonly { readonly uid: string; readonly name: string; readonly state: string }[]>
  /** Speaks to a cluster as Palisade itself. */
  readonly ask: AskCluster
  /** Begins to renew the clusters' tokens. */
  start(): void
  stop(): Promise<void>
}

/** Clusters: import by kubeconfig, the account on them and its token, and clusters as objects of `/v1`. */
export function createClusters(deps: ClustersDeps): Clusters {
  const records = createRecords(deps)
  const imports = createImports(deps)
  const list = createLists()
  const lists = listsWith(list)
  const renewal = createRenewal({ ...deps, forget: records.forget })
  return {
    endpoints: [
      ...importEndpoints(imports),
      ...manifestEndpoints(imports),
      ...partEndpoints(deps),
      ...credentialModeEndpoints(imports, deps),
      ...directEndpoints(deps),
      ...clusterEndpoints(deps, lists),
      upgradeEndpoint,
      ...dashboardEndpoints(lists, deps),
      ...selectionEndpoints(list),
    ],
    find: records.find,
    ask: createAsk(deps),
    target: findCluster,
    tallies: labelTallies,
    labels: labelsOf,
    async inProject(tx, project) {
      const clusters = await clustersOfProject(tx, project)
      return clusters.map(({ uid, name, state }) => ({ uid, name, state: stateNames[state] }))
    },
    start: renewal.start,
    stop: renewal.stop,
  }
}
