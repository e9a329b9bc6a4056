import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid, TenantUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/cloud-accounts.ts'
import { listMetaOf, pageOf, uidPath, uidReply } from '../../contract/wire/common.ts'
import { type listQuery, parseFilters, parseOrder } from '../../contract/wire/list-filters.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { mayRelabel } from '../access/index.ts'
import { type Endpoint, endpoint, type PermissionRule, type RequestAccess } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import type { Cloud } from './cloud.ts'
import {
  type CloudAccount,
  countAccounts,
  deleteAccount,
  filterPaths,
  insertAccount,
  listAccounts,
  readAccount,
  sortPaths,
  updateAccount,
  type WrittenAccount,
} from './cloud-account-store.ts'
import { readCloudType } from './cloud-type-store.ts'
import { cloudOf, customCloud, knownClouds } from './clouds.ts'
import { metadataAnswer, placeOf, type Seeing, scopeOf, targetIn, targetOf, visibleRows } from './scope.ts'

export type CloudAccountPorts = { readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer> }

/** Cloud accounts of the tenant and of its projects. Their secrets go in and never come out. */
export function cloudAccountEndpoints(ports: CloudAccountPorts): readonly Endpoint[] {
  return [
    ...(['aws', 'gcp', 'azure'] as const).flatMap((kind) =>
      accountEndpoints(ports, {
        cloud: knownClouds[kind],
        path: `/v1/cloudaccounts/${kind}`,
        whose: `${knownClouds[kind].title} account`,
        listPath: z.object({}),
        onePath: uidPath,
        kindIn: () => kind,
        create: { project: 'cloudaccount.create' },
      }),
    ),
    ...accountEndpoints(ports, {
      cloud: customCloud,
      path: '/v1/cloudaccounts/cloudTypes/{cloudType}',
      whose: 'account of a registered kind of cloud',
      listPath: wire.cloudTypePath,
      onePath: wire.customAccountPath,
      kindIn: ({ cloudType = '' }) => cloudType,
      // Decided where the account is to be; a kind that nobody has registered is not there.
      create: {
        object: 'cloudaccount.create',
        find: async ({ tx, params: { cloudType = '' }, project }) =>
          (await readCloudType(tx, cloudType))
            ? { kind: 'cloudaccount', uid: cloudType, scope: scopeOf(project) }
            : undefined,
      },
    }),
    endpoint({
      route: 'GET /v1/cloudaccounts/summary',
      summary: 'Lists the cloud accounts of all clouds in short',
      permission: { signedIn: 'shows the accounts on which the caller holds cloudaccount.list' },
      query: wire.accountSummaryQuery,
      reply: { status: 200, body: wire.accountSummaries },
      refusals: ['invalid', 'forbidden'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await list(c)
        if (!found.ok) return found
        const { accounts, listmeta } = found.value
        const items = accounts.map((account) => ({
          kind: account.kind,
          metadata: metadataAnswer('cloudaccount', account, c),
          specSummary: { accountId: cloudOf(account.kind).accountIdOf(account.spec) },
          status: unverified,
        }))
        return ok({ body: { items, listmeta } })
      },
    }),
    ...validateEndpoints,
  ]
}

type ListParams = { readonly cloudType?: string | undefined }
type OneParams = ListParams & { readonly uid: string }

/** Where the accounts of one kind of cloud are. */
type Accounts = {
  readonly cloud: Cloud
  readonly path: `/v1/cloudaccounts/${string}`
  readonly whose: string
  readonly listPath: z.ZodType<ListParams>
  readonly onePath: z.ZodType<OneParams>
  readonly kindIn: (params: ListParams) => string
  readonly create: Exclude<PermissionRule<ListParams>, { open: string }>
}

