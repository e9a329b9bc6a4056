import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, type Result } from '../../core/result.ts'
import { networkOf, type RateLimiter } from './limits.ts'
import type { Principal } from './principal.ts'

/**
 * Who calls, within what one caller and one network may take.
 *
 * An API key that is not known here has to be looked up, which costs the database the same whoever sends it. So a look-up is
 * paid in advance, out of the network's budget for requests without a valid credential, and given back where it proves
 * somebody: a flood of made-up keys stops at the budget. Who needs no look-up is let in beside it.
 *
 * @param authenticate undefined where no credential was sent; asks before it looks anything up
 */
export async function callerWithin(
  rate: RateLimiter,
  address: string,
  authenticate: ((mayLookUp: () => boolean) => Promise<Result<Principal, Refusal>>) | undefined,
): Promise<Result<Principal, Refusal>> {
  const network = networkOf(address)
  let paid = 0
  let wait = 0
  const pay = () => {
    wait = rate.take('unauthenticated', network)
    if (wait === 0) paid++
    return wait === 0
  }
  const caller = await authenticate?.(pay)
  if (caller?.ok) {
    for (; paid > 0; paid--) rate.giveBack('unauthenticated', network)
    const { tenant, user } = caller.value
    const ownWait = rate.take('caller', `${tenant}/${user}`)
    return ownWait === 0 ? caller : err(tooMany(ownWait))
  }
  if (paid === 0 && wait === 0) pay()
  if (wait > 0) return err(tooMany(wait))
  return caller ?? err(refuse('unauthenticated', 'Sign in first: no credential was sent'))
}

const tooMany = (retryAfterSeconds: number): Refusal => ({ ...refuse('too_many_requests'), retryAfterSeconds })
