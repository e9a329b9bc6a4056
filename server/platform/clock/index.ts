/** Wall time orders nothing and may jump; monotonic time measures. Tests pass a clock of their own. */
export type Clock = {
  /** Wall-clock time in milliseconds since 1970. */
  now(): number
  /** Milliseconds from an arbitrary start, never going back. */
  monotonicMs(): number
}

export const systemClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() }
