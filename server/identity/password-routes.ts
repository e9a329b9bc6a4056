import { type Refusal, refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/auth.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { canonicalEmail } from '../../core/seal/index.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type Account, accountByEmail, accountByUid } from './accounts.ts'
import type { Caller, IdentityEdges } from './edges.ts'
import type { Passwords } from './passwords.ts'

/** Passwords of who has signed in: changed by the person, reset by an administrator. */
export function passwordEndpoints({
  keys,
  passwords,
}: Pick<IdentityEdges, 'keys'> & {
  readonly passwords: Pick<Passwords, 'prepareChange' | 'change' | 'startReset'>
}): readonly Endpoint[] {
  const notTheirs = refuse('forbidden', 'This changes your own password; for somebody else start a reset')

  async function prepare(
    c: { readonly principal: Principal } & Omit<Caller, 'userAgent'>,
    isOwn: boolean,
    body: { readonly currentPassword: string; readonly newPassword: string },
  ) {
    if (!isOwn) return err(notTheirs)
    const { principal, clientAddress, now } = c
    const { currentPassword: current, newPassword: next } = body
    const prepared = await passwords.prepareChange({ principal, current, next, clientAddress, now })
    return prepared.ok ? ok({ value: prepared.value }) : prepared
  }

  async function startReset(tx: Tx, account: Account, principal: Principal, access: RequestAccess) {
    // Who may read the link could sign in as this person.
    const covered = account.user === principal.user ? ok(undefined) : access.coversUser(account.user)
    const started: Result<undefined, Refusal> = covered.ok ? await passwords.startReset(tx, account) : covered
    return started.ok
      ? ok({ body: undefined, resource: { uid: account.user, name: account.person.email } })
      : err(started.error)
  }

  return [
    endpoint({
      route: 'PATCH /v1/users/password/change',
      summary: 'Changes the caller’s own password, which signs them out everywhere',
      permission: { signedIn: 'their own password, with the current one' },
      body: wire.passwordChangeByEmail,
      reply: { status: 204 },
      refusals: ['forbidden', 'password_wrong', 'password_policy', 'too_many_requests', 'busy'],
      audit: 'password.changed',
      changes: 'access',
      prepare: (c) => prepare(c, isSameAddress(c.body.emailId, c.principal.person.email), c.body),
      async handle({ tx, prepared, now, principal }) {
        const changed = await passwords.change(tx, prepared, now)
        return changed.ok ? ok({ body: undefined, resource: { uid: principal.user } }) : changed
      },
    }),
    endpoint({
      route: 'PATCH /v1/users/{uid}/password/change',
      summary: 'Changes the caller’s own password, which signs them out everywhere',
      permission: {
        object: 'user.get',
        find: findUser,
        orOwn: ({ target, principal }) => target.uid === principal.user,
      },
      params: uidPath,
      body: wire.passwordChange,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'password_wrong', 'password_policy', 'too_many_requests', 'busy'],
      audit: 'password.changed',
      changes: 'access',
      prepare: (c) => prepare(c, c.params.uid === c.principal.user, c.body),
      async handle({ tx, prepared, now }) {
        const changed = await passwords.change(tx, prepared, now)
        return changed.ok ? ok({ body: undefined }) : changed
      },
    }),
    endpoint({
      route: 'PATCH /v1/users/password/reset',
      summary: 'Makes a link by which the user with this address sets a new password',
      permission: { tenant: 'user.update' },
      body: wire.emailOnly,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights', 'conflict'],
      audit: 'password.reset.requested',
      async handle({ tx, body, principal, access }) {
        const address = canonicalEmail(body.emailId)
        const account = address.ok ? await accountByEmail(tx, await keys.of(tx.tenant), address.value) : undefined
        return account ? startReset(tx, account, principal, access) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'PATCH /v1/users/{uid}/password/reset',
      summary: 'Makes a link by which the user sets a new password, or the first one anew',
      permission: { object: 'user.update', find: findUser },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights', 'conflict'],
      audit: 'password.reset.requested',
      async handle({ tx, params, principal, access }) {
        const account = await accountByUid(tx, await keys.of(tx.tenant), params.uid)
        return account ? startReset(tx, account, principal, access) : err(refuse('not_found'))
      },
    }),
  ]

  async function findUser({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
    const account = await accountByUid(tx, await keys.of(tx.tenant), params.uid)
    return account && { kind: 'user', uid: account.user, scope: { kind: 'tenant' } as const }
  }
}

export function isSameAddress(a: string, b: string): boolean {
  const [first, second] = [canonicalEmail(a), canonicalEmail(b)]
  return first.ok && second.ok && first.value === second.value
}
