import { emptyRoot, nodeHash } from './hash.ts'

// The tree as RFC 9162 §2.1 writes it down, recursive and slow. The rest of this folder is tested against it.

/** MTH(D_n), §2.1.1. */
export function plainRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return emptyRoot
  if (leaves.length === 1) return leaves[0]!
  const k = largestPowerOfTwoBelow(leaves.length)
  return nodeHash(plainRoot(leaves.slice(0, k)), plainRoot(leaves.slice(k)))
}

/** PATH(m, D_n), §2.1.3.1: the inclusion proof of the leaf at `index`. */
export function plainInclusion(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return []
  const k = largestPowerOfTwoBelow(leaves.length)
  return index < k
    ? [...plainInclusion(index, leaves.slice(0, k)), plainRoot(leaves.slice(k))]
    : [...plainInclusion(index - k, leaves.slice(k)), plainRoot(leaves.slice(0, k))]
}

/** PROOF(m, D_n), §2.1.4.1: the proof that the tree of the first `oldSize` leaves is a prefix of the whole. */
export function plainConsistency(oldSize: number, leaves: readonly Buffer[]): Buffer[] {
  return subproof(oldSize, leaves, true)
}

function subproof(m: number, leaves: readonly Buffer[], known: boolean): Buffer[] {
  if (m === leaves.length) return known ? [] : [plainRoot(leaves)]
  const k = largestPowerOfTwoBelow(leaves.length)
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), known), plainRoot(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), plainRoot(leaves.slice(0, k))]
}

function largestPowerOfTwoBelow(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}
