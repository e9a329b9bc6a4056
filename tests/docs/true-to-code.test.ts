import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, test } from 'node:test'
import { run } from '../../cli/main.ts'
import { testEdges } from '../../cli/testing.ts'
import { auditEvents } from '../../contract/audit-events.ts'
import { refusals } from '../../contract/errors.ts'
import { objectsPerKind } from '../../contract/limits.ts'
import { predefinedRoles } from '../../contract/roles.ts'
import { levelRows, levelsOf, rules } from '../../core/kube/index.ts'
import { newCallsStaleMs, openStreamsStaleMs } from '../../server/access/feed.ts'
import { accountObjects } from '../../server/clusters/account.ts'
import { parseConfig } from '../../server/config.ts'
import { limits, rates } from '../../server/gateway/limits.ts'
import * as lifetimes from '../../server/identity/lifetimes.ts'
import { defaultLimits } from '../../server/kube-proxy/transport/index.ts'
import { blocksOf, readDoc, root, sectionOf, tableBelow } from './markdown.ts'

// What the pages say of the code, compared with the code. What they tell people to run: examples.slow.test.ts.

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...globSync('docs/**/*.md', { cwd: root }),
]

describe('what the pages name is there', () => {
  for (const page of pages) {
    const text = readDoc(page)
    test(`${page}: links`, () => {
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? page : normalize(join(dirname(page), path))
        assert.ok(existsSync(join(root, file)), `${target} leads nowhere`)
        if (anchor !== undefined)
          assert.ok(anchorsOf(readDoc(file)).has(anchor), `${target}: ${file} has no such heading`)
      }
    })
    test(`${page}: files and folders of the repository`, () => {
      const named = text.matchAll(/`((?:core|contract|server|cli|db|bench|tests|docs|scripts|agent|\.ci)\/[\w./-]*)`/g)
      for (const [, path = ''] of named) assert.ok(existsSync(join(root, path)), `${path} is not there`)
    })
    test(`${page}: npm scripts`, () => {
      const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }
      for (const [, script = ''] of text.matchAll(/\bnpm run (?:-s )?([\w:]+)/g))
        assert.ok(script in scripts, `there is no script ${script}`)
    })
  }
})

describe('docs/operations.md', () => {
  const page = readDoc('docs/operations.md')

  test('configuration: every variable the server knows, and no other', () => {
    const source = readFileSync(join(root, 'server/config.ts'), 'utf8')
    const known = new Set([...source.matchAll(/'(PALISADE_\w+)'/g)].map((match) => match[1]))
    assert.deepEqual(names(tableBelow(page, 'Configuration')), [...known].toSorted())
  })

  test('configuration: the defaults', () => {
    const config = parseConfig({}, { readFile: () => '', cwd: '/', now: new Date(0) })
    assert.ok(config.ok)
    const { host, port, metricsPort, publicUrl, protectedNamespaces, logLevel, dataDir } = config.value
    const defaults = new Map(
      tableBelow(page, 'Configuration').map(([name, value]) => [unquoted(name), unquoted(value)]),
    )
    assert.equal(defaults.get('PALISADE_HOST'), host)
    assert.equal(defaults.get('PALISADE_PORT'), String(port))
    assert.equal(defaults.get('PALISADE_METRICS_PORT'), String(metricsPort))
    assert.equal(defaults.get('PALISADE_PUBLIC_URL'), publicUrl)
    assert.equal(defaults.get('PALISADE_PROTECTED_NAMESPACES'), protectedNamespaces.join(','))
    assert.equal(defaults.get('PALISADE_LOG_LEVEL'), logLevel)
    assert.equal(defaults.get('PALISADE_DATA_DIR'), relative('/', dataDir))
  })

  const tables = tablesIn(sectionOf(page, 'Limits'))
  test('limits of the API', () => assert.deepEqual(shownLimits(tables[0]), expected(limits)))
  test('budgets', () => {
    const { caller: _, ...perAddress } = rates
    assert.deepEqual(
      tables[1]?.map((row) => [unquoted(row[3]), row[1], row[2]]),
      Object.entries(perAddress).map(([name, { burst, perSecond }]) => [name, String(burst), String(perSecond)]),
    )
  })
  test('limits of the way to clusters', () => assert.deepEqual(shownLimits(tables[2]), expected({ ...defaultLimits })))
  test('lifetimes of credentials', () =>
    assert.deepEqual(shownLimits(tables[3]).toSorted(), expected({ ...lifetimes }).toSorted()))
  test('objects of one kind', () => assert.ok(page.includes(`in a tenant: ${objectsPerKind.toLocaleString('en')}.`)))

  test('metrics: those that are made, and no other', () => {
    const source = ['server/app.ts', 'server/platform/metrics/metrics.ts'].map((file) =>
      readFileSync(join(root, file), 'utf8'),
    )
    const made = [...source.join('').matchAll(/'(palisade_\w+[a-z])'/g)].map((match) => match[1])
    assert.deepEqual(names(tableBelow(page, 'Metrics')).toSorted(), [...new Set(made)].toSorted())
  })
})

