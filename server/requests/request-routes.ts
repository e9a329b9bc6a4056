import * as contract from '../../contract/access-requests.ts'
import type { UserUid } from '../../contract/ids.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { roleNames } from '../access/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { administration, mayAdminister, readSetting, writeSetting } from '../settings/index.ts'
import { openRequests, readRequest, requestsOf, type StoredRequest } from './request-store.ts'
import {
  type Act,
  type Acting,
  askFor,
  couldGive,
  decideRequest,
  maySee,
  placeOf,
  type RequestPorts,
  samePersonAs,
} from './requests.ts'
import { requestSettings } from './settings.ts'

export type RequestRoutePorts = RequestPorts & {
  readonly names: {
    readonly people: (tx: Tx) => Promise<ReadonlyMap<UserUid, string>>
  }
}

const path = '/v1/palisade/access/requests'

/** People ask for roles for a time; who could give them decides. */
export function requestEndpoints(ports: RequestRoutePorts): readonly Endpoint[] {
  const { sealerOf, names } = ports
  const decides =
    (act: 'approve' | 'deny' | 'withdraw') =>
    async (
      c: Acting & {
        readonly params: { readonly uid: string }
        readonly body?: { readonly note?: string | undefined } | undefined
      },
    ) => {
      const decided = await decideRequest(ports, c, { uid: c.params.uid, act, note: c.body?.note } satisfies Act)
      if (!decided.ok) return decided
      const { request, given } = decided.value
      const name = (await roleNames(c.tx, [request.role])).get(request.role) ?? request.role
      return ok({
        given,
        recorded: {
          resource: { uid: request.uid, name },
          details: {
            ...detailsOf(request, name),
            ...(c.body?.note ? { note: c.body.note } : {}),
            ...(given ? { assignment: given.uid, endsAt: given.endsAt?.toISOString() } : {}),
          },
        },
      })
    }
  const [approve, deny, withdraw] = [decides('approve'), decides('deny'), decides('withdraw')]
  const refusals = [
    'not_found',
    'forbidden',
    'own_request',
    'exceeds_own_rights',
    'request_closed',
    'conflict',
  ] as const
  return [
    endpoint({
      route: `GET ${path}`,
      summary: 'What the caller asked for, or the requests for roles that the caller may decide',
      permission: { signedIn: 'shows what the caller asked for, or could give' },
      query: contract.AccessRequestsQuery,
      reply: { status: 200, body: contract.AccessRequests },
      refusals: [],
      audit: 'refusals-only',
      async handle(c) {
        const { tx, query, principal, now } = c
        const sealer = await sealerOf(tx.tenant)
        if (query.view === 'mine') {
          const { items, count } = await requestsOf(tx, sealer, principal.user, query)
          return ok({ body: { items: await describe(c, sealer, items), count } })
        }
        const open = await openRequests(tx, sealer, now)
        const waiting = open.filter(await decidable(c, sealer, open))
        const shown = waiting.slice(query.offset, query.offset + query.limit)
        return ok({ body: { items: await describe(c, sealer, shown, () => true), count: waiting.length } })
      },
    }),
    endpoint({
      route: `POST ${path}`,
      summary: 'Asks for a role in the tenant, a project or a cluster’s project, for a time and a reason',
      permission: { signedIn: 'gives nothing: somebody who holds the role and may give it decides' },
      body: contract.NewAccessRequest,
      reply: { status: 201, body: contract.AccessRequestMade },
      refusals: ['not_found', 'invalid', 'conflict', 'resource_limit'],
      audit: 'access.request.created',
      async handle(c) {
        const asked = await askFor(ports, c, c.body)
        if (!asked.ok) return asked
        const { request, roleName } = asked.value
        return ok({
          body: { uid: request.uid, expiresAt: request.expiresAt.toISOString() },
          resource: { uid: request.uid, name: roleName },
          details: { ...detailsOf(request, roleName), reason: request.reason },
        })
      },
    }),
    endpoint({
      route: `GET ${path}/{uid}`,
      summary: 'Reads one request for a role',
      permission: { signedIn: 'shows what the caller asked for or could give; with user.get and role.get any' },
      params: uidPath,
      reply: { status: 200, body: contract.AccessRequest },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle(c) {
        const sealer = await sealerOf(c.tx.tenant)
        const found = await readRequest(c.tx, sealer, c.params.uid)
        if (!found || !maySee(c, found)) return err({ code: 'not_found' })
        const [body] = await describe(c, sealer, [found])
        if (!body) throw new Error('one request is described by one')
        return ok({ body })
      },
    }),
    endpoint({
      route: `POST ${path}/{uid}/approve`,
      summary: 'Gives the role that was asked for, from now on for the time that was asked for',
      permission: { signedIn: 'gives no more than the caller holds and may give there, and nothing to the caller' },
      params: uidPath,
      body: contract.AccessRequestAnswer,
      reply: { status: 200, body: contract.AccessRequestApproved },
      refusals: [...refusals, 'resource_limit'],
      audit: 'access.request.approved',
      changes: 'access',
      async handle(c) {
        const done = await approve(c)
        if (!done.ok) return done
        const { given, recorded } = done.value
        if (!given?.endsAt) throw new Error('an approval gives until a time')
        return ok({ body: { assignment: given.uid, endsAt: given.endsAt.toISOString() }, ...recorded })
      },
    }),
    endpoint({
      route: `POST ${path}/{uid}/deny`,
      summary: 'Says no to a request; takes what approving it takes',
      permission: { signedIn: 'takes what approving it takes' },
      params: uidPath,
      body: contract.AccessRequestAnswer,
      reply: { status: 204 },
      refusals,
      audit: 'access.request.denied',
      async handle(c) {
        const done = await deny(c)
        return done.ok ? ok({ body: undefined, ...done.value.recorded }) : done
      },
    }),
    endpoint({
      route: `POST ${path}/{uid}/withdraw`,
      summary: 'Takes back what the caller asked for',
      permission: { signedIn: 'only who asked' },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'request_closed'],
      audit: 'access.request.withdrawn',
      async handle(c) {
        const done = await withdraw(c)
        return done.ok ? ok({ body: undefined, ...done.value.recorded }) : done
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/access/request-settings',
      summary: 'For how long roles may be asked for, how long requests wait, and how many of one person',
      permission: { signedIn: 'who asks must know for how long' },
      reply: { status: 200, body: contract.AccessRequestSettings },
      refusals: [],
      audit: 'refusals-only',
      handle: async ({ tx }) => ok({ body: await readSetting(tx, requestSettings) }),
    }),
    endpoint({
      route: 'PUT /v1/palisade/access/request-settings',
      summary: `Sets that; needs ${administration.join(', ')}`,
      permission: { tenant: 'user.update' },
      body: contract.AccessRequestSettings,
      reply: { status: 204 },
      refusals: ['forbidden'],
      audit: 'tenant.access.requests.updated',
      async handle({ tx, body, principal, access, now }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const before = await readSetting(tx, requestSettings)
        await writeSetting(tx, requestSettings, body, { by: principal.user, now })
        return ok({ body: undefined, details: { before, after: body } })
      },
    }),
  ]

  /** Which of these requests the caller may decide: those of others that are open and that they could give. */
  async function decidable(
    { tx, access, principal, now }: Acting,
    sealer: TenantSealer,
    requests: readonly StoredRequest[],
  ): Promise<(one: StoredRequest) => boolean> {
    const givable = requests.filter(
      (one) => one.state === 'open' && one.expiresAt > now && couldGive(access, one, now).ok,
    )
    const isOwn = await samePersonAs(tx, sealer, principal.user, givable)
    const found = new Set(givable.filter((one) => !isOwn(one)))
    return (one) => found.has(one)
  }

  /** @param mayDecide where it is known by now */
  async function describe(
    acting: Acting,
    sealer: TenantSealer,
    requests: readonly StoredRequest[],
    mayDecide?: (one: StoredRequest) => boolean,
  ): Promise<contract.AccessRequest[]> {
    const { tx, principal, now } = acting
    const isDecidable = mayDecide ?? (await decidable(acting, sealer, requests))
    const people = await names.people(tx)
    const roles = await roleNames(
      tx,
      requests.map(({ role }) => role),
    )
    const projects = await tx.query<{ project_id: string; name: string }>(
      'select project_id, name from projects where tenant_id = $1 and project_id = any($2)',
      [tx.tenant, requests.flatMap(({ project }) => project ?? [])],
    )
    const projectNames = new Map(projects.map(({ project_id, name }) => [project_id, name]))
    const person = (uid: UserUid) => ({ uid, name: people.get(uid) ?? '' })
    const answers: contract.AccessRequest[] = []
    for (const one of requests) {
      const state = one.state === 'open' && one.expiresAt <= now ? 'expired' : one.state
      answers.push({
        uid: one.uid,
        user: person(one.user),
        role: { uid: one.role, name: roles.get(one.role) ?? one.role },
        project: one.project ? { uid: one.project, name: projectNames.get(one.project) ?? '' } : null,
        ...{ seconds: one.seconds, reason: one.reason, state },
        ...{ createdAt: one.createdAt.toISOString(), expiresAt: one.expiresAt.toISOString() },
        decidedBy: one.decidedBy ? person(one.decidedBy) : null,
        decidedAt: one.decidedAt?.toISOString() ?? null,
        note: one.note ?? null,
        endsAt: one.endsAt?.toISOString() ?? null,
        isMine: one.user === principal.user,
        mayDecide: isDecidable(one),
      })
    }
    return answers
  }
}

/** A request as the log tells it. */
function detailsOf(request: StoredRequest, role: string): Record<string, unknown> {
  const place = placeOf(request)
  return {
    user: request.user,
    role,
    roleUid: request.role,
    ...(place === 'tenant' ? {} : { project: place }),
    seconds: request.seconds,
  }
}
