import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { closeFrame, createFrameFollower } from './websocket-frames.ts'

function frame(opcode: number, length: number, masked: boolean): Buffer {
  const size =
    length < 126
      ? Buffer.of(length)
      : length < 65_536
        ? Buffer.of(126, length >> 8, length & 0xff)
        : Buffer.concat([
            Buffer.of(127),
            Buffer.alloc(4),
            Buffer.of(0, length >> 16, (length >> 8) & 0xff, length & 0xff),
          ])
  if (masked) size[0]! |= 0x80
  return Buffer.concat([Buffer.of(0x80 | opcode), size, Buffer.alloc(masked ? 4 : 0, 1), Buffer.alloc(length, 0x88)])
}

const anyFrame = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 9, 10),
  length: fc.constantFrom(0, 1, 5, 125, 126, 127, 300, 65_535, 65_536, 70_000),
  masked: fc.boolean(),
})

test('a frame may follow after whole frames and nowhere else, however the bytes come', () =>
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 40_000 })), (frames, cuts) => {
      const texts = frames.map(({ opcode, length, masked }) => frame(opcode, length, masked))
      const ends = new Set([0])
      let end = 0
      for (const text of texts) {
        end += text.length
        ends.add(end)
      }
      const all = Buffer.concat(texts)
      const follower = createFrameFollower()
      let at = 0
      for (const cut of [...cuts, all.length]) {
        const next = Math.min(all.length, at + cut)
        follower.pass(all.subarray(at, next))
        at = next
        assert.equal(follower.mayFollow(), ends.has(at))
      }
    }),
  ))

test('nothing follows a Close', () => {
  const follower = createFrameFollower()
  follower.pass(Buffer.concat([frame(2, 3, false), closeFrame(1000, '')]))
  assert.equal(follower.mayFollow(), false)
  follower.pass(frame(2, 3, false))
  assert.equal(follower.mayFollow(), false)
})

test('a Close frame has its code and reason, and no more than fits', () => {
  assert.equal(closeFrame(1008, 'no').toString('hex'), '880403f06e6f')
  assert.throws(() => closeFrame(1008, 'x'.repeat(124)), RangeError)
})
