import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import { err, type Result } from '../../core/result.ts'
import { createShares } from '../platform/shares/index.ts'

/** Conversations with clusters at the same time; each may take 25 s and hold six sockets. */
const atOnce = { tenant: 4, all: 32 } as const

/** Runs one conversation with a cluster, or refuses it while too many are under way. */
export type Converse = <T>(
  tenant: TenantUid,
  conversation: () => Promise<Result<T, Refusal>>,
) => Promise<Result<T, Refusal>>

export function createConversations(): Converse {
  const shares = createShares(atOnce)
  return async (tenant, conversation) => {
    const giveBack = shares.take(tenant)
    if (!giveBack)
      return err({ ...refuse('busy', 'Other clusters are being imported; try again'), retryAfterSeconds: 5 })
    try {
      return await conversation()
    } finally {
      giveBack()
    }
  }
}
