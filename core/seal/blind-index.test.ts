import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { attemptIndex, blindIndex, directoryIndex, type InstallationSalt } from './blind-index.ts'
import { canonicalEmail } from './email.ts'

const salt: InstallationSalt = { version: 1, key: createSecretKey(Buffer.alloc(32, 1)) }
const field = { tenant: 'tenant-a', table: 'users', column: 'email' }
const parsed = canonicalEmail('Ada@Example.com')
assert.ok(parsed.ok)
const email = parsed.value

test('the bytes of the indexes are fixed: the version of the salt, then the HMAC', () => {
  assert.equal(
    blindIndex(salt, field, email).toString('hex'),
    '01876e75b93d77dd22f1d74af6622180688dcef8a89ecb43bf9544c648edef184d',
  )
  assert.equal(
    directoryIndex(salt, email).toString('hex'),
    '0134913ef354d7e9c7cfb17eb8556500406aa822570972fc8c9779a111246c6d95',
  )
  assert.equal(
    attemptIndex(salt, 'account', email).toString('hex'),
    '0126bc62ef23d41f0a2b50ba8d8dc61ce1b81c0df6a6afc28627ca1241b21d9f6f',
  )
})

test('the same value has one index in one field, and others in every other place', () => {
  assert.deepEqual(blindIndex(salt, field, email), blindIndex({ ...salt }, { ...field }, email))
  const indexes = [
    blindIndex(salt, field, email),
    blindIndex(salt, { ...field, tenant: 'tenant-b' }, email),
    blindIndex(salt, { ...field, table: 'invitations' }, email),
    blindIndex(salt, { ...field, column: 'name' }, email),
    blindIndex(salt, field, 'bob@example.com'),
    blindIndex(salt, { ...field, table: 'user', column: 'semail' }, email),
    directoryIndex(salt, email),
    attemptIndex(salt, 'account', email),
    attemptIndex(salt, 'network', email),
  ].map((index) => index.toString('hex'))
  assert.equal(new Set(indexes).size, indexes.length)
})

test('another salt gives another index, and its version leads', () => {
  const next = blindIndex({ version: 2, key: createSecretKey(Buffer.alloc(32, 2)) }, field, email)
  assert.equal(next[0], 2)
  assert.notDeepEqual(next.subarray(1), blindIndex(salt, field, email).subarray(1))
})

test('what no caller may ask for throws', () => {
  assert.throws(() => blindIndex(salt, { ...field, tenant: '' }, email), RangeError)
  assert.throws(() => blindIndex(salt, field, '\ud800'), RangeError)
  for (const version of [0, 256, 1.5]) assert.throws(() => blindIndex({ ...salt, version }, field, email), RangeError)
  const short = createSecretKey(Buffer.alloc(16))
  assert.throws(() => directoryIndex({ version: 1, key: short }, email), RangeError)
})
