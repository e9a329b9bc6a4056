import { type ProjectUid, TeamUid, UserUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/users.ts'
import { ok } from '../../core/result.ts'
import {
  type AssignedRole,
  describeChange,
  inheritedStandingRoles,
  replaceProjectRoles,
  replaceTenantRoles,
  standingRolesOf,
} from '../access/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { keepingAnAdministrator } from './last-administrator.ts'
import { projectNames } from './project-names.ts'
import { findTeam } from './team-routes.ts'
import { named } from './user-answers.ts'
import { findUser, isSelf } from './user-routes.ts'
import { giverOf } from './users.ts'

/**
 * Which standing roles a user or team holds, in the tenant and in projects. Every PUT replaces the whole list, and leaves alone what
 * ends or counts for some requests only (docs/adr/0015).
 */
export const roleEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/users/{uid}/roles',
    summary: "A user's standing tenant roles, own and inherited from teams",
    permission: { object: 'user.get', find: findUser, orOwn: isSelf },
    params: uidPath,
    reply: { status: 200, body: wire.userRoles },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const { own, inherited } = await rolesOfUser(tx, UserUid.parse(params.uid))
      return ok({ body: { roles: distinct(own.get('tenant')), inheritedRoles: distinct(inherited.get('tenant')) } })
    },
  }),
  endpoint({
    route: 'PUT /v1/users/{uid}/roles',
    summary: "Replaces a user's own standing tenant roles",
    permission: { object: 'user.update', find: findUser },
    params: uidPath,
    body: wire.rolesIn,
    reply: { status: 204 },
    refusals: ['not_found', 'exceeds_own_rights', 'conflict', 'resource_limit'],
    audit: 'user.access.updated',
    changes: 'access',
    async handle(c) {
      const replaced = await keepingAnAdministrator(c.tx, () =>
        replaceTenantRoles(c.tx, giverOf(c), { user: UserUid.parse(c.params.uid) }, c.body.roles),
      )
      return replaced.ok ? ok({ body: undefined, details: describeChange(replaced.value) }) : replaced
    },
  }),
  endpoint({
    route: 'GET /v1/users/{uid}/projects',
    summary: "A user's standing project roles, own and inherited from teams",
    permission: { object: 'user.get', find: findUser, orOwn: isSelf },
    params: uidPath,
    reply: { status: 200, body: wire.projectRoles },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const { own, inherited } = await rolesOfUser(tx, UserUid.parse(params.uid))
      return ok({ body: { projects: await inProjects(tx, own, inherited) } })
    },
  }),
  endpoint({
    route: 'PUT /v1/users/{uid}/projects',
    summary: "Replaces a user's own standing project roles",
    permission: { object: 'user.update', find: findUser },
    params: uidPath,
    body: wire.projectRolesIn,
    reply: { status: 204 },
    refusals: ['not_found', 'exceeds_own_rights', 'resource_limit'],
    audit: 'user.access.updated',
    changes: 'access',
    async handle(c) {
      const subject = { user: UserUid.parse(c.params.uid) }
      const replaced = await replaceProjectRoles(c.tx, giverOf(c), subject, c.body.projects)
      return replaced.ok ? ok({ body: undefined, details: describeChange(replaced.value) }) : replaced
    },
  }),
  endpoint({
    route: 'GET /v1/teams/{uid}/roles',
    summary: "A team's standing tenant roles",
    permission: { object: 'team.get', find: findTeam },
    params: uidPath,
    reply: { status: 200, body: wire.teamRoles },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const own = byPlace(await standingRolesOf(tx, { team: TeamUid.parse(params.uid) }))
      return ok({ body: { roles: distinct(own.get('tenant')) } })
    },
  }),
  endpoint({
    route: 'PUT /v1/teams/{uid}/roles',
    summary: "Replaces a team's standing tenant roles",
    permission: { object: 'team.update', find: findTeam },
    params: uidPath,
    body: wire.rolesIn,
    reply: { status: 204 },
    refusals: ['not_found', 'exceeds_own_rights', 'conflict', 'resource_limit'],
    audit: 'team.access.updated',
    changes: 'access',
    async handle(c) {
      const replaced = await keepingAnAdministrator(c.tx, () =>
        replaceTenantRoles(c.tx, giverOf(c), { team: TeamUid.parse(c.params.uid) }, c.body.roles),
      )
      return replaced.ok ? ok({ body: undefined, details: describeChange(replaced.value) }) : replaced
    },
  }),
  endpoint({
    route: 'GET /v1/teams/{uid}/projects',
    summary: "A team's standing project roles",
    permission: { object: 'team.get', find: findTeam },
    params: uidPath,
    reply: { status: 200, body: wire.projectRoles },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const own = byPlace(await standingRolesOf(tx, { team: TeamUid.parse(params.uid) }))
      return ok({ body: { projects: await inProjects(tx, own, new Map()) } })
    },
  }),
  endpoint({
    route: 'PUT /v1/teams/{uid}/projects',
    summary: "Replaces a team's standing project roles",
    permission: { object: 'team.update', find: findTeam },
    params: uidPath,
    body: wire.projectRolesIn,
    reply: { status: 204 },
    refusals: ['not_found', 'exceeds_own_rights', 'resource_limit'],
    audit: 'team.access.updated',
    changes: 'access',
    async handle(c) {
      const subject = { team: TeamUid.parse(c.params.uid) }
      const replaced = await replaceProjectRoles(c.tx, giverOf(c), subject, c.body.projects)
      return replaced.ok ? ok({ body: undefined, details: describeChange(replaced.value) }) : replaced
    },
  }),
]

type ByPlace = ReadonlyMap<AssignedRole['place'], readonly AssignedRole[]>

async function rolesOfUser(tx: Tx, user: UserUid): Promise<{ readonly own: ByPlace; readonly inherited: ByPlace }> {
  return {
    own: byPlace(await standingRolesOf(tx, { user })),
    inherited: byPlace(await inheritedStandingRoles(tx, [user])),
  }
}

const byPlace = (roles: readonly AssignedRole[]): ByPlace => Map.groupBy(roles, ({ place }) => place)

/** Two teams may give the same role; it is shown once. */
const distinct = (roles: readonly AssignedRole[] | undefined) => [
  ...new Map((roles ?? []).map((one) => [one.role, named(one)])).values(),
]

/** The projects in which there is a role of either kind, by name: one without any is not listed. */
async function inProjects(tx: Tx, own: ByPlace, inherited: ByPlace) {
  const names = await projectNames(tx)
  const places = new Set([...own.keys(), ...inherited.keys()])
  return [...places]
    .filter((place): place is ProjectUid => place !== 'tenant')
    .map((uid) => ({
      uid,
      name: names.get(uid) ?? '',
      roles: distinct(own.get(uid)),
      inheritedRoles: distinct(inherited.get(uid)),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
