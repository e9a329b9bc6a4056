import { read } from './published.ts'

/** The parts of JSON Schema that this API's description uses for answers. */
export type Schema = {
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
  readonly not?: Schema
}

/**
 * Where a schema allows what a published type does not: then some answer could break a client. The server holds its answers to
 * the schema, so that an empty list says that none does.
 */
export function broken(type: string, schema: Schema, place = 'answer'): string[] {
  // What no value fits is never sent: the items of a list that is always empty.
  if (schema.not && Object.keys(schema.not).length === 0) return []
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return choices.flatMap((choice) => broken(type, choice, place))
  const published = read(type)
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? [])
  if (types.includes('null') || schema.const === null)
    return [
      ...(published.nullable || published.kind === 'any' ? [] : [`${place} may be null`]),
      ...(types.length > 1 ? broken(type, { ...schema, type: types.filter((one) => one !== 'null') }, place) : []),
    ]
  const values = schema.const === undefined ? schema.enum : [schema.const]
  const [is = values === undefined ? 'anything' : typeof values[0]] = types
  const unless = (fits: boolean) => (fits ? [] : [`${place} is declared as ${is}, not as ${type}`])
  switch (published.kind) {
    case 'any':
      return []
    case 'text':
    case 'file':
      return unless(is === 'string')
    case 'time':
      return unless(is === 'string' && schema.format === 'date-time')
    case 'int':
      return unless(is === 'integer' || (values?.every(Number.isSafeInteger) ?? false))
    case 'number':
      return unless(is === 'number' || is === 'integer')
    case 'bool':
      return unless(is === 'boolean')
    case 'one of':
      return unless(values?.every((value) => published.values.includes(value as string)) ?? false)
    case 'list':
      return is === 'array' ? broken(published.of, schema.items ?? {}, `${place}[]`) : unless(false)
    case 'object':
      return unless(is === 'object')
    case 'map': {
      if (is !== 'object') return unless(false)
      const all = [...Object.values(schema.properties ?? {})]
      if (typeof schema.additionalProperties === 'object') all.push(schema.additionalProperties)
      else if (schema.additionalProperties !== false) all.push({})
      return all.flatMap((one) => broken(published.of, one, `${place}.*`))
    }
    case 'members':
      if (is !== 'object') return unless(false)
      return [...published.members].flatMap(([name, member]) => {
        const declared = schema.properties?.[name]
        const here = `${place}.${name}`
        if (declared === undefined) return member.required ? [`${here} is not declared`] : []
        const always = schema.required?.includes(name) ?? false
        return [
          ...(member.required && !always ? [`${here} may be left out`] : []),
          ...broken(member.type, declared, here),
        ]
      })
  }
}
