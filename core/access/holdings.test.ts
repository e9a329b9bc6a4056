import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AnyPermission } from '../../contract/permissions.ts'
import { anyAssignment, anyFacts, anyRequest } from './arbitrary-facts.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import {
  covers,
  gainedByTags,
  type Holding,
  holdingOf,
  holdingsOf,
  permissionsOf,
  reachOf,
  settledUntil,
  workspacesOf,
} from './holdings.ts'
import { reaches, selects } from './rules.ts'
import type { Assignment, RoleDefinition, Scope, TagFilterSet, TenantAccessFacts } from './types.ts'

const inTenant: Scope = { kind: 'tenant' }
const projectA: Scope = { kind: 'project', projectUid: 'a' }
const projectB: Scope = { kind: 'project', projectUid: 'b' }
const noon = Date.UTC(2030, 0, 1, 12)
const prod: TagFilterSet = [
  { conjunction: 'and', expressions: [{ key: 'env', operator: 'eq', negation: false, values: ['prod'] }] },
]
const testing: TagFilterSet = [
  { conjunction: 'or', expressions: [{ key: 'env', operator: 'eq', negation: false, values: ['test'] }] },
]

const roles: readonly RoleDefinition[] = [
  { uid: 'admin', name: 'Admin', scope: 'project', permissions: ['cluster.update', 'cluster.get'] },
  { uid: 'viewer', name: 'Viewer', scope: 'project', permissions: ['cluster.get'] },
  { uid: 'filtered', name: 'Filtered', scope: 'resource', permissions: ['cluster.get'] },
  { uid: 'stale', name: 'Stale', scope: 'tenant', permissions: ['workspace.get'] },
]
const give = (uid: string, roleUid: string, scope: Scope, more: Partial<Assignment> = {}): Assignment => {
  return { id: `${uid} ${roleUid}`, subject: { kind: 'user', uid }, roleUid, scope, filters: 'none', ...more }
}
const toTeam: Partial<Assignment> = { subject: { kind: 'team', uid: 'blue' } }
const facts = (...assignments: Assignment[]): TenantAccessFacts => ({
  tenantUid: 'acme',
  epoch: '1',
  permissions: new Set(['cluster.get', 'cluster.update']),
  users: new Map([
    ['ada', { teams: ['blue'], active: true }],
    ['pending', { teams: ['blue'], active: false }],
  ]),
  assignments,
  roles: new Map(roles.map((role) => [role.uid, role])),
})
const ada = { userUid: 'ada' }

test('permissionsOf: the tenant’s permissions count in each project that is listed, and none is listed twice', () => {
  const compiled = compile(
    facts(give('ada', 'viewer', inTenant), give('ada', 'admin', projectA), give('ada', 'viewer', projectA, toTeam)),
  )
  assert.deepEqual(permissionsOf(compiled, ada, noon), {
    system: [],
    tenant: ['cluster.get'],
    projects: new Map([['a', ['cluster.get', 'cluster.update']]]),
    workspaces: [],
  })
})

test('permissionsOf: nothing that has ended, is filtered or is not in the catalogue; nothing for the inactive', () => {
  const compiled = compile(
    facts(
      give('ada', 'admin', projectA, { endsAt: noon }),
      give('ada', 'filtered', projectB, { filters: prod }),
      give('ada', 'stale', inTenant),
      give('pending', 'admin', inTenant),
    ),
  )
  const nothing = { system: [], tenant: [], projects: new Map(), workspaces: [] }
  for (const userUid of ['ada', 'pending', 'nobody'])
    assert.deepEqual(permissionsOf(compiled, { userUid }, noon), nothing)
})

test('holdingsOf: a pending user holds what activation will give, through teams too', () => {
  const compiled = compile(facts(give('pending', 'viewer', projectA), give('', 'admin', projectB, toTeam)))
  const ofTeam = { scope: projectB, filters: 'none', permissions: ['cluster.get', 'cluster.update'] }
  assert.deepEqual(holdingsOf(compiled, { kind: 'user', uid: 'pending' }, noon), [
    { scope: projectA, filters: 'none', permissions: ['cluster.get'] },
    ofTeam,
  ])
  assert.deepEqual(holdingsOf(compiled, { kind: 'team', uid: 'blue' }, noon), [ofTeam])
})

