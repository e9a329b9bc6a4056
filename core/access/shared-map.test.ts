import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sharedMap } from './shared-map.ts'

const anyKey = fc.oneof(
  fc.constantFrom('a', 'b', 'constructor', '__proto__', ''),
  fc.nat({ max: 2000 }).map((n) => `key${n}`),
)
const anyChanges = fc.array(fc.tuple(anyKey, fc.option(fc.nat(), { nil: undefined })), { maxLength: 200 })

test('after any changes it holds what a Map holds, and every copy before them what it held', () => {
  fc.assert(
    fc.property(fc.array(anyChanges, { maxLength: 10, size: 'max' }), (steps) => {
      const twin = new Map<string, number>()
      let map = sharedMap<string, number>([], 0)
      const before: { map: typeof map; entries: [string, number][] }[] = []
      for (const changes of steps) {
        before.push({ map, entries: [...twin] })
        for (const [key, value] of changes) {
          if (value === undefined) twin.delete(key)
          else twin.set(key, value)
        }
        map = map.with(changes)
      }
      for (const { map: kept, entries } of [...before, { map, entries: [...twin] }]) {
        assert.equal(kept.size, entries.length)
        assert.deepEqual(new Map(kept), new Map(entries))
        for (const [key, value] of entries) assert.equal(kept.get(key), value)
      }
    }),
    { numRuns: 300 },
  )
})

test('what is not in it is not found, however it is called', () => {
  const map = sharedMap<string, number>([['a', 1]], 1)
  for (const key of ['b', '', 'toString', '__proto__']) assert.equal(map.get(key), undefined)
})
