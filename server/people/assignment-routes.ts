import type { z } from 'zod'
import * as contract from '../../contract/assignments.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { TeamUid, UserUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  type AssignmentsOf,
  changeTerms,
  firstUnknown,
  type HeldAssignment,
  listAssignments,
  mayAssign,
  mayNotAssign,
  placesOf,
  readAssignment,
  removeAssignment,
  soundConditions,
  termsToShow,
} from '../access/index.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { describeHeld, recorded, teamsOf } from './assignment-answers.ts'
import { gifted, give, targetOf } from './assignment-gifts.ts'
import { keepingAnAdministrator } from './last-administrator.ts'
import type { PeoplePorts } from './ports.ts'
import { giverOf } from './users.ts'

const toChange = 'user.update or team.update in the tenant, or project.update in each project that it is in'

/** Roles one by one, with their ends and conditions: what the lists of the published API have no room for. */
export function assignmentEndpoints(ports: Pick<PeoplePorts, 'directory'>): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/palisade/access/assignments',
      summary:
        'The roles that the caller, a user (with teams), a team, or anybody in a project holds, with their ends and conditions: plain ones, those on filters, and those on workspaces',
      permission: { signedIn: 'about oneself; about others with user.get, team.get or, in a project, project.get' },
      query: contract.AssignmentsQuery,
      reply: { status: 200, body: contract.AssignmentList },
      refusals: ['not_found', 'forbidden', 'invalid'],
      audit: 'refusals-only',
      async handle(c) {
        const of = await asked(c)
        return of.ok
          ? ok({ body: { items: await describeHeld(c.tx, ports, await listAssignments(c.tx, of.value), c) } })
          : of
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/access/assignments/{uid}',
      summary: 'One role that somebody holds, with its end and conditions',
      permission: { signedIn: 'about oneself; about others with user.get, team.get or, in a project, project.get' },
      params: uidPath,
      reply: { status: 200, body: contract.Assignment },
      refusals: ['not_found', 'forbidden'],
      audit: 'refusals-only',
      async handle(c) {
        const found = await readAssignment(c.tx, c.params.uid)
        if (!found) return err(refuse('not_found'))
        const seen = await mayRead(c, found)
        if (!seen.ok) return seen
        const [body] = await describeHeld(c.tx, ports, [found], c)
        return body ? ok({ body }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'POST /v1/palisade/access/assignments',
      summary:
        'Gives a user or a team a role, in a place or on what filters select, until a time or for good, for every request or under conditions',
      permission: { signedIn: `gives no more than the caller holds, with ${toChange}` },
      body: contract.NewAssignment,
      reply: { status: 201, body: contract.AssignmentMade },
      refusals: ['not_found', 'forbidden', 'exceeds_own_rights', 'invalid', 'conflict', 'resource_limit'],
      audit: 'assignment.created',
      changes: 'access',
      async handle(c) {
        const { tx, body, now } = c
        const what = gifted(body)
        if (!what.ok) return what
        const target = await targetOf(tx, body, what.value)
        if (!target.ok) return target
        const { subject, places } = target.value
        const kind = 'user' in subject ? 'user' : 'team'
        const elsewhere = places.find((place) => !mayAssign(c.access, kind, place))
        if (elsewhere !== undefined) return err(mayNotAssign(kind, elsewhere))
        const endsAt = body.endsAt === null ? ok(undefined) : inFuture(body.endsAt, now)
        if (!endsAt.ok) return endsAt
        const conditions = soundConditions(body.conditions)
        if (!conditions.ok) return conditions
        const terms = { endsAt: endsAt.value, conditions: conditions.value }
        const given = await give(c.tx, giverOf(c), subject, what.value, terms)
        if (!given.ok) return given
        const held = await readAssignment(tx, given.value)
        if (!held) throw new Error(`the assignment ${given.value} that was made is not there`)
        return ok({
          body: { uid: held.uid, endsAt: endsAt.value?.toISOString() ?? null },
          ...(await recorded(tx, held)),
        })
      },
    }),
    endpoint({
      route: 'PATCH /v1/palisade/access/assignments/{uid}',
      summary: 'Changes until when and under which conditions somebody holds a role',
      permission: { signedIn: `gives no more than the caller holds, with ${toChange}` },
      params: uidPath,
      body: contract.AssignmentChange,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'exceeds_own_rights', 'invalid', 'conflict'],
      audit: 'assignment.updated',
      changes: 'access',
      async handle(c) {
        const found = await changeable(c)
        if (!found.ok) return found
        const before = found.value
        const terms = changedTerms(c.body, before, c.now)
        if (!terms.ok) return terms
        const changed = await keepingAnAdministrator(c.tx, () => changeTerms(c.tx, giverOf(c), before, terms.value))
        if (!changed.ok) return changed
        const { resource, details } = await recorded(c.tx, { ...before, ...terms.value })
        return ok({ body: undefined, resource, details: { ...details, before: termsToShow(before) } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/palisade/access/assignments/{uid}',
      summary: 'Takes one role from who holds it',
      permission: { signedIn: `with ${toChange}` },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'conflict'],
      audit: 'assignment.deleted',
      changes: 'access',
      async handle(c) {
        const found = await changeable(c)
        if (!found.ok) return found
        // First, while there are names for it.
        const entry = await recorded(c.tx, found.value)
        const taken = await keepingAnAdministrator(c.tx, async () => ok(await removeAssignment(c.tx, found.value)))
        return taken.ok ? ok({ body: undefined, ...entry }) : taken
      },
    }),
  ]
}

