import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Authenticator } from './authenticator.ts'
import type { Caller, IdentityEdges } from './edges.ts'
import { extendSession } from './session-store.ts'
import type { Tokens } from './tokens.ts'

/**
 * A new token for a session, whose idle end it moves; the absolute end stays. The session keeps its uid, so streams and
 * audit entries go on under it. The old token stays good until its own end: another process of the person may hold it.
 *
 * @param token unexpired (threat B21); proof enough by itself, and asked the same questions as in a request
 */
export function createRefresh({
  authenticator,
  tokens,
  inTenant,
  append,
}: {
  readonly authenticator: Pick<Authenticator, 'ofToken'>
  readonly tokens: Pick<Tokens, 'issue'>
} & Pick<IdentityEdges, 'inTenant' | 'append'>) {
  return async (token: string, caller: Caller): Promise<Result<string, Refusal>> => {
    const holder = await authenticator.ofToken(token)
    if (!holder.ok) return err(refuse('token_invalid', holder.error.detail))
    const { tenant, user, person, claims } = holder.value
    const { session, jti } = claims
    return inTenant(tenant, async (tx) => {
      const endsAt = await extendSession(tx, session, caller.now)
      if (!endsAt) return err(refuse('token_invalid', 'The session has ended; sign in again'))
      await append(tx, {
        event: 'session.refreshed',
        outcome: 'done',
        actor: { kind: 'user', uid: user, ...person, credential: `session:${session}` },
        resource: { uid: session },
        session,
        request: caller.requestId,
        address: caller.clientAddress,
        details: { token: jti, userAgent: caller.userAgent },
      })
      return ok(await tokens.issue(claims, endsAt.getTime()))
    })
  }
}
