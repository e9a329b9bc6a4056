import { type LinkUid, systemTenant, TenantUid, UserUid } from '../../contract/ids.ts'
import { requestAccess } from '../access/index.ts'
import type { RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { IdentityEdges } from './edges.ts'

/** Who was shown a link. */
export type Reader = { readonly tenant: TenantUid; readonly user: UserUid }

/** Whose password a link sets, and who was shown it. */
export type ReadLink = { readonly user: UserUid; readonly readers: readonly Reader[] }

/** A column for statements about links `l`, which `readersOf` reads. */
export const readersColumn = `
  array(select r.reader_tenant_id || ' ' || r.reader_id from link_readers r
         where r.tenant_id = l.tenant_id and r.link_id = l.link_id order by 1) as readers`

export function readersOf({ readers }: { readonly readers: readonly string[] }): Reader[] {
  return readers.map((one) => {
    const [tenant, user] = one.split(' ')
    return { tenant: TenantUid.parse(tenant), user: UserUid.parse(user) }
  })
}

/** Notes who is about to be shown a link. */
export async function noteReader(tx: Tx, link: LinkUid, { tenant, user }: Reader): Promise<void> {
  await tx.query(
    `insert into link_readers (tenant_id, link_id, reader_tenant_id, reader_id) values ($1, $2, $3, $4)
         on conflict do nothing`,
    [tx.tenant, link, tenant, user],
  )
}

/**
 * Of each link those readers by whom it does not work any more, for they know it still: people who may not do all that its user may, may not
 * change users any more, or are not active. Of system administrators, who hold nothing in a tenant, it takes what it took to be shown the link. All is asked on the
 * newest access data that the transaction sees; what the user themselves have read is theirs.
 */
export type BarredReaders = (tx: Tx, links: readonly ReadLink[]) => Promise<readonly (readonly UserUid[])[]>

export function createBarredReaders({ access, clock }: Pick<IdentityEdges, 'access' | 'clock'>): BarredReaders {
  /** What somebody of `tx.tenant` may do; nothing for who is not active. */
  async function rightsIn(tx: Tx): Promise<(reader: UserUid) => RequestAccess | undefined> {
    const snapshot = await access.inTx(tx)
    const now = clock.now()
    return (user) =>
      snapshot.users.get(user)?.state === 'active' ? requestAccess(snapshot, { user, origin: {} }, now) : undefined
  }

  return async (tx, links) => {
    const own = await rightsIn(tx)
    const rights = new Map([[tx.tenant, own]])
    for (const { tenant } of links.flatMap(({ readers }) => readers))
      if (!rights.has(tenant)) rights.set(tenant, await tx.within(tenant, rightsIn))
    return links.map(({ user, readers }) => {
      const mayKnow = (reader: Reader) =>
        reader.tenant === tx.tenant
          ? reader.user === user || (mayChange(own(reader.user), tx.tenant) && own(reader.user)?.coversUser(user).ok)
          : rights.get(reader.tenant)?.(reader.user)?.allows('tenant.create', { kind: 'system' })
      return readers.filter((reader) => !mayKnow(reader)).map((reader) => reader.user)
    })
  }
}

/** What it took to be shown the link, beside all that its user may. */
const mayChange = (access: RequestAccess | undefined, tenant: TenantUid) =>
  tenant === systemTenant
    ? access?.allows('systemAdmin.update', { kind: 'system' })
    : access?.allows('user.update', { kind: 'tenant' })

/** Of one link, likewise; of none there are none. */
export async function barredFrom(
  barredReaders: BarredReaders,
  tx: Tx,
  link: ReadLink | undefined,
): Promise<readonly UserUid[]> {
  // Asked of none too: how long it takes does not tell whether there is a link (threat B29).
  return (await barredReaders(tx, link ? [link] : []))[0] ?? []
}
