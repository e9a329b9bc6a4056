// Cast: the same constructor without its static side, whose `from` and `of` mean something else than Buffer's.
const Base = Uint8Array as unknown as {
  new (size: number): Uint8Array<ArrayBuffer>
  new (buffer: ArrayBufferLike, offset?: number, length?: number): Uint8Array<ArrayBuffer>
}

/**
 * As much of Node's `Buffer` as `core/ledger` uses, so that the very code that the server and `palisade audit verify` run also runs in
 * a browser. `bytes.test.ts` holds it against Node's own.
 */
export class Bytes extends Base {
  static of(...items: number[]): Bytes {
    return Bytes.from(items)
  }
  static from(
    source: string | ArrayLike<number> | ArrayBufferLike,
    encodingOrOffset?: string | number,
    length?: number,
  ): Bytes {
    if (typeof source === 'string') return decode(source, String(encodingOrOffset ?? 'utf8'))
    if (source instanceof ArrayBuffer) return new Bytes(source, Number(encodingOrOffset ?? 0), length)
    const bytes = new Bytes((source as ArrayLike<number>).length) // it is no text and no buffer
    bytes.set(source as ArrayLike<number>)
    return bytes
  }
  static alloc(size: number): Bytes {
    return new Bytes(size)
  }
  static allocUnsafe(size: number): Bytes {
    return new Bytes(size)
  }
  static concat(list: readonly Uint8Array[]): Bytes {
    const whole = new Bytes(list.reduce((size, one) => size + one.length, 0))
    let at = 0
    for (const one of list) {
      whole.set(one, at)
      at += one.length
    }
    return whole
  }
  static byteLength(text: string): number {
    return utf8.encode(text).length
  }
  static isBuffer(value: unknown): value is Bytes {
    return value instanceof Bytes
  }

  equals(other: Uint8Array): boolean {
    return this.length === other.length && this.every((byte, i) => byte === other[i])
  }
  override toString(encoding = 'utf8', start = 0, end: number = this.length): string {
    const part = this.subarray(start, Math.min(end, this.length))
    switch (encoding) {
      case 'utf8':
        return new TextDecoder().decode(part)
      case 'latin1':
        return latin1(part)
      case 'hex':
        return Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join('')
      case 'base64':
        return btoa(latin1(part))
      case 'base64url':
        return btoa(latin1(part)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
      default:
        throw new RangeError(`no such encoding here: ${encoding}`)
    }
  }
  writeBigUInt64BE(value: bigint, offset = 0): number {
    this.#view().setBigUint64(offset, value)
    return offset + 8
  }
  readBigUInt64BE(offset = 0): bigint {
    return this.#view().getBigUint64(offset)
  }
  #view(): DataView {
    return new DataView(this.buffer, this.byteOffset, this.byteLength)
  }
}

const utf8 = new TextEncoder()

function decode(text: string, encoding: string): Bytes {
  switch (encoding) {
    case 'utf8':
      return Bytes.from(utf8.encode(text))
    case 'hex':
      return Bytes.from((text.match(/[0-9a-f]{2}/gi) ?? []).map((pair) => Number.parseInt(pair, 16)))
    case 'base64':
    case 'base64url':
      return fromBase64(text)
    default:
      throw new RangeError(`no such encoding here: ${encoding}`)
  }
}

/** As Node: both alphabets, padding or none, and nothing where it is no base64. `decodeBase64` of the core takes one spelling only. */
function fromBase64(text: string): Bytes {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replaceAll('=', '')
  try {
    return Bytes.from(Array.from(atob(plain), (character) => character.charCodeAt(0)))
  } catch {
    return new Bytes(0)
  }
}

/** In pieces: a function takes only so many arguments. */
function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  return text
}
