import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonPatch } from '../../contract/wire/users.ts'
import { applyPatch, type Json } from './json-patch.ts'

const anywhere = () => true
const apply = (document: Json, patch: JsonPatch, patchable: (path: readonly string[]) => boolean = anywhere) => {
  const result = applyPatch(document, patch, patchable)
  // Through JSON: the result's objects inherit nothing, which deepEqual would hold against them.
  return result.ok ? { ok: true, value: JSON.parse(JSON.stringify(result.value)) } : result
}

// RFC 6902, appendix A, with its numbers; A.11 (unrecognised members) is the wire schema's to drop.
const vectors: readonly { rule: string; document: Json; patch: JsonPatch; after: Json | undefined }[] = [
  {
    rule: 'A.1 adds an object member',
    document: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz', value: 'qux' }],
    after: { baz: 'qux', foo: 'bar' },
  },
  {
    rule: 'A.2 adds a list element',
    document: { foo: ['bar', 'baz'] },
    patch: [{ op: 'add', path: '/foo/1', value: 'qux' }],
    after: { foo: ['bar', 'qux', 'baz'] },
  },
  {
    rule: 'A.3 removes an object member',
    document: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'remove', path: '/baz', value: undefined }],
    after: { foo: 'bar' },
  },
  {
    rule: 'A.4 removes a list element',
    document: { foo: ['bar', 'qux', 'baz'] },
    patch: [{ op: 'remove', path: '/foo/1', value: undefined }],
    after: { foo: ['bar', 'baz'] },
  },
  {
    rule: 'A.5 replaces a value',
    document: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'replace', path: '/baz', value: 'boo' }],
    after: { baz: 'boo', foo: 'bar' },
  },
  {
    rule: 'A.6 moves a value',
    document: { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    patch: [{ op: 'move', from: '/foo/waldo', path: '/qux/thud', value: undefined }],
    after: { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
  },
  {
    rule: 'A.7 moves a list element',
    document: { foo: ['all', 'grass', 'cows', 'eat'] },
    patch: [{ op: 'move', from: '/foo/1', path: '/foo/3', value: undefined }],
    after: { foo: ['all', 'cows', 'eat', 'grass'] },
  },
  {
    rule: 'A.8 tests a value: success',
    document: { baz: 'qux', foo: ['a', 2, 'c'] },
    patch: [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    after: { baz: 'qux', foo: ['a', 2, 'c'] },
  },
  {
    rule: 'A.9 tests a value: error',
    document: { baz: 'qux' },
    patch: [{ op: 'test', path: '/baz', value: 'bar' }],
    after: undefined,
  },
  {
    rule: 'A.10 adds a nested object',
    document: { foo: 'bar' },
    patch: [{ op: 'add', path: '/child', value: { grandchild: {} } }],
    after: { foo: 'bar', child: { grandchild: {} } },
  },
  {
    rule: 'A.12 does not add to a target that is not there',
    document: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz/bat', value: 'qux' }],
    after: undefined,
  },
  {
    rule: 'A.14 orders ~ escapes',
    document: { '/': 9, '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: 10 }],
    after: { '/': 9, '~1': 10 },
  },
  {
    rule: 'A.15 compares strings and numbers',
    document: { '/': 9, '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: '10' }],
    after: undefined,
  },
  {
    rule: 'A.16 adds an array value',
    document: { foo: ['bar'] },
    patch: [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }],
    after: { foo: ['bar', ['abc', 'def']] },
  },
]

for (const { rule, document, patch, after } of vectors)
  test(rule, () => {
    const before = structuredClone(document)
    const result = apply(document, patch)
    if (after === undefined) assert.equal(result.ok, false)
    else assert.deepEqual(result, { ok: true, value: after })
    assert.deepEqual(document, before, 'the document given stays as it is')
  })

const refused: readonly { rule: string; patch: JsonPatch; why: RegExp }[] = [
  {
    rule: 'a leading zero is no index',
    patch: [{ op: 'add', path: '/list/01', value: 1 }],
    why: /add \/list\/01: the index/,
  },
  { rule: 'nothing beyond the end of a list', patch: [{ op: 'add', path: '/list/3', value: 1 }], why: /beyond/ },
  {
    rule: '"-" names no element to remove',
    patch: [{ op: 'remove', path: '/list/-', value: undefined }],
    why: /nothing/,
  },
  { rule: 'replace needs something', patch: [{ op: 'replace', path: '/none', value: 1 }], why: /nothing to replace/ },
  { rule: 'a value is needed', patch: [{ op: 'replace', path: '/a', value: undefined }], why: /needs a value/ },
  { rule: 'move needs from', patch: [{ op: 'move', path: '/a', value: undefined }], why: /from: is missing/ },
  {
    rule: 'not into its own child',
    patch: [{ op: 'move', from: '/object', path: '/object/inner', value: undefined }],
    why: /above/,
  },
  {
    rule: 'a pointer begins with /',
    patch: [{ op: 'remove', path: 'a', value: undefined }],
    why: /"a" is not a JSON pointer/,
  },
  { rule: '~2 is no escape', patch: [{ op: 'remove', path: '/~2', value: undefined }], why: /not a JSON pointer/ },
]
for (const { rule, patch, why } of refused)
  test(`refused: ${rule}`, () => {
    const result = applyPatch({ a: 1, list: [1, 2], object: { inner: {} } }, patch, anywhere)
    assert.ok(!result.ok)
    assert.match(result.error, why)
  })

test('all operations or none: the first result is not kept when the second fails', () => {
  const document = { a: 1 }
  const result = applyPatch(
    document,
    [
      { op: 'replace', path: '/a', value: 2 },
      { op: 'test', path: '/a', value: 1 },
    ],
    anywhere,
  )
  assert.equal(result.ok, false)
  assert.deepEqual(document, { a: 1 })
})

test('a place that may not be patched is refused by its path, as target and as source', () => {
  const onlyA = ([first]: readonly string[]) => first === 'a'
  for (const patch of [
    [{ op: 'add' as const, path: '/b', value: 1 }],
    [{ op: 'copy' as const, from: '/b', path: '/a', value: undefined }],
  ]) {
    const result = applyPatch({ a: 1, b: 2 }, patch, onlyA)
    assert.ok(!result.ok)
    assert.match(result.error, /"\/b" cannot be patched/)
  }
})

test('__proto__ and constructor are members like any other', () => {
  const result = applyPatch(
    { labels: {} },
    [{ op: 'add', path: '/labels/__proto__', value: { polluted: 'yes' } }],
    anywhere,
  )
  assert.ok(result.ok)
  assert.equal(JSON.stringify(result.value), '{"labels":{"__proto__":{"polluted":"yes"}}}')
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  const missing = applyPatch(
    { labels: {} },
    [{ op: 'remove', path: '/labels/constructor', value: undefined }],
    anywhere,
  )
  assert.equal(missing.ok, false)
})
