import { LinkUid, UserUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import type { IdentityEdges } from './edges.ts'
import { linkSeconds } from './lifetimes.ts'
import {
  type BarredReaders,
  barredFrom,
  noteReader,
  type Reader,
  type ReadLink,
  readersColumn,
  readersOf,
} from './link-readers.ts'
import { fingerprint, newLinkToken, parseLinkToken } from './secrets.ts'

/** What a link may be used for: the first password of a new person, or a new one of somebody who has one. */
export type LinkPurpose = 'activate' | 'reset'

/** How long a link works. */
type LinkLife = { readonly expiresAt: Date; readonly hasExpired: boolean }

/** Single-use links by which a person sets a password. */
export type Links = {
  /**
   * Makes a link for a user of `tx.tenant`. It works once, for a day; the older link of the same purpose works no longer.
   *
   * @returns the address to give to the person; its last path segment is the token. Nobody has seen it: it is shown by `show`
   */
  create(tx: Tx, user: UserUid, purpose: LinkPurpose): Promise<{ readonly url: string }>
  /**
   * The address of the user's link that would work now, for this reader; empty where there is none. Who reads it could as well sign in
   * as this person: show it only to who holds every right that the person holds. It works for as long as that stays so: it is noted that
   * they have read it.
   */
  show(tx: Tx, user: UserUid, reader: Reader): Promise<string>
  /**
   * The life of the newest link of each of these users, expired or not. Who has none is not in it, nor who has one that works no more
   * because of who has read it.
   */
  lives(tx: Tx, users: readonly UserUid[]): Promise<ReadonlyMap<UserUid, LinkLife>>
  /** Ends all links of a user. */
  end(tx: Tx, user: UserUid): Promise<void>
}

const tokenField = (link: LinkUid) => ({ table: 'link_tokens', column: 'token', row: link })

export function createLinks({
  publicUrl,
  keys,
  clock,
  barredReaders,
}: Pick<IdentityEdges, 'publicUrl' | 'keys' | 'clock'> & { readonly barredReaders: BarredReaders }): Links {
  const urlOf = (purpose: LinkPurpose, token: string) => `${publicUrl}/sign-in/${purpose}/${token}`

  return {
    async create(tx, user, purpose) {
      const now = new Date(clock.now())
      const uid = LinkUid.parse(newUid())
      const token = newLinkToken(tx.tenant, uid)
      const sealer = await keys.of(tx.tenant)
      await tx.query('delete from link_tokens where tenant_id = $1 and user_id = $2 and purpose = $3', [
        tx.tenant,
        user,
        purpose,
      ])
      await tx.query(
        `insert into link_tokens (tenant_id, link_id, user_id, purpose, secret_hash, token, expires_at, created_at)
         select tenant_id, $3, user_id, $4, $5, $6, $7, $8 from users where tenant_id = $1 and user_id = $2`,
        [
          ...[tx.tenant, user, uid, purpose, fingerprint(token), sealer.seal(tokenField(uid), token)],
          ...[new Date(now.getTime() + linkSeconds * 1000), now],
        ],
      )
      if (purpose === 'reset')
        await tx.query('update users set password_resetting = true where tenant_id = $1 and user_id = $2', [
          tx.tenant,
          user,
        ])
      return { url: urlOf(purpose, token) }
    },
    async show(tx, user, reader) {
      // Locked, so that whoever uses it meanwhile either knows of this reader or has used it up.
      const [row] = await tx.query<{ link_id: string; purpose: LinkPurpose; token: Buffer; readers: string[] }>(
        `select l.link_id, l.purpose, l.token, ${readersColumn} from link_tokens l
          where l.tenant_id = $1 and l.user_id = $2 and l.expires_at > $3
          order by l.created_at desc, l.link_id limit 1 for key share of l`,
        [tx.tenant, user, new Date(clock.now())],
      )
      const barred = await barredFrom(barredReaders, tx, row && { user, readers: readersOf(row) })
      if (!row || barred.length > 0) return ''
      const uid = LinkUid.parse(row.link_id)
      await noteReader(tx, uid, reader)
      const sealer = await keys.of(tx.tenant)
      return urlOf(row.purpose, sealer.open(tokenField(uid), row.token))
    },
    async lives(tx, users) {
      const rows = await tx.query<{ user_id: string; expires_at: Date; readers: string[] }>(
        `select distinct on (l.user_id) l.user_id, l.expires_at, ${readersColumn} from link_tokens l
          where l.tenant_id = $1 and l.user_id = any($2) order by l.user_id, l.created_at desc, l.link_id`,
        [tx.tenant, users],
      )
      const links = rows.map((row) => ({ user: UserUid.parse(row.user_id), readers: readersOf(row) }))
      const barred = await barredReaders(tx, links)
      const now = clock.now()
      const lives = new Map<UserUid, LinkLife>()
      for (const [at, { user }] of links.entries()) {
        const expiresAt = rows[at]!.expires_at
        const hasExpired = expiresAt.getTime() <= now
        if (hasExpired || barred[at]!.length === 0) lives.set(user, { expiresAt, hasExpired })
      }
      return lives
    },
    async end(tx, user) {
      await tx.query('delete from link_tokens where tenant_id = $1 and user_id = $2', [tx.tenant, user])
    },
  }
}

/**
 * Whose password the link sets, if it can be used now: not expired, for this purpose, the person and their organisation
 * in the state that it was made for. Looked at on use; nothing depends on old links being swept away
 * (threat C07), and no step can be left out (threat B30).
 */
const usable = `
  l.tenant_id = $1 and l.link_id = $2 and l.secret_hash = $3 and l.purpose = $4 and l.expires_at > $5
  and u.tenant_id = l.tenant_id and u.user_id = l.user_id and t.tenant_id = l.tenant_id
  and (l.purpose = 'activate' and u.state = 'pending' and t.state in ('pending', 'active')
       or l.purpose = 'reset' and u.state = 'active' and t.state = 'active')`

const valuesOf = (tx: Tx, token: string, purpose: LinkPurpose, now: Date) => [
  ...[tx.tenant, parseLinkToken(token)?.uid, fingerprint(token), purpose, now],
]

/** Whose link it is and who has read it, without using it. */
export async function findLink(
  tx: Tx,
  token: string,
  purpose: LinkPurpose,
  now: Date,
  lock: '' | 'for update of l' = '',
): Promise<ReadLink | undefined> {
  const [row] = await tx.query<{ user_id: string; readers: string[] }>(
    `select l.user_id, ${readersColumn} from link_tokens l, users u, tenants t where ${usable} ${lock}`,
    valuesOf(tx, token, purpose, now),
  )
  return row && { user: UserUid.parse(row.user_id), readers: readersOf(row) }
}

/** Uses the link, which is gone with it. Of any number who try at once, one is answered. */
export async function useLink(tx: Tx, token: string, purpose: LinkPurpose, now: Date): Promise<string | undefined> {
  const [row] = await tx.query<{ user_id: string }>(
    `delete from link_tokens l using users u, tenants t where ${usable} returning l.user_id`,
    valuesOf(tx, token, purpose, now),
  )
  return row?.user_id
}

/** The user's link of this purpose, if it would still work for a while. */
export async function linkUntil(tx: Tx, user: UserUid, purpose: LinkPurpose, at: Date): Promise<ReadLink | undefined> {
  const [row] = await tx.query<{ readers: string[] }>(
    `select ${readersColumn} from link_tokens l
      where l.tenant_id = $1 and l.user_id = $2 and l.purpose = $3 and l.expires_at > $4`,
    [tx.tenant, user, purpose, at],
  )
  return row && { user, readers: readersOf(row) }
}
