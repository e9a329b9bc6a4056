import type { Header, RequestInfo, Status, Target } from '../../../core/kube/index.ts'
import type { RequestLog } from '../../platform/log/index.ts'
import type { Upstream } from './dial.ts'
import type { RequestHead } from './request-head.ts'

/**
 * A call that has been decided and whose intent is recorded: everything between that and bytes is the transport's, and
 * nothing here asks again who calls.
 */
export interface Call {
  readonly upstream: Upstream
  /** Whom the limits count for, e.g. `<tenantUid>:<userUid>`. */
  readonly subject: string
  /** Goes into `x-request-id` and into every message of the transport's own. */
  readonly requestId: string
  /** What the transport has to say of this call; its lines name the request and who calls. */
  readonly log: Pick<RequestLog, 'lines'>
  readonly head: RequestHead
  /** Below the cluster's mount point; what was authorised, and what is written on the request line. */
  readonly target: Target
  readonly info: RequestInfo
  /** The value of `Authorization` towards the cluster. */
  readonly authorization: string
  /** Impersonation lines, and any other of ours; written one by one as they stand. */
  readonly identity: readonly Header[]
  /**
   * The first byte of the answer waits for it: the record of the call. Rejected, the answer is thrown away and the client
   * gets 503. `undefined` where the record was durable before.
   */
  readonly recorded: Promise<void> | undefined
  /** Aborted with a reason when access ends. Both sides are closed at once. */
  readonly signal: EndSignal
  /** What to answer when access has ended; `undefined` while it lasts. Asked right before a head or a 101 is written. */
  endedWith(): Status | undefined
  /** Lines to add to the answer's head: a `Warning` where the cluster says 403, for example. Must not throw. */
  decorateResponse(answer: AnswerHead): readonly Header[]
  /** Called exactly once. Must not throw. */
  onEnd(end: CallEnd): void
}

/** What is used of an AbortSignal, whose events cost as much as deciding about a call. */
export interface EndSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface AnswerHead {
  readonly status: number
  /** False for what Palisade answers by itself. */
  readonly fromCluster: boolean
}

export type EndReason =
  /** Both sides had their say. */
  | 'complete'
  /** The client went away, or neither sent nor read for too long. */
  | 'client_closed'
  | 'client_stalled'
  /** `Call.signal`. */
  | 'ended'
  /** `Call.recorded` was rejected. */
  | 'not_recorded'
  /** A limit of ours. */
  | 'refused'
  /** No connection, or one that was not to be made. */
  | 'unreachable'
  | 'upstream_timeout'
  /** The cluster answered 401: Palisade's own credential there is no longer good. */
  | 'credential_refused'
  /** The cluster broke off, or answered what is not passed on. */
  | 'upstream_failed'

export interface CallEnd {
  readonly reason: EndReason
  /** More of it, for record and log: the signal's reason, an error code. Never a credential or a part of a body. */
  readonly detail: string | undefined
  /** What the client was answered; 0 for nothing at all. */
  readonly status: number
  /** From the client to the cluster, bodies and upgraded streams alone. */
  readonly bytesIn: number
  readonly bytesOut: number
}
