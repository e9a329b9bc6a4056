import {
  type ClusterIdentity,
  type Header,
  type ImpersonationRefusal,
  identityOf,
  impersonationHeaders,
} from '../../core/kube/index.ts'
import type { Result } from '../../core/result.ts'
import type { Snapshot } from '../access/index.ts'
import type { Principal } from '../gateway/index.ts'
import { type Standing, standingOf } from './decision.ts'
import type { DoorCluster } from './ports.ts'

/** What a caller may do on a cluster, and in which lines the cluster is told who they are; each request adds its own. */
export type KnownCaller = {
  readonly standing: Standing
  /** Whom the cluster takes them for; a name that it may not be told is refused in `identity`. */
  readonly named: ClusterIdentity
  readonly identity: Result<readonly Header[], ImpersonationRefusal>
}

/** Of one snapshot; beyond, all of it is worked out anew. Who has more lines, of many teams, is never kept. */
const most = 500
const mostLines = 50

/**
 * Works out callers once for each snapshot of a tenant's access data, cluster record, address, and time at which something ends or begins
 * to count: as long as none of these changes the answer is the same, and a client asks hundreds of times a second.
 */
export function createCallers(): (
  snapshot: Snapshot,
  principal: Principal,
  cluster: DoorCluster,
  now: number,
) => KnownCaller {
  const bySnapshot = new WeakMap<
    Snapshot,
    Map<string, { readonly cluster: DoorCluster; readonly known: KnownCaller }>
  >()
  return (snapshot, principal, cluster, now) => {
    const { tenant, user, person, credential, origin } = principal
    const session = credential.kind === 'session' ? credential.session : undefined
    let callers = bySnapshot.get(snapshot)
    if (!callers || callers.size >= most) {
      callers = new Map()
      bySnapshot.set(snapshot, callers)
    }
    const from = `${origin.address ?? ''} ${origin.provedAt ?? ''}`
    const name = `${user} ${cluster.uid} ${session ?? ''} ${from} ${person.email}`
    const before = callers.get(name)
    if (before && before.cluster === cluster && now < before.known.standing.changesAt) return before.known
    const standing = standingOf(snapshot, principal, cluster, now)
    const named = identityOf({
      ...{ tenantUid: tenant, userUid: user, email: person.email, sessionUid: session },
      ...{ levels: standing.levels, teams: standing.teams },
    })
    const identity = impersonationHeaders(named)
    const known = { standing, named, identity }
    if (identity.ok && identity.value.length <= mostLines) callers.set(name, { cluster, known })
    return known
  }
}
