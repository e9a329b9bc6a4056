import { type Refusal, refuse } from '../../contract/errors.ts'
import { SessionUid, type TenantUid } from '../../contract/ids.ts'
import { isReminderDue, passwordExpiresAt } from '../../core/password.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { type Account, actorOf, isActive } from './accounts.ts'
import type { Caller, IdentityEdges } from './edges.ts'
import type { PasswordHasher } from './password-hash.ts'
import { passwordLife } from './password-policy.ts'
import { type Claim, entryOfRefusal, type Proof, type Prove } from './proof.ts'
import { absoluteEnd, deleteOldSessions, insertSession } from './session-store.ts'
import type { Throttle } from './throttle.ts'
import type { Tokens } from './tokens.ts'

export type SignInRequest = Caller &
  Claim & {
    /** The client that somebody signs in to, for the log. */
    readonly client?: string
  }

export type SignedIn = {
  readonly token: string
  readonly tenant: TenantUid
  readonly account: Account
  readonly session: SessionUid
  /** When the password expires, on a day on which its person is to be reminded of that. */
  readonly remindOf: Date | undefined
}

export type SignIn = (request: SignInRequest) => Promise<Result<SignedIn, Refusal>>

/**
 * Signs somebody in by password: the proof (`proof.ts`), then one transaction that writes an audit entry, whatever came of it.
 *
 * @returns refuses `sign_in_failed` whatever was wrong, `password_expired` to who proved a password that is too old, `busy`
 *   when too many try at once; throws when the database is away
 */
export function createSignIn({
  hasher,
  throttle,
  tokens,
  prove,
  inTenant,
  keys,
  append,
}: {
  readonly hasher: PasswordHasher
  readonly throttle: Throttle
  readonly tokens: Tokens
  readonly prove: Prove
} & Pick<IdentityEdges, 'inTenant' | 'keys' | 'append'>): SignIn {
  async function signIn(request: SignInRequest): Promise<Result<SignedIn, Refusal>> {
    return hasher.admit(async (hashing) => {
      const proof = await prove(hashing, request)
      const { home, account, right, count } = proof
      // What a lock refuses was announced by the entry of the attempt that locked. Each one more would let anybody fill
      // a tenant's log.
      if (count.locked) return err(refuse('sign_in_failed'))
      if (account && right) {
        const started = await inTenant(home, (tx) => start(tx, request, account, proof))
        if (started) return started
      }
      await inTenant(home, (tx) => append(tx, entryOfRefusal(request, proof, clientOf(request))))
      return err(refuse('sign_in_failed'))
    })
  }

  /** Session, token and audit entry are one transaction: none is there without the others (threat C10). */
  async function start(
    tx: Tx,
    request: SignInRequest,
    account: Account,
    proof: Proof,
  ): Promise<Result<SignedIn, Refusal> | undefined> {
    const { now } = request
    const life = await passwordLife(tx)
    const expiresAt = passwordExpiresAt(life, account.passwordSetAt?.getTime() ?? 0)
    if (expiresAt <= now.getTime() && isActive(account)) {
      // A right password all the same: who is made to change it is not to be locked out on the way.
      await throttle.succeeded(tx, proof.attempt, now)
      const unlocked = { ...proof, count: { ...proof.count, nowLocks: [] } }
      await append(tx, entryOfRefusal(request, unlocked, { ...clientOf(request), why: 'the password has expired' }))
      return err(refuse('password_expired'))
    }
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
    await throttle.succeeded(tx, proof.attempt, now)
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
    const remindOf = isReminderDue(life, expiresAt, now.getTime()) ? new Date(expiresAt) : undefined
    return ok({ token, tenant: tx.tenant, account, session: uid, remindOf })
  }

  return signIn
}

const clientOf = ({ client }: SignInRequest) => (client === undefined ? {} : { client })
