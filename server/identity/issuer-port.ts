import type { SessionUid, TenantUid, UserUid } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { openPerson, type SealedPerson } from './accounts.ts'
import type { Authenticator } from './authenticator.ts'
import type { Caller, IdentityEdges } from './edges.ts'
import type { Passwords } from './passwords.ts'
import { endSessions, extendSession, type SessionEnd } from './session-store.ts'
import type { SignIn } from './sign-in.ts'
import type { SigningKeys } from './signing-keys.ts'

/** A session as the issuer's grants name it. */
export type SessionName = { readonly tenant: TenantUid; readonly user: UserUid; readonly session: SessionUid }

/** What the OpenID Connect issuer and its pages use of identity: the same sign-in, sessions and keys as `/v1/auth`. */
export type IssuerPort = {
  readonly signIn: SignIn
  readonly sessionHolder: Authenticator['ofSession']
  /** Ends a session by the wish of who holds a token of it, with every token and stream that belongs to it. */
  endSession(of: SessionName, why: SessionEnd, caller: Caller): Promise<void>
  /**
   * Moves the idle end of a session in the caller's transaction, and records it.
   * @returns false where it has ended
   */
  extendSession(tx: Tx, of: SessionName, client: string, caller: Caller): Promise<boolean>
  /** Records that a person let a further client into their session. */
  recordClient(
    of: SessionName,
    client: string,
    details: Readonly<Record<string, unknown>>,
    caller: Caller,
  ): Promise<void>
  readonly passwords: Pick<Passwords, 'setByLink' | 'ofLink' | 'requestReset' | 'changeExpired'>
  readonly signingKeys: Pick<SigningKeys, 'privateJwks' | 'lookForNewer'>
}

export function createIssuerPort({
  inTenant,
  keys,
  access,
  append,
  ended,
  ...port
}: Pick<IssuerPort, 'signIn' | 'sessionHolder' | 'passwords' | 'signingKeys'> &
  Pick<IdentityEdges, 'inTenant' | 'keys' | 'access' | 'append'> & {
    readonly ended: (tenant: TenantUid, sessions: readonly SessionUid[]) => void
  }): IssuerPort {
  async function actorOf(tx: Tx, { user, session }: SessionName) {
    const [row] = await tx.query<SealedPerson & { org_name: string }>(
      `select u.user_id, u.email, u.first_name, u.last_name, t.org_name
         from users u join tenants t using (tenant_id) where u.tenant_id = $1 and u.user_id = $2`,
      [tx.tenant, user],
    )
    const person = row ? { ...openPerson(await keys.of(tx.tenant), row), org: row.org_name } : {}
    return { kind: 'user', uid: user, ...person, credential: `session:${session}` } as const
  }

  return {
    ...port,

    async endSession(of, why, caller) {
      await inTenant(
        of.tenant,
        async (tx) => {
          await access.lock(tx)
          const sessions = await endSessions(tx, of.user, [of.session], why, caller.now)
          // Ended before, by whatever: that was recorded then.
          if (sessions.length === 0) return
          await append(tx, {
            event: 'session.ended',
            outcome: 'done',
            actor: await actorOf(tx, of),
            resource: { uid: of.session },
            session: of.session,
            request: caller.requestId,
            address: caller.clientAddress,
            details: { why, userAgent: caller.userAgent },
          })
          await access.raise(tx, 'sessions')
          tx.afterCommit(() => ended(of.tenant, sessions))
        },
        { lock: 'access' },
      )
    },

    async recordClient(of, client, details, caller) {
      await inTenant(of.tenant, async (tx) =>
        append(tx, {
          event: 'session.client.admitted',
          outcome: 'done',
          actor: await actorOf(tx, of),
          resource: { uid: of.session },
          session: of.session,
          request: caller.requestId,
          address: caller.clientAddress,
          details: { client, userAgent: caller.userAgent, ...details },
        }),
      )
    },

    async extendSession(tx, of, client, caller) {
      if (!(await extendSession(tx, of.session, caller.now))) return false
      await append(tx, {
        event: 'session.refreshed',
        outcome: 'done',
        actor: await actorOf(tx, of),
        resource: { uid: of.session },
        session: of.session,
        request: caller.requestId,
        address: caller.clientAddress,
        details: { client, userAgent: caller.userAgent },
      })
      return true
    },
  }
}
