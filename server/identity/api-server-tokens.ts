import { SignJWT } from 'jose'
import type { ClusterUid, TenantUid } from '../../contract/ids.ts'
import { type ClusterIdentity, type TokenAccess, tokenClaims, tokenSecondsOf } from '../../core/kube/index.ts'
import { Secret } from '../../core/seal/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type SigningKeys, signingAlgorithm } from './signing-keys.ts'

/** Not an access token of ours (`at+jwt`): no door of Palisade takes it (threat C14). */
const tokenType = 'palisade-cluster+jwt'

export type ApiServerToken = {
  readonly token: Secret
  /** The token's own id, which both audit logs hold. */
  readonly jti: string
  readonly issuedAtMs: number
  readonly expiresAt: Date
}

/** Tokens by which a cluster's API server takes a caller for who they are, in clusters that trust our issuer. */
export type ApiServerTokens = {
  /**
   * @param of whom the cluster is to take the caller for; `cluster` is the audience, and the only one
   * @param endsAtMs end of what the token stands for, which it does not outlive
   */
  mint(
    of: {
      readonly tenant: TenantUid
      readonly cluster: ClusterUid
      readonly identity: ClusterIdentity
      readonly access: TokenAccess
    },
    endsAtMs?: number,
  ): Promise<ApiServerToken>
  /**
   * The same with claims changed, to see whether a cluster refuses what it must. Whoever it names has to be nobody: the caller
   * sees to that.
   */
  mintUnsound(of: Parameters<ApiServerTokens['mint']>[0], changed: UnsoundClaims): Promise<ApiServerToken>
}

/** What a probe may get wrong. */
export type UnsoundClaims = {
  readonly aud?: string | string[]
  readonly sub?: string
  readonly tenant?: string
  readonly groups?: readonly string[]
  readonly access?: string
  readonly lifeSeconds?: number
  readonly issuedSecondsAgo?: number
}

export function createApiServerTokens({
  issuer,
  keys,
  clock,
}: {
  readonly issuer: string
  readonly keys: SigningKeys
  readonly clock: Clock
}): ApiServerTokens {
  async function sign(
    { tenant, cluster, identity, access }: Parameters<ApiServerTokens['mint']>[0],
    { lifeSeconds = tokenSecondsOf[access], issuedSecondsAgo = 0, ...changed }: UnsoundClaims,
    endsAtMs: number,
  ): Promise<ApiServerToken> {
    const { kid, key } = keys.signing()
    const issuedAtMs = clock.now()
    const iat = Math.floor(issuedAtMs / 1000) - issuedSecondsAgo
    const exp = Math.min(iat + lifeSeconds, Math.floor(endsAtMs / 1000))
    const jti = newUid()
    const claims = { iss: issuer, aud: cluster, ...tokenClaims(identity, tenant, access), iat, exp, jti, ...changed }
    const token = await new SignJWT(claims).setProtectedHeader({ alg: signingAlgorithm, typ: tokenType, kid }).sign(key)
    return { token: new Secret(token), jti, issuedAtMs, expiresAt: new Date(exp * 1000) }
  }

  return {
    mint: (of, endsAtMs = Number.POSITIVE_INFINITY) => sign(of, {}, endsAtMs),
    mintUnsound: (of, changed) => sign(of, changed, Number.POSITIVE_INFINITY),
  }
}
