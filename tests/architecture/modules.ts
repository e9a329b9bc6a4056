import { globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'

/** One import, re-export or `import()` of a module. */
export type Import = {
  /** As written: `./pools.ts`, `node:net`, `zod`. */
  readonly specifier: string
  /** A file of the tree from its root, for relative specifiers. */
  readonly file: string | undefined
  /** The package that is meant: `node:net` for a builtin, `@scope/name` or `name` for one from npm. */
  readonly packageName: string | undefined
  /** `import type` or `export type`: nothing of it is left when the program runs. */
  readonly typeOnly: boolean
  /** What is taken by name, without `type` and `as`; empty for `* as x`, a default or a bare import. */
  readonly names: readonly string[]
  /** `export * from`, with or without a name. */
  readonly star: boolean
  readonly line: number
}

export type Module = {
  /** From the tree's root, with slashes. */
  readonly path: string
  /** The source with the inside of comments, strings, templates and regular expressions blanked, positions kept. */
  readonly code: string
  readonly imports: readonly Import[]
}

/** Reads the TypeScript files below these folders of `root`. */
export function readModules(root: string, folders: readonly string[]): Module[] {
  return folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => parseModule(path, readFileSync(`${root}/${path}`, 'utf8')))
}

/** The imports of one file, found in its text: TypeScript 7 has no parser that a program could call in a stable way. */
export function parseModule(path: string, source: string): Module {
  const code = blank(source)
  const found: Import[] = []
  for (const match of code.matchAll(importing)) {
    const { type, clause = '', star } = match.groups ?? {}
    const quoted = match[0].search(/['"]/) + match.index + 1
    const specifier = source.slice(quoted, code.slice(quoted).search(/['"]/) + quoted)
    found.push({
      specifier,
      ...resolve(path, specifier),
      typeOnly: type !== undefined,
      names: namesIn(clause),
      star: star !== undefined,
      line: code.slice(0, match.index).split('\n').length,
    })
  }
  return { path, code, imports: found }
}

/** Matches in blanked code, where a string is nothing but spaces between its quotes. */
const importing = new RegExp(
  [
    // import a from '', import { a } from '', import * as a from '', import ''
    String.raw`^import(?<type>\s+type)?\s+(?:(?<clause>[\w$*{},\s]+?)\s+from\s+)?['"] *['"]`,
    // export { a } from '', export * from '', export * as a from ''
    String.raw`^export(?<type>\s+type)?\s+(?:(?<star>\*)(?:\s+as\s+[\w$]+)?|(?<clause>\{[\w$,\s]*\}))\s+from\s+['"] *['"]`,
    // import(''), as an expression or as a type; require('')
    String.raw`\b(?:import|require)\(\s*['"] *['"]`,
  ].join('|'),
  'gm',
)

function namesIn(clause: string): string[] {
  const list = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
  return list
    .split(',')
    .map((name) =>
      name
        .trim()
        .replace(/^type\s+/, '')
        .replace(/\s+as\s.*$/s, ''),
    )
    .filter((name) => name !== '')
}

function resolve(from: string, specifier: string): Pick<Import, 'file' | 'packageName'> {
  if (specifier.startsWith('.')) return { file: posix.join(posix.dirname(from), specifier), packageName: undefined }
  if (isBuiltin(specifier)) return { file: undefined, packageName: specifier }
  const [scope = '', name] = specifier.split('/')
  return { file: undefined, packageName: scope.startsWith('@') ? `${scope}/${name}` : scope }
}

/** Replaces what is no code by spaces; line breaks stay, so that positions and line numbers do. */
export function blank(source: string): string {
  const out = source.split('')
  const erase = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  /** Where the `}` that ends a template's `${` is expected: the depth of braces at its beginning. */
  const templates: number[] = []
  let braces = 0
  /** The last character that was code, for telling a regular expression from a division. */
  let before = ''
  let i = 0
  while (i < source.length) {
    const char = source[i] ?? ''
    const two = source.slice(i, i + 2)
    let end = i + 1
    if (two === '//') {
      end = endOf(source, i, /\n|$/g, 0)
      erase(i, end)
    } else if (two === '/*') {
      end = endOf(source, i + 2, /\*\/|$/g)
      erase(i, end)
    } else if (char === "'" || char === '"') {
      end = endOf(source, i + 1, char === "'" ? /(?<!\\)(?:\\\\)*'|\n/g : /(?<!\\)(?:\\\\)*"|\n/g)
      erase(i + 1, end - 1)
      before = char
    } else if (char === '`' || (char === '}' && templates.at(-1) === braces)) {
      if (char === '}') templates.pop()
      end = endOfTemplate(source, i + 1)
      const opens = source.slice(end - 2, end) === '${'
      erase(i + 1, opens ? end - 2 : end - 1)
      if (opens) templates.push(braces)
      before = opens ? '{' : '`'
    } else if (char === '/' && !endsOperand(before, source.slice(0, i))) {
      end = endOfExpression(source, i + 1)
      erase(i + 1, end - 1)
      before = '/'
    } else {
      if (char === '{') braces++
      if (char === '}') braces--
      if (!/\s/.test(char)) before = char
    }
    i = end
  }
  return out.join('')
}

/** The position after the next match of `end`, or before it with `after` 0. */
function endOf(source: string, from: number, end: RegExp, after = Number.POSITIVE_INFINITY): number {
  end.lastIndex = from
  const match = end.exec(source)
  if (!match) return source.length
  return match.index + Math.min(after, match[0].length)
}

/** After a template's closing quote, or after the `${` that interrupts it. */
function endOfTemplate(source: string, from: number): number {
  for (let i = from; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '`') return i + 1
    else if (source.startsWith('${', i)) return i + 2
  }
  return source.length
}

/** After the slash that ends a regular expression: not one that is escaped or in a class. */
function endOfExpression(source: string, from: number): number {
  let inClass = false
  for (let i = from; i < source.length; i++) {
    const char = source[i]
    if (char === '\\') i++
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '\n' || (char === '/' && !inClass)) return i + 1
  }
  return source.length
}

/** Whether what stands before a slash is a value, so that the slash divides. */
function endsOperand(last: string, before: string): boolean {
  if (/[)\]}'"`]/.test(last)) return true
  if (!/[\w$]/.test(last)) return false
  return !/\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)\s*$/.test(before)
}
