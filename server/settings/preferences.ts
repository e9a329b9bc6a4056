import type { z } from 'zod'
import type { Bindings } from '../../contract/clusters.ts'
import * as wire from '../../contract/wire/preferences.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readSetting, type Setting } from './setting-store.ts'

const preference = <Shape extends z.ZodType>(
  kind: string,
  schema: Shape,
  unset: z.output<Shape>,
): Setting<z.output<Shape>> => ({
  kind,
  // Cast: none of these shapes transforms.
  schema: schema as unknown as z.ZodType<z.output<Shape>>,
  unset,
})

/** Whether Palisade makes its account and bindings on a cluster when it is imported and nothing else is asked. */
export const clusterRbac = preference('cluster-rbac', wire.clusterRbacSettings, { automaticClusterRoleBinding: 'none' })

// What follows is kept for clients that manage it: docs/settings.md says so.
export const clusterSettings = preference('cluster-settings', wire.tenantClusterSettings, {
  nodesAutoRemediationSetting: { disableNodesAutoRemediation: true, isEnabled: false },
})
const nonFips = { mode: 'nonFipsDisabled' } as const
export const fips = preference('fips', wire.fips, {
  fipsPackConfig: nonFips,
  fipsClusterFeatureConfig: nonFips,
  fipsClusterImportConfig: nonFips,
})
export const developerCredit = preference('developer-credit', wire.developerCredit, {
  cpu: 0,
  memoryGiB: 0,
  storageGiB: 0,
  virtualClustersLimit: 0,
})
export const clusterGroup = preference('cluster-group', wire.clusterGroup, {
  hideSystemClusterGroups: false,
  isClusterGroupEnabled: false,
})
export const rateConfig = preference('rate-config', wire.rateConfig, wire.noPrices)
export const upgrades = preference('upgrades', wire.upgradeSettings, { spectroComponents: 'unlock' })

/** What to do on a cluster where a caller does not say: `install`, unless the tenant has switched that off. */
export async function unaskedBindings(tx: Tx): Promise<Bindings> {
  const { automaticClusterRoleBinding } = await readSetting(tx, clusterRbac)
  return automaticClusterRoleBinding === 'disabled' ? 'print' : 'install'
}
