import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { FilterUid, ProjectUid, type ResourceRoleUid, RoleUid } from '../../contract/ids.ts'
import { assignmentsOfResourceRoles, assignmentsPerResourceRole } from '../../contract/limits.ts'
import type { resourceRoleIn } from '../../contract/wire/filters.ts'
import { mayBeGiven, type TagFilter, type TagFilterSet } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { GivenRole } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { firstUnknown, type GivenTerms, type Giver, type Subject } from './assignments.ts'
import { readFilters } from './filter-store.ts'
import {
  countCompiled,
  countOf,
  deleteResourceRole,
  forgetEnded,
  insertResourceRole,
  type ResourceRole,
  replaceResourceRole,
  resourceRolesOf,
  type WrittenResourceRole,
} from './resource-role-store.ts'
import { givableRoles } from './role-store.ts'
import { isStanding } from './terms.ts'

type Sent = z.output<typeof resourceRoleIn>

/** At most so many of each list, so that one assignment stays something that a person can look through. */
const maxOfEach = 100
/** How many resource roles one user or team may hold. */
const maxOfSubject = 200

/** What was given: its uid, and as an audit entry tells it. */
export type GivenResourceRole = { readonly uid: ResourceRoleUid; readonly described: Record<string, unknown> }

/**
 * Gives a user or team roles on what filters select, for good and for every request or as the terms say.
 *
 * @returns refuses lists that are empty, what does not exist, roles that are not for resources, and more than the giver holds
 */
export async function giveResourceRole(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  sent: Sent,
  terms: GivenTerms = {},
): Promise<Result<GivenResourceRole, Refusal>> {
  const checked = await check(tx, giver, sent, { terms })
  if (!checked.ok) return checked
  // What has ended is kept for as long as there is room for it.
  if ((await countOf(tx, subject)) >= maxOfSubject) await forgetEnded(tx, subject)
  if ((await countOf(tx, subject)) >= maxOfSubject)
    return err(refuse('resource_limit', `One user or team holds at most ${maxOfSubject} resource roles`))
  const room = await hasRoomFor(tx, checked.value.written, undefined)
  if (!room.ok) return room
  const uid = await insertResourceRole(tx, subject, { ...checked.value.written, terms }, giver.by, giver.now)
  return ok({ uid, described: checked.value.described })
}

/** Makes one of a subject's resource roles another, held for as long and for the same requests; `not_found` where it is not theirs. */
export async function changeResourceRole(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  uid: string,
  sent: Sent,
): Promise<Result<Record<string, unknown>, Refusal>> {
  const before = await find(tx, subject, uid)
  if (!before.ok) return before
  const checked = await check(tx, giver, sent, { before: before.value, terms: before.value })
  if (!checked.ok) return checked
  const room = await hasRoomFor(tx, checked.value.written, before.value)
  if (!room.ok) return room
  await replaceResourceRole(tx, before.value.uid, checked.value.written, giver.now)
  return ok({ resourceRole: checked.value.described, before: await describe(tx, before.value) })
}

/** Takes one of a subject's resource roles away; `not_found` where it is not theirs. */
export async function takeResourceRole(
  tx: Tx,
  subject: Subject,
  uid: string,
): Promise<Result<Record<string, unknown>, Refusal>> {
  const before = await find(tx, subject, uid)
  if (!before.ok) return before
  const described = await describe(tx, before.value)
  await deleteResourceRole(tx, before.value.uid)
  return ok({ removedResourceRole: described })
}

/** A subject's resource roles that are held for good and for every request, with the names of all that they are made of. */
export async function describeResourceRoles(tx: Tx, subject: Subject) {
  return describeEach(tx, (await resourceRolesOf(tx, subject)).filter(isStanding))
}

/** Resource roles with whose they are and the names of all that they are made of. */
export async function describeEach(tx: Tx, held: readonly ResourceRole[]) {
  const names = await namesFor(tx, held)
  return held.map((one) => ({ uid: one.uid, subject: one.subject, ...inNames(one, names) }))
}

/** What a resource role gives, were its filters these: for the check that nobody gives more than they hold. */
export function holdingsOfResourceRole(
  { projects, roles }: WrittenResourceRole,
  filters: TagFilterSet,
  { endsAt }: GivenTerms,
): GivenRole[] {
  const end = endsAt === undefined ? {} : { endsAt: endsAt.getTime() }
  return projects.flatMap((projectUid) =>
    roles.map((roleUid) => ({ roleUid, scope: { kind: 'project' as const, projectUid }, filters, ...end })),
  )
}

/** The same of one that somebody holds, were it held until another time. */
export async function holdingsUntil(tx: Tx, held: ResourceRole, endsAt: Date | undefined): Promise<GivenRole[]> {
  const filters = await filtersOf(tx, held.filters)
  const selected = held.filters.flatMap((uid) => filters.get(uid) ?? [])
  return holdingsOfResourceRole(held, selected, { endsAt })
}

async function find(tx: Tx, subject: Subject, uid: string): Promise<Result<ResourceRole, Refusal>> {
  const found = (await resourceRolesOf(tx, subject)).find((one) => one.uid === uid)
  return found ? ok(found) : err(refuse('not_found', `No resource role ${uid} here`))
}

const sizeOf = ({ projects, roles }: WrittenResourceRole) => projects.length * roles.length