const holding = (scope: Scope, permission: AnyPermission, more: Partial<Holding> = {}): Holding => {
  return { scope, filters: 'none', permissions: [permission], ...more }
}
const cases: readonly {
  rule: string
  own: readonly Assignment[]
  wanted: Holding
  covered: boolean
  giver?: string
}[] = [
  {
    rule: 'the same right in the same scope',
    own: [give('ada', 'viewer', projectA)],
    wanted: holding(projectA, 'cluster.get'),
    covered: true,
  },
  {
    rule: 'not another right',
    own: [give('ada', 'viewer', projectA)],
    wanted: holding(projectA, 'cluster.update'),
    covered: false,
  },
  {
    rule: 'not in another project',
    own: [give('ada', 'viewer', projectB)],
    wanted: holding(projectA, 'cluster.get'),
    covered: false,
  },
  {
    rule: 'the tenant covers its projects',
    own: [give('ada', 'viewer', inTenant)],
    wanted: holding(projectA, 'cluster.get'),
    covered: true,
  },
  {
    rule: 'all projects of today are not the tenant',
    own: [give('ada', 'viewer', projectA), give('ada', 'viewer', projectB)],
    wanted: holding(inTenant, 'cluster.get'),
    covered: false,
  },
  {
    rule: 'what a team gave counts',
    own: [give('', 'viewer', projectA, toTeam)],
    wanted: holding(projectA, 'cluster.get'),
    covered: true,
  },
  {
    rule: 'what has ended does not',
    own: [give('ada', 'viewer', projectA, { endsAt: noon })],
    wanted: holding(projectA, 'cluster.get', { endsAt: noon }),
    covered: false,
  },
  {
    rule: 'for a time covers not for ever',
    own: [give('ada', 'viewer', projectA, { endsAt: noon + 9 })],
    wanted: holding(projectA, 'cluster.get'),
    covered: false,
  },
  {
    rule: 'for a time covers a time as long',
    own: [give('ada', 'viewer', projectA, { endsAt: noon + 9 })],
    wanted: holding(projectA, 'cluster.get', { endsAt: noon + 9 }),
    covered: true,
  },
  {
    rule: 'for a time covers no longer time',
    own: [give('ada', 'viewer', projectA, { endsAt: noon + 9 })],
    wanted: holding(projectA, 'cluster.get', { endsAt: noon + 10 }),
    covered: false,
  },
  {
    rule: 'some objects are not all objects',
    own: [give('ada', 'filtered', projectA, { filters: prod })],
    wanted: holding(projectA, 'cluster.get'),
    covered: false,
  },
  {
    rule: 'all objects are some objects',
    own: [give('ada', 'viewer', projectA)],
    wanted: holding(projectA, 'cluster.get', { filters: prod }),
    covered: true,
  },
  {
    rule: 'the same filter covers',
    own: [give('ada', 'filtered', projectA, { filters: [...testing, ...prod] })],
    wanted: holding(projectA, 'cluster.get', { filters: prod }),
    covered: true,
  },
  {
    rule: 'another filter does not',
    own: [give('ada', 'filtered', projectA, { filters: prod })],
    wanted: holding(projectA, 'cluster.get', { filters: [...prod, ...testing] }),
    covered: false,
  },
  {
    rule: 'nothing that is held under conditions, whatever they are',
    own: [
      give('ada', 'viewer', projectA, { conditions: { networks: ['0.0.0.0/0', '::/0'] } }),
      give('ada', 'viewer', inTenant, { conditions: { signInWithinSeconds: 60 } }),
    ],
    wanted: holding(projectA, 'cluster.get', { endsAt: noon + 1 }),
    covered: false,
  },
  {
    rule: 'an inactive giver covers nothing',
    own: [give('pending', 'viewer', projectA)],
    wanted: holding(projectA, 'cluster.get'),
    covered: false,
    giver: 'pending',
  },
  {
    rule: 'nor does an unknown one',
    own: [give('zoe', 'viewer', projectA)],
    wanted: holding(projectA, 'cluster.get'),
    covered: false,
    giver: 'zoe',
  },
]
for (const c of cases) {
  test(`covers: ${c.rule}`, () => {
    const coverage = covers(compile(facts(...c.own)), { userUid: c.giver ?? 'ada' }, [c.wanted], noon)
    const missing = c.wanted.permissions.map((permission) => ({ permission, scope: c.wanted.scope }))
    assert.deepEqual(coverage, c.covered ? { covered: true } : { covered: false, missing })
  })
}

