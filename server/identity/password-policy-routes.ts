import { refuse } from '../../contract/errors.ts'
import { systemTenant } from '../../contract/ids.ts'
import * as wire from '../../contract/wire/password-policy.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { administration, findOwnTenant, mayAdminister, readSetting, writeSetting } from '../settings/index.ts'
import { blockPasswords, maxBlockedPasswords, unblockPasswords } from './blocked-passwords.ts'
import type { IdentityEdges } from './edges.ts'
import { compilePattern } from './password-pattern.ts'
import { ownPolicy, policyOfTenants, type StoredPolicy, tenantPolicy } from './password-policy.ts'

/** What passwords must be: in a tenant, in all that have said nothing, and which nobody may use. */
export function passwordPolicyEndpoints({ keys }: Pick<IdentityEdges, 'keys'>): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}/password/policy',
      summary: "The tenant's password policy, or the one that holds where it has none",
      permission: { object: 'user.list', find: findOwnTenant },
      params: tenantPath,
      reply: { status: 200, body: wire.passwordPolicy },
      refusals: ['not_found'],
      audit: 'refusals-only',
      handle: async ({ tx }) => ok({ body: shown(await tenantPolicy(tx)) }),
    }),
    endpoint({
      route: 'POST /v1/tenants/{tenantUid}/password/policy',
      summary: `Sets the tenant's password policy; needs ${administration.join(', ')}`,
      permission: { object: 'user.update', find: findOwnTenant },
      params: tenantPath,
      body: wire.passwordPolicyIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'forbidden'],
      audit: 'tenant.password.policy.updated',
      async handle({ tx, body, principal, access, now }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const compiled = compilePattern(body.regex)
        if (!compiled.ok) return err(refuse('invalid', `body regex: ${compiled.error}`))
        const before = await readSetting(tx, ownPolicy)
        const policy = { ...body, reminderFrequency: 0, ...timesOf(before, now) }
        await writeSetting(tx, ownPolicy, policy, { by: principal.user, now })
        return ok({ body: undefined, details: { before: before ?? null, after: policy } })
      },
    }),
    endpoint({
      route: 'GET /v1/system/password/policy/default',
      summary: 'The password policy of tenants that have none of their own',
      permission: { system: 'tenant.get' },
      reply: { status: 200, body: wire.systemPasswordPolicy },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx }) {
        const policy = await readSetting(tx, policyOfTenants)
        return ok({ body: { ...shown(policy), reminderFrequency: policy.reminderFrequency } })
      },
    }),
    endpoint({
      route: 'PUT /v1/system/password/policy/default',
      summary: 'Sets the password policy of tenants that have none of their own',
      permission: { system: 'tenant.update' },
      body: wire.systemPasswordPolicyIn,
      reply: { status: 204 },
      refusals: ['invalid'],
      audit: 'system.password.policy.updated',
      async handle({ tx, body, principal, now }) {
        const compiled = compilePattern(body.regex)
        if (!compiled.ok) return err(refuse('invalid', `body regex: ${compiled.error}`))
        const before = await readSetting(tx, policyOfTenants)
        const policy = { ...body, ...timesOf(before, now) }
        await writeSetting(tx, policyOfTenants, policy, { by: principal.user, now })
        return ok({ body: undefined, details: { before, after: policy } })
      },
    }),
    endpoint({
      route: 'PATCH /v1/system/passwords/blocklist',
      summary: 'Adds passwords that nobody may set, kept as keyed hashes: there is no way to read them',
      permission: { system: 'tenant.update' },
      body: wire.blockedPasswords,
      reply: { status: 204 },
      refusals: ['resource_limit'],
      audit: 'system.password.blocklist.updated',
      async handle({ tx, body, now }) {
        const sealer = await keys.of(systemTenant)
        const { added, total } = await blockPasswords(tx, sealer, body.spec.passwords, now)
        if (total > maxBlockedPasswords)
          return err(refuse('resource_limit', `The list has room for ${maxBlockedPasswords} passwords`))
        return ok({ body: undefined, details: { added, total } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/system/passwords/blocklist',
      summary: 'Takes passwords off the list of those that nobody may set',
      permission: { system: 'tenant.update' },
      body: wire.blockedPasswords,
      reply: { status: 204 },
      refusals: [],
      audit: 'system.password.blocklist.updated',
      async handle({ tx, body }) {
        const removed = await unblockPasswords(tx, await keys.of(systemTenant), body.spec.passwords)
        return ok({ body: undefined, details: { removed } })
      },
    }),
  ]
}

const never = '0001-01-01T00:00:00.000Z'

function shown({ createdAt, updatedAt, reminderFrequency: _, ...policy }: StoredPolicy) {
  const maxLength = policy.isRegex ? policy.maxLength : policy.maxLength || wire.unsetMaxLength
  return { ...policy, maxLength, creationTimestamp: createdAt ?? never, updateTimestamp: updatedAt ?? never }
}

const timesOf = (before: StoredPolicy | undefined, now: Date) => ({
  createdAt: before?.createdAt ?? now.toISOString(),
  updatedAt: now.toISOString(),
})
