/**
 * Encodes a list of texts so that no two lists give the same bytes: each as its length in bytes (u32, big endian) and
 * its UTF-8. Plain joining would let ('ab', 'c') and ('a', 'bc') stand for each other.
 *
 * Throws on a lone surrogate: all of them have the same UTF-8.
 */
export function encodeTexts(...texts: readonly string[]): Buffer {
  const parts: Buffer[] = []
  for (const text of texts) {
    if (!text.isWellFormed()) throw new RangeError('not well-formed Unicode')
    const bytes = Buffer.from(text, 'utf8')
    parts.push(encodeU32(bytes.length), bytes)
  }
  return Buffer.concat(parts)
}

/** Four bytes, big endian; throws outside of 0 … 2^32 - 1. */
export function encodeU32(n: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(n)
  return bytes
}
