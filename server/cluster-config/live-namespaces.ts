import { refuse } from '../../contract/errors.ts'
import { ClusterUid } from '../../contract/ids.ts'
import * as wire from '../../contract/wire/cluster-config.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { AskCluster, ClusterClient, ClusterProblem } from '../clusters/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { createShares } from '../platform/shares/index.ts'
import { list } from './apply.ts'
import type { FindCluster } from './config-routes.ts'

/** Clusters asked at the same time. */
const atOnce = { tenant: 4, all: 32 } as const
/** Clients of ours wait 30 s. */
const askMs = 20_000

/** The namespaces that a cluster has, asked of it as somebody who may read there. */
export function liveNamespaceEndpoint(ports: {
  readonly ask: AskCluster
  readonly findCluster: FindCluster
}): Endpoint {
  const shares = createShares(atOnce)
  return endpoint({
    route: 'GET /v1/spectroclusters/{uid}/namespaces',
    summary: 'Lists the namespaces that a cluster has at this moment, with how many volume claims are in each',
    permission: { object: 'cluster.get', find: ports.findCluster },
    params: uidPath,
    query: wire.liveNamespacesQuery,
    reply: { status: 200, body: wire.liveNamespaces },
    refusals: ['not_found', 'cluster_not_ready', 'cluster_unreachable', 'busy'],
    audit: 'refusals-only',
    async prepare({ principal: { tenant }, params, query }) {
      const giveBack = shares.take(tenant)
      if (!giveBack)
        return err({ ...refuse('busy', 'Other clusters are being asked; try again'), retryAfterSeconds: 5 })
      try {
        const of = { tenant, cluster: ClusterUid.parse(params.uid), level: 'view' } as const
        const found = await ports.ask({ ...of, signal: AbortSignal.timeout(askMs) }, namespacesOn)
        if (!found.ok) {
          const { kind, message } = found.error
          return err(
            refuse(kind === 'not-ready' ? 'cluster_not_ready' : 'cluster_unreachable', message, { reason: kind }),
          )
        }
        const isSkipped = query.skipEmptyNamespaces === 'true'
        return ok({ value: found.value.filter(({ pvcCount }) => !isSkipped || pvcCount > 0) })
      } finally {
        giveBack()
      }
    },
    handle: async ({ prepared }) => ok({ body: { namespaces: prepared } }),
  })
}

async function namespacesOn(
  client: ClusterClient,
): Promise<Result<{ readonly namespace: string; readonly pvcCount: number }[], ClusterProblem>> {
  const namespaces = await list(client, '/api/v1/namespaces')
  if (!namespaces.ok) return namespaces
  const claims = await list(client, '/api/v1/persistentvolumeclaims')
  if (!claims.ok) return claims
  const counts = Map.groupBy(claims.value, ({ metadata }) => metadata.namespace)
  return ok(
    namespaces.value.map(({ metadata: { name } }) => ({ namespace: name, pvcCount: counts.get(name)?.length ?? 0 })),
  )
}
