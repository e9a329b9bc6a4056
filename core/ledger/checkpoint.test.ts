import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkpointText, logOrigin, openCheckpoint, parseCheckpointText, signCheckpoint } from './checkpoint.ts'
import { emptyRoot, leafHash } from './hash.ts'
import { noteSigner, signNote } from './note.ts'

const origin = logOrigin({ host: 'palisade.example', tenantUid: '0123456789abcdef01234567', generation: 1 })
const signer = noteSigner(origin, Buffer.alloc(32, 7))
const checkpoint = { origin, size: 20852163, root: leafHash('root') }

test('a log is named after host, tenant and generation', () => {
  assert.equal(origin, 'palisade.example/audit/0123456789abcdef01234567/1')
  for (const parts of [
    { host: '', tenantUid: 'system', generation: 1 },
    { host: 'a b', tenantUid: 'system', generation: 1 },
    { host: 'a', tenantUid: 'system/1', generation: 1 },
    { host: 'a', tenantUid: 'system', generation: 0 },
    { host: 'a', tenantUid: 'system', generation: 1.5 },
  ])
    assert.throws(() => logOrigin(parts), RangeError)
})

test('the text of a checkpoint is that of the specification', () => {
  // The example of c2sp.org/tlog-checkpoint.
  const example = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
  const parsed = parseCheckpointText(example)
  assert.ok(parsed.ok)
  assert.equal(parsed.value.origin, 'example.com/behind-the-sofa')
  assert.equal(parsed.value.size, 20852163)
  assert.equal(checkpointText(parsed.value), example)
})

test('a signed checkpoint opens with its key and no other', () => {
  const note = signCheckpoint(checkpoint, signer)
  assert.deepEqual(openCheckpoint(note, signer), { ok: true, value: checkpoint })
  const other = noteSigner(origin, Buffer.alloc(32, 8))
  assert.deepEqual(openCheckpoint(note, other), { ok: false, error: 'not_signed_by_key' })
  const changed = note.replace('20852163', '20852162')
  assert.deepEqual(openCheckpoint(changed, signer), { ok: false, error: 'bad_signature' })
})

test('a key speaks for its own log only', () => {
  const foreign = checkpointText({ ...checkpoint, origin: 'other.example/audit/system/1' })
  assert.deepEqual(openCheckpoint(signNote(foreign, [signer]), signer), { ok: false, error: 'foreign_origin' })
  assert.throws(() => signCheckpoint({ ...checkpoint, origin: 'other.example' }, signer), RangeError)
})

const root = emptyRoot.toString('base64')
const textCases = [
  { rule: 'an empty log', text: `log\n0\n${root}\n`, good: true },
  { rule: 'extension lines', text: `log\n1\n${root}\nmore\nand more\n`, good: true },
  { rule: 'an empty extension line', text: `log\n1\n${root}\n\nmore\n`, good: false },
  { rule: 'no root', text: 'log\n1\n', good: false },
  { rule: 'no last newline', text: `log\n1\n${root}`, good: false },
  { rule: 'no origin', text: `\n1\n${root}\n`, good: false },
  { rule: 'a leading zero', text: `log\n01\n${root}\n`, good: false },
  { rule: 'a sign', text: `log\n+1\n${root}\n`, good: false },
  { rule: 'a size in hexadecimal', text: `log\n0x10\n${root}\n`, good: false },
  { rule: 'a size that no number holds exactly', text: `log\n9007199254740993\n${root}\n`, good: false },
  { rule: 'a root of 31 bytes', text: `log\n1\n${Buffer.alloc(31).toString('base64')}\n`, good: false },
  { rule: 'a root without padding', text: `log\n1\n${root.slice(0, -1)}\n`, good: false },
]
for (const { rule, text, good } of textCases)
  test(`a checkpoint's text with ${rule} is ${good ? 'taken' : 'refused'}`, () =>
    assert.equal(parseCheckpointText(text).ok, good))

test('what is signed by the key but is no checkpoint is refused', () =>
  assert.deepEqual(openCheckpoint(signNote('hello\n', [signer]), signer), { ok: false, error: 'malformed_checkpoint' }))
