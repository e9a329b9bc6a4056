import { randomFillSync } from 'node:crypto'
import { nonceBytes } from '../../core/seal/index.ts'

const pooled = 512

/** Random 96-bit nonces out of a pool: one call to the system's generator a field would cost a third of the sealing rate. */
export function createNonces(): () => Buffer {
  let pool = Buffer.alloc(0)
  let next = 0
  return () => {
    if (next >= pool.length) {
      // A new buffer each time: nonces given out earlier still point into the old one.
      pool = Buffer.allocUnsafe(pooled * nonceBytes)
      randomFillSync(pool)
      next = 0
    }
    next += nonceBytes
    return pool.subarray(next - nonceBytes, next)
  }
}
