import { posix } from 'node:path'
import type { Import, Module } from './modules.ts'
import { harmlessState, keptState } from './state.ts'

/** A rule of the house, with what breaks it: a line each that says which import and what to do instead. */
export type Rule = { readonly rule: string; readonly check: (tree: Tree) => readonly string[] }

export type Tree = {
  readonly modules: ReadonlyMap<string, Module>
  /** What `dependencies` and `optionalDependencies` of package.json name. */
  readonly dependencies: ReadonlySet<string>
  /** Modules of the programs themselves: everything that a start can load. */
  readonly running: readonly Module[]
}

/** Where the programs begin. */
const entries = ['server/main.ts', 'cli/main.ts', 'agent/main.ts']

export function treeOf(modules: readonly Module[], dependencies: Iterable<string>): Tree {
  const byPath = new Map(modules.map((module) => [module.path, module]))
  return { modules: byPath, dependencies: new Set(dependencies), running: reachable(byPath, entries) }
}

/**
 * Builtins that core may use, and what of them: functions of their arguments alone. Randomness (`randomBytes`,
 * `generateKeyPair`) and time come in as arguments.
 */
const pureBuiltins: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': [
    ...['hash', 'createHash', 'createHmac', 'hkdfSync', 'timingSafeEqual'],
    ...['createCipheriv', 'createDecipheriv', 'sign', 'verify'],
    ...['createPrivateKey', 'createPublicKey', 'createSecretKey', 'KeyObject'],
  ],
  'node:buffer': ['Buffer', 'isUtf8'],
  'node:url': ['domainToASCII', 'domainToUnicode'],
}

