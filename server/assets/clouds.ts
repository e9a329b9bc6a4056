import * as wire from '../../contract/wire/cloud-accounts.ts'
import { accountIdOf, writtenAws } from './aws-account.ts'
import { writtenAzure } from './azure-account.ts'
import { type Cloud, cloud } from './cloud.ts'
import { writtenCustom } from './custom-account.ts'
import { gcpProjectOf, writtenGcp } from './gcp-account.ts'

/** The clouds whose accounts Palisade knows by itself. */
export const knownClouds = {
  aws: cloud({
    ...{ title: 'AWS', specIn: wire.awsSpecIn, spec: wire.awsSpec },
    ...{ written: writtenAws, accountIdOf },
  }),
  gcp: cloud({
    ...{ title: 'GCP', specIn: wire.gcpSpecIn, spec: wire.gcpSpec },
    ...{ written: writtenGcp, accountIdOf: gcpProjectOf },
  }),
  azure: cloud({
    title: 'Azure',
    specIn: wire.azureSpecIn,
    spec: wire.azureSpec,
    written: writtenAzure,
    accountIdOf: ({ tenantId }) => tenantId,
  }),
} as const satisfies Readonly<Record<string, Cloud>>

/** Any other, which a tenant has registered. */
export const customCloud: Cloud = cloud({
  ...{ title: 'custom', specIn: wire.customSpecIn, spec: wire.customSpec },
  ...{ written: writtenCustom, accountIdOf: () => '' },
})

export const isKnownCloud = (kind: string): kind is keyof typeof knownClouds => Object.hasOwn(knownClouds, kind)

export const cloudOf = (kind: string): Cloud => (isKnownCloud(kind) ? knownClouds[kind] : customCloud)
