import { z } from 'zod'
import { listOf } from './common.ts'

/** Resource limits: how many objects of a kind a tenant may have. */

/** The kinds that a tenant's resource limits name, as the published API spells them, and what people call them. */
export const limitLabels = {
  user: 'Users',
  team: 'Teams',
  role: 'Roles',
  project: 'Projects',
  apiKey: 'API keys of one user',
  filter: 'Filters',
  spectrocluster: 'Clusters',
  workspace: 'Workspaces',
  cloudaccount: 'Cloud accounts',
  clusterprofile: 'Cluster profiles',
  registry: 'Registries',
  privategateway: 'Private gateways',
  location: 'Locations',
  certificate: 'Certificates',
  macro: 'Macros of the tenant itself, or of one project',
  sshkey: 'SSH keys',
  alert: 'Alerts',
  edgehost: 'Edge hosts',
  edgetoken: 'Registration tokens',
  appprofile: 'App profiles',
  appdeployment: 'App deployments',
  clustergroup: 'Cluster groups',
  systemadmin: 'System administrators',
  spcpolicy: 'SPC policies',
  clustertemplate: 'Cluster templates',
} as const

export type LimitedKind = keyof typeof limitLabels

// Cast: the keys of an object literal are what its type says.
export const limitedKinds = Object.keys(limitLabels) as [LimitedKind, ...LimitedKind[]]

const kind = z.enum(limitedKinds)
/** A typo must not pass for a limit, and a limit of nothing for none. */
const count = z.int().min(0).max(1_000_000)

export const tenantLimits = z.object({
  resources: z.array(z.object({ kind, label: z.string(), limit: z.int(), maxLimit: z.int() })),
})
/** Kinds that are not named stay as they are. */
export const tenantLimitsIn = z.object({ resources: listOf(z.object({ kind, limit: count })) })

export const systemLimits = z.object({ resources: z.array(z.object({ kind, limit: z.int(), maxLimit: z.int() })) })
export const systemLimitsIn = z.object({
  resources: listOf(z.object({ kind, limit: count.nullish(), maxLimit: count.nullish() })),
})
