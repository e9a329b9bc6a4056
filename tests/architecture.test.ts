import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { blank, parseModule, readModules } from './architecture/modules.ts'
import { rules, treeOf } from './architecture/rules.ts'

// Reads every import and keeps the map of the house true: docs/ARCHITECTURE.md says what the rules are for.

const root = fileURLToPath(new URL('..', import.meta.url))

describe('the tree', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as Record<
    'dependencies' | 'optionalDependencies',
    Record<string, string>
  >
  const modules = readModules(root, ['core', 'contract', 'server', 'cli', 'agent', 'bench', 'tests'])
  const tree = treeOf(modules, [...Object.keys(dependencies), ...Object.keys(optionalDependencies)])

  test('is read: every part of the house is in it', () => {
    const folders = new Set(tree.running.map(({ path }) => path.split('/').slice(0, 2).join('/')))
    for (const folder of [
      'core/access',
      'core/ledger',
      'contract/wire',
      'server/gateway',
      'server/platform',
      'cli/main.ts',
    ])
      assert.ok(folders.has(folder), `${folder} is not reached from server/main.ts or cli/main.ts`)
  })

  for (const { rule, check } of rules)
    test(rule, () => {
      const problems = check(tree)
      assert.equal(problems.length, 0, `\n${problems.join('\n')}\n`)
    })
})

