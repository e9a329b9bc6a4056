import { randomBytes } from 'node:crypto'

/** A new root key as its file holds it: 32 random bytes, base64. */
export const generateRootKey = (): string => `${randomBytes(32).toString('base64')}\n`