describe('docs/clusters.md', () => {
  const page = readDoc('docs/clusters.md')

  test('levels, and the roles that give them', () => {
    const givable = predefinedRoles.filter(({ scope }) => scope !== 'resource')
    const rolesOf = (at: number) =>
      givable.filter(({ permissions }) => {
        const held = levelsOf((permission) => permissions.includes(permission))
        return held.at(-1) === levelRows[at]?.level
      })
    assert.deepEqual(
      tableBelow(page, 'Levels').map((row) => row.map(unquoted)),
      levelRows.map(({ level, permission, group, clusterRole }, at) => [
        ...[level, permission, group, clusterRole],
        rolesOf(at)
          .map(({ name }) => name)
          .join(', '),
      ]),
    )
  })

  test('the account: every object that an import makes', () => {
    const text = sectionOf(page, 'The account')
    for (const { kind, metadata } of accountObjects())
      assert.ok(text.includes(kind) && text.includes(`\`${metadata.name}\``), `${kind} ${metadata.name}`)
  })

  test('what to delete by hand: whatever an import makes is in the namespace, or found by its label', () => {
    const text = sectionOf(page, 'What to delete by hand')
    const [, label = ''] = /-l (\S+)/.exec(text) ?? []
    const [, kinds = ''] = /kubectl delete (\S+) -l/.exec(text) ?? []
    for (const { kind, metadata } of accountObjects()) {
      if (metadata.namespace !== undefined) continue
      const byName = text.includes(`kubectl delete ${kind.toLowerCase()} ${metadata.name}`)
      const byLabel = kinds.split(',').includes(kind.toLowerCase()) && hasLabel(metadata.labels, label)
      assert.ok(byName || byLabel, `${kind} ${metadata.name}`)
    }
  })

  test('answers to an import: codes and status', () => {
    const known = Object.values(refusals)
    for (const [code, status] of tablesIn(sectionOf(page, 'When it does not work'))[0] ?? [])
      assert.ok(
        known.some((one) => one.code === unquoted(code) && String(one.status) === status),
        `${code} ${status}`,
      )
  })

  test('what kubectl says is what the code says', () => {
    const said = sourceOf('server/kube-proxy/**/*.ts', 'core/kube/*.ts')
    for (const [cell = ''] of tablesIn(sectionOf(page, 'When it does not work'))[1] ?? []) assertSaid(cell, said)
  })

  test('what Palisade refuses by itself: the rules of the code, in their order and words', () =>
    assert.deepEqual(
      tableBelow(page, 'What Palisade refuses by itself').map(([id, refuses, below, because]) => ({
        id: unquoted(id),
        ...{ refuses, below, because },
      })),
      rules.map(({ id, refuses, needs, because }) => ({ id, refuses, below: needs ?? 'always', because })),
    ))
})

describe('docs/revocation.md', () => {
  const page = readDoc('docs/revocation.md')

  test('reasons: those that an end can have, and no other', () => {
    const source = readFileSync(join(root, 'server/access/live-calls.ts'), 'utf8')
    const declared = /export type EndReason =([\s\S]*?)\n\n/.exec(source)?.[1] ?? ''
    const reasons = [...declared.matchAll(/'([\w-]+)'/g)].map((match) => match[1])
    assert.ok(reasons.length > 5)
    assert.deepEqual(names(tableBelow(page, 'Reasons')).toSorted(), reasons.toSorted())
  })

  test('bounds', () => {
    const bounds = tableBelow(page, 'Bounds').flat().join(' ')
    assert.ok(bounds.includes(`${newCallsStaleMs / 1000} s`) && bounds.includes(`${openStreamsStaleMs / 1000} s`))
  })
})

describe('docs/audit.md', () => {
  test('verdicts are what the verifier says', () => {
    const said = sourceOf('core/ledger/*.ts')
    for (const [cell = ''] of tablesIn(sectionOf(readDoc('docs/audit.md'), 'Proving an export'))[0] ?? [])
      assertSaid(cell, said)
  })

  test('every event, and no other', () =>
    assert.deepEqual(
      tableBelow(readDoc('docs/audit.md'), 'Events').map(([event, title]) => [unquoted(event), title]),
      Object.entries(auditEvents).map(([event, { title }]) => [event, title]),
    ))
})

