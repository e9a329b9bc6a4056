import { z } from 'zod'
import { displayName, listMeta, listOf, metadataOut, optionalText, storableText, stringMapIfGiven } from './common.ts'
import { listQuery } from './list-filters.ts'

/** Cloud accounts of AWS. */

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

export const awsAccountIn = z.object({
  metadata: z.object({ name: displayName(128), labels: stringMapIfGiven, annotations: stringMapIfGiven }),
  spec: awsSpecIn,
})

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

/** Nobody has asked the cloud whether it takes the credentials. */
const status = z.object({ state: z.literal('Unverified') })

export const awsAccount = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('aws'),
  metadata: metadataOut,
  spec: awsSpec,
  status,
})

export const accountListQuery = listQuery
export const awsAccountList = z.object({ items: z.array(awsAccount), listmeta: listMeta })

export const accountSummaryQuery = listQuery.omit({ fields: true })
export const accountSummaries = z.object({
  items: z.array(
    z.object({
      kind: z.literal('aws'),
      metadata: metadataOut,
      /** From the role's name; empty where an access key does not say whose it is. */
      specSummary: z.object({ accountId: z.string() }),
      status,
    }),
  ),
  listmeta: listMeta,
})
