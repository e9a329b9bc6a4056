import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiKeyUid, LinkUid, systemTenant, TenantUid } from '../../contract/ids.ts'
import { fingerprint, newApiKeyValue, newLinkToken, parseApiKeyValue, parseLinkToken } from './secrets.ts'

const tenant = TenantUid.parse('0123456789abcdef01234567')
const key = ApiKeyUid.parse('aaaaaaaaaaaaaaaaaaaaaaaa')
const link = LinkUid.parse('bbbbbbbbbbbbbbbbbbbbbbbb')

test('a key and a link name their tenant and row', () => {
  assert.deepEqual(parseApiKeyValue(newApiKeyValue(tenant, key)), { tenant, uid: key })
  assert.deepEqual(parseLinkToken(newLinkToken(systemTenant, link)), { tenant: 'system', uid: link })
})

test('a link is no key and a key no link', () => {
  assert.equal(parseApiKeyValue(newLinkToken(tenant, link)), undefined)
  assert.equal(parseLinkToken(newApiKeyValue(tenant, key)), undefined)
})

test('C03 each has 256 random bits of its own', () => {
  const secrets = Array.from({ length: 100 }, () => newApiKeyValue(tenant, key).slice(-43))
  assert.equal(new Set(secrets).size, 100)
  for (const secret of secrets) assert.equal(Buffer.from(secret, 'base64url').length, 32)
})

const value = newApiKeyValue(tenant, key)
const secret = value.slice(-43)
for (const text of [
  '',
  'pak',
  `${value}x`,
  value.slice(0, -1),
  ` ${value}`,
  `${value}\n`,
  value.toUpperCase(),
  `pak_${tenant}_${key}_${secret.slice(0, -1)}=`,
  `pak_${'0'.repeat(23)}_${key}_${secret}`,
  `pak_SYSTEM_${key}_${secret}`,
  `pak__${key}_${secret}`,
  `pak_${tenant}_system_${secret}`,
  `pat_${tenant}_${key}_${secret}`,
])
  test(`${JSON.stringify(text.slice(0, 12))}… of ${text.length} characters is no key`, () => {
    assert.equal(parseApiKeyValue(text), undefined)
  })

test('what is stored is a hash of the whole text, so that no part can be exchanged', () => {
  assert.equal(fingerprint(value).length, 32)
  assert.notDeepEqual(fingerprint(value), fingerprint(value.replace(key, 'aaaaaaaaaaaaaaaaaaaaaaab')))
})
