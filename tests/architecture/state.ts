import type { Module } from './modules.ts'

/**
 * What a module keeps that one request changes and another one reads: the way in which answers of two people, or of two tenants, get mixed
 * (threat G07). State is made in a `create…` function, for whom `app.ts` wires it.
 *
 * Found in the text: variables of a module that are assigned, its collections that are changed or could be by whoever imports them, what
 * remembers by its nature, and closures over such things that are made when the module is imported.
 */
export function keptState({ path, code }: Module): readonly Kept[] {
  return [...variables(code), ...constants(code), ...statics(code)].map(({ at, ...kept }) => ({
    ...kept,
    path,
    line: code.slice(0, at).split('\n').length,
  }))
}

export type Kept = { readonly path: string; readonly line: number; readonly name: string; readonly why: string }

type Found = { readonly at: number; readonly name: string; readonly why: string }

/** Deliberate, and the same whoever asks. */
export const harmlessState: readonly { readonly path: string; readonly name: string; readonly because: string }[] = [
  ...['pool', 'next'].map((name) => ({
    path: 'server/platform/random/index.ts',
    name,
    because: 'random bytes, each given out once and never read again',
  })),
  {
    path: 'core/access/request-conditions.ts',
    name: 'clockOf',
    because: 'what makes a time readable in a zone: a function of its name alone',
  },
  ...['networkOf', 'normal'].map((name) => ({
    path: 'server/gateway/limits.ts',
    name,
    because: 'what an address is when it is parsed: a function of its text alone',
  })),
]

function* variables(code: string): Generator<Found> {
  for (const { index, 1: name = '' } of code.matchAll(/^(?:export )?(?:let|var) ([\w$]+)/gm))
    yield { at: index, name, why: 'is a variable' }
}

const declared = /^(?<exported>export )?const (?<name>[\w$]+)(?<type>:[^\n]+?)? = (?<value>[^\n]*)/gm
/** Remembers by its nature; an empty one is made to be filled. */
const remembers = /^new (?:Weak(?:Map|Set|Ref)|AsyncLocalStorage|EventEmitter)\b|^new (?:Map|Set)(?:<.*>)?\(\)/
const collection = /^(?:new (?:Map|Set)\b|\[|Array\b)/
const changing = 'set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|write\\w*|enterWith'

function* constants(code: string): Generator<Found> {
  const makers = ownMakers(code)
  for (const { index, groups } of code.matchAll(declared)) {
    const { exported, name = '', type = '', value = '' } = groups ?? {}
    const readOnly = /^: *(?:readonly |Readonly)/.test(type) || /\bas const\b/.test(statementAt(code, index))
    const literal = name.replaceAll('$', '\\$')
    const changed =
      new RegExp(`(?<![\\w.$])${literal}(?:\\.\\w+|\\[[^\\]]*\\])*\\.(?:${changing})\\(`).test(code) ||
      new RegExp(`(?<![\\w.$])${literal}(?:\\.\\w+|\\[[^\\]]*\\])+ (?:[-+*/|&?]{0,2})=(?![=>])`).test(code) ||
      new RegExp(`(?:Object\\.assign|randomFillSync)\\(${literal}\\b`).test(code)
    const made = /^(?:await )?([\w$]+)(?:<.*>)?\(/.exec(value)?.[1] ?? ''
    if (remembers.test(value) && !readOnly) yield { at: index, name, why: 'remembers' }
    else if (changed) yield { at: index, name, why: 'is changed' }
    else if (exported && collection.test(value) && !readOnly && !/\]\s*\.join\(/.test(statementAt(code, index)))
      yield { at: index, name, why: 'may be changed by whoever imports it; say that it is read-only' }
    else if (/^create[A-Z]/.test(made) || makers.has(made))
      yield { at: index, name, why: `is what ${made}() keeps, made when the module is imported` }
  }
}

/** Functions of the module that answer a function or an object over something that they remember. */
function ownMakers(code: string): ReadonlySet<string> {
  const found = new Set<string>()
  for (const { 0: whole, 1: name = '' } of code.matchAll(/^(?:export )?function ([\w$]+)[\s\S]*?^\}/gm))
    if (
      /^ {2}(?:let |const [\w$]+[^\n]*= new (?:Weak)?(?:Map|Set)\b)/m.test(whole) &&
      /^ {2}return (?:\(|\{|function|async)/m.test(whole)
    )
      found.add(name)
  return found
}

function* statics(code: string): Generator<Found> {
  for (const { index, 1: name = '' } of code.matchAll(
    /^ +(?:private |public |protected )?static (?!readonly|async|\w+\()([\w$#]+)/gm,
  ))
    yield { at: index, name, why: 'is a variable of a class' }
  for (const { index, 1: name = '' } of code.matchAll(/\bglobalThis\.([\w$]+) =(?!=)/g))
    yield { at: index, name, why: 'is a variable of the whole program' }
}

/** From a declaration to the next line that begins at the margin with something else than a closing bracket. */
function statementAt(code: string, at: number): string {
  const rest = code.slice(at)
  const end = rest.search(/\n(?![\s})\]]|$)/)
  return end < 0 ? rest : rest.slice(0, end)
}
