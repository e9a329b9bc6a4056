import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { refusals } from '../../contract/errors.ts'
import { refusalsOf } from '../../server/gateway/index.ts'
import { readModules } from '../architecture/modules.ts'
import { declaredEndpoints } from './declared.ts'
import { generatedPages } from './pages.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

for (const [path, text] of generatedPages())
  test(`${path} says what the code says`, () => {
    assert.equal(readFileSync(root + path, 'utf8'), text, `${path} is out of date: run \`npm run docs\` and commit it`)
  })

test('docs/errors.md names every refusal and none besides', () => {
  const page = readFileSync(`${root}docs/errors.md`, 'utf8')
  const firstTable = page.slice(page.indexOf('| --- |'), page.indexOf('\n## '))
  const documented = [...firstTable.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  assert.deepEqual(documented.toSorted(), Object.keys(refusals).toSorted())
})

test('every refusal is answered by some route', () => {
  const answered = new Set<string>(declaredEndpoints().flatMap(refusalsOf))
  const never = Object.keys(refusals).filter((code) => !answered.has(code))
  // The first is the console's way, which is no route; the others are what the listener answers where there is none.
  assert.deepEqual(never, ['cross_site', 'route_not_found', 'method_not_allowed'])
})

test('every refusal that a route declares is made somewhere in the server', () => {
  // A code that only declarations name could never be met; declarations stand in `refusals: […]`.
  const sources = readModules(root, ['server'])
    .filter(({ path }) => !path.endsWith('.test.ts'))
    .map(({ path }) => readFileSync(root + path, 'utf8').replaceAll(/refusals: \[[^\]]*\]/g, ''))
    .join('\n')
  const declared = new Set(declaredEndpoints().flatMap(({ refusals }) => refusals))
  assert.deepEqual(
    [...declared].filter((code) => !sources.includes(`'${code}'`)),
    [],
  )
})

test('a path that a page names exists', () => {
  const broken: string[] = []
  for (const [path, text] of generatedPages())
    for (const [, link] of text.matchAll(/\]\((?!https?:)([^)#]+)/g))
      if (!exists(new URL(link ?? '', new URL(path, `file://${root}`)))) broken.push(`${path}: ${link}`)
  assert.deepEqual(broken, [])
})

function exists(file: URL): boolean {
  try {
    readFileSync(file)
    return true
  } catch {
    return false
  }
}
