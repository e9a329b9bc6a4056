import { hash } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { ApiKeyUid, SessionUid, TenantUid, UserUid } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import { newUid } from '../platform/random/index.ts'
import { createBoundedMap } from './bounded-map.ts'
import { tokenSeconds } from './lifetimes.ts'
import { type SigningKeys, signingAlgorithm } from './signing-keys.ts'

/** For whom these tokens are: the Kubernetes door. The API takes none of them (threat C14). */
export const clusterAudience = 'palisade-clusters'
const tokenType = 'at+jwt'

/** What a kubeconfig's token says: which session or API key it was issued to. It is as good as that, and no longer. */
export type ClusterClaims = {
  readonly tenant: TenantUid
  readonly user: UserUid
  readonly holder:
    | { readonly kind: 'session'; readonly session: SessionUid }
    | { readonly kind: 'apiKey'; readonly key: ApiKeyUid }
  readonly jti: string
  readonly expiresAtMs: number
}

export type ClusterTokens = {
  /** @param endsAtMs end of the session or key, which the token does not outlive */
  issue(
    subject: Omit<ClusterClaims, 'jti' | 'expiresAtMs'>,
    endsAtMs: number,
  ): Promise<{ readonly token: string; readonly expiresAt: Date }>
  /** What an authentic, unexpired token says; nothing for any other text, an API token among them. */
  verify(token: string): Promise<ClusterClaims | undefined>
}

/** Checked tokens remembered: a signature costs 0.3 ms to check, a hash 0.003. */
const maxRemembered = 20_000

const Header = z.strictObject({ alg: z.literal(signingAlgorithm), typ: z.literal(tokenType), kid: z.string().max(128) })

export function createClusterTokens({
  issuer,
  keys,
  clock,
}: {
  readonly issuer: string
  readonly keys: SigningKeys
  readonly clock: Clock
}): ClusterTokens {
  const Payload = z
    .strictObject({
      iss: z.literal(issuer),
      aud: z.literal(clusterAudience),
      sub: UserUid,
      tenant: TenantUid,
      sid: SessionUid.optional(),
      key: ApiKeyUid.optional(),
      jti: z.string().min(1).max(64),
      iat: z.int(),
      exp: z.int(),
    })
    .refine(({ sid, key }) => (sid === undefined) !== (key === undefined))
  const remembered = createBoundedMap<string, { readonly claims: ClusterClaims; readonly kid: string }>(maxRemembered)

  async function check(token: string): Promise<{ claims: ClusterClaims; kid: string } | undefined> {
    if (token.length > 2048) return undefined
    try {
      const { payload, protectedHeader } = await jwtVerify(token, ({ kid }) => keyOf(kid), {
        algorithms: [signingAlgorithm],
        typ: tokenType,
        issuer,
        audience: clusterAudience,
        requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub', 'jti'],
        currentDate: new Date(clock.now()),
      })
      const header = Header.safeParse(protectedHeader)
      const parsed = Payload.safeParse(payload)
      if (!header.success || !parsed.success) return undefined
      const { tenant, sub, sid, key, jti, exp } = parsed.data
      const holder = sid ? { kind: 'session' as const, session: sid } : key && { kind: 'apiKey' as const, key }
      if (!holder) return undefined
      return { claims: { tenant, user: sub, holder, jti, expiresAtMs: exp * 1000 }, kid: header.data.kid }
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
    async issue({ tenant, user, holder }, endsAtMs) {
      const { kid, key } = keys.signing()
      const issuedAt = Math.floor(clock.now() / 1000)
      const expires = Math.min(issuedAt + tokenSeconds, Math.floor(endsAtMs / 1000))
      const token = await new SignJWT({
        tenant,
        ...(holder.kind === 'session' ? { sid: holder.session } : { key: holder.key }),
      })
        .setProtectedHeader({ alg: signingAlgorithm, typ: tokenType, kid })
        .setIssuer(issuer)
        .setAudience(clusterAudience)
        .setSubject(user)
        .setJti(newUid())
        .setIssuedAt(issuedAt)
        .setExpirationTime(expires)
        .sign(key)
      return { token, expiresAt: new Date(expires * 1000) }
    },
    async verify(token) {
      const fingerprint = hash('sha256', token, 'base64')
      const known = remembered.get(fingerprint)
      if (known && keys.verifies(known.kid)) return known.claims.expiresAtMs > clock.now() ? known.claims : undefined
      const checked = await check(token)
      if (checked) remembered.set(fingerprint, checked)
      return checked?.claims
    },
  }
}
