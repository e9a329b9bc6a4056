import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'

// AES-256-GCM with 96-bit nonces and 128-bit tags; the one place that names the cipher.

export const keyBytes = 32
export const nonceBytes = 12
export const tagBytes = 16
const tagOptions = { authTagLength: tagBytes } as const

/** @returns ciphertext and tag */
export function encrypt(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): readonly [Buffer, Buffer] {
  assertKey(key)
  if (nonce.length !== nonceBytes) throw new RangeError('a nonce has 12 bytes')
  const cipher = createCipheriv('aes-256-gcm', key, nonce, tagOptions)
  cipher.setAAD(aad)
  const ciphertext = cipher.update(plaintext)
  cipher.final() // GCM is a stream: nothing is left.
  return [ciphertext, cipher.getAuthTag()]
}

/** @returns the plaintext, or undefined where key, nonce, AAD, ciphertext and tag do not belong together */
export function decrypt(key: KeyObject, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  assertKey(key)
  const tagAt = sealed.length - tagBytes
  if (nonce.length !== nonceBytes || tagAt < 0) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, tagOptions)
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plaintext = decipher.update(sealed.subarray(0, tagAt))
  try {
    return Buffer.concat([plaintext, decipher.final()])
  } catch {
    // What was decrypted so far is not authentic, and is not handed on.
    plaintext.fill(0)
    return undefined
  }
}

function assertKey(key: KeyObject): void {
  if (key.type !== 'secret' || key.symmetricKeySize !== keyBytes) throw new RangeError('a sealing key has 32 bytes')
}
