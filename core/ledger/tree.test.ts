import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  appendLeaf,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  parseFrontier,
  rootOf,
  serializeFrontier,
} from './frontier.ts'
import { emptyRoot, leafHash, nodeHash } from './hash.ts'
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './proof.ts'
import { plainConsistency, plainInclusion, plainRoot } from './tree-plain.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const frontierOf = (leaves: readonly Buffer[]): Frontier => leaves.reduce(appendLeaf, emptyFrontier)

// The test vectors of Certificate Transparency (RFC 6962, the same tree as RFC 9162's).
const ctInputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ctLeaves = ctInputs.map((input) => leafHash(hex(input)))
const ctRoots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(hex)
// Hashes of the subtrees over leaves a … b of that tree, as the published proofs hold them.
const published = {
  leaf1: '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
  leaf4: 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  leaves0to1: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  leaves0to3: 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  leaves2to3: '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
  leaves4to5: '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
  leaves4to7: '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  leaves6to7: 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
}
const { leaf1, leaf4, leaves0to1, leaves0to3, leaves2to3, leaves4to5, leaves4to7, leaves6to7 } = published
const ctInclusions = [
  { index: 0, size: 1, proof: [] },
  { index: 0, size: 8, proof: [leaf1, leaves2to3, leaves4to7] },
  { index: 5, size: 8, proof: [leaf4, leaves6to7, leaves0to3] },
  { index: 2, size: 3, proof: [leaves0to1] },
]
const ctConsistencies = [
  { oldSize: 1, newSize: 1, proof: [] },
  { oldSize: 1, newSize: 8, proof: [leaf1, leaves2to3, leaves4to7] },
  { oldSize: 2, newSize: 8, proof: [leaves2to3, leaves4to7] },
  { oldSize: 6, newSize: 8, proof: [leaves4to5, leaves6to7, leaves0to3] },
  { oldSize: 2, newSize: 5, proof: [leaves2to3, leaf4] },
]

test('the published roots of 0 to 8 leaves come out, of the frontier and of the plain tree', () => {
  for (const [size, root] of ctRoots.entries()) {
    assert.deepEqual(frontierRoot(frontierOf(ctLeaves.slice(0, size))), root)
    assert.deepEqual(plainRoot(ctLeaves.slice(0, size)), root)
  }
})

test('a changed leaf, a changed order and a confusion of leaf and node give other roots', () => {
  const [first, second, ...rest] = ctLeaves as [Buffer, Buffer, ...Buffer[]]
  assert.notDeepEqual(rootOf([second, first, ...rest]), ctRoots[8])
  assert.notDeepEqual(rootOf([leafHash(hex('01')), second, ...rest]), ctRoots[8])
  // RFC 9162 §2.1.1: the prefixes keep an inner node's children from passing for an entry.
  assert.notDeepEqual(leafHash(Buffer.concat([first, second])), nodeHash(first, second))
})

for (const { index, size, proof } of ctInclusions)
  test(`the published inclusion proof of leaf ${index} in ${size} is made and verifies, and no damaged one does`, () => {
    const made = inclusionProof(index, ctLeaves.slice(0, size))
    assert.deepEqual(made, proof.map(hex))
    const good = { index, size, leaf: ctLeaves[index]!, root: ctRoots[size]!, proof: made }
    assert.equal(verifyInclusion(good), true)
    for (const bad of [
      { ...good, index: index + 1 },
      { ...good, index: -1 },
      { ...good, index: 0.5 },
      { ...good, index: size },
      { ...good, size: size * 2 + 1 },
      { ...good, size: 0 },
      { ...good, leaf: leafHash('another') },
      { ...good, leaf: good.leaf.subarray(1) },
      { ...good, root: ctRoots[size - 1]! },
      ...damagedProofs(made).map((damaged) => ({ ...good, proof: damaged })),
    ])
      assert.equal(verifyInclusion(bad), false)
  })

for (const { oldSize, newSize, proof } of ctConsistencies)
  test(`the published consistency proof of ${oldSize} in ${newSize} is made and verifies, and no damaged one does`, () => {
    const made = consistencyProof(oldSize, ctLeaves.slice(0, newSize))
    assert.deepEqual(made, proof.map(hex))
    const good = { oldSize, oldRoot: ctRoots[oldSize]!, newSize, newRoot: ctRoots[newSize]!, proof: made }
    assert.equal(verifyConsistency(good), true)
    for (const bad of [
      { ...good, oldRoot: ctRoots[0]! },
      { ...good, newRoot: ctRoots[0]! },
      { ...good, oldSize: newSize + 1 },
      { ...good, oldSize: 0 },
      { ...good, newSize: newSize * 2 + 1 },
      ...damagedProofs(made).map((damaged) => ({ ...good, proof: damaged })),
    ])
      assert.equal(verifyConsistency(bad), false)
  })

