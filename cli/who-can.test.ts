import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Grant } from '../contract/access.ts'
import { rowsOf } from './who-can.ts'

const grant: Grant = {
  assignment: 'a1',
  role: { uid: 'r1', name: 'Cluster Viewer' },
  via: { kind: 'team', team: { uid: 't1', name: 'devs' } },
  ...{ scope: { kind: 'tenant' }, filters: [], endsAt: null, conditions: null },
}

test('of more ways than the server names the table says how many more there are', () => {
  const because = [grant, { ...grant, assignment: 'a2' }]
  const rows = rowsOf([
    { user: { uid: 'u1', name: 'Ada' }, because, becauseCount: 2 },
    { user: { uid: 'u2', name: 'Bob' }, because, becauseCount: 2_001 },
  ])
  assert.deepEqual(
    rows.map(([user, role]) => [user, role]),
    [
      ...[
        ['Ada', 'Cluster Viewer'],
        ['Ada', 'Cluster Viewer'],
      ],
      ...[
        ['Bob', 'Cluster Viewer'],
        ['Bob', 'Cluster Viewer'],
        ['Bob', 'and 1999 more'],
      ],
    ],
  )
})
