import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  failure,
  type Header,
  identityOf,
  impersonationHeaders,
  isLongRunning,
  parseClusterTarget,
  refusedByPalisade,
  requestInfo,
  type Status,
  type Target,
} from '../../core/kube/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { EndReason, LiveCall, Registration, Snapshot } from '../access/index.ts'
import { callerWithin, clientAddress, createLogBudget, type Principal } from '../gateway/index.ts'
import { LedgerBusyError } from '../ledger/index.ts'
import { databaseUnavailable } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { explainLevel, type Standing, standingOf, stillCovers } from './decision.ts'
import { callEntry, type Described, endEntry, recordingOf, refusedEntry } from './entries.ts'
import type { DoorCluster, DoorPorts } from './ports.ts'
import {
  type Call,
  type CallEnd,
  type ClientRequest,
  type ClientResponse,
  parseHead,
  type RequestHead,
  replyStatus,
  replyStatusOnSocket,
  type Transport,
} from './transport/index.ts'

/** The Kubernetes door: who calls, may they, is it recorded; then the transport carries bytes. */
export type Door = {
  request(request: ClientRequest, response: ClientResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Resolves when no call is under way and the ends of all that were are handed to the ledger: before that one stops. */
  drained(): Promise<void>
}

/** How a refused call is answered, and how an allowed one is carried. */
type Way = {
  readonly refuse: (status: Status, headers: readonly Header[]) => void
  readonly carry: (call: Call) => void
}

/** A call that passed every check, before its intent is durable. */
type Admitted = {
  readonly described: Described
  readonly snapshot: Snapshot
  readonly standing: Standing
  readonly credentialEndsAt: number
  readonly identity: readonly Header[]
}

/** A stream counts as activity of its session this often. */
const touchMs = 60_000

export function createDoor(ports: DoorPorts, transport: Transport): Door {
  const { access, ledger, clock, logger } = ports
  let underWay = 0
  /** Those who wait for the end of all. */
  let drained: (() => void)[] = []
  const outages = createLogBudget()

  function track(work: Promise<unknown>): void {
    underWay++
    const done = () => {
      underWay--
      if (underWay > 0) return
      for (const tell of drained) tell()
      drained = []
    }
    work.then(done, done)
  }

  function accept(request: ClientRequest, upgrading: boolean, way: Way): void {
    const requestId = newUid()
    const startedAt = performance.now()
    const refuse = (status: Status, more: readonly Header[] = []) => {
      ports.observe('refused', status.code, (performance.now() - startedAt) / 1000)
      way.refuse(status, [['x-request-id', requestId], ...more])
    }
    const opened = open(request, upgrading, { ...way, refuse }, requestId, startedAt)
    track(opened)
    opened
      .catch((cause: unknown) => refuse(failedStatus(cause, requestId)))
      // Half an answer may be out by then. Unheard, this would end the process.
      .catch((cause: unknown) => logger.error({ cause, request: requestId }, 'a call to a cluster was not answered'))
  }

  /** Fails closed: what cannot be checked or recorded does not reach a cluster. */
  function failedStatus(cause: unknown, requestId: string): Status {
    if (cause instanceof LedgerBusyError)
      return failure(429, `the audit log takes no more at the moment (request ${requestId})`, { retryAfterSeconds: 1 })
    if (!databaseUnavailable(cause)) {
      logger.error({ cause, request: requestId }, 'a call to a cluster could not be admitted')
      return failure(500, `something failed on Palisade's side (request ${requestId})`)
    }
    // It fails every call, those of strangers too; its absence is told elsewhere with its cause.
    const more = outages.take()
    if (more)
      logger.warn({ request: requestId, why: (cause as Error).message, ...more }, 'the database does not answer')
    return failure(503, `rights cannot be checked: the database does not answer (request ${requestId})`, {
      retryAfterSeconds: 1,
    })
  }

  async function open(request: ClientRequest, upgrading: boolean, way: Way, requestId: string, startedAt: number) {
    const head = parseHead(request)
    if (!head.ok) return way.refuse(failure(400, `${head.error} (request ${requestId})`), [])
    const forwarded = request.headers['x-forwarded-for']
    const address = clientAddress(
      request.socket.remoteAddress ?? '',
      Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
      ports.trustedProxies,
    )
    const caller = await authenticate(head.value, address, requestId)
    if (!caller.ok) return way.refuse(caller.error, [['www-authenticate', 'Bearer realm="palisade"']])
    const principal = caller.value
    if (upgrading !== (head.value.upgrade !== undefined))
      return way.refuse(failure(400, `The request asks for no protocol that is known (request ${requestId})`), [])

    const parsed = parseClusterTarget(head.value.rawTarget)
    if (!parsed.ok)
      return way.refuse(failure(400, `The request target is not canonical: ${parsed.error} (request ${requestId})`), [])
    if (!parsed.value)
      return way.refuse(
        failure(404, `there is nothing at this path; a cluster is at /k8s/clusters/<uid> (request ${requestId})`),
        [],
      )
    const { clusterUid, target } = parsed.value
    const info = requestInfo(head.value.method, target)
    if (!info.ok)
      return way.refuse(failure(400, `The path names no resource after watch or proxy (request ${requestId})`), [])
    if (!access.freshness().newCalls)
      return way.refuse(
        failure(503, `rights cannot be checked at the moment (request ${requestId})`, { retryAfterSeconds: 1 }),
        [],
      )

    const userAgent = request.headers['user-agent']
    const live = createLive({ principal, clusterUid, requestId })
    try {
      const admitted = await admit(
        live,
        {
          principal,
          requestId,
          address,
          userAgent: userAgent?.slice(0, 256),
          method: head.value.method,
          info: info.value,
          target,
          upgrade: head.value.upgrade?.kind,
        },
        clusterUid,
        head.value,
      )
      if (!admitted.ok) {
        live.registration.done()
        return way.refuse(admitted.error, [])
      }
      await carry(live, admitted.value, head.value, target, way, startedAt)
    } catch (cause) {
      live.registration.done()
      throw cause
    }
  }

  async function authenticate(
    head: RequestHead,
    address: string,
    requestId: string,
  ): Promise<Result<Principal, Status>> {
    const token = head.upgrade?.bearerToken
    const authorization = head.authorization ?? (token === undefined ? undefined : `Bearer ${token}`)
    const caller = await callerWithin(
      ports.rate,
      address,
      authorization === undefined
        ? undefined
        : (mayLookUp) => ports.authenticate({ authorization, bearerOnly: true, mayLookUp }),
    )
    if (caller.ok) return caller
    const { code, detail, retryAfterSeconds = 1 } = caller.error
    if (code === 'too_many_requests')
      return err(failure(429, `too many requests (request ${requestId})`, { retryAfterSeconds }))
    const why = authorization === undefined || !detail ? 'send a token or an API key as Authorization: Bearer' : detail
    return err(failure(401, `Palisade does not know who calls: ${why} (request ${requestId})`))
  }

  type Live = {
    readonly registration: Registration
    readonly abort: AbortController
    /** Set once the call is decided; until then a change of access is met by the decision itself. */
    admitted: Admitted | undefined
    ended: EndReason | undefined
  }

  /** Registers the call before anything about it is decided: no change of access falls into a gap. */
  function createLive({
    principal,
    clusterUid,
    requestId,
  }: {
    principal: Principal
    clusterUid: string
    requestId: string
  }): Live {
    const abort = new AbortController()
    const call: LiveCall = {
      uid: requestId,
      tenant: principal.tenant,
      user: principal.user,
      cluster: clusterUid,
      async recheck(snapshot) {
        // Asked again by the next sweep: what is answered here must not stand in for the times that the decision finds.
        if (!live.admitted) return { recheckAt: 0 }
        return recheck(live.admitted, clusterUid, snapshot)
      },
      end(reason) {
        live.ended = reason
        ports.streamEnded(reason)
        abort.abort(reason)
      },
    }
    const live: Live = { registration: access.calls.register(call), abort, admitted: undefined, ended: undefined }
    return live
  }

  async function recheck(admitted: Admitted, clusterUid: string, snapshot: Snapshot) {
    const { principal } = admitted.described
    const credential = await ports.recheck(principal, snapshot)
    if (!credential.ok) return { end: credential.error.reason }
    const cluster = await ports.findCluster(principal.tenant, clusterUid, snapshot)
    if (!cluster) return { end: 'cluster-removed' as const }
    const standing = standingOf(snapshot, principal.user, cluster, clock.now())
    if (!stillCovers(standing, admitted.standing)) return { end: 'right-withdrawn' as const }
    return { recheckAt: Math.min(credential.value.endsAt, standing.endsAt) }
  }

  /** Everything that may refuse a call before it is recorded. */
  async function admit(
    live: Live,
    about: Omit<Described, 'cluster'>,
    clusterUid: string,
    head: RequestHead,
  ): Promise<Result<Admitted, Status>> {
    const snapshot = await access.current(about.principal.tenant)
    return admitOn(snapshot, live, about, clusterUid, head)
  }

  async function admitOn(
    snapshot: Snapshot,
    live: Live,
    about: Omit<Described, 'cluster'>,
    clusterUid: string,
    head: RequestHead,
  ): Promise<Result<Admitted, Status>> {
    const { principal, requestId } = about
    const credential = await ports.recheck(principal, snapshot)
    if (!credential.ok) return err(failure(401, `the session or key has ended (request ${requestId})`))
    const cluster = await ports.findCluster(principal.tenant, clusterUid, snapshot)
    // Another tenant's cluster and none at all are the same answer.
    if (!cluster) return err(notFound(clusterUid, requestId))
    const described: Described = { ...about, cluster }
    const standing = standingOf(snapshot, principal.user, cluster, clock.now())
    if (standing.denial) {
      const scope = `project ${cluster.project}`
      await ledger.record(
        principal.tenant,
        refusedEntry(described, { rule: 'no-level', permission: standing.denial.missing, levels: [] }),
      )
      return err(
        failure(
          403,
          // No name: to see it is what the caller lacks.
          `this needs permission ${standing.denial.missing} on cluster ${clusterUid} in ${scope} (request ${requestId})`,
        ),
      )
    }
    const refusal = refusedByPalisade(about.info, {
      levels: standing.levels,
      protectedNamespaces,
      upgrade: about.upgrade !== undefined,
      method: about.method,
      headers: head.names,
    })
    if (refusal) {
      await ledger.record(
        principal.tenant,
        refusedEntry(described, {
          rule: refusal.rule,
          ...(refusal.permission ? { permission: refusal.permission } : {}),
          levels: standing.levels,
        }),
      )
      const where = refusal.permission ? ` in project ${cluster.project}` : ''
      return err(failure(refusal.status, `${refusal.message}${where} (request ${requestId})`))
    }
    if (!cluster.upstream)
      return err(
        failure(
          503,
          `cluster ${cluster.name} waits for its bindings: an administrator finishes the import (request ${requestId})`,
        ),
      )
    const identity = impersonationHeaders(
      identityOf({
        tenantUid: principal.tenant,
        userUid: principal.user,
        email: principal.person.email,
        levels: standing.levels,
        teams: standing.teams,
        sessionUid: principal.credential.kind === 'session' ? principal.credential.session : undefined,
        requestId,
      }),
    )
    if (!identity.ok) {
      await ledger.record(principal.tenant, refusedEntry(described, { rule: 'identity', levels: standing.levels }))
      return err(
        failure(403, `this caller cannot be named on a cluster: ${identity.error.problem} (request ${requestId})`),
      )
    }
    const admitted = {
      described,
      snapshot,
      standing,
      credentialEndsAt: credential.value.endsAt,
      identity: identity.value,
    }
    live.admitted = admitted
    live.registration.recheckAt(Math.min(credential.value.endsAt, standing.endsAt))
    return ok(admitted)
  }

  const protectedNamespaces = new Set(ports.protectedNamespaces)

  /**
   * Records the call and hands it to the transport. The insert of the record answers the tenant's epoch: where it is newer
   * than the decision's, the call is decided again before a connection is made, or before the first byte of the answer.
   */
  async function carry(live: Live, first: Admitted, head: RequestHead, target: Target, way: Way, startedAt: number) {
    const { described } = first
    const { principal, requestId, info } = described
    const long = described.upgrade !== undefined || isLongRunning(info, target)
    const recording = recordingOf(described, long)
    const outcome = recording === 'read' ? ('done' as const) : ('intended' as const)
    const record = ledger.record(principal.tenant, callEntry(described, outcome, first.standing))

    /** What was recorded as an intent gets its end, after a record that is still on its way. Never rejects. */
    const conclude = async (end: CallEnd): Promise<void> => {
      if (recording === 'read') return
      const recorded = await record.catch(() => undefined)
      // Never recorded: nothing was done, or the transport has withheld the answer.
      if (!recorded) return
      const { uid } = recorded
      void ledger.conclude(principal.tenant, endEntry(described, uid, end, performance.now() - startedAt))
    }

    let admitted = first
    if (recording === 'before') {
      const { epoch } = await record
      let again: Result<Admitted, Status>
      try {
        again = await decideAgain(live, first, epoch, head)
      } catch (cause) {
        await conclude(notMade('not-decided', 0))
        throw cause
      }
      if (!again.ok) {
        live.registration.done()
        await conclude(notMade('right-withdrawn', again.error.code))
        return way.refuse(again.error, [])
      }
      admitted = again.value
    }

    const recorded =
      recording === 'before'
        ? undefined
        : record.then(async ({ epoch }) => {
            const again = await decideAgain(live, first, epoch, head)
            // The cluster was told what no longer holds: its answer is thrown away.
            const holds = again.ok && stillCovers(again.value.standing, first.standing)
            if (!holds && live.ended === undefined) {
              live.ended = 'right-withdrawn'
              live.abort.abort('right-withdrawn')
            }
          })
    // A transport that refuses the call by a limit of its own never looks at it; unheard, a failure would end the process.
    recorded?.catch(() => undefined)
    const activity = long ? setInterval(() => ports.touch(principal), touchMs).unref() : undefined

    const over = Promise.withResolvers<void>()
    track(over.promise)
    let isOver = false
    const onEnd = (end: CallEnd) => {
      if (isOver) return
      isOver = true
      clearInterval(activity)
      live.registration.done()
      ports.observe(info.verb, end.status, (performance.now() - startedAt) / 1000)
      void conclude(end).finally(over.resolve)
    }
    const call: Call = {
      upstream: admitted.described.cluster.upstream as NonNullable<DoorCluster['upstream']>, // `admitOn` refuses without.
      subject: `${principal.tenant}:${principal.user}`,
      requestId,
      head,
      target,
      info,
      authorization: admitted.described.cluster.authorization(),
      identity: admitted.identity,
      recorded,
      signal: live.abort.signal,
      endedWith: () =>
        live.ended === undefined
          ? undefined
          : failure(
              live.ended === 'access-data-stale' ? 503 : 403,
              `access has ended: ${live.ended} (request ${requestId})`,
            ),
      decorateResponse: ({ status, fromCluster }) =>
        status === 403 && fromCluster
          ? [warning(explainLevel(admitted.standing, admitted.snapshot, admitted.described.cluster), requestId)]
          : [],
      onEnd,
    }
    try {
      way.carry(call)
    } catch (cause) {
      onEnd(notMade('not-carried', 0))
      throw cause
    }
  }

  /** Decides on data at least as new as `epoch`. */
  async function decideAgain(
    live: Live,
    before: Admitted,
    epoch: bigint,
    head: RequestHead,
  ): Promise<Result<Admitted, Status>> {
    if (epoch <= before.snapshot.epoch) return ok(before)
    const snapshot = await access.atLeast(before.described.principal.tenant, epoch)
    return admitOn(snapshot, live, before.described, before.described.cluster.uid, head)
  }

  return {
    request: (request, response) =>
      accept(request, false, {
        refuse: (status, headers) => replyStatus(response, status, headers),
        carry: (call) => transport.forward(call, request, response),
      }),
    upgrade: (request, socket, head) =>
      accept(request, true, {
        refuse: (status, headers) => replyStatusOnSocket(socket, status, headers),
        carry: (call) => transport.upgrade(call, socket, head),
      }),
    async drained() {
      if (underWay > 0) await new Promise<void>((resolve) => drained.push(resolve))
    },
  }
}

/** The end of a call that was recorded and then not made. */
const notMade = (detail: string, status: number): CallEnd => ({
  reason: 'refused',
  detail,
  status,
  bytesIn: 0,
  bytesOut: 0,
})

const notFound = (uid: string, requestId: string) =>
  failure(404, `clusters "${uid}" not found (request ${requestId})`, { name: uid, kind: 'clusters' })

/** RFC 9111 §5.5 warn-code 299, in the form that client-go prints (RFC 7234 quoted text; quotes and backslashes escaped). */
function warning(text: string, requestId: string): Header {
  const ascii = `Palisade: ${text} (request ${requestId})`.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, '\\$&')
  return ['warning', `299 - "${ascii}"`]
}
