import type { AuditEvent } from '../../contract/audit-events.ts'
import type { TenantUid } from '../../contract/ids.ts'
import type { Access, Snapshot } from '../access/index.ts'
import type { Keys } from '../keys/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Logger } from '../platform/log/index.ts'
import type { InTenant, Lookups, Tx } from '../platform/postgres/index.ts'

/** What identity needs of the rest. */
export type IdentityEdges = {
  /** The https origin that tokens name as their issuer and links begin with. */
  readonly publicUrl: string
  readonly inTenant: InTenant
  /** Over a pool of its own: who asks about a credential may hold a connection of the main one. */
  readonly readInTenant: InTenant
  readonly lookups: Pick<Lookups, 'tenantByOrg' | 'tenantsOfLogin'>
  readonly keys: Pick<Keys, 'of' | 'read' | 'directoryIndex' | 'attemptKey' | 'installation'>
  readonly access: AccessData
  readonly clients: IssuerClients
  /** Writes an audit entry in the caller's transaction. */
  readonly append: (tx: Tx, entry: IdentityEntry) => Promise<unknown>
  readonly clock: Clock
  readonly logger: Logger
}

/** The facts of a tenant that decide whether a credential still counts. */
export type CredentialFacts = Pick<Snapshot, 'tenant' | 'epoch' | 'tenantState' | 'orgName' | 'users' | 'compiled'>

export type AccessData = Pick<Access, 'lock' | 'raise' | 'inTx'> & {
  current(tenant: TenantUid): Promise<CredentialFacts>
  atLeast(tenant: TenantUid, epoch: bigint): Promise<CredentialFacts>
}

/** Clients of the OpenID Connect issuer, as far as their tokens open the API. */
export type IssuerClients = {
  /** Those that come with Palisade, and cannot be removed. */
  readonly own: ReadonlySet<string>
  /** Whether a registered one is there, and its tokens open the API. Asks the database. */
  has(clientId: string): Promise<boolean>
}

/** An audit entry of an open endpoint, which names its actor itself: nobody was authenticated before it ran. */
export type IdentityEntry = {
  readonly event: AuditEvent
  readonly outcome: 'done' | 'refused'
  readonly actor: {
    readonly kind: 'user'
    readonly uid: string
    readonly email?: string
    readonly firstName?: string
    readonly lastName?: string
    readonly org?: string
    readonly credential?: string
  }
  readonly resource: { readonly uid: string; readonly name?: string }
  readonly request: string
  readonly session?: string
  readonly address: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Where a request without a credential comes from. */
export type Caller = {
  readonly requestId: string
  readonly clientAddress: string
  readonly userAgent: string
  readonly now: Date
}
