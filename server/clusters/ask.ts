import type { ClusterUid, TenantUid } from '../../contract/ids.ts'
import { type ClusterIdentity, identityOf, impersonationHeaders, type Level } from '../../core/kube/index.ts'
import { err, type Result } from '../../core/result.ts'
import { Secret } from '../../core/seal/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import {
  type CheckDestination,
  type ClusterProblem,
  createKubernetesClient,
  type KubernetesClient,
} from './kubernetes-client.ts'
import { endpointOf } from './records.ts'
import { credentialField, readWithCredential } from './store.ts'

/** Speaks to one cluster as Palisade itself, which is nobody of the tenant. */
export type ClusterClient = Pick<KubernetesClient, 'call'>

/** Why nothing was asked, or could be. */
export type AskProblem = ClusterProblem | { readonly kind: 'not-ready'; readonly message: string }

/**
 * Holds a conversation with a cluster over the way that its calls take: as somebody who has one level there and no name.
 *
 * @param of `level`: what may be done; `signal`: ends it
 */
export type AskCluster = <T>(
  of: { readonly tenant: TenantUid; readonly cluster: ClusterUid; readonly level: Level; readonly signal: AbortSignal },
  conversation: (client: ClusterClient) => Promise<Result<T, ClusterProblem>>,
) => Promise<Result<T, AskProblem>>

export type AskPorts = {
  readonly inTenant: InTenant
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly checkDestination: CheckDestination
  /** In token mode: a token that names this identity, for the cluster and a minute. */
  readonly mintToken: (of: {
    readonly tenant: TenantUid
    readonly cluster: ClusterUid
    readonly identity: ClusterIdentity
  }) => Promise<{ readonly token: Secret }>
}

export function createAsk({ inTenant, sealerOf, checkDestination, mintToken }: AskPorts): AskCluster {
  return async ({ tenant, cluster: uid, level, signal }, conversation) => {
    const sealer = await sealerOf(tenant)
    const found = await inTenant(tenant, (tx) => readWithCredential(tx, uid), { readOnly: true })
    if (!found) return err({ kind: 'not-ready', message: 'The cluster is gone.' })
    const { cluster, sealed } = found
    const { reached } = cluster
    if (cluster.state !== 'ready' || !reached)
      return err({ kind: 'not-ready', message: 'The cluster’s import is not finished.' })
    if (cluster.importMode === 'read-only' && level !== 'view')
      return err({ kind: 'not-ready', message: 'The cluster was imported read-only: nothing is written there.' })
    const identity = palisadeItself(tenant, level)
    const lines = impersonationHeaders(identity)
    if (!lines.ok) throw new Error(`Palisade’s own identity is not one: ${lines.error.problem}`)
    const token = sealed && new Secret(sealer.open(credentialField(uid), sealed))
    const client = createKubernetesClient(endpointOf(reached), token ? { token } : {}, { checkDestination, signal })
    try {
      return await conversation({
        call: async (method, path, options = {}) =>
          cluster.credentialMode === 'token'
            ? client.call(method, path, { ...options, ...(await mintToken({ tenant, cluster: uid, identity })) })
            : client.call(method, path, { ...options, impersonate: lines.value }),
      })
    } finally {
      await client.close()
    }
  }
}

function palisadeItself(tenantUid: string, level: Level): ClusterIdentity {
  const nobody = '0'.repeat(24)
  return identityOf({
    ...{ tenantUid, userUid: nobody, email: 'palisade@palisade.invalid', levels: [level], teams: [] },
    ...{ sessionUid: undefined, requestId: newUid() },
  })
}
