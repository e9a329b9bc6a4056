import type { Result } from '../result.ts'
import { err, ok } from '../result.ts'
import { emptyRoot, hashBytes, nodeHash } from './hash.ts'

/**
 * All that is needed of a tree in order to go on with it: the roots of its complete subtrees, the largest (leftmost)
 * first, one for each 1 in the binary form of `size`.
 */
export type Frontier = { readonly size: number; readonly peaks: readonly Buffer[] }

export const emptyFrontier: Frontier = { size: 0, peaks: [] }

/**
 * The frontier with one more leaf: O(log n) at worst, two hashes on average.
 *
 * @param leaf leaf hash of the new entry, 32 bytes
 */
export function appendLeaf(frontier: Frontier, leaf: Buffer): Frontier {
  if (leaf.length !== hashBytes) throw new RangeError('a leaf hash has 32 bytes')
  if (frontier.size >= Number.MAX_SAFE_INTEGER) throw new RangeError('the tree is full')
  const peaks = frontier.peaks.slice()
  let node = leaf
  // Each trailing 1 of the size is a complete subtree as large as `node`: join them. No bit operators: they stop at 2^32.
  for (let rest = frontier.size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(peaks.pop()!, node)
  peaks.push(node)
  return { size: frontier.size + 1, peaks }
}

/** The root of the tree, 32 bytes (RFC 9162 §2.1.1). */
export function frontierRoot(frontier: Frontier): Buffer {
  const { peaks } = frontier
  let root = peaks[peaks.length - 1]
  if (root === undefined) return emptyRoot
  for (let i = peaks.length - 2; i >= 0; i--) root = nodeHash(peaks[i]!, root)
  return root
}

/** The root of the tree over these leaf hashes, in order. */
export function rootOf(leaves: Iterable<Buffer>): Buffer {
  let frontier = emptyFrontier
  for (const leaf of leaves) frontier = appendLeaf(frontier, leaf)
  return frontierRoot(frontier)
}

/** The frontier as bytes for a database column: size (u64, big endian) ‖ each peak (32 bytes), the largest first. */
export function serializeFrontier(frontier: Frontier): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(BigInt(frontier.size))
  return Buffer.concat([head, ...frontier.peaks])
}

/** Reads what `serializeFrontier` wrote; refuses a size that does not go with the number of peaks. */
export function parseFrontier(bytes: Uint8Array): Result<Frontier, 'malformed_frontier'> {
  const buffer = Buffer.from(bytes)
  if (buffer.length < 8 || (buffer.length - 8) % hashBytes !== 0) return err('malformed_frontier')
  const size = Number(buffer.readBigUInt64BE(0))
  const peakCount = (buffer.length - 8) / hashBytes
  if (!Number.isSafeInteger(size) || onesIn(size) !== peakCount) return err('malformed_frontier')
  const peaks = Array.from({ length: peakCount }, (_, i) => buffer.subarray(8 + i * hashBytes, 8 + (i + 1) * hashBytes))
  return ok({ size, peaks })
}

function onesIn(size: number): number {
  let ones = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2
  return ones
}
