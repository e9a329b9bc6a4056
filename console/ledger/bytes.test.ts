import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bytes } from './bytes.ts'

// What stands in for Node's Buffer in a browser, held against it.

const bytes = fc.uint8Array({ maxLength: 200 })
const encodings = ['utf8', 'latin1', 'hex', 'base64', 'base64url'] as const
const same = (ours: Uint8Array, theirs: Uint8Array) => assert.deepEqual([...ours], [...theirs])

test('bytes read the same in every encoding, whole and in part', () =>
  fc.assert(
    fc.property(bytes, fc.nat(250), fc.nat(250), (content, start, end) => {
      for (const encoding of encodings) {
        assert.equal(Bytes.from(content).toString(encoding), Buffer.from(content).toString(encoding))
        assert.equal(
          Bytes.from(content).toString(encoding, start, end),
          Buffer.from(content).toString(encoding, start, end),
        )
      }
    }),
  ))

test('texts are the same bytes', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), bytes, (text, content) => {
      same(Bytes.from(text), Buffer.from(text))
      assert.equal(Bytes.byteLength(text), Buffer.byteLength(text))
      for (const encoding of ['hex', 'base64', 'base64url'] as const) {
        const written = Buffer.from(content).toString(encoding)
        same(Bytes.from(written, encoding), Buffer.from(written, encoding))
      }
    }),
  ))

test('what is no base64 never reads back as itself', () =>
  fc.assert(
    fc.property(fc.string(), (text) => {
      const spelled = (buffer: { toString(encoding: 'base64'): string }) => buffer.toString('base64') === text
      assert.equal(spelled(Bytes.from(text, 'base64')), spelled(Buffer.from(text, 'base64')))
    }),
  ))

test('parts, wholes and numbers', () =>
  fc.assert(
    fc.property(bytes, bytes, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (one, other, number) => {
      const [a, b] = [Bytes.from(one), Bytes.from(other)]
      same(Bytes.concat([a, b]), Buffer.concat([one, other]))
      assert.equal(a.equals(b), Buffer.from(one).equals(other))
      assert.ok(a.equals(Buffer.from(one)) && Bytes.isBuffer(a.subarray(1)))
      assert.equal(a.indexOf(10), Buffer.from(one).indexOf(10))
      const head = Bytes.alloc(8)
      assert.equal(head.writeBigUInt64BE(number), 8)
      assert.equal(head.readBigUInt64BE(), number)
      same(Bytes.from(one.buffer, one.byteOffset, one.length), one)
    }),
  ))