test('covers: says what is missing, each once', () => {
  const compiled = compile(facts(give('ada', 'viewer', projectA)))
  const admin = roles.find(({ uid }) => uid === 'admin')
  assert.ok(admin)
  const wanted = [projectA, projectA, projectB].map((scope) => holdingOf(admin, { scope, filters: 'none' }))
  assert.deepEqual(covers(compiled, ada, wanted, noon), {
    covered: false,
    missing: [
      { permission: 'cluster.update', scope: projectA },
      { permission: 'cluster.update', scope: projectB },
      { permission: 'cluster.get', scope: projectB },
    ],
  })
})

test('C04: whoever covers another’s holdings could have done whatever that other may do, now and later', () => {
  let meant = 0
  fc.assert(
    fc.property(anyFacts, anyRequest, fc.nat({ max: 3000 }), (facts, request, before) => {
      const compiled = compile(facts)
      const uid = 'bob'
      const asBob = decide({ ...request, subject: { userUid: uid } }, compiled)
      const at = request.now - before
      if (asBob.effect === 'deny') return
      for (const giver of ['ada', 'cleo']) {
        if (!covers(compiled, { userUid: giver }, holdingsOf(compiled, { kind: 'user', uid }, at), at).covered) continue
        meant++
        assert.equal(decide({ ...request, subject: { userUid: giver } }, compiled).effect, 'allow')
      }
    }),
    { numRuns: 5_000 },
  )
  assert.ok(meant > 20, `the property met only ${meant} covered pairs`)
})

test('D01: a role assignment that the giver covers lets nobody do what the giver cannot, now and later', () => {
  let meant = 0
  fc.assert(
    fc.property(
      anyFacts,
      anyAssignment,
      anyRequest,
      fc.nat({ max: 3000 }),
      (facts, extra, { resource, now }, before) => {
        const compiled = compile(facts)
        const after = compile({ ...facts, assignments: [...facts.assignments, extra] })
        const role = facts.roles.get(extra.roleUid)
        if (role === undefined) return
        const givers = [...facts.users].map(([userUid]) => ({ userUid }))
        const at = now - before
        for (const giver of givers.filter((it) => covers(compiled, it, [holdingOf(role, extra)], at).covered))
          for (const permission of facts.permissions)
            for (const subject of givers) {
              const request = { subject, permission, resource: { ...resource, scope: extra.scope }, now }
              if (decide(request, after).effect === 'deny' || decide(request, compiled).effect === 'allow') continue
              meant++
              assert.equal(decide({ ...request, subject: giver }, compiled).effect, 'allow')
            }
      },
    ),
    { numRuns: 5_000 },
  )
  assert.ok(meant > 5, `the property met only ${meant} rights that were new`)
})

test('permissionsOf agrees with decide: listed means allowed on every object, in the tenant and in each listed project', () => {
  fc.assert(
    fc.property(anyFacts, anyRequest, (facts, request) => {
      const compiled = compile(facts)
      const { subject, now, origin } = request
      const held = permissionsOf(compiled, subject, now, origin)
      const allowed = (scope: Scope) =>
        [...facts.permissions]
          .filter(
            (permission) =>
              decide({ subject, permission, resource: { kind: 'any', scope }, now, origin }, compiled).effect ===
              'allow',
          )
          .sort()
      assert.deepEqual(held.system, allowed({ kind: 'system' }))
      assert.deepEqual(held.tenant, allowed(inTenant))
      for (const projectUid of ['p1', 'p2'])
        assert.deepEqual(held.projects.get(projectUid) ?? held.tenant, allowed({ kind: 'project', projectUid }))
      for (const { scope, permissions } of held.workspaces) assert.deepEqual(permissions, allowed(scope))
    }),
    { numRuns: 1000 },
  )
})

