import { type Refusal, refuse } from '../../contract/errors.ts'
import { type SessionUid, systemTenant, type TenantUid, UserUid } from '../../contract/ids.ts'
import { normalPassword, passwordExpiresAt } from '../../core/password.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { canonicalEmail } from '../../core/seal/index.ts'
import { networkOf, type Principal } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type Account, accountByEmail, accountByUid, actorOf, isActive, nobody, type Person } from './accounts.ts'
import { isBlocked } from './blocked-passwords.ts'
import type { Caller, IdentityEdges } from './edges.ts'
import { type BarredReaders, barredFrom } from './link-readers.ts'
import { findLink, type LinkPurpose, type Links, linkUntil, useLink } from './links.ts'
import type { Hashing, PasswordHasher } from './password-hash.ts'
import { meetsPolicy, passwordLife } from './password-policy.ts'
import { type Claim, entryOfRefusal, type Prove } from './proof.ts'
import { parseLinkToken } from './secrets.ts'
import { endAllSessions } from './session-store.ts'
import type { Throttle } from './throttle.ts'

/** A new password, hashed outside any transaction, for the account as it was then. */
export type PreparedPassword = { readonly hash: string; readonly account: Account }

/** The password of who has signed in, typed once more. */
export type OwnPassword = Pick<Caller, 'clientAddress' | 'now'> & {
  readonly principal: Principal
  readonly current: string
}

/** A link, and the password that it is to set. */
export type LinkToUse = {
  readonly token: string
  readonly purpose: LinkPurpose
  readonly password: string
  readonly now: Date
}

export type PreparedLink = PreparedPassword & Pick<LinkToUse, 'token' | 'purpose'> & { readonly tenant: TenantUid }

export type Passwords = {
  /**
   * Sets the password that a link is for. Refuses `link_invalid` alike for a link that is used, expired or made up, and for one that
   * somebody has read who may not do all that the person may (threat D01), which is recorded.
   */
  setByLink(
    link: { readonly token: string; readonly purpose: LinkPurpose; readonly password: string } & Caller,
  ): Promise<Result<undefined, Refusal>>
  /** The slow half of that, for who acts in a transaction of their own. */
  prepareByLink(link: LinkToUse): Promise<Result<PreparedLink, Refusal>>
  /** The other half, in the tenant of the link with its epoch row locked; records nothing. */
  applyLink(tx: Tx, prepared: PreparedLink, now: Date): Promise<Result<undefined, Refusal>>
  /** Whose password this link sets, if it can be used now: for the page that asks for the password. */
  ofLink(link: {
    readonly token: string
    readonly purpose: LinkPurpose
    readonly now: Date
  }): Promise<{ readonly tenant: TenantUid; readonly person: Person } | undefined>
  /** Proves the caller's own password once more. Wrong guesses count as failed sign-ins. */
  proveCurrent(claim: OwnPassword): Promise<Result<Account, Refusal>>
  /**
   * The slow half of a change by the person: proves the current password, checks and hashes the new one. Wrong guesses
   * count as failed sign-ins, since a session that was left open is no excuse to guess.
   */
  prepareChange(change: OwnPassword & { readonly next: string }): Promise<Result<PreparedPassword, Refusal>>
  /** The other half, in the transaction of the change. */
  change(tx: Tx, prepared: PreparedPassword, now: Date): Promise<Result<undefined, Refusal>>
  /**
   * Sets a new password in the place of one that has expired, which proves who it is: nothing else can be done with it. Refuses
   * `sign_in_failed` whatever was wrong, as signing in does, and `conflict` where it has not expired.
   */
  changeExpired(change: Caller & Omit<Claim, 'realm'> & { readonly next: string }): Promise<Result<undefined, Refusal>>
  /** Makes a link for somebody who asked for one, if the address is somebody's; the answer is always the same. */
  requestReset(request: { readonly email: string } & Caller): Promise<void>
  /** Makes the link that a person of this state needs. */
  startReset(tx: Tx, account: Account): Promise<Result<undefined, Refusal>>
}

/** Whether the password of an account of `tx.tenant` is too old. */
async function hasExpired(tx: Tx, { passwordSetAt }: Account, now: Date): Promise<boolean> {
  return passwordExpiresAt(await passwordLife(tx), passwordSetAt?.getTime() ?? 0) <= now.getTime()
}

