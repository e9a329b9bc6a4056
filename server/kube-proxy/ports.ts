import type { Refusal } from '../../contract/errors.ts'
import type { ClusterUid, TenantUid } from '../../contract/ids.ts'
import type { ClusterIdentity } from '../../core/kube/index.ts'
import type { Result } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import type { Access, EndReason, Snapshot } from '../access/index.ts'
import type { Principal, RateLimiter } from '../gateway/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { Upstream } from './transport/index.ts'

/** A cluster as the door needs it. */
export type DoorCluster = {
  readonly uid: ClusterUid
  readonly name: string
  readonly project: string
  readonly tags: Readonly<Record<string, string>>
  /** Imported to be read only. */
  readonly readOnly: boolean
  /** Undefined while the cluster waits for its bindings. */
  readonly upstream: Upstream | undefined
  /**
   * `Authorization` of the account on the cluster, which acts as the caller; read when a call is made, so that a renewed token
   * is used at once. `token`: the cluster trusts our issuer, and each caller has a token of their own.
   */
  readonly authorization: (() => string) | 'token'
}

/** A token of one caller for one cluster, which never leaves the server but to that cluster. */
export type MintedToken = {
  readonly token: Secret
  readonly jti: string
  readonly issuedAtMs: number
}

/** What the door needs of the features. */
export type DoorPorts = {
  readonly authenticate: (presented: {
    readonly authorization: string
    readonly address: string
    readonly bearerOnly: true
    readonly mayLookUp: () => boolean
  }) => Promise<Result<Principal, Refusal>>
  readonly recheck: (
    principal: Principal,
    snapshot: Snapshot,
  ) => Promise<Result<{ readonly endsAt: number; readonly settledUntil?: number }, { readonly reason: EndReason }>>
  /** Notes activity: an open stream keeps its session from idling. */
  readonly touch: (principal: Principal) => void
  readonly access: Pick<Access, 'current' | 'atLeast' | 'freshness' | 'calls'>
  readonly findCluster: (tenant: TenantUid, uid: string, snapshot: Snapshot) => Promise<DoorCluster | undefined>
  /** A token of at most a minute, for a cluster that trusts our issuer. */
  readonly mintToken: (tenant: TenantUid, clusterUid: ClusterUid, identity: ClusterIdentity) => Promise<MintedToken>
  readonly ledger: Pick<Ledger, 'record' | 'conclude'>
  /** Whether somebody has asked for the end of the call that was recorded with this entry, as of an epoch. */
  readonly askedToEnd: (tenant: TenantUid, epoch: bigint, intent: string) => Promise<boolean>
  readonly rate: RateLimiter
  readonly protectedNamespaces: readonly string[]
  readonly trustedProxies: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
  readonly observe: (verb: string, status: number, seconds: number) => void
  readonly streamEnded: (reason: string) => void
}
