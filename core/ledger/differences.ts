/** A member of an object before and after a change. */
export type Difference = { readonly before: unknown; readonly after: unknown }

/**
 * What an entry tells of a change: of what was written, each member that was another before.
 *
 * @param written what is absent in it, or undefined, stayed as it was
 */
export function differences<Of extends object>(before: Of, written: Partial<Of>): Record<string, Difference> {
  return Object.fromEntries(
    Object.entries(written).flatMap(([name, after]) => {
      const was = before[name as keyof Of] // Cast: the keys of `written` are these.
      return after === undefined || isSame(was, after) ? [] : [[name, { before: was ?? null, after }]]
    }),
  )
}

/** Whether two values of JSON are the same; the members of an object have no order. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(ordered(a)) === JSON.stringify(ordered(b))
}

const ordered = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1))
    : value
