import { isDeepStrictEqual } from 'node:util'
import {
  type Assignment,
  assignmentsHeldBy,
  type CompiledAccess,
  compile,
  decide,
  decidePlain,
  recompile,
  sharedMap,
  type TenantAccessFacts,
} from '../../core/access/index.ts'
import { type Latency, latencyOf } from './measure.ts'
import { huge, makeWorkload, type Workload } from './workload.ts'

const rounds = 4_000

export type Incremental = {
  readonly assignments: number
  readonly compileMs: number
  /** All that is kept of the tenant, people included, before anybody asked anything. */
  readonly bytesPerAssignment: number
  /** The same after each of the requests was decided. */
  readonly bytesPerAssignmentWarm: number
  /** One user's grants change: until the next decision about that user is there. */
  readonly oneUserUs: Latency
  /** One role changes: until the next decision about somebody is there. */
  readonly oneRoleUs: Latency
}

/** What a change costs in a tenant with a million assignments; throws where the outcome differs from the plain rule's. */
export function measureIncremental(seed: number, gc: () => void): Incremental {
  gc()
  const before = process.memoryUsage().heapUsed
  const { requests, ...built } = build(seed)
  let { compiled } = built
  const { assignments } = compiled
  gc()
  const requestBytes = heapOf(() => structuredClone(requests), gc)
  const kept = () => (process.memoryUsage().heapUsed - before - requestBytes) / assignments
  const bytesPerAssignment = kept()
  for (const { request } of requests) decide(request, compiled)
  gc()
  const bytesPerAssignmentWarm = kept()

  const roleUids = [...compiled.roles.definitions.keys()]
  const oneUser = new Float64Array(rounds)
  const oneRole = new Float64Array(rounds)
  for (let n = 0; n < rounds; n++) {
    const { request } = requests[n % requests.length]!
    const subject: Assignment['subject'] = { kind: 'user', uid: request.subject.userUid }
    const held = assignmentsHeldBy(compiled, subject)
    const more: Assignment = {
      ...{ id: `more-${n}`, subject, roleUid: roleUids[n % roleUids.length]! },
      ...{ scope: request.resource.scope, filters: 'none' },
    }
    const assignments = n % 2 === 0 ? [...held, more] : held.slice(1)
    const start = performance.now()
    compiled = recompile(compiled, { epoch: `${n}`, held: [{ subject, assignments }] })
    const decision = decide(request, compiled)
    oneUser[n] = performance.now() - start
    if (!isDeepStrictEqual(decision, decidePlain(request, factsAbout(subject.uid, compiled))))
      throw new Error(`change ${n}: the data brought up to date and the plain rule differ`)
    const role = compiled.roles.definitions.get(more.roleUid)!
    const changed = { ...role, permissions: role.permissions.toReversed() }
    const startRole = performance.now()
    compiled = recompile(compiled, { epoch: `${n}`, roles: [[role.uid, changed]] })
    decide(request, compiled)
    oneRole[n] = performance.now() - startRole
  }
  return {
    ...{ assignments, compileMs: built.compileMs, bytesPerAssignment, bytesPerAssignmentWarm },
    ...{ oneUserUs: latencyOf(oneUser), oneRoleUs: latencyOf(oneRole) },
  }
}

/** In a function of its own: nothing but what a server keeps stays. */
function build(seed: number): { compiled: CompiledAccess; requests: Workload['requests']; compileMs: number } {
  const { tenants, requests } = makeWorkload(huge, seed)
  const [facts] = tenants
  if (!facts) throw new Error('the workload has one tenant')
  const users = sharedMap(facts.users, facts.users.size)
  const start = performance.now()
  const compiled = compile({ ...facts, users })
  return { compiled, requests, compileMs: performance.now() - start }
}

/** What decides about one user, and nothing else: the plain rule walks all assignments that it is given. */
function factsAbout(uid: string, compiled: CompiledAccess): TenantAccessFacts {
  const { tenantUid, epoch, permissions, users, roles } = compiled
  const teams = users.get(uid)?.teams ?? []
  const assignments = [
    ...assignmentsHeldBy(compiled, { kind: 'user', uid }),
    ...teams.flatMap((team) => assignmentsHeldBy(compiled, { kind: 'team', uid: team })),
  ]
  return { tenantUid, epoch, permissions, users, roles: roles.definitions, assignments }
}

function heapOf(make: () => unknown, gc: () => void): number {
  const before = process.memoryUsage().heapUsed
  const made = make()
  gc()
  const bytes = process.memoryUsage().heapUsed - before
  if (made === undefined) throw new Error('nothing was made')
  return bytes
}
