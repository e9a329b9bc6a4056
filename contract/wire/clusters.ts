import { z } from 'zod'
import { Secret } from '../../core/seal/index.ts'
import {
  displayName,
  listMeta,
  listOf,
  metadataIn,
  metadataOut,
  optionalText,
  storableText,
  stringMapIfGiven,
  time,
  uidAndName,
} from './common.ts'
import { textFilter } from './list-select.ts'

/**
 * Clusters, as `/v1` knows them. Palisade has access to clusters and did not make them: what its clients read without
 * looking is there and empty, what it does not know is left out.
 */

const conditions = z.array(
  z.object({
    type: z.string(),
    status: z.enum(['True', 'False']),
    reason: z.string(),
    message: z.string(),
    lastProbeTime: time,
    lastTransitionTime: time,
  }),
)
const clusterImport = z.object({ importLink: z.string(), isBrownfield: z.literal(true), state: z.string() })

/** Where a cluster may be said to run: how its importer calls it, which Palisade does not look into. */
export const cloudTypes = [
  'generic',
  'aws',
  'azure',
  'gcp',
  'vsphere',
  'maas',
  'edge-native',
  'apache-cloudstack',
] as const
export type CloudType = (typeof cloudTypes)[number]

/** What is `null` is not there. */
const orNothing = <T extends z.ZodType>(of: T) => of.nullish().transform((given) => given ?? undefined)
const coordinate = (most: number) => z.number().min(-most).max(most)

/** `v1ClusterLocation`, as somebody said it. */
const location = z.object({
  countryCode: z.string().optional(),
  countryName: z.string().optional(),
  regionCode: z.string().optional(),
  regionName: z.string().optional(),
  geoLoc: z.object({ latitude: z.number().optional(), longitude: z.number().optional() }).optional(),
})
export type Location = z.output<typeof location>

export const clusterLocation = z.object({
  location: orNothing(
    z.object({
      countryCode: orNothing(storableText(16)),
      countryName: orNothing(storableText(128)),
      regionCode: orNothing(storableText(64)),
      regionName: orNothing(storableText(128)),
      geoLoc: orNothing(z.object({ latitude: orNothing(coordinate(90)), longitude: orNothing(coordinate(180)) })),
    }),
  ),
})

/** Import by manifest. Nothing of Palisade runs on the cluster, so there is nothing that would use a proxy: one is refused. */
export const clusterImportByManifest = z.object({
  metadata: metadataIn,
  spec: z
    .object({
      clusterConfig: z
        .object({
          importMode: z.enum(['', 'full', 'read-only']).nullish(),
          proxy: z
            .record(z.string(), z.unknown())
            .nullish()
            .refine(
              (proxy) => Object.values(proxy ?? {}).every((value) => value === null || value === ''),
              'Palisade puts no agent on a cluster that could use a proxy; leave it out',
            ),
        })
        .nullish(),
    })
    .nullish(),
})

const secretText = z
  .string()
  .min(1)
  .max(256 * 1024)
  .transform((text) => new Secret(text))

/** `v1SpectroClusterAssetKubeConfig`. */
export const kubeconfigAsset = z.object({ kubeconfig: secretText })

/** `v1SpectroClusterAssetEntity`; empty what there is not. */
export const clusterAssets = z.object({
  spec: z.object({
    frpKubeconfig: z.string(),
    kubeconfig: z.string(),
    kubeconfigclient: z.string(),
    manifest: z.string(),
    tokenkubeconfig: z.string(),
  }),
})

/** A JSON text. */
export const manifestText = z.string()
export const redirect = z.object({ redirectUri: z.string() })
export const dashboardUrl = z.object({ url: z.string() })

/** `v1SpectroClusterOidcSpec`; all of it empty for a cluster that does not trust our issuer. */
export const clusterOidc = z.object({
  issuerUrl: z.string(),
  clientId: z.string(),
  clientSecret: z.literal(''),
  scopes: z.array(z.string()),
  requiredClaims: z.object({ Email: z.string(), FirstName: z.string(), LastName: z.string(), SpectroTeam: z.string() }),
  issuerTls: z.object({ caCertificateBase64: z.string(), insecureSkipVerify: z.literal(false) }),
})

const apiEndpoints = z.array(z.object({ host: z.string(), port: z.int() }))
/** `Healthy`: the API server did what was last asked of it; `UnHealthy`: it did not; `Unknown`: it is not connected yet. */
const health = z.object({
  state: z.enum(['Healthy', 'UnHealthy', 'Unknown']),
  agentVersion: z.literal(''),
  conditions: z.array(z.object({ type: z.string(), message: z.string() })),
  lastHeartBeatTimestamp: time,
})
const noReference = z.object({ kind: z.literal(''), name: z.literal(''), uid: z.literal('') })
const cloudConfig = z.object({ cloudType: z.string(), uid: z.literal(''), machinePools: z.array(z.never()) })

export const cluster = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('spectrocluster'),
  metadata: metadataOut,
  spec: z.object({
    cloudType: z.string(),
    cloudConfigRef: noReference,
    clusterConfig: z.object({
      clusterMetaAttribute: z.literal(''),
      clusterResources: z.object({ namespaces: z.array(z.never()), rbacs: z.array(z.never()) }),
      hostClusterConfig: z.object({ isHostCluster: z.literal(false) }),
      timezone: z.literal(''),
    }),
    clusterProfileTemplates: z.array(z.never()),
  }),
  status: z.object({
    state: z.string(),
    clusterImport,
    location,
    conditions,
    apiEndpoints,
    addOnServices: z.array(z.never()),
    packs: z.array(z.never()),
    services: z.array(z.never()),
  }),
})