describe('docs/cli.md', () => {
  const page = readDoc('docs/cli.md')

  test('commands: every one, and no other', async () => {
    let script = ''
    await run(['completion', 'bash'], testEdges({ out: (text) => (script += text) }))
    // Each place of the script is a command; those that others begin with are no commands by themselves.
    const places = [...script.matchAll(/^ {4}'([a-z -]+)'\) words=/gm)].map(([, path = '']) => path)
    const commands = places.filter((path) => !places.some((other) => other.startsWith(`${path} `)))
    const documented = tableBelow(page, 'Commands').flatMap(([cell = '']) => {
      const [first = '', ...others] = names([[cell]])
      const words = first.replace(/^palisade /, '').split(' ')
      return [words.join(' '), ...others.map((other) => [...words.slice(0, -1), other].join(' '))]
    })
    assert.ok(commands.length > 20)
    assert.deepEqual(documented.toSorted(), commands.toSorted())
  })

  test('variables are known to the server, which refuses those it does not know', () => {
    const named = new Set([...page.matchAll(/`(PALISADE_\w+)`/g)].map(([, name = '']) => name))
    assert.ok(named.size >= 3)
    const env = Object.fromEntries([...named].map((name) => [name, 'https://palisade.example']))
    const config = parseConfig(env, { readFile: () => '', cwd: '/', now: new Date(0) })
    assert.deepEqual(config.ok ? [] : config.error, [])
  })
})

describe('docs/dependencies.md', () => {
  const page = readDoc('docs/dependencies.md')
  const manifestOf = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8')) as Record<string, object>
  const manifest = manifestOf('package.json')
  test('What the console is built with', () =>
    assert.deepEqual(
      names(tableBelow(page, 'What the console is built with')).toSorted(),
      Object.keys(manifestOf('console/package.json').devDependencies ?? {}).toSorted(),
    ))
  for (const [heading, members] of [
    ['What the server runs on', ['dependencies', 'optionalDependencies']],
    ['What only building and testing needs', ['devDependencies']],
  ] as const)
    test(heading, () =>
      assert.deepEqual(
        names(tableBelow(page, heading)).toSorted(),
        members.flatMap((member) => Object.keys(manifest[member] ?? {})).toSorted(),
      ),
    )
})

test('README.md shows what is really printed', () => {
  const flat = (text: string) => text.trim().replaceAll(/[ \t]+/g, ' ')
  const printed = blocksOf(readDoc('docs/getting-started.md'))
    .filter(({ words }) => words.includes('output'))
    .flatMap(({ text }) => text.split('\n').map(flat))
  const shown = blocksOf(readDoc('README.md')).filter(({ words }) => words[0] === 'console')
  assert.ok(shown.length > 0)
  for (const { text, line } of shown)
    for (const one of text.split('\n').map(flat))
      if (!one.startsWith('$ '))
        assert.ok(printed.includes(one), `line ${line}: docs/getting-started.md has no "${one}"`)
})

test('README.md: the two commands', () => {
  const [first] = blocksOf(readDoc('README.md'))
  assert.equal(first?.text, 'npm ci && npm start')
})

function hasLabel(labels: Readonly<Record<string, string>>, selector: string): boolean {
  const [key = '', value] = selector.split('=')
  return labels[key] === value
}

const sourceOf = (...patterns: string[]) =>
  patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')

/** The first quoted text of a cell, piece by piece between its `…`, stands in the source. */
function assertSaid(cell: string, source: string): void {
  const [, quoted = ''] = /`([^`]+)`/.exec(cell) ?? []
  assert.ok(quoted, cell)
  for (const piece of quoted.split(/…:?/))
    assert.ok(source.includes(piece.trim()), `nobody says "${piece}" (${quoted})`)
}

const unquoted = (cell = '') => cell.replaceAll('`', '')
const names = (rows: readonly (readonly string[])[]) =>
  rows.flatMap(([first = '']) => [...first.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''))

/** GitHub's anchors: lower case, without punctuation, blanks as dashes. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = markdown.split('\n').filter((line) => /^#+ /.test(line))
  return new Set(
    headings.map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** The rows of each table of a text, in order. */
function tablesIn(text: string): readonly (readonly (readonly string[])[])[] {
  const tables = text.split(/\n\n+/).filter((part) => part.startsWith('|'))
  return tables.map((table) => tableBelow(`# t\n${table}`, 't'))
}

const shownLimits = (rows: readonly (readonly string[])[] = []) => rows.map((row) => [unquoted(row[2]), row[1]])
const expected = (values: Readonly<Record<string, number>>) =>
  Object.entries(values).map(([name, value]) => [name, readable(name, value)])

/** A number as a person reads it; the end of its name is its unit. */
function readable(name: string, value: number): string {
  if (/bytes$/i.test(name)) return value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : `${value / 1024} KiB`
  const seconds = /Seconds$/.test(name) ? value : /Ms$/.test(name) ? value / 1000 : undefined
  if (seconds === undefined || /PerSecond$/.test(name)) return value.toLocaleString('en')
  if (seconds < 1) return `${value} ms`
  if (seconds % 3600 === 0) return `${seconds / 3600} h`
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}
