import { hash } from 'node:crypto'

/** Bytes of every hash in the tree (SHA-256). */
export const hashBytes = 32

/** The root of a tree without entries: SHA-256 of nothing (RFC 9162 §2.1.1). */
export const emptyRoot: Buffer = hash('sha256', Buffer.alloc(0), 'buffer')

/** What the first entry names as the hash of the line before it. */
export const noPrevLeaf: Buffer = Buffer.alloc(hashBytes)

/**
 * The leaf hash of one entry: SHA-256(0x00 ‖ line), RFC 9162 §2.1.1.
 *
 * @param line exactly the bytes of the entry's line, without its newline; a string stands for its UTF-8
 */
export function leafHash(line: Uint8Array | string): Buffer {
  const bytes = typeof line === 'string' ? Buffer.from(line, 'utf8') : line
  const input = Buffer.allocUnsafe(1 + bytes.length)
  input[0] = 0x00
  input.set(bytes, 1)
  return hash('sha256', input, 'buffer')
}

/** The hash of an inner node: SHA-256(0x01 ‖ left ‖ right), RFC 9162 §2.1.1. Both children are 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  if (left.length !== hashBytes || right.length !== hashBytes) throw new RangeError('a tree node has 32-byte children')
  const input = Buffer.allocUnsafe(1 + 2 * hashBytes)
  input[0] = 0x01
  input.set(left, 1)
  input.set(right, 1 + hashBytes)
  return hash('sha256', input, 'buffer')
}
