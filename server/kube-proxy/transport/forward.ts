import { constants } from 'node:http2'
import type { Dispatcher } from 'undici'
import { failure, requestedTimeoutMs, type Status } from '../../../core/kube/index.ts'
import type { Call, EndReason } from './call.ts'
import type { Lease } from './connections.ts'
import { endOf, reasonOf } from './ended.ts'
import { explainFailure, notPassedOn } from './explain.ts'
import type { TransportLimits } from './limits.ts'
import { asServerResponse, type ClientResponse, replyStatus } from './reply.ts'
import type { ClientRequest } from './request-head.ts'
import { addedHeaders, responseLines, safetyHeaders } from './response-head.ts'
import { Upload, UploadError } from './upload.ts'

export interface ForwardSettings {
  readonly limits: TransportLimits
  readonly lease: Lease
  /** Never timed out, and not counted among the ordinary calls. */
  readonly isLong: boolean
  /** Gives back the place among the calls under way; called once, when the cluster's side is over. */
  readonly release: () => void
}

/** One ordinary request and its answer, streamed. */
export function forward(call: Call, request: ClientRequest, response: ClientResponse, settings: ForwardSettings): void {
  new Exchange(call, request, response, settings).start()
}

/** `asking`: nothing has been answered yet. `answering`: a head is out. `over`: `onEnd` has been called. */
type Phase = 'asking' | 'answering' | 'over'

interface HeldAnswer {
  readonly status: number
  readonly raw: readonly Buffer[]
  complete: boolean
}

