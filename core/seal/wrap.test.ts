import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { rootKey, unwrapKey, unwrapSecret, wrapKey, wrapSecret } from './wrap.ts'

const root = rootKey(Buffer.alloc(32, 1))
const otherRoot = rootKey(Buffer.alloc(32, 2))
const key = createSecretKey(Buffer.alloc(32, 3))
const binding = { purpose: 'tenant-key', tenant: 'tenant-a', version: 1 }
const nonce = Buffer.from('000102030405060708090a0b', 'hex')
const wrapped = wrapKey(root, key, binding, nonce)
const refused = (error: string) => ({ ok: false, error })

test('the bytes of a wrapped key are fixed', () => {
  assert.equal(root.id.toString('hex'), '504b210f6a1d8993')
  assert.equal(
    wrapped.toString('hex'),
    '01504b210f6a1d8993000102030405060708090a0bf653bcde8c650cfaa536c739904367ed00a81da4913a21a374bd7bb26a114b14523c4bf7f1b0aab4a9931a295e3b2868',
  )
})

test('a wrapped key unwraps to the same key, and a secret of any length to the same bytes', () => {
  const unwrapped = unwrapKey(root, wrapped, binding)
  assert.ok(unwrapped.ok && unwrapped.value.equals(key))
  for (const secret of [Buffer.alloc(0), Buffer.from('-----BEGIN PRIVATE KEY-----')])
    assert.deepEqual(unwrapSecret(root, wrapSecret(root, secret, binding, nonce), binding), { ok: true, value: secret })
})

test('a wrong root key is told apart from a changed one', () => {
  assert.deepEqual(unwrapKey(otherRoot, wrapped, binding), refused('wrong_root_key'))
  // Somebody puts the other root key's id in front.
  const renamed = Buffer.concat([wrapped.subarray(0, 1), otherRoot.id, wrapped.subarray(9)])
  assert.deepEqual(unwrapKey(otherRoot, renamed, binding), refused('not_authentic'))
})

for (const change of [{ tenant: 'tenant-b' }, { version: 2 }, { purpose: 'salt' }])
  test(`a key wrapped for another ${Object.keys(change)} does not unwrap`, () =>
    assert.deepEqual(unwrapKey(root, wrapped, { ...binding, ...change }), refused('not_authentic')))

test('cut at any length or with any bit changed, a key does not unwrap', () => {
  for (let length = 0; length < wrapped.length; length++)
    assert.equal(unwrapKey(root, wrapped.subarray(0, length), binding).ok, false)
  for (let bit = 0; bit < wrapped.length * 8; bit++) {
    const changed = Buffer.from(wrapped)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(unwrapKey(root, changed, binding).ok, false, `bit ${bit}`)
  }
})

test('a wrapped secret that is no key is not taken for one', () =>
  assert.deepEqual(
    unwrapKey(root, wrapSecret(root, Buffer.alloc(31), binding, nonce), binding),
    refused('malformed_wrap'),
  ))

test('the id of a root key shows nothing of the key that wraps', () => {
  assert.equal(root.id.length, 8)
  assert.ok(!root.wrapping.export().includes(root.id) && !Buffer.alloc(32, 1).includes(root.id))
  assert.notDeepEqual(root.id, otherRoot.id)
})

test('what no caller may ask for throws', () => {
  assert.throws(() => rootKey(Buffer.alloc(31)), RangeError)
  assert.throws(() => wrapKey(root, createSecretKey(Buffer.alloc(16)), binding, nonce), RangeError)
  assert.throws(() => wrapKey(root, key, { ...binding, tenant: '' }, nonce), RangeError)
  assert.throws(() => wrapKey(root, key, { ...binding, purpose: '' }, nonce), RangeError)
})