test('permissionsOf unites, for each place that is listed, all grants that reach it', () => {
  let met = 0
  fc.assert(
    fc.property(anyFacts, anyRequest, (facts, { subject, now }) => {
      const compiled = compile(facts)
      const held = permissionsOf(compiled, subject, now)
      const isActive = facts.users.get(subject.userUid)?.active === true
      // What is held under conditions is left out: nothing is said of the request.
      const assignments = facts.assignments.filter(({ conditions }) => conditions === undefined)
      const user = { kind: 'user', uid: subject.userUid } as const
      const all = isActive ? holdingsOf(compile({ ...facts, assignments }), user, now) : []
      const wide = all.filter(({ filters }) => filters === 'none')
      const plainly = (target: Scope) =>
        [...facts.permissions].filter((permission) =>
          wide.some(({ scope, permissions }) => reaches(scope, target) && permissions.includes(permission)),
        )
      const places = new Map(wide.map(({ scope }) => [JSON.stringify(scope), scope]))
      const projects = [...places.values()].filter((scope) => scope.kind === 'project')
      const workspaces = [...places.values()].filter((scope) => scope.kind === 'workspace')
      met += projects.length + workspaces.length
      assert.deepEqual(held, {
        system: plainly({ kind: 'system' }),
        tenant: plainly(inTenant),
        projects: new Map(projects.map((scope) => [scope.projectUid, plainly(scope)])),
        workspaces: workspaces.map((scope) => ({ scope, permissions: plainly(scope) })),
      })
    }),
    { numRuns: 1000 },
  )
  assert.ok(met > 100, `the property met only ${met} places`)
})

test('permissionsOf and covers look at each grant a few times, however many projects there are', () => {
  const projects = 2_000
  let looks = 0
  const counted = Array.from({ length: projects }, (_, at) => {
    const scope: Scope = { kind: 'project', projectUid: `p${at}` }
    return Object.defineProperty(give('ada', 'viewer', scope), 'scope', {
      get() {
        looks++
        return scope
      },
    })
  })
  const compiled = compile(facts(...counted))
  looks = 0
  assert.equal(permissionsOf(compiled, ada, noon).projects.size, projects)
  assert.ok(looks >= projects && looks < 20 * projects, `${looks} looks`)
  looks = 0
  const wanted = Array.from({ length: projects }, (_, at) =>
    holding({ kind: 'project', projectUid: `p${at}` }, 'cluster.get'),
  )
  assert.deepEqual(covers(compiled, ada, wanted, noon), { covered: true })
  assert.ok(looks >= projects && looks < 20 * projects, `${looks} looks to cover`)
})

test('workspacesOf names exactly the workspaces on which a role given on them alone allows it', () => {
  const workspaces = [
    { kind: 'workspace', projectUid: 'p1', workspaceUid: 'w1' },
    { kind: 'workspace', projectUid: 'p1', workspaceUid: 'w2' },
    { kind: 'workspace', projectUid: 'p2', workspaceUid: 'w1' },
  ] as const
  let met = 0
  fc.assert(
    fc.property(anyFacts, anyRequest, (facts, { subject, now, origin }) => {
      const compiled = compile(facts)
      for (const permission of facts.permissions) {
        const named = workspacesOf(compiled, subject, permission, now, origin)
        const allowed = workspaces.filter((scope) => {
          const decision = decide(
            { subject, permission, resource: { kind: 'workspace', scope, tags: {} }, now, origin },
            compiled,
          )
          return decision.effect === 'allow' && decision.because.some((reason) => reason.scope.kind === 'workspace')
        })
        const spelled = (scopes: readonly Scope[]) => scopes.map((scope) => JSON.stringify(scope)).toSorted()
        assert.deepEqual(spelled(named), spelled(allowed))
        met += named.length
      }
    }),
    { numRuns: 1000 },
  )
  assert.ok(met > 200, `the property met only ${met} workspaces`)
})

test('reachOf agrees with decide: an object is within it when the permission is allowed on it, for the same request', () => {
  let within = 0
  fc.assert(
    fc.property(anyFacts, anyRequest, (any, { subject, now, origin, resource }) => {
      // Nothing is stored that has filters in the tenant: resource roles are given in projects.
      const stored = any.assignments.filter(({ scope, filters }) => scope.kind !== 'tenant' || filters === 'none')
      const facts = { ...any, assignments: stored }
      const compiled = compile(facts)
      const tags = resource.tags ?? {}
      for (const permission of facts.permissions) {
        const reach = reachOf(compiled, subject, permission, now, origin)
        for (const projectUid of ['p1', 'p2']) {
          const object = { kind: 'cluster', scope: { kind: 'project', projectUid }, tags } as const
          const { effect } = decide({ subject, permission, resource: object, now, origin }, compiled)
          const filters = reach === 'all' ? 'none' : reach.get(projectUid)
          const isWithin = filters !== undefined && selects(filters, tags)
          assert.equal(isWithin, effect === 'allow')
          if (isWithin) within++
        }
      }
    }),
    { numRuns: 1000 },
  )
  assert.ok(within > 200, `only ${within} objects were within reach`)
})

