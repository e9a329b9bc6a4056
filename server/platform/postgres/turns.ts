/**
 * Those who would wait for one lock, in turn: few of them at a time begin, and the others wait in memory, in the order in which they
 * came. A lock in the database holds back those of other replicas; whoever waits for it there holds a connection.
 */
export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>

/** As long as a lock in the database is waited for: see `pools.ts`. */
const waitMs = 10_000

type Line = { running: number; readonly waiting: Set<() => void> }

/**
 * @param most at a time of one key, and in all
 * @returns throws what `databaseUnavailable` knows where a turn does not come in time
 */
export function createTurns(most: { readonly key: number; readonly all: number }): Turns {
  /** Those of which somebody runs or waits; the one that began last stands last. */
  const lines = new Map<string, Line>()
  let running = 0

  function begin(key: string, line: Line): void {
    running++
    line.running++
    lines.delete(key)
    lines.set(key, line)
  }

  function end(key: string, line: Line): void {
    running--
    line.running--
    if (line.running + line.waiting.size === 0) lines.delete(key)
    for (const [nextKey, next] of lines) {
      if (running >= most.all) return
      const [first] = next.waiting
      if (first === undefined || next.running >= most.key) continue
      next.waiting.delete(first)
      begin(nextKey, next)
      first()
      return
    }
  }

  return async (key, work) => {
    const line = lines.get(key) ?? { running: 0, waiting: new Set() }
    lines.set(key, line)
    if (running < most.all && line.running < most.key && line.waiting.size === 0) begin(key, line)
    else await turn(key, line)
    try {
      return await work()
    } finally {
      end(key, line)
    }
  }

  function turn(key: string, line: Line): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        line.waiting.delete(go)
        if (line.running + line.waiting.size === 0) lines.delete(key)
        reject(Object.assign(new Error('too many wait for the same lock'), { code: lockNotAvailable }))
      }, waitMs)
      line.waiting.add(go)
    })
  }
}

/** SQLSTATE of a lock that was waited for in vain, which this is like. */
const lockNotAvailable = '55P03'
