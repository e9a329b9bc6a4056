import { randomBytes, randomFillSync } from 'node:crypto'

const uidBytes = 12
// One call to the system's generator for many UIDs: a call for each costs as much as the rest of a request's bookkeeping.
const pool = Buffer.alloc(uidBytes * 512)
let next = pool.length

/** A new UID: 24 lower-case hex digits from 96 random bits. */
export function newUid(): string {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  next += uidBytes
  return pool.toString('hex', next - uidBytes, next)
}

/** A secret of 256 random bits in base64url, for keys and links. */
export const newSecret = (): string => randomBytes(32).toString('base64url')