/** A system administrator's next password is another one, always; anybody's that comes in the place of an expired one. */
const mustDiffer = async (tx: Tx, account: Account, now: Date) =>
  tx.tenant === systemTenant || hasExpired(tx, account, now)

const sameAgain = refuse('password_policy', 'The password must differ from the one before')

const readByOthers = 'This link was shown to somebody who may not do all that the person may: ask for a new one'

/** A link that works this much longer is kept when somebody asks for another. */
const keptWithLeftMs = 3_600_000

export function createPasswords({
  hasher,
  throttle,
  prove,
  links,
  barredReaders,
  ended,
  inTenant,
  lookups,
  keys,
  access,
  append,
}: {
  readonly hasher: PasswordHasher
  readonly throttle: Throttle
  readonly prove: Prove
  readonly links: Links
  readonly barredReaders: BarredReaders
  /** Told of sessions that a new password ended, once that is durable. */
  readonly ended: (tenant: Principal['tenant'], sessions: readonly SessionUid[]) => void
} & Pick<IdentityEdges, 'inTenant' | 'lookups' | 'keys' | 'access' | 'append'>): Passwords {
  async function setByLink(
    link: { readonly token: string; readonly purpose: LinkPurpose; readonly password: string } & Caller,
  ): Promise<Result<undefined, Refusal>> {
    const prepared = await prepareByLink(link)
    if (!prepared.ok) return prepared
    const { account, tenant } = prepared.value
    return inTenant(
      tenant,
      async (tx) => {
        await access.lock(tx)
        const used = await applyLink(tx, prepared.value, link.now)
        const entry = {
          event: 'password.set',
          resource: { uid: account.user, name: account.person.email },
          request: link.requestId,
          address: link.clientAddress,
        } as const
        const by = `${link.purpose} link`
        if (!used.ok) {
          const { details, ...told } = used.error
          // Whoever knows the link may be anybody who has read it; nobody without a credential is told who else has.
          const actor = { kind: 'user', uid: 'unknown' } as const
          if (details) await append(tx, { ...entry, outcome: 'refused', actor, details: { by, ...details } })
          return err(told)
        }
        await append(tx, { ...entry, outcome: 'done', actor: actorOf(account), details: { by } })
        await access.raise(tx, 'access')
        return ok(undefined)
      },
      { lock: 'access' },
    )
  }

  async function prepareByLink(link: LinkToUse): Promise<Result<PreparedLink, Refusal>> {
    const { token, purpose, password, now } = link
    // Looked at before the hash, so that made-up links cost little, and used after it, so that a password that is not
    // taken leaves the link as it was.
    const found = await accountOfLink(token, purpose, now)
    if (!found) return err(refuse('link_invalid'))
    const { tenant, account } = found
    return hasher.admit(async (hashing) => {
      const hashed = await hashNew(hashing, tenant, account, { password, now })
      return hashed.ok ? ok({ hash: hashed.value, account, tenant, token, purpose }) : hashed
    })
  }

  async function applyLink(tx: Tx, prepared: PreparedLink, now: Date): Promise<Result<undefined, Refusal>> {
    const { token, purpose, account } = prepared
    const link = await findLink(tx, token, purpose, now, 'for update of l')
    const barred = await barredFrom(barredReaders, tx, link)
    if (barred.length > 0) return err(refuse('link_invalid', readByOthers, { readBy: barred }))
    if ((await useLink(tx, token, purpose, now)) !== account.user) return err(refuse('link_invalid'))
    await store(tx, prepared, now)
    if (purpose === 'activate') await activate(tx, account, now)
    return ok(undefined)
  }

  async function accountOfLink(token: string, purpose: LinkPurpose, now: Date) {
    const tenant = parseLinkToken(token)?.tenant
    if (tenant === undefined) return undefined
    const found = await inTenant(tenant, async (tx) => {
      const link = await findLink(tx, token, purpose, now)
      const account = link && (await accountByUid(tx, await keys.of(tenant), link.user))
      return account && { account, link }
    })
    return found && { tenant, ...found }
  }

  async function hashNew(
    hashing: Hashing,
    tenant: Principal['tenant'],
    account: Account,
    { password, now }: { readonly password: string; readonly now: Date },
  ): Promise<Result<string, Refusal>> {
    const { allowed, differs } = await inTenant(tenant, async (tx) => ({
      allowed: await mayBeSet(tx, password),
      differs: await mustDiffer(tx, account, now),
    }))
    if (!allowed.ok) return allowed
    const { passwordHash } = account
    if (differs && passwordHash !== undefined && (await hashing.verify(passwordHash, password))) return err(sameAgain)
    return ok(await hashing.hash(password))
  }

  /** Whether a password may be set in `tx.tenant`: the one check, whoever sets it and wherever. */
  async function mayBeSet(tx: Tx, password: string): Promise<Result<undefined, Refusal>> {
    const meets = await meetsPolicy(tx, password)
    if (!meets.ok) return meets
    if (await isBlocked(tx, await keys.of(systemTenant), password))
      return err(refuse('password_policy', 'The password is one of those that may not be used here'))
    return ok(undefined)
  }

  /** Everything that the old password opened is closed: sessions by the epoch that they carry, links for good. */
  async function store(tx: Tx, { hash, account }: PreparedPassword, now: Date): Promise<void> {
    const field = { table: 'users', column: 'password', row: account.user }
    await tx.query(
      `update users set password = $3, password_set_at = $4, password_resetting = false, updated_at = $4,
                        credential_epoch = credential_epoch + 1
        where tenant_id = $1 and user_id = $2`,
      [tx.tenant, account.user, (await keys.of(tx.tenant)).seal(field, hash), now],
    )
    const sessions = await endAllSessions(tx, account.user, 'password-set', now)
    await links.end(tx, account.user)
    tx.afterCommit(() => ended(tx.tenant, sessions))
  }

  /** The first password makes a pending person active; that of a tenant's first person the tenant too. */
  async function activate(tx: Tx, { user }: Account, now: Date): Promise<void> {
    await tx.query(`update users set state = 'active' where tenant_id = $1 and user_id = $2 and state = 'pending'`, [
      tx.tenant,
      user,
    ])
    await tx.query(
      `update tenants set state = 'active', updated_at = $3
        where tenant_id = $1 and first_user_id = $2 and state = 'pending'`,
      [tx.tenant, user, now],
    )
  }

  async function change(tx: Tx, prepared: PreparedPassword, now: Date): Promise<Result<undefined, Refusal>> {
    const { user, credentialEpoch } = prepared.account
    const unchanged = await tx.query(
      `select from users where tenant_id = $1 and user_id = $2 and credential_epoch = $3 and state = 'active' for update`,
      [tx.tenant, user, credentialEpoch.toString()],
    )
    // Somebody else set it in the meantime, so the current password that was proved is not the current one.
    if (unchanged.length === 0) return err(refuse('password_wrong'))
    await store(tx, prepared, now)
    return ok(undefined)
  }

  async function proveOwn(
    hashing: Hashing,
    { principal: { tenant, user }, current, clientAddress, now }: OwnPassword,
  ): Promise<Result<Account, Refusal>> {
    const sealer = await keys.of(tenant)
    const account = await inTenant(tenant, (tx) => accountByUid(tx, sealer, user))
    if (!account) return err(refuse('unauthenticated'))
    const address = canonicalEmail(account.person.email)
    const attempt = {
      realm: tenant === systemTenant ? ('system' as const) : ('tenant' as const),
      tenant,
      account: address.ok ? address.value : undefined,
      network: networkOf(clientAddress),
    }
    const count = await throttle.count(attempt, now)
    const right = await hashing.verify(account.passwordHash, current)
    if (count.locked)
      return err({
        ...refuse('too_many_requests', 'Too many wrong passwords; try again later'),
        retryAfterSeconds: count.retryAfterSeconds,
      })
    if (!right) return err(refuse('password_wrong'))
    await inTenant(systemTenant, (tx) => throttle.succeeded(tx, attempt, now))
    return ok(account)
  }

  return {
    setByLink,
    prepareByLink,
    applyLink,

    async ofLink({ token, purpose, now }) {
      const found = await accountOfLink(token, purpose, now)
      if (!found) return undefined
      const { tenant, account, link } = found
      const barred = await inTenant(tenant, (tx) => barredFrom(barredReaders, tx, link))
      return barred.length === 0 ? { tenant, person: account.person } : undefined
    },

    proveCurrent: (claim) => hasher.admit((hashing) => proveOwn(hashing, claim)),

    async prepareChange({ principal, current, next, clientAddress, now }) {
      const { tenant } = principal
      const allowed = await inTenant(tenant, (tx) => mayBeSet(tx, next))
      if (!allowed.ok) return allowed
      return hasher.admit(async (hashing) => {
        const proved = await proveOwn(hashing, { principal, current, clientAddress, now })
        if (!proved.ok) return proved
        const account = proved.value
        const differs = await inTenant(tenant, (tx) => mustDiffer(tx, account, now))
        if (differs && normalPassword(current) === normalPassword(next)) return err(sameAgain)
        return ok({ hash: await hashing.hash(next), account })
      })
    },

    change,

    async changeExpired({ next, ...claim }) {
      const { now } = claim
      return hasher.admit(async (hashing) => {
        const proof = await prove(hashing, { ...claim, realm: 'tenant' })
        const { home, account, right, attempt, count } = proof
        if (count.locked) return err(refuse('sign_in_failed'))
        if (!account || !right || !isActive(account)) {
          await inTenant(home, (tx) => append(tx, entryOfRefusal({ ...claim, realm: 'tenant' }, proof)))
          return err(refuse('sign_in_failed'))
        }
        const proved = await inTenant(home, async (tx) => {
          await throttle.succeeded(tx, attempt, now)
          if (!(await hasExpired(tx, account, now)))
            return err(refuse('conflict', 'The password has not expired; sign in with it, and change it then'))
          return mayBeSet(tx, next)
        })
        if (!proved.ok) return proved
        if (normalPassword(claim.password) === normalPassword(next)) return err(sameAgain)
        const hash = await hashing.hash(next)
        return inTenant(
          home,
          async (tx) => {
            await access.lock(tx)
            const changed = await change(tx, { hash, account }, now)
            if (!changed.ok) return err(refuse('sign_in_failed'))
            await append(tx, {
              event: 'password.changed',
              outcome: 'done',
              actor: actorOf(account),
              resource: { uid: account.user, name: account.person.email },
              request: claim.requestId,
              address: claim.clientAddress,
              details: { by: 'the person, whose password had expired' },
            })
            await access.raise(tx, 'access')
            return ok(undefined)
          },
          { lock: 'access' },
        )
      })
    },

    async requestReset({ email, requestId, clientAddress, now }) {
      const address = canonicalEmail(email)
      const canonical = address.ok ? address.value : nobody
      // Who is in several organisations is not asked which; an administrator of the right one starts the reset.
      const tenants = await lookups.tenantsOfLogin(keys.directoryIndex(canonical))
      const tenant = tenants.length === 1 ? tenants[0] : undefined
      // Each request that is looked at adds an entry to somebody's log: as often as wrong passwords may, and no more.
      const attempt = { realm: 'reset', tenant, account: canonical, network: networkOf(clientAddress) } as const
      if ((await throttle.count(attempt, now)).locked) return
      const home = tenant ?? systemTenant
      const sealer = await keys.read(home)
      // For nobody the same statements run and change no row, so that the time tells nothing (threat B29).
      await inTenant(home, async (tx) => {
        const found = await accountByEmail(tx, sealer, canonical)
        const account =
          tenant !== undefined && found?.state === 'active' && found.tenantState === 'active' ? found : undefined
        const user = account?.user ?? UserUid.parse(newUid())
        // Whoever asks again and again must not void the link that the person is just about to use.
        const kept = await linkUntil(tx, user, 'reset', new Date(now.getTime() + keptWithLeftMs))
        const keeps = (await barredFrom(barredReaders, tx, kept)).length === 0 && kept !== undefined
        await links.create(tx, keeps ? UserUid.parse(newUid()) : user, 'reset')
        await append(tx, {
          event: 'password.reset.requested',
          outcome: account ? 'done' : 'refused',
          actor: account ? actorOf(account) : { kind: 'user', uid: 'unknown' },
          resource: { uid: account?.user ?? 'unknown' },
          request: requestId,
          address: clientAddress,
          details: { by: 'anybody who knows the address' },
        })
      })
    },

    async startReset(tx, { user, state }) {
      if (state === 'inactive') return err(refuse('conflict', 'The user is switched off; switch them on first'))
      // Who never set a password needs the first link again.
      await links.create(tx, user, state === 'pending' ? 'activate' : 'reset')
      return ok(undefined)
    },
  }
}
