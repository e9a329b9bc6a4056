import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid, TenantUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/cloud-accounts.ts'
import { listMetaOf, pageOf, uidPath, uidReply } from '../../contract/wire/common.ts'
import { type listQuery, parseFilters, parseOrder } from '../../contract/wire/list-filters.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import { accountIdOf, writtenAws } from './aws-account.ts'
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
import { mayRelabel, metadataAnswer, placeOf, scopeOf, targetIn, visibleRows } from './scope.ts'

export type CloudAccountPorts = { readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer> }

/** Cloud accounts of the tenant and of its projects. Their secrets go in and never come out. */
export function cloudAccountEndpoints({ sealerOf }: CloudAccountPorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/cloudaccounts/aws',
      summary: "Lists the AWS accounts of the selected project and the tenant's own, or all that the caller may list",
      permission: { signedIn: 'shows the accounts on which the caller holds cloudaccount.list' },
      query: wire.accountListQuery,
      reply: { status: 200, body: wire.awsAccountList },
      refusals: ['invalid', 'forbidden'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await list(c)
        if (!found.ok) return found
        const { accounts, listmeta } = found.value
        return ok({ body: { items: accounts.map((account) => toWire(account, c.tx.tenant)), listmeta } })
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
          kind: 'aws' as const,
          metadata: metadataAnswer(account, c.tx.tenant),
          specSummary: { accountId: accountIdOf(account.spec) },
          status: unverified,
        }))
        return ok({ body: { items, listmeta } })
      },
    }),
    endpoint({
      route: 'POST /v1/cloudaccounts/aws',
      summary: 'Creates an AWS account, of the tenant or in the selected project as metadata.annotations.scope says',
      permission: { project: 'cloudaccount.create' },
      body: wire.awsAccountIn,
      reply: { status: 201, body: uidReply },
      refusals: ['invalid', 'project_required', 'cloud_account_name_taken', 'resource_limit', 'forbidden'],
      audit: 'cloudaccount.created',
      async handle({ tx, body, project: selected, principal, access, requestId, now }) {
        const room = await hasRoom(tx, 'cloudaccount', await countAccounts(tx))
        if (!room.ok) return room
        const place = placeOf(body.metadata.annotations?.scope, 'cloudaccount.create', { selected, access, requestId })
        if (!place.ok) return place
        const account = written(body)
        if (!account.ok) return account
        const { project } = place.value
        const by = { by: principal.user, now }
        const uid = await insertAccount(tx, await sealerOf(tx.tenant), { ...account.value, project }, by)
        if (!uid.ok) return uid
        return ok({
          body: { uid: uid.value },
          resource: { uid: uid.value, name: account.value.name },
          details: { scope: scopeOf(project).kind, spec: account.value.spec },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/cloudaccounts/aws/{uid}',
      summary: 'Reads one AWS account, without its secrets',
      permission: { object: 'cloudaccount.get', find: finder('read') },
      params: uidPath,
      reply: { status: 200, body: wire.awsAccount },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const account = await readAccount(tx, params.uid)
        return account ? ok({ body: toWire(account, tx.tenant) }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'PUT /v1/cloudaccounts/aws/{uid}',
      summary: 'Changes an AWS account; a secret key that is not sent stays with its access key',
      permission: { object: 'cloudaccount.update', find: finder('change') },
      params: uidPath,
      body: wire.awsAccountIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'cloud_account_name_taken', 'forbidden'],
      audit: 'cloudaccount.updated',
      async handle(c) {
        const { tx, body, now } = c
        const before = await readAccount(tx, c.params.uid, { toChange: true })
        if (!before) return err(refuse('not_found'))
        const scope = body.metadata.annotations?.scope
        if (scope && scope !== scopeOf(before.project).kind)
          return err(refuse('invalid', 'metadata.annotations.scope: an account does not move; make it anew there'))
        const after = written(body, before)
        if (!after.ok) return after
        const relabel = mayRelabel(before, after.value.labels, {
          ...{ permission: 'cloudaccount.update', kind: 'cloudaccount' },
          ...{ access: c.access, requestId: c.requestId },
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
          ...(typeof secrets === 'string' ? {} : { secretKey: 'written' }),
        }
        return ok({ body: undefined, resource: { uid: before.uid, name }, details })
      },
    }),
    endpoint({
      route: 'DELETE /v1/cloudaccounts/aws/{uid}',
      summary: 'Deletes an AWS account with its secrets',
      permission: { object: 'cloudaccount.delete', find: finder('change') },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'cloudaccount.deleted',
      async handle({ tx, params }) {
        const account = await readAccount(tx, params.uid)
        if (!account) return err(refuse('not_found'))
        await deleteAccount(tx, account.uid)
        return ok({ body: undefined, resource: { uid: account.uid, name: account.name } })
      },
    }),
    endpoint({
      route: 'POST /v1/clouds/aws/account/validate',
      summary: 'Looks whether credentials have the form that AWS documents; AWS is not asked (docs/objects.md)',
      permission: { signedIn: 'looks at what was sent and at nothing else' },
      body: wire.awsSpecIn,
      reply: { status: 204 },
      refusals: ['invalid'],
      audit: 'refusals-only',
      async handle({ body }) {
        const checked = writtenAws(body)
        return checked.ok ? ok({ body: undefined }) : checked
      },
    }),
  ]
}

/** The page that a query asks for, of what the caller may list. */
async function list(c: {
  readonly tx: Tx
  readonly query: Pick<z.output<typeof listQuery>, 'filters' | 'orderBy' | 'limit' | 'offset' | 'continue'>
  readonly access: RequestAccess
  readonly project: ProjectUid | undefined
  readonly requestId: string
}) {
  const visible = visibleRows('cloudaccount.list', c)
  if (!visible.ok) return visible
  const filters = parseFilters(c.query.filters, filterPaths)
  if (!filters.ok) return err(refuse('invalid', filters.error))
  const order = parseOrder(c.query.orderBy, sortPaths)
  if (!order.ok) return err(refuse('invalid', order.error))
  const page = pageOf(c.query)
  if (!page.ok) return err(refuse('invalid', page.error))
  const { accounts, count } = await listAccounts(c.tx, {
    ...{ visible: visible.value, filters: filters.value, order: order.value, page: page.value },
  })
  return ok({ accounts, listmeta: listMetaOf(page.value, accounts.length, count) })
}

function finder(to: 'read' | 'change') {
  return async ({ tx, params, project }: { tx: Tx; params: { uid: string }; project: ProjectUid | undefined }) =>
    targetIn('cloudaccount', await readAccount(tx, params.uid), { selected: project, to })
}

/** @param before what stays where a client does not say */
function written(
  { metadata: { name, labels, annotations }, spec }: z.output<typeof wire.awsAccountIn>,
  before?: CloudAccount,
): Result<WrittenAccount, Refusal> {
  const account = writtenAws(spec, before?.spec)
  if (!account.ok) return account
  return ok({
    name,
    labels: labels ?? before?.labels ?? {},
    annotations: annotations ? clientAnnotations(annotations) : (before?.annotations ?? {}),
    ...account.value,
  })
}

const unverified = { state: 'Unverified' } as const

const toWire = (account: CloudAccount, tenant: TenantUid): z.input<typeof wire.awsAccount> => ({
  apiVersion: 'v1',
  kind: 'aws',
  metadata: metadataAnswer(account, tenant),
  spec: account.spec,
  status: unverified,
})
