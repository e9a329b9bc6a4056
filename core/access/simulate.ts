import type { AnyPermission } from '../../contract/permissions.ts'
import { assignmentsHeldBy, type CompiledAccess, recompile } from './compile.ts'
import { type FilteredGrant, filteredGrantsOf } from './explain.ts'
import { permissionsOf, sameFilter } from './holdings.ts'
import { placeName } from './rules.ts'
import type { Assignment, Reason, RoleDefinition, Scope, SubjectRef, TagFilter } from './types.ts'

/** What somebody thinks of changing, and has not changed. */
export type ProposedChange =
  /** A role would be another; undefined: it would be switched off, and give nothing. */
  | { readonly role: string; readonly becomes: RoleDefinition | undefined }
  /** What these assignments act through would be other filters, by the ids of the assignments. */
  | { readonly filtersOf: ReadonlyMap<string, readonly TagFilter[]> }

/** What a change would do to one user. Members are empty lists where it does nothing of the kind. */
export type Difference = {
  readonly user: string
  /** In a project or workspace without what the scope around it gains and loses already. */
  readonly places: readonly {
    readonly scope: Scope
    readonly gains: readonly AnyPermission[]
    readonly loses: readonly AnyPermission[]
  }[]
  /** Of grants through filters. */
  readonly selections: readonly {
    readonly reason: Reason
    readonly gains: readonly AnyPermission[]
    readonly loses: readonly AnyPermission[]
    /** Its filters would be others, so that it would act on other objects. */
    readonly selectsOtherwise: boolean
  }[]
}

/**
 * Access data as if every request met every condition: what a change does is said of roles and filters, to whoever holds
 * them at some time and from somewhere. For people who ask, never for a decision.
 */
export function withoutConditions(now: CompiledAccess): CompiledAccess {
  const held: { subject: Assignment['subject']; assignments: readonly Assignment[] }[] = []
  for (const kind of ['user', 'team'] as const)
    for (const [uid, { grants }] of now.held[kind])
      if (grants.some(({ conditions }) => conditions !== undefined))
        held.push({ subject: { kind, uid }, assignments: grants.map(({ conditions: _, ...one }) => one) })
  return held.length === 0 ? now : recompile(now, { epoch: now.epoch, held })
}

/** Access data as it would be: the same kind of value as the data of now, and nothing of that is changed. */
export function propose(now: CompiledAccess, change: ProposedChange): CompiledAccess {
  const { epoch } = now
  if ('role' in change) return recompile(now, { epoch, roles: [[change.role, change.becomes]] })
  const { filtersOf } = change
  const held = subjectsOf(now, change).map((subject) => ({
    subject,
    assignments: assignmentsHeldBy(now, subject).map((one) =>
      // What acts on everything goes on doing so.
      one.filters === 'none' ? one : { ...one, filters: filtersOf.get(one.id) ?? one.filters },
    ),
  }))
  return recompile(now, { epoch, held })
}

/** The users whom a change is about, by themselves or through a team, in the order of their uids. */
export function concerned(now: CompiledAccess, change: ProposedChange): readonly string[] {
  const subjects = subjectsOf(now, change)
  const users = new Set(subjects.filter(({ kind }) => kind === 'user').map(({ uid }) => uid))
  const teams = new Set(subjects.filter(({ kind }) => kind === 'team').map(({ uid }) => uid))
  if (teams.size > 0)
    for (const [uid, user] of now.users) if (user.teams.some((team) => teams.has(team))) users.add(uid)
  return [...users].sort()
}

function subjectsOf({ held }: CompiledAccess, change: ProposedChange): readonly Assignment['subject'][] {
  const isIt = (one: Assignment) =>
    'role' in change ? one.roleUid === change.role : change.filtersOf.has(one.id) && one.filters !== 'none'
  const found: Assignment['subject'][] = []
  for (const kind of ['user', 'team'] as const)
    for (const [uid, { grants }] of held[kind]) if (grants.some(isIt)) found.push({ kind, uid })
  return found
}

