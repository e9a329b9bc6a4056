import { z } from 'zod'
import { ApiKeyUid, SessionUid, type TenantUid, type UserUid } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import { createSignedTokens } from './signed-tokens.ts'
import type { SigningKeys } from './signing-keys.ts'

/** For whom these tokens are: the Kubernetes door. The API takes none of them (threat C14). */
export const clusterAudience = 'palisade-clusters'

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

export function createClusterTokens(deps: {
  readonly issuer: string
  readonly keys: SigningKeys
  readonly clock: Clock
}): ClusterTokens {
  const signed = createSignedTokens({ ...deps, audience: clusterAudience, own: HolderClaims })
  return {
    issue: ({ tenant, user, holder }, endsAtMs) =>
      signed.sign(
        { tenant, user, own: holder.kind === 'session' ? { sid: holder.session } : { key: holder.key } },
        endsAtMs,
      ),
    async verify(token) {
      const found = await signed.verify(token)
      if (!found) return undefined
      const { own, ...common } = found
      const holder =
        'sid' in own ? ({ kind: 'session', session: own.sid } as const) : ({ kind: 'apiKey', key: own.key } as const)
      return { ...common, holder }
    },
  }
}

/** Exactly one of the two. */
const HolderClaims = z.union([z.strictObject({ sid: SessionUid }), z.strictObject({ key: ApiKeyUid })])
