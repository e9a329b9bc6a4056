import { createHmac, type KeyObject } from 'node:crypto'
import type { CanonicalEmail } from './email.ts'
import { encodeTexts } from './encode.ts'

// Keyed hashes under the installation's salt: version of the salt (1 byte) ‖ HMAC-SHA-256 (32). The version leads, so
// that values under an older salt are told apart and stay comparable among themselves. What each is for is bound into
// it: a value of one kind never equals one of another.

/** One version (1 … 255) of the installation's salt: 32 random bytes. Whoever has it can try names; it is stored wrapped. */
export type InstallationSalt = { readonly version: number; readonly key: KeyObject }

/**
 * The blind index of a sealed field: what stands beside it so that it can be found by equality, and nothing else be
 * learnt. Equal values have equal indexes only within one tenant, table and column.
 *
 * @param canonicalValue in the one spelling that equality is meant of, as `canonicalEmail` makes it
 * @returns 33 bytes
 */
export function blindIndex(
  salt: InstallationSalt,
  field: { readonly tenant: string; readonly table: string; readonly column: string },
  canonicalValue: string,
): Buffer {
  const { tenant, table, column } = field
  if ([tenant, table, column].includes('')) throw new RangeError('an indexed field has no empty part')
  return authenticate(salt, encodeTexts('palisade/blind-index/1', tenant, table, column, canonicalValue))
}

/**
 * The key of an e-mail address in the directory that sign-in asks for the tenant. It is the same in all tenants, since
 * the tenant is what is asked for; nothing but that directory may hold it.
 *
 * @returns 33 bytes
 */
export function directoryIndex(salt: InstallationSalt, email: CanonicalEmail): Buffer {
  return authenticate(salt, encodeTexts('palisade/login-directory/1', email))
}

/** What a key stands for: three counters, and a network that an account has signed in from. */
export type AttemptKind = 'account' | 'network' | 'account-network' | 'known-network'

/**
 * The key under which attempts to sign in are counted, or a network is known.
 *
 * @param canonical what was tried, in one spelling, whether it exists or not: an account, or a network as text
 * @returns 33 bytes
 */
export function attemptIndex(salt: InstallationSalt, what: AttemptKind, canonical: string): Buffer {
  return authenticate(salt, encodeTexts('palisade/sign-in-attempt/1', what, canonical))
}

function authenticate({ version, key }: InstallationSalt, message: Buffer): Buffer {
  if (!Number.isInteger(version) || version < 1 || version > 255)
    throw new RangeError('a salt has a version of 1 to 255')
  if (key.type !== 'secret' || key.symmetricKeySize !== 32) throw new RangeError('a salt has 32 bytes')
  return Buffer.concat([Buffer.of(version), createHmac('sha256', key).update(message).digest()])
}
