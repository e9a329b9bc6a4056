import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences } from './differences.ts'

test('each member that was another before, and none besides', () => {
  type Team = { name: string; labels: Record<string, string>; note?: string; list: string[] }
  const before: Team = { name: 'a', labels: { x: '1', y: '2' }, list: ['1', '2'] }
  const cases: readonly (readonly [Partial<Team>, object])[] = [
    [{}, {}],
    [{ name: 'a', labels: { y: '2', x: '1' }, list: ['1', '2'] }, {}],
    [{ name: 'b' }, { name: { before: 'a', after: 'b' } }],
    [{ labels: {} }, { labels: { before: { x: '1', y: '2' }, after: {} } }],
    [{ list: ['2', '1'] }, { list: { before: ['1', '2'], after: ['2', '1'] } }],
    [{ note: 'n' }, { note: { before: null, after: 'n' } }],
  ]
  for (const [written, expected] of cases) assert.deepEqual(differences(before, written), expected)
})
