import { type Refusal, refuse } from '../../contract/errors.ts'
import type { AwsSpec, AwsSpecIn } from '../../contract/wire/cloud-accounts.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { WrittenSpec } from './cloud.ts'

/**
 * Whether an account's credentials have the form that AWS documents, all of them and none too many. AWS itself is not asked.
 *
 * @param before what is stored: a secret that is not sent stays with the access key that it belongs to
 */
export function writtenAws(written: AwsSpecIn, before?: AwsSpec): Result<WrittenSpec<AwsSpec>, Refusal> {
  const { credentialType, partition, policyARNs, accessKey, secretKey, secretToken } = written
  const no = (member: string, why: string) => err(refuse('invalid', `spec.${member}: ${why}`))
  if (Object.values(written.secretSpec ?? {}).some((value) => value !== null && value !== '' && value !== false))
    return no('secretSpec', 'is not supported')
  const foreign = membersOfOthers(written)
  if (foreign !== undefined) return no(foreign, `does not belong to credentials of type ${credentialType}`)
  const arns = new RegExp(`^arn:${partition}:iam::(?:aws|\\d{12}):policy/${pathAndName}$`)
  const wrongPolicy = policyARNs.findIndex((one) => !arns.test(one))
  if (wrongPolicy >= 0) return no(`policyARNs.${wrongPolicy}`, `must be the ARN of a policy in ${partition}`)
  if (policyARNs.length > maxPolicies) return no('policyARNs', `are more than ${maxPolicies}`)
  const isRole = (text: string) => new RegExp(`^arn:${partition}:iam::\\d{12}:role/${pathAndName}$`).test(text)
  const common = { credentialType, partition, policyARNs }

  switch (credentialType) {
    case 'secret': {
      if (!/^\w{16,128}$/.test(accessKey)) return no('accessKey', 'must be 16 to 128 letters, digits and underscores')
      const spec = { ...common, accessKey }
      if (secretKey !== '') {
        if (!/^[!-~]+$/.test(secretKey)) return no('secretKey', 'has characters that no secret access key has')
        return ok({ spec, secrets: { secretKey, secretToken } })
      }
      if (secretToken !== '') return no('secretKey', 'must be sent together with secretToken')
      const sameKey = before?.credentialType === 'secret' && before.accessKey === accessKey
      if (sameKey && before.partition === partition) return ok({ spec, secrets: 'keep' })
      return no('secretKey', 'must not be empty')
    }
    case 'sts': {
      const { arn = '', externalId = '' } = written.sts ?? {}
      if (!isRole(arn)) return no('sts.arn', `must be the ARN of a role in ${partition}`)
      if (externalId !== '' && !/^[\w+=,.@:/-]{2,1224}$/.test(externalId))
        return no('sts.externalId', 'must be 2 to 1224 letters, digits and +=,.@:/-')
      return ok({ spec: { ...common, sts: { arn, externalId } }, secrets: 'none' })
    }
    case 'pod-identity': {
      const { roleArn = '', permissionBoundaryArn = '' } = written.podIdentity ?? {}
      if (!isRole(roleArn)) return no('podIdentity.roleArn', `must be the ARN of a role in ${partition}`)
      if (permissionBoundaryArn !== '' && !arns.test(permissionBoundaryArn))
        return no('podIdentity.permissionBoundaryArn', `must be the ARN of a policy in ${partition}`)
      return ok({ spec: { ...common, podIdentity: { roleArn, permissionBoundaryArn } }, secrets: 'none' })
    }
  }
}

/** The number of the account, as far as the credentials say it. */
export function accountIdOf({ sts, podIdentity }: AwsSpec): string {
  return /^arn:[a-z-]+:iam::(\d{12}):/.exec(sts?.arn ?? podIdentity?.roleArn ?? '')?.[1] ?? ''
}

const maxPolicies = 50
const pathAndName = '[\\w+=,.@/-]{1,576}'

/** A member that is sent and belongs to another type of credential: dropped silently, somebody would rely on it. */
function membersOfOthers(written: AwsSpecIn): string | undefined {
  const { credentialType, accessKey, secretKey, secretToken, sts, podIdentity } = written
  const sent = {
    secret: { accessKey, secretKey, secretToken },
    sts: { 'sts.arn': sts?.arn, 'sts.externalId': sts?.externalId },
    'pod-identity': {
      'podIdentity.roleArn': podIdentity?.roleArn,
      'podIdentity.permissionBoundaryArn': podIdentity?.permissionBoundaryArn,
    },
  }
  return Object.entries(sent)
    .filter(([type]) => type !== credentialType)
    .flatMap(([, members]) => Object.entries(members))
    .find(([, value]) => value)?.[0]
}
