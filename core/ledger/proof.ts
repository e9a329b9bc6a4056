import { rootOf } from './frontier.ts'
import { emptyRoot, hashBytes, nodeHash } from './hash.ts'

/** A run of leaves [start, end) that is one subtree of the tree. A proof is the list of such subtrees' roots. */
export type LeafRange = { readonly start: number; readonly end: number }

/**
 * Which subtrees' roots prove that the leaf at `index` is in the tree of `size` leaves, in the proof's order (leaf
 * upwards). A store that keeps inner nodes looks them up; without one `inclusionProof` computes them.
 *
 * @see RFC 9162 §2.1.3.1
 */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  assertSize(size)
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw new RangeError('no such leaf in this tree')
  const ranges: LeafRange[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + largestPowerOfTwoBelow(end - start)
    if (index < middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  return ranges.reverse()
}

/**
 * Which subtrees' roots prove that the tree of `newSize` leaves extends the one of `oldSize`, in the proof's order.
 * Nothing needs proving of an empty or an equal tree: the list is empty.
 *
 * @see RFC 9162 §2.1.4.1
 */
export function consistencyRanges(oldSize: number, newSize: number): LeafRange[] {
  assertSize(oldSize)
  assertSize(newSize)
  if (oldSize > newSize) throw new RangeError('the old tree is larger than the new one')
  if (oldSize === 0 || oldSize === newSize) return []
  const ranges: LeafRange[] = []
  let start = 0
  let end = newSize
  while (end !== oldSize) {
    const middle = start + largestPowerOfTwoBelow(end - start)
    if (oldSize <= middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  // Where the old tree is itself a complete subtree, the verifier has its root already.
  if (start > 0) ranges.push({ start, end })
  return ranges.reverse()
}

/** Proves that `leaves[index]` is in the tree over `leaves` (leaf hashes, in order). O(n) hashes. */
export function inclusionProof(index: number, leaves: readonly Buffer[]): Buffer[] {
  return inclusionRanges(index, leaves.length).map(({ start, end }) => rootOf(leaves.slice(start, end)))
}

/** Proves that the tree over `leaves` extends the tree over the first `oldSize` of them. O(n) hashes. */
export function consistencyProof(oldSize: number, leaves: readonly Buffer[]): Buffer[] {
  return consistencyRanges(oldSize, leaves.length).map(({ start, end }) => rootOf(leaves.slice(start, end)))
}

export type Inclusion = {
  readonly index: number
  readonly leaf: Buffer
  readonly size: number
  readonly root: Buffer
  readonly proof: readonly Buffer[]
}

/** Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves with this root (RFC 9162 §2.1.3.2). */
export function verifyInclusion({ index, leaf, size, root, proof }: Inclusion): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || ![leaf, root, ...proof].every(isHash)) return false
  let fn = index
  let sn = size - 1
  let node = leaf
  for (const sibling of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sibling, node)
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      node = nodeHash(node, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && node.equals(root)
}

export type Consistency = {
  readonly oldSize: number
  readonly oldRoot: Buffer
  readonly newSize: number
  readonly newRoot: Buffer
  readonly proof: readonly Buffer[]
}

/**
 * Whether `proof` shows that the new tree starts with all of the old one (RFC 9162 §2.1.4.2). Every tree extends the
 * empty one, and an equal size asks for an equal root; both take an empty proof.
 */
export function verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof }: Consistency): boolean {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) return false
  if (![oldRoot, newRoot, ...proof].every(isHash)) return false
  if (oldSize === 0 && !oldRoot.equals(emptyRoot)) return false
  if (oldSize === newSize) return proof.length === 0 && oldRoot.equals(newRoot)
  if (oldSize === 0) return proof.length === 0

  let fn = oldSize - 1
  let sn = newSize - 1
  while (fn % 2 === 1) {
    fn = half(fn)
    sn = half(sn)
  }
  // fn is 0 where the old size is a power of two: the old tree is a subtree of the new one and its root starts the path.
  const [first, ...rest] = fn === 0 ? [oldRoot, ...proof] : proof
  if (first === undefined) return false
  let fr = first
  let sr = first
  for (const sibling of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(sibling, fr)
      sr = nodeHash(sibling, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      sr = nodeHash(sr, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && fr.equals(oldRoot) && sr.equals(newRoot)
}

// No bit operators in this file: they stop at 2^32.
function half(n: number): number {
  return Math.floor(n / 2)
}

function largestPowerOfTwoBelow(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

function isHash(bytes: Buffer): boolean {
  return bytes.length === hashBytes
}

function isSize(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0
}

function assertSize(n: number): void {
  if (!isSize(n)) throw new RangeError('a tree size is a whole number from 0')
}
