import { refuse } from '../../contract/errors.ts'
import { wireTime } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/users.ts'
import { err, ok } from '../../core/result.ts'
import { standingRolesOf } from '../access/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { PeoplePorts } from './ports.ts'
import { permissionsOnUsers, userAnswer } from './user-answers.ts'
import { readUser } from './user-store.ts'

/** What everybody may ask about themselves. Clients learn their tenant here. */
export function meEndpoints({
  keys,
  passwordExpiry,
}: Pick<PeoplePorts, 'keys' | 'passwordExpiry'>): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/users/info',
      summary: "The caller's organisation, tenant and user",
      permission: { signedIn: "the caller's own identity" },
      reply: { status: 200, body: wire.userInfo },
      refusals: [],
      audit: 'refusals-only',
      async handle({ principal }) {
        return ok({ body: { orgName: principal.person.org, tenantUid: principal.tenant, userUid: principal.user } })
      },
    }),
    endpoint({
      route: 'GET /v1/users/me',
      summary: 'The caller, and what they may do in the tenant and in each project',
      permission: { signedIn: "the caller's own account and rights" },
      reply: { status: 200, body: wire.me },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, principal, access, now }) {
        const person = await readUser(tx, await keys.of(tx.tenant), principal.user)
        if (!person) return err(refuse('not_found'))
        const roles = await standingRolesOf(tx, { user: person.uid })
        const seen = { tenant: tx.tenant, permissions: permissionsOnUsers(access) }
        const { metadata, spec, status } = userAnswer(person, roles, seen)
        const { expiresAt, isReminderDue } = await passwordExpiry(tx, person.uid, now)
        const held = access.ownPermissions()
        return ok({
          body: {
            metadata,
            spec,
            status: {
              ...status,
              loginMode: person.loginMode,
              // There is no contract to accept.
              isContractAccepted: true,
              passwordExpiry: { expiresAt: wireTime(expiresAt), remind: isReminderDue },
              tenant: { orgName: principal.person.org, tenantUid: principal.tenant },
              tenantPermissions: byKey(held.tenant),
              projectPermissions: Object.fromEntries([...held.projects].map(([uid, list]) => [uid, [...list]])),
            },
          },
        })
      },
    }),
  ]
}

/** `cluster.get`, `cluster.list` → `{cluster: ['cluster.get', 'cluster.list']}`. */
function byKey(permissions: readonly string[]): Record<string, string[]> {
  const groups = Map.groupBy(permissions, (permission) => permission.slice(0, permission.indexOf('.')))
  return Object.fromEntries(groups)
}
