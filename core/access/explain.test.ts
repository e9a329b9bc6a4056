import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ableUsers } from './arbitrary-facts.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import { explain, whoCan } from './explain.ts'
import type { Assignment, RequestConditions, ResourceRef, Scope, TenantAccessFacts } from './types.ts'

const permissions = ['cluster.get', 'cluster.list', 'cluster.update'] as const
const projects = ['p1', 'p2']
const teams = ['t1', 't2', 't3']
const users = Array.from({ length: 12 }, (_, i) => `u${i}`)
const prod = {
  conjunction: 'and',
  expressions: [{ key: 'env', operator: 'eq', negation: false, values: ['prod'] }],
} as const

const conditions: readonly RequestConditions[] = [{ networks: ['10.0.0.0/8'] }, { signInWithinSeconds: 60 }]

/** Park and Miller's generator: the same worlds each time. */
function worlds(seed: number, conditioned = false) {
  let state = seed
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  const one = <T>(of: readonly T[]): T => of[next(of.length)] as T
  return (): TenantAccessFacts => ({
    tenantUid: 'tenant',
    epoch: '1',
    permissions: new Set(permissions),
    users: new Map(
      users.map((uid) => [uid, { teams: teams.filter(() => next(3) === 0), active: next(6) > 0 }] as const),
    ),
    roles: new Map(
      (['tenant', 'project', 'resource'] as const).flatMap((scope) =>
        permissions.map((permission) => {
          const uid = `${scope} ${permission}`
          return [uid, { uid, name: uid, scope, permissions: [permission] }] as const
        }),
      ),
    ),
    assignments: Array.from({ length: next(30) }, (_, i): Assignment => {
      const subject =
        next(2) === 0 ? ({ kind: 'user', uid: one(users) } as const) : ({ kind: 'team', uid: one(teams) } as const)
      const kind = one(['tenant', 'project', 'resource', 'nowhere'])
      return {
        ...{ id: `a${i}`, subject, roleUid: `${kind} ${one(permissions)}` },
        // Some of it may not be given like this, and so gives nothing.
        scope: next(2) === 0 ? { kind: 'tenant' } : { kind: 'project', projectUid: one(projects) },
        filters: kind === 'resource' && next(4) > 0 ? [prod] : 'none',
        ...(next(5) === 0 ? { endsAt: 1_000 + next(3) - 1 } : {}),
        ...(conditioned && next(5) === 0 ? { conditions: one(conditions) } : {}),
      }
    }),
  })
}

const resources: readonly ResourceRef[] = [
  { kind: 'tenant', scope: { kind: 'tenant' } },
  { kind: 'project', scope: { kind: 'project', projectUid: 'p1' } },
  { kind: 'x', uid: 'x', scope: { kind: 'project', projectUid: 'p2' }, tags: { env: 'prod' } },
  { kind: 'x', uid: 'y', scope: { kind: 'project', projectUid: 'p2' }, tags: {} },
  { kind: 'x', uid: 'z', scope: { kind: 'project', projectUid: 'unknown' }, tags: { env: 'prod' } },
]

test('who can is everybody whom a decision would allow, for the same reasons, in 300 random worlds', () => {
  const world = worlds(99)
  let able = 0
  for (let i = 0; i < 300; i++) {
    const compiled = compile(world())
    for (const resource of resources)
      for (const permission of [...permissions, 'cluster.nonsense']) {
        const asked = { permission, resource, now: 1_000 }
        const wanted = users.toSorted().flatMap((user) => {
          const decision = decide({ ...asked, subject: { userUid: user } }, compiled)
          return decision.effect === 'allow'
            ? [{ user, because: decision.because, count: decision.because.length }]
            : []
        })
        assert.deepEqual(ableUsers(asked, compiled), wanted)
        const cut = wanted.map((one) => ({ ...one, because: one.because.slice(0, 2) }))
        assert.deepEqual(ableUsers(asked, compiled, { most: 2 }), cut)
        able += wanted.length
      }
  }
  assert.ok(able > 1_000, `${able}`)
})

