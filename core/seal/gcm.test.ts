import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { decrypt, encrypt } from './gcm.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const vectors = [
  {
    from: 'McGrew and Viega, The Galois/Counter Mode of Operation, test case 16',
    key: hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
    nonce: hex('cafebabefacedbaddecaf888'),
    aad: hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
    plaintext: hex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    ),
    sealed: hex(
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
    ),
  },
  {
    from: 'NIST CAVP, gcmEncryptExtIV256, with additional data of 160 bits',
    key: hex('83688deb4af8007f9b713b47cfa6c73e35ea7a3aa4ecdb414dded03bf7a0fd3a'),
    nonce: hex('0b459724904e010a46901cf3'),
    aad: hex('794a14ccd178c8ebfd1379dc704c5e208f9d8424'),
    plaintext: hex('33d893a2114ce06fc15d55e454cf90c3'),
    sealed: hex('cc66bee423e3fcd4c0865715e95866960fb291bd3dba94a1dfd8b286cfb97ac5'),
  },
]

for (const { from, nonce, aad, plaintext, sealed, ...vector } of vectors) {
  const key = createSecretKey(vector.key)
  test(`encrypts and decrypts as the vector says: ${from}`, () => {
    assert.deepEqual(Buffer.concat(encrypt(key, nonce, aad, plaintext)), sealed)
    assert.deepEqual(decrypt(key, nonce, aad, sealed), plaintext)
  })

  test(`decrypts no tampered copy: ${from}`, () => {
    for (let at = 0; at < sealed.length; at++) assert.equal(decrypt(key, nonce, aad, flipped(sealed, at)), undefined)
    for (let at = 0; at < aad.length; at++) assert.equal(decrypt(key, nonce, flipped(aad, at), sealed), undefined)
    for (let at = 0; at < nonce.length; at++) assert.equal(decrypt(key, flipped(nonce, at), aad, sealed), undefined)
    assert.equal(decrypt(createSecretKey(flipped(vector.key, 31)), nonce, aad, sealed), undefined)
    // A short tag would be quicker to guess.
    for (let length = 0; length < sealed.length; length++)
      assert.equal(decrypt(key, nonce, aad, sealed.subarray(0, length)), undefined)
  })
}

test('only 32-byte keys and 12-byte nonces are used', () => {
  const key = createSecretKey(Buffer.alloc(32))
  const nothing = Buffer.alloc(0)
  assert.throws(() => encrypt(createSecretKey(Buffer.alloc(16)), Buffer.alloc(12), nothing, nothing), RangeError)
  assert.throws(
    () => decrypt(createSecretKey(Buffer.alloc(16)), Buffer.alloc(12), nothing, Buffer.alloc(16)),
    RangeError,
  )
  assert.throws(() => encrypt(key, Buffer.alloc(16), nothing, nothing), RangeError)
  assert.equal(decrypt(key, Buffer.alloc(16), nothing, Buffer.alloc(16)), undefined)
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 0x01
  return copy
}
