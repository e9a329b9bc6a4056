import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant } from '../../contract/ids.ts'
import * as wire from '../../contract/wire/auth.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { canonicalEmail } from '../../core/seal/index.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess, type Target } from '../gateway/index.ts'
import { updateUser } from '../people/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type Account, accountByEmail, accountByUid } from './accounts.ts'
import type { IdentityEdges } from './edges.ts'
import { findLink, type LinkPurpose, type Links } from './links.ts'
import { isSameAddress } from './password-routes.ts'
import type { OwnPassword, Passwords } from './passwords.ts'

/**
 * Passwords and addresses of system administrators. Which doors stand open without a credential is fixed, and these do not: who
 * has a link alone uses it at `/v1/auth/password/…` or on its page.
 */
export function administratorPasswordEndpoints({
  keys,
  clock,
  links,
  passwords,
}: Pick<IdentityEdges, 'keys' | 'clock'> & {
  readonly links: Pick<Links, 'end'>
  readonly passwords: Pick<
    Passwords,
    'prepareChange' | 'change' | 'startReset' | 'proveCurrent' | 'prepareByLink' | 'applyLink'
  >
}): readonly Endpoint[] {
  const notTheirs = refuse('forbidden', 'This changes your own; for somebody else make a reset link')
  const notHere = refuse('forbidden', 'This is for system administrators')

  async function prepareChange(claim: OwnPassword, isOwn: boolean, next: string) {
    if (claim.principal.tenant !== systemTenant) return err(notHere)
    if (!isOwn) return err(notTheirs)
    const prepared = await passwords.prepareChange({ ...claim, next })
    return prepared.ok ? ok({ value: prepared.value }) : prepared
  }

  /** Any administrator of the system, the root too: each changes their own. */
  async function findAnyone({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
    if (tx.tenant !== systemTenant) return undefined
    const account = await accountByUid(tx, await keys.of(tx.tenant), params.uid)
    return account && target(account.user)
  }

  /** Whose link it is; in another tenant, and for what is no link, nobody's. */
  const findByLink =
    (purpose: LinkPurpose) =>
    async ({ tx, params }: { readonly tx: Tx; readonly params: { readonly passwordToken: string } }) => {
      if (tx.tenant !== systemTenant) return undefined
      const link = await findLink(tx, params.passwordToken, purpose, new Date(clock.now()))
      return link && target(link.user)
    }

  async function startReset(tx: Tx, account: Account | undefined, principal: Principal, access: RequestAccess) {
    if (!account) return err(refuse('not_found'))
    // Who may read the link could sign in as this person.
    const covered = account.user === principal.user ? ok(undefined) : access.coversUser(account.user)
    const started: Result<undefined, Refusal> = covered.ok ? await passwords.startReset(tx, account) : covered
    return started.ok
      ? ok({ body: undefined, resource: { uid: account.user, name: account.person.email } })
      : err(started.error)
  }

  const byLink = (purpose: LinkPurpose, route: `PATCH /${string}`, summary: string) =>
    endpoint({
      route,
      summary: `${summary}, by a system administrator who was handed the link`,
      permission: { object: 'systemAdmin.update', find: findByLink(purpose) },
      params: wire.passwordTokenPath,
      body: wire.newPassword,
      reply: { status: 204 },
      refusals: ['not_found', 'link_invalid', 'password_policy', 'busy'],
      audit: 'password.set',
      changes: 'access',
      async prepare({ params, body, now }) {
        const { passwordToken: token } = params
        const prepared = await passwords.prepareByLink({ token, purpose, password: body.password, now })
        return prepared.ok ? ok({ value: prepared.value }) : prepared
      },
      async handle({ tx, prepared, now }) {
        const used = await passwords.applyLink(tx, prepared, now)
        const { user, person } = prepared.account
        if (!used.ok) return used
        return ok({
          body: undefined,
          resource: { uid: user, name: person.email },
          details: { by: `${purpose} link` },
        })
      },
    })

  return [
    byLink(
      'activate',
      'PATCH /v1/system/admins/auth/password/{passwordToken}/activate',
      'Sets the first password of a system administrator with an activation link',
    ),
    byLink(
      'reset',
      'PATCH /v1/system/users/password/{passwordToken}/reset',
      'Sets a new password of a system administrator with a reset link',
    ),
    endpoint({
      route: 'PATCH /v1/system/admins/{uid}/changePassword',
      summary: 'Changes the caller’s own password, which signs them out everywhere',
      permission: {
        object: 'systemAdmin.get',
        find: findAnyone,
        orOwn: ({ target: { uid }, principal }) => uid === principal.user,
      },
      params: uidPath,
      body: wire.passwordChange,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'password_wrong', 'password_policy', 'too_many_requests', 'busy'],
      audit: 'password.changed',
      changes: 'access',
      prepare: (c) =>
        prepareChange({ ...c, current: c.body.currentPassword }, c.params.uid === c.principal.user, c.body.newPassword),
      async handle({ tx, prepared, now }) {
        const changed = await passwords.change(tx, prepared, now)
        return changed.ok ? ok({ body: undefined }) : changed
      },
    }),
    endpoint({
      route: 'PATCH /v1/system/admin/password/reset',
      summary: 'Changes the caller’s own password, which signs them out everywhere',
      permission: { signedIn: 'a system administrator’s own password, with the current one' },
      body: wire.systemPasswordChange,
      reply: { status: 204 },
      refusals: ['forbidden', 'password_wrong', 'password_policy', 'too_many_requests', 'busy'],
      audit: 'password.changed',
      changes: 'access',
      prepare: (c) =>
        prepareChange(
          { ...c, current: c.body.oldPassword },
          isSameAddress(c.body.email, c.principal.person.email),
          c.body.newPassword,
        ),
      async handle({ tx, prepared, now, principal }) {
        const changed = await passwords.change(tx, prepared, now)
        return changed.ok ? ok({ body: undefined, resource: { uid: principal.user } }) : changed
      },
    }),
    endpoint({
      route: 'PATCH /v1/system/admin/email',
      summary: 'Changes the address by which the caller signs in, with the password as proof; nothing is mailed to it',
      permission: { signedIn: 'a system administrator’s own address, with the password' },
      body: wire.systemEmailChange,
      reply: { status: 204 },
      refusals: ['forbidden', 'invalid', 'user_taken', 'password_wrong', 'too_many_requests', 'busy'],
      audit: 'user.updated',
      changes: 'access',
      async prepare(c) {
        if (c.principal.tenant !== systemTenant) return err(notHere)
        const proved = await passwords.proveCurrent({ ...c, current: c.body.password })
        return proved.ok ? ok({ value: proved.value }) : proved
      },
      async handle({ tx, prepared: { user }, body: { email }, now }) {
        const sealing = { sealer: await keys.of(tx.tenant), directoryIndex: keys.directoryIndex }
        const updated = await updateUser(tx, sealing, user, { email }, now)
        if (!updated.ok) return updated
        // They went to an address that is theirs no longer.
        await links.end(tx, user)
        return ok({ body: undefined, resource: { uid: user }, details: { changed: ['email'] } })
      },
    }),
    endpoint({
      route: 'PUT /v1/system/admins/{uid}/passwordResetLink',
      summary: 'Makes a link by which a system administrator sets a new password, or the first one anew',
      permission: { object: 'systemAdmin.update', find: findAnyone },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights', 'conflict'],
      audit: 'password.reset.requested',
      handle: async ({ tx, params, principal, access }) =>
        startReset(tx, await accountByUid(tx, await keys.of(tx.tenant), params.uid), principal, access),
    }),
    endpoint({
      route: 'POST /v1/system/users/password/reset',
      summary: 'Makes a link by which the system administrator with this address sets a new password',
      permission: { system: 'systemAdmin.update' },
      body: wire.emailOnly,
      reply: { status: 204 },
      refusals: ['not_found', 'exceeds_own_rights', 'conflict'],
      audit: 'password.reset.requested',
      async handle({ tx, body, principal, access }) {
        const address = canonicalEmail(body.emailId)
        const account = address.ok ? await accountByEmail(tx, await keys.of(tx.tenant), address.value) : undefined
        return startReset(tx, account, principal, access)
      },
    }),
  ]
}

const target = (uid: string): Target => ({ kind: 'user', uid, scope: { kind: 'system' } })
