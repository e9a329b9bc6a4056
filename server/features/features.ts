import { z } from 'zod'
import { type Feature, featureNames } from '../../contract/features.ts'
import { systemTenant } from '../../contract/ids.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readSetting, type Setting } from '../settings/index.ts'

/** Those that are switched off, and when each was switched last; kept in the tenant `system`. */
export const featureSwitches: Setting<Partial<Record<Feature, { readonly isAllowed: boolean; readonly at: string }>>> =
  {
    kind: 'features',
    schema: z.partialRecord(z.enum(featureNames), z.strictObject({ isAllowed: z.boolean(), at: z.iso.datetime() })),
    unset: {},
  }

export const readSwitches = (tx: Tx) =>
  tx.tenant === systemTenant
    ? readSetting(tx, featureSwitches)
    : tx.within(systemTenant, (system) => readSetting(system, featureSwitches))

/** Looked up in the transaction of each request that needs one: from the commit of a switch on it holds, on every replica. */
export async function isFeatureAllowed(tx: Tx, feature: Feature): Promise<boolean> {
  return (await readSwitches(tx))[feature]?.isAllowed ?? true
}