/** What one user would gain and lose; undefined where nothing of it matters to them. */
export function differenceFor(
  subject: SubjectRef,
  before: CompiledAccess,
  after: CompiledAccess,
  now: number,
): Difference | undefined {
  const places = placesOf(subject, before, after, now)
  const selections = selectionsOf(filteredGrantsOf(before, subject, now), filteredGrantsOf(after, subject, now))
  return places.length + selections.length === 0 ? undefined : { user: subject.userUid, places, selections }
}

function placesOf(
  subject: SubjectRef,
  before: CompiledAccess,
  after: CompiledAccess,
  now: number,
): Difference['places'] {
  const [was, is] = [before, after].map((compiled) => permissionsOf(compiled, subject, now))
  if (!was || !is) return []
  const found: Difference['places'][number][] = []
  const add = (scope: Scope, had: readonly AnyPermission[], has: readonly AnyPermission[], around: Change) => {
    const change = { gains: without(has, [...had, ...around.gains]), loses: without(had, [...has, ...around.loses]) }
    if (change.gains.length + change.loses.length > 0) found.push({ scope, ...change })
    return { gains: [...around.gains, ...change.gains], loses: [...around.loses, ...change.loses] }
  }
  const nothing = { gains: [], loses: [] }
  add({ kind: 'system' }, was.system, is.system, nothing)
  const wide = add({ kind: 'tenant' }, was.tenant, is.tenant, nothing)
  const inProjects = new Map<string, Change>()
  for (const projectUid of new Set([...was.projects.keys(), ...is.projects.keys()])) {
    const [had, has] = [was.projects.get(projectUid) ?? was.tenant, is.projects.get(projectUid) ?? is.tenant]
    inProjects.set(projectUid, add({ kind: 'project', projectUid }, had, has, wide))
  }
  const workspaces = new Map([...was.workspaces, ...is.workspaces].map(({ scope }) => [placeName(scope), scope]))
  const both = [was, is].map(({ workspaces: given, projects, tenant }) => {
    const byPlace = new Map(given.map(({ scope, permissions }) => [placeName(scope), permissions]))
    return (place: string, project: string) => byPlace.get(place) ?? projects.get(project) ?? tenant
  })
  for (const [place, scope] of workspaces) {
    const [had, has] = both.map((permissionsIn) => permissionsIn(place, scope.projectUid))
    add(scope, had ?? [], has ?? [], inProjects.get(scope.projectUid) ?? wide)
  }
  return found
}

type Change = { readonly gains: readonly AnyPermission[]; readonly loses: readonly AnyPermission[] }

function selectionsOf(before: readonly FilteredGrant[], after: readonly FilteredGrant[]): Difference['selections'] {
  const was = new Map(before.map((grant) => [placeOf(grant.reason), grant]))
  const is = new Map(after.map((grant) => [placeOf(grant.reason), grant]))
  return [...new Map([...was, ...is])].flatMap(([place, { reason }]) => {
    const had = was.get(place)
    const has = is.get(place)
    const gains = without(has?.permissions ?? [], had?.permissions ?? [])
    const loses = without(had?.permissions ?? [], has?.permissions ?? [])
    const selectsOtherwise = had !== undefined && has !== undefined && !selectsAlike(had.filters, has.filters)
    return gains.length + loses.length === 0 && !selectsOtherwise ? [] : [{ reason, gains, loses, selectsOtherwise }]
  })
}

/** Filters of one grant stand in one order, so that an unchanged list is compared one by one. */
function selectsAlike(some: FilteredGrant['filters'], others: FilteredGrant['filters']): boolean {
  if (some === 'none' || others === 'none') return some === others
  return (
    some.length === others.length &&
    some.every((filter, at) => {
      const other = others[at]
      return other !== undefined && sameFilter(filter, other)
    })
  )
}

const placeOf = ({ assignment, roleUid, via, scope }: Reason) => JSON.stringify([assignment, roleUid, via, scope])

const without = (some: readonly AnyPermission[], others: readonly AnyPermission[]) => {
  const left = new Set(others)
  return some.filter((permission) => !left.has(permission))
}
