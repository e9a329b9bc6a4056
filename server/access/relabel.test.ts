import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Permission } from '../../contract/permissions.ts'
import type { Scope } from '../../core/access/index.ts'
import type { Target } from '../gateway/index.ts'
import { mayRelabel } from './relabel.ts'

type Holds = Readonly<Partial<Record<Permission, readonly string[]>>>

/** Somebody who holds rights on what has these values of the label `env`; of `forNow` only while the request lasts. */
function caller(held: Holds, forNow: Holds = {}) {
  const holds = (of: Holds, permission: string, on: Target | Scope) =>
    of[permission as Permission]?.includes('tags' in on ? (on.tags?.env ?? '') : '') === true
  return {
    allows: (permission: string, on: Target | Scope) => holds(held, permission, on) || holds(forNow, permission, on),
    allowsForGood: (permission: string, on: Target | Scope) => holds(held, permission, on),
  }
}

const project = { kind: 'project', projectUid: 'p1' } as const
const workspace = { kind: 'workspace', projectUid: 'p1', workspaceUid: 'w1' } as const
const both = ['dev', 'prod'] as const

const cases: readonly {
  readonly rule: string
  readonly permission?: Permission
  readonly scope?: Scope
  readonly kinds?: 'all'
  readonly holds: Holds
  readonly forNow?: Holds
  readonly after?: Readonly<Record<string, string>>
  /** The right that is named, and what is said of where; nothing: it may be done. */
  readonly refused?: readonly [Permission, RegExp, object]
}[] = [
  { rule: 'the same labels need nothing', holds: {}, after: { env: 'dev' } },
  { rule: 'both rights before and after', holds: { 'tag.update': both, 'sshKey.update': both } },
  {
    rule: 'tag.update as it is',
    holds: { 'tag.update': ['prod'], 'sshKey.update': both },
    refused: ['tag.update', /^Changing labels needs tag.update in project p1 /, { kind: 'project', uid: 'p1' }],
  },
  {
    rule: 'tag.update as it would be',
    holds: { 'tag.update': ['dev'], 'sshKey.update': both },
    refused: ['tag.update', /^With these labels this needs tag.update in project p1 /, { kind: 'project', uid: 'p1' }],
  },
  {
    rule: 'nobody moves one out of what they may change',
    holds: { 'tag.update': both, 'sshKey.update': ['dev'] },
    refused: ['sshKey.update', /^With these labels this needs sshKey.update /, { kind: 'project', uid: 'p1' }],
  },
  {
    rule: 'a workspace too',
    ...{ permission: 'workspace.update', scope: workspace },
    holds: { 'tag.update': both, 'workspace.update': ['dev'] },
    refused: ['workspace.update', /needs workspace.update on workspace w1 /, { kind: 'workspace', uid: 'w1' }],
  },
  {
    rule: 'nor to where they may do more to it',
    scope: { kind: 'tenant' },
    holds: { 'tag.update': both, 'sshKey.update': both, 'sshKey.delete': ['prod'] },
    refused: ['sshKey.delete', /^With these labels you could use sshKey.delete on it/, { kind: 'tenant' }],
  },
  {
    rule: 'nor for good what they may do for now',
    holds: { 'tag.update': both, 'sshKey.update': ['prod'] },
    forNow: { 'sshKey.update': ['dev'] },
    refused: ['sshKey.update', /^With these labels you could use sshKey.update /, { kind: 'project', uid: 'p1' }],
  },
  {
    rule: 'what the labels of a key give on clusters is nothing',
    holds: { 'tag.update': both, 'sshKey.update': both, 'machine.get': ['prod'] },
  },
  {
    rule: 'of a cluster everything matters',
    ...{ permission: 'cluster.update', kinds: 'all' },
    holds: { 'tag.update': both, 'cluster.update': both, 'machine.get': ['prod'] },
    refused: ['machine.get', /^With these labels you could use machine.get /, { kind: 'project', uid: 'p1' }],
  },
]
for (const { rule, permission = 'sshKey.update', scope = project, kinds, holds, forNow, after, refused } of cases)
  test(`D02 labels are changed: ${rule}`, () => {
    const target = { kind: 'x', uid: 'x1', scope, tags: { env: 'dev' } }
    const asking = { permission, access: caller(holds, forNow), requestId: 'r1', ...(kinds ? { kinds } : {}) }
    const answer = mayRelabel(target, after ?? { env: 'prod' }, asking)
    if (refused === undefined) return assert.ok(answer.ok)
    assert.ok(!answer.ok)
    const [named, message, where] = refused
    assert.equal(answer.error.code, 'forbidden')
    assert.deepEqual(answer.error.details, { permission: named, scope: where })
    assert.match(answer.error.detail ?? '', message)
    assert.match(answer.error.detail ?? '', /\(request r1\)$/)
  })
