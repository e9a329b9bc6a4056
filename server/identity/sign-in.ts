import { type Refusal, refuse } from '../../contract/errors.ts'
import { SessionUid, systemTenant, type TenantUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type CanonicalEmail, canonicalEmail } from '../../core/seal/index.ts'
import { networkOf } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type Account, accountByEmail, actorOf, nobody } from './accounts.ts'
import type { Caller, IdentityEdges, IdentityEntry } from './edges.ts'
import type { PasswordHasher } from './password-hash.ts'
import { absoluteEnd, deleteOldSessions, insertSession } from './session-store.ts'
import type { Attempt, Count, Throttle } from './throttle.ts'
import type { Tokens } from './tokens.ts'

export type SignInRequest = Caller & {
  /** System administrators have a door of their own; neither door opens for the others' accounts. */
  readonly realm: 'tenant' | 'system'
  readonly email: string
  readonly password: string
  /** The organisation's name; empty: whichever one the address is in, if it is in exactly one. */
  readonly org: string
  /** Set where only people of this organisation may come in, whatever is typed for its name: at a client of its own. */
  readonly onlyTenant?: TenantUid
  /** The client that somebody signs in to, for the log. */
  readonly client?: string
}

export type SignedIn = {
  readonly token: string
  readonly tenant: TenantUid
  readonly account: Account
  readonly session: SessionUid
}

export type SignIn = (request: SignInRequest) => Promise<Result<SignedIn, Refusal>>

/**
 * Signs somebody in by password.
 *
 * Every attempt takes the same way: one look-up of the tenant, counted, its key and the account read, exactly one hash, one
 * transaction that writes an audit entry. For what does not exist the system's tenant stands in. So neither the answer nor
 * its time says whether it was the organisation, the person, their state or the password (threat B29).
 *
 * @returns refuses `sign_in_failed` whatever was wrong, `busy` when too many try at once; throws when the database is away
 */
export function createSignIn({
  hasher,
  throttle,
  tokens,
  inTenant,
  lookups,
  keys,
  append,
}: {
  readonly hasher: PasswordHasher
  readonly throttle: Throttle
  readonly tokens: Tokens
} & Pick<IdentityEdges, 'inTenant' | 'lookups' | 'keys' | 'append'>): SignIn {
  async function signIn(request: SignInRequest): Promise<Result<SignedIn, Refusal>> {
    return hasher.admit(async (hashing) => {
      const email = canonicalEmail(request.email)
      const address = email.ok ? email.value : nobody
      const tenant = await tenantOf(request, address)
      const attempt: Attempt = {
        ...{ realm: request.realm, tenant },
        account: email.ok ? email.value : undefined,
        network: networkOf(request.clientAddress),
      }
      const count = await throttle.count(attempt, request.now)
      const home = tenant ?? systemTenant
      const sealer = await keys.read(home)
      const found = await inTenant(home, (tx) => accountByEmail(tx, sealer, address))
      const account = tenant === undefined ? undefined : found
      const right = await hashing.verify(account?.passwordHash, request.password)

      // What a lock refuses was announced by the entry of the attempt that locked. Each one more would let anybody fill
      // a tenant's log.
      if (count.locked) return err(refuse('sign_in_failed'))
      if (account && right) {
        const started = await inTenant(home, (tx) => start(tx, request, account, attempt))
        if (started) return ok(started)
      }
      const why = refusedBecause(request, tenant, account, right)
      await inTenant(home, (tx) => append(tx, entryOfRefusal(request, account, count, why)))
      return err(refuse('sign_in_failed'))
    })
  }

  async function tenantOf(request: SignInRequest, address: CanonicalEmail): Promise<TenantUid | undefined> {
    const found = await namedTenant(request, address)
    return request.onlyTenant === undefined || found === request.onlyTenant ? found : undefined
  }

  async function namedTenant({ realm, org }: SignInRequest, address: CanonicalEmail): Promise<TenantUid | undefined> {
    if (realm === 'system') return systemTenant
    const orgKey = nameKey(org.trim())
    if (orgKey !== '') return lookups.tenantByOrg(orgKey)
    const tenants = await lookups.tenantsOfLogin(keys.directoryIndex(address))
    return tenants.length === 1 ? tenants[0] : undefined
  }

  /** Session, token and audit entry are one transaction: none is there without the others (threat C10). */
  async function start(
    tx: Tx,
    request: SignInRequest,
    account: Account,
    attempt: Attempt,
  ): Promise<SignedIn | undefined> {
    const { now } = request
    const uid = SessionUid.parse(newUid())
    const client = { address: request.clientAddress, userAgent: request.userAgent }
    const stored = await insertSession(tx, await keys.of(tx.tenant), { uid, account, client, now })
    if (!stored) return undefined
    await tx.query('update users set last_sign_in_at = $3 where tenant_id = $1 and user_id = $2', [
      tx.tenant,
      account.user,
      now,
    ])
    await deleteOldSessions(tx, account.user, now)
    await throttle.succeeded(tx, attempt, now)
    await append(tx, {
      event: 'session.started',
      outcome: 'done',
      actor: actorOf(account, `session:${uid}`),
      resource: { uid },
      session: uid,
      request: request.requestId,
      address: request.clientAddress,
      details: { method: 'password', userAgent: request.userAgent, ...clientOf(request) },
    })
    const { user, credentialEpoch } = account
    const token = await tokens.issue(
      { tenant: tx.tenant, user, session: uid, credentialEpoch },
      absoluteEnd(now).getTime(),
    )
    return { token, tenant: tx.tenant, account, session: uid }
  }

  return signIn
}

const clientOf = ({ client }: SignInRequest) => (client === undefined ? {} : { client })

/** For the log alone. */
function refusedBecause(
  { realm, org }: SignInRequest,
  tenant: TenantUid | undefined,
  account: Account | undefined,
  right: boolean,
): string {
  if (tenant === undefined)
    return realm === 'tenant' && org !== '' ? 'no such organisation' : 'in no organisation, or in several'
  if (!account) return 'no such account'
  if (account.passwordHash === undefined) return 'no password set'
  if (!right) return 'wrong password'
  if (account.tenantState !== 'active') return `organisation is ${account.tenantState}`
  return account.state === 'active' ? 'account changed meanwhile' : `account is ${account.state}`
}

function entryOfRefusal(
  request: SignInRequest,
  account: Account | undefined,
  count: Count,
  why: string,
): IdentityEntry {
  return {
    event: 'session.refused',
    outcome: 'refused',
    // What was typed for a name stays out of the log: now and then it is the password.
    actor: account ? actorOf(account) : { kind: 'user', uid: 'unknown' },
    resource: { uid: account?.user ?? 'unknown' },
    request: request.requestId,
    address: request.clientAddress,
    details: {
      method: 'password',
      why,
      userAgent: request.userAgent,
      ...clientOf(request),
      ...(count.nowLocks.length > 0 ? { locks: count.nowLocks } : {}),
    },
  }
}
