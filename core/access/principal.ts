import type { Rows } from './held.ts'

/** All that one active user holds, through teams too, as rows that ascend by scope. */
export type Principal = {
  readonly rows: number
  /**
   * Four for each row: its scope's number, what `pack` says, which holder's it is, and which of theirs. First all of the first,
   * then all of the second and so on, so that a search touches little memory.
   */
  readonly words: Int32Array
  readonly holders: readonly Rows[]
}

/** A number has 53 bits, of which a scope's takes 31. */
const mostRows = 2 ** 22

/** Merges what some holders have: by scope, within one by holder, within one in their order. */
export function mergeRows(holders: readonly Rows[]): Principal {
  const rows = holders.reduce((sum, { words }) => sum + words.length / 2, 0)
  if (rows >= mostRows) throw new Error(`one user holds ${rows} grants, and there may be ${mostRows}`)
  const order = new Float64Array(rows)
  const unordered = new Int32Array(3 * rows)
  let next = 0
  for (const [holder, { words }] of holders.entries())
    for (let at = 0; at < words.length; at += 2) {
      order[next] = words[at]! * mostRows + next
      unordered[3 * next] = words[at + 1]!
      unordered[3 * next + 1] = holder
      unordered[3 * next + 2] = at >>> 1
      next++
    }
  order.sort()
  const words = new Int32Array(4 * rows)
  for (let at = 0; at < rows; at++) {
    const from = order[at]! % mostRows
    words[at] = Math.floor(order[at]! / mostRows)
    words[rows + at] = unordered[3 * from]!
    words[2 * rows + at] = unordered[3 * from + 1]!
    words[3 * rows + at] = unordered[3 * from + 2]!
  }
  return { rows, words, holders }
}
