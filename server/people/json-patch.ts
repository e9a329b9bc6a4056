import { isDeepStrictEqual } from 'node:util'
import type { JsonPatch } from '../../contract/wire/users.ts'
import { err, ok, type Result } from '../../core/result.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

type Path = readonly string[]

/**
 * Applies a JSON Patch (RFC 6902): all operations or none, each on what the one before it left.
 *
 * @param patchable whether an operation may name this place, as the reference tokens of its pointer (RFC 6901)
 * @returns the new document, or what is wrong and at which path; the document given stays as it is
 */
export function applyPatch(document: Json, patch: JsonPatch, patchable: (path: Path) => boolean): Result<Json, string> {
  const root = { '': detach(document) }
  for (const { op, path: pointer, from: fromPointer, value } of patch) {
    const path = parsePointer(pointer, patchable)
    if (!path.ok) return path
    const problem = (what: string) => err(`${op} ${pointer}: ${what}`)
    const needsFrom = op === 'move' || op === 'copy'
    const from = needsFrom ? parsePointer(fromPointer ?? undefined, patchable) : ok([])
    if (!from.ok) return problem(`from: ${from.error}`)
    if (!needsFrom && op !== 'remove' && value === undefined) return problem('needs a value')
    const given = () => detach(value as Json) // Parsed from JSON, so it is Json.

    let failure: string | undefined
    if (op === 'add') failure = add(root, path.value, given())
    else if (op === 'remove') failure = remove(root, path.value)
    else if (op === 'replace') failure = replace(root, path.value, given())
    else if (op === 'test') failure = test(root, path.value, given())
    else if (op === 'copy') failure = copy(root, from.value, path.value)
    else failure = move(root, from.value, path.value)
    if (failure !== undefined) return problem(failure)
  }
  return ok(root[''])
}

type Holder = Json[] | { [key: string]: Json }

function add(root: Holder, path: Path, value: Json): string | undefined {
  const place = placeOf(root, path)
  if (!place) return 'there is no such place'
  const { holder, key } = place
  if (!Array.isArray(holder)) {
    holder[key] = value
    return undefined
  }
  const index = key === '-' ? holder.length : indexOf(key)
  if (index === undefined || index > holder.length) return 'the index is beyond the list'
  holder.splice(index, 0, value)
  return undefined
}

function remove(root: Holder, path: Path): string | undefined {
  const place = existing(root, path)
  if (!place) return 'there is nothing to remove'
  if (Array.isArray(place.holder)) place.holder.splice(Number(place.key), 1)
  else delete place.holder[place.key]
  return undefined
}

function replace(root: Holder, path: Path, value: Json): string | undefined {
  const place = existing(root, path)
  if (!place) return 'there is nothing to replace'
  write(place, value)
  return undefined
}

function test(root: Holder, path: Path, value: Json): string | undefined {
  const place = existing(root, path)
  return place && isDeepStrictEqual(read(place), value) ? undefined : 'the value is another'
}

function copy(root: Holder, from: Path, path: Path): string | undefined {
  const source = existing(root, from)
  return source ? add(root, path, detach(read(source))) : 'there is nothing at "from"'
}

function move(root: Holder, from: Path, path: Path): string | undefined {
  const source = existing(root, from)
  if (!source) return 'there is nothing at "from"'
  // RFC 6902 §4.4: not into one of its own children.
  if (path.length > from.length && from.every((token, i) => token === path[i])) return '"from" is above it'
  const moved = read(source)
  return remove(root, from) ?? add(root, path, moved)
}

type Place = { readonly holder: Holder; readonly key: string }

/** Where a path's last token belongs: the object or list that holds it. The whole document stands under ''. */
function placeOf(root: Holder, path: Path): Place | undefined {
  let place: Place = { holder: root, key: '' }
  for (const token of path) {
    if (!has(place)) return undefined
    const inner = read(place)
    if (typeof inner !== 'object' || inner === null) return undefined
    place = { holder: inner, key: token }
  }
  return place
}

function existing(root: Holder, path: Path): Place | undefined {
  const place = placeOf(root, path)
  return place && has(place) ? place : undefined
}

function has({ holder, key }: Place): boolean {
  if (!Array.isArray(holder)) return Object.hasOwn(holder, key)
  const index = indexOf(key)
  return index !== undefined && index < holder.length
}

// Casts in both: `has` was asked before.
const read = ({ holder, key }: Place): Json => (Array.isArray(holder) ? holder[Number(key)] : holder[key]) as Json

function write({ holder, key }: Place, value: Json): void {
  if (Array.isArray(holder)) holder[Number(key)] = value
  else holder[key] = value
}

/** RFC 6901 §4: no sign, no leading zero. */
const indexOf = (token: string): number | undefined => (/^(0|[1-9]\d{0,8})$/.test(token) ? Number(token) : undefined)

function parsePointer(pointer: string | undefined, patchable: (path: Path) => boolean): Result<Path, string> {
  if (pointer === undefined) return err('is missing')
  if (!/^(\/([^~/]|~[01])*)*$/.test(pointer)) return err(`"${pointer}" is not a JSON pointer`)
  const path = pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  return patchable(path) ? ok(path) : err(`"${pointer}" cannot be patched`)
}

/** A copy whose objects inherit nothing: a member called `__proto__` is a member like any other. */
function detach(value: Json): Json {
  if (Array.isArray(value)) return value.map(detach)
  if (typeof value !== 'object' || value === null) return value
  const copy: { [key: string]: Json } = Object.create(null)
  for (const [key, inner] of Object.entries(value)) copy[key] = detach(inner)
  return copy
}
