import type { TenantUid, UserUid } from '../../contract/ids.ts'
import type { Keys } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { Directory } from './directory.ts'

export type LinkLife = { readonly expiresAt: Date; readonly hasExpired: boolean }

/** The links by which people set their first password; identity makes and keeps them. */
export type ActivationLinks = {
  /** A new link for a pending user of `tx.tenant`; an older one is void from then on. */
  create(tx: Tx, user: UserUid, purpose: 'activate'): Promise<{ readonly url: string }>
  /** The link that would work now, or nothing, for who holds all that the user holds; it works for as long as they do. */
  show(tx: Tx, user: UserUid, reader: { readonly tenant: TenantUid; readonly user: UserUid }): Promise<string>
  /** How long the newest link of each of these users works, or did. Who has none that anything can be done with is not in it. */
  lives(tx: Tx, users: readonly UserUid[]): Promise<ReadonlyMap<UserUid, LinkLife>>
}

/** What the endpoints of users and teams need. */
export type PeoplePorts = {
  readonly keys: Pick<Keys, 'of' | 'directoryIndex'>
  readonly links: ActivationLinks
  /** Ends all links of a user: they went to an address that is theirs no longer. */
  readonly endLinks: (tx: Tx, user: UserUid) => Promise<void>
  /** Until when the password of a user of `tx.tenant` works, and whether to remind them of that now. */
  readonly passwordExpiry: (
    tx: Tx,
    user: UserUid,
    now: Date,
  ) => Promise<{ readonly expiresAt: Date | undefined; readonly isReminderDue: boolean }>
  readonly directory: Directory
}
