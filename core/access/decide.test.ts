import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnyPermission } from '../../contract/permissions.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import { decidePlain } from './decide-plain.ts'
import type {
  Assignment,
  RequestOrigin,
  ResourceRef,
  RoleDefinition,
  Scope,
  TagFilterSet,
  TenantAccessFacts,
} from './types.ts'

const inTenant: Scope = { kind: 'tenant' }
const inSystem: Scope = { kind: 'system' }
const projectA: Scope = { kind: 'project', projectUid: 'a' }
const projectB: Scope = { kind: 'project', projectUid: 'b' }
const workspaceA: Scope = { kind: 'workspace', projectUid: 'a', workspaceUid: 'w' }
const otherInA: Scope = { kind: 'workspace', projectUid: 'a', workspaceUid: 'v' }
const noon = Date.UTC(2030, 0, 1, 12)

const role = (scope: RoleDefinition['scope'], ...permissions: AnyPermission[]): RoleDefinition => {
  return { uid: `${scope}-viewer`, name: `${scope} viewer`, scope, permissions }
}
const roles = [
  role('tenant', 'cluster.get', 'user.get'),
  role('project', 'cluster.get'),
  role('resource', 'cluster.get'),
  role('system', 'tenant.get'),
  { uid: 'misspelled', name: 'Misspelled', scope: 'tenant', permissions: ['cluster.gte' as AnyPermission] },
] satisfies RoleDefinition[]

let given = 0
const give = (kind: string, scope: Scope, more: Partial<Assignment> = {}): Assignment => {
  const roleUid = kind === 'misspelled' ? kind : `${kind}-viewer`
  return { id: `as${given++}`, subject: { kind: 'user', uid: 'ada' }, roleUid, scope, filters: 'none', ...more }
}
const toTeam = (uid: string) => ({ subject: { kind: 'team', uid } as const })
const filtered = (filters: TagFilterSet) => give('resource', projectA, { filters })
const is = (key: string, ...values: string[]) => ({ key, operator: 'eq', negation: false, values }) as const
const isNot = (key: string, ...values: string[]) => ({ key, operator: 'eq', negation: true, values }) as const
const both = (...expressions: TagFilterSet[number]['expressions']) => ({ conjunction: 'and', expressions }) as const
const either = (...expressions: TagFilterSet[number]['expressions']) => ({ conjunction: 'or', expressions }) as const

const facts = (assignments: readonly Assignment[], more: Partial<TenantAccessFacts> = {}): TenantAccessFacts => ({
  tenantUid: 'acme',
  epoch: '41',
  permissions: new Set(['cluster.get', 'cluster.update', 'user.get', 'tenant.get']),
  users: new Map([
    ['ada', { teams: ['blue', 'red', 'blue'], active: true }],
    ['bob', { teams: [], active: true }],
    ['gone', { teams: ['blue'], active: false }],
  ]),
  assignments,
  roles: new Map(roles.map((it) => [it.uid, it])),
  ...more,
})

type Case = {
  readonly rule: string
  readonly assignments: readonly Assignment[]
  readonly user?: string
  readonly permission?: string
  readonly on?: Scope
  readonly tags?: ResourceRef['tags']
  readonly now?: number
  readonly origin?: RequestOrigin
  readonly facts?: Partial<TenantAccessFacts>
  readonly expect: 'allow' | 'no-grant' | 'unknown-subject' | 'subject-inactive' | 'unknown-permission'
}