function accountEndpoints(
  { sealerOf }: CloudAccountPorts,
  { cloud, path, whose, listPath, onePath, kindIn, create }: Accounts,
): readonly Endpoint[] {
  const body = wire.accountIn(cloud.specIn)
  const finder =
    (to: 'read' | 'change') =>
    async ({ tx, params, project }: { tx: Tx; params: OneParams; project: ProjectUid | undefined }) =>
      targetIn('cloudaccount', await readAccount(tx, params.uid, kindIn(params)), { selected: project, to })
  return [
    endpoint({
      route: `GET ${path}`,
      summary: `Lists each ${whose} of the selected project and the tenant's own, or all that the caller may list`,
      permission: { signedIn: 'shows the accounts on which the caller holds cloudaccount.list' },
      params: listPath,
      query: wire.accountListQuery,
      reply: { status: 200, body: wire.accountList(cloud.spec) },
      refusals: ['not_found', 'invalid', 'forbidden'],
      audit: 'refusals-only',
      async handle(c) {
        const kind = kindIn(c.params)
        if (cloud === customCloud && !(await readCloudType(c.tx, kind))) return err(refuse('not_found'))
        const found = await list(c, kind)
        if (!found.ok) return found
        const { accounts, listmeta } = found.value
        return ok({ body: { items: accounts.map((account) => toWire(account, c)), listmeta } })
      },
    }),
    endpoint({
      route: `POST ${path}`,
      summary: `Creates an ${whose}, of the tenant or in the selected project as metadata.annotations.scope says`,
      permission: create,
      params: listPath,
      body,
      reply: { status: 201, body: uidReply },
      refusals: ['not_found', 'invalid', 'project_required', 'cloud_account_name_taken', 'resource_limit', 'forbidden'],
      audit: 'cloudaccount.created',
      async handle({ tx, params, body, project: selected, principal, access, requestId, now }) {
        const kind = kindIn(params)
        // Held until the end, so that it is not removed under the account.
        if (cloud === customCloud && !(await readCloudType(tx, kind, 'share'))) return err(refuse('not_found'))
        const room = await hasRoom(tx, 'cloudaccount', () => countAccounts(tx))
        if (!room.ok) return room
        const at = { selected, access, requestId }
        const place = placeOf(body.metadata.annotations?.scope, 'cloudaccount.create', at)
        if (!place.ok) return place
        const account = written(cloud, body)
        if (!account.ok) return account
        const { project } = place.value
        const by = { by: principal.user, now }
        const uid = await insertAccount(tx, await sealerOf(tx.tenant), { ...account.value, project, kind }, by)
        if (!uid.ok) return uid
        return ok({
          body: { uid: uid.value },
          resource: { uid: uid.value, name: account.value.name },
          details: { kind, scope: scopeOf(project).kind, spec: account.value.spec },
        })
      },
    }),
    endpoint({
      route: `GET ${path}/{uid}`,
      summary: `Reads one ${whose}, without its secrets`,
      permission: { object: 'cloudaccount.get', find: finder('read') },
      params: onePath,
      reply: { status: 200, body: wire.account(cloud.spec) },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const account = await readAccount(c.tx, c.params.uid, kindIn(c.params))
        return account ? ok({ body: toWire(account, c) }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: `PUT ${path}/{uid}`,
      summary: `Changes an ${whose}; secrets that are not sent stay with what they belong to`,
      permission: { object: 'cloudaccount.update', find: finder('change') },
      params: onePath,
      body,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'cloud_account_name_taken', 'forbidden'],
      audit: 'cloudaccount.updated',
      async handle({ tx, params, body, access, requestId, now }) {
        const before = await readAccount(tx, params.uid, kindIn(params), { toChange: true })
        if (!before) return err(refuse('not_found'))
        const scope = body.metadata.annotations?.scope
        if (scope && scope !== scopeOf(before.project).kind)
          return err(refuse('invalid', 'metadata.annotations.scope: an account does not move; make it anew there'))
        const after = written(cloud, body, before)
        if (!after.ok) return after
        const relabel = mayRelabel(targetOf('cloudaccount', before), after.value.labels, {
          ...{ permission: 'cloudaccount.update', access, requestId },
        })
        if (!relabel.ok) return relabel
        const updated = await updateAccount(tx, await sealerOf(tx.tenant), before.uid, after.value, now)
        if (!updated.ok) return updated
        const { name, spec, secrets, labels } = after.value
        const changed = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other)
        const details = {
          ...(name === before.name ? {} : { name: { before: before.name, after: name } }),
          ...(changed(spec, before.spec) ? { spec: { before: before.spec, after: spec } } : {}),
          ...(changed(labels, before.labels) ? { labels: { before: before.labels, after: labels } } : {}),
          ...(typeof secrets === 'string' ? {} : { secrets: Object.keys(secrets) }),
        }
        return ok({ body: undefined, resource: { uid: before.uid, name }, details })
      },
    }),
    endpoint({
      route: `DELETE ${path}/{uid}`,
      summary: `Deletes an ${whose} with its secrets`,
      permission: { object: 'cloudaccount.delete', find: finder('change') },
      params: onePath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'cloudaccount.deleted',
      async handle({ tx, params }) {
        const account = await readAccount(tx, params.uid, kindIn(params))
        if (!account) return err(refuse('not_found'))
        await deleteAccount(tx, account.uid)
        return ok({ body: undefined, resource: { uid: account.uid, name: account.name } })
      },
    }),
  ]
}

