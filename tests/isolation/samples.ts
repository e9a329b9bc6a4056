/** The parts of JSON Schema that the API's own description uses. */
type Schema = {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly minimum?: number
}

/** A member of a body, from the root: `['spec', 'users', '[]', 'userId']`. */
export type Place = readonly string[]

/**
 * A value that the schema takes, with every member that it names, so that a request gets past its parser and reaches all
 * that the handler looks at.
 *
 * @param text what a string at this place is; `undefined` leaves the member out, and the object that cannot be without it
 */
export function sampleOf(schema: unknown, text: (place: Place) => unknown): unknown {
  return sampleAt(schema as Schema, [], text)
}

function sampleAt(schema: Schema, place: Place, text: (place: Place) => unknown): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  const choice = (schema.anyOf ?? schema.oneOf ?? []).find((one) => one.type !== 'null')
  if (choice) return sampleAt(choice, place, text)
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.find((one) => one !== 'null')
  switch (type) {
    case 'object': {
      const members = Object.entries(schema.properties ?? {}).map(
        ([name, member]) => [name, sampleAt(member, [...place, name], text)] as const,
      )
      const missing = members.some(([name, value]) => value === undefined && schema.required?.includes(name))
      return missing ? undefined : Object.fromEntries(members.filter(([, value]) => value !== undefined))
    }
    case 'array': {
      const item = sampleAt(schema.items ?? {}, [...place, '[]'], text)
      return item === undefined ? [] : [item]
    }
    case 'boolean':
      return true
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1)
    default:
      return schema.format === 'date-time' ? '2099-01-01T00:00:00.000Z' : text(place)
  }
}

/** The places of a value that hold something other than an object or array, in order. */
export function leavesOf(value: unknown, place: Place = []): Place[] {
  if (Array.isArray(value)) return value.flatMap((item) => leavesOf(item, [...place, '[]']))
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([name, member]) => leavesOf(member, [...place, name]))
  return [place]
}

/** A copy with something else at one place. */
export function withAt(value: unknown, place: Place, replacement: unknown): unknown {
  const [first, ...rest] = place
  if (first === undefined) return replacement
  if (Array.isArray(value)) return value.map((item) => withAt(item, rest, replacement))
  const object = value as Record<string, unknown> // a place leads through objects and arrays only
  return Object.fromEntries(
    Object.entries(object).map(([name, member]) => [name, name === first ? withAt(member, rest, replacement) : member]),
  )
}