const system = { tenantUid: 'system' }
const fromOffice = { conditions: { networks: ['192.0.2.0/24'] } }
const cases: readonly Case[] = [
  {
    rule: 'a role under conditions counts for a request that meets them',
    assignments: [give('project', projectA, fromOffice)],
    origin: { address: '192.0.2.7' },
    expect: 'allow',
  },
  {
    rule: 'and not for one that does not',
    assignments: [give('project', projectA, fromOffice)],
    origin: { address: '198.51.100.7' },
    expect: 'no-grant',
  },
  {
    rule: 'nor for one of which nothing is known',
    assignments: [give('project', projectA, fromOffice), give('tenant', inTenant, fromOffice)],
    expect: 'no-grant',
  },
  {
    rule: 'in the tenant neither',
    assignments: [give('tenant', inTenant, fromOffice)],
    origin: { address: '198.51.100.7' },
    on: inTenant,
    expect: 'no-grant',
  },
  {
    rule: 'conditions beside filters must both hold',
    assignments: [{ ...filtered([both(is('env', 'prod'))]), ...fromOffice }],
    origin: { address: '192.0.2.7' },
    tags: { env: 'dev' },
    expect: 'no-grant',
  },
  {
    rule: 'a document that names nothing is met by nothing',
    assignments: [give('project', projectA, { conditions: {} })],
    origin: { address: '192.0.2.7', provedAt: noon },
    expect: 'no-grant',
  },
  { rule: 'denies when nothing grants', assignments: [], expect: 'no-grant' },
  { rule: 'allows inside the granted project', assignments: [give('project', projectA)], expect: 'allow' },
  { rule: 'does not reach another project', assignments: [give('project', projectB)], expect: 'no-grant' },
  {
    rule: 'a project grant does not reach the tenant',
    assignments: [give('project', projectA)],
    on: inTenant,
    expect: 'no-grant',
  },
  { rule: 'a tenant role acts in every project', assignments: [give('tenant', inTenant)], expect: 'allow' },
  {
    rule: 'a tenant role acts on tenant objects',
    assignments: [give('tenant', inTenant)],
    on: inTenant,
    expect: 'allow',
  },
  {
    rule: 'a project role given in the tenant acts in every project',
    assignments: [give('project', inTenant)],
    expect: 'allow',
  },
  {
    rule: 'a project role given in the tenant acts there too',
    assignments: [give('project', inTenant)],
    on: inTenant,
    expect: 'allow',
  },
  {
    rule: 'a project role given on a workspace acts on it',
    assignments: [give('project', workspaceA)],
    on: workspaceA,
    expect: 'allow',
  },
  {
    rule: 'a workspace grant does not reach another workspace of the project',
    assignments: [give('project', workspaceA)],
    on: otherInA,
    expect: 'no-grant',
  },
  {
    rule: 'a workspace grant does not reach the project around it',
    assignments: [give('project', workspaceA)],
    expect: 'no-grant',
  },
  {
    rule: 'a workspace grant does not reach the tenant',
    assignments: [give('project', workspaceA)],
    on: inTenant,
    expect: 'no-grant',
  },
  {
    rule: 'a project grant acts on the workspaces of the project',
    assignments: [give('project', projectA)],
    on: workspaceA,
    expect: 'allow',
  },
  {
    rule: 'a project grant does not act on workspaces of another project',
    assignments: [give('project', projectB)],
    on: workspaceA,
    expect: 'no-grant',
  },
  {
    rule: 'a tenant role acts on workspaces',
    assignments: [give('tenant', inTenant)],
    on: workspaceA,
    expect: 'allow',
  },
  {
    rule: 'a tenant role given on a workspace gives nothing',
    assignments: [give('tenant', workspaceA)],
    on: workspaceA,
    expect: 'no-grant',
  },
  {
    rule: 'a resource role given on a workspace gives nothing',
    assignments: [give('resource', workspaceA, { filters: [] })],
    on: workspaceA,
    expect: 'no-grant',
  },
  {
    rule: 'a role given on a workspace takes no filters',
    assignments: [give('project', workspaceA, { filters: [either(is('env', 'prod'))] })],
    on: workspaceA,
    tags: { env: 'prod' },
    expect: 'no-grant',
  },
  {
    rule: 'gives nothing but its permissions',
    assignments: [give('tenant', inTenant)],
    permission: 'cluster.update',
    expect: 'no-grant',
  },
  {
    rule: 'what is given to one is not given to another',
    assignments: [give('tenant', inTenant)],
    user: 'bob',
    expect: 'no-grant',
  },

  { rule: 'a team’s grant is inherited', assignments: [give('project', projectA, toTeam('red'))], expect: 'allow' },
  { rule: 'another team’s is not', assignments: [give('project', projectA, toTeam('green'))], expect: 'no-grant' },
  {
    rule: 'a user’s UID does not make a team',
    assignments: [give('project', projectA, toTeam('ada'))],
    expect: 'no-grant',
  },
  {
    rule: 'a team’s UID does not make a user',
    assignments: [give('tenant', inTenant, { subject: { kind: 'user', uid: 'blue' } })],
    expect: 'no-grant',
  },

  {
    rule: 'an inactive user is refused',
    assignments: [give('tenant', inTenant, { subject: { kind: 'user', uid: 'gone' } })],
    user: 'gone',
    expect: 'subject-inactive',
  },
  {
    rule: 'an unknown user is refused, grants or not',
    assignments: [give('tenant', inTenant, { subject: { kind: 'user', uid: 'zoe' } })],
    user: 'zoe',
    expect: 'unknown-subject',
  },
  {
    rule: 'a permission outside the catalogue is refused',
    assignments: [give('tenant', inTenant)],
    permission: 'cluster.fly',
    expect: 'unknown-permission',
  },
  {
    rule: 'also where a stored role has it',
    assignments: [give('misspelled', inTenant)],
    permission: 'cluster.gte',
    expect: 'unknown-permission',
  },
  {
    rule: 'there are no wildcards',
    assignments: [give('tenant', inTenant)],
    permission: 'cluster.*',
    expect: 'unknown-permission',
  },

  { rule: 'grants until its end', assignments: [give('tenant', inTenant, { endsAt: noon + 1 })], expect: 'allow' },
  {
    rule: 'grants nothing from its end on',
    assignments: [give('tenant', inTenant, { endsAt: noon })],
    expect: 'no-grant',
  },
  {
    rule: 'without a clock what ends has ended',
    assignments: [give('tenant', inTenant, { endsAt: noon })],
    now: Number.NaN,
    expect: 'no-grant',
  },
  {
    rule: 'an ended grant does not spoil a lasting one',
    assignments: [give('tenant', inTenant, { endsAt: 1 }), give('project', projectA)],
    expect: 'allow',
  },

  {
    rule: 'an assignment without its role grants nothing',
    assignments: [give('missing', inTenant)],
    expect: 'no-grant',
  },
  {
    rule: 'a tenant role given in a project grants nothing',
    assignments: [give('tenant', projectA)],
    expect: 'no-grant',
  },
  {
    rule: 'a resource role without filters grants nothing',
    assignments: [give('resource', projectA)],
    tags: {},
    expect: 'no-grant',
  },
  {
    rule: 'a resource role given in the tenant grants nothing',
    assignments: [give('resource', inTenant, { filters: [both(isNot('x', 'y'))] })],
    tags: {},
    expect: 'no-grant',
  },
  {
    rule: 'a system role acts in the system scope of the tenant system',
    assignments: [give('system', inSystem)],
    permission: 'tenant.get',
    on: inSystem,
    facts: system,
    expect: 'allow',
  },
  {
    rule: 'a system role in any other tenant grants nothing',
    assignments: [give('system', inSystem)],
    permission: 'tenant.get',
    on: inSystem,
    expect: 'no-grant',
  },
  {
    rule: 'a system role does not reach down',
    assignments: [give('system', inSystem)],
    permission: 'tenant.get',
    on: inTenant,
    facts: system,
    expect: 'no-grant',
  },
  {
    rule: 'a tenant role does not reach up',
    assignments: [give('tenant', inTenant)],
    on: inSystem,
    facts: system,
    expect: 'no-grant',
  },
  {
    rule: 'a system role given in the tenant scope grants nothing',
    assignments: [give('system', inTenant)],
    permission: 'tenant.get',
    on: inTenant,
    facts: system,
    expect: 'no-grant',
  },

  {
    rule: 'a filter selects the object that matches',
    assignments: [filtered([both(is('env', 'prod'))])],
    tags: { env: 'prod' },
    expect: 'allow',
  },
  {
    rule: 'and no other',
    assignments: [filtered([both(is('env', 'prod'))])],
    tags: { env: 'test' },
    expect: 'no-grant',
  },
  {
    rule: 'nor outside its project',
    assignments: [filtered([both(is('env', 'prod'))])],
    tags: { env: 'prod' },
    on: projectB,
    expect: 'no-grant',
  },
  { rule: 'no filter at all selects nothing', assignments: [filtered([])], tags: { env: 'prod' }, expect: 'no-grant' },
  {
    rule: 'any filter of several will do',
    assignments: [filtered([both(is('env', 'test')), both(is('env', 'prod'))])],
    tags: { env: 'prod' },
    expect: 'allow',
  },
  {
    rule: 'a grant with filters does not count where there is no object',
    assignments: [filtered([both(isNot('env', 'prod'))])],
    expect: 'no-grant',
  },
  {
    rule: 'filters narrow other roles as well',
    assignments: [give('project', inTenant, { filters: [both(is('env', 'test'))] })],
    tags: { env: 'prod' },
    expect: 'no-grant',
  },
  {
    rule: 'a filter that misses does not spoil another grant',
    assignments: [filtered([both(is('env', 'test'))]), give('project', projectA)],
    tags: {},
    expect: 'allow',
  },
  {
    rule: 'either of two',
    assignments: [filtered([either(is('env', 'prod'), is('team', 'pay'))])],
    tags: { team: 'pay' },
    expect: 'allow',
  },
]

