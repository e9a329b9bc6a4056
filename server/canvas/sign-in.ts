import { timingSafeEqual } from 'node:crypto'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { inLines, type Principal } from '../gateway/index.ts'
import type { Keys } from '../keys/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { RequestLog } from '../platform/log/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'
import { newSecret } from '../platform/random/index.ts'
import type { IssuedTokens, Issuer } from './issuer.ts'
import { returnTo } from './return-to.ts'
import { cookieHash } from './sessions.ts'
import { insertSignIn, takeSignIn } from './sign-in-store.ts'

/** A browser has this long from the console to the issuer and back. */
export const signInSeconds = 5 * 60

export type SignIn = {
  /** @returns where the browser goes, and the cookie that its way back needs */
  begin(
    wanted: string | null,
    log: RequestLog,
  ): Promise<Result<{ readonly url: string; readonly cookie: string }, Refusal>>
  /**
   * @param callback the URL that the browser came back with
   * @param cookie of the browser; used up by this, whatever comes of it
   * @param log learns who has signed in
   */
  finish(
    callback: URL,
    cookie: string | undefined,
    log: RequestLog,
  ): Promise<Result<{ readonly tokens: IssuedTokens; readonly principal: Principal; readonly url: string }, Refusal>>
}

export function createSignIn({
  publicUrl,
  issuer,
  authenticate,
  inTenant,
  keys,
  clock,
}: {
  readonly publicUrl: string
  readonly issuer: Pick<Issuer, 'begin' | 'finish'>
  readonly authenticate: (token: string) => Promise<Result<Principal, Refusal>>
  readonly inTenant: InTenant
  readonly keys: Pick<Keys, 'of'>
  readonly clock: Clock
}): SignIn {
  const redirectUri = `${publicUrl}/canvas/callback`

  return {
    async begin(wanted, log) {
      const begun = await issuer.begin(redirectUri)
      if (!begun.ok) {
        log.lines().warn({ cause: begun.error.cause }, 'nobody can sign in: the issuer does not answer')
        return err({ ...refuse('unavailable', 'The issuer does not answer; try again'), retryAfterSeconds: 1 })
      }
      const cookie = newSecret()
      await insertSignIn(inTenant, await keys.of(systemTenant), {
        cookieHash: cookieHash(cookie),
        stored: { ...begun.value.begun, returnTo: returnTo(publicUrl, wanted) },
        now: new Date(clock.now()),
        expiresAt: new Date(clock.now() + signInSeconds * 1000),
      })
      return ok({ url: begun.value.url.href, cookie })
    },

    async finish(callback, cookie, log) {
      // First of all it is used up: nothing that follows can be tried twice (threat B11).
      const begun =
        cookie && (await takeSignIn(inTenant, await keys.of(systemTenant), cookieHash(cookie), new Date(clock.now())))
      if (!begun) return err(refuse('invalid', 'This sign-in is used, took too long, or began in another browser'))
      const states = callback.searchParams.getAll('state')
      if (states.length !== 1 || !same(states[0] ?? '', begun.state))
        return err(refuse('invalid', 'This answer belongs to another sign-in'))
      const finished = await issuer.finish(new URL(`${redirectUri}${callback.search}`), begun)
      if (!finished.ok) {
        const { kind, cause } = finished.error
        log.lines().warn({ cause }, 'a sign-in was not finished')
        return err(
          kind === 'away'
            ? { ...refuse('unavailable', 'The issuer does not answer; try again'), retryAfterSeconds: 1 }
            : refuse('invalid', 'The issuer did not let you in'),
        )
      }
      const tokens = finished.value
      const principal = await authenticate(tokens.access)
      if (!principal.ok) {
        log.lines().warn({ why: principal.error.detail }, 'the issuer gave a token that the API does not take')
        return err(refuse('invalid', 'The issuer did not let you in'))
      }
      log.knows(inLines(principal.value))
      // Who the issuer says has signed in is whom the API takes the token for (threat A22).
      if (tokens.subject !== `${principal.value.tenant}/${principal.value.user}`) {
        log.lines().error('the ID token and the access token of a sign-in name different people')
        return err(refuse('invalid', 'The issuer did not let you in'))
      }
      return ok({ tokens, principal: principal.value, url: begun.returnTo })
    },
  }
}

function same(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  return one.length === other.length && timingSafeEqual(one, other)
}
