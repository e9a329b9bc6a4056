import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeFailure, describeSpawnFailure } from './failure.ts'

const cases = [
  {
    name: 'a user without an entry',
    lines: ['initdb: error: could not look up effective user ID 4711: user does not exist'],
    message: /the user with uid 4711 has no entry in \/etc\/passwd/,
  },
  {
    name: 'a full disk',
    lines: ['FATAL:  could not write lock file "postmaster.pid": No space left on device', 'a later line'],
    message: /no space is left on the disk/,
  },
  {
    name: 'a missing library',
    lines: ['postgres: error while loading shared libraries: libstdc++.so.6: cannot open shared object file'],
    message: /this system lacks libstdc\+\+\.so\.6/,
  },
  {
    name: 'a server in another container',
    lines: ['FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use'],
    message: /another PostgreSQL still uses this database/,
  },
  {
    name: 'anything else, by its last fatal line',
    lines: ['2026-01-01 00:00:00 UTC [1] postmaster FATAL:  the cause', '2026-01-01 00:00:00 UTC [1] LOG:  good-bye'],
    message: /^it failed: the cause$/,
  },
  { name: 'no words at all', lines: [], message: /^it failed$/ },
]
for (const { name, lines, message } of cases)
  test(`PostgreSQL's words are explained: ${name}`, () =>
    assert.match(describeFailure('it failed', lines, 4711), message))

test('every way of not being run names a way out', () => {
  for (const code of ['EPERM', 'EINVAL', 'ENOENT', 'EACCES', 'ENOEXEC', undefined])
    assert.match(describeSpawnFailure('it failed', code, '/bin/postgres'), /^it failed: .*PALISADE_DATABASE_URL/)
})
