import { refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/sso.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { administration, findOwnTenant, mayAdminister } from '../settings/index.ts'
import { canonicalDomain, readDomains, replaceDomains } from './domains.ts'

/** The domains of a tenant's e-mail addresses, each of them one tenant's in the installation. */
export const domainEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/tenants/{tenantUid}/domains',
    summary: "The domains of the tenant's e-mail addresses",
    permission: { object: 'user.list', find: findOwnTenant },
    params: tenantPath,
    reply: { status: 200, body: wire.domains },
    refusals: ['not_found'],
    audit: 'refusals-only',
    handle: async ({ tx }) => ok({ body: { domains: await readDomains(tx) } }),
  }),
  endpoint({
    route: 'POST /v1/tenants/{tenantUid}/domains',
    summary: `Makes these the domains of the tenant's e-mail addresses; needs ${administration.join(', ')}`,
    permission: { object: 'user.update', find: findOwnTenant },
    params: tenantPath,
    body: wire.domainsIn,
    reply: { status: 204 },
    refusals: ['not_found', 'forbidden', 'invalid', 'domain_taken'],
    audit: 'tenant.domains.updated',
    async handle({ tx, body, principal, access, now }) {
      const may = mayAdminister(access, principal)
      if (!may.ok) return may
      const wanted = new Set<string>()
      for (const [index, text] of body.domains.entries()) {
        const domain = canonicalDomain(text)
        if (domain === undefined)
          return err(refuse('invalid', `domains.${index}: is no domain of e-mail addresses, such as example.com`))
        wanted.add(domain)
      }
      const before = await readDomains(tx)
      const after = [...wanted]
      const replaced = await replaceDomains(tx, after, { by: principal.user, now })
      return replaced.ok ? ok({ body: undefined, details: { before, after } }) : replaced
    },
  }),
]
