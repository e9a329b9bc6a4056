import type { z } from 'zod'
import { refuse } from '../../contract/errors.ts'
import { SessionUid, type TenantUid, UserUid } from '../../contract/ids.ts'
import { type Session, SessionList, SessionsQuery } from '../../contract/sessions.ts'
import { tokensToRevoke } from '../../contract/wire/auth.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { accountByUid } from './accounts.ts'
import type { IdentityEdges } from './edges.ts'
import { forbidden } from './forbidden.ts'
import { endSessions, insertRevoked, ownerOfSession, type SessionEnd, sessionsOf } from './session-store.ts'
import type { Tokens } from './tokens.ts'
import { validity } from './validity.ts'

/** Sessions of who has signed in: seen, and ended with every stream that belongs to them. */
export function sessionEndpoints({
  keys,
  tokens,
  ended,
}: Pick<IdentityEdges, 'keys'> & {
  readonly tokens: Pick<Tokens, 'verifyExpired'>
  /** Told of sessions that were ended, once that is durable. */
  readonly ended: (tenant: TenantUid, sessions: readonly SessionUid[]) => void
}): readonly Endpoint[] {
  async function end(tx: Tx, user: UserUid, uids: readonly SessionUid[], why: SessionEnd, now: Date) {
    const sessions = await endSessions(tx, user, uids, why, now)
    tx.afterCommit(() => ended(tx.tenant, sessions))
    return sessions
  }

  return [
    endpoint({
      route: 'POST /v1/users/auth/tokens/revoke',
      // The session ends too: who holds a stolen token may have refreshed it, and then holds another of that session.
      summary: 'Revokes tokens of the caller, and ends the sessions that they belong to',
      permission: { signedIn: 'their own tokens; others are passed over' },
      body: tokensToRevoke.nullish(),
      reply: { status: 204 },
      refusals: [],
      audit: 'session.ended',
      changes: 'sessions',
      async handle({ tx, body, principal, now }) {
        // What is no token, or somebody else's, is passed over in silence: what was asked for, that it opens nothing of
        // the caller's, is true already (RFC 7009 §2.2), and the answer tells nobody which tokens are alive.
        const claims = await Promise.all((body?.tokens ?? []).map((token) => tokens.verifyExpired(token)))
        const own = claims.flatMap((one) =>
          one?.tenant === principal.tenant && one.user === principal.user ? [one] : [],
        )
        await insertRevoked(tx, own)
        const sessions = await end(
          tx,
          principal.user,
          own.map((one) => one.session),
          'token-revoked',
          now,
        )
        return ok({ body: undefined, resource: { uid: sessions[0] ?? 'none' }, details: { sessions } })
      },
    }),
    endpoint({
      route: 'POST /v1/palisade/logout',
      summary: 'Ends the session that this request came with',
      permission: { signedIn: 'their own session' },
      reply: { status: 204 },
      refusals: ['conflict'],
      audit: 'session.ended',
      changes: 'sessions',
      async handle({ tx, principal, now }) {
        const { credential } = principal
        if (credential.kind !== 'session')
          return err(refuse('conflict', 'An API key has no session to end; delete the key or switch it off'))
        await end(tx, principal.user, [credential.session], 'signed-out', now)
        return ok({ body: undefined, resource: { uid: credential.session } })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/sessions',
      summary: 'Lists the caller’s sessions, or another user’s for who could do all that this user can',
      permission: { signedIn: 'their own; another’s with user.get and every right that they hold' },
      query: SessionsQuery,
      reply: { status: 200, body: SessionList },
      refusals: ['forbidden', 'exceeds_own_rights', 'not_found'],
      audit: 'refusals-only',
      async handle({ tx, query, principal, access, now }) {
        const wanted = query.user ?? principal.user
        const sealer = await keys.of(tx.tenant)
        const account = await accountByUid(tx, sealer, wanted)
        if (!account) return err(refuse('not_found', 'No such user in this tenant'))
        if (wanted !== principal.user) {
          if (!access.allows('user.get', { kind: 'tenant' })) return err(forbidden('user.get', tx.tenant))
          const covered = access.coversUser(wanted)
          if (!covered.ok) return covered
        }
        const facts = { tenantState: account.tenantState, users: new Map([[account.user, { ...account, teams: [] }]]) }
        const items = (await sessionsOf(tx, sealer, account.user)).flatMap((stored) =>
          validity(stored.state, facts, now.getTime()).ok ? [answer(stored, principal)] : [],
        )
        return ok({ body: { items } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/palisade/sessions/{uid}',
      summary: 'Ends a session and every stream that belongs to it',
      permission: {
        object: 'user.update',
        find: findSession,
        orOwn: ({ target, principal }) => target.owner === principal.user,
      },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights'],
      audit: 'session.ended',
      changes: 'sessions',
      async handle({ tx, params, target, principal, access, now }) {
        const owner = UserUid.parse(target?.owner)
        if (owner !== principal.user) {
          const covered = access.coversUser(owner)
          if (!covered.ok) return covered
        }
        await end(tx, owner, [SessionUid.parse(params.uid)], 'ended-by-person', now)
        return ok({ body: undefined, details: { user: owner } })
      },
    }),
  ]
}

/** A session as what is decided about. */
export async function findSession({ tx, params }: { readonly tx: Tx; readonly params: z.output<typeof uidPath> }) {
  const owner = await ownerOfSession(tx, params.uid)
  return owner && { kind: 'session', uid: params.uid, scope: { kind: 'tenant' } as const, owner }
}

function answer(stored: Awaited<ReturnType<typeof sessionsOf>>[number], { credential }: Principal): Session {
  const { uid, state, createdAt, client } = stored
  const time = (ms: number) => new Date(ms).toISOString()
  return {
    uid,
    user: state.user,
    createdAt: createdAt.toISOString(),
    lastSeenAt: time(state.lastSeenAt),
    idleEndsAt: time(Math.min(state.lastSeenAt + state.idleMs, state.absoluteEndAt)),
    endsAt: time(state.absoluteEndAt),
    current: credential.kind === 'session' && credential.session === uid,
    ...client,
  }
}
