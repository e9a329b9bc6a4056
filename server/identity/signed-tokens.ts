import { hash } from 'node:crypto'
import { decodeJwt, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { TenantUid, UserUid } from '../../contract/ids.ts'
import { createBoundedMap } from '../platform/bounded-map/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import { newUid } from '../platform/random/index.ts'
import { tokenSeconds } from './lifetimes.ts'
import { type SigningKeys, signingAlgorithm } from './signing-keys.ts'

/** What every token says, and what those of one audience say beside it. */
export type Signed<Own> = {
  readonly tenant: TenantUid
  readonly user: UserUid
  /** The token's own id. */
  readonly jti: string
  readonly expiresAtMs: number
  readonly own: Own
}

/** JWTs of this installation for one audience. */
export type SignedTokens<Own> = {
  /** @param endsAtMs end of what the token stands for, which it does not outlive */
  sign(
    subject: Pick<Signed<Own>, 'tenant' | 'user' | 'own'>,
    endsAtMs: number,
  ): Promise<{ readonly token: string; readonly expiresAt: Date }>
  /** What an authentic token says that was issued by now and has not expired; nothing for any other text. Throws only when keys cannot be read. */
  verify(token: string): Promise<Signed<Own> | undefined>
  /** The same of a token that may have expired. */
  verifyExpired(token: string): Promise<Signed<Own> | undefined>
}

/** RFC 9068 §2.1: an access token says that it is one, so that no other kind of token passes for it. */
const tokenType = 'at+jwt'
/** A token is some 500 characters; what is much longer is none. */
const maxTokenLength = 2048
const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
/** How far replicas' clocks may be apart: a token from further ahead was issued by a clock that was wrong. */
const skewMs = 60_000
/** Checked tokens remembered: a signature costs 0.3 ms to check, a hash 0.003. */
const maxRemembered = 20_000

/** The whole header: no key, key address or critical extension in it, not even one that would be ignored (threat B09). */
const Header = z.strictObject({
  alg: z.literal(signingAlgorithm),
  typ: z.literal(tokenType),
  kid: z.string().min(1).max(128),
})

/**
 * @param audience for whom the tokens are; a token for anybody else is none (threat B08)
 * @param own the claims beside the common ones, exactly; its input is what is signed
 */
export function createSignedTokens<Own extends Readonly<Record<string, unknown>>>({
  issuer,
  audience,
  own,
  keys,
  clock,
}: {
  readonly issuer: string
  readonly audience: string
  readonly own: z.ZodType<Own>
  readonly keys: SigningKeys
  readonly clock: Clock
}): SignedTokens<Own> {
  if (!issuer.startsWith('https://')) throw new Error('tokens need an https origin as their issuer')
  const Common = z.object({
    iss: z.literal(issuer),
    // One text: a list could name us beside somebody else.
    aud: z.literal(audience),
    sub: UserUid,
    tenant: TenantUid,
    jti: z.string().min(1).max(64),
    iat: z.int(),
    exp: z.int(),
  })
  type Checked = { readonly signed: Signed<Own>; readonly issuedAtMs: number; readonly kid: string }
  const remembered = createBoundedMap<string, Checked>(maxRemembered)

  async function check(token: string, at: Date): Promise<Checked | undefined> {
    if (token.length > maxTokenLength || !compact.test(token)) return undefined
    try {
      // Looked at before the signature, to spare its price where the token is for another door; believed only after it.
      if (decodeJwt(token).aud !== audience) return undefined
      const { payload, protectedHeader } = await jwtVerify(token, ({ kid }) => keyOf(kid), {
        algorithms: [signingAlgorithm],
        typ: tokenType,
        issuer,
        audience,
        requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub', 'jti'],
        currentDate: at,
      })
      const header = Header.safeParse(protectedHeader)
      const signed = read(payload)
      return header.success && signed ? { ...signed, kid: header.data.kid } : undefined
    } catch (cause) {
      if (cause instanceof errors.JOSEError) return undefined
      throw cause
    }
  }

  function read({ iss, aud, sub, tenant, jti, iat, exp, ...rest }: JWTPayload): Omit<Checked, 'kid'> | undefined {
    const common = Common.safeParse({ iss, aud, sub, tenant, jti, iat, exp })
    const owned = own.safeParse(rest)
    if (!common.success || !owned.success) return undefined
    const { data } = common
    return {
      signed: {
        ...{ tenant: data.tenant, user: data.sub, jti: data.jti },
        ...{ expiresAtMs: data.exp * 1000, own: owned.data },
      },
      issuedAtMs: data.iat * 1000,
    }
  }

  /** Without the second half, one moment with a clock that is a year ahead would issue tokens for a year. */
  function isTimely({ signed, issuedAtMs }: Checked): boolean {
    const now = clock.now()
    return signed.expiresAtMs > now && issuedAtMs <= now + skewMs
  }

  async function keyOf(kid: unknown) {
    const key = typeof kid === 'string' ? await keys.verifying(kid) : undefined
    if (!key) throw new errors.JWKSNoMatchingKey()
    return key
  }

  return {
    async sign({ tenant, user, own: claims }, endsAtMs) {
      const { kid, key } = keys.signing()
      const issuedAt = Math.floor(clock.now() / 1000)
      const expires = Math.min(issuedAt + tokenSeconds, Math.floor(endsAtMs / 1000))
      const token = await new SignJWT({ tenant, ...claims })
        .setProtectedHeader({ alg: signingAlgorithm, typ: tokenType, kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(user)
        .setJti(newUid())
        .setIssuedAt(issuedAt)
        .setExpirationTime(expires)
        .sign(key)
      return { token, expiresAt: new Date(expires * 1000) }
    },
    async verify(token) {
      // The text of a remembered token is not kept: a dump of the memory shows no more of them than are in use.
      const fingerprint = hash('sha256', token, 'base64')
      const known = remembered.get(fingerprint)
      if (known && keys.verifies(known.kid)) return isTimely(known) ? known.signed : undefined
      const checked = await check(token, new Date(clock.now()))
      if (!checked || !isTimely(checked)) return undefined
      remembered.set(fingerprint, checked)
      return checked.signed
    },
    async verifyExpired(token) {
      return (await check(token, new Date(0)))?.signed
    },
  }
}
