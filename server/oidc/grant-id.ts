import { SessionUid, systemTenant, TenantUid, UserUid } from '../../contract/ids.ts'
import type { SessionName } from '../identity/index.ts'
import { newSecret } from '../platform/random/index.ts'

/**
 * A grant's id says to which session it belongs: `<tenant>.<user>.<session>.<random>`. Codes and tokens carry the grant's id,
 * never to the client, so whatever comes back leads to its session, and nothing of a session that has ended can be redeemed.
 */
export const newGrantId = ({ tenant, user, session }: SessionName): string =>
  `${tenant}.${user}.${session}.${newSecret()}`

/** The session of a grant; nothing for a text that is no grant's id. */
export function sessionOfGrant(grantId: string | undefined): SessionName | undefined {
  const [tenant, user, session, random, more] = (grantId ?? '').split('.')
  if (random === undefined || more !== undefined) return undefined
  const [t, u, s] = [TenantUid.safeParse(tenant), UserUid.safeParse(user), SessionUid.safeParse(session)]
  return t.success && u.success && s.success ? { tenant: t.data, user: u.data, session: s.data } : undefined
}

/** Who somebody is, as `sub` of ID tokens: user UIDs are unique anyway, and the tenant in front of it is for people who read logs. */
export const accountId = ({ tenant, user }: Pick<SessionName, 'tenant' | 'user'>): string => `${tenant}/${user}`

/** The tenant of an account; the system's where there is none yet. */
export function tenantOfAccount(account: string | undefined): TenantUid {
  const tenant = TenantUid.safeParse(account?.split('/')[0])
  return tenant.success ? tenant.data : systemTenant
}
