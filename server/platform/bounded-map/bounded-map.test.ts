import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBoundedMap } from './bounded-map.ts'

test('beyond its capacity it forgets what was used longest ago', () => {
  const map = createBoundedMap<string, number>(4)
  map.set('a', 1)
  map.set('b', 2)
  assert.equal(map.get('a'), 1)
  map.set('c', 3)
  assert.deepEqual([map.get('a'), map.get('b'), map.get('c')], [1, undefined, 3])
})

test('of many it holds the half that was used last, and no more than its capacity', () => {
  const map = createBoundedMap<number, number>(100)
  for (let i = 1; i <= 1_000; i++) map.set(i, i)
  const held = Array.from({ length: 1_000 }, (_, i) => i + 1).filter((key) => map.get(key) !== undefined)
  assert.ok(held.length <= 100)
  assert.deepEqual(
    held.slice(-50),
    Array.from({ length: 50 }, (_, i) => 951 + i),
  )
})

test('setting an entry again makes no second one', () => {
  const map = createBoundedMap<string, number>(4)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  map.set('c', 4)
  assert.deepEqual([map.get('a'), map.get('b')], [3, undefined])
})

test('what was deleted is gone, from wherever it was', () => {
  const map = createBoundedMap<string, number>(4)
  map.set('a', 1)
  map.set('b', 1)
  map.get('a')
  map.delete('a')
  assert.equal(map.get('a'), undefined)
  map.set('c', 1)
  map.clear()
  assert.deepEqual([map.get('b'), map.get('c')], [undefined, undefined])
})
