import type { z } from 'zod'
import * as contract from '../../contract/assignments.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, TeamUid, UserUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  type AssignmentsOf,
  changeTerms,
  firstUnknown,
  giveUntil,
  listAssignments,
  mayAssign,
  mayNotAssign,
  type Place,
  readAssignment,
  removeAssignment,
  type StoredAssignment,
  type Subject,
  soundConditions,
} from '../access/index.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { keepingAnAdministrator } from './last-administrator.ts'
import type { PeoplePorts } from './ports.ts'
import { projectNames } from './project-names.ts'
import { readTeams } from './team-store.ts'
import { giverOf } from './users.ts'

const toChange = 'user.update or team.update in the tenant, or project.update in the project that it is in'

/** Roles one by one, with their ends and conditions: what the lists of the published API have no room for. */
export function assignmentEndpoints({ directory }: Pick<PeoplePorts, 'directory'>): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/palisade/access/assignments',
      summary:
        'The roles that the caller, a user (with teams), a team, or anybody in a project holds, with their ends and conditions',
      permission: { signedIn: 'about oneself; about others with user.get, team.get or, in a project, project.get' },
      query: contract.AssignmentsQuery,
      reply: { status: 200, body: contract.AssignmentList },
      refusals: ['not_found', 'forbidden', 'invalid'],
      audit: 'refusals-only',
      async handle(c) {
        const of = await asked(c)
        return of.ok ? ok({ body: { items: await describe(c.tx, await listAssignments(c.tx, of.value), c) } }) : of
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
        const [body] = await describe(c.tx, [found], c)
        return body ? ok({ body }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'POST /v1/palisade/access/assignments',
      summary: 'Gives a user or a team a role, until a time or for good, for every request or under conditions',
      permission: { signedIn: `gives no more than the caller holds, with ${toChange}` },
      body: contract.NewAssignment,
      reply: { status: 201, body: contract.AssignmentMade },
      refusals: ['not_found', 'forbidden', 'exceeds_own_rights', 'invalid', 'conflict', 'resource_limit'],
      audit: 'assignment.created',
      changes: 'access',
      async handle(c) {
        const { tx, body, now } = c
        const target = await targetOf(tx, body)
        if (!target.ok) return target
        const { subject, place } = target.value
        const kind = 'user' in subject ? 'user' : 'team'
        if (!mayAssign(c.access, kind, place)) return err(mayNotAssign(kind, place))
        const endsAt = body.endsAt === null ? ok(undefined) : inFuture(body.endsAt, now)
        if (!endsAt.ok) return endsAt
        const conditions = soundConditions(body.conditions)
        if (!conditions.ok) return conditions
        const terms = { endsAt: endsAt.value, conditions: conditions.value }
        const gift = { subject, place, role: body.role, ...terms, held: 'refuse' } as const
        const given = await giveUntil(tx, giverOf(c), gift)
        if (!given.ok) return given
        return ok({
          body: { uid: given.value.uid, endsAt: endsAt.value?.toISOString() ?? null },
          resource: { uid: given.value.uid, name: given.value.name },
          details: detailsOf(given.value),
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
        return ok({
          body: undefined,
          resource: { uid: before.uid, name: before.name },
          details: { ...detailsOf({ ...before, ...terms.value }), before: termsIn(before) },
        })
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
        const taken = await keepingAnAdministrator(c.tx, async () => ok(await removeAssignment(c.tx, found.value.uid)))
        if (!taken.ok) return taken
        return ok({
          body: undefined,
          resource: { uid: found.value.uid, name: found.value.name },
          details: detailsOf(found.value),
        })
      },
    }),
  ]

  /** People and teams are named to those who may list them; everybody knows their own name and those of their teams. */
  async function describe(
    tx: Tx,
    held: readonly StoredAssignment[],
    { access, principal }: Pick<Asking, 'access' | 'principal'>,
  ): Promise<contract.Assignment[]> {
    const mayList = { people: access.allows('user.list', tenantScope), teams: access.allows('team.list', tenantScope) }
    const ownTeams = new Set(mayList.teams ? [] : await teamsOf(tx, principal.user))
    const people = new Map(
      (await directory.of(tx))
        .filter(({ uid }) => mayList.people || uid === principal.user)
        .map(({ uid, name }) => [uid, name]),
    )
    const teams = new Map(
      (await readTeams(tx)).filter(({ uid }) => mayList.teams || ownTeams.has(uid)).map(({ uid, name }) => [uid, name]),
    )
    const projects = await projectNames(tx)
    return held.map(({ uid, subject, role, name, place, endsAt, conditions, createdAt, createdBy }) => ({
      uid,
      subject:
        'user' in subject
          ? { kind: 'user', uid: subject.user, name: people.get(subject.user) ?? '' }
          : { kind: 'team', uid: subject.team, name: teams.get(subject.team) ?? '' },
      role: { uid: role, name },
      project: place === 'tenant' ? null : { uid: place, name: projects.get(place) ?? '' },
      endsAt: endsAt?.toISOString() ?? null,
      conditions: conditions ?? null,
      createdAt: createdAt.toISOString(),
      createdBy: createdBy ? { uid: createdBy, name: people.get(createdBy) ?? '' } : null,
    }))
  }
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
  { subject, place }: StoredAssignment,
): Promise<Result<undefined, Refusal>> {
  const isOwn =
    'user' in subject
      ? subject.user === principal.user
      : (await teamsOf(tx, principal.user)).some((team) => team === subject.team)
  const permission = 'user' in subject ? 'user.get' : 'team.get'
  const inProject = place !== 'tenant' && access.allows('project.get', { kind: 'project', projectUid: place })
  if (isOwn || inProject || access.allows(permission, tenantScope)) return ok(undefined)
  return err(refuse('forbidden', `This needs ${permission}`, { permission, scope: { kind: 'tenant' } }))
}

