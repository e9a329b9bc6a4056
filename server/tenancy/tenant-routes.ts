import { refuse } from '../../contract/errors.ts'
import type { SystemPermission } from '../../contract/permissions.ts'
import { annotationsOf } from '../../contract/wire/annotations.ts'
import { listMetaOf, pageOf, uidReply, wireTime } from '../../contract/wire/common.ts'
import { listQuery, parseFilters, parseOrder } from '../../contract/wire/list-filters.ts'
import * as wire from '../../contract/wire/tenants.ts'
import { user } from '../../contract/wire/users.ts'
import { err, ok } from '../../core/result.ts'
import { standingRolesOf } from '../access/index.ts'
import { type Endpoint, endpoint, type RequestAccess, type Target } from '../gateway/index.ts'
import { parseEmail, readUser, userAnswer } from '../people/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import {
  filterableTenantPaths,
  listTenants,
  noAddress,
  openContact,
  orgNameTaken,
  readTenant,
  sortableTenantPaths,
  type Tenant,
} from './tenant-store.ts'
import { activateTenant, changeTenantContact, createTenant, deleteTenant, type TenantPorts } from './tenants.ts'

/** For anybody but a system administrator only the own tenant is there, and the right to it is not theirs. */
export async function findTenant({ tx, params }: { readonly tx: Tx; readonly params: { readonly tenantUid: string } }) {
  const tenant = await readTenant(tx, params.tenantUid)
  if (!tenant) return undefined
  return { kind: 'tenant', uid: tenant.uid, name: tenant.orgName, scope: { kind: 'system' } } satisfies Target
}