/** What reads a clock, the environment or chance, or reaches outside, without an import. */
const impure: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['Date.now()', /\bDate\.now\b/],
  ['new Date() without an argument', /\bnew Date(?:\(\s*\)|(?!\w|\())/],
  ['Math.random()', /\bMath\.random\b/],
  ['performance', /\bperformance\./],
  ['process', /\bprocess\./],
  ['a timer', /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\(/],
  ['fetch()', /\bfetch\(/],
  ['console', /\bconsole\./],
  ['globalThis', /\bglobalThis\b/],
  ['the global crypto', /(?<![\w$.])crypto\./],
  ['import.meta', /\bimport\.meta\b/],
]

/** Calls that open something: a connection, a listener, a timer, a child. Nothing does so when it is imported. */
const opening = new RegExp(
  String.raw`\bnew\s+(?:pg\.)?(?:Pool|Client|Worker|Agent)\(|\bcreate(?:Secure)?Server\(|\.(?:listen|connect)\(|` +
    String.raw`\b(?:setInterval|setTimeout|connect|spawn|fork|execFile|openPool|Fastify)\(|\bprocess\.on(?:ce)?\(|\bawait\b`,
)

const isTest = (path: string) => /\.test\.ts$|^(?:tests|bench)\//.test(path)

/** `server/<feature>`, or undefined for the files of `server/` itself. */
const featureOf = (path: string) => /^server\/([\w-]+)\//.exec(path)?.[1]

export const rules: readonly Rule[] = [
  {
    rule: 'core is pure: it imports core, types of contract, and builtins that only compute',
    check: ({ running }) =>
      eachImport(running, inside('core'), (one) => {
        if (one.file?.startsWith('core/')) return undefined
        if (one.file?.startsWith('contract/'))
          return one.typeOnly ? undefined : 'core takes only types of contract (`import type`); pass the value in'
        if (one.packageName === undefined) return 'core imports nothing outside core and contract; pass the value in'
        const allowed = pureBuiltins[one.packageName]
        if (!allowed) return 'core does no I/O and has no packages; do it in server/ and pass the value in'
        const bad = one.names.length === 0 ? ['*'] : one.names.filter((name) => !allowed.includes(name))
        if (bad.length === 0 || one.typeOnly) return undefined
        return `of ${one.packageName} core takes ${allowed.join(', ')} by name; pass in what ${bad.join(', ')} gives`
      }),
  },
  {
    rule: 'core and contract read no clock, chance, environment or network',
    check: ({ running }) =>
      running
        .filter(({ path }) => inside('core')(path) || inside('contract')(path))
        .flatMap(({ path, code }) =>
          impure
            .filter(([, pattern]) => pattern.test(code))
            .map(([what, pattern]) => `${path}:${lineOf(code, pattern)} uses ${what}; take it as an argument`),
        ),
  },
  {
    rule: 'contract imports zod, core and contract',
    check: ({ running }) =>
      eachImport(running, inside('contract'), ({ file, packageName }) =>
        packageName === 'zod' || file?.startsWith('core/') || file?.startsWith('contract/')
          ? undefined
          : 'contract is shapes: it imports zod, core and contract; what needs more belongs in server/',
      ),
  },
  {
    rule: 'server/platform and server/gateway know no feature',
    check: ({ running }) => [
      ...eachImport(running, inside('server/platform'), ({ file }) =>
        file?.startsWith('server/') && !file.startsWith('server/platform/')
          ? 'platform knows no feature; take what it needs as an argument'
          : undefined,
      ),
      ...eachImport(running, inside('server/gateway'), ({ file }) =>
        file?.startsWith('server/') && !/^server\/(?:gateway|platform)\//.test(file)
          ? 'the gateway knows no feature; take what it needs as a port'
          : undefined,
      ),
    ],
  },
  {
    rule: 'a feature sees another, and a part of platform, only through its index.ts',
    check: ({ running }) =>
      eachImport(running, inside('server'), ({ file }, { path }) => {
        if (!file?.startsWith('server/')) return undefined
        const theirs = homeOf(file)
        if (theirs === undefined || theirs === homeOf(path)) return undefined
        return posix.basename(file) === 'index.ts'
          ? undefined
          : `import it from the index.ts beside it; if it is not there, ${theirs} keeps it for itself`
      }),
  },
  {
    rule: 'core is used through the index.ts of its parts',
    check: ({ running }) =>
      eachImport(
        running,
        (path) => !inside('core')(path),
        ({ file }) =>
          file && /^core\/[\w-]+\//.test(file) && posix.basename(file) !== 'index.ts'
            ? `import it from ${posix.dirname(file)}/index.ts`
            : undefined,
      ),
  },
  {
    rule: 'a feature does not import what wires it together',
    check: ({ running }) =>
      eachImport(
        running,
        (path) => featureOf(path) !== undefined,
        ({ file }) =>
          file?.startsWith('server/') && featureOf(file) === undefined
            ? 'app.ts and its neighbours wire features, never the other way round; take it as an argument'
            : undefined,
      ),
  },
  {
    rule: 'the command line uses core and contract; of the server it starts main.ts and nothing else',
    check: ({ running }) =>
      eachImport(running, inside('cli'), ({ file }) =>
        file === undefined || /^(?:cli|core|contract)\/|^package\.json$|^server\/main\.ts$/.test(file)
          ? undefined
          : 'the command line talks to a server over HTTPS; share code through core or contract',
      ),
  },
  {
    rule: 'programs import nothing from tests or bench',
    check: ({ running }) =>
      eachImport(
        running,
        (path) => !isTest(path),
        ({ file }) => (file && isTest(file) ? 'move what both need out of tests' : undefined),
      ),
  },
  {
    rule: 'programs import only packages that package.json names as dependencies',
    check: ({ running, dependencies }) =>
      eachImport(
        running,
        () => true,
        ({ packageName, typeOnly }) =>
          packageName === undefined || packageName.startsWith('node:') || typeOnly || dependencies.has(packageName)
            ? undefined
            : `${packageName} is no dependency; add it to package.json and docs/dependencies.md, or do without`,
      ),
  },
  {
    rule: 'a module that nothing runs and no test reaches is removed',
    check: ({ modules, running }) => {
      const known = new Set(running.map(({ path }) => path))
      const tested = reachable(
        modules,
        [...modules.keys()].filter((path) => isTest(path)),
      )
      for (const { path } of tested) known.add(path)
      return [...modules.keys()].filter((path) => !known.has(path)).map((path) => `${path} is imported by nobody`)
    },
  },
  {
    rule: 'relative imports name files that exist',
    check: ({ modules }) =>
      eachImport(
        [...modules.values()],
        () => true,
        ({ file }) => (file?.endsWith('.ts') && !modules.has(file) ? `there is no ${file}` : undefined),
      ),
  },
  {
    rule: 'no export *: an index names what others may use, one by one',
    check: ({ modules }) =>
      eachImport(
        [...modules.values()],
        () => true,
        ({ star }) => (star ? 'name what is exported' : undefined),
      ),
  },
  {
    rule: 'files do not import each other in a circle',
    check: ({ modules }) =>
      circles(
        new Map([...modules].map(([path, { imports }]) => [path, imports.flatMap(({ file }) => file ?? [])])),
      ).map((circle) => `${circle.join(' → ')}; move what both need to a third file`),
  },
  {
    rule: 'folders do not import each other in a circle',
    check: ({ running }) => {
      const folders = new Map<string, string[]>()
      for (const { path, imports } of running) {
        const folder = posix.dirname(path)
        const others = imports.flatMap(({ file }) => (file ? [posix.dirname(file)] : []))
        folders.set(folder, [...(folders.get(folder) ?? []), ...others.filter((other) => other !== folder)])
      }
      return circles(folders).map((circle) => {
        const steps = circle.slice(1).map((to, i) => `  ${exampleOf(running, circle[i] ?? '', to)}`)
        return `${circle.join(' → ')}; turn one of these round:\n${steps.join('\n')}`
      })
    },
  },
  {
    rule: 'only server/config.ts reads the environment; what is run hands it over, the command line has its own',
    check: ({ running }) =>
      running
        .filter(({ path, code }) => /\bprocess\.env\b|\bprocess\[/.test(code) && !inside('cli')(path))
        .filter(({ path }) => !['server/config.ts', 'server/main.ts', 'server/read-config.ts'].includes(path))
        .map(
          ({ path, code }) =>
            `${path}:${lineOf(code, /\bprocess\.env\b|\bprocess\[/)} reads process.env; let config.ts parse it`,
        ),
  },
  {
    rule: 'a module opens nothing when it is imported',
    check: ({ running }) =>
      running
        .filter(({ path }) => !entries.includes(path))
        .flatMap(({ path, code }) =>
          topLevel(code)
            .map(({ text, line }) => ({ line, call: opening.exec(text)?.[0] }))
            .filter(({ call }) => call !== undefined)
            .map(({ line, call }) => `${path}:${line} runs \`${call}\` when imported; put it into a create… function`),
        ),
  },
  {
    rule: 'G07: a module keeps no state, so that nothing of one request or tenant is there for another',
    check: ({ running }) => {
      const kept = running
        .filter(({ path }) => ['server', 'core', 'cli'].some((folder) => inside(folder)(path)))
        .flatMap(keptState)
      const known = (one: { readonly path: string; readonly name: string }) => (other: typeof one) =>
        one.path === other.path && one.name === other.name
      const paths = new Set(running.map(({ path }) => path))
      return [
        ...kept
          .filter((one) => !harmlessState.some(known(one)))
          .map(({ path, line, name, why }) => `${path}:${line} ${name} ${why}; make it in a create… function`),
        ...harmlessState
          .filter((one) => paths.has(one.path) && !kept.some(known(one)))
          .map(({ path, name }) => `${path} keeps no ${name} any more; take it off the list in state.ts`),
      ]
    },
  },
]

const inside = (folder: string) => (path: string) => path.startsWith(`${folder}/`)

/** What has one face: a feature, or one part of platform. */
function homeOf(path: string): string | undefined {
  return /^server\/(?:platform\/)?[\w-]+(?=\/)/.exec(path)?.[0]
}

function eachImport(
  modules: readonly Module[],
  where: (path: string) => boolean,
  problem: (one: Import, module: Module) => string | undefined,
): string[] {
  return modules
    .filter(({ path }) => where(path))
    .flatMap((module) =>
      module.imports.flatMap((one) => {
        const found = problem(one, module)
        return found === undefined ? [] : [`${module.path}:${one.line} imports ${one.specifier}: ${found}`]
      }),
    )
}

function exampleOf(modules: readonly Module[], from: string, to: string): string {
  const module = modules.find(
    ({ path, imports }) =>
      posix.dirname(path) === from && imports.some(({ file }) => file && posix.dirname(file) === to),
  )
  return `${module?.path} imports ${module?.imports.find(({ file }) => file && posix.dirname(file) === to)?.file}`
}

function lineOf(code: string, pattern: RegExp): number {
  return code.slice(0, code.search(pattern)).split('\n').length
}

function reachable(modules: ReadonlyMap<string, Module>, from: readonly string[]): Module[] {
  const found = new Map<string, Module>()
  const waiting = [...from]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const module = modules.get(path)
    if (!module || found.has(path)) continue
    found.set(path, module)
    waiting.push(...module.imports.flatMap(({ file }) => file ?? []))
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Shortest circles of a graph, each from its smallest member round to itself, each found once. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found = new Map<string, string[]>()
  for (const start of [...graph.keys()].sort()) {
    const circle = shortestWay(graph, start)
    if (!circle) continue
    const key = [...new Set(circle)].sort().join(' ')
    if (!found.has(key)) found.set(key, circle)
  }
  return [...found.values()]
}

function shortestWay(graph: ReadonlyMap<string, readonly string[]>, start: string): string[] | undefined {
  const before = new Map<string, string>()
  const waiting = [start]
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    for (const next of graph.get(at) ?? []) {
      if (next === start) {
        const way = [start]
        for (let step: string | undefined = at; step !== undefined && step !== start; step = before.get(step))
          way.unshift(step)
        return [start, ...way]
      }
      if (before.has(next)) continue
      before.set(next, at)
      waiting.push(next)
    }
  }
  return undefined
}

/** Where a function's body begins; behind an `if` or a loop `) {` begins what runs at once. */
const startsBody = (text: string) =>
  /^\s*(?:if|for|while)\b/.test(text) ? /=>|\bfunction\b/ : /=>|\bfunction\b|\)\s*(?::[^={;]*)?\{/

/**
 * What runs when a module is loaded: its statements up to the first function in each. Coarse on purpose: what it misses
 * (a call behind an arrow's argument) is rare, and what it finds is wrong.
 */
function topLevel(code: string): { text: string; line: number }[] {
  const statements: { text: string; line: number }[] = []
  let text = ''
  let line = 1
  let startsAt = 1
  let depth = 0
  const end = () => {
    const isCode =
      !/^\s*(?:export\s+)?(?:default\s+)?(?:async\s+function|function|class|abstract|type|interface|import|declare)\b/.test(
        text,
      )
    if (isCode) statements.push({ text: text.split(startsBody(text))[0] ?? '', line: startsAt })
    text = ''
  }
  for (const [i, char] of [...code].entries()) {
    if ('({['.includes(char)) depth++
    if (')}]'.includes(char)) depth--
    if (char === '\n') line++
    // Biome begins a statement's first line at the margin and no other but one that closes a bracket.
    if (char === '\n' && depth === 0 && /[\w@]/.test(code[i + 1] ?? '')) {
      end()
      startsAt = line
    }
    text += char
  }
  end()
  return statements
}
