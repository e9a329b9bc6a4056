import type { z } from 'zod'
import { refuse } from '../../contract/errors.ts'
import { Tenants, TenantsQuery, TenantWithFirstUser } from '../../contract/tenants.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal } from '../gateway/index.ts'
import { fullName, type Person, readUser } from '../people/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { findTenant } from './tenant-routes.ts'
import { readTenant, searchTenants, type Tenant } from './tenant-store.ts'
import { inviteAgain, type TenantPorts } from './tenants.ts'

/** Our own lists of tenants: searched, narrowed and cut by the server, with the first user of each and their link. */
export function tenantOverviewEndpoints(ports: TenantPorts): readonly Endpoint[] {
  const { keys, links } = ports

  async function load(tx: Tx, uid: string) {
    const tenant = await readTenant(tx, uid)
    return tenant ? ok(tenant) : err(refuse('not_found'))
  }

  return [
    endpoint({
      route: 'GET /v1/palisade/tenants',
      summary: 'Searches the tenants by a part of the name and by state, a page at a time',
      permission: { system: 'tenant.list' },
      query: TenantsQuery,
      reply: { status: 200, body: Tenants },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, query }) {
        const { tenants, count } = await searchTenants(tx, { ...query, descending: query.descending === 'true' })
        return ok({ body: { items: tenants.map(tenantAnswer), count } })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/tenants/{tenantUid}',
      summary: 'Reads one tenant with its first user, and their activation link while it works',
      permission: { object: 'tenant.get', find: findTenant },
      params: tenantPath,
      reply: { status: 200, body: TenantWithFirstUser },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, access, principal }) {
        const tenant = await load(tx, params.tenantUid)
        if (!tenant.ok) return tenant
        const { uid, firstUser } = tenant.value
        const sealer = await keys.of(uid)
        // The link is worth the whole tenant: it takes the right to make one.
        const reader = access.allows('tenant.create', { kind: 'system' }) ? principal : undefined
        return tx.within(uid, async (inside) => {
          const person = firstUser === null ? undefined : await readUser(inside, sealer, firstUser)
          const link = person && (await linkOf(inside, person, reader))
          return ok({ body: { ...tenantAnswer(tenant.value), firstUser: person ? firstAnswer(person, link) : null } })
        })
      },
    }),
    endpoint({
      route: 'POST /v1/palisade/tenants/{tenantUid}/invitation',
      summary: 'Makes the activation link of a tenant’s first user anew; the one before works no longer',
      permission: { object: 'tenant.update', find: findTenant },
      params: tenantPath,
      reply: { status: 204 },
      refusals: ['not_found', 'conflict'],
      audit: 'tenant.invited',
      async handle(c) {
        const tenant = await load(c.tx, c.params.tenantUid)
        if (!tenant.ok) return tenant
        const invited = await inviteAgain(ports, c, tenant.value)
        return invited.ok ? ok({ body: undefined, details: { firstUser: invited.value } }) : invited
      },
    }),
  ]

  async function linkOf(inside: Tx, person: Person, reader: Principal | undefined) {
    const life = person.state === 'pending' ? (await links.lives(inside, [person.uid])).get(person.uid) : undefined
    return life && { ...life, url: reader && !life.hasExpired ? await links.show(inside, person.uid, reader) : '' }
  }
}

const tenantAnswer = ({ uid, orgName, state, createdAt }: Tenant) => ({
  ...{ uid, name: orgName, state, createdAt: createdAt.toISOString() },
})

function firstAnswer(
  person: Person,
  link: { readonly url: string; readonly expiresAt: Date; readonly hasExpired: boolean } | undefined,
): z.input<typeof TenantWithFirstUser>['firstUser'] {
  return {
    ...{ name: fullName(person), email: person.email, state: person.state },
    link: link ? { ...link, expiresAt: link.expiresAt.toISOString() } : null,
  }
}