/** `GET /v1/spectroclusters`, unlisted like `GET /v1/projects`. */
export const clusterList = z.object({ items: z.array(cluster), listmeta: listMeta })

export const clusterStatus = z.object({ status: z.object({ state: z.string() }) })

/** What is absent or `null` stays. */
export const clusterMetadataUpdate = z.object({
  metadata: z.object({
    name: z.union([z.literal(''), displayName(128)]).nullish(),
    labels: stringMapIfGiven,
    annotations: stringMapIfGiven,
  }),
})

export const nameQuery = z.object({ name: displayName(128) })

/** `v1SpectroClusterUidSummary`, for both `…/{uid}` and `…/{uid}/overview`. */
export const clusterOverview = z.object({
  metadata: metadataOut,
  spec: z.object({
    archTypes: z.array(z.never()),
    cloudConfig,
    clusterProfileTemplates: z.array(z.never()),
  }),
  status: z.object({
    state: z.string(),
    clusterImport,
    conditions,
    apiEndpoints,
    health,
    kubeMeta: z.object({
      hasKubeConfig: z.boolean(),
      hasKubeConfigClient: z.boolean(),
      hasManifest: z.literal(false),
      kubernetesVersion: z.string(),
    }),
  }),
})

export const clusterSummaries = z.object({
  items: z.array(
    z.object({
      metadata: metadataOut,
      specSummary: z.object({
        archTypes: z.array(z.never()),
        cloudConfig,
        clusterProfileTemplates: z.array(z.never()),
        projectMeta: uidAndName,
      }),
      status: z.object({
        ...{ state: z.string(), clusterImport, health },
        /** More than is published of a summary, and named as one cluster's own answer names it. */
        kubeMeta: z.object({ kubernetesVersion: z.string() }),
      }),
    }),
  ),
  listmeta: listMeta,
})

/** A bare array. */
export const clusterMetas = z.array(
  z.object({
    metadata: metadataOut,
    spec: z.object({ cloudType: z.string(), tags: z.array(z.string()) }),
    status: z.object({ state: z.string() }),
  }),
)

export const clusterMetadataList = z.object({ items: z.array(metadataOut) })

export const clusterMetadataQuery = z.object({
  quickFilter: z.enum(['hostclusters', 'strictHostclusters', 'hypershiftClusters']).optional(),
})

/** Members that tell imported and virtual clusters from others are dropped: every cluster here is imported, and none is virtual. */
export const clusterMetadataSpec = z
  .object({
    filter: z
      .object({
        ...{ name: textFilter, environment: storableText(512).nullish(), state: storableText(512).nullish() },
        /** Whether those that are imported read-only are among them; so where nothing is said. */
        isImportReadOnly: z.boolean().nullish(),
      })
      .nullish(),
    sort: z.enum(['', 'environment', 'state', 'name']).nullish(),
  })
  .nullish()

const conjunction = z.enum(['and', 'or'])

/** One comparison: `match` says with which values, and whether all or any of them have to fit. */
const condition = <V extends z.ZodType, O extends z.ZodType>(value: V, operator: O) =>
  z
    .object({
      operator,
      match: z.object({ conjunction: conjunction.nullish(), values: listOf(value) }),
      negation: z.boolean().nullish(),
      ignoreCase: z.boolean().nullish(),
    })
    .nullish()

const text = storableText(1024)
const textOperator = z.enum(['eq', 'contains', 'beginsWith'])
const textCondition = condition(text, textOperator)

const searchFilter = z.object({
  property: z.string().max(64),
  /** Which member of `condition` counts. */
  type: z.enum(['string', 'int', 'float', 'bool', 'date', 'keyValue']),
  condition: z
    .object({
      string: textCondition,
      bool: z.object({ value: z.boolean().nullish() }).nullish(),
      date: condition(z.iso.datetime({ offset: true }), z.enum(['eq', 'gt', 'gte', 'lt', 'lte', 'range'])),
      keyValue: z
        .object({
          key: storableText(256),
          operator: textOperator,
          match: z.object({ conjunction: conjunction.nullish(), values: listOf(text) }),
          negation: z.boolean().nullish(),
          ignoreCase: z.boolean().nullish(),
        })
        .nullish(),
    })
    .nullish(),
})
export type SearchFilter = z.output<typeof searchFilter>

/** Without a body, everything that is visible. */
export const clusterSearch = z
  .object({
    filter: z
      .object({
        conjunction: conjunction.nullish(),
        filterGroups: listOf(z.object({ conjunction: conjunction.nullish(), filters: listOf(searchFilter) })),
      })
      .nullish(),
    sort: listOf(z.object({ field: optionalText(64), order: z.enum(['asc', 'desc']).nullish() })),
  })
  .nullish()
export type ClusterSearch = z.output<typeof clusterSearch>

export const searchInputs = z.object({
  inputs: z.record(z.string(), z.object({ values: z.array(uidAndName) })),
})

export const searchSchema = z.object({
  schema: z.object({
    properties: z.array(
      z.object({
        name: z.string(),
        displayName: z.string(),
        type: z.string(),
        hideDisplay: z.boolean(),
        isDeprecated: z.boolean(),
        enum: z.array(z.string()),
        enumValues: z.array(z.object({ value: z.string(), displayValue: z.string() })),
      }),
    ),
  }),
})

/** A file. */
export const kubeconfigFile = z.string()
