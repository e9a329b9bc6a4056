import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { identityOf, impersonationHeaders } from './impersonation.ts'
import { authenticationConfiguration, minorOf, tokenClaims } from './token-claims.ts'

const tenantUid = 'a'.repeat(24)
const userUid = 'b'.repeat(24)
const teamUid = 'c'.repeat(24)
const clusterUid = 'd'.repeat(24)
const caller = {
  ...{ tenantUid, userUid, email: 'ada@acme.test', levels: ['view', 'edit'] as const },
  ...{ teams: [{ uid: teamUid, name: 'Devs' }], sessionUid: 'e'.repeat(24) },
}

describe('what a token says', () => {
  test('names user, uid and groups as impersonation does', () => {
    const identity = identityOf(caller)
    const headers = impersonationHeaders(identity)
    assert.ok(headers.ok)
    const lines = (name: string) => headers.value.filter(([line]) => line === name).map(([, value]) => value)
    const { sub, uid, groups } = tokenClaims(identity, tenantUid, 'proxy')
    assert.deepEqual([sub], lines('Impersonate-User'))
    assert.deepEqual([uid], lines('Impersonate-Uid'))
    assert.deepEqual(groups, lines('Impersonate-Group'))
  })

  test('has no session for an API key, and never lacks a claim that a rule or a mapping reads', () => {
    const identity = identityOf({ ...caller, teams: [], sessionUid: undefined })
    assert.deepEqual(tokenClaims(identity, tenantUid, 'direct'), {
      ...{ sub: `palisade:${tenantUid}:${userUid}`, uid: userUid, tenant: tenantUid },
      ...{ groups: ['palisade:level:view', 'palisade:level:edit'], email: 'ada@acme.test' },
      ...{ teams: [], session: '', access: 'direct' },
    })
  })
})

describe('what the API server is told', () => {
  const issuer = 'https://palisade.test/oidc'
  const trusting = { issuer, issuerCaPem: 'PEM', tenantUid, clusterUid, kubernetesVersion: 'v1.36.3' }

  test('is for one issuer, one cluster and one tenant, and maps names without a prefix', () => {
    const text = JSON.stringify(authenticationConfiguration(trusting))
    const { jwt } = JSON.parse(text)
    assert.equal(jwt.length, 1)
    assert.deepEqual(jwt[0].issuer, { url: issuer, certificateAuthority: 'PEM', audiences: [clusterUid] })
    assert.doesNotMatch(text, /prefix/)
    assert.deepEqual(
      jwt[0].claimValidationRules.map(({ expression }: { expression: string }) => expression),
      [
        `claims.aud == "${clusterUid}"`,
        `claims.tenant == "${tenantUid}"`,
        'claims.access == "proxy" && claims.exp - claims.iat <= 60 || claims.access == "direct" && claims.exp - claims.iat <= 300',
      ],
    )
    assert.equal(jwt[0].userValidationRules.length, 2)
  })

  test('names no authority where the API server trusts the certificate anyway', () => {
    const { jwt } = JSON.parse(JSON.stringify(authenticationConfiguration({ ...trusting, issuerCaPem: undefined })))
    assert.ok(!('certificateAuthority' in jwt[0].issuer))
  })

  const versions = [
    { version: 'v1.30.0', minor: 30, api: 'v1beta1' },
    { version: 'v1.33.9+k3s1', minor: 33, api: 'v1beta1' },
    { version: 'v1.34.0', minor: 34, api: 'v1' },
    { version: 'v1.36.3-gke.1', minor: 36, api: 'v1' },
    { version: 'v2.0.0', minor: undefined, api: 'v1beta1' },
  ]
  for (const { version, minor, api } of versions)
    test(`${version} is told in ${api}`, () => {
      assert.equal(minorOf(version), minor)
      const told = authenticationConfiguration({ ...trusting, kubernetesVersion: version })
      assert.equal(told.apiVersion, `apiserver.config.k8s.io/${api}`)
    })
})
