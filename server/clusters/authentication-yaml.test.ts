import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { authenticationConfiguration } from '../../core/kube/index.ts'
import { authenticationYaml } from './authentication-yaml.ts'

const trusting = {
  ...{
    issuer: 'https://palisade.test/oidc',
    issuerCaPem: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
  },
  ...{ tenantUid: 'a'.repeat(24), clusterUid: 'd'.repeat(24), kubernetesVersion: 'v1.36.3' },
}

describe('the file for --authentication-config', () => {
  for (const name of ['east', 'a "b" #c', 'apiVersion: v1\njwt: []\n---', 'Köln ☃'])
    test(`is the configuration and nothing else for a cluster named ${JSON.stringify(name)}`, () => {
      const documents = parseAllDocuments(authenticationYaml(trusting, name))
      assert.ok(Array.isArray(documents) && documents.length === 1)
      assert.deepEqual(documents[0]?.toJS(), authenticationConfiguration(trusting))
    })

  test('says that an authority is wanting where the operator presents a certificate of their own', () => {
    const text = authenticationYaml({ ...trusting, issuerCaPem: undefined }, 'east')
    assert.match(text, /^# that as issuer\.certificateAuthority\./m)
    assert.doesNotMatch(text, /^ +certificateAuthority:/m)
    assert.doesNotMatch(authenticationYaml(trusting, 'east'), /certificate of its operator/)
  })
})
