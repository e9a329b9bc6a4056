import { refuse } from '../../contract/errors.ts'
import { type ProjectUid, TeamUid, type TenantUid, type UserUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { annotationsOf, clientAnnotations, isReservedAnnotation } from '../../contract/wire/annotations.ts'
import { uidPath, uidReply, wireTime } from '../../contract/wire/common.ts'
import { listQuery } from '../../contract/wire/list-filters.ts'
import { selectPage, sorted, textMatcher } from '../../contract/wire/list-select.ts'
import * as wire from '../../contract/wire/teams.ts'
import { jsonPatch } from '../../contract/wire/users.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type AssignedRole, standingRolesOf, standingRolesOfTeams } from '../access/index.ts'
import { type Endpoint, endpoint, type RequestAccess, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { Directory } from './directory.ts'
import { applyPatch, type Json } from './json-patch.ts'
import { projectNames } from './project-names.ts'
import { membersOf, readTeam, readTeams, type Team } from './team-store.ts'
import { changeTeam, createTeam, removeTeam, type TeamChanges } from './teams.ts'
import { named } from './user-answers.ts'

/** The team that a path names; an unknown or foreign one, or what is no UID, finds none. */
export async function findTeam({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
  const uid = TeamUid.safeParse(params.uid)
  const team = uid.success ? await readTeam(tx, uid.data) : undefined
  if (!team) return undefined
  return { kind: 'team', uid: team.uid, name: team.name, scope: { kind: 'tenant' } } satisfies Target
}

/** Teams: create, list, search, read, change, remove. */
export function teamEndpoints({ directory }: { readonly directory: Directory }): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/teams',
      summary: 'Creates a team with users and tenant roles',
      permission: { tenant: 'team.create' },
      body: wire.newTeam,
      reply: { status: 201, body: uidReply },
      refusals: ['team_name_taken', 'not_found', 'exceeds_own_rights', 'resource_limit'],
      audit: 'team.created',
      changes: 'access',
      async handle(c) {
        const created = await createTeam(c, c.body)
        if (!created.ok) return created
        const { uid, details } = created.value
        return ok({ body: { uid }, resource: { uid, name: c.body.metadata.name }, details })
      },
    }),
    endpoint({
      route: 'GET /v1/teams',
      summary: 'Lists the teams of the tenant',
      permission: { tenant: 'team.list' },
      query: listQuery,
      reply: { status: 200, body: wire.teamList },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, query, access }) {
        const page = selectPage(await readTeams(tx), query, columns)
        if (!page.ok) return err(refuse('invalid', page.error))
        const uids = page.value.items.map(({ uid }) => uid)
        const members = await membersOf(tx, uids)
        const roles = byTeam(await standingRolesOfTeams(tx, uids))
        const seen = { tenant: tx.tenant, permissions: permissionsOnTeams(access) }
        const items = page.value.items.map((team) =>
          teamAnswer(team, members.get(team.uid) ?? [], roles.get(team.uid) ?? [], seen),
        )
        return ok({ body: { items, listmeta: page.value.listmeta } })
      },
    }),
    endpoint({
      route: 'POST /v1/teams/summary',
      summary: 'Searches the teams of the tenant by name',
      permission: { tenant: 'team.list' },
      body: wire.teamsFilter,
      reply: { status: 200, body: wire.teamSummaries },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, body, access }) {
        const matches = textMatcher(body?.filter?.name)
        const order = body?.sort.length ? body.sort : [{ path: 'name', descending: false }]
        const teams = sorted(
          (await readTeams(tx)).filter(({ name }) => matches(name)),
          order,
          summaryColumns,
        )
        return ok({ body: { items: await summaries(tx, teams, access) } })
      },
    }),
    endpoint({
      route: 'GET /v1/teams/{uid}',
      summary: 'Reads one team',
      permission: { object: 'team.get', find: findTeam },
      params: uidPath,
      reply: { status: 200, body: wire.team },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, access }) {
        const loaded = await load(tx, params.uid)
        if (!loaded.ok) return loaded
        const { team, members, roles } = loaded.value
        const seen = { tenant: tx.tenant, permissions: permissionsOnTeams(access) }
        return ok({ body: teamAnswer(team, members, roles, seen) })
      },
    }),
    endpoint({
      route: 'PUT /v1/teams/{uid}',
      summary: 'Replaces name and users of a team; roles only where they are sent',
      permission: { object: 'team.update', find: findTeam },
      params: uidPath,
      body: wire.teamUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'team_name_taken', 'exceeds_own_rights', 'conflict', 'resource_limit'],
      audit: 'team.updated',
      changes: 'access',
      async handle(c) {
        const { metadata, spec } = c.body
        const changes: TeamChanges = {
          name: metadata.name,
          ...(metadata.labels ? { labels: metadata.labels } : {}),
          ...(metadata.annotations ? { annotations: clientAnnotations(metadata.annotations) } : {}),
          ...(spec ? { users: spec.users } : {}),
          ...(spec?.roles ? { roles: spec.roles } : {}),
        }
        const changed = await changeTeam(c, TeamUid.parse(c.params.uid), changes)
        return changed.ok ? ok({ body: undefined, details: changed.value }) : changed
      },
    }),
    endpoint({
      route: 'PATCH /v1/teams/{uid}',
      summary: 'Patches a team (RFC 6902): name, labels, annotations, users, roles',
      permission: { object: 'team.update', find: findTeam },
      params: uidPath,
      body: jsonPatch,
      reply: { status: 204 },
      refusals: ['not_found', 'team_name_taken', 'exceeds_own_rights', 'conflict', 'resource_limit'],
      audit: 'team.updated',
      changes: 'access',
      async handle(c) {
        const loaded = await load(c.tx, c.params.uid)
        if (!loaded.ok) return loaded
        const { team, members, roles } = loaded.value
        const patched = applyPatch(patchableTeam(team, members, roles), c.body, isPatchable)
        if (!patched.ok) return err(refuse('invalid', patched.error))
        const changes = parsePatched(patched.value)
        if (!changes.ok) return err(refuse('invalid', changes.error))
        const changed = await changeTeam(c, team.uid, changes.value)
        return changed.ok ? ok({ body: undefined, details: changed.value }) : changed
      },
    }),
    endpoint({
      route: 'DELETE /v1/teams/{uid}',
      summary: 'Removes a team; its members lose what it gave them',
      permission: { object: 'team.delete', find: findTeam },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'conflict'],
      audit: 'team.deleted',
      changes: 'access',
      async handle(c) {
        const removed = await removeTeam(c, TeamUid.parse(c.params.uid))
        return removed.ok ? ok({ body: undefined }) : removed
      },
    }),
  ]

  async function summaries(tx: Tx, teams: readonly Team[], access: RequestAccess) {
    const uids = teams.map(({ uid }) => uid)
    const members = await membersOf(tx, uids)
    const roles = byTeam(await standingRolesOfTeams(tx, uids))
    const projects = await projectNames(tx)
    // The names of people are for those who may list people; their uids are part of the team.
    const people = access.allows('user.list', { kind: 'tenant' }) ? await directory.of(tx) : []
    const names = new Map(people.map(({ uid, name }) => [uid, name]))
    const seen = { tenant: tx.tenant, permissions: permissionsOnTeams(access) }
    return teams.map((team) => {
      const own = roles.get(team.uid) ?? []
      const places = new Set(own.flatMap(({ place }): ProjectUid[] => (place === 'tenant' ? [] : [place])))
      return {
        metadata: metadataAnswer(team, seen),
        spec: {
          users: (members.get(team.uid) ?? []).map((uid) => ({ uid, name: names.get(uid) ?? '' })),
          roles: own.filter(({ place }) => place === 'tenant').map(named),
          projects: [...places].map((uid) => ({ uid, name: projects.get(uid) ?? '' })),
        },
        status: {},
      }
    })
  }
}