test('every grant of the permission either decides or is told as one that does not, and why', () => {
  const world = worlds(7, true)
  const origin = { address: '10.0.0.1' }
  const whys = new Set<string>()
  for (let i = 0; i < 300; i++) {
    const compiled = compile(world())
    for (const resource of resources)
      for (const userUid of users) {
        const request = { subject: { userUid }, permission: 'cluster.get', resource, now: 1_000, origin }
        const { decision, near } = explain(request, compiled)
        assert.deepEqual(decision, decide(request, compiled))
        const counted = new Set(decision.effect === 'allow' ? decision.because.map((one) => one.assignment) : [])
        for (const { reason, why, unmet } of near) {
          assert.deepEqual(unmet, why === 'condition' ? ['sign-in-age'] : [], 'the network is the right one')
          assert.ok(!counted.has(reason.assignment), 'a grant that counts is no near miss')
          whys.add(why)
        }
      }
  }
  assert.deepEqual([...whys].sort(), ['condition', 'elsewhere', 'ended', 'not-selected'])
})

test('what would be needed names the roles that would do, the smallest first, and none that could not be given there', () => {
  const role = (uid: string, scope: 'tenant' | 'project' | 'resource', held: readonly (typeof permissions)[number][]) =>
    [uid, { uid, name: uid, scope, permissions: held }] as const
  const compiled = compile({
    ...{ tenantUid: 'tenant', epoch: '1', permissions: new Set(permissions), users: new Map(), assignments: [] },
    roles: new Map([
      role('big', 'tenant', permissions),
      role('small', 'project', ['cluster.get']),
      role('filtered', 'resource', ['cluster.get', 'cluster.list']),
      role('other', 'project', ['cluster.list']),
    ]),
  })
  const rolesFor = (resource: ResourceRef) =>
    explain({ subject: { userUid: 'u' }, permission: 'cluster.get', resource, now: 0 }, compiled).roles.map(
      ({ uid }) => uid,
    )
  assert.deepEqual(rolesFor(resources[2]!), ['small', 'filtered', 'big'])
  assert.deepEqual(rolesFor(resources[1]!), ['small', 'big'], 'a filter selects no scope')
  assert.deepEqual(rolesFor(resources[0]!), ['small', 'big'])
})

test('who can: whoever may under conditions is named, for their own request may meet them', () => {
  const world = worlds(11, true)
  const request = { permission: 'cluster.get', resource: resources[2]!, now: 1_000 }
  for (let i = 0; i < 100; i++) {
    const facts = world()
    const stripped = facts.assignments.map(({ conditions: _, ...one }) => one)
    assert.deepEqual(
      ableUsers(request, compile(facts)),
      ableUsers(request, compile({ ...facts, assignments: stripped })),
    )
  }
})

test('who can: a hundred thousand users through a team with very many grants are counted, and only one who is shown is worked out', () => {
  const many = Array.from({ length: 100_000 }, (_, at) => `u${at}`)
  const grants = 2_000
  const viewer = { uid: 'viewer', name: 'Viewer', scope: 'project', permissions: ['cluster.get'] } as const
  const given = (kind: 'user' | 'team', uid: string, id: string, scope: Scope): Assignment => {
    return { id, subject: { kind, uid }, roleUid: 'viewer', scope, filters: 'none' }
  }
  const project = { kind: 'project', projectUid: 'p1' } as const
  const compiled = compile({
    ...{ tenantUid: 'tenant', epoch: '1', permissions: new Set(permissions) },
    users: new Map(many.map((uid) => [uid, { teams: ['all', 'all'], active: true }])),
    roles: new Map([['viewer', viewer]]),
    assignments: [
      ...Array.from({ length: grants }, (_, at) => given('team', 'all', `t${at}`, project)),
      ...Array.from({ length: grants }, (_, at) => given('user', 'u7', `o${at}`, project)),
      given('team', 'all', 'wide', { kind: 'tenant' }),
    ],
  })
  const asked = { permission: 'cluster.get', resource: { kind: 'project', scope: project }, now: 1 }
  // All of them together would be two hundred million reasons.
  const found = whoCan(asked, compiled, { most: 3 })
  assert.equal(found.users.length, many.length)
  for (const user of many) assert.equal(found.waysOf(user).count, (user === 'u7' ? 2 : 1) * grants + 1)
  const ways = (user: string) => found.waysOf(user).because.map(({ assignment }) => assignment)
  assert.deepEqual(ways('u7'), ['wide', 'o0', 'o1'])
  assert.deepEqual(ways('u8'), ['wide', 't0', 't1'])
  assert.equal(found.waysOf('u8').because[1], found.waysOf('u9').because[1], 'one reason for everybody who has it')
})