/** Clients ask these before they create or change an account. */
const validateEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'POST /v1/clouds/aws/account/validate',
    ...validation('AWS'),
    body: wire.awsSpecIn,
    handle: async ({ body }) => looksRight(knownClouds.aws, body),
  }),
  endpoint({
    route: 'POST /v1/clouds/gcp/account/validate',
    ...validation('Google'),
    body: wire.gcpValidateIn,
    handle: async ({ body }) => looksRight(knownClouds.gcp, body.spec),
  }),
  endpoint({
    route: 'POST /v1/clouds/azure/account/validate',
    ...validation('Azure'),
    body: wire.azureSpecIn,
    handle: async ({ body }) => looksRight(knownClouds.azure, body),
  }),
]

function validation(who: string) {
  return {
    summary: `Looks whether credentials have the form that ${who} documents; ${who} is not asked (docs/objects.md)`,
    permission: { signedIn: 'looks at what was sent and at nothing else' },
    reply: { status: 204 },
    refusals: ['invalid'],
    audit: 'refusals-only',
  } as const
}

function looksRight(cloud: Cloud, spec: unknown): Result<{ readonly body: undefined }, Refusal> {
  const checked = cloud.written(spec)
  return checked.ok ? ok({ body: undefined }) : checked
}

/** The page that a query asks for, of what the caller may list. */
async function list(
  c: {
    readonly tx: Tx
    readonly query: Pick<z.output<typeof listQuery>, 'filters' | 'orderBy' | 'limit' | 'offset' | 'continue'>
    readonly access: RequestAccess
    readonly project: ProjectUid | undefined
    readonly requestId: string
  },
  kind?: string,
) {
  const visible = visibleRows('cloudaccount.list', c)
  if (!visible.ok) return visible
  const filters = parseFilters(c.query.filters, filterPaths)
  if (!filters.ok) return err(refuse('invalid', filters.error))
  const order = parseOrder(c.query.orderBy, sortPaths)
  if (!order.ok) return err(refuse('invalid', order.error))
  const page = pageOf(c.query)
  if (!page.ok) return err(refuse('invalid', page.error))
  const { accounts, count } = await listAccounts(c.tx, {
    ...{ kind, visible: visible.value, filters: filters.value, order: order.value, page: page.value },
  })
  return ok({ accounts, listmeta: listMetaOf(page.value, accounts.length, count) })
}

/** @param before what stays where a client does not say */
function written(
  cloud: Cloud,
  { metadata, spec }: z.output<ReturnType<typeof wire.accountIn>>,
  before?: CloudAccount,
): Result<WrittenAccount, Refusal> {
  const account = cloud.written(spec, before?.spec)
  if (!account.ok) return account
  const { name, labels, annotations } = metadata
  return ok({
    name,
    labels: labels ?? before?.labels ?? {},
    annotations: annotations ? clientAnnotations(annotations) : (before?.annotations ?? {}),
    ...account.value,
  })
}

const unverified = { state: 'Unverified' } as const

const toWire = (account: CloudAccount, seeing: Seeing) => ({
  apiVersion: 'v1' as const,
  kind: account.kind,
  metadata: metadataAnswer('cloudaccount', account, seeing),
  spec: account.spec,
  status: unverified,
})
