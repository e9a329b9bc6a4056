import { z } from 'zod'
import { SessionUid, type TenantUid, type UserUid } from '../../contract/ids.ts'
import type { Clock } from '../platform/clock/index.ts'
import { createSignedTokens, type Signed } from './signed-tokens.ts'
import type { SigningKeys } from './signing-keys.ts'

/** The tokens of the API. */
export const tokenAudience = 'palisade-api'

/** The issuer's name below the public URL; its tokens for Palisade itself are for the public URL. */
export const issuerOf = (publicUrl: string): string => `${publicUrl}/oidc`

/** What a token says: who, which session, at which credential epoch. Never rights: those are decided at each use. */
export type Claims = {
  readonly tenant: TenantUid
  readonly user: UserUid
  readonly session: SessionUid
  readonly jti: string
  readonly credentialEpoch: bigint
  readonly expiresAtMs: number
  /** The client of the issuer that it was given to; a token that was made of it is of the same client. */
  readonly client?: string
}

export type Tokens = {
  /** @param endsAtMs end of the session, which the token does not outlive */
  issue(subject: Omit<Claims, 'jti' | 'expiresAtMs'>, endsAtMs: number): Promise<string>
  /** What an authentic, unexpired token says; nothing for any other text. Throws only when keys cannot be read. */
  verify(token: string): Promise<Claims | undefined>
  /** The same of a token that may have expired: revoking one ends its session still. */
  verifyExpired(token: string): Promise<Claims | undefined>
}

export function createTokens(deps: {
  readonly issuer: string
  readonly keys: SigningKeys
  readonly clock: Clock
}): Tokens {
  const signed = createSignedTokens({ ...deps, audience: tokenAudience, own: SessionClaims })
  // The same by another way of signing in: code and device grants of the OpenID Connect issuer.
  const granted = createSignedTokens({
    ...deps,
    issuer: issuerOf(deps.issuer),
    audience: deps.issuer,
    own: GrantedClaims,
  })
  return {
    async issue({ tenant, user, session, credentialEpoch, client }, endsAtMs) {
      const own = { sid: session, ce: Number(credentialEpoch), ...(client === undefined ? {} : { client }) }
      return (await signed.sign({ tenant, user, own }, endsAtMs)).token
    },
    async verify(token) {
      return claimsOf((await signed.verify(token)) ?? (await granted.verify(token)))
    },
    async verifyExpired(token) {
      return claimsOf((await signed.verifyExpired(token)) ?? (await granted.verifyExpired(token)))
    },
  }
}

const Session = z.strictObject({ sid: SessionUid, ce: z.int().positive() })
const clientId = z.string().min(1).max(128)

/** A token that the API made of a client's names the client, as the first one did. */
const SessionClaims = Session.extend({ client: clientId.optional() })

/** RFC 9068 §2.2: which client it was given to, and for what. */
const GrantedClaims = Session.extend({ client_id: clientId, scope: z.string().max(256).optional() })

function claimsOf(
  signed: Signed<z.output<typeof SessionClaims> | z.output<typeof GrantedClaims>> | undefined,
): Claims | undefined {
  if (!signed) return undefined
  const { own, ...common } = signed
  const client = 'client_id' in own ? own.client_id : own.client
  return {
    ...{ ...common, session: own.sid, credentialEpoch: BigInt(own.ce) },
    ...(client === undefined ? {} : { client }),
  }
}