for (const c of cases) {
  test(c.rule, () => {
    const request = {
      subject: { userUid: c.user ?? 'ada' },
      permission: c.permission ?? 'cluster.get',
      resource: { kind: 'cluster', uid: 'c1', scope: c.on ?? projectA, ...(c.tags ? { tags: c.tags } : {}) },
      now: c.now ?? noon,
      origin: c.origin,
    }
    const world = facts(c.assignments, c.facts)
    const decision = decide(request, compile(world))
    assert.equal(decision.effect === 'allow' ? 'allow' : decision.why, c.expect)
    assert.deepEqual(decision, decidePlain(request, world))
  })
}

const getClusterInA = {
  subject: { userUid: 'ada' },
  permission: 'cluster.get',
  resource: { kind: 'cluster', scope: projectA },
  now: noon,
}

test('an allowance names every grant that allows it, each once: the wide ones first, the user’s own before the teams’', () => {
  const assignments = [
    give('project', projectA, { id: 'm', ...toTeam('blue') }),
    give('project', projectB, { id: 'c' }),
    give('tenant', inTenant, { id: 'a' }),
    give('project', projectA, { id: 'z', endsAt: noon + 1 }),
  ]
  const because = [
    { assignment: 'a', roleUid: 'tenant-viewer', roleName: 'tenant viewer', via: { kind: 'user' }, scope: inTenant },
    { assignment: 'z', roleUid: 'project-viewer', roleName: 'project viewer', via: { kind: 'user' }, scope: projectA },
    {
      assignment: 'm',
      roleUid: 'project-viewer',
      roleName: 'project viewer',
      via: { kind: 'team', teamUid: 'blue' },
      scope: projectA,
    },
  ]
  assert.deepEqual(decide(getClusterInA, compile(facts(assignments))), { effect: 'allow', because, epoch: '41' })
})

test('a refusal names the permission, the object’s scope and the epoch it was decided on', () => {
  assert.deepEqual(decide(getClusterInA, compile(facts([]))), {
    effect: 'deny',
    missing: 'cluster.get',
    scope: projectA,
    epoch: '41',
    why: 'no-grant',
  })
})

test('a reason, shared by all decisions, cannot be changed by who got it', () => {
  const compiled = compile(facts([give('tenant', inTenant)]))
  const first = decide(getClusterInA, compiled)
  assert.ok(first.effect === 'allow' && first.because[0])
  assert.throws(() => Object.assign(first.because[0] ?? {}, { roleName: 'x' }), TypeError)
  assert.throws(() => Object.assign(first.because[0]?.via ?? {}, { kind: 'team' }), TypeError)
})

test('unknown and inactive users leave nothing behind, however many ask', () => {
  const compiled = compile(facts([give('tenant', inTenant)]))
  for (const userUid of ['zoe', 'gone', 'ada', 'bob']) decide({ ...getClusterInA, subject: { userUid } }, compiled)
  assert.deepEqual([...compiled.met.principals.keys()], ['ada', 'bob'])
})
