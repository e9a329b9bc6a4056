/**
 * Encodes a list of texts so that no two lists give the same bytes: each as its length in bytes (u32, big endian) and
 * its UTF-8. Plain joining would let ('ab', 'c') and ('a', 'bc') stand for each other.
 *
 * Throws on a lone surrogate: all of them have the same UTF-8.
 */
export function encodeTexts(...texts: readonly string[]): Buffer {
  let length = 0
  for (const text of texts) {
    if (!text.isWellFormed()) throw new RangeError('not well-formed Unicode')
    length += 4 + Buffer.byteLength(text, 'utf8')
  }
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const text of texts) {
    const written = bytes.write(text, at + 4, 'utf8')
    bytes.writeUInt32BE(written, at)
    at += 4 + written
  }
  return bytes
}

/** Four bytes, big endian; throws outside of 0 … 2^32 - 1. */
export function encodeU32(n: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(n)
  return bytes
}
