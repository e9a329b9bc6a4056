import * as wire from '../../contract/wire/auth.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { administration, findOwnTenant, mayAdminister, readSetting, writeSetting } from '../settings/index.ts'
import { sessionSettings, shortenSessions } from './session-settings.ts'

/** How long sessions may go unused, in a tenant and for system administrators. */
export const sessionSettingsEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/tenants/{tenantUid}/authTokenSettings',
    summary: 'How long a session may go unused',
    permission: { object: 'user.list', find: findOwnTenant },
    params: tenantPath,
    reply: { status: 200, body: wire.authTokenSettings },
    refusals: ['not_found'],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: await read(tx) }),
  }),
  endpoint({
    route: 'PUT /v1/tenants/{tenantUid}/authTokenSettings',
    summary: `Sets how long a session may go unused, at once for sessions that may longer; needs ${administration.join(', ')}`,
    permission: { object: 'user.update', find: findOwnTenant },
    params: tenantPath,
    body: wire.authTokenSettings,
    reply: { status: 204 },
    refusals: ['not_found', 'forbidden'],
    audit: 'tenant.session.settings.updated',
    changes: 'sessions',
    async handle(c) {
      const may = mayAdminister(c.access, c.principal)
      return may.ok ? ok({ body: undefined, details: await write(c, c.body.expiryTimeMinutes) }) : may
    },
  }),
  endpoint({
    route: 'GET /v1/system/authTokenSettings',
    summary: "How long a system administrator's session may go unused",
    permission: { system: 'systemAdmin.get' },
    reply: { status: 200, body: wire.authTokenSettings },
    refusals: [],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: await read(tx) }),
  }),
  endpoint({
    route: 'PUT /v1/system/authTokenSettings',
    summary: "Sets how long a system administrator's session may go unused, at once for sessions that may longer",
    permission: { system: 'systemAdmin.update' },
    body: wire.authTokenSettings,
    reply: { status: 204 },
    refusals: [],
    audit: 'system.session.settings.updated',
    changes: 'sessions',
    handle: async (c) => ok({ body: undefined, details: await write(c, c.body.expiryTimeMinutes) }),
  }),
]

const read = async (tx: Tx) => ({ expiryTimeMinutes: (await readSetting(tx, sessionSettings)).idleMinutes })

async function write(
  { tx, principal, now }: { readonly tx: Tx; readonly principal: Principal; readonly now: Date },
  idleMinutes: number,
): Promise<Record<string, unknown>> {
  const { idleMinutes: before } = await readSetting(tx, sessionSettings)
  await writeSetting(tx, sessionSettings, { idleMinutes }, { by: principal.user, now })
  return { before, after: idleMinutes, shortened: await shortenSessions(tx, idleMinutes * 60) }
}
