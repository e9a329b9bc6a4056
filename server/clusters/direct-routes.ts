import * as contract from '../../contract/clusters.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import {
  type ClusterIdentity,
  identityOf,
  impersonationHeaders,
  type Level,
  levelRows,
  permissionFor,
  reaches,
} from '../../core/kube/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import { type Endpoint, endpoint, type Principal } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { findCluster, load } from './found.ts'
import type { Cluster } from './store.ts'

/** What somebody may do on a cluster, as its door sees it. */
export type DirectStanding = {
  readonly levels: readonly Level[]
  readonly teams: readonly { readonly uid: string; readonly name: string }[]
  /** When the first of the levels ends by itself, in milliseconds; infinity for none. */
  readonly endsAt: number
}

export type DirectPorts = {
  /** Decided on the data of the transaction. */
  readonly standing: (tx: Tx, principal: Principal, cluster: Cluster, now: Date) => Promise<DirectStanding>
  /** When the caller's credential ends, in milliseconds; nothing where it has. */
  readonly endsAt: (principal: Principal) => Promise<number | undefined>
  readonly mintDirect: (
    of: { readonly tenant: TenantUid; readonly cluster: Cluster['uid']; readonly identity: ClusterIdentity },
    endsAtMs: number,
  ) => Promise<{ readonly token: Secret; readonly jti: string; readonly expiresAt: Date }>
}

/** Tokens for the cluster's own API server, past Palisade. What that costs is in docs/revocation.md. */
export function directEndpoints(ports: DirectPorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/palisade/clusters/{uid}/directToken',
      summary: 'Gives the caller a token of five minutes for the cluster itself, without Palisade in between',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      body: contract.NewDirectToken,
      reply: { status: 201, body: contract.DirectToken },
      refusals: ['not_found', 'forbidden', 'unauthenticated', 'direct_unavailable', 'direct_level'],
      audit: 'cluster.directToken.issued',
      feature: 'directTokens',
      // May read over a connection of its own, which nobody does who holds one of the main pool.
      async prepare({ principal }) {
        const value = await ports.endsAt(principal)
        return value === undefined ? err(refuse('unauthenticated')) : ok({ value })
      },
      async handle({ tx, params, body, principal, prepared: credentialEndsAt, requestId, now }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        const cluster = found.value
        const { uid, reached } = cluster
        if (cluster.credentialMode !== 'token')
          return err(
            refuse('direct_unavailable', 'This cluster is reached by impersonation and takes no tokens of ours'),
          )
        if (cluster.importMode === 'read-only' || !reached)
          return err(
            refuse('direct_unavailable', 'A read-only cluster is kept so by Palisade, so everything goes through it'),
          )
        if (!cluster.directTokens)
          return err(refuse('direct_unavailable', 'An administrator has to allow direct tokens for this cluster first'))
        const standing = await ports.standing(tx, principal, cluster, now)
        const levels = levelsFor(standing.levels, body.level, { cluster, requestId })
        if (!levels.ok) return levels
        const identity = identityOf({
          ...{ tenantUid: principal.tenant, userUid: principal.user, email: principal.person.email },
          ...{ levels: levels.value, teams: standing.teams },
          sessionUid: principal.credential.kind === 'session' ? principal.credential.session : undefined,
        })
        // The same names as at the door, and the same are refused.
        const named = impersonationHeaders(identity)
        if (!named.ok)
          return err(refuse('direct_unavailable', `This caller cannot be named on a cluster: ${named.error.problem}`))
        const endsAt = Math.min(credentialEndsAt, standing.endsAt)
        const minted = await ports.mintDirect({ tenant: principal.tenant, cluster: uid, identity }, endsAt)
        const expiresAt = minted.expiresAt.toISOString()
        return ok({
          body: {
            token: minted.token.reveal(),
            ...{ expiresAt, levels: [...levels.value], server: reached.serverUrl },
            certificateAuthority: reached.caPem,
            ...(reached.serverName === undefined ? {} : { tlsServerName: reached.serverName }),
          },
          headers: { 'cache-control': 'no-store' },
          details: { token: minted.jti, expiresAt, levels: levels.value },
        })
      },
    }),
  ]
}

/**
 * The levels that a direct token names. Below `admin` Palisade refuses much by itself that Kubernetes' own roles allow; `view`
 * allows none of it, so nothing is lost there. `edit` alone is what only the door keeps: with it, and without Palisade in
 * between, ServiceAccount tokens and kube-system are open, which is `admin` by another name.
 */
function levelsFor(
  held: readonly Level[],
  most: Level | undefined,
  { cluster, requestId }: { readonly cluster: Cluster; readonly requestId: string },
): Result<readonly Level[], Refusal> {
  const lacking = most ?? 'view'
  if (!reaches(held, lacking)) {
    const permission = permissionFor(lacking)
    return err(
      refuse('forbidden', `This needs ${permission} in project ${cluster.project} (request ${requestId})`, {
        permission,
        scope: { kind: 'project', uid: cluster.project },
      }),
    )
  }
  const rows = levelRows.slice(
    0,
    most === undefined ? undefined : levelRows.findIndex(({ level }) => level === most) + 1,
  )
  const levels = rows.map(({ level }) => level).filter((level) => held.includes(level) || level === most)
  if (levels.at(-1) !== 'edit') return ok(levels)
  return err(
    refuse(
      'direct_level',
      'Level edit is kept within its bounds by Palisade alone, so it goes through Palisade: use the ordinary kubeconfig, or ask for level view',
      { level: 'edit' },
    ),
  )
}
