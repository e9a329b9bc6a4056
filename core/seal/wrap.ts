import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import type { Result } from '../result.ts'
import { err, ok } from '../result.ts'
import { encodeTexts, encodeU32 } from './encode.ts'
import { decrypt, encrypt, keyBytes, nonceBytes, tagBytes } from './gcm.ts'

// What is sealed under the root key: 0x01 ‖ root key id (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16).

const formatByte = 0x01
const rootKeyIdBytes = 8
const headBytes = 1 + rootKeyIdBytes + nonceBytes

/** The installation's root key. `id` tells root keys apart and nothing else about them. */
export type RootKey = { readonly id: Buffer; readonly wrapping: KeyObject }

/**
 * What a wrapped secret is and whose: `purpose` is a fixed word of the code, as 'tenant-key'; secrets of the
 * installation itself belong to the tenant `system`.
 */
export type WrapBinding = { readonly purpose: string; readonly tenant: string; readonly version: number }

export type WrapRefusal =
  /** Not a wrapped secret: too short, of another format, or not a key where a key is asked for. */
  | 'malformed_wrap'
  /** Wrapped under another root key: the operator gave the wrong one. */
  | 'wrong_root_key'
  /** The right root key, but changed, or wrapped for another tenant, purpose or version. */
  | 'not_authentic'

/**
 * Makes the root key of its secret: the id and the key that wraps are derived from it separately (HKDF, RFC 5869), so
 * that the id, which stands in the clear, tells nothing of the other.
 *
 * @param secret 32 random bytes; stays the caller's to wipe
 */
export function rootKey(secret: Uint8Array): RootKey {
  if (secret.length !== keyBytes) throw new RangeError('a root key has 32 bytes')
  const derive = (purpose: string, length: number) => Buffer.from(hkdfSync('sha256', secret, '', purpose, length))
  return {
    id: derive('palisade/root-key-id/1', rootKeyIdBytes),
    wrapping: createSecretKey(derive('palisade/root-key-wrap/1', keyBytes)),
  }
}

/**
 * Wraps a 32-byte key under the root key.
 *
 * @param nonce 12 random bytes, fresh for each call; the bound of `maxSealsPerKey` holds here too
 */
export function wrapKey(root: RootKey, key: KeyObject, binding: WrapBinding, nonce: Uint8Array): Buffer {
  if (key.type !== 'secret' || key.symmetricKeySize !== keyBytes) throw new RangeError('a wrapped key has 32 bytes')
  const plain = key.export()
  const wrapped = wrapSecret(root, plain, binding, nonce)
  plain.fill(0)
  return wrapped
}

/** Unwraps what `wrapKey` wrapped, for the same binding. */
export function unwrapKey(root: RootKey, wrapped: Uint8Array, binding: WrapBinding): Result<KeyObject, WrapRefusal> {
  const plain = unwrapSecret(root, wrapped, binding)
  if (!plain.ok) return plain
  if (plain.value.length !== keyBytes) return err('malformed_wrap')
  const key = createSecretKey(plain.value)
  plain.value.fill(0)
  return ok(key)
}

/** Wraps a secret of any length, such as a private key in PEM. As `wrapKey` otherwise. */
export function wrapSecret(root: RootKey, secret: Uint8Array, binding: WrapBinding, nonce: Uint8Array): Buffer {
  const sealed = encrypt(root.wrapping, nonce, additionalData(root, binding), secret)
  return Buffer.concat([Buffer.of(formatByte), root.id, nonce, ...sealed])
}

/** Unwraps what `wrapSecret` wrapped, for the same binding. The plaintext is the caller's to wipe. */
export function unwrapSecret(root: RootKey, wrapped: Uint8Array, binding: WrapBinding): Result<Buffer, WrapRefusal> {
  const bytes = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.byteLength)
  if (bytes.length < headBytes + tagBytes || bytes[0] !== formatByte) return err('malformed_wrap')
  if (!bytes.subarray(1, 1 + rootKeyIdBytes).equals(root.id)) return err('wrong_root_key')
  const nonce = bytes.subarray(1 + rootKeyIdBytes, headBytes)
  const plain = decrypt(root.wrapping, nonce, additionalData(root, binding), bytes.subarray(headBytes))
  return plain === undefined ? err('not_authentic') : ok(plain)
}

function additionalData(root: RootKey, { purpose, tenant, version }: WrapBinding): Buffer {
  if (purpose === '' || tenant === '') throw new RangeError('a binding has no empty part')
  return Buffer.concat([encodeTexts('palisade/wrap/1', purpose, tenant), encodeU32(version), root.id])
}
