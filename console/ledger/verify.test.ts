import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  composeLine,
  entryBody,
  exportHeader,
  inclusionProof,
  leafHash,
  noPrevLeaf,
  noteSigner,
  rootOf,
  signCheckpoint,
  verifierKeyText,
} from '../../core/ledger/index.ts'
import type { Asked, EntryProof } from './steps.ts'
import { verifyAsked } from './verify.ts'

const origin = 'palisade.example/audit/system/1'
const signer = noteSigner(origin, Buffer.alloc(32, 7))
const key = verifierKeyText(signer)
const page = { uid: 'a'.repeat(24), event: 'role.created', outcome: 'done' }

const lines: string[] = []
for (let index = 0; index < 11; index++) {
  const body = entryBody(page, Buffer.alloc(16, index))
  assert.ok(body.ok)
  lines.push(composeLine(index, index === 0 ? noPrevLeaf : leafHash(lines[index - 1]!), body.value))
}
const leaves = lines.map((line) => leafHash(line))
const checkpoint = signCheckpoint({ origin, size: lines.length, root: rootOf(leaves) }, signer)

const proofOf = (index: number): EntryProof => ({
  ...{ index, size: lines.length, checkpoint, line: lines[index] },
  leaf: leaves[index]!.toString('base64'),
  path: inclusionProof(index, leaves).map((hash) => hash.toString('base64')),
})
const verify = (asked: Omit<Extract<Asked, { kind: 'entry' }>, 'kind'>) =>
  verifyAsked({ kind: 'entry', ...asked }, () => {})

test('every entry verifies, and the last hash on the way up is the signed root', async () => {
  for (let index = 0; index < lines.length; index++) {
    const { ok, steps } = await verify({ key, proof: proofOf(index), page })
    assert.ok(ok, JSON.stringify(steps))
    const up = steps.at(-1)?.facts.map(([, value]) => value) ?? []
    assert.equal(up.at(-2), up.at(-1))
  }
})

test('an entry whose content is gone verifies by the hash that is left', async () => {
  const { ok, steps } = await verify({ key, proof: { ...proofOf(3), line: undefined }, page })
  assert.ok(ok, JSON.stringify(steps))
})

const other = verifierKeyText(noteSigner(origin, Buffer.alloc(32, 8)))
const changed: readonly (readonly [what: string, asked: Parameters<typeof verify>[0], step: RegExp])[] = [
  ['another key', { key: other, proof: proofOf(3), page }, /signature/],
  ['a key that was mistyped', { key: `${key.slice(0, -3)}AA=`, proof: proofOf(3), page }, /public key/],
  [
    'a checkpoint of another size',
    { key, proof: { ...proofOf(3), checkpoint: checkpoint.replace('\n11\n', '\n12\n') }, page },
    /signature/,
  ],
  ['another line', { key, proof: { ...proofOf(3), line: lines[3]!.replace('role', 'rule') }, page }, /Hash/],
  [
    'another line with its own hash',
    {
      key,
      page: { ...page, event: 'rule.created' },
      proof: {
        ...proofOf(3),
        line: lines[3]!.replace('role', 'rule'),
        leaf: leafHash(lines[3]!.replace('role', 'rule')).toString('base64'),
      },
    },
    /Climb/,
  ],
  ['a page that shows something else', { key, proof: proofOf(3), page: { ...page, outcome: 'refused' } }, /page/],
  ['the line of another index', { key, proof: { ...proofOf(4), index: 3 }, page }, /page/],
  ['a path that is cut', { key, proof: { ...proofOf(3), path: proofOf(3).path.slice(1) }, page }, /Climb/],
]
for (const [what, asked, step] of changed)
  test(`${what} does not verify, and the step that fails is the last one`, async () => {
    const { ok, steps } = await verify(asked)
    assert.equal(ok, false)
    assert.match(steps.at(-1)?.what ?? '', step)
    assert.deepEqual(
      steps.map((one) => one.ok),
      [...Array.from({ length: steps.length - 1 }, () => true), false],
    )
  })

test('an export verifies with its progress; a tampered one fails at its first bad index', async () => {
  const text = `${[exportHeader(checkpoint), ...lines].join('\n')}\n`
  const told: number[] = []
  const good = await verifyAsked({ kind: 'export', key, file: new Blob([text]) }, (_bytes, count) => told.push(count))
  assert.ok(good.ok, JSON.stringify(good.steps))
  assert.equal(told.at(-1), lines.length + 1)
  const tampered = [exportHeader(checkpoint), ...lines.with(6, lines[6]!.replace('done', 'none'))].join('\n')
  const bad = await verifyAsked({ kind: 'export', key, file: new Blob([tampered]) }, () => {})
  assert.deepEqual([bad.ok, bad.firstBadIndex], [false, 6])
})
