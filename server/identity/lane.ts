import { err, ok, type Result } from '../../core/result.ts'

/** A few at once and a few more that wait; whoever comes beyond is turned away. */
export type Lane = { enter<T>(work: () => Promise<T>): Promise<Result<T, 'full'>> }

export function createLane({ atOnce, waiting }: { readonly atOnce: number; readonly waiting: number }): Lane {
  const queue: (() => void)[] = []
  let inside = 0
  return {
    async enter(work) {
      if (inside < atOnce) inside++
      else if (queue.length < waiting) await new Promise<void>((resolve) => queue.push(resolve))
      else return err('full')
      try {
        return ok(await work())
      } finally {
        // The place goes to the next in line without becoming free in between.
        const next = queue.shift()
        if (next) next()
        else inside--
      }
    },
  }
}
