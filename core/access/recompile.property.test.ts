import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ableUsers, anyAssignment, anyFacts, anyRequest } from './arbitrary-facts.ts'
import { assignmentsOf, type CompiledAccess, compile, recompile } from './compile.ts'
import { decide } from './decide.ts'
import { decidePlain } from './decide-plain.ts'
import { conditionalGrantsOf, explain, filteredGrantsOf } from './explain.ts'
import { holdingsOf, permissionsOf, reachOf } from './holdings.ts'
import { sharedMap } from './shared-map.ts'
import type { AccessRequest, Assignment, RoleDefinition, TenantAccessFacts } from './types.ts'

const subjects: readonly Assignment['subject'][] = [
  ...['ada', 'bob', 'cleo', 'dan'].map((uid) => ({ kind: 'user' as const, uid })),
  ...['blue', 'red', 'ada'].map((uid) => ({ kind: 'team' as const, uid })),
]
const anyRoleUid = fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5', 'no-such-role')

/** One change as a replica hears of it: what one user is, what one subject holds, what one role is; any of them may be gone. */
const anyChange = fc.oneof(
  fc.record({
    what: fc.constant('user' as const),
    uid: fc.constantFrom('ada', 'bob', 'cleo', 'dan'),
    standing: fc.option(
      fc.record({ teams: fc.array(fc.constantFrom('blue', 'red'), { maxLength: 2 }), active: fc.boolean() }),
      { nil: undefined },
    ),
  }),
  fc.record({
    what: fc.constant('held' as const),
    subject: fc.constantFrom(...subjects),
    assignments: fc.array(anyAssignment, { maxLength: 6 }),
  }),
  fc.record({ what: fc.constant('role' as const), uid: anyRoleUid, from: fc.option(anyRoleUid, { nil: undefined }) }),
  fc.record({ what: fc.constant('rename' as const), uid: anyRoleUid, name: fc.constantFrom('New', 'Newer') }),
)
type Change = typeof anyChange extends fc.Arbitrary<infer T> ? T : never

