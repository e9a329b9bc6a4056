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
    | { readonly kind: 'session'; readonly session: SessionUid; readonly client?: string }
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
    issue: ({ tenant, user, holder }, endsAtMs) => signed.sign({ tenant, user, own: ownOf(holder) }, endsAtMs),
    async verify(token) {
      const found = await signed.verify(token)
      if (!found) return undefined
      const { own, ...common } = found
      return { ...common, holder: holderOf(own) }
    },
  }
}

/** Exactly one of the two; with a session the client of the issuer that asked, where one did. */
const HolderClaims = z.union([
  z.strictObject({ sid: SessionUid, client: z.string().min(1).max(128).optional() }),
  z.strictObject({ key: ApiKeyUid }),
])

function ownOf(holder: ClusterClaims['holder']): z.output<typeof HolderClaims> {
  if (holder.kind === 'apiKey') return { key: holder.key }
  return { sid: holder.session, ...(holder.client === undefined ? {} : { client: holder.client }) }
}

function holderOf(own: z.output<typeof HolderClaims>): ClusterClaims['holder'] {
  if (!('sid' in own)) return { kind: 'apiKey', key: own.key }
  return { kind: 'session', session: own.sid, ...(own.client === undefined ? {} : { client: own.client }) }
}
