import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AnyPermission } from '../../contract/permissions.ts'
import { anyFacts, anyRequest } from './arbitrary-facts.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import { permissionsOf } from './holdings.ts'
import {
  concerned,
  type Difference,
  differenceFor,
  type ProposedChange,
  propose,
  withoutConditions,
} from './simulate.ts'
import type { RoleDefinition, TagFilter, TenantAccessFacts } from './types.ts'

const otherFilter: TagFilter = {
  conjunction: 'or',
  expressions: [{ key: 'env', operator: 'eq', negation: false, values: ['prod'] }],
}

const anyProposal = fc.record({
  what: fc.constantFrom('role', 'role switched off', 'filters'),
  role: fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5'),
  permissions: fc.uniqueArray(fc.constantFrom<AnyPermission>('cluster.get', 'cluster.update', 'project.list'), {
    maxLength: 3,
  }),
})

/** A proposal, and the facts as they would be stored after it. */
function apply(
  facts: TenantAccessFacts,
  { what, role, permissions }: typeof anyProposal extends fc.Arbitrary<infer T> ? T : never,
) {
  if (what !== 'filters') {
    const was = facts.roles.get(role)
    const becomes: RoleDefinition | undefined = was && what === 'role' ? { ...was, permissions } : undefined
    const roles = new Map(
      [...facts.roles].flatMap(([uid, one]) => (uid !== role ? [[uid, one]] : becomes ? [[uid, becomes]] : [])),
    )
    return { change: { role, becomes } satisfies ProposedChange, after: { ...facts, roles } as TenantAccessFacts }
  }
  const ids = new Set(facts.assignments.filter(({ filters }) => filters !== 'none').map(({ id }) => id))
  const assignments = facts.assignments.map((one) =>
    ids.has(one.id) && one.filters !== 'none' ? { ...one, filters: [otherFilter] } : one,
  )
  const filtersOf = new Map([...ids].map((id) => [id, [otherFilter]]))
  return { change: { filtersOf } satisfies ProposedChange, after: { ...facts, assignments } }
}

test('what a proposed change would decide is what is decided once it is made, and only the concerned notice', () => {
  let noticed = 0
  fc.assert(
    fc.property(
      anyFacts,
      anyProposal,
      fc.array(anyRequest, { minLength: 5, maxLength: 12 }),
      (facts, proposal, requests) => {
        // A proposal is about everybody's requests, so about what they hold whatever these are like.
        const before = withoutConditions(compile(facts))
        const { change, after } = apply(facts, proposal)
        const proposed = propose(before, change)
        const about = new Set(concerned(before, change))
        for (const request of requests) {
          const was = decide(request, before).effect
          const would = decide(request, proposed).effect
          assert.equal(would, decide(request, withoutConditions(compile(after))).effect)
          if (was === would) continue
          noticed += 1
          assert.ok(about.has(request.subject.userUid), 'somebody notices whom it is not about')
          const difference = differenceFor(request.subject, before, proposed, request.now)
          assert.ok(difference, 'somebody notices for whom no difference is told')
          assert.ok(tells(difference, request.permission as AnyPermission, would === 'allow'))
        }
      },
    ),
    { numRuns: 2_000 },
  )
  assert.ok(noticed > 100, `only ${noticed} requests would have gone otherwise`)
})

/** Whether the difference has the permission among what is gained, or lost; other filters may do either. */
const tells = ({ places, selections }: Difference, permission: AnyPermission, gained: boolean) =>
  [...places, ...selections].some(({ gains, loses }) => (gained ? gains : loses).includes(permission)) ||
  selections.some(({ selectsOtherwise }) => selectsOtherwise)

test('what is told of the tenant and a project adds up to what is held there afterwards', () => {
  fc.assert(
    fc.property(anyFacts, anyProposal, (facts, proposal) => {
      const before = withoutConditions(compile(facts))
      const { change } = apply(facts, proposal)
      const proposed = propose(before, change)
      for (const userUid of concerned(before, change)) {
        const [was, is] = [before, proposed].map((one) => permissionsOf(one, { userUid }, 0))
        const told = differenceFor({ userUid }, before, proposed, 0)
        const inTenant = told?.places.find(({ scope }) => scope.kind === 'tenant')
        const had = new Set(was?.tenant)
        for (const one of inTenant?.loses ?? []) assert.ok(had.delete(one))
        for (const one of inTenant?.gains ?? []) had.add(one)
        assert.deepEqual([...had].sort(), is?.tenant.toSorted())
      }
    }),
    { numRuns: 500 },
  )
})
