import { accessEndpoints, explainEndpoints, simulateEndpoints } from './access/index.ts'
import { type Assets, assetLabels, findAsset } from './assets/index.ts'
import type { ClusterConfig } from './cluster-config/index.ts'
import { type Clusters, countClusters } from './clusters/index.ts'
import { featureEndpoints } from './features/index.ts'
import type { Endpoint } from './gateway/index.ts'
import { countApiKeys, countSessions, findApiKey, findSession, type Identity } from './identity/index.ts'
import type { Ledger } from './ledger/index.ts'
import { type LivePorts, liveEndpoints } from './live/index.ts'
import type { NoticesOf } from './notices/index.ts'
import type { Issuer } from './oidc/index.ts'
import { countUsers, findTeam, findUser, membersOf, type People } from './people/index.ts'
import { type RequestRoutePorts, requestEndpoints } from './requests/index.ts'
import { limitEndpoints, preferenceEndpoints, upgradeEndpoints } from './settings/index.ts'
import { type SsoPorts, singleSignOnEndpoints } from './sso/index.ts'
import { openEndpoints, streamEndpoints } from './streams/index.ts'
import { type SystemPorts, systemEndpoints } from './system/index.ts'
import { findTenant, type Tenancy } from './tenancy/index.ts'
import type { Workspaces } from './workspaces/index.ts'

/** The features that answer requests of the API. */
export type Features = {
  readonly system: SystemPorts
  readonly identity: Pick<Identity, 'endpoints'>
  readonly tenancy: Pick<Tenancy, 'endpoints'>
  readonly people: Pick<People, 'endpoints' | 'names'>
  readonly assets: Assets
  readonly sealerOf: RequestRoutePorts['sealerOf']
  readonly clusters: Pick<Clusters, 'endpoints' | 'target' | 'tallies' | 'labels'>
  readonly clusterConfig: Pick<ClusterConfig, 'endpoints'>
  readonly workspaces: Workspaces
  readonly ledger: Pick<Ledger, 'endpoints' | 'openCalls' | 'recordedSince'>
  readonly live: LivePorts
  readonly issuer: Pick<Issuer, 'endpoints'>
  readonly notices: Pick<NoticesOf, 'endpoints'>
  readonly sso: SsoPorts
}

/** Every endpoint of the API: the one list behind the listener, `/openapi.json` and `docs/`. */
export function endpointsOf({
  system,
  identity,
  tenancy,
  people,
  assets,
  sealerOf,
  clusters,
  clusterConfig,
  workspaces,
  ledger,
  live,
  issuer,
  notices,
  sso,
}: Features): readonly Endpoint[] {
  return [
    ...systemEndpoints(system),
    ...identity.endpoints,
    ...tenancy.endpoints,
    ...people.endpoints,
    ...accessEndpoints,
    ...explainEndpoints({ names: people.names, findCluster: clusters.target, findAsset }),
    ...simulateEndpoints({
      names: people.names,
      clusterTallies: clusters.tallies,
      clusterLabels: clusters.labels,
      assetLabels,
      recordedSince: ledger.recordedSince,
    }),
    ...requestEndpoints({ sealerOf, names: people.names, findCluster: clusters.target }),
    ...assets.endpoints,
    ...clusters.endpoints,
    ...clusterConfig.endpoints,
    ...workspaces.endpoints,
    ...streamEndpoints({ openCalls: ledger.openCalls, findCluster: clusters.target }),
    ...openEndpoints({
      ...{ openCalls: ledger.openCalls, findCluster: clusters.target, findUser, findTeam, findSession, findApiKey },
      ...{ findTenant, countSessions, countApiKeys, countUsers, countClusters },
      membersOf: async (tx, team) => (await membersOf(tx, [team])).get(team) ?? [],
    }),
    ...ledger.endpoints,
    ...limitEndpoints,
    ...preferenceEndpoints,
    ...featureEndpoints,
    ...upgradeEndpoints,
    ...singleSignOnEndpoints(sso),
    ...liveEndpoints(live),
    ...issuer.endpoints,
    ...notices.endpoints,
  ]
}