async function teamsOf(tx: Tx, user: string): Promise<readonly TeamUid[]> {
  const rows = await tx.query<{ team_id: string }>(
    'select team_id from team_members where tenant_id = $1 and user_id = $2',
    [tx.tenant, user],
  )
  return rows.map(({ team_id }) => TeamUid.parse(team_id))
}

const tenantScope = { kind: 'tenant' } as const

async function targetOf(
  tx: Tx,
  { user, team, project }: z.output<typeof contract.NewAssignment>,
): Promise<Result<{ readonly subject: Subject; readonly place: Place }, Refusal>> {
  if ((user === undefined) === (team === undefined)) return err(refuse('invalid', 'Name a user or a team, one of them'))
  for (const [kind, uid] of [
    ['user', user],
    ['team', team],
    ['project', project],
  ] as const) {
    if (uid === undefined) continue
    const unknown = await firstUnknown(tx, kind, [uid])
    if (unknown !== undefined) return err(refuse('not_found', `No ${kind} ${uid} in this tenant`))
  }
  const subject = user === undefined ? { team: TeamUid.parse(team) } : { user: UserUid.parse(user) }
  return ok({ subject, place: project === undefined ? 'tenant' : ProjectUid.parse(project) })
}

/** The assignment that the path names, where the caller may change it. */
async function changeable({
  tx,
  params,
  access,
}: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
  readonly access: RequestAccess
}): Promise<Result<StoredAssignment, Refusal>> {
  const found = await readAssignment(tx, params.uid)
  if (!found) return err(refuse('not_found'))
  const kind = 'user' in found.subject ? 'user' : 'team'
  return mayAssign(access, kind, found.place) ? ok(found) : err(mayNotAssign(kind, found.place))
}

/** What is held from now on; what is not named stays. */
function changedTerms(
  body: z.output<typeof contract.AssignmentChange>,
  before: StoredAssignment,
  now: Date,
): Result<Pick<StoredAssignment, 'endsAt' | 'conditions'>, Refusal> {
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

const detailsOf = ({ subject, role, name, place, ...terms }: StoredAssignment) => ({
  ...subject,
  role: name,
  roleUid: role,
  ...(place === 'tenant' ? {} : { project: place }),
  ...termsIn(terms),
})

const termsIn = ({ endsAt, conditions }: Pick<StoredAssignment, 'endsAt' | 'conditions'>) => ({
  endsAt: endsAt?.toISOString() ?? null,
  conditions: conditions ?? null,
})
