/** What can be read like a Map. */
export type ReadableMap<K, V> = {
  readonly size: number
  get(key: K): V | undefined
  [Symbol.iterator](): Iterator<readonly [K, V]>
}

/** Entries in one bucket when it is laid out, and at most on average: what a change copies. */
const wanted = 64
const most = 256

/**
 * A map that never changes, and whose changed copies share with it all but a few entries: `with` costs the same few
 * microseconds for a hundred entries and for a million, but for the rare copy that has outgrown its buckets and is laid out anew.
 */
export class SharedMap<K extends string, V extends object | string | number> implements ReadableMap<K, V> {
  readonly size: number
  /** As many as a power of two. */
  readonly #buckets: readonly (ReadonlyMap<K, V> | undefined)[]

  /** For this module: others make one by `sharedMap`. */
  constructor(buckets: readonly (ReadonlyMap<K, V> | undefined)[], size: number) {
    this.#buckets = buckets
    this.size = size
  }

  get(key: K): V | undefined {
    return this.#buckets[bucketOf(key, this.#buckets.length)]?.get(key)
  }

  /** A copy with these entries set, and those removed whose value is undefined. */
  with(changes: Iterable<readonly [K, V | undefined]>): SharedMap<K, V> {
    const buckets = this.#buckets.slice()
    const copied = new Map<number, Map<K, V>>()
    let size = this.size
    for (const [key, value] of changes) {
      const at = bucketOf(key, buckets.length)
      const bucket = copied.get(at) ?? new Map<K, V>(buckets[at])
      copied.set(at, bucket)
      buckets[at] = bucket
      size -= bucket.size
      if (value === undefined) bucket.delete(key)
      else bucket.set(key, value)
      size += bucket.size
    }
    const changed = new SharedMap<K, V>(buckets, size)
    return size > buckets.length * most ? sharedMap(changed, size) : changed
  }

  /** In no order that means anything: that of two maps with the same entries may differ. */
  *[Symbol.iterator](): IterableIterator<[K, V]> {
    for (const bucket of this.#buckets) if (bucket) yield* bucket
  }
}

/** @param count how many there are, about */
export function sharedMap<K extends string, V extends object | string | number>(
  entries: Iterable<readonly [K, V]>,
  count: number,
): SharedMap<K, V> {
  const buckets: (Map<K, V> | undefined)[] = new Array(2 ** Math.ceil(Math.log2(Math.max(1, count / wanted))))
  buckets.fill(undefined)
  let size = 0
  for (const [key, value] of entries) {
    const at = bucketOf(key, buckets.length)
    const bucket = buckets[at] ?? new Map<K, V>()
    buckets[at] = bucket
    size -= bucket.size
    bucket.set(key, value)
    size += bucket.size
  }
  return new SharedMap<K, V>(buckets, size)
}

const bucketOf = (key: string, buckets: number): number => hashOf(key) & (buckets - 1)

/** A number from 0 to 2^30 - 1, of the last characters: UIDs are random to their ends. Never proof that two names are one. */
export function hashOf(name: string): number {
  let hash = 0
  for (let at = Math.max(0, name.length - 8); at < name.length; at++) hash = (hash * 31 + name.charCodeAt(at)) | 0
  // What is lost in the low bits, where hexadecimal digits differ little, comes back from the high ones.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 12)) & 0x3fffffff
}
