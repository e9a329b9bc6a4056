const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

/** `1 hour 30 minutes`: the two largest units of a length of time. */
export function lengthOf(seconds: number): string {
  let left = Math.max(60, Math.round(seconds / 60) * 60)
  const parts: string[] = []
  for (const [unit, size] of units) {
    const count = Math.floor(left / size)
    left -= count * size
    if (count > 0 && parts.length < 2) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`)
  }
  return parts.join(' ')
}

const offered = [900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 3 * 86_400, 7 * 86_400, 30 * 86_400]

/** Lengths to choose from, up to the longest that is allowed. */
export const lengthsUpTo = (most: number): number[] => [...new Set([...offered.filter((one) => one < most), most])]
