import type { KeyObject } from 'node:crypto'
import type { Result } from '../result.ts'
import { err, ok } from '../result.ts'
import { encodeTexts, encodeU32 } from './encode.ts'
import { decrypt, encrypt, nonceBytes, tagBytes } from './gcm.ts'

// A sealed field: 0x01 ‖ key version (u32, big endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16).

const formatByte = 0x01
const format = Buffer.of(formatByte)
const headBytes = 1 + 4 + nonceBytes

/** What sealing adds to a plaintext. */
export const sealOverheadBytes: number = headBytes + tagBytes

/**
 * How many fields may be sealed under one key, whoever seals them: with random 96-bit nonces, more would make the chance
 * that two are equal larger than 2^-32, and two equal nonces give both plaintexts and the authentication key away. A key
 * is to be replaced before that.
 *
 * @see NIST SP 800-38D §8.3
 */
export const maxSealsPerKey = 2 ** 32

/** One version of a tenant's key: 32 bytes, held as KeyObject, since a raw buffer makes each call several times slower. */
export type TenantKey = { readonly tenant: string; readonly version: number; readonly key: KeyObject }

/** The versions of one tenant's key that may still open; new fields are sealed under the current one alone. */
export type KeyRing = { readonly tenant: string; readonly versions: ReadonlyMap<number, KeyObject> }

/** Where a field lives. The key version is bound too. A ciphertext moved elsewhere does not open. */
export type Binding = {
  readonly tenant: string
  readonly table: string
  readonly column: string
  /** Names the row for good; of a key with several parts, all of them in one unambiguous text. */
  readonly row: string
}

export type SealRefusal =
  /** Too short, or not of this format. */
  | 'malformed_seal'
  /** The ring does not hold the key's version: retired for good, destroyed, or never there. */
  | 'unknown_key_version'
  /** Changed, cut, moved from elsewhere, or sealed under another key. Which of them, nobody can tell. */
  | 'not_authentic'

/**
 * Seals one field under its tenant's key.
 *
 * @param plaintext stays the caller's to wipe
 * @param binding of the tenant that owns the key, no part empty; throws otherwise
 * @param nonce 12 random bytes, fresh for each call: see `maxSealsPerKey`
 */
export function seal(key: TenantKey, plaintext: Uint8Array, binding: Binding, nonce: Uint8Array): Buffer {
  if (key.tenant !== binding.tenant) throw new RangeError('a field is sealed under the key of its own tenant')
  const version = encodeU32(key.version)
  const sealed = encrypt(key.key, nonce, additionalData(binding, version), plaintext)
  return Buffer.concat([format, version, nonce, ...sealed])
}

/** Opens what `seal` sealed, with whichever version of the tenant's key it names. */
export function open(keys: KeyRing, sealed: Uint8Array, binding: Binding): Result<Buffer, SealRefusal> {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (bytes.length < sealOverheadBytes || bytes[0] !== formatByte) return err('malformed_seal')
  const version = bytes.subarray(1, 5)
  const key = keys.versions.get(version.readUInt32BE())
  if (key === undefined) return err('unknown_key_version')
  if (keys.tenant !== binding.tenant) return err('not_authentic')
  const nonce = bytes.subarray(5, headBytes)
  const plaintext = decrypt(key, nonce, additionalData(binding, version), bytes.subarray(headBytes))
  return plaintext === undefined ? err('not_authentic') : ok(plaintext)
}

function additionalData(binding: Binding, version: Uint8Array): Buffer {
  const { tenant, table, column, row } = binding
  if (tenant === '' || table === '' || column === '' || row === '') throw new RangeError('a binding has no empty part')
  return Buffer.concat([encodeTexts('palisade/seal/1', tenant, table, column, row), version])
}