test('D05: after any sequence of changes the data brought up to date answers what data compiled anew answers', () => {
  const seen = { allow: 0, deny: 0 }
  fc.assert(
    fc.property(
      anyFacts,
      fc.array(anyChange, { minLength: 1, maxLength: 12 }),
      fc.array(anyRequest, { minLength: 5, maxLength: 12 }),
      (first, changes, requests) => {
        let facts = grouped(first)
        let compiled = compile(facts)
        const versions = [{ facts, compiled }]
        for (const [at, change] of changes.entries()) {
          // Warm: what is remembered of one version must not be answered in the next.
          for (const request of requests) decide(request, compiled)
          ;({ facts, compiled } = apply(facts, compiled, change, `${at + 100}`))
          versions.push({ facts, compiled })
        }
        // The newest and those before it, which open decisions still look at.
        for (const one of versions) {
          const anew = compile(one.facts)
          for (const request of requests) {
            const plain = decidePlain(request, one.facts)
            assert.deepEqual(decide(request, one.compiled), plain)
            seen[plain.effect]++
            assert.deepEqual(othersOf(request, one.compiled), othersOf(request, anew))
          }
          assert.equal(one.compiled.assignments, one.facts.assignments.length)
        }
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(seen.allow > 1000 && seen.deny > 1000, JSON.stringify(seen))
})

test('D06: questions asked together, over and over and in any order, are answered as each by itself', () => {
  fc.assert(
    fc.property(anyFacts, fc.array(anyRequest, { minLength: 2, maxLength: 8 }), fc.nat(), (facts, requests, turn) => {
      const near = requests.flatMap((request) => [
        request,
        { ...request, now: request.now + 1000 },
        { ...request, resource: { ...request.resource, tags: { env: 'prod' } } },
        { ...request, resource: { ...request.resource, tags: { env: 'test' } } },
      ])
      const batch = [...near.slice(turn % near.length), ...near, ...near.toReversed()]
      const compiled = compile(facts)
      const together = batch.map((request) => decide(request, compiled))
      for (const [at, request] of batch.entries()) assert.deepEqual(together[at], decide(request, compile(facts)))
    }),
    { numRuns: 300 },
  )
})

test('roles that come and go by the hundred leave neither rights nor numbers behind', () => {
  const [base] = fc.sample(anyFacts, { seed: 4, numRuns: 1 })
  assert.ok(base)
  const scope = { kind: 'project', projectUid: 'p1' } as const
  const subject = { kind: 'user', uid: 'ada' } as const
  const assignment: Assignment = { id: 'a', subject, roleUid: 'r7', scope, filters: 'none' }
  let facts: TenantAccessFacts = {
    ...base,
    tenantUid: 't1',
    users: new Map([['ada', { teams: [], active: true }]]),
    assignments: [assignment],
    roles: new Map(),
  }
  let compiled = compile(facts)
  const request: AccessRequest = {
    ...{ subject: { userUid: 'ada' }, permission: 'cluster.get', now: 0 },
    resource: { kind: 'cluster', scope },
  }
  const answers = new Set<string>()
  for (let n = 0; n < 1200; n++) {
    const uid = `r${n % 600}`
    const role: RoleDefinition = { uid, name: uid, scope: 'project', permissions: ['cluster.get'] }
    for (const definition of [role, undefined]) {
      const roles = new Map(facts.roles)
      if (definition) roles.set(uid, definition)
      else roles.delete(uid)
      facts = { ...facts, roles }
      compiled = recompile(compiled, { epoch: facts.epoch, roles: [[uid, definition]] })
      const decision = decide(request, compiled)
      assert.deepEqual(decision, decidePlain(request, facts))
      answers.add(decision.effect)
    }
  }
  assert.deepEqual([...answers].sort(), ['allow', 'deny'])
  assert.ok(compiled.roles.numbers.size < 600, `${compiled.roles.numbers.size} numbers for no role`)
})

/** With each subject's assignments together, in their order: what a change of one subject replaces. */
function grouped(facts: TenantAccessFacts): TenantAccessFacts {
  const groups = Map.groupBy(facts.assignments, ({ subject: { kind, uid } }) => `${kind} ${uid}`)
  return { ...facts, assignments: [...groups.values()].flat() }
}

function apply(facts: TenantAccessFacts, compiled: CompiledAccess, change: Change, epoch: string) {
  switch (change.what) {
    case 'user': {
      const users = new Map(facts.users)
      if (change.standing) users.set(change.uid, change.standing)
      else users.delete(change.uid)
      const now = sharedMap(users, users.size)
      return { facts: { ...facts, epoch, users }, compiled: recompile(compiled, { epoch, users: now }) }
    }
    case 'held': {
      const { subject } = change
      const isTheirs = (one: Assignment) => one.subject.kind === subject.kind && one.subject.uid === subject.uid
      const assignments = change.assignments.map((one) => ({ ...one, subject }))
      return {
        facts: { ...facts, epoch, assignments: [...facts.assignments.filter((one) => !isTheirs(one)), ...assignments] },
        compiled: recompile(compiled, { epoch, held: [{ subject, assignments }] }),
      }
    }
    case 'role':
    case 'rename': {
      const { uid } = change
      const like = facts.roles.get(change.what === 'role' ? (change.from ?? '') : uid)
      const role = like && { ...like, uid, ...(change.what === 'rename' ? { name: change.name } : {}) }
      const roles = new Map(facts.roles)
      if (role) roles.set(uid, role)
      else roles.delete(uid)
      return { facts: { ...facts, epoch, roles }, compiled: recompile(compiled, { epoch, roles: [[uid, role]] }) }
    }
  }
}

/** Everything else that is asked of compiled data; what has no order is put into one. */
function othersOf(request: AccessRequest, compiled: CompiledAccess) {
  const { subject, now, origin } = request
  const permission = 'cluster.get' as const
  const reach = reachOf(compiled, subject, permission, now, origin)
  return {
    explained: explain(request, compiled),
    who: ableUsers(request, compiled),
    filtered: filteredGrantsOf(compiled, subject, now),
    conditional: conditionalGrantsOf(compiled, subject, now),
    held: permissionsOf(compiled, subject, now, origin),
    holdings: subjects.map((one) => holdingsOf(compiled, one, now)),
    reach: reach === 'all' ? reach : new Map(reach),
    assignments: assignmentsOf(compiled, 'r1')
      .map((one) => JSON.stringify(one))
      .toSorted(),
  }
}
