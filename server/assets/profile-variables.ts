import { isIPv4, isIPv6 } from 'node:net'
import { RE2JS, RE2JSException } from 're2js'
import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import {
  type VariableIn,
  type Variables,
  variableFormats,
  variableInputs,
} from '../../contract/wire/cluster-profiles.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'

/** A variable as it is stored; `defaultValue` of a sensitive one is never shown. */
export const variable = z.object({
  name: z.string(),
  displayName: z.string(),
  description: z.string(),
  format: z.enum(variableFormats),
  inputType: z.enum(variableInputs),
  options: z.array(z.object({ value: z.string(), label: z.string(), description: z.string() })),
  defaultValue: z.string(),
  regex: z.string(),
  required: z.boolean(),
  immutable: z.boolean(),
  hidden: z.boolean(),
  isSensitive: z.boolean(),
})
export type Variable = z.output<typeof variable>

/** Stands in answers where a sensitive default is. */
export const mask = '********'

/**
 * All variables of a profile as they were written, each looked at by itself and beside the others.
 *
 * @param before what is stored: a sensitive default that is not sent stays with the variable that it was sent for
 */
export function writtenVariables(
  written: readonly VariableIn[],
  before: readonly Variable[],
): Result<readonly Variable[], Refusal> {
  if (written.length > maxVariables) return err(refuse('invalid', `variables: are more than ${maxVariables}`))
  const variables: Variable[] = []
  const names = new Set<string>()
  const shownNames = new Set<string>()
  const budget: Budget = { instructions: 10_000, steps: 4_000_000 }
  for (const one of written) {
    if (!added(names, one.name)) return err(refuse('invalid', `variables: "${one.name}" stands twice`))
    if (one.displayName !== '' && !added(shownNames, one.displayName))
      return err(refuse('invalid', `variables: the displayName of ${one.name} is another's`))
    const checked = writtenVariable(
      one,
      before.find(({ name }) => name === one.name),
      budget,
    )
    if (!checked.ok) return checked
    variables.push(checked.value)
  }
  return ok(variables)
}

/** As answers show them. */
export const shownVariables = (variables: readonly Variable[]): Variables =>
  variables.map((one) => ({
    ...one,
    options: one.options.map((option) => ({ ...option, default: isDefault(option, one.defaultValue) })),
    defaultValue: one.isSensitive && one.defaultValue !== '' ? mask : one.defaultValue,
  }))

const maxVariables = 200
const maxOptions = 100

function writtenVariable(written: VariableIn, before: Variable | undefined, budget: Budget): Result<Variable, Refusal> {
  const { name, format, inputType, regex, required, isSensitive } = written
  const no = (why: string) => err(refuse('invalid', `variables: ${name}: ${why}`))
  const options = optionsOf(written)
  if (!options.ok) return no(options.error)
  const value = defaultOf(written, before)
  if (!value.ok) return no(value.error)
  const defaultValue = value.value
  if (required && defaultValue === '') return no('is required and needs a defaultValue')
  if (inputType === 'multiline' && format !== 'string') return no('of several lines is of format string')
  // A list of options says which of them is the default.
  if (inputType === 'dropdown' && isSensitive) return no('a dropdown cannot be sensitive')
  if (defaultValue !== '') {
    if (inputType === 'dropdown') {
      if (!options.value.some((option) => isDefault(option, defaultValue))) return no('defaultValue is no option')
    } else if (!isOfFormat[format](defaultValue)) return no(`defaultValue is not of format ${format}`)
  }
  if (regex !== '') {
    const matched = matches(regex, defaultValue, budget)
    if (!matched.ok) return no(matched.error)
    if (defaultValue !== '' && !matched.value) return no('defaultValue does not match regex')
  }
  return ok({ ...written, options: options.value, defaultValue })
}

function optionsOf({ inputType, options, format }: VariableIn): Result<Variable['options'], string> {
  if (inputType !== 'dropdown') return options.length === 0 ? ok([]) : err('options belong to a dropdown')
  if (options.length === 0 || options.length > maxOptions) return err(`a dropdown has 1 to ${maxOptions} options`)
  const values = new Set<string>()
  for (const { value } of options) {
    if (values.has(value)) return err('two options have one value')
    values.add(value)
    if (!isOfFormat[format](value)) return err(`an option is not of format ${format}`)
  }
  if (options.filter((one) => one.default).length > 1) return err('two options are the default')
  return ok(options.map(({ value, label, description }) => ({ value, label, description })))
}

/**
 * The default that counts. One that is kept is never looked at under other rules than those it was sent with: whether it
 * passed them would say something about it.
 */
function defaultOf(written: VariableIn, before: Variable | undefined): Result<string, string> {
  const { defaultValue, inputType, options, isSensitive } = written
  const had = before?.isSensitive === true && before.defaultValue !== '' ? before : undefined
  const isSent = typeof defaultValue === 'string' && !(defaultValue === mask && (isSensitive || had !== undefined))
  if (isSent) {
    const chosen = inputType === 'dropdown' ? options.find((one) => one.default)?.value : undefined
    return ok(defaultValue === '' ? (chosen ?? '') : defaultValue)
  }
  if (had === undefined)
    return typeof defaultValue === 'string'
      ? err('defaultValue is the mask of a value that is not there')
      : ok((inputType === 'dropdown' ? options.find((one) => one.default)?.value : undefined) ?? '')
  const same =
    isSensitive && written.format === had.format && inputType === had.inputType && written.regex === had.regex
  return same ? ok(had.defaultValue) : err('defaultValue has to be sent again, for what it must be has changed')
}

/** Clients name an option by its value, and some by its label. */
const isDefault = ({ value, label }: { readonly value: string; readonly label: string }, chosen: string): boolean =>
  chosen !== '' && (value === chosen || label === chosen)

/** @returns whether it was new, in any spelling */
function added(names: Set<string>, name: string): boolean {
  return names.size !== names.add(nameKey(name)).size
}

/** What the patterns of one request may cost together: instructions of their programs, and steps of their matches. */
type Budget = { instructions: number; steps: number }

const maxInstructions = 1_000

/**
 * Whether a text matches a pattern of RE2, in any place unless the pattern says `^` and `$`: in time linear in the text, times
 * the size of the pattern's program, which counted repetitions make large (threat G04).
 */
function matches(regex: string, text: string, budget: Budget): Result<boolean, string> {
  try {
    const pattern = RE2JS.compile(regex)
    const size = pattern.programSize()
    budget.instructions -= size
    budget.steps -= size * text.length
    if (size > maxInstructions || budget.instructions < 0) return err('regex repeats too much; count less')
    if (budget.steps < 0) return err('regex is too large for a defaultValue of this length')
    return ok(pattern.matcher(text).find())
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause
    return err('regex is no regular expression of RE2, which has no lookahead and no back references')
  }
}

const isOfFormat: Readonly<Record<Variable['format'], (text: string) => boolean>> = {
  string: () => true,
  number: (text) => /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/.test(text),
  boolean: (text) => text === 'true' || text === 'false',
  ipv4: isIPv4,
  ipv4cidr: (text) => {
    const [address = '', bits = '', ...more] = text.split('/')
    return more.length === 0 && isIPv4(address) && /^\d{1,2}$/.test(bits) && Number(bits) <= 32
  },
  ipv6: (text) => isIPv6(text) && !text.includes('%'),
  version: (text) => /^v?\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/.test(text),
  base64: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
}
