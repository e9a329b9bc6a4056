import { z } from 'zod'
import { listOf, storableText } from './common.ts'

/** Settings that clients read and write as whole documents. What a client leaves out is Go's zero value. */

const flag = z
  .boolean()
  .nullish()
  .transform((is) => is ?? false)

/** Where nothing is said it is the zero value; a word that is none is refused and never passed over (threat D15). */
const word = <const Words extends readonly [string, ...string[]]>(words: Words, otherwise: Words[number]) =>
  z
    .union([z.enum(words), z.literal('')])
    .nullish()
    .transform((given) => (given || otherwise) as Words[number]) // Cast: '' is replaced.

export const roleBindings = ['none', 'enabled', 'disabled'] as const
export const clusterRbacSettingsIn = z.object({ automaticClusterRoleBinding: word(roleBindings, 'none') })
export const clusterRbacSettings = z.object({ automaticClusterRoleBinding: z.enum(roleBindings) })

const nodesAutoRemediation = z.object({ disableNodesAutoRemediation: z.boolean(), isEnabled: z.boolean() })
export const nodesAutoRemediationIn = z.object({ disableNodesAutoRemediation: flag, isEnabled: flag })
export type NodesAutoRemediation = z.output<typeof nodesAutoRemediation>
export const tenantClusterSettings = z.object({ nodesAutoRemediationSetting: nodesAutoRemediation })
export const projectClusterSettings = tenantClusterSettings.extend({ tenantClusterSettings })

const fipsModes = ['nonFipsEnabled', 'nonFipsDisabled'] as const
const fipsMode = z.object({ mode: z.enum(fipsModes) })
export const fips = z.object({
  fipsPackConfig: fipsMode,
  fipsClusterFeatureConfig: fipsMode,
  fipsClusterImportConfig: fipsMode,
})
const fipsModeIn = z
  .object({ mode: word(fipsModes, 'nonFipsDisabled') })
  .nullish()
  .transform((given) => given ?? { mode: 'nonFipsDisabled' as const })
export const fipsIn = z.object({
  fipsPackConfig: fipsModeIn,
  fipsClusterFeatureConfig: fipsModeIn,
  fipsClusterImportConfig: fipsModeIn,
})

const amount = z.number().min(0).max(2_147_483_647)
const amountIn = amount.nullish().transform((given) => given ?? 0)
/** Of storage in whole GiB alone, as published. */
const wholeAmount = z.int().min(0).max(2_147_483_647)
export const developerCredit = z.object({
  cpu: amount,
  memoryGiB: amount,
  storageGiB: wholeAmount,
  virtualClustersLimit: amount,
})
export const developerCreditIn = z.object({
  cpu: amountIn,
  memoryGiB: amountIn,
  storageGiB: wholeAmount.nullish().transform((given) => given ?? 0),
  virtualClustersLimit: amountIn,
})

export const clusterGroup = z.object({ hideSystemClusterGroups: z.boolean(), isClusterGroupEnabled: z.boolean() })
export const clusterGroupIn = z.object({ hideSystemClusterGroups: flag, isClusterGroupEnabled: flag })

const components = ['lock', 'unlock'] as const
export const upgradeSettings = z.object({ spectroComponents: z.enum(components) })
export const upgradeSettingsIn = z.object({ spectroComponents: word(components, 'unlock') })

/** Unit prices: money for one hour of one unit. */
const price = z.number().min(0).max(1e9)
const priceIn = price.nullish().transform((given) => given ?? 0)

const privateCloud = z.object({
  cpuUnitPricePerHour: price,
  memoryUnitPriceGiBPerHour: price,
  storageUnitPriceGiBPerHour: price,
  gpuUnitPricePerHour: price,
})
const privateCloudIn = z.object({
  cpuUnitPricePerHour: priceIn,
  memoryUnitPriceGiBPerHour: priceIn,
  storageUnitPriceGiBPerHour: priceIn,
  gpuUnitPricePerHour: priceIn,
})
const proportion = z.object({ computeRateProportion: price, memoryRateProportion: price })
const publicCloud = z.object({ computeOptimized: proportion, memoryOptimized: proportion })
const noProportion = { computeRateProportion: 0, memoryRateProportion: 0 }
const proportionIn = z
  .object({ computeRateProportion: priceIn, memoryRateProportion: priceIn })
  .nullish()
  .transform((given) => given ?? noProportion)

export const noPrivatePrices = {
  cpuUnitPricePerHour: 0,
  memoryUnitPriceGiBPerHour: 0,
  storageUnitPriceGiBPerHour: 0,
  gpuUnitPricePerHour: 0,
}
export const noPublicPrices = { computeOptimized: noProportion, memoryOptimized: noProportion }
const privateIn = privateCloudIn.nullish().transform((given) => given ?? noPrivatePrices)
const publicIn = z
  .object({ computeOptimized: proportionIn, memoryOptimized: proportionIn })
  .nullish()
  .transform((given) => given ?? noPublicPrices)

const publicClouds = ['aws', 'azure', 'gcp'] as const
const privateClouds = ['apache-cloudstack', 'edge', 'edgeNative', 'generic', 'maas', 'vsphere'] as const

const cloudType = storableText(128)
export const rateConfig = z.object({
  ...each(publicClouds, publicCloud),
  ...each(privateClouds, privateCloud),
  custom: z.array(z.object({ cloudType, rateConfig: privateCloud })),
})
export const rateConfigIn = z.object({
  ...each(publicClouds, publicIn),
  ...each(privateClouds, privateIn),
  custom: listOf(z.object({ cloudType, rateConfig: privateIn })).refine(
    (all) => all.length <= 100,
    'may be at most 100',
  ),
})
export type RateConfig = z.output<typeof rateConfig>

export const noPrices: RateConfig = {
  ...each(publicClouds, noPublicPrices),
  ...each(privateClouds, noPrivatePrices),
  custom: [],
}

function each<Name extends string, Value>(names: readonly Name[], value: Value): Record<Name, Value> {
  // Cast: fromEntries forgets the names.
  return Object.fromEntries(names.map((name) => [name, value])) as Record<Name, Value>
}