/** A team that `find` found in the same transaction, with what belongs to it. */
async function load(tx: Tx, uid: string) {
  const team = await readTeam(tx, TeamUid.parse(uid))
  if (!team) return err(refuse('not_found'))
  const members = (await membersOf(tx, [team.uid])).get(team.uid) ?? []
  return ok({ team, members, roles: await standingRolesOf(tx, { team: team.uid }) })
}

const onTeams = ['team.delete', 'team.get', 'team.list', 'team.update'] as const satisfies readonly Permission[]

const permissionsOnTeams = (access: RequestAccess) =>
  onTeams.filter((permission) => access.allows(permission, { kind: 'tenant' }))

const byTeam = (roles: readonly AssignedRole[]) =>
  Map.groupBy(roles, ({ subject }) => ('team' in subject ? subject.team : undefined))

type Seen = { readonly tenant: TenantUid; readonly permissions: readonly string[] }

function teamAnswer(team: Team, members: readonly UserUid[], roles: readonly AssignedRole[], seen: Seen) {
  return {
    metadata: metadataAnswer(team, seen),
    // Every membership is made here; the names of other sources are for the identity providers to come.
    spec: { users: [...members], roles: tenantRoles(roles), sources: [] },
    status: {},
  }
}

const tenantRoles = (roles: readonly AssignedRole[]): string[] =>
  roles.filter(({ place }) => place === 'tenant').map(({ role }) => role)

function metadataAnswer(team: Team, { tenant, permissions }: Seen) {
  return {
    name: team.name,
    uid: team.uid,
    labels: { ...team.labels },
    annotations: annotationsOf(team.annotations, { scope: 'tenant', tenantUid: tenant, permissions }),
    creationTimestamp: wireTime(team.createdAt),
    lastModifiedTimestamp: wireTime(team.updatedAt),
    deletionTimestamp: wireTime(null),
  }
}

const columns = {
  'metadata.name': ({ name }: Team) => name,
  'metadata.uid': ({ uid }: Team) => uid,
  'metadata.creationTimestamp': ({ createdAt }: Team) => createdAt.getTime(),
}
const summaryColumns = { name: columns['metadata.name'], creationTimestamp: columns['metadata.creationTimestamp'] }

function patchableTeam(team: Team, members: readonly UserUid[], roles: readonly AssignedRole[]): Json {
  return {
    metadata: { name: team.name, labels: { ...team.labels }, annotations: { ...team.annotations } },
    spec: { users: [...members], roles: tenantRoles(roles) },
  }
}

function isPatchable([part, member, key, ...more]: readonly string[]): boolean {
  if (more.length > 0 || member === undefined) return false
  if (part === 'spec') return member === 'users' || member === 'roles'
  if (part !== 'metadata') return false
  if (member === 'annotations') return key === undefined || !isReservedAnnotation(key)
  return member === 'labels' || (member === 'name' && key === undefined)
}

function parsePatched(document: Json): Result<TeamChanges, string> {
  const parsed = wire.patchedTeam.safeParse(document)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return err(`/${issue?.path.join('/')}: ${issue?.message}`)
  }
  const { metadata, spec } = parsed.data
  return ok({ ...metadata, annotations: clientAnnotations(metadata.annotations), ...spec })
}
