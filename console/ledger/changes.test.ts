import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDetails } from './changes.ts'

// How the details of an audit entry read, as the server writes them.

const cases: readonly {
  readonly of: string
  readonly details: Readonly<Record<string, unknown>>
  readonly changes?: ReturnType<typeof readDetails>['changes']
  readonly told?: ReturnType<typeof readDetails>['told']
}[] = [
  { of: 'nothing', details: {} },
  {
    of: 'a member that changed',
    details: { name: { before: 'west', after: 'east' }, isActive: { before: true, after: false } },
    changes: [
      { what: 'Name', before: 'west', after: 'east' },
      { what: 'Is active', before: 'yes', after: 'no' },
    ],
  },
  {
    of: 'the whole, of which each member that differs is told',
    details: { before: { minLength: 8, expiry: 90 }, after: { minLength: 12, expiry: 90 }, shortened: 3 },
    changes: [{ what: 'Min length', before: '8', after: '12' }],
    told: [['Shortened', '3']],
  },
  {
    of: 'a number in place of another',
    details: { before: 240, after: 60 },
    changes: [{ what: '', before: '240', after: '60' }],
  },
  {
    of: 'what was not there before, and what is there no more',
    details: {
      before: null,
      after: { minLength: 12 },
      labels: { before: { env: 'dev', a: 'b' }, after: { env: 'prod' } },
    },
    changes: [
      { what: 'Min length', after: '12' },
      { what: 'Labels, env', before: 'dev', after: 'prod' },
      { what: 'Labels, a', before: 'b' },
    ],
  },
  {
    of: 'what was taken and what was given, wherever it is',
    details: {
      removed: ['cluster.delete'],
      added: ['cluster.get'],
      users: { added: [{ user: 'u1', role: 'Cluster Viewer', roleUid: 'r1', project: 'p1' }], removed: [] },
    },
    changes: [
      { what: '', before: 'cluster.delete' },
      { what: '', after: 'cluster.get' },
      { what: 'Users', after: 'Cluster Viewer, user u1, in project p1' },
    ],
  },
  {
    of: 'what was given for good in place of what ended, or of what counted for some requests alone',
    details: {
      added: [
        { user: 'u1', role: 'Viewer', roleUid: 'r1', before: { endsAt: '2030-01-31T08:00:00.000Z', conditions: null } },
        {
          user: 'u1',
          role: 'Editor',
          roleUid: 'r2',
          before: { endsAt: null, conditions: { networks: ['10.0.0.0/8'] } },
        },
      ],
    },
    changes: [
      { what: '', after: 'Viewer, user u1, for good in place of until 2030-01-31T08:00:00.000Z' },
      { what: '', after: 'Editor, user u1, for good in place of under conditions' },
    ],
  },
  {
    of: 'names of what changed, but for those of which more is told',
    details: { changed: ['email', 'firstName'], firstName: { before: 'A', after: 'B' } },
    changes: [{ what: 'First name', before: 'A', after: 'B' }],
    told: [['Changed', 'Email']],
  },
  {
    of: 'counts of what was added',
    details: { added: 3, total: 10 },
    told: [
      ['Added', '3'],
      ['Total', '10'],
    ],
  },
  {
    of: 'rights on a cluster, a line each',
    details: {
      missing: [
        { verb: 'create', apiGroup: '', resource: 'namespaces' },
        { verb: 'patch', apiGroup: 'rbac.authorization.k8s.io', resource: 'roles', name: 'r', namespace: 'n' },
      ],
    },
    told: [['Missing', 'create namespaces\npatch roles.rbac.authorization.k8s.io r in n']],
  },
  {
    of: 'what is told beside, without what is empty',
    details: {
      server: 'https://west',
      note: '',
      none: null,
      list: [],
      decision: { effect: 'allow', permission: 'cluster.get', because: ['a', 'b'] },
      levels: ['view', 'edit'],
    },
    told: [
      ['Server', 'https://west'],
      ['Decision, effect', 'allow'],
      ['Decision, permission', 'cluster.get'],
      ['Decision, because', 'a, b'],
      ['Levels', 'view, edit'],
    ],
  },
]

for (const { of, details, changes = [], told = [] } of cases)
  test(of, () => {
    const read = readDetails(details)
    assert.deepEqual(read.changes, changes)
    assert.deepEqual(read.told.toSorted(), told.toSorted())
  })