test('every tree extends the empty one, and equal sizes ask for equal roots', () => {
  const empty = { oldSize: 0, oldRoot: emptyRoot, newSize: 8, newRoot: ctRoots[8]!, proof: [] }
  assert.equal(verifyConsistency(empty), true)
  assert.equal(verifyConsistency({ ...empty, oldRoot: ctRoots[1]! }), false)
  assert.equal(verifyConsistency({ ...empty, proof: [emptyRoot] }), false)
  const same = { oldSize: 7, oldRoot: ctRoots[7]!, newSize: 7, newRoot: ctRoots[7]!, proof: [] }
  assert.equal(verifyConsistency(same), true)
  assert.equal(verifyConsistency({ ...same, newRoot: ctRoots[8]! }), false)
})

const anyLeaves = (minLength: number) =>
  fc.array(fc.string({ maxLength: 3 }).map(leafHash), { minLength, maxLength: 70 })

test('frontier and proofs agree with the plain tree, and the proofs verify', () =>
  fc.assert(
    fc.property(anyLeaves(1), fc.nat(), fc.nat(), (leaves, a, b) => {
      const size = leaves.length
      const index = a % size
      const oldSize = 1 + (b % size)
      const root = plainRoot(leaves)
      const oldRoot = plainRoot(leaves.slice(0, oldSize))
      assert.deepEqual(rootOf(leaves), root)

      const inclusion = inclusionProof(index, leaves)
      assert.deepEqual(inclusion, plainInclusion(index, leaves))
      assert.ok(verifyInclusion({ index, leaf: leaves[index]!, size, root, proof: inclusion }))

      const consistency = consistencyProof(oldSize, leaves)
      assert.deepEqual(consistency, plainConsistency(oldSize, leaves))
      assert.ok(verifyConsistency({ oldSize, oldRoot, newSize: size, newRoot: root, proof: consistency }))
    }),
  ))

test('a frontier goes through its column and on, at every size', () => {
  let frontier = emptyFrontier
  for (let i = 0; i < 130; i++) {
    const parsed = parseFrontier(serializeFrontier(frontier))
    assert.deepEqual(parsed, { ok: true, value: frontier })
    frontier = appendLeaf(frontier, leafHash(String(i)))
  }
})

test('the serialised form of a frontier is fixed: size, then the peaks, the largest first', () => {
  assert.equal(serializeFrontier(emptyFrontier).toString('hex'), '0000000000000000')
  assert.equal(
    serializeFrontier(frontierOf(ctLeaves.slice(0, 5))).toString('hex'),
    `0000000000000005${leaves0to3}${leaf4}`,
  )
})

test('a frontier goes on past 2^32, where bit operators would stop', () => {
  // Its peaks are arbitrary: only how they are joined is looked at.
  const size = 2 ** 40 + 1
  const [large, small, leaf] = ['a', 'b', 'c'].map((text) => leafHash(text)) as [Buffer, Buffer, Buffer]
  const next = appendLeaf({ size, peaks: [large, small] }, leaf)
  assert.deepEqual(next, { size: size + 1, peaks: [large, nodeHash(small, leaf)] })
  assert.deepEqual(parseFrontier(serializeFrontier(next)), { ok: true, value: next })
})

test('bytes that are no frontier are refused', () => {
  const good = serializeFrontier(frontierOf(ctLeaves.slice(0, 5)))
  for (const bad of [
    good.subarray(0, 7),
    good.subarray(0, -1),
    good.subarray(0, -32),
    Buffer.concat([good, good.subarray(8, 40)]),
    Buffer.concat([Buffer.alloc(8, 0xff), good.subarray(8)]),
  ])
    assert.deepEqual(parseFrontier(bad), { ok: false, error: 'malformed_frontier' })
})

/** Copies of a proof with one bit changed, one hash cut, dropped or added, and two exchanged. */
function damagedProofs(proof: readonly Buffer[]): Buffer[][] {
  const flipped = proof.map((_, i) =>
    proof.map((hash, j) => {
      const copy = Buffer.from(hash)
      if (i === j) copy[31]! ^= 1
      return copy
    }),
  )
  const cut = proof.map((_, i) => proof.map((hash, j) => (i === j ? hash.subarray(1) : hash)))
  const dropped = proof.map((_, i) => proof.filter((_, j) => i !== j))
  const added = [
    [...proof, emptyRoot],
    [emptyRoot, ...proof],
  ]
  const [first, second, ...rest] = proof
  const exchanged = first && second ? [[second, first, ...rest]] : []
  return [...flipped, ...cut, ...dropped, ...added, ...exchanged]
}
