import { operationFor, read } from './published.ts'

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/**
 * Where a value is not of a published type: one line a place, with what was expected. Members that the type does not name are
 * let through, for clients skip them.
 */
export function mismatches(type: string, value: unknown, place = 'answer'): string[] {
  const published = read(type)
  if (value === null && published.nullable) return []
  const unless = (fits: boolean, expected: string) =>
    fits ? [] : [`${place}: ${JSON.stringify(value)?.slice(0, 80)} is no ${expected}`]
  switch (published.kind) {
    case 'any':
      return []
    case 'text':
    case 'file':
      return unless(typeof value === 'string', 'text')
    case 'time':
      return unless(typeof value === 'string' && rfc3339.test(value), 'time of RFC 3339')
    case 'int':
      return unless(Number.isSafeInteger(value), 'whole number')
    case 'number':
      return unless(typeof value === 'number', 'number')
    case 'bool':
      return unless(typeof value === 'boolean', 'boolean')
    case 'one of':
      return unless(published.values.includes(value as string), published.values.join(', '))
    case 'list':
      if (!Array.isArray(value)) return unless(false, 'list')
      return value.flatMap((item, at) => mismatches(published.of, item, `${place}[${at}]`))
    case 'object':
      return unless(isObject(value), 'object')
    case 'map':
      if (!isObject(value)) return unless(false, 'object')
      return Object.entries(value).flatMap(([key, item]) => mismatches(published.of, item, `${place}.${key}`))
    case 'members':
      if (!isObject(value)) return unless(false, 'object')
      return [...published.members].flatMap(([name, member]) => {
        if (Object.hasOwn(value, name)) return mismatches(member.type, value[name], `${place}.${name}`)
        return member.required ? [`${place}.${name} is missing`] : []
      })
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * What is wrong with an answer of the published API, as its clients would find: another status than the declared success, another
 * shape, a body that came with 204, or an error that is not in the envelope of errors.
 *
 * @param body parsed where the answer said that it is JSON, else its text
 */
export function faultsOf(method: string, path: string, status: number, body: unknown): string[] {
  if (status >= 400) return mismatches('Error', body, 'error')
  const [, published] = operationFor(method, path) ?? []
  if (!published) return []
  if (status !== published.status) return [`${status} where ${published.status} is published`]
  if (published.answer === undefined) return body === '' ? [] : ['a body, where none is published']
  return mismatches(published.answer, body)
}
