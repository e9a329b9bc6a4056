import { hash } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { SessionUid, TenantUid, UserUid } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import { newUid } from '../platform/random/index.ts'
import { createBoundedMap } from './bounded-map.ts'
import { tokenSeconds } from './lifetimes.ts'
import { type SigningKeys, signingAlgorithm } from './signing-keys.ts'

/** For whom tokens of this API are; a token for anybody else is none (threat B08). */
export const tokenAudience = 'palisade-api'
/** RFC 9068 §2.1: an access token says that it is one, so that no other kind of token passes for it. */
const tokenType = 'at+jwt'

/** What a token says: who, which session, at which credential epoch. Never rights: those are decided at each use. */
export type Claims = {
  readonly tenant: TenantUid
  readonly user: UserUid
  readonly session: SessionUid
  readonly jti: string
  readonly credentialEpoch: bigint
  readonly expiresAtMs: number
}

export type Tokens = {
  /** @param endsAtMs end of the session, which the token does not outlive */
  issue(subject: Omit<Claims, 'jti' | 'expiresAtMs'>, endsAtMs: number): Promise<string>
  /** What an authentic, unexpired token says; nothing for any other text. Throws only when keys cannot be read. */
  verify(token: string): Promise<Claims | undefined>
  /** The same of a token that may have expired: revoking one ends its session still. */
  verifyExpired(token: string): Promise<Claims | undefined>
}

/** A token is some 500 characters; what is much longer is none. */
const maxTokenLength = 2048
const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
/** Checked tokens remembered: a signature costs 0.3 ms to check, a hash 0.003. */
const maxRemembered = 20_000

/** The whole header: no key, key address or critical extension in it, not even one that would be ignored. */
const Header = z.strictObject({
  alg: z.literal(signingAlgorithm),
  typ: z.literal(tokenType),
  kid: z.string().min(1).max(128),
})

export function createTokens({
  issuer,
  keys,
  clock,
}: {
  readonly issuer: string
  readonly keys: SigningKeys
  readonly clock: Clock
}): Tokens {
  if (!issuer.startsWith('https://')) throw new Error('tokens need an https origin as their issuer')
  const Payload = z
    .strictObject({
      iss: z.literal(issuer),
      // One text: a list could name us beside somebody else.
      aud: z.literal(tokenAudience),
      sub: UserUid,
      tenant: TenantUid,
      sid: SessionUid,
      jti: z.string().min(1).max(64),
      ce: z.int().positive(),
      iat: z.int(),
      exp: z.int(),
    })
    .transform(
      ({ tenant, sub, sid, jti, ce, exp }): Claims => ({
        tenant,
        user: sub,
        session: sid,
        jti,
        credentialEpoch: BigInt(ce),
        expiresAtMs: exp * 1000,
      }),
    )
  const remembered = createBoundedMap<string, { readonly claims: Claims; readonly kid: string }>(maxRemembered)

  async function check(token: string, at: Date): Promise<{ claims: Claims; kid: string } | undefined> {
    if (token.length > maxTokenLength || !compact.test(token)) return undefined
    try {
      const { payload, protectedHeader } = await jwtVerify(token, ({ kid }) => keyOf(kid), {
        algorithms: [signingAlgorithm],
        typ: tokenType,
        issuer,
        audience: tokenAudience,
        requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub', 'jti'],
        currentDate: at,
      })
      const header = Header.safeParse(protectedHeader)
      const claims = Payload.safeParse(payload)
      return header.success && claims.success ? { claims: claims.data, kid: header.data.kid } : undefined
    } catch (cause) {
      if (cause instanceof errors.JOSEError) return undefined
      throw cause
    }
  }

  async function keyOf(kid: unknown) {
    const key = typeof kid === 'string' ? await keys.verifying(kid) : undefined
    if (!key) throw new errors.JWKSNoMatchingKey()
    return key
  }

  return {
    async issue({ tenant, user, session, credentialEpoch }, endsAtMs) {
      const { kid, key } = keys.signing()
      const issuedAt = Math.floor(clock.now() / 1000)
      return new SignJWT({ tenant, sid: session, ce: Number(credentialEpoch) })
        .setProtectedHeader({ alg: signingAlgorithm, typ: tokenType, kid })
        .setIssuer(issuer)
        .setAudience(tokenAudience)
        .setSubject(user)
        .setJti(newUid())
        .setIssuedAt(issuedAt)
        .setExpirationTime(Math.min(issuedAt + tokenSeconds, Math.floor(endsAtMs / 1000)))
        .sign(key)
    },
    async verify(token) {
      // The text of a remembered token is not kept: a dump of the memory shows no more of them than are in use.
      const fingerprint = hash('sha256', token, 'base64')
      const known = remembered.get(fingerprint)
      if (known && keys.verifies(known.kid)) return known.claims.expiresAtMs > clock.now() ? known.claims : undefined
      const checked = await check(token, new Date(clock.now()))
      if (checked) remembered.set(fingerprint, checked)
      return checked?.claims
    },
    async verifyExpired(token) {
      return (await check(token, new Date(0)))?.claims
    },
  }
}
