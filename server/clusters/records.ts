import type { ClusterState, CredentialMode } from '../../contract/clusters.ts'
import { ClusterUid, type ProjectUid, type TenantUid } from '../../contract/ids.ts'
import { Secret } from '../../core/seal/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import { createBoundedMap } from '../platform/bounded-map/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'
import { type ClusterEndpoint, parseServer } from './kubeconfig.ts'
import { type Cluster, credentialField, type Reached, readWithCredential } from './store.ts'

/** A cluster as the Kubernetes door needs it: what is decided about, and how it is reached. */
export type ClusterRecord = {
  readonly uid: ClusterUid
  readonly tenant: TenantUid
  readonly project: ProjectUid
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly state: ClusterState
  /** It may only be read, whatever levels people have on it. */
  readonly readOnly: boolean
  /** Not there while nobody has said where the cluster is. */
  readonly endpoint: ClusterEndpoint | undefined
  readonly credentialMode: CredentialMode
  /** Of the impersonating account; there when the state is ready, but for clusters in token mode. */
  readonly token: Secret | undefined
}

export type ClusterRecords = {
  /**
   * A cluster of this tenant, as new as the access data that the caller decides on: whoever changes labels or removes a
   * cluster raises the tenant's facts epoch. With the epoch unchanged nothing is read but memory.
   */
  find(tenant: TenantUid, uid: string, factsEpoch: bigint): Promise<ClusterRecord | undefined>
  /** A token was replaced here: the next `find` reads again. */
  forget(tenant: TenantUid, uid: ClusterUid): void
}

/** Kept at most; one used long ago is read anew when it is needed. */
const maxRecords = 20_000
/** A renewal elsewhere changes no epoch. From the time it was due this replica looks for its outcome this often. */
const overdueMs = 60_000

type Known = { readonly record: ClusterRecord; readonly factsEpoch: bigint; readonly freshUntil: number }

export function createRecords(deps: {
  readonly inTenant: InTenant
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly clock: Clock
}): ClusterRecords {
  const { inTenant, sealerOf, clock } = deps
  const known = createBoundedMap<string, Known>(maxRecords)
  const loading = new Map<string, Promise<Known | undefined>>()

  async function load(tenant: TenantUid, uid: string, key: string): Promise<Known | undefined> {
    const sealer = await sealerOf(tenant)
    const found = await inTenant(tenant, (tx) => readWithCredential(tx, uid), { readOnly: true })
    if (!found) {
      known.delete(key)
      return undefined
    }
    const { cluster, sealed, factsEpoch } = found
    const token = sealed && new Secret(sealer.open(credentialField(uid), sealed))
    const now = clock.now()
    const renewAt = cluster.credential?.renewAt.getTime() ?? Number.POSITIVE_INFINITY
    return remember(key, {
      record: recordOf(tenant, cluster, token),
      factsEpoch,
      freshUntil: renewAt > now ? renewAt : now + overdueMs,
    })
  }

  function remember(key: string, fresh: Known): Known {
    const before = known.get(key)
    if (before && before.factsEpoch > fresh.factsEpoch) return before
    known.set(key, fresh)
    return fresh
  }

  return {
    async find(tenant, uid, factsEpoch) {
      const key = `${tenant}/${uid}`
      const isFresh = (one: Known) => one.factsEpoch >= factsEpoch && clock.now() < one.freshUntil
      const here = known.get(key)
      if (here && isFresh(here)) return here.record
      if (!ClusterUid.safeParse(uid).success) return undefined
      // One that began before the change may not have seen it.
      const running = loading.get(key)
      const underWay = running && (await running)
      if (underWay && isFresh(underWay)) return underWay.record
      const mine = load(tenant, uid, key)
      loading.set(key, mine)
      try {
        return (await mine)?.record
      } finally {
        if (loading.get(key) === mine) loading.delete(key)
      }
    },
    forget(tenant, uid) {
      known.delete(`${tenant}/${uid}`)
    },
  }
}

function recordOf(tenant: TenantUid, cluster: Cluster, token: Secret | undefined): ClusterRecord {
  const { uid, project, name, labels, state, credentialMode, importMode, reached } = cluster
  const endpoint = reached && endpointOf(reached)
  const readOnly = importMode === 'read-only'
  return { uid, tenant, project, name, tags: labels, state, readOnly, endpoint, credentialMode, token }
}

/** How a stored cluster is reached. */
export function endpointOf({ serverUrl, caPem, serverName }: Reached): ClusterEndpoint {
  const server = parseServer(serverUrl)
  if (!server.ok) throw new Error(`the stored address ${serverUrl} of a cluster ${server.error}`)
  return { server: server.value, caPem, serverName }
}
