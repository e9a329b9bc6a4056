import { randomBytes } from 'node:crypto'

/** A new UID: 24 lower-case hex digits from 96 random bits. */
export const newUid = (): string => randomBytes(12).toString('hex')

/** A secret of 256 random bits in base64url, for keys and links. */
export const newSecret = (): string => randomBytes(32).toString('base64url')
