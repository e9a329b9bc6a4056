import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { leafHash, noPrevLeaf } from './hash.ts'
import {
  composeLine,
  destroyedLine,
  type EntryBody,
  entryBody,
  exportHeader,
  maxBodyBytes,
  maxLineBytes,
  parseEntryBody,
} from './line.ts'

const salt = Buffer.alloc(16, 1)
const saltText = 'AQEBAQEBAQEBAQEBAQEBAQ=='
const bodyOf = (text: string): EntryBody => {
  const parsed = parseEntryBody(text)
  assert.ok(parsed.ok)
  return parsed.value
}
const body = bodyOf(`{"salt":"${saltText}","event":"role.created"}`)

test('the bytes of a line, its leaf hash and what takes the place of a destroyed one are fixed', () => {
  const first = composeLine(0, noPrevLeaf, body)
  assert.equal(
    first,
    `{"index":0,"prev":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","salt":"${saltText}","event":"role.created"}`,
  )
  const leaf = leafHash(first)
  assert.equal(leaf.toString('base64'), 'qIb+NsxYW8wFnUEHO7ZSA0LldPuace7OXkh38bclj4M=')
  assert.equal(
    composeLine(41, leaf, body),
    `{"index":41,"prev":"qIb+NsxYW8wFnUEHO7ZSA0LldPuace7OXkh38bclj4M=","salt":"${saltText}","event":"role.created"}`,
  )
  assert.equal(destroyedLine(41, leaf), '{"index":41,"leaf":"qIb+NsxYW8wFnUEHO7ZSA0LldPuace7OXkh38bclj4M="}')
  assert.equal(exportHeader('a\n'), '{"palisade":"audit-export/1","checkpoint":"a\\n"}')
})

const bodyCases = [
  { rule: 'a number', text: '1', error: 'not_an_object' },
  { rule: 'a list', text: '[{}]', error: 'not_an_object' },
  { rule: 'an empty text', text: '', error: 'not_an_object' },
  { rule: 'two objects', text: `${body}${body}`, error: 'not_an_object' },
  { rule: 'something after the object', text: `${body}x}`, error: 'not_an_object' },
  { rule: 'a newline at the end', text: `${body}\n`, error: 'not_an_object' },
  { rule: 'a newline between fields', text: body.replace(',', ',\n'), error: 'not_an_object' },
  { rule: 'a carriage return between fields', text: body.replace(',', ',\r'), error: 'not_an_object' },
  { rule: 'white space in front', text: ` ${body}`, error: 'not_an_object' },
  { rule: 'a lone surrogate', text: body.replace('role', '\ud800'), error: 'not_an_object' },
  { rule: 'an index', text: body.replace('event', 'index'), error: 'has_index_or_prev' },
  { rule: 'a prev', text: body.replace('event', 'prev'), error: 'has_index_or_prev' },
  { rule: 'an index in an escaped spelling', text: body.replace('event', '\\u0069ndex'), error: 'has_index_or_prev' },
  { rule: 'no salt', text: '{"event":"x"}', error: 'no_salt' },
  { rule: 'no fields at all', text: '{}', error: 'no_salt' },
  { rule: 'a short salt', text: '{"salt":"AQEBAQ=="}', error: 'no_salt' },
  { rule: 'a salt from the prototype', text: `{"__proto__":{"salt":"${saltText}"}}`, error: 'no_salt' },
  { rule: 'too much text', text: body.replace('role', 'é'.repeat(maxBodyBytes / 2)), error: 'too_long' },
]
for (const { rule, text, error } of bodyCases)
  test(`a body is refused: ${rule}`, () => {
    assert.deepEqual(parseEntryBody(text), { ok: false, error })
  })

test('a body of the greatest length fits into a line of the greatest index', () => {
  const longest = body.replace('role', 'x'.repeat(maxBodyBytes - body.length + 'role'.length))
  const line = composeLine(Number.MAX_SAFE_INTEGER, noPrevLeaf, bodyOf(longest))
  assert.ok(Buffer.byteLength(line) <= maxLineBytes)
})

test('a body holds its fields and the salt, and a line is JSON with both in front', () =>
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), (anyFields, index) => {
      const { index: _, prev: __, salt: ___, ...fields } = anyFields
      const made = entryBody(fields, salt)
      assert.ok(made.ok)
      const line = composeLine(index, noPrevLeaf, made.value)
      assert.ok(!line.includes('\n'))
      const expected = { index, prev: noPrevLeaf.toString('base64'), salt: saltText, ...fields }
      assert.deepEqual(JSON.parse(line), JSON.parse(JSON.stringify(expected)))
    }),
  ))

test('what no log has throws', () => {
  assert.throws(() => composeLine(-1, noPrevLeaf, body), RangeError)
  assert.throws(() => composeLine(0.5, noPrevLeaf, body), RangeError)
  assert.throws(() => composeLine(0, Buffer.alloc(31), body), RangeError)
  assert.throws(() => destroyedLine(0, Buffer.alloc(33)), RangeError)
  assert.throws(() => entryBody({ event: 'x' }, Buffer.alloc(8)), RangeError)
  for (const name of ['index', 'prev', 'salt']) assert.throws(() => entryBody({ [name]: 1 }, salt), RangeError)
})