describe('each rule sees what breaks it', () => {
  const sound: Readonly<Record<string, string>> = {
    'server/main.ts': `import { buildApp } from './app.ts'\nbuildApp(process.env)\n`,
    'server/app.ts': `import { createRoles } from './roles/index.ts'\nimport { createTeams } from './teams/index.ts'\n`,
    'server/config.ts': '',
    'cli/main.ts': `import { decide } from '../core/access/index.ts'\n`,
    'server/roles/index.ts': `export { createRoles } from './roles.ts'\n`,
    'server/roles/roles.ts': `import { decide } from '../../core/access/index.ts'\nimport { openPool } from '../platform/postgres/index.ts'
const words = new Set(['a'])
export const known: ReadonlySet<string> = new Set(['b'])
export const text = ['a', known].join(' ')
export function createRoles() {
  let n = 0
  const seen = new Map()
  return () => seen.set(n++, words)
}
`,
    'server/roles/roles.test.ts': `import './roles.ts'\nimport '../config.ts'\n`,
    'server/teams/index.ts': `export { createTeams } from './teams.ts'\n`,
    'server/teams/teams.ts': `import { createRoles } from '../roles/index.ts'\nimport pg from 'pg'\n`,
    'server/platform/postgres/index.ts': `export { openPool } from './pools.ts'\n`,
    'server/platform/postgres/pools.ts': `export const openPool = () => new pg.Pool({})\nexport function open() {\n  return setInterval(f, 1)\n}\n`,
    'core/access/index.ts': `export { decide } from './decide.ts'\n`,
    'core/access/decide.ts': `import { createHash } from 'node:crypto'\nimport type { Permission } from '../../contract/permissions.ts'\n`,
    'contract/permissions.ts': `import { z } from 'zod'\n`,
  }
  const problemsIn = (files: Readonly<Record<string, string>>) => {
    const tree = treeOf(
      Object.entries(files).map(([path, source]) => parseModule(path, source)),
      ['zod', 'pg'],
    )
    return rules.flatMap(({ rule, check }) => check(tree).map((problem) => ({ rule, problem })))
  }

  test('a sound tree has no problem', () => assert.deepEqual(problemsIn(sound), []))

  const seeds: readonly { readonly in: string; readonly add: string; readonly says: RegExp }[] = [
    { in: 'core/access/decide.ts', add: `import { readFileSync } from 'node:fs'`, says: /core does no I\/O/ },
    {
      in: 'core/access/decide.ts',
      add: `import { randomBytes } from 'node:crypto'`,
      says: /pass in what randomBytes gives/,
    },
    { in: 'core/access/decide.ts', add: `import * as crypto from 'node:crypto'`, says: /by name/ },
    {
      in: 'core/access/decide.ts',
      add: `import { setTimeout } from 'node:timers/promises'`,
      says: /core does no I\/O/,
    },
    {
      in: 'core/access/decide.ts',
      add: `import { all } from '../../contract/permissions.ts'`,
      says: /only types of contract/,
    },
    { in: 'core/access/decide.ts', add: `import { uid } from '../../server/config.ts'`, says: /nothing outside core/ },
    { in: 'core/access/decide.ts', add: 'const at = Date.now()', says: /decide\.ts:3 uses Date\.now/ },
    { in: 'core/access/decide.ts', add: 'const at = new Date()', says: /uses new Date/ },
    { in: 'core/access/decide.ts', add: `const at = \`\${Math.random()}\``, says: /uses Math\.random/ },
    { in: 'contract/permissions.ts', add: 'const id = crypto.randomUUID()', says: /uses the global crypto/ },
    { in: 'contract/permissions.ts', add: `import pg from 'pg'`, says: /contract is shapes/ },
    {
      in: 'server/platform/postgres/pools.ts',
      add: `import { f } from '../../roles/index.ts'`,
      says: /platform knows no feature/,
    },
    {
      in: 'server/teams/teams.ts',
      add: `import { f } from '../roles/roles.ts'`,
      says: /server\/roles keeps it for itself/,
    },
    {
      in: 'server/teams/teams.ts',
      add: `import type { F } from '../roles/roles.ts'`,
      says: /server\/roles keeps it for itself/,
    },
    {
      in: 'server/teams/teams.ts',
      add: `const { f } = await import('../roles/roles.ts')`,
      says: /server\/roles keeps it for itself/,
    },
    {
      in: 'server/teams/teams.ts',
      add: `import { pools } from '../platform/postgres/pools.ts'`,
      says: /server\/platform\/postgres keeps it/,
    },
    {
      in: 'server/teams/teams.ts',
      add: `import { f } from '../../core/access/decide.ts'`,
      says: /import it from core\/access\/index\.ts/,
    },
    { in: 'server/teams/teams.ts', add: `import { f } from '../config.ts'`, says: /never the other way round/ },
    {
      in: 'server/teams/teams.ts',
      add: `import { f } from '../../tests/support/x.ts'`,
      says: /move what both need out of tests/,
    },
    { in: 'server/teams/teams.ts', add: `import fc from 'fast-check'`, says: /fast-check is no dependency/ },
    { in: 'server/teams/unused.ts', add: '', says: /unused\.ts is imported by nobody/ },
    { in: 'server/teams/teams.ts', add: `import './gone.ts'`, says: /there is no server\/teams\/gone\.ts/ },
    { in: 'server/teams/index.ts', add: `export * from './teams.ts'`, says: /name what is exported/ },
    {
      in: 'server/teams/teams.ts',
      add: `import { createTeams } from './index.ts'`,
      says: /index\.ts → server\/teams\/teams\.ts → server\/teams\/index\.ts/,
    },
    {
      in: 'server/roles/roles.ts',
      add: `import type { Team } from '../teams/index.ts'`,
      says: /server\/roles → server\/teams → server\/roles; turn one of these round/,
    },
    { in: 'server/teams/teams.ts', add: 'const { HOME } = process.env', says: /let config\.ts parse it/ },
    { in: 'server/teams/teams.ts', add: 'const pool = new pg.Pool({})', says: /new pg\.Pool\(` when imported/ },
    {
      in: 'server/teams/teams.ts',
      add: 'export const server = createServer(() => {})',
      says: /createServer\(` when imported/,
    },
    {
      in: 'server/teams/teams.ts',
      add: 'setInterval(() => tick(), 1000)',
      says: /teams\.ts:3 runs `setInterval\(` when imported/,
    },
    { in: 'server/teams/teams.ts', add: 'const rows = await load()', says: /await` when imported/ },
    {
      in: 'cli/main.ts',
      add: `import { parseConfig } from '../server/config.ts'`,
      says: /talks to a server over HTTPS/,
    },
    {
      in: 'server/roles/roles.ts',
      add: `export const x = { async f(a: A): Promise<B> {\n  await a\n} }\nconst server = createServer(x)`,
      says: /roles\.ts:14 runs/,
    },
    ...[
      'let current',
      'export var user = 1',
      'const seen = new Map()',
      'const seen: Map<string, User> = new Map<string, User>()',
      'const users = new WeakMap()',
      'const request = new AsyncLocalStorage<User>()',
      'const users: User[] = [root]\nexport const add = (user: User) => users.push(user)',
      'const state = { user: undefined }\nexport function f(user: User) {\n  state.user = user\n}',
      'const counts = [0]\nconst count = (i: number) => {\n  counts[i] += 1\n}',
      "export const names = new Set(['a'])",
      "export const names = [\n  'a',\n]",
      'const cache = createBoundedMap<string, User>(10)',
      'const userOf = remembering(parse)\nfunction remembering(f: F) {\n  const known = new Map()\n  return (x: X) => known.get(x) ?? f(x)\n}',
      'class Users {\n  static current: User\n}',
      'export const f = (user: User) => {\n  globalThis.user = user\n}',
    ].map((add) => ({ in: 'server/teams/teams.ts', add, says: /make it in a create… function/ })),
  ]
  for (const { in: path, add, says } of seeds)
    test(`${add.replaceAll(/\s+/g, ' ') || 'nothing'} in ${path}`, () => {
      const found = problemsIn({ ...sound, [path]: `${sound[path] ?? ''}${add}\n` })
      assert.ok(
        found.some(({ problem }) => says.test(problem)),
        `nothing said ${says}: ${JSON.stringify(found)}`,
      )
    })

  test('every rule has a seed', () => {
    const hit = new Set(
      seeds.flatMap(({ in: path, add }) =>
        problemsIn({ ...sound, [path]: `${sound[path] ?? ''}${add}\n` }).map(({ rule }) => rule),
      ),
    )
    assert.deepEqual(
      rules.map(({ rule }) => rule).filter((rule) => !hit.has(rule)),
      [],
    )
  })
})

describe('imports are read from code alone', () => {
  const specifiers = (source: string) => parseModule('a/b.ts', source).imports.map(({ specifier }) => specifier)

  const cases: readonly (readonly [what: string, source: string, expected: readonly string[]])[] = [
    ['an import over several lines', `import {\n  a,\n  type B,\n} from './a.ts'`, ['./a.ts']],
    ['a default and names', `import pg, { type Pool } from 'pg'`, ['pg']],
    ['an import for its effect', `import 'reflect-metadata'`, ['reflect-metadata']],
    ['an attribute', `import p from '../package.json' with { type: 'json' }`, ['../package.json']],
    ['a type imported in place', `let a: import('./a.ts').A`, ['./a.ts']],
    ['not a comment', `// import a from './a.ts'\n/*\nimport b from './b.ts'\n*/`, []],
    ['not a template', `const a = \`\nimport a from "./a.ts"\n\${b}\nimport c from "./c.ts"\n\``, []],
    ['but code inside a template', `const a = \`\${await import('./a.ts')}\``, ['./a.ts']],
    ['not behind a quote in a regular expression', `const a = /['"]/\nimport b from './b.ts'`, ['./b.ts']],
    ['not behind a slash that divides', `const a = b / c // '\nimport d from './d.ts'`, ['./d.ts']],
  ]
  for (const [what, source, expected] of cases) test(what, () => assert.deepEqual(specifiers(source), expected))

  test('names and kinds are told apart', () => {
    const [one] = parseModule('a.ts', `import type { A as B, C } from './a.ts'`).imports
    assert.deepEqual([one?.names, one?.typeOnly, one?.file, one?.line], [['A', 'C'], true, 'a.ts', 1])
  })

  test('positions stay', () => {
    const source = `const a = 'x\\'y' // z\nconst b = \`p\${q}r\``
    assert.equal(blank(source), `const a = '    ' ${' '.repeat(4)}\nconst b = \` \${q} \``)
  })
})
