// The library's decorators need this first, and its own module order does not see to it.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

export { x509 }

/** ECDSA on P-256: what every TLS client takes, and 100 leaves a second with their keys (RFC 5480, FIPS 186-5). */
export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
export const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const

/** Clocks of the machines that check a certificate may lag behind ours by this much. */
export const clockSkewMs = 5 * 60_000

export type RandomBytes = (size: number) => Uint8Array

export function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
}

/** A positive integer of exactly 16 bytes as hexadecimal text; RFC 5280 (4.1.2.2) allows 20. */
export function serialNumber(randomBytes: RandomBytes): string {
  const bytes = Buffer.from(randomBytes(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

/** Certificates count in whole seconds. */
export function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1_000) * 1_000)
}
