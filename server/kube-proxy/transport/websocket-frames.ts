// As much of RFC 6455 §5.2 as is needed to say one last thing on a connection whose frames are only passed on.

/** Follows the frames of one direction, of which it keeps nothing. */
export type FrameFollower = {
  pass(bytes: Uint8Array): void
  /** Whether a frame of ours may follow: the last one is whole, and it was no Close. */
  mayFollow(): boolean
}

const closeOpcode = 0x8

export function createFrameFollower(): FrameFollower {
  /** Bytes of the head of the frame that is being read. */
  const head: number[] = []
  let payloadLeft = 0
  let closed = false
  return {
    pass(bytes) {
      let at = 0
      while (at < bytes.length && !closed) {
        if (payloadLeft > 0) {
          const skipped = Math.min(payloadLeft, bytes.length - at)
          payloadLeft -= skipped
          at += skipped
          continue
        }
        head.push(bytes[at++]!)
        if (head.length < headLength(head)) continue
        payloadLeft = payloadLength(head)
        closed = (head[0]! & 0x0f) === closeOpcode
        head.length = 0
      }
    },
    mayFollow: () => !closed && payloadLeft === 0 && head.length === 0,
  }
}

/** How long a head is, as far as what is there of it tells. */
function headLength([, second]: readonly number[]): number {
  if (second === undefined) return 2
  const length = second & 0x7f
  const mask = (second & 0x80) === 0 ? 0 : 4
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + mask
}

function payloadLength(head: readonly number[]): number {
  const short = head[1]! & 0x7f
  if (short < 126) return short
  return head.slice(2, short === 126 ? 4 : 10).reduce((length, byte) => length * 256 + byte, 0)
}

/**
 * A server's Close frame (§5.5.1).
 *
 * @param reason at most 123 bytes of UTF-8
 */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason, 'utf8')
  if (text.length > 123) throw new RangeError('the reason of a Close frame has at most 123 bytes')
  return Buffer.concat([Buffer.of(0x80 | closeOpcode, 2 + text.length, code >> 8, code & 0xff), text])
}
