import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemTenant } from '../../contract/ids.ts'
import { inclusionProof, leafHash, rootOf, verifyInclusion } from '../../core/ledger/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { createInclusion } from './inclusion.ts'

const leaves = Array.from({ length: 20_000 }, (_, i) => leafHash(String(i)))

/** A log of leaves alone, which counts how many are read. */
function logOf(): { readonly tx: Tx; readonly read: () => number } {
  let read = 0
  const tx = {
    tenant: systemTenant,
    async query(_text: string, [, from, below]: readonly number[]) {
      const rows = leaves.slice(from, below).map((leaf) => ({ leaf }))
      read += rows.length
      return rows
    },
  }
  return { tx: tx as unknown as Tx, read: () => read } // As much of a transaction as is used here.
}

const sizes = [1, 2, 3, 1_023, 1_024, 1_025, 2_048, 3_000, 5_121, 16_384, 17_409, 20_000]
for (const size of sizes)
  test(`the path is the plain one in a log of ${size}, from anywhere, also when tiles are remembered`, async () => {
    const inclusion = createInclusion()
    const { tx } = logOf()
    const own = leaves.slice(0, size)
    const root = rootOf(own)
    const places = [0, 1, 512, 1_023, 1_024, 1_025, 4_096, Math.floor(size / 2), size - 2, size - 1]
    for (const index of new Set(places.filter((one) => one >= 0 && one < size))) {
      const proof = await inclusion(tx, index, size)
      assert.ok(proof)
      assert.deepEqual(proof, inclusionProof(index, own), `${index} of ${size}`)
      assert.ok(verifyInclusion({ index, leaf: leaves[index]!, size, root, proof }))
    }
  })

test('a second proof reads a tile and what is behind the last whole one, and not the log again', async () => {
  const inclusion = createInclusion()
  const { tx, read } = logOf()
  await inclusion(tx, 5_000, 20_000)
  const first = read()
  await inclusion(tx, 5_001, 20_000)
  assert.ok(first > 18_000, String(first))
  assert.ok(read() - first < 2 * 1_024, String(read() - first))
})

test('a log that lacks entries proves nothing', async () => {
  await assert.rejects(createInclusion()(logOf().tx, 3, 30_000), /lacks entries/)
})

test('one asking reads no more than it may; asked again it comes to the proof, whole', async () => {
  const most = 16 * 1_024
  const inclusion = createInclusion(most)
  const { tx, read } = logOf()
  let proof = await inclusion(tx, 5_000, 20_000)
  assert.equal(proof, undefined)
  for (let asked = 1; !proof; asked++) {
    assert.ok(asked < 4, 'each asking comes further')
    const before = read()
    proof = await inclusion(tx, 5_000, 20_000)
    assert.ok(read() - before <= most + 2 * 1_024, String(read() - before))
  }
  assert.deepEqual(proof, inclusionProof(5_000, leaves))
})
