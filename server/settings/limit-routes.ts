import { refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/limits.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { administration, findOwnTenant, mayAdminister } from './administration.ts'
import { installedLimits, limitsOf, systemLimits, tenantLimits } from './limits.ts'
import { readSetting, writeSetting } from './setting-store.ts'

/** How many objects of a kind a tenant may have: set by itself, up to what the installation allows. */
export const limitEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/tenants/{tenantUid}/resourceLimits',
    summary: "The tenant's resource limits, all kinds",
    permission: { object: 'user.list', find: findOwnTenant },
    params: tenantPath,
    reply: { status: 200, body: wire.tenantLimits },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx }) {
      const limits = [...(await limitsOf(tx))]
      return ok({
        body: { resources: limits.map(([kind, limit]) => ({ kind, label: wire.limitLabels[kind], ...limit })) },
      })
    },
  }),
  endpoint({
    route: 'PATCH /v1/tenants/{tenantUid}/resourceLimits',
    summary: `Sets some of the tenant's resource limits; needs ${administration.join(', ')}`,
    permission: { object: 'user.update', find: findOwnTenant },
    params: tenantPath,
    body: wire.tenantLimitsIn,
    reply: { status: 204 },
    refusals: ['not_found', 'invalid', 'forbidden'],
    audit: 'tenant.limits.updated',
    async handle({ tx, body, principal, access, now }) {
      const may = mayAdminister(access, principal)
      if (!may.ok) return may
      const installed = await installedLimits(tx)
      for (const { kind, limit } of body.resources) {
        const most = installed.get(kind)?.maxLimit ?? 0
        if (limit > most)
          return err(
            refuse('invalid', `resources: ${kind} can be at most ${most}; a system administrator may raise that`),
          )
      }
      const before = await readSetting(tx, tenantLimits)
      const set = Object.fromEntries(body.resources.map(({ kind, limit }) => [kind, limit]))
      await writeSetting(tx, tenantLimits, { ...before, ...set }, { by: principal.user, now })
      return ok({ body: undefined, details: { limits: set } })
    },
  }),
  endpoint({
    route: 'GET /v1/system/resourceLimits',
    summary: 'The resource limits of tenants that have set none, and the most that one may set',
    permission: { system: 'tenant.get' },
    reply: { status: 200, body: wire.systemLimits },
    refusals: [],
    audit: 'refusals-only',
    async handle({ tx }) {
      return ok({ body: { resources: [...(await installedLimits(tx))].map(([kind, limit]) => ({ kind, ...limit })) } })
    },
  }),
  endpoint({
    route: 'PATCH /v1/system/resourceLimits',
    summary: 'Sets resource limits for all tenants, and the most that one may set',
    permission: { system: 'tenant.update' },
    body: wire.systemLimitsIn,
    reply: { status: 204 },
    refusals: ['invalid'],
    audit: 'system.limits.updated',
    async handle({ tx, body, principal, now }) {
      const before = await readSetting(tx, systemLimits)
      const set = Object.fromEntries(
        body.resources.map(({ kind, limit, maxLimit }) => [
          kind,
          { ...before[kind], ...(limit == null ? {} : { limit }), ...(maxLimit == null ? {} : { maxLimit }) },
        ]),
      )
      const after = { ...before, ...set }
      for (const { kind } of body.resources) {
        const { limit, maxLimit } = { ...after[kind] }
        if (limit !== undefined && maxLimit !== undefined && limit > maxLimit)
          return err(refuse('invalid', `resources: ${kind} has a limit above its own maxLimit`))
      }
      await writeSetting(tx, systemLimits, after, { by: principal.user, now })
      return ok({ body: undefined, details: { limits: set } })
    },
  }),
]
