import type { ClusterUid, TenantUid } from '../../contract/ids.ts'
import type { AskCluster } from '../clusters/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { InTenant, Lookups } from '../platform/postgres/index.ts'
import { apply, type ConfigError } from './apply.ts'
import { claim, errorsOn, forgetCluster, readWanted, storeOutcome } from './reconciliation-store.ts'
import { wantedOn } from './wanted.ts'

export type ReconcilerDeps = {
  readonly inTenant: InTenant
  readonly lookups: Pick<Lookups, 'clustersToReconcile'>
  readonly ask: AskCluster
  readonly protectedNamespaces: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
}

export type Reconciler = {
  start(): void
  /** Ends what is under way and waits for it. */
  stop(): Promise<void>
  /** Looks at once: something else is wanted. */
  wake(): void
  /** Brings what is due now to what is wanted; what `start` does every half minute, and `wake` at once. */
  reconcileDue(): Promise<void>
}

const everyMs = 30_000
/** A cluster on which all is as it should be is looked at again after this: others may have changed it. */
const againMs = 10 * 60_000
const firstRetryMs = 15_000
const longestRetryMs = 60 * 60_000
const askMs = 60_000
/** Longer than a conversation may take, so that two replicas never have one cluster in hand. */
const claimMs = 2 * askMs
const batch = 50
/** Clusters asked at the same time: one that does not answer must not hold up the others. */
const atOnce = 8

/** Up to a quarter more or less, so that replicas and clusters do not move in step. */
const jittered = (ms: number) => ms * (0.75 + Math.random() / 2)

/**
 * Keeps clusters as they are wanted: after a change, at the start, and every now and then. Every replica looks; a claim in the
 * cluster's row says who has it in hand, and no transaction is open while a cluster is being waited for.
 */
export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { inTenant, lookups, ask, protectedNamespaces, clock, logger } = deps
  let stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isStarted = false
  let isAsked = false

  async function reconcileDue(): Promise<void> {
    for (;;) {
      const due = await lookups.clustersToReconcile(new Date(clock.now()), batch)
      const rest = due.values()
      const work = async () => {
        for (const { tenant, cluster } of rest) {
          if (stopping.signal.aborted) return
          await reconcile(tenant, cluster).catch((cause: unknown) =>
            logger.error({ cause, tenant, cluster }, 'a cluster could not be brought to what is wanted on it'),
          )
        }
      }
      await Promise.all(Array.from({ length: atOnce }, work))
      if (due.length < batch || stopping.signal.aborted) return
    }
  }

  async function reconcile(tenant: TenantUid, uid: ClusterUid): Promise<void> {
    const now = clock.now()
    const begun = await inTenant(tenant, async (tx) => {
      const claimed = await claim(tx, uid, { now: new Date(now), until: new Date(now + claimMs) })
      const stored = claimed && (await readWanted(tx, uid))
      return stored && { claimed, stored, before: await errorsOn(tx, [uid]) }
    })
    if (!begun) return
    const { claimed, stored, before } = begun
    const wanted = wantedOn(stored)
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(askMs)])
    const done = await ask({ tenant, cluster: uid, level: 'admin', signal }, (client) =>
      apply(client, uid, wanted, protectedNamespaces),
    )
    const isEmpty = wanted.namespaces.length === 0 && wanted.objects.length === 0
    if (done.ok && isEmpty) return inTenant(tenant, (tx) => forgetCluster(tx, uid, claimed))
    const errors = done.ok ? done.value : unreached(wanted, done.error.message)
    const failures = errors.length > 0 ? claimed.failures + 1 : 0
    report(tenant, uid, errors, before)
    const at = clock.now()
    const waitMs = failures === 0 ? againMs : Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 12))
    await inTenant(tenant, (tx) =>
      storeOutcome(tx, uid, claimed, {
        ...{ failures, errors, now: new Date(at) },
        nextAt: new Date(at + jittered(waitMs)),
      }),
    )
  }

  /** The log tells of what is new: the same things wait for somebody at every look. */
  function report(
    tenant: TenantUid,
    cluster: ClusterUid,
    errors: readonly ConfigError[],
    before: readonly ConfigError[],
  ) {
    const known = new Set(before.map(({ msg }) => msg))
    for (const { resourceType, name, msg } of errors)
      if (!known.has(msg))
        logger.warn({ tenant, cluster, resourceType, name, problem: msg }, 'not as wanted on a cluster')
  }

  function look(): void {
    if (!isStarted || stopping.signal.aborted) return
    if (running !== undefined) {
      isAsked = true
      return
    }
    clearTimeout(timer)
    running = reconcileDue()
      .catch((cause: unknown) => logger.warn({ cause }, 'what is wanted on clusters could not be looked up'))
      .then(() => {
        running = undefined
        if (stopping.signal.aborted) return
        if (isAsked) {
          isAsked = false
          return look()
        }
        timer = setTimeout(look, jittered(everyMs))
        timer.unref()
      })
  }

  return {
    start() {
      stopping = new AbortController()
      isStarted = true
      look()
    },
    async stop() {
      stopping.abort()
      clearTimeout(timer)
      await running
    },
    wake: look,
    reconcileDue,
  }
}

/** Whoever wants something on a cluster that cannot be asked is told so, once each. */
function unreached({ namespaces, objects }: ReturnType<typeof wantedOn>, msg: string): ConfigError[] {
  const all = [
    ...namespaces.map(({ owner, name }) => ({ owner, resourceType: 'Namespace' as const, name, msg })),
    ...objects.map(({ owner, kind, name }) => ({ owner, resourceType: kind, name, msg })),
  ]
  const isFirst = new Map(all.toReversed().map((one) => [JSON.stringify(one.owner), one]))
  return isFirst.size > 0
    ? [...isFirst.values()]
    : [{ owner: { kind: 'rbac', uid: '' }, resourceType: 'RoleBinding', name: '', msg }]
}
