import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Level, levelRows, levelsOf, nextLevel, permissionFor, reaches } from './levels.ts'

test('permissions on the cluster object give levels', () => {
  assert.deepEqual(
    levelsOf(() => true),
    ['view', 'edit', 'admin'],
  )
  assert.deepEqual(
    levelsOf(() => false),
    [],
  )
  assert.deepEqual(
    levelsOf((permission) => permission === 'cluster.update'),
    ['edit'],
  )
})

test('a level includes the lower ones', () => {
  const held: Level[] = ['edit']
  assert.deepEqual(
    levelRows.map(({ level }) => reaches(held, level)),
    [true, true, false],
  )
  assert.equal(reaches([], 'view'), false)
})

test('what a person would have to ask for', () => {
  assert.deepEqual(
    [nextLevel([]), nextLevel(['view']), nextLevel(['edit']), nextLevel(['admin'])],
    ['view', 'edit', 'admin', undefined],
  )
  assert.equal(permissionFor('admin'), 'cluster.delete')
})

test('the names on a cluster are fixed', () =>
  assert.deepEqual(
    levelRows.map(({ group, clusterRole }) => [group, clusterRole]),
    [
      ['palisade:level:view', 'view'],
      ['palisade:level:edit', 'edit'],
      ['palisade:level:admin', 'cluster-admin'],
    ],
  ))