/** Tenants, for system administrators. */
export function tenantEndpoints(ports: TenantPorts): readonly Endpoint[] {
  const { keys, links } = ports

  /** A tenant that `find` found in the same transaction. */
  async function load(tx: Tx, uid: string) {
    const tenant = await readTenant(tx, uid)
    return tenant ? ok(tenant) : err(refuse('not_found'))
  }

  return [
    endpoint({
      route: 'POST /v1/tenants',
      summary: 'Creates a tenant with its first user, its key and the project Default',
      permission: { system: 'tenant.create' },
      body: wire.newTenant,
      reply: { status: 201, body: uidReply },
      refusals: ['org_taken'],
      audit: 'tenant.created',
      async handle(c) {
        const created = await createTenant(ports, c, c.body)
        if (!created.ok) return created
        const { uid, firstUser } = created.value
        return ok({ body: { uid }, resource: { uid, name: c.body.spec.orgName }, details: { firstUser } })
      },
    }),
    endpoint({
      route: 'GET /v1/tenants',
      summary: 'Lists the tenants',
      permission: { system: 'tenant.list' },
      query: listQuery,
      reply: { status: 200, body: wire.tenantList },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, query, access }) {
        const filters = parseFilters(query.filters, filterableTenantPaths)
        const order = parseOrder(query.orderBy, sortableTenantPaths)
        const page = pageOf(query)
        if (!filters.ok) return err(refuse('invalid', filters.error))
        if (!order.ok) return err(refuse('invalid', order.error))
        if (!page.ok) return err(refuse('invalid', page.error))
        const { tenants, count } = await listTenants(tx, filters.value, order.value, page.value)
        const permissions = permissionsOnTenants(access)
        const items = tenants.map((tenant) => tenantAnswer(tenant, permissions))
        return ok({ body: { items, listmeta: listMetaOf(page.value, items.length, count) } })
      },
    }),
    endpoint({
      route: 'POST /v1/tenants/validate',
      summary: 'Whether a tenant with this name and first e-mail could be created',
      permission: { system: 'tenant.create' },
      body: wire.tenantCandidate,
      reply: { status: 204 },
      refusals: ['org_taken'],
      audit: 'refusals-only',
      async handle({ tx, body }) {
        if (await orgNameTaken(tx, body.orgName)) return err(refuse('org_taken'))
        const email = body.emailId ? parseEmail(body.emailId, 'emailId') : ok(undefined)
        return email.ok ? ok({ body: undefined }) : email
      },
    }),
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}',
      summary: 'Reads one tenant',
      permission: { object: 'tenant.get', find: findTenant },
      params: wire.tenantPath,
      reply: { status: 200, body: wire.tenant },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, access }) {
        const tenant = await load(tx, params.tenantUid)
        if (!tenant.ok) return tenant
        const { uid, contact } = tenant.value
        const { metadata, spec, status } = tenantAnswer(tenant.value, permissionsOnTenants(access))
        const opened = openContact(await keys.of(uid), uid, contact)
        return ok({ body: { metadata, spec: { ...spec, ...opened }, status } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/tenants/{tenantUid}',
      summary: 'Marks a tenant for deletion; everything of it is refused at once',
      permission: { object: 'tenant.delete', find: findTenant },
      params: wire.tenantPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'tenant.deleted',
      async handle(c) {
        const tenant = await load(c.tx, c.params.tenantUid)
        if (!tenant.ok) return tenant
        const deleted = await deleteTenant(ports, c, tenant.value)
        return deleted.ok ? ok({ body: undefined }) : deleted
      },
    }),
    endpoint({
      route: 'PATCH /v1/tenants/{tenantUid}/activate',
      summary: 'Switches a tenant on or off; off ends its sessions, keys and streams at once',
      permission: { object: 'tenant.update', find: findTenant },
      params: wire.tenantPath,
      body: wire.tenantActivation,
      reply: { status: 204 },
      refusals: ['not_found', 'conflict'],
      audit: 'tenant.activated',
      async handle(c) {
        const tenant = await load(c.tx, c.params.tenantUid)
        if (!tenant.ok) return tenant
        const changed = await activateTenant(ports, c, tenant.value, c.body)
        return changed.ok ? ok({ body: undefined, details: { isActive: c.body } }) : changed
      },
    }),
    endpoint({
      route: 'PATCH /v1/tenants/{tenantUid}/address',
      summary: 'Changes the address of the organisation',
      permission: { object: 'tenant.update', find: findTenant },
      params: wire.tenantPath,
      body: wire.addressPatch,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'tenant.contact.updated',
      async handle(c) {
        const tenant = await load(c.tx, c.params.tenantUid)
        if (!tenant.ok) return tenant
        const address = c.body.address ?? noAddress
        return ok({ body: undefined, details: await changeTenantContact(ports, c, tenant.value, { address }) })
      },
    }),
    endpoint({
      route: 'PATCH /v1/tenants/{tenantUid}/emailId',
      summary: 'Changes the e-mail address at which the organisation itself is reached',
      permission: { object: 'tenant.update', find: findTenant },
      params: wire.tenantPath,
      body: wire.emailPatch,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid'],
      audit: 'tenant.contact.updated',
      async handle(c) {
        const tenant = await load(c.tx, c.params.tenantUid)
        if (!tenant.ok) return tenant
        const orgEmailId = c.body.emailId.trim()
        const email = orgEmailId === '' ? ok(undefined) : parseEmail(orgEmailId, 'emailId')
        if (!email.ok) return email
        return ok({ body: undefined, details: await changeTenantContact(ports, c, tenant.value, { orgEmailId }) })
      },
    }),
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}/user',
      summary: 'Reads the first user of a tenant, with the activation link while it is pending',
      permission: { object: 'tenant.get', find: findTenant },
      params: wire.tenantPath,
      reply: { status: 200, body: user },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, access, principal }) {
        const tenant = await load(tx, params.tenantUid)
        if (!tenant.ok) return tenant
        const { uid, firstUser } = tenant.value
        const sealer = await keys.of(uid)
        return tx.within(uid, async (inside) => {
          const person = firstUser === null ? undefined : await readUser(inside, sealer, firstUser)
          if (!person) return err(refuse('not_found', 'The first user of this tenant was removed'))
          const roles = await standingRolesOf(inside, { user: person.uid })
          // The link is worth the whole tenant: it takes the right to make one.
          const mayHave = person.state === 'pending' && access.allows('tenant.create', { kind: 'system' })
          const link = mayHave ? await links.show(inside, person.uid, principal) : ''
          return ok({ body: userAnswer(person, roles, { tenant: uid }, link) })
        })
      },
    }),
  ]
}

const onTenants = [
  'tenant.delete',
  'tenant.get',
  'tenant.list',
  'tenant.update',
] as const satisfies readonly SystemPermission[]

const permissionsOnTenants = (access: RequestAccess) =>
  onTenants.filter((permission) => access.allows(permission, { kind: 'system' }))

function tenantAnswer(tenant: Tenant, permissions: readonly string[]) {
  const { uid, orgName, loginMode, state, createdAt, updatedAt } = tenant
  return {
    metadata: {
      name: orgName,
      uid,
      labels: {},
      annotations: annotationsOf({}, { scope: 'system', tenantUid: uid, permissions }),
      creationTimestamp: wireTime(createdAt),
      lastModifiedTimestamp: wireTime(updatedAt),
      deletionTimestamp: wireTime(null),
    },
    spec: { orgName, authType: 'password' as const, defaultLoginMode: loginMode },
    status: { isActive: state === 'active', toBeDeleted: state === 'deleting' },
  }
}
