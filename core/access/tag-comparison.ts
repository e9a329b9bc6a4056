import type { TagOperator } from './types.ts'

/** A number as tags write it: with so few digits that nothing is rounded. For JavaScript and PostgreSQL alike. */
export const numberPattern = '^-?[0-9]{1,9}([.][0-9]{1,6})?$'
/** A day, or a second of it in UTC (RFC 3339). For JavaScript and PostgreSQL alike. */
export const timePattern =
  '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$'

const isNumber = new RegExp(numberPattern)
const isTime = new RegExp(timePattern)

/** The number that a tag is, where it is one. */
export const numberOf = (text: string): number | undefined => (isNumber.test(text) ? Number(text) : undefined)

/** The time that a tag is, where it is one: its first second as text that sorts by time. */
export const timeOf = (text: string): string | undefined =>
  isTime.test(text) ? (text.length === 10 ? `${text}T00:00:00Z` : text) : undefined

/**
 * Compares a tag (undefined: there is none of that key) with any of the values.
 *
 * @returns nothing where that cannot be said: for an unknown operator, for values that are none of its kind or not there, and
 *   for a tag that is no number where numbers are compared, or no time where times are
 */
export function compareTag(
  operator: TagOperator,
  tag: string | undefined,
  values: readonly string[],
): boolean | undefined {
  if (operator === 'exists') return values.length === 0 ? tag !== undefined : undefined
  if (values.length === 0) return undefined
  switch (operator) {
    case 'eq':
    case 'in':
      return tag !== undefined && values.includes(tag)
    case 'prefix':
      return tag !== undefined && values.some((value) => tag.startsWith(value))
    case 'lt':
      return ordered(numberOf, (one, other) => one < other, tag, values)
    case 'lte':
      return ordered(numberOf, (one, other) => one <= other, tag, values)
    case 'gt':
      return ordered(numberOf, (one, other) => one > other, tag, values)
    case 'gte':
      return ordered(numberOf, (one, other) => one >= other, tag, values)
    case 'before':
      return ordered(timeOf, (one, other) => one < other, tag, values)
    case 'after':
      return ordered(timeOf, (one, other) => one > other, tag, values)
    default:
      return undefined
  }
}

function ordered<T>(
  read: (text: string) => T | undefined,
  isSo: (one: T, other: T) => boolean,
  tag: string | undefined,
  values: readonly string[],
): boolean | undefined {
  const bounds = values.map(read)
  if (!bounds.every((bound) => bound !== undefined)) return undefined
  if (tag === undefined) return false
  const found = read(tag)
  return found === undefined ? undefined : bounds.some((bound) => isSo(found, bound))
}
