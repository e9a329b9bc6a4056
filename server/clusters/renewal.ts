import type { ClusterUid, TenantUid } from '../../contract/ids.ts'
import { Secret } from '../../core/seal/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { InTenant, Lookups, Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type AccountToken, requestToken } from './bootstrap.ts'
import { type CheckDestination, createKubernetesClient } from './kubernetes-client.ts'
import { endpointOf } from './records.ts'
import { claimRenewal, credentialField, type SealedCredential, storeRenewalProblem, storeRenewed } from './store.ts'

/** Records what no request asked for. */
export type AppendEntry = (
  tx: Tx,
  entry: {
    readonly event: 'cluster.credential.renewed'
    readonly outcome: 'done'
    readonly actor: { readonly kind: 'system'; readonly uid: string }
    readonly resource: { readonly uid: string; readonly name: string }
    readonly project: string
    readonly request: string
    readonly details: Readonly<Record<string, unknown>>
  },
) => Promise<unknown>

export type Renewal = {
  start(): void
  /** Ends what is under way and waits for it. */
  stop(): Promise<void>
  /** Renews what is due now; what `start` does every minute. */
  renewDue(): Promise<void>
}

const everyMs = 60_000
/** A claimed renewal that came to nothing is tried again after this. */
const claimMs = 10 * 60_000
const askMs = 20_000
const batch = 50
/** Clusters asked at the same time: one that does not answer must not hold up the others. */
const atOnce = 8

/** When the next token is asked for: after half of a token's life, so that the other half is there for trying again. */
export function renewAtOf(now: number, expiresAt: Date): Date {
  return new Date(now + Math.max(60_000, (expiresAt.getTime() - now) / 2))
}

/** Seals a token for its cluster's row. */
export function sealToken(
  sealer: TenantSealer,
  uid: ClusterUid,
  { token, expiresAt }: AccountToken,
  now: number,
): Omit<SealedCredential, 'account'> {
  return { sealed: sealer.seal(credentialField(uid), token.reveal()), expiresAt, renewAt: renewAtOf(now, expiresAt) }
}

/**
 * Keeps the tokens of all clusters alive. Every replica looks; whoever moves a cluster's renewal time ahead first does it. That
 * is a claim in the row and not a lock, so that no transaction is open while a cluster is being waited for.
 */
export function createRenewal(deps: {
  readonly inTenant: InTenant
  readonly lookups: Pick<Lookups, 'clustersToRenew'>
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly checkDestination: CheckDestination
  readonly append: AppendEntry
  readonly forget: (tenant: TenantUid, uid: ClusterUid) => void
  readonly clock: Clock
  readonly logger: Logger
}): Renewal {
  const { inTenant, lookups, sealerOf, checkDestination, append, forget, clock, logger } = deps
  let stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  async function renewDue(): Promise<void> {
    for (;;) {
      const due = await lookups.clustersToRenew(new Date(clock.now()), batch)
      const rest = due.values()
      const work = async () => {
        for (const { tenant, cluster } of rest) {
          if (stopping.signal.aborted) return
          await renew(tenant, cluster).catch((cause: unknown) =>
            logger.error({ cause, tenant, cluster }, 'a cluster’s token could not be renewed'),
          )
        }
      }
      await Promise.all(Array.from({ length: atOnce }, work))
      if (due.length < batch || stopping.signal.aborted) return
    }
  }

  async function renew(tenant: TenantUid, uid: ClusterUid): Promise<void> {
    const sealer = await sealerOf(tenant)
    const now = clock.now()
    const claim = { now: new Date(now), until: new Date(now + claimMs) }
    const claimed = await inTenant(tenant, (tx) => claimRenewal(tx, uid, claim))
    if (!claimed) return
    const { cluster, sealed } = claimed
    // Whatever has a credential was reached; a check of the table says so.
    if (!cluster.reached) return
    const client = createKubernetesClient(
      endpointOf(cluster.reached),
      { token: new Secret(sealer.open(credentialField(uid), sealed)) },
      { checkDestination, signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(askMs)]) },
    )
    const answer = await requestToken(client)
    await client.close()
    if (stopping.signal.aborted) return
    if (!answer.ok) {
      const { message } = answer.error.problem
      logger.warn({ tenant, cluster: uid, problem: message }, 'a cluster’s token could not be renewed')
      await inTenant(tenant, (tx) => storeRenewalProblem(tx, uid, claim, message))
      return
    }
    const renewedAt = clock.now()
    const fresh = sealToken(sealer, uid, answer.value, renewedAt)
    await inTenant(tenant, async (tx) => {
      if (!(await storeRenewed(tx, uid, claim, fresh, new Date(renewedAt)))) return
      tx.afterCommit(() => forget(tenant, uid))
      await append(tx, {
        event: 'cluster.credential.renewed',
        outcome: 'done',
        actor: { kind: 'system', uid: 'clusters' },
        resource: { uid, name: cluster.name },
        project: cluster.project,
        request: newUid(),
        details: { account: cluster.credential?.account, expiresAt: fresh.expiresAt.toISOString() },
      })
    })
  }

  function schedule(): void {
    // A little apart from the other replicas, which look at the same list.
    timer = setTimeout(
      () => {
        running = renewDue()
          .catch((cause: unknown) => logger.warn({ cause }, 'clusters due for renewal could not be looked up'))
          .then(() => {
            if (!stopping.signal.aborted) schedule()
          })
      },
      everyMs * (0.75 + Math.random() / 2),
    )
    timer.unref()
  }

  return {
    start() {
      stopping = new AbortController()
      schedule()
    },
    async stop() {
      stopping.abort()
      clearTimeout(timer)
      await running
    },
    renewDue,
  }
}
