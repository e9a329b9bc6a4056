/** Lines of the log. */
const burst = 500
const perSecond = 20

/**
 * How much of the log those may write who have proved nothing. A line for each of their requests would let one address fill a
 * disk with more than 100 GB a day; beyond the budget they are counted, and the next line says how many there were.
 */
export type LogBudget = {
  /** @returns what to add to a line that may be written now, or undefined where it may not */
  take(): { readonly unlogged?: number } | undefined
}

/** @param now monotonic milliseconds */
export function createLogBudget(now: () => number = () => performance.now()): LogBudget {
  let lines: number = burst
  let at = now()
  let unlogged = 0
  return {
    take() {
      const time = now()
      lines = Math.min(burst, lines + ((time - at) / 1000) * perSecond)
      at = time
      if (lines < 1) {
        unlogged++
        return undefined
      }
      lines -= 1
      const added = unlogged === 0 ? {} : { unlogged }
      unlogged = 0
      return added
    },
  }
}
