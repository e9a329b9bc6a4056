import type { z } from 'zod'
import * as wire from '../../contract/wire/notices.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { administration, findOwnTenant, mayAdminister, readSetting, writeSetting } from '../settings/index.ts'
import { classification, loginBanner } from './notice-settings.ts'

/** Banners of tenants and of the installation, and its classification. */
export const noticeEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/tenants/{tenantUid}/loginBanner',
    summary: "What the tenant's people read when they sign in",
    permission: { object: 'user.list', find: findOwnTenant },
    params: tenantPath,
    reply: { status: 200, body: wire.loginBanner },
    refusals: ['not_found'],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: await read(tx) }),
  }),
  endpoint({
    route: 'PUT /v1/tenants/{tenantUid}/loginBanner',
    summary: `Sets what the tenant's people read when they sign in; needs ${administration.join(', ')}`,
    permission: { object: 'user.update', find: findOwnTenant },
    params: tenantPath,
    body: wire.loginBannerIn,
    reply: { status: 204 },
    refusals: ['not_found', 'forbidden'],
    audit: 'tenant.banner.updated',
    async handle(c) {
      const may = mayAdminister(c.access, c.principal)
      return may.ok ? ok({ body: undefined, details: await write(c) }) : may
    },
  }),
  endpoint({
    route: 'GET /v1/system/loginBanner',
    summary: 'What everybody reads before they sign in',
    permission: { system: 'tenant.get' },
    reply: { status: 200, body: wire.loginBanner },
    refusals: [],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: await read(tx) }),
  }),
  endpoint({
    route: 'PUT /v1/system/loginBanner',
    summary: 'Sets what everybody reads before they sign in',
    permission: { system: 'tenant.update' },
    body: wire.loginBannerIn,
    reply: { status: 204 },
    refusals: [],
    audit: 'system.banner.updated',
    handle: async (c) => ok({ body: undefined, details: await write(c) }),
  }),
  endpoint({
    route: 'GET /v1/system/classificationBanner',
    summary: 'How the installation is classified',
    permission: { system: 'tenant.get' },
    reply: { status: 200, body: wire.classificationBanner },
    refusals: [],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: await readSetting(tx, classification) }),
  }),
  endpoint({
    route: 'PUT /v1/system/classificationBanner',
    summary: 'Sets how the installation is classified: JSON with a text, which stands on every sign-in page',
    permission: { system: 'tenant.update' },
    body: wire.classificationBannerIn,
    reply: { status: 204 },
    refusals: [],
    audit: 'system.classification.updated',
    async handle({ tx, body, principal, now }) {
      const before = await readSetting(tx, classification)
      await writeSetting(tx, classification, body, { by: principal.user, now })
      return ok({ body: undefined, details: { before: before.config, after: body.config } })
    },
  }),
]

async function read(tx: Tx): Promise<z.input<typeof wire.loginBanner>> {
  const { isEnabled, title, message } = await readSetting(tx, loginBanner)
  return { isEnabled, title, Message: message }
}

async function write({
  tx,
  body,
  principal,
  now,
}: {
  readonly tx: Tx
  readonly body: z.output<typeof wire.loginBannerIn>
  readonly principal: Principal
  readonly now: Date
}): Promise<Record<string, unknown>> {
  const before = await readSetting(tx, loginBanner)
  const after = { isEnabled: body.isEnabled, title: body.title, message: body.Message }
  await writeSetting(tx, loginBanner, after, { by: principal.user, now })
  return { before, after }
}
