import { z } from 'zod'
import { ProjectUid, TeamUid, TenantUid, UserUid } from '../../contract/ids.ts'
import { OpenOf, OpenOfTenant, OpenSessionsOf } from '../../contract/streams.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Target } from '../gateway/index.ts'
import type { OpenCalls } from '../ledger/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

type Find<Params = { readonly uid: string }> = (c: {
  readonly tx: Tx
  readonly params: Params
}) => Promise<Target | undefined>

export type OpenPorts = {
  readonly openCalls: Pick<OpenCalls, 'count'>
  readonly findCluster: Find
  readonly findUser: Find
  readonly findTeam: Find
  readonly findSession: Find
  readonly findApiKey: Find
  readonly findTenant: Find<{ readonly tenantUid: string }>
  readonly membersOf: (tx: Tx, team: TeamUid) => Promise<readonly UserUid[]>
  readonly countSessions: (tx: Tx, user: UserUid | undefined, now: Date) => Promise<number>
  readonly countApiKeys: (tx: Tx, now: Date) => Promise<number>
  readonly countUsers: (tx: Tx) => Promise<number>
  readonly countClusters: (tx: Tx) => Promise<number>
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
    ofCredential('session', 'GET /v1/palisade/sessions/{uid}/open', 'user.update', ports.findSession),
    ofCredential('apiKey', 'GET /v1/palisade/apiKeys/{uid}/open', 'apiKey.update', ports.findApiKey),
    endpoint({
      route: 'GET /v1/palisade/tenants/{tenantUid}/open',
      summary:
        'Counts the people, clusters, sessions and API keys of a tenant, and its calls to clusters that are under way',
      permission: { object: 'tenant.update', find: ports.findTenant },
      params: tenantPath,
      reply: { status: 200, body: OpenOfTenant },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, now }) {
        return tx.within(TenantUid.parse(params.tenantUid), async (inside) =>
          ok({
            body: {
              streams: await openCalls.count(inside, {}),
              sessions: await countSessions(inside, undefined, now),
              apiKeys: await ports.countApiKeys(inside, now),
              people: await ports.countUsers(inside),
              clusters: await ports.countClusters(inside),
            },
          }),
        )
      },
    }),
  ]

  /** What is made with one credential, for its owner too. */
  function ofCredential(
    kind: 'session' | 'apiKey',
    route: 'GET /v1/palisade/sessions/{uid}/open' | 'GET /v1/palisade/apiKeys/{uid}/open',
    permission: 'user.update' | 'apiKey.update',
    find: Find,
  ): Endpoint {
    return endpoint({
      route,
      summary: `Counts the calls to clusters that are under way with ${kind === 'session' ? 'a session' : 'an API key'}`,
      permission: { object: permission, find, orOwn: ({ target, principal }) => target.owner === principal.user },
      params: uidPath,
      reply: { status: 200, body: OpenOf },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, target }) {
        const by = target?.owner === undefined ? [] : [target.owner]
        return ok({ body: { streams: await openCalls.count(tx, { by, credential: `${kind}:${params.uid}` }) } })
      },
    })
  }
}