type Asking = {
  readonly tx: Tx
  readonly query: z.output<typeof contract.AssignmentsQuery>
  readonly principal: Principal
  readonly access: RequestAccess
}

/** What a list is asked about, where the caller may ask it. What is not there and what is another tenant's are the same. */
async function asked({ tx, query, principal, access }: Asking): Promise<Result<AssignmentsOf, Refusal>> {
  const { user = (query.team ?? query.project) ? undefined : principal.user, team, project } = query
  if ([user, team, project].filter((one) => one !== undefined).length > 1)
    return err(refuse('invalid', 'Name a user, a team or a project, one of them'))
  const kind = user !== undefined ? 'user' : team !== undefined ? 'team' : 'project'
  const uid = user ?? team ?? project ?? ''
  const unknown = await firstUnknown(tx, kind, [uid])
  if (unknown !== undefined) return err(refuse('not_found', `No ${kind} ${uid} in this tenant`))
  const scope = kind === 'project' ? ({ kind: 'project', projectUid: uid } as const) : ({ kind: 'tenant' } as const)
  if (uid !== principal.user && !access.allows(`${kind}.get`, scope))
    return err(
      refuse('forbidden', `This needs ${kind}.get`, { permission: `${kind}.get`, scope: { kind: scope.kind } }),
    )
  if (kind === 'project') return ok({ project: uid })
  if (kind === 'team') return ok({ users: [], teams: [TeamUid.parse(uid)] })
  return ok({ users: [UserUid.parse(uid)], teams: await teamsOf(tx, uid) })
}

/** Whether the caller may read one: whoever may read a list that it is in. */
async function mayRead(
  { tx, principal, access }: Pick<Asking, 'tx' | 'principal' | 'access'>,
  held: HeldAssignment,
): Promise<Result<undefined, Refusal>> {
  const { subject } = held
  const isOwn =
    'user' in subject
      ? subject.user === principal.user
      : (await teamsOf(tx, principal.user)).some((team) => team === subject.team)
  const permission = 'user' in subject ? 'user.get' : 'team.get'
  const inProject = placesOf(held).some(
    (place) => place !== 'tenant' && access.allows('project.get', { kind: 'project', projectUid: place }),
  )
  if (isOwn || inProject || access.allows(permission, tenantScope)) return ok(undefined)
  return err(refuse('forbidden', `This needs ${permission}`, { permission, scope: { kind: 'tenant' } }))
}

const tenantScope = { kind: 'tenant' } as const

/** The assignment that the path names, where the caller may change it. */
async function changeable({
  tx,
  params,
  access,
}: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
  readonly access: RequestAccess
}): Promise<Result<HeldAssignment, Refusal>> {
  const found = await readAssignment(tx, params.uid)
  if (!found) return err(refuse('not_found'))
  const kind = 'user' in found.subject ? 'user' : 'team'
  const elsewhere = placesOf(found).find((place) => !mayAssign(access, kind, place))
  return elsewhere === undefined ? ok(found) : err(mayNotAssign(kind, elsewhere))
}

/** What is held from now on; what is not named stays. */
function changedTerms(
  body: z.output<typeof contract.AssignmentChange>,
  before: HeldAssignment,
  now: Date,
): Result<Pick<HeldAssignment, 'endsAt' | 'conditions'>, Refusal> {
  if (body.endsAt === undefined && body.conditions === undefined)
    return err(refuse('invalid', 'Name endsAt or conditions, at least one of them'))
  const endsAt =
    body.endsAt === undefined ? ok(before.endsAt) : body.endsAt === null ? ok(undefined) : inFuture(body.endsAt, now)
  if (!endsAt.ok) return endsAt
  const conditions = body.conditions === undefined ? ok(before.conditions) : soundConditions(body.conditions)
  return conditions.ok ? ok({ endsAt: endsAt.value, conditions: conditions.value }) : conditions
}

function inFuture(text: string, now: Date): Result<Date, Refusal> {
  const endsAt = new Date(text)
  return endsAt > now ? ok(endsAt) : err(refuse('invalid', 'endsAt: a time that has not come yet'))
}
