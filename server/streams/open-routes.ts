import { z } from 'zod'
import { ProjectUid, TeamUid, UserUid } from '../../contract/ids.ts'
import { OpenOf, OpenSessionsOf } from '../../contract/streams.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Target } from '../gateway/index.ts'
import type { OpenCalls } from '../ledger/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

type Find = (c: { readonly tx: Tx; readonly params: { readonly uid: string } }) => Promise<Target | undefined>

export type OpenPorts = {
  readonly openCalls: Pick<OpenCalls, 'count'>
  readonly findCluster: Find
  readonly findUser: Find
  readonly findTeam: Find
  readonly membersOf: (tx: Tx, team: TeamUid) => Promise<readonly UserUid[]>
  readonly countSessions: (tx: Tx, user: UserUid, now: Date) => Promise<number>
}

/** Where it is asked about: one project, or without it the whole tenant. */
const Where = z.strictObject({ project: ProjectUid.optional() })

/** How much is open that an act would end, for who may do that act: numbers, and nothing of whose or what. */
export function openEndpoints(ports: OpenPorts): readonly Endpoint[] {
  const { openCalls, findCluster, findUser, findTeam, membersOf, countSessions } = ports
  return [
    endpoint({
      route: 'GET /v1/palisade/people/{uid}/open',
      summary: 'Counts the sessions of a person, and their calls to clusters that are under way',
      permission: { object: 'user.update', find: findUser },
      params: uidPath,
      query: Where,
      reply: { status: 200, body: OpenSessionsOf },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, query: { project }, now }) {
        const user = UserUid.parse(params.uid)
        const streams = await openCalls.count(tx, { by: [user], project })
        return ok({ body: { streams, sessions: await countSessions(tx, user, now) } })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/teams/{uid}/open',
      summary: 'Counts the calls to clusters of a team’s members that are under way',
      permission: { object: 'team.update', find: findTeam },
      params: uidPath,
      query: Where,
      reply: { status: 200, body: OpenOf },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, query: { project } }) {
        const by = await membersOf(tx, TeamUid.parse(params.uid))
        return ok({ body: { streams: await openCalls.count(tx, { by, project }) } })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/clusters/{uid}/open',
      summary: 'Counts the calls to a cluster that are under way',
      permission: { object: 'cluster.delete', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: OpenOf },
      refusals: ['not_found'],
      audit: 'refusals-only',
      handle: async ({ tx, params }) => ok({ body: { streams: await openCalls.count(tx, { resource: params.uid }) } }),
    }),
  ]
}
