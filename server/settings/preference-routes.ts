import type { z } from 'zod'
import { ProjectUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/preferences.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { administration, findOwnTenant, mayAdminister } from './administration.ts'
import { clusterGroup, clusterRbac, clusterSettings, developerCredit, fips, rateConfig } from './preferences.ts'
import { readProjectSetting, readSetting, type Setting, writeProjectSetting, writeSetting } from './setting-store.ts'

type Place = `/v1/tenants/{tenantUid}/${string}`

/** The preferences of a tenant and of a project, each a document that is read and written as a whole. */
export const preferenceEndpoints: readonly Endpoint[] = [
  reads('/v1/tenants/{tenantUid}/preferences/clusterRbacSettings', {
    summary: 'Whether an import makes the account and its bindings on the cluster without being asked',
    setting: clusterRbac,
    reply: wire.clusterRbacSettings,
  }),
  writes('/v1/tenants/{tenantUid}/preferences/clusterRbacSettings', {
    summary: 'Sets whether an import makes the account and its bindings on the cluster without being asked',
    setting: clusterRbac,
    body: wire.clusterRbacSettingsIn,
    next: (body) => body,
  }),
  reads('/v1/tenants/{tenantUid}/preferences/clusterSettings', {
    summary: 'The repair of nodes, as clients keep it; Palisade repairs none',
    setting: clusterSettings,
    reply: wire.tenantClusterSettings,
  }),
  writes('/v1/tenants/{tenantUid}/preferences/clusterSettings/nodesAutoRemediationSetting', {
    summary: 'Keeps what clients say of the repair of nodes',
    setting: clusterSettings,
    body: wire.nodesAutoRemediationIn,
    next: (body) => ({ nodesAutoRemediationSetting: body }),
  }),
  reads('/v1/tenants/{tenantUid}/preferences/fips', {
    summary: 'What of FIPS clients have set; Palisade does nothing by it',
    setting: fips,
    reply: wire.fips,
  }),
  writes('/v1/tenants/{tenantUid}/preferences/fips', {
    summary: 'Keeps what clients say of FIPS',
    setting: fips,
    body: wire.fipsIn,
    next: (body) => body,
  }),
  reads('/v1/tenants/{tenantUid}/preferences/developerCredit', {
    summary: 'What developers may use of virtual clusters, as clients keep it; Palisade runs none',
    setting: developerCredit,
    reply: wire.developerCredit,
  }),
  writes('/v1/tenants/{tenantUid}/preferences/developerCredit', {
    summary: 'Keeps what clients say that developers may use of virtual clusters',
    setting: developerCredit,
    body: wire.developerCreditIn,
    next: (body) => body,
  }),
  reads('/v1/tenants/{tenantUid}/preferences/clusterGroup', {
    summary: 'What clients have set of cluster groups; Palisade has none',
    setting: clusterGroup,
    reply: wire.clusterGroup,
  }),
  writes('/v1/tenants/{tenantUid}/preferences/clusterGroup', {
    summary: 'Keeps what clients say of cluster groups',
    setting: clusterGroup,
    body: wire.clusterGroupIn,
    next: (body) => body,
  }),
  reads('/v1/tenants/{tenantUid}/rateConfig', {
    summary: 'Unit prices by cloud, as clients keep them; Palisade reckons no costs',
    setting: rateConfig,
    reply: wire.rateConfig,
  }),
  writes('/v1/tenants/{tenantUid}/rateConfig', {
    summary: 'Keeps unit prices by cloud',
    setting: rateConfig,
    body: wire.rateConfigIn,
    next: (body) => body,
  }),
  endpoint({
    route: 'GET /v1/projects/{uid}/preferences/clusterSettings',
    summary: "The repair of nodes, as clients keep it for the project, and the tenant's beside it",
    permission: { object: 'project.get', find: findProject },
    params: uidPath,
    reply: { status: 200, body: wire.projectClusterSettings },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const tenantClusterSettings = await readSetting(tx, clusterSettings)
      const own = await readProjectSetting(tx, clusterSettings, ProjectUid.parse(params.uid))
      // What a project has not set is as in the tenant.
      return ok({ body: { ...(own ?? tenantClusterSettings), tenantClusterSettings } })
    },
  }),
  endpoint({
    route: 'PUT /v1/projects/{uid}/preferences/clusterSettings/nodesAutoRemediationSetting',
    summary: 'Keeps what clients say of the repair of nodes in the project',
    permission: { object: 'project.update', find: findProject },
    params: uidPath,
    body: wire.nodesAutoRemediationIn,
    reply: { status: 204 },
    refusals: ['not_found'],
    audit: 'project.preferences.updated',
    async handle({ tx, params, body, principal, now }) {
      const project = ProjectUid.parse(params.uid)
      const before = await readProjectSetting(tx, clusterSettings, project)
      const after = { nodesAutoRemediationSetting: body }
      await writeProjectSetting(tx, clusterSettings, project, after, { by: principal.user, now })
      return ok({ body: undefined, details: { preference: clusterSettings.kind, before, after } })
    },
  }),
]

function reads<Shape extends z.ZodType>(
  path: Place,
  { summary, setting, reply }: { summary: string; setting: Setting<z.input<Shape>>; reply: Shape },
): Endpoint {
  return endpoint({
    route: `GET ${path}`,
    summary,
    permission: { object: 'user.list', find: findOwnTenant },
    params: tenantPath,
    reply: { status: 200, body: reply },
    refusals: ['not_found'],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: await readSetting(tx, setting) }),
  })
}

function writes<Value, Body extends z.ZodType>(
  path: Place,
  {
    summary,
    setting,
    body: shape,
    next,
  }: { summary: string; setting: Setting<Value>; body: Body; next: (body: z.output<Body>) => Value },
): Endpoint {
  return endpoint({
    route: `PUT ${path}`,
    summary: `${summary}; needs ${administration.join(', ')}`,
    permission: { object: 'user.update', find: findOwnTenant },
    params: tenantPath,
    body: shape,
    reply: { status: 204 },
    refusals: ['not_found', 'forbidden'],
    audit: 'tenant.preferences.updated',
    async handle({ tx, body, principal, access, now }) {
      const may = mayAdminister(access, principal)
      if (!may.ok) return may
      const before = await readSetting(tx, setting)
      const after = next(body)
      await writeSetting(tx, setting, after, { by: principal.user, now })
      return ok({ body: undefined, details: { preference: setting.kind, before, after } })
    },
  })
}

async function findProject({
  tx,
  params,
}: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
}): Promise<Target | undefined> {
  const uid = ProjectUid.safeParse(params.uid)
  if (!uid.success) return undefined
  const [row] = await tx.query<{ name: string }>('select name from projects where tenant_id = $1 and project_id = $2', [
    tx.tenant,
    uid.data,
  ])
  const scope = { kind: 'project', projectUid: uid.data } as const
  return row && { kind: 'project', uid: uid.data, name: row.name, scope }
}
