import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { awsSpecIn } from '../../contract/wire/cloud-accounts.ts'
import { accountIdOf, writtenAws } from './aws-account.ts'

const accessKey = 'AKIAIOSFODNN7EXAMPLE'
const secretKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const role = 'arn:aws:iam::123456789012:role/shop/Palisade'
const policy = 'arn:aws:iam::aws:policy/AdministratorAccess'
const check = (spec: object, before?: object) => {
  const stored = before && writtenAws(awsSpecIn.parse(before))
  if (stored && !stored.ok) throw new Error(stored.error.detail)
  return writtenAws(awsSpecIn.parse(spec), stored?.value.spec)
}

describe('credentials of an AWS account', () => {
  for (const [what, spec, secrets] of [
    ['a key pair', { accessKey, secretKey }, { secretKey, secretToken: '' }],
    [
      'a key pair with a session token',
      { credentialType: 'secret', accessKey, secretKey, secretToken: 't', partition: 'aws-iso', sts: null },
      { secretKey, secretToken: 't' },
    ],
    [
      'a role',
      { credentialType: 'sts', sts: { arn: role, externalId: 'shop:1' }, policyARNs: [policy], accessKey: '' },
      'none',
    ],
    ['a role of pods', { credentialType: 'pod-identity', podIdentity: { roleArn: role }, sts: {} }, 'none'],
    [
      'empty members of what is not supported',
      { accessKey, secretKey, secretSpec: { role: '', tls: null } },
      { secretKey, secretToken: '' },
    ],
  ] as const)
    test(`${what}: taken`, () => {
      const checked = check(spec)
      assert.ok(checked.ok, JSON.stringify(checked))
      assert.deepEqual(checked.value.secrets, secrets)
      assert.ok(!JSON.stringify(checked.value.spec).includes(secretKey))
    })

  for (const [what, spec, says] of [
    ['no access key', { secretKey }, /^spec\.accessKey/],
    ['no secret key', { accessKey }, /^spec\.secretKey: must not be empty/],
    ['a secret key with a blank', { accessKey, secretKey: 'a b' }, /^spec\.secretKey/],
    ['a token alone', { accessKey, secretToken: 't' }, /^spec\.secretKey: must be sent together/],
    ['no role', { credentialType: 'sts' }, /^spec\.sts\.arn/],
    [
      'a user for a role',
      { credentialType: 'sts', sts: { arn: 'arn:aws:iam::123456789012:user/x' } },
      /^spec\.sts\.arn/,
    ],
    [
      'a role of another partition',
      { credentialType: 'sts', partition: 'aws-us-gov', sts: { arn: role } },
      /aws-us-gov/,
    ],
    ['an external id of blanks', { credentialType: 'sts', sts: { arn: role, externalId: '   ' } }, /externalId/],
    ['no role of pods', { credentialType: 'pod-identity', podIdentity: {} }, /^spec\.podIdentity\.roleArn/],
    [
      'a boundary that is no policy',
      { credentialType: 'pod-identity', podIdentity: { roleArn: role, permissionBoundaryArn: role } },
      /permissionBoundaryArn/,
    ],
    ['what is no policy', { accessKey, secretKey, policyARNs: [policy, role] }, /^spec\.policyARNs\.1/],
    ['too many policies', { accessKey, secretKey, policyARNs: Array(51).fill(policy) }, /more than 50/],
    ['a role beside a key pair', { accessKey, secretKey, sts: { arn: role } }, /^spec\.sts\.arn: does not belong/],
    [
      'a key pair beside a role',
      { credentialType: 'sts', sts: { arn: role }, secretKey },
      /^spec\.secretKey: does not belong/,
    ],
    [
      'what is not supported',
      { accessKey, secretKey, secretSpec: { mission: 'x' } },
      /^spec\.secretSpec: is not supported/,
    ],
  ] as const)
    test(`${what}: refused, and no secret is quoted`, () => {
      const checked = check(spec)
      assert.equal(checked.ok ? undefined : checked.error.code, 'invalid')
      const detail = checked.ok ? '' : (checked.error.detail ?? '')
      assert.match(detail, says)
      assert.ok(!detail.includes(secretKey))
    })

  test('a secret that is not sent stays with its access key, and with nothing else', () => {
    const before = { accessKey, secretKey }
    const kept = check({ accessKey }, before)
    assert.equal(kept.ok && kept.value.secrets, 'keep')
    for (const spec of [{ accessKey: 'AKIAIOSFODNN7ANOTHER' }, { accessKey, partition: 'aws-us-gov' }])
      assert.equal(check(spec, before).ok, false, JSON.stringify(spec))
    assert.equal(check({ accessKey }, { credentialType: 'sts', sts: { arn: role } }).ok, false)
    const other = check({ credentialType: 'sts', sts: { arn: role } }, before)
    assert.equal(other.ok && other.value.secrets, 'none')
  })

  test('the number of the account is the role’s', () => {
    const spec = check({ credentialType: 'sts', sts: { arn: role } })
    assert.equal(spec.ok && accountIdOf(spec.value.spec), '123456789012')
    const keys = check({ accessKey, secretKey })
    assert.equal(keys.ok && accountIdOf(keys.value.spec), '')
  })
})
