import { type Refusal, refuse } from '../../contract/errors.ts'
import { type AzureSpec, type AzureSpecIn, accountMask } from '../../contract/wire/cloud-accounts.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { WrittenSpec } from './cloud.ts'

const guid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const domain = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/i
const certificates = /^(?:-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/

/** An application with a secret, in one of Azure's clouds. The secret stays with that application, in that cloud. */
export function writtenAzure(written: AzureSpecIn, before?: AzureSpec): Result<WrittenSpec<AzureSpec>, Refusal> {
  const { azureEnvironment, tenantId, tenantName, clientId, clientSecret, settings, tls } = written
  const no = (member: string, why: string) => err(refuse('invalid', `spec.${member}: ${why}`))
  if (!guid.test(tenantId) && !domain.test(tenantId)) return no('tenantId', 'must be the GUID or a domain of a tenant')
  if (!guid.test(clientId)) return no('clientId', 'must be the GUID of an application')
  const cert = tls?.cert ?? ''
  if (cert !== '' && azureEnvironment !== 'AzureUSSecretCloud')
    return no('tls.cert', 'belongs to AzureUSSecretCloud alone')
  if (cert !== '' && !certificates.test(cert)) return no('tls.cert', 'must be certificates in PEM, and no key')
  const spec: AzureSpec = {
    ...{ azureEnvironment, tenantId, tenantName, clientId, clientSecret: accountMask },
    settings: { disablePropertiesRequest: settings?.disablePropertiesRequest === true },
    ...(cert === '' ? {} : { tls: { cert } }),
  }
  if (clientSecret !== '' && clientSecret !== accountMask) {
    if (!/^[!-~]+$/.test(clientSecret)) return no('clientSecret', 'has characters that no client secret has')
    return ok({ spec, secrets: { clientSecret } })
  }
  if (before && isSameApplication(spec, before)) return ok({ spec, secrets: 'keep' })
  return no('clientSecret', before ? 'has to be sent with another application or cloud' : 'must not be empty')
}

const isSameApplication = (one: AzureSpec, other: AzureSpec): boolean =>
  one.tenantId === other.tenantId &&
  one.clientId === other.clientId &&
  one.azureEnvironment === other.azureEnvironment &&
  one.tls?.cert === other.tls?.cert
