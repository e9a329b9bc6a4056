import { failure, type Status } from '../../../core/kube/index.ts'
import type { Call, EndSignal } from './call.ts'

/** What to answer now that access has ended, if it has. The signal alone is enough. */
export function endOf(call: Call): Status | undefined {
  const status = call.endedWith()
  if (status !== undefined || !call.signal.aborted) return status
  return failure(403, `access to this cluster has ended (request ${call.requestId})`)
}

/** Why, for the record. */
export function reasonOf(signal: EndSignal): string {
  return typeof signal.reason === 'string' ? signal.reason : 'ended'
}
