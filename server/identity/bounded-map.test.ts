import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBoundedMap } from './bounded-map.ts'

test('beyond its capacity it forgets what was used longest ago', () => {
  const map = createBoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  assert.equal(map.get('a'), 1)
  map.set('c', 3)
  assert.deepEqual([map.get('a'), map.get('b'), map.get('c'), map.size], [1, undefined, 3, 2])
})

test('setting an entry again makes no second one', () => {
  const map = createBoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  map.set('c', 4)
  assert.deepEqual([map.get('a'), map.get('b')], [3, undefined])
})

test('what was deleted is gone', () => {
  const map = createBoundedMap<string, number>(2)
  map.set('a', 1)
  map.delete('a')
  map.set('b', 1)
  map.clear()
  assert.deepEqual([map.get('a'), map.get('b'), map.size], [undefined, undefined, 0])
})