/** The callbacks undici gives without wrapping are its older ones: they hand on the raw lines, and cost least. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #call: Call
  readonly #request: ClientRequest
  readonly #response: ClientResponse
  readonly #settings: ForwardSettings
  readonly #upload: Upload | undefined
  #phase: Phase = 'asking'
  #status = 0
  #bytesOut = 0
  #reason: EndReason = 'complete'
  #detail: string | undefined
  #isRecorded: boolean
  #held: HeldAnswer | undefined
  #abort: (() => void) | undefined
  #resume: (() => void) | undefined
  #isReleased = false
  #isRetry = false
  #awaitsDrain = false
  #stall: NodeJS.Timeout | undefined

  constructor(call: Call, request: ClientRequest, response: ClientResponse, settings: ForwardSettings) {
    this.#call = call
    this.#request = request
    this.#response = response
    this.#settings = settings
    this.#isRecorded = call.recorded === undefined
    const { limits, isLong } = settings
    this.#upload = call.head.hasBody
      ? new Upload(request, {
          maxBytes: this.#isProxied() ? Number.POSITIVE_INFINITY : limits.requestBytes,
          stallMs: isLong ? 0 : limits.clientStallMs,
        })
      : undefined
  }

  start(): void {
    const { signal, recorded } = this.#call
    asServerResponse(this.#response).on('close', this.#onClientClose)
    recorded?.then(this.#onRecorded, this.#onNotRecorded)
    // Deciding took a moment; a client that left meanwhile says so no more.
    if (isClosed(this.#response)) {
      this.#fail('client_closed', undefined)
      this.#finish()
      return
    }
    const gone = endOf(this.#call)
    if (gone !== undefined) {
      this.#refuse(gone, 'ended', reasonOf(signal))
      return
    }
    signal.addEventListener('abort', this.#onSignal)
    this.#dispatch()
  }

  #dispatch(): void {
    const { target, head, authorization, identity, upstream } = this.#call
    const { limits, isLong, lease } = this.#settings
    const headers = [...head.forwarded, 'authorization', authorization]
    for (const [name, value] of identity) headers.push(name, value)
    if (head.hasBody && head.contentLength !== undefined) headers.push('content-length', String(head.contentLength))
    lease.dispatcher.dispatch(
      {
        path: upstream.basePath + target.requestTarget,
        method: head.method as Dispatcher.HttpMethod, // any token is allowed; the policy leaves six
        headers,
        body: this.#upload ?? null,
        headersTimeout: isLong ? 0 : headersTimeoutMs(this.#call, limits),
        bodyTimeout: isLong ? 0 : limits.bodyGapMs,
      },
      this,
    )
  }

  // undici, towards the cluster

  onConnect(abort: () => void): void {
    this.#abort = abort
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    if (status < 200) return true
    this.#resume = resume
    if (this.#isRecorded) return this.#begin(status, raw)
    this.#held = { status, raw, complete: false }
    return false
  }

  onData(chunk: Buffer): boolean {
    this.#bytesOut += chunk.length
    if (asServerResponse(this.#response).write(chunk)) return true
    this.#awaitDrain()
    return false
  }

  onComplete(): void {
    this.#abort = undefined
    this.#release(true)
    if (this.#held !== undefined) this.#held.complete = true
    else if (this.#phase === 'answering') asServerResponse(this.#response).end()
  }

  onError(error: Error): void {
    this.#abort = undefined
    this.#resume = undefined
    if (this.#phase === 'over' || this.#reason !== 'complete') {
      this.#release(false)
      return
    }
    if (error instanceof UploadError) {
      this.#release(false)
      this.#onUploadError(error)
      return
    }
    if (this.#mayRetry(error)) {
      this.#isRetry = true
      this.#dispatch()
      return
    }
    this.#release(false)
    const { requestId, head, upstream, log } = this.#call
    const isRead = head.method === 'GET' || head.method === 'HEAD'
    const { status, reason, detail } = explainFailure(error, { requestId, isRead })
    log.lines().warn({ cause: error, cluster: upstream.clusterUid }, 'a cluster call failed')
    if (this.#phase === 'asking') this.#refuse(status, reason, detail)
    else this.#cut(reason, detail)
  }

  // Towards the client

  /** Writes the head, unless access has ended or the answer is none that is passed on. */
  #begin(status: number, raw: readonly Buffer[]): boolean {
    const gone = endOf(this.#call)
    if (gone !== undefined) {
      this.#refuse(gone, 'ended', reasonOf(this.#call.signal))
      return false
    }
    const instead = notPassedOn(status, this.#isProxied(), this.#call.requestId)
    if (instead !== undefined) {
      this.#refuse(instead.status, instead.reason, instead.detail)
      return false
    }
    const lines = responseLines(raw)
    for (const [name, value] of safetyHeaders) lines.push(name, value)
    for (const [name, value] of addedHeaders(this.#call, { status, fromCluster: true })) lines.push(name, value)
    this.#phase = 'answering'
    this.#status = status
    asServerResponse(this.#response).writeHead(status, lines)
    // A watch on which nothing happens has to be answered all the same, and so has a list whose body takes its time. What comes
    // with the head goes out with it: of an ordinary call all that this turn of the event loop brings.
    if (this.#settings.isLong) process.nextTick(this.#flushHead)
    else setImmediate(this.#flushHead)
    return true
  }

  readonly #flushHead = (): void => {
    const response = asServerResponse(this.#response)
    if (this.#phase === 'answering' && this.#bytesOut === 0 && !response.writableEnded) response.flushHeaders()
  }

  #awaitDrain(): void {
    if (!this.#awaitsDrain) {
      this.#awaitsDrain = true
      asServerResponse(this.#response).on('drain', this.#onDrain)
    }
    clearTimeout(this.#stall)
    this.#stall = setTimeout(() => this.#cut('client_stalled', undefined), this.#settings.limits.clientStallMs)
  }

  readonly #onDrain = (): void => {
    clearTimeout(this.#stall)
    this.#resume?.()
  }

  readonly #onRecorded = (): void => {
    this.#isRecorded = true
    const held = this.#held
    this.#held = undefined
    if (held === undefined || this.#phase !== 'asking' || this.#reason !== 'complete') return
    const isBegun = this.#begin(held.status, held.raw)
    if (!isBegun) return
    if (held.complete) asServerResponse(this.#response).end()
    else this.#resume?.()
  }

  readonly #onNotRecorded = (cause: unknown): void => {
    const { requestId, log, upstream } = this.#call
    if (this.#phase !== 'asking' || this.#reason !== 'complete') return
    log.lines().error({ cause, cluster: upstream.clusterUid }, 'a cluster call could not be recorded')
    const message = `the call could not be recorded, so its answer is withheld (request ${requestId})`
    this.#refuse(failure(503, message), 'not_recorded', undefined)
  }

  readonly #onSignal = (): void => {
    const detail = reasonOf(this.#call.signal)
    const gone = endOf(this.#call)
    if (this.#phase === 'asking' && gone !== undefined) {
      this.#refuse(gone, 'ended', detail)
    } else if (this.#phase === 'answering' && this.#call.info.verb === 'watch' && !this.#response.writableEnded) {
      this.#endCleanly(detail)
    } else if (this.#phase === 'answering') {
      // Never a regular end: half a list, or a log that stops, must not look like the whole.
      this.#cut('ended', detail)
    }
  }

  /** A watch may end at any time, and clients ask again then: which is refused. */
  #endCleanly(detail: string): void {
    this.#fail('ended', detail)
    asServerResponse(this.#response).end()
    clearTimeout(this.#stall)
    this.#stall = setTimeout(() => this.#cut('ended', detail), this.#settings.limits.endGraceMs)
  }

  #onUploadError({ problem }: UploadError): void {
    const { requestId } = this.#call
    if (problem === 'too_large' && this.#phase === 'asking') {
      const most = this.#settings.limits.requestBytes
      const status = failure(413, `the request body is larger than ${most} bytes (request ${requestId})`)
      this.#refuse(status, 'refused', problem)
    } else {
      this.#cut(problem === 'stalled' ? 'client_stalled' : 'client_closed', problem)
    }
  }

  readonly #onClientClose = (): void => {
    if (!isDelivered(this.#response)) this.#fail('client_closed', undefined)
    this.#finish()
  }

  /** Answers by ourselves, in place of the cluster. */
  #refuse(status: Status, reason: EndReason, detail: string | undefined): void {
    this.#phase = 'answering'
    this.#status = status.code
    this.#fail(reason, detail)
    replyStatus(this.#response, status, addedHeaders(this.#call, { status: status.code, fromCluster: false }))
  }

  /** Breaks off towards the client, so that it cannot take what it has for the whole. */
  #cut(reason: EndReason, detail: string | undefined): void {
    if (this.#phase === 'over') return
    this.#fail(reason, detail)
    breakOff(this.#response, constants.NGHTTP2_INTERNAL_ERROR)
    this.#finish()
  }

  /** Notes why, and lets go of the cluster. The first reason stays. */
  #fail(reason: EndReason, detail: string | undefined): void {
    if (this.#reason === 'complete') {
      this.#reason = reason
      this.#detail = detail
    }
    const abort = this.#abort
    this.#abort = undefined
    this.#resume = undefined
    // Aborting stops the parser, dropping the connection keeps undici from opening another one for what it still holds.
    abort?.()
    this.#release(false)
  }

  #finish(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    clearTimeout(this.#stall)
    this.#call.signal.removeEventListener('abort', this.#onSignal)
    if (this.#upload !== undefined) this.#discardRest()
    this.#call.onEnd({
      reason: this.#reason,
      detail: this.#detail,
      status: this.#status,
      bytesIn: this.#upload?.bytes ?? 0,
      bytesOut: this.#bytesOut,
    })
  }

  /** Answered before the body was there: the rest is read and dropped for a moment, so that the answer can be read. */
  #discardRest(): void {
    const request = this.#request
    if (request.complete || request.destroyed) return
    this.#upload?.destroy()
    request.resume()
    const impatience = setTimeout(() => {
      if (request.httpVersionMajor >= 2) breakOff(this.#response, constants.NGHTTP2_NO_ERROR)
      else request.destroy()
    }, discardMs)
    impatience.unref()
    request.once('end', () => clearTimeout(impatience))
    request.once('close', () => clearTimeout(impatience))
  }

  #release(isConnectionGood: boolean): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#settings.lease.done(isConnectionGood)
    this.#settings.release()
  }

  /**
   * A kept connection can be closed by the other side just as it is used again. A read that got no answer at all is asked
   * once more; anything else might be done twice.
   */
  #mayRetry(error: Error): boolean {
    const { method } = this.#call.head
    const code = 'code' in error ? error.code : undefined
    return (
      !this.#isRetry &&
      this.#phase === 'asking' &&
      this.#held === undefined &&
      this.#upload === undefined &&
      (method === 'GET' || method === 'HEAD') &&
      (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE')
    )
  }

  #isProxied(): boolean {
    return this.#call.info.subresource === 'proxy' || this.#call.info.verb === 'proxy'
  }
}

const discardMs = 2000

function headersTimeoutMs(call: Call, limits: TransportLimits): number {
  const requested = requestedTimeoutMs(call.target)
  if (requested === undefined) return limits.headersMs
  // A little later than the API server itself would give up, so that its own answer arrives.
  return Math.ceil(Math.min(limits.maxHeadersMs, Math.max(limits.headersMs, requested + 5000)))
}

function isClosed(response: ClientResponse): boolean {
  return 'stream' in response ? response.stream.destroyed || response.stream.closed : response.destroyed
}

/** Whether everything was handed over before the client's side closed. */
function isDelivered(response: ClientResponse): boolean {
  // A stream of HTTP/2 that the client has reset counts as finished too; that we ended it is what tells.
  if ('stream' in response) return response.writableEnded && response.stream.rstCode === constants.NGHTTP2_NO_ERROR
  return response.writableFinished
}

/** Ends the client's side with an error: of the one stream in HTTP/2, of the connection in HTTP/1.1. */
function breakOff(response: ClientResponse, code: number): void {
  // Only HTTP/2's response has a stream; its own destroy would close without an error code.
  if ('stream' in response) response.stream.close(code)
  else response.destroy()
}