test('settledUntil: before that moment the same request is decided the same', () => {
  let moved = 0
  fc.assert(
    fc.property(anyFacts, anyRequest, fc.nat({ max: 7_200_000 }), (facts, request, later) => {
      if (Number.isNaN(request.now)) return
      const compiled = compile(facts)
      const until = settledUntil(compiled, request.subject, request.now, request.origin ?? {})
      assert.ok(until > request.now)
      const at = Math.min(request.now + later, until - 1)
      assert.deepEqual(decide({ ...request, now: at }, compiled), decide(request, compiled))
      if (at > request.now) moved++
    }),
    { numRuns: 3000 },
  )
  assert.ok(moved > 1000, `time went on in ${moved} worlds`)
})

const gained = (before: string, after: string, ...held: Assignment[]) => [
  ...gainedByTags(
    compile(facts(...held)),
    ada,
    { scope: projectA, before: { env: before }, after: { env: after } },
    noon,
  ),
]
const onProd = (more: Partial<Assignment> = {}) => give('ada', 'filtered', projectA, { filters: prod, ...more })
const onTest = (more: Partial<Assignment> = {}) => give('ada', 'filtered', projectA, { filters: testing, ...more })
const later = { endsAt: noon + 2 }
const sooner = { endsAt: noon + 1 }
const atWork = { conditions: { networks: ['10.0.0.0/8'] } }

for (const { rule, held, gains } of [
  { rule: 'what a filter selects from then on', held: [onProd()], gains: true },
  { rule: 'what a filter selects from then on, until a time', held: [onProd(later)], gains: true },
  { rule: 'what a filter selects from then on, under conditions', held: [onProd(atWork)], gains: true },
  { rule: 'nothing that has ended', held: [onProd({ endsAt: noon })], gains: false },
  { rule: 'nothing in another project', held: [onProd({ scope: projectB })], gains: false },
  { rule: 'nothing that is held on it now', held: [onTest(), onProd()], gains: false },
  { rule: 'nothing that is held on it for longer now', held: [onTest(later), onProd(sooner)], gains: false },
  { rule: 'what is held on it for a shorter time now', held: [onTest(sooner), onProd(later)], gains: true },
  {
    rule: 'what is held on it until a time now',
    held: [give('ada', 'viewer', projectA, later), onProd()],
    gains: true,
  },
  { rule: 'what is held on it under conditions now', held: [onTest(atWork), onProd()], gains: true },
  { rule: 'the same under conditions, for they are not compared', held: [onTest(atWork), onProd(atWork)], gains: true },
  {
    rule: 'nothing by what selects it before and after',
    held: [onProd({ ...atWork, filters: [...prod, ...testing] })],
    gains: false,
  },
  {
    rule: 'nothing by a role on everything',
    held: [give('ada', 'viewer', inTenant, { ...sooner, ...atWork })],
    gains: false,
  },
])
  test(`gainedByTags: ${rule}`, () => {
    assert.deepEqual(gained('test', 'prod', ...held), gains ? ['cluster.get'] : [])
  })

test('D02: what other tags do not gain, no request at any time may do on the object that it could not do before', () => {
  let told = 0
  let moved = 0
  fc.assert(
    fc.property(anyFacts, fc.array(anyRequest, { minLength: 10, maxLength: 20 }), (world, requests) => {
      const compiled = compile(world)
      const tags = requests.flatMap(({ resource }) => (resource.tags === undefined ? [] : [resource.tags]))
      for (const request of requests) {
        const { subject, permission, resource } = request
        if (resource.tags === undefined) continue
        for (const after of tags.slice(0, 4)) {
          const asked: Parameters<typeof gainedByTags>[2] = { scope: resource.scope, before: resource.tags, after }
          const gains: ReadonlySet<string> = gainedByTags(compiled, subject, asked, request.now)
          told += gains.size
          if (gains.has(permission)) continue
          for (const { now, origin } of requests) {
            if (!(now >= request.now)) continue
            const at = (these: typeof after) =>
              decide({ ...request, resource: { ...resource, tags: these }, now, origin }, compiled).effect
            if (at(after) === 'deny') continue
            moved += 1
            assert.equal(at(resource.tags), 'allow', JSON.stringify({ subject, permission, asked, now, origin }))
          }
        }
      }
    }),
    { numRuns: 400 },
  )
  assert.ok(told > 40 && moved > 200, `${told} gained, ${moved} looked at`)
})
