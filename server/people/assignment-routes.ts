import type { z } from 'zod'
import * as contract from '../../contract/assignments.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, TeamUid, UserUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  type AssignmentsOf,
  changeTerms,
  describeAssignments,
  firstUnknown,
  type GivenTerms,
  type Giver,
  giveOnWorkspace,
  giveResourceRole,
  giveUntil,
  type HeldAssignment,
  listAssignments,
  mayAssign,
  mayNotAssign,
  type Place,
  placesOf,
  projectsOfWorkspaces,
  readAssignment,
  removeAssignment,
  type Subject,
  soundConditions,
  termsToShow,
} from '../access/index.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { keepingAnAdministrator } from './last-administrator.ts'
import type { PeoplePorts } from './ports.ts'
import { projectNames } from './project-names.ts'
import { readTeams } from './team-store.ts'
import { giverOf } from './users.ts'

const toChange = 'user.update or team.update in the tenant, or project.update in each project that it is in'

/** Roles one by one, with their ends and conditions: what the lists of the published API have no room for. */
export function assignmentEndpoints({ directory }: Pick<PeoplePorts, 'directory'>): readonly Endpoint[] {
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

  /**
   * People and teams are named to those who may list them, and what roles are made of to those who may see it, or whose roles they
   * are; everybody knows their own name and those of their teams.
   */
  async function describe(
    tx: Tx,
    held: readonly HeldAssignment[],
    { access, principal }: Pick<Asking, 'access' | 'principal'>,
  ): Promise<contract.Assignment[]> {
    const may = (permission: Permission) => access.allows(permission, tenantScope)
    const mayList = { people: may('user.list'), teams: may('team.list') }
    const ownTeams = new Set<string>(await teamsOf(tx, principal.user))
    const people = new Map(
      (await directory.of(tx))
        .filter(({ uid }) => mayList.people || uid === principal.user)
        .map(({ uid, name }) => [uid, name]),
    )
    const teams = new Map(
      (await readTeams(tx)).filter(({ uid }) => mayList.teams || ownTeams.has(uid)).map(({ uid, name }) => [uid, name]),
    )
    const projects = await projectNames(tx)
    const onFilters = await describeAssignments(tx, held)
    const shown = (one: HeldAssignment): contract.Assignment => {
      const { uid, subject, createdAt, createdBy } = one
      const common = {
        uid,
        subject:
          'user' in subject
            ? { kind: 'user' as const, uid: subject.user, name: people.get(subject.user) ?? '' }
            : { kind: 'team' as const, uid: subject.team, name: teams.get(subject.team) ?? '' },
        ...termsToShow(one),
        createdAt: createdAt.toISOString(),
        createdBy: createdBy ? { uid: createdBy, name: people.get(createdBy) ?? '' } : null,
      }
      const isSeen =
        'user' in subject
          ? subject.user === principal.user || may('user.get')
          : ownTeams.has(subject.team) || may('team.get')
      const seenIf = (isOne: boolean, { uid, name }: Named) => ({ uid, name: isSeen || isOne ? name : '' })
      const project = (uid: ProjectUid) => ({ uid, name: projects.get(uid) ?? '' })
      switch (one.kind) {
        case 'role': {
          const place = one.place === 'tenant' ? null : project(one.place)
          return { kind: one.kind, role: { uid: one.role, name: one.name }, project: place, ...common }
        }
        case 'workspace-role': {
          const scope = { kind: 'workspace', projectUid: one.project, workspaceUid: one.workspace } as const
          const workspace = { uid: one.workspace, name: one.workspaceName }
          return {
            ...{ kind: one.kind, role: { uid: one.role, name: one.name }, project: project(one.project) },
            workspace: seenIf(access.allows('workspace.get', scope), workspace),
            ...common,
          }
        }
        case 'resource-role': {
          const { roles = [], projectUids = [], filterRefs = [] } = onFilters.get(uid) ?? {}
          return {
            ...{ kind: one.kind, roles },
            projects: projectUids.map((project) =>
              seenIf(access.allows('project.get', { kind: 'project', projectUid: project.uid }), project),
            ),
            filters: filterRefs.map((filter) => seenIf(may('filter.get'), filter)),
            ...common,
          }
        }
      }
    }
    return held.map(shown)
  }
}

type Named = { readonly uid: string; readonly name: string }

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

async function teamsOf(tx: Tx, user: string): Promise<readonly TeamUid[]> {
  const rows = await tx.query<{ team_id: string }>(
    'select team_id from team_members where tenant_id = $1 and user_id = $2',
    [tx.tenant, user],
  )
  return rows.map(({ team_id }) => TeamUid.parse(team_id))
}

const tenantScope = { kind: 'tenant' } as const

