import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { byText, sortedPage } from './sorted-page.ts'

type Named = { readonly name: string; readonly uid: number }
const byName = (a: Named, b: Named) => byText(a.name, b.name) || a.uid - b.uid

test('a page is what it would be of the whole list, in order', () =>
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', 'c', 'd')),
      fc.nat(30),
      fc.integer({ min: 1, max: 9 }),
      (names, offset, limit) => {
        const items = names.map((name, uid) => ({ name, uid }))
        const wanted = items.toSorted(byName).slice(offset, offset + limit)
        assert.deepEqual(sortedPage(items, byName, { offset, limit }), wanted)
      },
    ),
  ))

test('of a long list no more is put in order than a page needs', () => {
  let compared = 0
  const items = Array.from({ length: 100_000 }, (_, at) => (at * 7919) % 100_000)
  const compare = (a: number, b: number) => {
    compared++
    return a - b
  }
  assert.deepEqual(sortedPage(items, compare, { offset: 10, limit: 5 }), [10, 11, 12, 13, 14])
  assert.ok(compared < 2 * items.length, `${compared}`)
})
