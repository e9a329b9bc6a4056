import { z } from 'zod'
import {
  displayName,
  listMeta,
  listOf,
  metadataOut,
  optionalText,
  pageQuery,
  storableText,
  stringMapIfGiven,
  uidAndName,
  uidPath,
} from './common.ts'
import { sortBy, textFilter } from './list-select.ts'

/** Cluster profiles: packs, manifests and variables that Palisade keeps, by version, as drafts and published. */

export const profileTypes = ['cluster', 'infra', 'add-on', 'system'] as const
export type ProfileType = (typeof profileTypes)[number]
export const packLayers = ['kernel', 'os', 'k8s', 'cni', 'csi', 'addon'] as const
export const packTypes = ['spectro', 'helm', 'manifest', 'oci'] as const
export const variableFormats = [
  ...(['string', 'number', 'boolean', 'ipv4', 'ipv4cidr', 'ipv6', 'version', 'base64'] as const),
] as const
export const variableInputs = ['text', 'dropdown', 'multiline'] as const

/** One of some words; `null`, empty and absent mean the first, or the one that is named. */
const choice = <const Words extends readonly [string, ...string[]]>(words: Words, unsaid: Words[number]) =>
  z
    .enum([...words, ''])
    .nullish()
    .transform((word): Words[number] => word || unsaid)
const flag = z
  .boolean()
  .nullish()
  .transform((is) => is === true)

/** Semantic versioning, of three numbers. */
const versionText = z
  .string()
  .max(64)
  .regex(
    /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/,
    'must be three numbers with dots, such as 1.0.0',
  )
const versionIn = z
  .union([z.literal(''), versionText])
  .nullish()
  .transform((version) => version || '1.0.0')
const versionIfGiven = z.union([z.literal(''), versionText]).nullish()

const metadataIn = z.object({ name: displayName(128), labels: stringMapIfGiven, annotations: stringMapIfGiven })

/** A pack is found by its name in paths. */
const packName = z
  .string()
  .regex(/^[\w.][\w.-]{0,127}$/, 'must be 1 to 128 letters, digits, dots, dashes and underscores')
const manifestName = displayName(256)
const content = storableText(1024 * 1024)

const packIn = <Manifest extends z.ZodType>(manifest: Manifest) =>
  z.object({
    name: packName,
    layer: choice(packLayers, 'addon'),
    tag: optionalText(128),
    type: choice(packTypes, 'spectro'),
    uid: optionalText(128),
    registryUid: optionalText(128),
    values: optionalText(1024 * 1024),
    manifests: listOf(manifest),
  })

/** Of a manifest that is there, what is not sent stays; it is found by its uid, else by its name. */
const manifestUpdate = z.object({ name: manifestName, uid: optionalText(128), content: content.nullish() })
export const manifestIn = z.object({ name: manifestName, content: content.nullish() })
export type ManifestIn = z.output<typeof manifestIn> & { readonly uid?: string }
export type PackIn = Omit<z.output<ReturnType<typeof packIn<typeof manifestUpdate>>>, 'manifests'> & {
  readonly manifests: readonly ManifestIn[]
}

const optionIn = z.object({
  value: storableText(1_024).min(1),
  label: optionalText(256),
  description: optionalText(1_024),
  default: flag,
})

const variableName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be 1 to 128 letters, digits, dots, dashes and underscores')

const variableIn = z.object({
  name: variableName,
  displayName: optionalText(128),
  description: optionalText(1_024),
  format: choice(variableFormats, 'string'),
  inputType: choice(variableInputs, 'text'),
  options: listOf(optionIn),
  /** Of a sensitive one that is there, absent and what is shown in its place mean "leave it". */
  defaultValue: storableText(16_384).nullish(),
  regex: optionalText(256),
  required: flag,
  immutable: flag,
  hidden: flag,
  isSensitive: flag,
})
export type VariableIn = z.output<typeof variableIn>

export const variablesIn = z.object({ variables: listOf(variableIn) })
export const variableNamesIn = z.object({ variables: listOf(variableName) })

export const profileQuery = z.object({ publish: z.enum(['true', 'false']).default('false') })

export const profileIn = z.object({
  metadata: metadataIn,
  spec: z.object({
    version: versionIn,
    template: z
      .object({
        cloudType: optionalText(64),
        type: choice(profileTypes, 'cluster'),
        packs: listOf(packIn(manifestIn)),
      })
      .nullish(),
    variables: listOf(variableIn),
  }),
})

/** What is absent or `null` stays. A profile does not become one of another type. */
export const profileUpdate = z.object({
  metadata: metadataIn.partial({ name: true }).nullish(),
  spec: z
    .object({
      version: versionIfGiven,
      template: z
        .object({ type: z.enum([...profileTypes, '']).nullish(), packs: z.array(packIn(manifestUpdate)).nullish() })
        .nullish(),
    })
    .nullish(),
})

export const profileMetadataUpdate = z.object({
  metadata: metadataIn.partial({ name: true }),
  spec: z.object({ version: versionIfGiven }).nullish(),
})

