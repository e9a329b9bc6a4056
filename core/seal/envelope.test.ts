import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Binding, type KeyRing, open, seal, sealOverheadBytes } from './envelope.ts'

const keyOf = (fill: number) => createSecretKey(Buffer.alloc(32, fill))
const key = { tenant: 'tenant-a', version: 2, key: keyOf(2) }
const ring: KeyRing = {
  tenant: 'tenant-a',
  versions: new Map([
    [1, keyOf(1)],
    [2, keyOf(2)],
  ]),
}
const binding: Binding = { tenant: 'tenant-a', table: 'users', column: 'email', row: 'row-1' }
const nonce = Buffer.from('000102030405060708090a0b', 'hex')
const plaintext = Buffer.from('ada@example.com')
const sealed = seal(key, plaintext, binding, nonce)
const refused = (error: string) => ({ ok: false, error })

test('the bytes of a sealed field are fixed', () => {
  assert.equal(
    sealed.toString('hex'),
    '0100000002000102030405060708090a0b286c83bab431ed295be42538fdd1081823648a6081f934a8f2b1f10a9e2dde',
  )
  assert.equal(sealed.length, plaintext.length + sealOverheadBytes)
  assert.equal(sealed.subarray(0, 17).toString('hex'), `0100000002${nonce.toString('hex')}`)
})

test('what was sealed opens, whatever it is', () =>
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.string({ minLength: 1 }),
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      (content, row, fresh) => {
        const place = { ...binding, row: row.isWellFormed() ? row : 'row' }
        assert.deepEqual(open(ring, seal(key, content, place, fresh), place), { ok: true, value: Buffer.from(content) })
      },
    ),
  ))

test('a view into a larger buffer opens like a buffer of its own', () => {
  const page = new Uint8Array(200)
  page.set(sealed, 50)
  assert.deepEqual(open(ring, page.subarray(50, 50 + sealed.length), binding), { ok: true, value: plaintext })
})

// Threat E02: ciphertexts swapped, moved, cut, changed.
for (const part of ['table', 'column', 'row'] as const)
  test(`E02: a field moved to another ${part} does not open`, () =>
    assert.deepEqual(open(ring, sealed, { ...binding, [part]: 'other' }), refused('not_authentic')))

test('E02: a field moved to another tenant does not open, even if the two had the same key', () => {
  const place = { ...binding, tenant: 'tenant-b' }
  assert.deepEqual(open({ ...ring, tenant: 'tenant-b' }, sealed, place), refused('not_authentic'))
  assert.deepEqual(open(ring, sealed, place), refused('not_authentic'))
  assert.deepEqual(open({ ...ring, tenant: 'tenant-b' }, sealed, binding), refused('not_authentic'))
})

test('E02: the parts of a binding cannot run into one another', () => {
  const joined = seal(key, plaintext, { ...binding, table: 'ab', column: 'c' }, nonce)
  assert.deepEqual(open(ring, joined, { ...binding, table: 'a', column: 'bc' }), refused('not_authentic'))
})

test('E02: cut at any length, a field does not open', () => {
  for (let length = 0; length < sealed.length; length++) {
    const error = length < sealOverheadBytes ? 'malformed_seal' : 'not_authentic'
    assert.deepEqual(open(ring, sealed.subarray(0, length), binding), refused(error))
  }
  assert.deepEqual(open(ring, Buffer.concat([sealed, Buffer.alloc(1)]), binding), refused('not_authentic'))
})

test('E02: with any bit changed, a field does not open', () => {
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(open(ring, changed, binding).ok, false, `bit ${bit}`)
  }
})

test('a field of another format is refused as such', () => {
  const future = Buffer.from(sealed)
  future[0] = 0x02
  assert.deepEqual(open(ring, future, binding), refused('malformed_seal'))
})

// Threat E03: key versions rolled back, retired, destroyed.
const oldSealed = seal({ ...key, version: 1, key: keyOf(1) }, plaintext, binding, nonce)

test('E03: an older version opens as long as the ring holds it, and not after', () => {
  assert.deepEqual(open(ring, oldSealed, binding), { ok: true, value: plaintext })
  const retired = { ...ring, versions: new Map([[2, keyOf(2)]]) }
  assert.deepEqual(open(retired, oldSealed, binding), refused('unknown_key_version'))
})

test("E03: after a tenant's keys are destroyed nothing opens", () =>
  assert.deepEqual(open({ ...ring, versions: new Map() }, sealed, binding), refused('unknown_key_version')))

test('E03: a field does not open under the number of another version, even of the same key', () => {
  const rolledBack = Buffer.from(sealed)
  rolledBack.writeUInt32BE(1, 1)
  assert.deepEqual(open(ring, rolledBack, binding), refused('not_authentic'))
  const sameKey = { ...ring, versions: new Map([[1, keyOf(2)]]) }
  assert.deepEqual(open(sameKey, rolledBack, binding), refused('not_authentic'))
})

test('a wrong key under the right number does not open', () =>
  assert.deepEqual(open({ ...ring, versions: new Map([[2, keyOf(3)]]) }, sealed, binding), refused('not_authentic')))

test('what no caller may ask for throws', () => {
  assert.throws(() => seal(key, plaintext, { ...binding, tenant: 'tenant-b' }, nonce), RangeError)
  assert.throws(() => seal(key, plaintext, binding, nonce.subarray(1)), RangeError)
  assert.throws(() => seal({ ...key, version: -1 }, plaintext, binding, nonce), RangeError)
  assert.throws(() => seal({ ...key, version: 2 ** 32 }, plaintext, binding, nonce), RangeError)
  assert.throws(() => seal({ ...key, key: createSecretKey(Buffer.alloc(16)) }, plaintext, binding, nonce), RangeError)
  for (const part of ['table', 'column', 'row'] as const) {
    assert.throws(() => seal(key, plaintext, { ...binding, [part]: '' }, nonce), RangeError)
    // All lone surrogates have the same UTF-8: two rows would be one.
    assert.throws(() => seal(key, plaintext, { ...binding, [part]: '\ud800' }, nonce), RangeError)
  }
})
