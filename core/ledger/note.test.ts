import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import {
  type NoteVerifier,
  noteSigner,
  noteVerifier,
  openNote,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKeyText,
} from './note.ts'

// The published vector of the format: golang.org/x/mod/sumdb/note, package documentation and tests.
const peterText =
  'If you think cryptography is the answer to your problem,\n' + "then you don't know what your problem is.\n"
const peterKeyText = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const peterSeed = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1)
const peterLine =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
const peterNote = `${peterText}\n${peterLine}`
const peter = verifier(peterKeyText)
// The second key of the same tests: its signature stands beside the first's.
const enochKeyText = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'

function verifier(text: string): NoteVerifier {
  const parsed = parseVerifierKey(text)
  assert.ok(parsed.ok, `parses ${text}`)
  return parsed.value
}

test('the published note opens with its key, and is signed byte for byte the same', () => {
  assert.deepEqual(openNote(peterNote, peter), { ok: true, value: peterText })
  assert.equal(signNote(peterText, [noteSigner('PeterNeumann', peterSeed)]), peterNote)
})

test('verifier keys are written as they were read, and a signer has the key of its seed', () => {
  for (const text of [peterKeyText, enochKeyText]) assert.equal(verifierKeyText(verifier(text)), text)
  assert.equal(verifierKeyText(noteSigner('PeterNeumann', peterSeed)), peterKeyText)
})

test('a note with any one character changed, dropped or doubled does not open', () => {
  for (let i = 0; i < peterNote.length; i++) {
    const c = peterNote[i]!
    const changed = String.fromCodePoint(c.codePointAt(0)! ^ 1)
    for (const replacement of [changed, '', c + c]) {
      const tampered = peterNote.slice(0, i) + replacement + peterNote.slice(i + 1)
      assert.equal(openNote(tampered, peter).ok, false, `character ${i} became ${JSON.stringify(replacement)}`)
    }
  }
})

const enochLine = signNote(peterText, [noteSigner('EnochRoot', Buffer.alloc(32, 1))]).slice(peterText.length + 1)
const badPeterLine = signNote('other\n', [noteSigner('PeterNeumann', peterSeed)]).slice('other\n\n'.length)
const otherPeterLine = signNote(peterText, [noteSigner('PeterNeumann', Buffer.alloc(32, 2))]).slice(
  peterText.length + 1,
)
const hundred = enochLine.repeat(99)

const openCases = [
  { rule: 'ignores signatures of unknown keys', note: peterNote + enochLine, error: undefined },
  { rule: 'finds its key among others', note: `${peterText}\n${enochLine}${peterLine}`, error: undefined },
  { rule: 'ignores a key of the same name with another id', note: peterNote + otherPeterLine, error: undefined },
  { rule: 'takes 100 signatures', note: `${peterText}\n${hundred}${peterLine}`, error: undefined },
  { rule: 'refuses 101 signatures', note: `${peterText}\n${hundred}${enochLine}${peterLine}`, error: 'malformed_note' },
  { rule: 'refuses a note of other keys alone', note: `${peterText}\n${enochLine}`, error: 'not_signed_by_key' },
  { rule: 'refuses a wrong signature beside a good one', note: peterNote + badPeterLine, error: 'bad_signature' },
  { rule: 'refuses a signature of another text', note: `${peterText}\n${badPeterLine}`, error: 'bad_signature' },
  { rule: 'refuses a note without signatures', note: `${peterText}\n`, error: 'malformed_note' },
  { rule: 'refuses a note without its last newline', note: peterNote.slice(0, -1), error: 'malformed_note' },
  { rule: 'refuses a note without an empty line', note: peterText + peterLine, error: 'malformed_note' },
  { rule: 'refuses a carriage return', note: peterNote.replaceAll('\n', '\r\n'), error: 'malformed_note' },
  { rule: 'refuses a hyphen for the dash', note: peterNote.replace('—', '-'), error: 'malformed_note' },
  { rule: 'refuses a lone surrogate', note: peterNote.replace('If', '\ud800f'), error: 'malformed_note' },
  { rule: 'refuses base64 without padding', note: peterNote.replace('=\n', '\n'), error: 'malformed_note' },
  { rule: 'refuses base64 with loose last bits', note: peterNote.replace('nAM=', 'nAN='), error: 'malformed_note' },
  {
    rule: 'refuses a key id without a signature',
    note: `${peterText}\n— PeterNeumann x08gow==\n`,
    error: 'malformed_note',
  },
  { rule: 'refuses an empty text', note: '', error: 'malformed_note' },
  { rule: 'refuses a huge note', note: 'a\n'.repeat(500_000) + peterNote, error: 'malformed_note' },
]
for (const { rule, note, error } of openCases)
  test(`opening a note ${rule}`, () => {
    const opened = openNote(note, peter)
    assert.deepEqual(opened, error === undefined ? { ok: true, value: peterText } : { ok: false, error })
  })

test('the text of a note ends at the last empty line', () => {
  const text = 'one\n\ntwo\n'
  const signer = noteSigner('a', peterSeed)
  const parsed = parseNote(signNote(text, [signer]))
  assert.ok(parsed.ok)
  assert.equal(parsed.value.text, text)
  assert.deepEqual(openNote(signNote(text, [signer]), signer), { ok: true, value: text })
})

const keyCases = [
  { rule: 'an empty text', text: '', error: 'malformed_key' },
  { rule: 'a name alone', text: 'PeterNeumann', error: 'malformed_key' },
  { rule: 'a name with a space', text: peterKeyText.replace('Peter', 'Peter '), error: 'malformed_key' },
  { rule: 'a key that is not base64', text: peterKeyText.replace('/LDE', '_LDE'), error: 'malformed_key' },
  { rule: 'a key that is cut', text: peterKeyText.slice(0, -4), error: 'malformed_key' },
  { rule: 'a short id', text: peterKeyText.replace('c74f20a3', 'c74f20a'), error: 'malformed_key' },
  { rule: 'a line end', text: `${peterKeyText}\n`, error: 'malformed_key' },
  { rule: 'an ECDSA key', text: peterKeyText.replace('+ARpc', '+Ahpc'), error: 'unsupported_key_type' },
  { rule: 'the id of another key', text: peterKeyText.replace('c74f20a3', 'af0cfe78'), error: 'key_id_mismatch' },
  { rule: 'the id under another name', text: peterKeyText.replace('Peter', 'Petra'), error: 'key_id_mismatch' },
]
for (const { rule, text, error } of keyCases)
  test(`a verifier key is refused: ${rule}`, () => assert.deepEqual(parseVerifierKey(text), { ok: false, error }))

test('what cannot be signed or named throws', () => {
  const signer = noteSigner('a', peterSeed)
  assert.throws(() => signNote('no newline', [signer]), RangeError)
  assert.throws(() => signNote('a\tb\n', [signer]), RangeError)
  assert.throws(() => signNote('text\n', []), RangeError)
  assert.throws(() => noteSigner('a', Buffer.alloc(31)), RangeError)
  for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\nb', 'a\u0085b'])
    assert.throws(() => noteSigner(name, peterSeed), RangeError)
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  assert.throws(() => noteVerifier('a', publicKey), RangeError)
})