const cloneMetadata = z.object({
  name: displayName(128),
  version: versionIfGiven,
  target: z.object({ scope: z.enum(['tenant', 'project', '']).nullish(), projectUid: optionalText(128) }).nullish(),
})
/** `clone` wraps what `clone/validate` takes as it is. */
export const profileCloneIn = z.object({ metadata: cloneMetadata })
export const profileCloneValidateIn = cloneMetadata
export type CloneMetadata = z.output<typeof cloneMetadata>

export const profileNameQuery = z.object({ name: displayName(128), version: versionIn })

const packRef = z.object({
  name: z.string(),
  layer: z.enum(packLayers),
  tag: z.string(),
  version: z.string(),
  type: z.enum(packTypes),
  packUid: z.string(),
})

const template = z.object({
  name: z.string(),
  uid: z.string(),
  cloudType: z.string(),
  type: z.enum(profileTypes),
  profileVersion: z.string(),
  packs: z.array(
    packRef.extend({
      registryUid: z.string(),
      values: z.string(),
      manifests: z.array(uidAndName.extend({ kind: z.literal('manifest') })),
    }),
  ),
})

const versions = z.array(z.object({ uid: z.string(), version: z.string() }))
/** Nothing in Palisade makes clusters of profiles. */
const inUse = { inUseClusterUids: z.array(z.never()), inUseClusterTemplates: z.array(z.never()) }

export const profile = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('ClusterProfile'),
  metadata: metadataOut,
  spec: z.object({
    version: z.string(),
    versions,
    draft: template.optional(),
    /** Clients read its packs without looking: without any before it is published for the first time. */
    published: template,
  }),
  status: z.object({
    isPublished: z.boolean(),
    hasUserMacros: z.boolean(),
    inUseClusters: z.array(z.never()),
    ...inUse,
  }),
})

const templateSummary = z.object({
  cloudType: z.string(),
  type: z.enum(profileTypes),
  packs: z.array(packRef),
})

export const profileSummary = z.object({
  metadata: metadataOut,
  specSummary: z.object({
    version: z.string(),
    versions,
    draft: templateSummary.optional(),
    published: templateSummary,
  }),
  status: z.object({
    isPublished: z.boolean(),
    /** What packs do is not known here. */
    fips: z.object({ mode: z.literal('unknown') }),
    inUseClusters: z.array(z.never()),
    ...inUse,
  }),
})
export const profileSummaries = z.object({ items: z.array(profileSummary), listmeta: listMeta })

export const profileMetadataList = z.object({
  items: z.array(
    z.object({
      metadata: uidAndName,
      spec: z.object({ cloudType: z.string(), version: z.string() }),
    }),
  ),
})

const anyOfTexts = z.array(storableText(512)).max(100).nullish()
const versionFilter = storableText(64).nullish()

export const profileSortFields = [
  ...(['profileName', 'environment', 'profileType', 'creationTimestamp', 'lastModifiedTimestamp'] as const),
] as const

/** `resourceType` is dropped: whatever kind of thing it names, each profile is fit for it. */
export const profileSearch = z
  .object({
    filter: z
      .object({
        profileName: textFilter,
        tags: z
          .object({ eq: anyOfTexts, ne: anyOfTexts, beginsWith: anyOfTexts, ignoreCase: z.boolean().nullish() })
          .nullish(),
        profileType: z.array(z.enum(profileTypes)).nullish(),
        environment: anyOfTexts,
        scope: z.enum(['system', 'tenant', 'project', '']).nullish(),
        version: z
          .object({
            ...{
              eq: versionFilter,
              ne: versionFilter,
              beginsWith: versionFilter,
              gt: versionFilter,
              lt: versionFilter,
            },
          })
          .nullish(),
        fips: z.enum(['full', 'none', 'partial', 'unknown', '']).nullish(),
      })
      .nullish(),
    sort: sortBy(profileSortFields),
  })
  .nullish()
export type ProfileSearch = z.output<typeof profileSearch>

export const profileSearchQuery = pageQuery

export const packPath = uidPath.extend({ packName: z.string().min(1).max(128) })

const manifestContent = z.object({ content: z.string(), digest: z.string() })
export const manifests = z.object({
  items: z.array(
    z.object({
      metadata: metadataOut,
      /** Clients read `published` without looking: empty before it is published. */
      spec: z.object({ draft: manifestContent.optional(), published: manifestContent }),
    }),
  ),
})

export const variables = z.object({
  variables: z.array(
    z.object({
      name: z.string(),
      displayName: z.string(),
      description: z.string(),
      format: z.enum(variableFormats),
      inputType: z.enum(variableInputs),
      options: z.array(
        z.object({ value: z.string(), label: z.string(), description: z.string(), default: z.boolean() }),
      ),
      defaultValue: z.string(),
      regex: z.string(),
      required: z.boolean(),
      immutable: z.boolean(),
      hidden: z.boolean(),
      isSensitive: z.boolean(),
    }),
  ),
})
export type Variables = z.output<typeof variables>['variables']

export const bulkDeleteIn = z.object({ uids: listOf(z.string().max(128)).pipe(z.array(z.string()).max(100)) })
export const bulkDeleted = z.object({
  deletedCount: z.int(),
  failures: z.array(z.object({ uid: z.string(), name: z.string(), errMsg: z.string() })),
  isSucceeded: z.boolean(),
  message: z.string(),
})
