import type { ApiKeyUid, SessionUid, TenantUid, UserUid } from '../../contract/ids.ts'
import type { RequestOrigin } from '../../core/access/index.ts'

/** Who calls, proved. Rights are never part of it: they are decided at each use. */
export type Principal = {
  readonly tenant: TenantUid
  readonly user: UserUid
  readonly credential: Credential
  /** What roles under conditions look at. The door says the address; who comes by none meets no condition that asks for it. */
  readonly origin: RequestOrigin
  /** For audit entries and impersonation: the person as the log should name them. */
  readonly person: {
    readonly email: string
    readonly firstName: string
    readonly lastName: string
    readonly org: string
  }
  /** The tenant's epoch at which the credential was last found valid. */
  readonly epoch: bigint
}

export type Credential =
  | {
      readonly kind: 'session'
      readonly session: SessionUid
      readonly jti: string
      /** The registered client of the issuer that it came to, with which it ends. */
      readonly client?: string
    }
  | { readonly kind: 'apiKey'; readonly key: ApiKeyUid }

/** A caller in a line of the log: identifiers alone. */
export function inLines({ tenant, user, credential }: Principal): Readonly<Record<string, string>> {
  return {
    tenant,
    user,
    ...(credential.kind === 'session' ? { session: credential.session } : { key: credential.key }),
  }
}