/** Refuses what makes too many assignments of the tenant; what makes them fewer never. Who changes access waits for the others. */
async function hasRoomFor(
  tx: Tx,
  written: WrittenResourceRole,
  before: ResourceRole | undefined,
): Promise<Result<undefined, Refusal>> {
  const more = sizeOf(written) - (before ? sizeOf(before) : 0)
  const fits = async () => (await countCompiled(tx)) + more <= assignmentsOfResourceRoles
  if (more <= 0 || (await fits())) return ok(undefined)
  await forgetEnded(tx)
  if (await fits()) return ok(undefined)
  const limit = assignmentsOfResourceRoles
  const why = `The resource roles of a tenant, each with its projects times its roles, come to at most ${limit}. Remove one`
  return err(refuse('resource_limit', why, { limit }))
}

async function check(
  tx: Tx,
  giver: Giver,
  sent: Sent,
  { before, terms }: { readonly before?: ResourceRole; readonly terms: GivenTerms },
) {
  const { filterRefs, projectUids, roles } = sent
  for (const [member, list] of Object.entries({ filterRefs, projectUids, roles })) {
    // Without a filter the roles would act on everything, or on nothing: neither is what a resource role is.
    if (list.length === 0) return err(refuse('invalid', `${member}: a resource role needs at least one`))
    if (list.length > maxOfEach) return err(refuse('invalid', `${member}: a resource role has at most ${maxOfEach}`))
  }
  const unknown = await firstUnknown(tx, 'project', projectUids)
  if (unknown !== undefined) return err(refuse('not_found', `No project ${unknown} in this tenant`))
  const filters = await filtersOf(tx, filterRefs)
  const missing = filterRefs.find((uid) => !filters.has(uid))
  if (missing !== undefined) return err(refuse('not_found', `No filter ${missing} in this tenant`))
  const givable = await givableRoles(tx, roles)
  for (const uid of roles) {
    const role = givable.get(uid)
    if (!role) return err(refuse('not_found', `No role ${uid} in this tenant`))
    const given = { scope: { kind: 'project', projectUid: '' }, filters: [] } as const
    if (role.scope !== 'resource' || !mayBeGiven(role.scope, given, tx.tenant))
      return err(refuse('invalid', `"${role.name}" is a ${role.scope} role and cannot be given through filters`))
  }
  const written = {
    projects: distinct(projectUids).map((uid) => ProjectUid.parse(uid)),
    filters: distinct(filterRefs).map((uid) => FilterUid.parse(uid)),
    roles: distinct(roles).map((uid) => RoleUid.parse(uid)),
  }
  if (sizeOf(written) > assignmentsPerResourceRole)
    return err(
      refuse('invalid', `projectUids times roles: are at most ${assignmentsPerResourceRole} in a resource role`),
    )
  const selected = written.filters.flatMap((uid) => filters.get(uid) ?? [])
  const covered = giver.covers(holdingsOfResourceRole(added(written, before), selected, terms))
  if (!covered.ok) return covered
  const described = await describe(tx, written)
  return ok({ written, described })
}

/**
 * What is new: a list that is sent back as it was read must not need the rights of everybody on it. With another filter all
 * of it is.
 */
function added(written: WrittenResourceRole, before: ResourceRole | undefined): WrittenResourceRole {
  const had = new Set<string>(before?.filters)
  if (!before || written.filters.some((uid) => !had.has(uid))) return written
  const projects = new Set(before.projects)
  const roles = new Set(before.roles)
  if (written.roles.every((uid) => roles.has(uid)))
    return { ...written, projects: written.projects.filter((uid) => !projects.has(uid)) }
  if (written.projects.every((uid) => projects.has(uid)))
    return { ...written, roles: written.roles.filter((uid) => !roles.has(uid)) }
  return written
}

const distinct = (uids: readonly string[]) => [...new Set(uids)]

async function filtersOf(tx: Tx, uids: readonly string[]): Promise<ReadonlyMap<string, TagFilter>> {
  const wellFormed = uids.filter((uid) => FilterUid.safeParse(uid).success)
  return new Map((await readFilters(tx, wellFormed)).map(({ uid, filter }) => [uid as string, filter]))
}

type Names = ReadonlyMap<string, string>

/** The names of what resource roles are made of, in three queries for all of them. */
async function namesFor(tx: Tx, held: readonly WrittenResourceRole[]): Promise<Names> {
  const projects = await tx.query<{ project_id: string; name: string }>(
    'select project_id, name from projects where tenant_id = $1 and project_id = any($2)',
    [tx.tenant, held.flatMap((one) => one.projects)],
  )
  const filters = await readFilters(
    tx,
    held.flatMap((one) => one.filters),
  )
  const roles = await givableRoles(
    tx,
    held.flatMap((one) => one.roles),
  )
  return new Map([
    ...projects.map(({ project_id, name }) => [project_id, name] as const),
    ...[...filters, ...roles.values()].map(({ uid, name }) => [uid as string, name] as const),
  ])
}

function inNames({ projects, filters, roles }: WrittenResourceRole, names: Names) {
  const named = (uids: readonly string[]) => uids.map((uid) => ({ uid, name: names.get(uid) ?? uid }))
  return { projectUids: named(projects), filterRefs: named(filters), roles: named(roles) }
}

/** As an audit entry tells it. */
async function describe(tx: Tx, written: WrittenResourceRole) {
  return inNames(written, await namesFor(tx, [written]))
}
