import type { TenantUid } from '../../contract/ids.ts'
import { type Header, requestLine } from '../../core/kube/index.ts'
import type { KnownCaller } from './callers.ts'
import type { DoorCluster, DoorPorts, MintedToken } from './ports.ts'

/** By what the cluster takes a call for its caller's. */
export type Proof = {
  /** The value of `Authorization` towards the cluster. */
  readonly authorization: string
  /** Further lines of ours. */
  readonly lines: readonly Header[]
  /** Of a token of the caller's own: its id, for the record. */
  readonly tokenId: string | undefined
}

type Asked = {
  readonly known: KnownCaller
  /** The caller in lines of impersonation. */
  readonly lines: readonly Header[]
  readonly tenant: TenantUid
  readonly cluster: DoorCluster
  readonly requestId: string
}

/** A token lives a minute. Used for half of it: the other half is for the way, and for clocks that differ. */
const reuseMs = 30_000

/**
 * Makes the proof of a call: the account's token with the caller's name in lines, or in token mode a token of the caller's.
 *
 * Such a token is kept with what is known of the caller, which is of one snapshot of the access data: after a change of
 * levels, teams or sessions nobody finds it again.
 */
export function createProofs({ mintToken, clock }: Pick<DoorPorts, 'mintToken' | 'clock'>) {
  const tokens = new WeakMap<KnownCaller, { readonly minted: Promise<MintedToken>; readonly madeAt: number }>()

  function tokenOf({ known, tenant, cluster }: Asked): Promise<MintedToken> {
    const now = clock.now()
    const before = tokens.get(known)
    // A clock that was set back makes a new one too: the cluster's has not followed it.
    if (before && now >= before.madeAt && now < before.madeAt + reuseMs) return before.minted
    const minted = mintToken(tenant, cluster.uid, known.named)
    tokens.set(known, { minted, madeAt: now })
    minted.catch(() => tokens.delete(known))
    return minted
  }

  return async (asked: Asked): Promise<Proof> => {
    const { cluster, lines, requestId } = asked
    if (cluster.authorization !== 'token')
      return { authorization: cluster.authorization(), lines: [...lines, requestLine(requestId)], tokenId: undefined }
    const { token, jti } = await tokenOf(asked)
    return {
      authorization: `Bearer ${token.reveal()}`,
      // One token serves several calls: the request is named by the id that the cluster's own log gives it.
      lines: [['audit-id', requestId]],
      tokenId: jti,
    }
  }
}
