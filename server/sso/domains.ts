import { type Refusal, refuse } from '../../contract/errors.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { canonicalEmail } from '../../core/seal/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { Writing } from '../settings/index.ts'

/**
 * A domain of e-mail addresses in the form that addresses are compared in, so that no two spellings are two domains (threats
 * D03, D04). Undefined for what is none, wildcards and addresses of machines among it.
 */
export function canonicalDomain(text: string): string | undefined {
  const address = canonicalEmail(`x@${text.trim()}`)
  const domain = address.ok ? address.value.slice('x@'.length) : ''
  return domain.includes('.') ? domain : undefined
}

/** In the order in which they were written. */
export async function readDomains(tx: Tx): Promise<string[]> {
  const rows = await tx.query<{ domain: string }>(
    'select domain from tenant_domains where tenant_id = $1 order by position, domain',
    [tx.tenant],
  )
  return rows.map(({ domain }) => domain)
}

/**
 * Makes these the tenant's domains.
 *
 * @param domains canonical, each once
 * @returns refuses (`domain_taken`) one that is another tenant's, without a word on whose
 */
export async function replaceDomains(
  tx: Tx,
  domains: readonly string[],
  { by, now }: Writing,
): Promise<Result<undefined, Refusal>> {
  await tx.query('delete from tenant_domains where tenant_id = $1 and domain <> all($2)', [tx.tenant, domains])
  // In one order for everybody: of two tenants that ask for the same at once, one waits for the other and none for both.
  const wanted = domains
    .map((domain, position) => ({ domain, position }))
    .toSorted((a, b) => (a.domain < b.domain ? -1 : 1))
  await tx.query(
    `insert into tenant_domains (tenant_id, domain, position, created_by, created_at)
     select $1, one.domain, one.position, $4, $5 from unnest($2::text[], $3::int[]) as one (domain, position)
     on conflict do nothing`,
    [tx.tenant, wanted.map(({ domain }) => domain), wanted.map(({ position }) => position), by, now],
  )
  await tx.query(
    `update tenant_domains d set position = one.position from unnest($2::text[], $3::int[]) as one (domain, position)
      where d.tenant_id = $1 and d.domain = one.domain`,
    [tx.tenant, wanted.map(({ domain }) => domain), wanted.map(({ position }) => position)],
  )
  const held = new Set(await readDomains(tx))
  const taken = domains.filter((domain) => !held.has(domain))
  return taken.length === 0
    ? ok(undefined)
    : err(refuse('domain_taken', `${taken.join(', ')}: belongs to a tenant of this installation already`, { taken }))
}

/** Lets others have the domains of a tenant that is going. */
export async function releaseDomains(tx: Tx): Promise<void> {
  await tx.query('delete from tenant_domains where tenant_id = $1', [tx.tenant])
}
