import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { type CanonicalEmail, canonicalEmail } from '../../core/seal/index.ts'
import { networkOf } from '../gateway/index.ts'
import { type Account, accountByEmail, actorOf, nobody } from './accounts.ts'
import type { Caller, IdentityEdges, IdentityEntry } from './edges.ts'
import type { Hashing } from './password-hash.ts'
import type { Attempt, Count, Throttle } from './throttle.ts'

/** Who somebody says they are, and the password that is to prove it. */
export type Claim = Pick<Caller, 'clientAddress' | 'now'> & {
  /** System administrators have a door of their own; neither door opens for the others' accounts. */
  readonly realm: 'tenant' | 'system'
  readonly email: string
  readonly password: string
  /** The organisation's name; empty: whichever one the address is in, if it is in exactly one. */
  readonly org: string
  /** Set where only people of this organisation may come in, whatever is typed for its name: at a client of its own. */
  readonly onlyTenant?: TenantUid
}

export type Proof = {
  /** Undefined: no such organisation, or the address is in none or in several. */
  readonly tenant: TenantUid | undefined
  /** The same, or the system's tenant in its place: where what comes of the attempt is recorded. */
  readonly home: TenantUid
  readonly account: Account | undefined
  /** Whether the password is the account's. Counts for nothing where `count` is locked. */
  readonly right: boolean
  readonly attempt: Attempt
  readonly count: Count
}

/**
 * Looks at an e-mail and a password.
 *
 * Every attempt takes the same way: one look-up of the tenant, counted, its key and the account read, exactly one hash. For
 * what does not exist the system's tenant stands in. So neither the answer nor its time says whether it was the
 * organisation, the person, their state or the password (threat B29), if the caller goes on alike.
 */
export function createProve({
  throttle,
  inTenant,
  lookups,
  keys,
}: { readonly throttle: Pick<Throttle, 'count'> } & Pick<IdentityEdges, 'inTenant' | 'lookups' | 'keys'>) {
  async function tenantOf(claim: Claim, address: CanonicalEmail): Promise<TenantUid | undefined> {
    const found = await namedTenant(claim, address)
    return claim.onlyTenant === undefined || found === claim.onlyTenant ? found : undefined
  }

  async function namedTenant({ realm, org }: Claim, address: CanonicalEmail): Promise<TenantUid | undefined> {
    if (realm === 'system') return systemTenant
    const orgKey = nameKey(org.trim())
    if (orgKey !== '') return lookups.tenantByOrg(orgKey)
    const tenants = await lookups.tenantsOfLogin(keys.directoryIndex(address))
    return tenants.length === 1 ? tenants[0] : undefined
  }

  return async (hashing: Hashing, claim: Claim): Promise<Proof> => {
    const email = canonicalEmail(claim.email)
    const address = email.ok ? email.value : nobody
    const tenant = await tenantOf(claim, address)
    const attempt: Attempt = {
      ...{ realm: claim.realm, tenant },
      account: email.ok ? email.value : undefined,
      network: networkOf(claim.clientAddress),
    }
    const count = await throttle.count(attempt, claim.now)
    const home = tenant ?? systemTenant
    const sealer = await keys.read(home)
    const found = await inTenant(home, (tx) => accountByEmail(tx, sealer, address))
    const account = tenant === undefined ? undefined : found
    const right = await hashing.verify(account?.passwordHash, claim.password)
    return { tenant, home, account, right, attempt, count }
  }
}

export type Prove = ReturnType<typeof createProve>

/**
 * The entry of an attempt that was refused. What was typed for a name stays out of the log: now and then it is the password.
 *
 * @param more further details, in the place of those that there are
 */
export function entryOfRefusal(
  request: Claim & Caller,
  { account, count, ...proof }: Proof,
  more: Readonly<Record<string, unknown>> = {},
): IdentityEntry {
  return {
    event: 'session.refused',
    outcome: 'refused',
    actor: account ? actorOf(account) : { kind: 'user', uid: 'unknown' },
    resource: { uid: account?.user ?? 'unknown' },
    request: request.requestId,
    address: request.clientAddress,
    details: {
      method: 'password',
      why: refusedBecause(request, account, proof),
      userAgent: request.userAgent,
      ...(count.nowLocks.length > 0 ? { locks: count.nowLocks } : {}),
      ...more,
    },
  }
}

/** For the log alone. */
function refusedBecause(
  { realm, org }: Claim,
  account: Account | undefined,
  { tenant, right }: Pick<Proof, 'tenant' | 'right'>,
): string {
  if (tenant === undefined)
    return realm === 'tenant' && org !== '' ? 'no such organisation' : 'in no organisation, or in several'
  if (!account) return 'no such account'
  if (account.passwordHash === undefined) return 'no password set'
  if (!right) return 'wrong password'
  if (account.tenantState !== 'active') return `organisation is ${account.tenantState}`
  return account.state === 'active' ? 'account changed meanwhile' : `account is ${account.state}`
}
