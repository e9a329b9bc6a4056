import {
  appendLeaf,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  inclusionRanges,
  type LeafRange,
} from '../../core/ledger/index.ts'
import { createBoundedMap } from '../platform/bounded-map/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

/**
 * Leaves of one tile: a complete subtree whose root never changes. Without them every proof would read the whole log again; with them
 * the second one reads a tile.
 */
const tileLeaves = 1_024
/** Roots remembered, 32 bytes each. */
const mostTiles = 100_000
const leavesPerPage = 16 * tileLeaves

/** Leaves that one proof may read; the tiles that it came to are remembered, so that the next one goes on from there. */
const leavesPerProof = 1_000_000

/**
 * Computes inclusion proofs from the leaf hashes that the log keeps.
 *
 * @returns undefined where that takes more than may be read at once: to be asked again, which comes further
 */
export type Inclusion = (tx: Tx, index: number, size: number) => Promise<readonly Buffer[] | undefined>

export function createInclusion(most = leavesPerProof): Inclusion {
  const tiles = createBoundedMap<string, Buffer>(mostTiles)

  /** A range of a proof begins where a tile begins, or lies within one. */
  async function rangeRoot(tx: Tx, { start, end }: LeafRange, may: { read: number }): Promise<Buffer | undefined> {
    let whole = emptyFrontier
    let at = start
    while (at % tileLeaves === 0 && end - at >= tileLeaves) {
      const known = tiles.get(nameOf(tx, at))
      if (known) {
        whole = appendLeaf(whole, known)
        at += tileLeaves
        continue
      }
      const last = Math.min(end - ((end - at) % tileLeaves), at + leavesPerPage)
      if (may.read < last - at) return undefined
      may.read -= last - at
      const leaves = await readLeaves(tx, at, last)
      for (let from = 0; from < leaves.length; from += tileLeaves) {
        const root = frontierRoot(frontierOf(leaves.slice(from, from + tileLeaves)))
        tiles.set(nameOf(tx, at + from), root)
        whole = appendLeaf(whole, root)
      }
      at = last
    }
    const rest = at < end ? frontierOf(await readLeaves(tx, at, end)) : emptyFrontier
    // What is left of the tiles is smaller than any of them, so that its peaks follow theirs.
    return frontierRoot({ size: end - start, peaks: [...whole.peaks, ...rest.peaks] })
  }

  return async (tx, index, size) => {
    const path: Buffer[] = []
    const may = { read: most }
    for (const range of inclusionRanges(index, size)) {
      const root = await rangeRoot(tx, range, may)
      if (!root) return undefined
      path.push(root)
    }
    return path
  }
}

const nameOf = (tx: Tx, start: number) => `${tx.tenant}/${start}`

const frontierOf = (leaves: readonly Buffer[]): Frontier => leaves.reduce(appendLeaf, emptyFrontier)

async function readLeaves(tx: Tx, from: number, below: number): Promise<Buffer[]> {
  const rows = await tx.query<{ leaf: Buffer }>(
    'select leaf from audit_log where tenant_id = $1 and index >= $2 and index < $3 order by index',
    [tx.tenant, from, below],
  )
  if (rows.length !== below - from) throw new Error(`the log lacks entries between ${from} and ${below}`)
  return rows.map((row) => row.leaf)
}