/** What is given: one role in one place, or roles on what filters select. */
type Gift =
  | { readonly kind: 'role'; readonly role: string; readonly project: string | undefined }
  | { readonly kind: 'workspace-role'; readonly role: string; readonly workspace: string }
  | {
      readonly kind: 'resource-role'
      readonly roles: string[]
      readonly projects: string[]
      readonly filters: string[]
    }

/** Which of them a body describes; refuses what would be two of them. */
function gifted({
  role,
  project,
  workspace,
  roles,
  projects,
  filters,
}: z.output<typeof contract.NewAssignment>): Result<Gift, Refusal> {
  if (filters !== undefined) {
    if (role !== undefined || project !== undefined || workspace !== undefined || !roles || !projects)
      return err(refuse('invalid', 'With filters name roles and projects, as lists, and nothing else'))
    return ok({ kind: 'resource-role', roles, projects, filters })
  }
  if (roles !== undefined || projects !== undefined)
    return err(refuse('invalid', 'roles and projects are given together with filters; without filters name a role'))
  if (role === undefined) return err(refuse('invalid', 'Name a role'))
  if (workspace === undefined) return ok({ kind: 'role', role, project })
  if (project !== undefined) return err(refuse('invalid', 'Name a project or a workspace, one of them'))
  return ok({ kind: 'workspace-role', role, workspace })
}

async function targetOf(
  tx: Tx,
  { user, team }: z.output<typeof contract.NewAssignment>,
  gift: Gift,
): Promise<Result<{ readonly subject: Subject; readonly places: readonly Place[] }, Refusal>> {
  if ((user === undefined) === (team === undefined)) return err(refuse('invalid', 'Name a user or a team, one of them'))
  for (const [kind, uids] of [
    ['user', user === undefined ? [] : [user]],
    ['team', team === undefined ? [] : [team]],
    ['project', projectsOf(gift)],
  ] as const) {
    const unknown = await firstUnknown(tx, kind, uids)
    if (unknown !== undefined) return err(refuse('not_found', `No ${kind} ${unknown} in this tenant`))
  }
  const subject = user === undefined ? { team: TeamUid.parse(team) } : { user: UserUid.parse(user) }
  if (gift.kind === 'workspace-role') {
    const project = (await projectsOfWorkspaces(tx, [gift.workspace])).get(gift.workspace)
    if (project === undefined) return err(refuse('not_found', `No workspace ${gift.workspace} in this tenant`))
    return ok({ subject, places: [project] })
  }
  const projects = projectsOf(gift).map((uid) => ProjectUid.parse(uid))
  return ok({ subject, places: gift.kind === 'role' && projects.length === 0 ? ['tenant'] : projects })
}

function projectsOf(gift: Gift): readonly string[] {
  if (gift.kind === 'resource-role') return gift.projects
  return gift.kind === 'role' && gift.project !== undefined ? [gift.project] : []
}

/** @returns the uid of what was given */
async function give(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  gift: Gift,
  terms: GivenTerms,
): Promise<Result<string, Refusal>> {
  switch (gift.kind) {
    case 'role': {
      const place = gift.project === undefined ? 'tenant' : ProjectUid.parse(gift.project)
      const { endsAt, conditions } = terms
      const given = await giveUntil(tx, giver, { subject, place, role: gift.role, endsAt, conditions, held: 'refuse' })
      return given.ok ? ok(given.value.uid) : given
    }
    case 'workspace-role': {
      const given = await giveOnWorkspace(tx, giver, { subject, role: gift.role, workspace: gift.workspace, ...terms })
      return given.ok ? ok(given.value.assignment) : given
    }
    case 'resource-role': {
      const { roles, projects: projectUids, filters: filterRefs } = gift
      const given = await giveResourceRole(tx, giver, subject, { roles, projectUids, filterRefs }, terms)
      return given.ok ? ok(given.value.uid) : given
    }
  }
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

/** What an audit entry says of it. */
async function recorded(tx: Tx, held: HeldAssignment) {
  const { uid, subject } = held
  if (held.kind === 'resource-role') {
    const { roles = [], projectUids = [], filterRefs = [] } = (await describeAssignments(tx, [held])).get(uid) ?? {}
    const [first, ...others] = roles
    const name = `${first?.name ?? ''}${others.length === 0 ? '' : ` and ${others.length} more`}`
    const details = { ...subject, roles, projects: projectUids, filters: filterRefs, ...termsToShow(held) }
    return { resource: { uid, name }, details }
  }
  const { role: roleUid, name } = held
  const place = placeIn(held)
  return { resource: { uid, name }, details: { ...subject, role: name, roleUid, ...place, ...termsToShow(held) } }
}

function placeIn(held: Exclude<HeldAssignment, { kind: 'resource-role' }>) {
  if (held.kind === 'workspace-role') return { project: held.project, workspace: held.workspace }
  return held.place === 'tenant' ? {} : { project: held.place }
}
