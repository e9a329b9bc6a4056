import type { AccessRequestUid, TenantUid } from '../../contract/ids.ts'
import { afterAct } from '../../core/access/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { InTenant, Lookups, Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { readRequest, settleRequest } from './request-store.ts'

/** Records what no request of the API asked for. */
export type AppendExpiry = (
  tx: Tx,
  entry: {
    readonly event: 'access.request.expired'
    readonly outcome: 'done'
    readonly actor: { readonly kind: 'system'; readonly uid: string }
    readonly resource: { readonly uid: string }
    readonly project?: string
    readonly request: string
    readonly details: Readonly<Record<string, unknown>>
  },
) => Promise<unknown>

export type Expiry = {
  start(): void
  stop(): Promise<void>
  /** Writes down what is over by now; what `start` does every half minute. */
  expireDue(): Promise<void>
}

const everyMs = 30_000
const batch = 100

/**
 * Writes down that nobody answered. Nothing waits for it: a request that is over cannot be answered any more, whatever its row
 * says. Every replica looks; the row's lock lets one of them do it.
 */
export function createExpiry(deps: {
  readonly inTenant: InTenant
  readonly lookups: Pick<Lookups, 'accessRequestsToExpire'>
  readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer>
  readonly append: AppendExpiry
  readonly clock: Clock
  readonly logger: Logger
}): Expiry {
  const { inTenant, lookups, sealerOf, append, clock, logger } = deps
  let isStopping = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  async function expireDue(): Promise<void> {
    for (;;) {
      const due = await lookups.accessRequestsToExpire(new Date(clock.now()), batch)
      let failed = 0
      for (const { tenant, request } of due) {
        if (isStopping) return
        await expire(tenant, request).catch((cause: unknown) => {
          failed++
          logger.error({ cause, tenant, request }, 'a request for a role could not be ended')
        })
      }
      if (due.length < batch || failed > 0) return
    }
  }

  async function expire(tenant: TenantUid, uid: AccessRequestUid): Promise<void> {
    const sealer = await sealerOf(tenant)
    await inTenant(tenant, async (tx) => {
      const request = await readRequest(tx, sealer, uid, { toChange: true })
      if (!request) return
      const now = new Date(clock.now())
      const nobody = { isRequester: false, isSamePerson: false, mayGive: false }
      const state = afterAct('expire', { state: request.state, isOver: request.expiresAt <= now, ...nobody })
      if (!state.ok) return
      await settleRequest(tx, sealer, uid, { state: 'expired', at: now })
      await append(tx, {
        event: 'access.request.expired',
        outcome: 'done',
        actor: { kind: 'system', uid: 'requests' },
        resource: { uid },
        ...(request.project ? { project: request.project } : {}),
        request: newUid(),
        details: { user: request.user, roleUid: request.role, expiresAt: request.expiresAt.toISOString() },
      })
    })
  }

  function schedule(): void {
    timer = setTimeout(() => {
      running = expireDue()
        .catch((cause: unknown) => logger.warn({ cause }, 'requests that are over could not be looked up'))
        .then(() => {
          if (!isStopping) schedule()
        })
    }, everyMs)
    timer.unref()
  }

  return {
    start() {
      isStopping = false
      schedule()
    },
    async stop() {
      isStopping = true
      clearTimeout(timer)
      await running
    },
    expireDue,
  }
}
