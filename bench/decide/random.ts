/** Numbers that look random and are the same in every run (mulberry32), so that figures compare between runs. */
export type Random = {
  /** At least 0, below 1. */
  readonly next: () => number
  readonly below: (limit: number) => number
  readonly pick: <T>(from: readonly T[]) => T
  /** `count` different ones, in random order. */
  readonly sample: <T>(from: readonly T[], count: number) => T[]
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const pick = <T>(from: readonly T[]): T => {
    const picked = from[below(from.length)]
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }
  const sample = <T>(from: readonly T[], count: number): T[] => {
    const picked = new Set<T>()
    while (picked.size < Math.min(count, from.length)) picked.add(pick(from))
    return [...picked]
  }
  return { next, below, pick, sample }
}
