import { TeamUid, UserUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/filters.ts'
import { ok } from '../../core/result.ts'
import {
  changeResourceRole,
  describeResourceRoles,
  giveResourceRole,
  type Subject,
  takeResourceRole,
} from '../access/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import { findTeam } from './team-routes.ts'
import { findUser, isSelf } from './user-routes.ts'
import { giverOf } from './users.ts'

/** Which roles a user or team holds on what filters select. */
export const resourceRoleEndpoints: readonly Endpoint[] = [
  ...endpointsFor({
    path: '/v1/users/{uid}/resourceRoles',
    whose: "a user's",
    read: { object: 'user.get', find: findUser, orOwn: isSelf },
    write: { object: 'user.update', find: findUser },
    audit: 'user.access.updated',
    subject: (uid) => ({ user: UserUid.parse(uid) }),
  }),
  ...endpointsFor({
    path: '/v1/teams/{uid}/resourceRoles',
    whose: "a team's",
    read: { object: 'team.get', find: findTeam },
    write: { object: 'team.update', find: findTeam },
    audit: 'team.access.updated',
    subject: (uid) => ({ team: TeamUid.parse(uid) }),
  }),
]

function endpointsFor({ path, whose, read, write, audit, subject }: OneKind): readonly Endpoint[] {
  return [
    endpoint({
      route: `GET ${path}`,
      summary: `Lists ${whose} own resource roles that are held for good and for every request`,
      permission: read,
      params: uidPath,
      reply: { status: 200, body: wire.resourceRoles },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        return ok({ body: { resourceRoles: await describeResourceRoles(tx, subject(params.uid)) } })
      },
    }),
    endpoint({
      route: `POST ${path}`,
      summary: 'Gives resource roles on what any of the filters selects in the projects',
      permission: write,
      params: uidPath,
      body: wire.resourceRoleIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'exceeds_own_rights', 'resource_limit'],
      audit,
      changes: 'access',
      async handle(c) {
        const given = await giveResourceRole(c.tx, giverOf(c), subject(c.params.uid), c.body)
        return given.ok ? ok({ body: undefined, details: { resourceRole: given.value.described } }) : given
      },
    }),
    endpoint({
      route: `PATCH ${path}/{resourceRoleUid}`,
      summary: `Makes one of ${whose} resource roles another`,
      permission: write,
      params: wire.resourceRolePath,
      body: wire.resourceRoleIn,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'exceeds_own_rights', 'resource_limit'],
      audit,
      changes: 'access',
      async handle(c) {
        const { uid, resourceRoleUid } = c.params
        const changed = await changeResourceRole(c.tx, giverOf(c), subject(uid), resourceRoleUid, c.body)
        return changed.ok ? ok({ body: undefined, details: changed.value }) : changed
      },
    }),
    endpoint({
      route: `DELETE ${path}/{resourceRoleUid}`,
      summary: `Takes one of ${whose} resource roles away`,
      permission: write,
      params: wire.resourceRolePath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit,
      changes: 'access',
      async handle({ tx, params }) {
        const taken = await takeResourceRole(tx, subject(params.uid), params.resourceRoleUid)
        return taken.ok ? ok({ body: undefined, details: taken.value }) : taken
      },
    }),
  ]
}

type OneKind = {
  readonly path: '/v1/users/{uid}/resourceRoles' | '/v1/teams/{uid}/resourceRoles'
  /** In a summary. */
  readonly whose: string
  readonly read:
    | { readonly object: 'user.get'; readonly find: typeof findUser; readonly orOwn: typeof isSelf }
    | { readonly object: 'team.get'; readonly find: typeof findTeam }
  readonly write:
    | { readonly object: 'user.update'; readonly find: typeof findUser }
    | { readonly object: 'team.update'; readonly find: typeof findTeam }
  readonly audit: 'user.access.updated' | 'team.access.updated'
  readonly subject: (uid: string) => Subject
}
