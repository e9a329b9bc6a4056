import operations from './operations.json' with { type: 'json' }
import shapes from './shapes.json' with { type: 'json' }

/**
 * One operation of the published API: what it is called and does, the status of its success, and the type of its answer.
 *
 * A type is a name in `shapes.json`, `text`, `time` (RFC 3339), `int`, `number`, `bool`, `file` (bytes), `any`, `object`, strings in
 * quotes joined by `|`, `[T]` for a list or `{T}` for a map; `?` at its end says that null is a value too. In a shape, `!` after a
 * member's name says that it is never left out.
 */
export type PublishedOperation = {
  readonly id: string
  readonly about: string
  readonly status: number
  readonly answer?: string
}

type Members = Readonly<Record<string, string>>

/** By `METHOD /path/{parameter}`. */
export const publishedOperations: ReadonlyMap<string, PublishedOperation> = new Map(Object.entries(operations))

const named: ReadonlyMap<string, string | Members> = new Map(Object.entries(shapes))

/** What a type is made of. */
export type Published =
  | {
      readonly kind: 'text' | 'time' | 'int' | 'number' | 'bool' | 'file' | 'any' | 'object'
      readonly nullable: boolean
    }
  | { readonly kind: 'one of'; readonly values: readonly string[]; readonly nullable: boolean }
  | { readonly kind: 'list' | 'map'; readonly of: string; readonly nullable: boolean }
  | { readonly kind: 'members'; readonly members: ReadonlyMap<string, Member>; readonly nullable: boolean }

type Member = { readonly type: string; readonly required: boolean }

/** Reads a type, names followed to what they stand for. @throws where a name is not in `shapes.json` */
export function read(type: string): Published {
  const nullable = type.endsWith('?')
  const bare = nullable ? type.slice(0, -1) : type
  switch (bare) {
    case 'text':
    case 'time':
    case 'int':
    case 'number':
    case 'bool':
    case 'file':
    case 'any':
    case 'object':
      return { kind: bare, nullable }
  }
  if (bare.startsWith('"')) return { kind: 'one of', values: bare.split('|').map((one) => JSON.parse(one)), nullable }
  if (bare.startsWith('[')) return { kind: 'list', of: bare.slice(1, -1), nullable }
  if (bare.startsWith('{')) return { kind: 'map', of: bare.slice(1, -1), nullable }
  const shape = named.get(bare)
  if (shape === undefined) throw new Error(`shapes.json has no ${bare}`)
  if (typeof shape === 'string') {
    const target = read(shape)
    return { ...target, nullable: nullable || target.nullable }
  }
  const members = Object.entries(shape).map(([key, of]) => {
    const required = key.endsWith('!')
    return [required ? key.slice(0, -1) : key, { type: of, required }] as const
  })
  return { kind: 'members', members: new Map(members), nullable }
}

/**
 * The published operation that a request is for: its route, with the names that its parameters have there.
 *
 * @param path as sent, with or without a query
 */
export function operationFor(method: string, path: string): readonly [string, PublishedOperation] | undefined {
  const segments = (path.split('?')[0] ?? '').split('/')
  // What names something literally is meant before what takes any name there.
  return [...publishedOperations]
    .filter(([route]) => fits(route, method, segments))
    .toSorted(([a], [b]) => a.split('{').length - b.split('{').length)[0]
}

function fits(route: string, method: string, segments: readonly string[]): boolean {
  const [verb, pattern = ''] = route.split(' ')
  const wanted = pattern.split('/')
  return (
    verb === method &&
    wanted.length === segments.length &&
    wanted.every((segment, at) => segment.startsWith('{') || segment === segments[at])
  )
}
