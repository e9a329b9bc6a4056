import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant } from '../../contract/ids.ts'
import { macrosPerScope, objectsPerKind } from '../../contract/limits.ts'
import { type LimitedKind, limitedKinds, limitLabels } from '../../contract/wire/limits.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readSetting, type Setting } from './setting-store.ts'

const kind = z.enum(limitedKinds)
const count = z.int().min(0)

/** What a tenant has set for itself. */
export const tenantLimits: Setting<Partial<Record<LimitedKind, number>>> = {
  ...{ kind: 'resource-limits', unset: {} },
  schema: z.partialRecord(kind, count),
}

type Installed = Partial<
  Record<LimitedKind, { readonly limit?: number | undefined; readonly maxLimit?: number | undefined }>
>

/** What the installation has set for all tenants; kept in the tenant `system`. */
export const systemLimits: Setting<Installed> = {
  ...{ kind: 'resource-limits-of-tenants', unset: {} },
  schema: z.partialRecord(kind, z.strictObject({ limit: count.optional(), maxLimit: count.optional() })),
}

/** What holds until somebody sets something else: `limit` for a tenant, `maxLimit` for what a tenant may set. */
const unsetLimit = (kind: LimitedKind): Limit =>
  kind === 'apiKey'
    ? { limit: 20, maxLimit: 1_000 }
    : { limit: kind === 'macro' ? macrosPerScope : objectsPerKind, maxLimit: objectsPerKind }

export type Limit = { readonly limit: number; readonly maxLimit: number }

/** What holds for all tenants, kind by kind: as set by a system administrator, else as built in. */
export async function installedLimits(tx: Tx): Promise<ReadonlyMap<LimitedKind, Limit>> {
  const set =
    tx.tenant === systemTenant
      ? await readSetting(tx, systemLimits)
      : await tx.within(systemTenant, (system) => readSetting(system, systemLimits))
  return new Map(
    limitedKinds.map((one) => {
      const unset = unsetLimit(one)
      const maxLimit = set[one]?.maxLimit ?? unset.maxLimit
      return [one, { limit: Math.min(set[one]?.limit ?? unset.limit, maxLimit), maxLimit }]
    }),
  )
}

/** What holds for the tenant. A ceiling that was lowered since holds for what the tenant had set before it, too. */
export async function limitsOf(tx: Tx): Promise<ReadonlyMap<LimitedKind, Limit>> {
  const own = await readSetting(tx, tenantLimits)
  return new Map(
    [...(await installedLimits(tx))].map(([one, { limit, maxLimit }]) => {
      return [one, { limit: Math.min(own[one] ?? limit, maxLimit), maxLimit }]
    }),
  )
}

/**
 * Refuses one more object where there are too many by now. Called in the transaction that adds it: until that ends, nobody
 * else adds one of the kind in the tenant, so that those who ask at once are counted one after the other. What came before a
 * limit was lowered stays.
 *
 * @param held counts those there are; asked under the lock
 */
export async function hasRoom(
  tx: Tx,
  kind: LimitedKind,
  held: () => Promise<number>,
): Promise<Result<undefined, Refusal>> {
  // Locks of two numbers are others than those of one: `advisoryLocks`. Two tenants with one number wait, and no more.
  await tx.query('select pg_advisory_xact_lock(hashtext($1), hashtext($2))', [tx.tenant, `limit of ${kind}`])
  const limit = (await limitsOf(tx)).get(kind)?.limit ?? 0
  if ((await held()) < limit) return ok(undefined)
  return err(
    refuse('resource_limit', `${limitLabels[kind]}: at most ${limit}. Remove one, or have the limit raised`, {
      kind,
      limit,
    }),
  )
}
