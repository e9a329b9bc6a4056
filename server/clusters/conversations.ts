import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import { err, type Result } from '../../core/result.ts'

/** Conversations with clusters at the same time; each may take 25 s and hold six sockets. */
const atOnce = { tenant: 4, all: 32 } as const

/** Runs one conversation with a cluster, or refuses it while too many are under way. */
export type Converse = <T>(
  tenant: TenantUid,
  conversation: () => Promise<Result<T, Refusal>>,
) => Promise<Result<T, Refusal>>

export function createConversations(): Converse {
  const underWay = new Map<TenantUid, number>()
  return async (tenant, conversation) => {
    const mine = underWay.get(tenant) ?? 0
    const all = [...underWay.values()].reduce((sum, one) => sum + one, 0)
    if (mine >= atOnce.tenant || all >= atOnce.all)
      return err({ ...refuse('busy', 'Other clusters are being imported; try again'), retryAfterSeconds: 5 })
    underWay.set(tenant, mine + 1)
    try {
      return await conversation()
    } finally {
      const left = (underWay.get(tenant) ?? 1) - 1
      if (left > 0) underWay.set(tenant, left)
      else underWay.delete(tenant)
    }
  }
}
