import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { Bytes } from './bytes.ts'

/** What `core/ledger` takes of `node:crypto`, for a browser: to hash, and to verify with Ed25519. Nothing is signed there. */

export function hash(algorithm: string, input: Uint8Array, encoding: string): Bytes {
  if (algorithm !== 'sha256' || encoding !== 'buffer') throw new RangeError('only SHA-256, as bytes')
  return Bytes.from(sha256(input))
}

type PublicKey = { readonly asymmetricKeyType: 'ed25519'; readonly x: string; export(): { readonly x: string } }

export function createPublicKey({ key }: { readonly key: { readonly x: string } }): PublicKey {
  return { asymmetricKeyType: 'ed25519', x: key.x, export: () => ({ x: key.x }) }
}

/** RFC 8032 §5.1.7, with its strict rules for points. */
export function verify(_algorithm: null, message: Uint8Array, { x }: PublicKey, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, Bytes.from(x, 'base64url'), { zip215: false })
  } catch {
    return false // Not even of the form of a signature.
  }
}

const absent = (): never => {
  throw new Error('a browser signs nothing')
}

export { absent as createPrivateKey, absent as sign }
