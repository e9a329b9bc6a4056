import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Caller,
  type ClusterIdentity,
  type ImpersonationRefusal,
  identityOf,
  impersonationHeaders,
  isHeaderSafe,
  isReservedName,
  maxGroups,
} from './impersonation.ts'

const tenant = 'a'.repeat(24)
const user = 'b'.repeat(24)
const team = (digit: string) => ({ uid: digit.repeat(24), name: `team ${digit}` })

const caller: Caller = {
  tenantUid: tenant,
  userUid: user,
  email: 'dev@example.com',
  levels: ['view', 'edit'],
  teams: [team('1'), team('2')],
  sessionUid: 'c'.repeat(24),
  requestId: 'req-1',
}
const identity = identityOf(caller)

test('the names are the contract’s, one line a value', () => {
  const headers = impersonationHeaders(identity)
  assert.deepEqual(headers, {
    ok: true,
    value: [
      ['Impersonate-User', `palisade:${tenant}:${user}`],
      ['Impersonate-Uid', user],
      ['Impersonate-Group', 'palisade:level:view'],
      ['Impersonate-Group', 'palisade:level:edit'],
      ['Impersonate-Group', `palisade:team:${tenant}:${'1'.repeat(24)}`],
      ['Impersonate-Group', `palisade:team:${tenant}:${'2'.repeat(24)}`],
      ['Impersonate-Extra-palisade.dev%2Femail', 'dev@example.com'],
      ['Impersonate-Extra-palisade.dev%2Fteam', 'team 1'],
      ['Impersonate-Extra-palisade.dev%2Fteam', 'team 2'],
      ['Impersonate-Extra-palisade.dev%2Fsession', 'c'.repeat(24)],
      ['Impersonate-Extra-palisade.dev%2Frequest', 'req-1'],
    ],
  })
})

test('A05: nobody’s groups give no line', () => {
  const headers = impersonationHeaders(identityOf({ ...caller, levels: [], teams: [], sessionUid: undefined }))
  assert.ok(headers.ok)
  assert.deepEqual(
    headers.value.map(([name]) => name),
    [
      'Impersonate-User',
      'Impersonate-Uid',
      'Impersonate-Extra-palisade.dev%2Femail',
      'Impersonate-Extra-palisade.dev%2Frequest',
    ],
  )
})

test('A05: 5,000 groups are an error, not a shorter list', () => {
  const teams = Array.from({ length: 5000 }, (_, i) => ({ uid: i.toString(16).padStart(24, '0'), name: 'x' }))
  assert.equal(refusal(identityOf({ ...caller, teams })).code, 'too_many_groups')
  const most = identityOf({ ...caller, levels: [], teams: teams.slice(0, maxGroups) })
  assert.ok(impersonationHeaders(most).ok)
})

test('A05: too many bytes are an error too', () => {
  const teams = Array.from({ length: 400 }, (_, i) => ({
    uid: i.toString(16).padStart(24, '0'),
    name: 'x'.repeat(200),
  }))
  assert.equal(refusal(identityOf({ ...caller, teams })).code, 'too_large')
})

const badGroups: readonly { rule: string; group: string; code: ImpersonationRefusal['code'] }[] = [
  { rule: 'A04: a reserved name behind a comma', group: 'dev,system:masters', code: 'reserved_name' },
  { rule: 'A04: a line break', group: 'palisade:level:view\r\nImpersonate-Group: x', code: 'foreign_name' },
  { rule: 'A04: a lone line feed at the end', group: 'palisade:level:view\n', code: 'foreign_name' },
  { rule: 'A04: percent-encoded', group: 'palisade%3Alevel%3Aadmin', code: 'foreign_name' },
  { rule: 'A04: two levels in one', group: 'palisade:level:view,palisade:level:admin', code: 'foreign_name' },
  { rule: 'A05: an empty group', group: '', code: 'foreign_name' },
  { rule: 'A06: system:masters', group: 'system:masters', code: 'reserved_name' },
  { rule: 'A06: in capitals', group: 'SYSTEM:Masters', code: 'reserved_name' },
  { rule: 'A06: behind a blank', group: ' system:masters', code: 'reserved_name' },
  { rule: 'A06: in full-width letters', group: '\uff53ystem:masters', code: 'reserved_name' },
  { rule: 'A06: a node', group: 'system:nodes', code: 'reserved_name' },
  { rule: 'A06: kubeadm’s administrators', group: 'kubeadm:cluster-admins', code: 'reserved_name' },
  { rule: 'a level that is none', group: 'palisade:level:root', code: 'foreign_name' },
  { rule: 'a group of somebody else’s', group: 'developers', code: 'foreign_name' },
]
for (const { rule, group, code } of badGroups) {
  test(`${rule} is refused, unquoted`, () => {
    const error = refusal({ ...identity, groups: ['palisade:level:view', group] })
    assert.equal(error.code, code)
    if (group !== '') assert.ok(!error.problem.includes(group))
  })
}

for (const name of ['system:admin', 'system:node:x', 'system:serviceaccount:kube-system:y', '', `palisade:${tenant}`]) {
  test(`A06: the user "${name}" is refused`, () => {
    assert.match(refusal({ ...identity, user: name }).code, /^(reserved|foreign)_name$/)
  })
}

test('A06: reserved names are known before they are mapped', () => {
  for (const name of ['system:masters', 'a;system:masters', 'System:x', 'kubeadm:y']) assert.ok(isReservedName(name))
  for (const name of ['ecosystem team', 'systems', 'filesystem: backups', 'operators']) assert.ok(!isReservedName(name))
})

for (const value of [
  'a\r\nImpersonate-User: root',
  'a\nb',
  'a\0b',
  'a\tb',
  '\u0085',
  ' padded',
  'padded ',
  '',
  '\ud800',
]) {
  test(`${JSON.stringify(value)} cannot be carried by a header and is refused`, () => {
    assert.equal(isHeaderSafe(value), false)
    assert.equal(refusal({ ...identity, extra: { team: [value] } }).code, 'not_a_header_value')
  })
}

test('what is not ASCII goes out as UTF-8, and what looks encoded stays as it is', () => {
  const names = ['Zürich 東京 🚀', '100%25 %0d%0a', 'a,b;c="d"']
  const headers = impersonationHeaders({ ...identity, groups: [], extra: { team: names } })
  assert.ok(headers.ok)
  const values = headers.value.slice(2).map(([, value]) => Buffer.from(value, 'latin1').toString('utf8'))
  assert.deepEqual(values, names)
  for (const [, value] of headers.value) assert.match(value, /^[\x20-\x7e\x80-\xff]*$/)
})

function refusal(identity: ClusterIdentity): ImpersonationRefusal {
  const result = impersonationHeaders(identity)
  assert.ok(!result.ok)
  return result.error
}
