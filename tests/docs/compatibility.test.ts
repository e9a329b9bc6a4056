import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publishedOperations } from '../conformance/published/published.ts'
import { standings } from './compatibility.ts'
import { differences, leftOut } from './compatibility-notes.ts'
import { declaredEndpoints } from './declared.ts'

const all = standings(declaredEndpoints())
const having = (kind: string) => [...all].filter(([, one]) => one.kind === kind).map(([route]) => route)

test('at least 270 of the 333 published operations are served', () => {
  assert.equal(publishedOperations.size, 333)
  assert.ok(having('works').length + having('differs').length >= 270)
})

test('what is not served has a reason', () => assert.deepEqual(having('unexplained'), []))

test('every note is about an operation, and none about one that it is not true of', () => {
  const isServed = (route: string) => ['works', 'differs'].includes(all.get(route)?.kind ?? '')
  for (const [notes, wanted] of [
    [differences, true],
    [leftOut, false],
  ] as const)
    for (const { of } of notes) {
      const about = [...publishedOperations.keys()].filter((route) => of.test(route))
      assert.ok(about.length > 0, `${of} is about nothing`)
      assert.deepEqual(
        about.filter((route) => isServed(route) !== wanted),
        [],
        `${of} is ${wanted ? 'said of what is not served' : 'said of what is served'}`,
      )
    }
})
