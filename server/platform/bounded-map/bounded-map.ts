/** A map that holds at most `capacity` entries, of which the half that was used last is never forgotten. */
export type BoundedMap<Key, Value> = {
  get(key: Key): Value | undefined
  set(key: Key, value: Value): void
  delete(key: Key): void
  clear(): void
}

/**
 * Two generations: what is used is in the young one, and when that is full, the old one is forgotten as a whole. To put every
 * entry that is used at the end of one Map costs more: V8 builds its table anew every few uses.
 *
 * @param capacity an even number
 */
export function createBoundedMap<Key, Value>(capacity: number): BoundedMap<Key, Value> {
  let young = new Map<Key, Value>()
  let old = new Map<Key, Value>()

  function keep(key: Key, value: Value): void {
    young.set(key, value)
    if (young.size < capacity / 2) return
    old = young
    young = new Map()
  }

  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const older = old.get(key)
      if (older !== undefined) keep(key, older)
      return older
    },
    set: keep,
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
    clear() {
      young.clear()
      old.clear()
    },
  }
}
