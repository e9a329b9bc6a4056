import type { UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { EndReason } from '../access/index.ts'
import type { CredentialFacts } from './edges.ts'

/** A session as it is stored. Times in milliseconds. */
export type SessionState = {
  readonly kind: 'session'
  readonly user: UserUid
  readonly credentialEpoch: bigint
  /** When the person proved who they are: a session begins with that, and is never prolonged by it. */
  readonly provedAt: number
  readonly lastSeenAt: number
  readonly idleMs: number
  readonly absoluteEndAt: number
  readonly ended: boolean
  /** The `jti` of tokens that were revoked by name. */
  readonly revoked: ReadonlySet<string>
}

/** An API key as it is stored. */
export type ApiKeyState = {
  readonly kind: 'apiKey'
  readonly user: UserUid
  /** Who was shown its value. */
  readonly createdBy: UserUid
  readonly secretHash: Buffer
  readonly active: boolean
  readonly expiresAt: number | undefined
}

export type CredentialState = SessionState | ApiKeyState

/** Why a credential does not count; the same words as the reasons for which open streams end. */
export type InvalidReason = Extract<
  EndReason,
  'session-ended' | 'key-ended' | 'user-inactive' | 'tenant-inactive' | 'expired' | 'right-withdrawn'
>

/**
 * Whether a credential counts at this moment. The one rule, for requests, open streams, refresh and lists of sessions alike
 * (threat C06); it looks at times itself and relies on no cleaning up (threat C07).
 *
 * @param facts of the credential's tenant
 * @param jti of the token that named the session, where one did
 * @returns when it ends by itself; never, for a key without expiry, is Infinity
 */
export function validity(
  credential: CredentialState,
  facts: Pick<CredentialFacts, 'tenantState' | 'users'>,
  now: number,
  jti?: string,
): Result<{ readonly endsAt: number }, InvalidReason> {
  if (facts.tenantState !== 'active') return err('tenant-inactive')
  const user = facts.users.get(credential.user)
  if (user?.state !== 'active') return err('user-inactive')
  if (credential.kind === 'apiKey') {
    if (!credential.active) return err('key-ended')
    const endsAt = credential.expiresAt ?? Number.POSITIVE_INFINITY
    return now < endsAt ? ok({ endsAt }) : err('expired')
  }
  // The password was set anew, or the account switched off and on, since the sign-in.
  if (user.credentialEpoch !== credential.credentialEpoch) return err('session-ended')
  if (credential.ended || (jti !== undefined && credential.revoked.has(jti))) return err('session-ended')
  const endsAt = Math.min(credential.lastSeenAt + credential.idleMs, credential.absoluteEndAt)
  return now < endsAt ? ok({ endsAt }) : err('expired')
}
