import { z } from 'zod'
import { displayName, listMeta, listOf, metadataOut, optionalText, storableText, stringMapIfGiven } from './common.ts'
import { listQuery } from './list-filters.ts'

/** Cloud accounts: of AWS, GCP and Azure, and of the kinds of clouds that a tenant registers itself. */

export const awsPartitions = ['aws', 'aws-us-gov', 'aws-iso', 'aws-iso-b'] as const
export const awsCredentialTypes = ['secret', 'sts', 'pod-identity'] as const

const arn = optionalText(2_048)

/** What belongs to which type of credential the handler says. */
export const awsSpecIn = z.object({
  credentialType: z
    .enum([...awsCredentialTypes, ''])
    .nullish()
    .transform((type) => type || ('secret' as const)),
  partition: z
    .enum([...awsPartitions, ''])
    .nullish()
    .transform((partition) => partition || ('aws' as const)),
  accessKey: optionalText(128),
  secretKey: optionalText(256),
  secretToken: optionalText(8_192),
  sts: z.object({ arn, externalId: optionalText(1_224) }).nullish(),
  podIdentity: z.object({ roleArn: arn, permissionBoundaryArn: arn }).nullish(),
  policyARNs: listOf(storableText(2_048)),
  secretSpec: z.record(storableText(64), z.unknown()).nullish(),
})
export type AwsSpecIn = z.output<typeof awsSpecIn>

/** What may be shown, and what is stored openly: no secret is among it. */
export const awsSpec = z.object({
  credentialType: z.enum(awsCredentialTypes),
  partition: z.enum(awsPartitions),
  accessKey: z.string().optional(),
  sts: z.object({ arn: z.string(), externalId: z.string() }).optional(),
  podIdentity: z.object({ roleArn: z.string(), permissionBoundaryArn: z.string() }).optional(),
  policyARNs: z.array(z.string()),
})
export type AwsSpec = z.output<typeof awsSpec>

/** A key file of a service account, as one JSON text. */
const gcpCredentials = z.object({ jsonCredentials: optionalText(32_768) })
export const gcpSpecIn = gcpCredentials.nullish().transform((spec) => spec ?? { jsonCredentials: '' })
export type GcpSpecIn = z.output<typeof gcpSpecIn>
export const gcpValidateIn = z.object({ spec: gcpSpecIn })
/** The key file with what is secret in it masked. */
export const gcpSpec = z.object({ jsonCredentials: z.string() })
export type GcpSpec = z.output<typeof gcpSpec>

export const azureEnvironments = [
  ...(['AzurePublicCloud', 'AzureChinaCloud', 'AzureUSGovernment', 'AzureUSGovernmentCloud'] as const),
  'AzureUSSecretCloud',
] as const

export const azureSpecIn = z.object({
  azureEnvironment: z
    .enum([...azureEnvironments, ''])
    .nullish()
    .transform((environment) => environment || ('AzurePublicCloud' as const)),
  tenantId: optionalText(256),
  tenantName: optionalText(256),
  clientId: optionalText(64),
  clientSecret: optionalText(512),
  settings: z.object({ disablePropertiesRequest: z.boolean().nullish() }).nullish(),
  tls: z.object({ cert: optionalText(65_536) }).nullish(),
})
export type AzureSpecIn = z.output<typeof azureSpecIn>
export const azureSpec = z.object({
  azureEnvironment: z.enum(azureEnvironments),
  tenantId: z.string(),
  tenantName: z.string(),
  clientId: z.string(),
  /** Masked. */
  clientSecret: z.string(),
  settings: z.object({ disablePropertiesRequest: z.boolean() }),
  tls: z.object({ cert: z.string() }).optional(),
})
export type AzureSpec = z.output<typeof azureSpec>

const credentials = z.record(storableText(128).min(1), storableText(16_384))
export const customSpecIn = z
  .object({ credentials: credentials.nullish() })
  .nullish()
  .transform((spec) => spec?.credentials ?? {})
export type CustomSpecIn = z.output<typeof customSpecIn>
/** Masked, all of them: which are secret is not known. */
export const customSpec = z.object({ credentials: z.record(z.string(), z.string()) })
export type CustomSpec = z.output<typeof customSpec>

/** Stands in answers where a secret is; sent back, it means the one that is there. */
export const accountMask = '********'

/** Nobody has asked the cloud whether it takes the credentials. */
const status = z.object({ state: z.literal('Unverified') })

/** What is sent to make an account of some cloud, or to change it. */
export const accountIn = <SpecIn extends z.ZodType>(spec: SpecIn) =>
  z.object({
    metadata: z.object({ name: displayName(128), labels: stringMapIfGiven, annotations: stringMapIfGiven }),
    spec,
  })

/** An account of some cloud. */
export const account = <Spec extends z.ZodType>(spec: Spec) =>
  z.object({ apiVersion: z.literal('v1'), kind: z.string(), metadata: metadataOut, spec, status })

export const accountListQuery = listQuery
export const accountList = <Spec extends z.ZodType>(spec: Spec) =>
  z.object({ items: z.array(account(spec)), listmeta: listMeta })

export const accountSummaryQuery = listQuery.omit({ fields: true })
export const accountSummaries = z.object({
  items: z.array(
    z.object({
      kind: z.string(),
      metadata: metadataOut,
      /** As far as the credentials say whose they are. */
      specSummary: z.object({ accountId: z.string() }),
      status,
    }),
  ),
  listmeta: listMeta,
})

export const cloudTypeForm = /^[a-z][a-z0-9-]{1,62}$/

/** A kind of cloud that a tenant has registered, by its name. */
const cloudTypeName = z.string().min(1).max(128)
export const cloudTypePath = z.object({ cloudType: cloudTypeName })
export const customAccountPath = z.object({ cloudType: cloudTypeName, uid: z.string().min(1).max(128) })

export const cloudCategories = ['cloud', 'datacenter', 'edge'] as const
export const cloudTypeIn = z.object({
  metadata: z.object({
    name: z.string().regex(cloudTypeForm, 'must be 2 to 63 lower-case letters, digits and dashes'),
  }),
  spec: z
    .object({
      displayName: optionalText(128),
      cloudCategory: z.enum([...cloudCategories, '']).nullish(),
      isControlPlaneManaged: z.boolean().nullish(),
    })
    .nullish(),
})
export const cloudTypes = z.object({
  cloudTypes: z.array(
    z.object({
      name: z.string(),
      displayName: z.string(),
      cloudCategory: z.enum(cloudCategories),
      isCustom: z.boolean(),
      isManaged: z.boolean(),
      isVertex: z.literal(false),
    }),
  ),
})
