import { TeamUid, UserUid } from '../../contract/ids.ts'
import * as wire from '../../contract/wire/workspaces.ts'
import { ok } from '../../core/result.ts'
import {
  describeWorkspaceRoles,
  type HeldWorkspaceRole,
  inheritedWorkspaceRoles,
  setWorkspaceRoles,
  workspaceRolesOf,
} from '../access/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { projectNames } from './project-names.ts'
import { findTeam } from './team-routes.ts'
import { findUser, isSelf } from './user-routes.ts'
import { giverOf } from './users.ts'

type AtUser = { readonly tx: Tx; readonly params: { readonly userUid: string } }
type AtTeam = { readonly tx: Tx; readonly params: { readonly teamUid: string } }
const userAt = ({ tx, params }: AtUser) => findUser({ tx, params: { uid: params.userUid } })
const teamAt = ({ tx, params }: AtTeam) => findTeam({ tx, params: { uid: params.teamUid } })

/** Which roles a user or team holds on single workspaces. A PUT changes the workspaces that it names, and no others. */
export const workspaceRoleEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/workspaces/users/{userUid}/roles',
    summary: "A user's roles on workspaces, own and inherited from teams",
    permission: { object: 'user.get', find: userAt, orOwn: isSelf },
    params: wire.workspaceUserPath,
    reply: { status: 200, body: wire.workspaceRoles },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const user = UserUid.parse(params.userUid)
      const own = await workspaceRolesOf(tx, { user })
      return ok({ body: { projects: await byProject(tx, own, await inheritedWorkspaceRoles(tx, user)) } })
    },
  }),
  endpoint({
    route: 'PUT /v1/workspaces/users/{userUid}/roles',
    summary: "Sets a user's own roles on the workspaces that are named; without roles they are taken away",
    permission: { object: 'user.update', find: userAt },
    params: wire.workspaceUserPath,
    body: wire.workspaceRolesIn,
    reply: { status: 204 },
    refusals: ['not_found', 'exceeds_own_rights', 'resource_limit'],
    audit: 'user.access.updated',
    changes: 'access',
    async handle(c) {
      const subject = { user: UserUid.parse(c.params.userUid) }
      const set = await setWorkspaceRoles(c.tx, giverOf(c), subject, c.body.workspaces)
      return set.ok ? ok({ body: undefined, details: describeWorkspaceRoles(subject, set.value) }) : set
    },
  }),
  endpoint({
    route: 'GET /v1/workspaces/teams/{teamUid}/roles',
    summary: "A team's roles on workspaces",
    permission: { object: 'team.get', find: teamAt },
    params: wire.workspaceTeamPath,
    reply: { status: 200, body: wire.workspaceRoles },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params }) {
      const own = await workspaceRolesOf(tx, { team: TeamUid.parse(params.teamUid) })
      return ok({ body: { projects: await byProject(tx, own, []) } })
    },
  }),
  endpoint({
    route: 'PUT /v1/workspaces/teams/{teamUid}/roles',
    summary: "Sets a team's roles on the workspaces that are named; without roles they are taken away",
    permission: { object: 'team.update', find: teamAt },
    params: wire.workspaceTeamPath,
    body: wire.workspaceRolesIn,
    reply: { status: 204 },
    refusals: ['not_found', 'exceeds_own_rights', 'resource_limit'],
    audit: 'team.access.updated',
    changes: 'access',
    async handle(c) {
      const subject = { team: TeamUid.parse(c.params.teamUid) }
      const set = await setWorkspaceRoles(c.tx, giverOf(c), subject, c.body.workspaces)
      return set.ok ? ok({ body: undefined, details: describeWorkspaceRoles(subject, set.value) }) : set
    },
  }),
]

/** The projects and workspaces in which there is a role of either kind, by name: one without any is not listed. */
async function byProject(tx: Tx, own: readonly HeldWorkspaceRole[], inherited: readonly HeldWorkspaceRole[]) {
  const names = await projectNames(tx)
  const all = [...own, ...inherited]
  const projects = Map.groupBy(all, ({ project }) => project)
  return [...projects]
    .map(([uid, held]) => ({
      uid,
      name: names.get(uid) ?? '',
      workspaces: [...new Map(held.map((one) => [one.workspace, one.workspaceName]))]
        .map(([workspace, name]) => ({
          ...{ uid: workspace, name },
          roles: distinct(own.filter((one) => one.workspace === workspace)),
          inheritedRoles: distinct(inherited.filter((one) => one.workspace === workspace)),
        }))
        .sort(byName),
    }))
    .sort(byName)
}

const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1)

/** Two teams may give the same role; it is shown once. */
const distinct = (roles: readonly HeldWorkspaceRole[]) => [
  ...new Map(roles.map(({ role, name }) => [role, { uid: role, name }])).values(),
]
