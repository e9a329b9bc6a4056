import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { failure, type Header, parseClusterTarget, requestInfo, type Status } from '../../core/kube/index.ts'
import { err, type Result } from '../../core/result.ts'
import { callerWithin, clientAddress, createLogBudget, inLines, type Principal } from '../gateway/index.ts'
import { LedgerBusyError } from '../ledger/index.ts'
import { RequestLog } from '../platform/log/index.ts'
import { databaseUnavailable } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { createAdmission } from './admission.ts'
import { createCarrier, type Way } from './carrier.ts'
import type { DoorPorts } from './ports.ts'
import {
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

export function createDoor(ports: DoorPorts, transport: Transport): Door {
  const { access, logger } = ports
  let underWay = 0
  /** Those who wait for the end of all. */
  let drained: (() => void)[] = []
  const outages = createLogBudget()
  const carrier = createCarrier(ports, createAdmission(ports), track)

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
    const log = new RequestLog(logger, requestId)
    const opened = open(request, upgrading, { ...way, refuse }, { requestId, log, startedAt })
    track(opened)
    opened
      .catch((cause: unknown) => refuse(failedStatus(cause, requestId, log)))
      // Half an answer may be out by then. Unheard, this would end the process.
      .catch((cause: unknown) => log.lines().error({ cause }, 'a call to a cluster was not answered'))
  }

  /** Fails closed: what cannot be checked or recorded does not reach a cluster. */
  function failedStatus(cause: unknown, requestId: string, log: RequestLog): Status {
    if (cause instanceof LedgerBusyError)
      return failure(429, `the audit log takes no more at the moment (request ${requestId})`, { retryAfterSeconds: 1 })
    if (!databaseUnavailable(cause)) {
      log.lines().error({ cause }, 'a call to a cluster could not be admitted')
      return failure(500, `something failed on Palisade's side (request ${requestId})`)
    }
    // It fails every call, those of strangers too; its absence is told elsewhere with its cause.
    const more = outages.take()
    if (more) log.lines().warn({ why: (cause as Error).message, ...more }, 'the database does not answer')
    return failure(503, `rights cannot be checked: the database does not answer (request ${requestId})`, {
      retryAfterSeconds: 1,
    })
  }

  async function open(
    request: ClientRequest,
    upgrading: boolean,
    way: Way,
    { requestId, log, startedAt }: { readonly requestId: string; readonly log: RequestLog; readonly startedAt: number },
  ) {
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
    log.knows(inLines(principal))
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

    const asked = {
      ...{ principal, requestId, log, address, clusterUid, target },
      userAgent: request.headers['user-agent']?.slice(0, 256),
      method: head.value.method,
      info: info.value,
      upgrade: head.value.upgrade?.kind,
      head: head.value,
    }
    await carrier.run(carrier.register(asked), asked, way, startedAt)
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
        : (mayLookUp) => ports.authenticate({ authorization, address, bearerOnly: true, mayLookUp }),
    )
    if (caller.ok) return caller
    const { code, detail, retryAfterSeconds = 1 } = caller.error
    if (code === 'too_many_requests')
      return err(failure(429, `too many requests (request ${requestId})`, { retryAfterSeconds }))
    const why = authorization === undefined || !detail ? 'send a token or an API key as Authorization: Bearer' : detail
    return err(failure(401, `Palisade does not know who calls: ${why} (request ${requestId})`))
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
