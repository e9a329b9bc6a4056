import type { AuditEntry } from '../../contract/audit.ts'
import { refuse } from '../../contract/errors.ts'
import { EntryUid } from '../../contract/ids.ts'
import { type Stream, StreamList } from '../../contract/streams.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Target } from '../gateway/index.ts'
import type { OpenCall, OpenCalls } from '../ledger/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

export type StreamPorts = {
  readonly openCalls: Pick<OpenCalls, 'of' | 'find' | 'askEnd'>
  readonly findCluster: (c: {
    readonly tx: Tx
    readonly params: { readonly uid: string }
  }) => Promise<Target | undefined>
}

/** Calls to clusters that are under way on any replica: seen, and ended one by one. */
export function streamEndpoints({ openCalls, findCluster }: StreamPorts): readonly Endpoint[] {
  /** The stream, as its cluster with an owner: who may change the cluster may end what runs on it, and everybody what is theirs. */
  async function findStream({ tx, params }: { readonly tx: Tx; readonly params: { readonly uid: string } }) {
    const uid = EntryUid.safeParse(params.uid)
    const call = uid.success ? await openCalls.find(tx, uid.data) : undefined
    const cluster = call && (await findCluster({ tx, params: { uid: call.resource } }))
    if (!cluster) return undefined
    const owner = call.entry?.actor.kind === 'user' ? { owner: call.entry.actor.uid } : {}
    return { ...cluster, ...owner }
  }

  return [
    endpoint({
      route: 'GET /v1/palisade/clusters/{uid}/streams',
      summary: 'Lists the calls to a cluster that are under way: the caller’s own; all with cluster.update on it',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: StreamList },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, target, access, principal }) {
        const others = target !== undefined && access.allows('cluster.update', target) ? 'shown' : 'hidden'
        const { calls, count } = await openCalls.of(tx, params.uid, others === 'shown' ? undefined : principal.user)
        const items = calls.flatMap((call) => (call.entry ? [answer(call, call.entry, principal.user)] : []))
        return ok({ body: { items, count, others } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/palisade/streams/{uid}',
      summary: 'Ends one call to a cluster that is under way, on whatever replica, within a second',
      permission: {
        object: 'cluster.update',
        find: findStream,
        orOwn: ({ target, principal }) => target.owner === principal.user,
      },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'cluster.stream.ended',
      // Whoever carries it hears of the epoch.
      changes: 'sessions',
      async handle({ tx, params, target }) {
        const stream = EntryUid.parse(params.uid)
        // It may have ended by itself since it was found.
        const call = await openCalls.find(tx, stream)
        if (!target || !call) return err(refuse('not_found'))
        // Asked once is asked: all calls of the tenant would be looked at again for nothing.
        const unchanged = call.ending
        if (!unchanged && !(await openCalls.askEnd(tx, stream))) return err(refuse('not_found'))
        const { request, session, details = {} } = call.entry ?? {}
        const { verb, resource, subresource, namespace, name } = details
        return ok({
          body: undefined,
          unchanged,
          resource: { uid: target.uid, ...(target.name === undefined ? {} : { name: target.name }) },
          details: {
            ...{ stream, request, session, user: target.owner },
            ...{ verb, resource, subresource, namespace, name },
          },
        })
      },
    }),
  ]
}

function answer({ uid, since, ending }: OpenCall, entry: AuditEntry, caller: string): Stream {
  const { actor, request, session, address = '', details = {} } = entry
  const { email = '', firstName = '', lastName = '' } = actor
  const text = (name: string) => (typeof details[name] === 'string' ? details[name] : '')
  const { command } = details
  return {
    ...{ uid, since: since.toISOString(), ending, request, address },
    own: actor.kind === 'user' && actor.uid === caller,
    user: { uid: actor.uid, email, firstName, lastName },
    ...(session === undefined ? {} : { session }),
    userAgent: text('userAgent'),
    verb: text('verb'),
    group: text('group'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
    container: text('container'),
    command: Array.isArray(command) ? command.filter((word) => typeof word === 'string') : [],
  }
}
