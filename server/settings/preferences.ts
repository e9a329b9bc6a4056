import type { Bindings } from '../../contract/clusters.ts'
import * as wire from '../../contract/wire/preferences.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { readSetting, settingOf } from './setting-store.ts'

/** Whether Palisade makes its account and bindings on a cluster when it is imported and nothing else is asked. */
export const clusterRbac = settingOf('cluster-rbac', wire.clusterRbacSettings, { automaticClusterRoleBinding: 'none' })

// What follows is kept for clients that manage it: docs/settings.md says so.
export const clusterSettings = settingOf('cluster-settings', wire.tenantClusterSettings, {
  nodesAutoRemediationSetting: { disableNodesAutoRemediation: true, isEnabled: false },
})
const nonFips = { mode: 'nonFipsDisabled' } as const
export const fips = settingOf('fips', wire.fips, {
  fipsPackConfig: nonFips,
  fipsClusterFeatureConfig: nonFips,
  fipsClusterImportConfig: nonFips,
})
export const developerCredit = settingOf('developer-credit', wire.developerCredit, {
  cpu: 0,
  memoryGiB: 0,
  storageGiB: 0,
  virtualClustersLimit: 0,
})
export const clusterGroup = settingOf('cluster-group', wire.clusterGroup, {
  hideSystemClusterGroups: false,
  isClusterGroupEnabled: false,
})
export const rateConfig = settingOf('rate-config', wire.rateConfig, wire.noPrices)
export const upgrades = settingOf('upgrades', wire.upgradeSettings, { spectroComponents: 'unlock' })

/** What to do on a cluster where a caller does not say: `install`, unless the tenant has switched that off. */
export async function unaskedBindings(tx: Tx): Promise<Bindings> {
  const { automaticClusterRoleBinding } = await readSetting(tx, clusterRbac)
  return automaticClusterRoleBinding === 'disabled' ? 'print' : 'install'
}
