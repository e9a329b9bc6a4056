import { failure, type Status } from '../../../core/kube/index.ts'
import type { EndReason } from './call.ts'
import { ConnectError } from './dial.ts'

/** What a failure means: for the client, and for the record. */
export interface Explained {
  readonly status: Status
  readonly reason: EndReason
  readonly detail: string
}

export interface Asked {
  readonly requestId: string
  /** False for calls that may have changed something. */
  readonly isRead: boolean
}

/** Puts an error of connecting, asking or reading into words. Addresses and certificates stay in the log. */
export function explainFailure(error: unknown, { requestId, isRead }: Asked): Explained {
  const say = (code: 502 | 503 | 504, text: string): Status => failure(code, `${text} (request ${requestId})`)
  if (error instanceof ConnectError) {
    const { kind, detail } = error
    switch (kind) {
      case 'timeout':
        return { status: say(504, `the cluster cannot be reached: ${detail}`), reason: 'unreachable', detail: kind }
      case 'certificate':
        return {
          status: say(502, 'the cluster cannot be trusted: its certificate is not the one pinned at import'),
          reason: 'unreachable',
          detail,
        }
      case 'destination':
        return {
          status: say(502, 'the cluster has an address that Palisade may not connect to'),
          reason: 'unreachable',
          detail,
        }
      case 'network':
      case 'aborted':
        return { status: say(502, `the cluster cannot be reached: ${detail}`), reason: 'unreachable', detail }
    }
  }
  const code = codeOf(error)
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    const text = isRead ? '' : '; whether it did what was asked is not known'
    return { status: say(504, `the cluster did not answer in time${text}`), reason: 'upstream_timeout', detail: code }
  }
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return {
      status: say(504, 'the cluster stopped in the middle of its answer'),
      reason: 'upstream_timeout',
      detail: code,
    }
  }
  if (
    code.startsWith('HPE_') ||
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
  ) {
    return { status: say(502, 'the cluster’s answer is not valid HTTP'), reason: 'upstream_failed', detail: code }
  }
  const outcome = isRead ? '' : '; whether it did what was asked is not known'
  return { status: say(502, `the connection to the cluster broke${outcome}`), reason: 'upstream_failed', detail: code }
}

/**
 * An answer of the cluster that is not passed on: redirects, which are never followed either (CVE-2020-8559), and a 401,
 * which is about Palisade's credential; to the client it would say that its own is bad.
 *
 * @param isProxied the answer is an application's behind the API server, whose 401 is its own
 */
export function notPassedOn(status: number, isProxied: boolean, requestId: string): Explained | undefined {
  if (status >= 300 && status < 400 && status !== 304) {
    const hint = isProxied ? '; a proxied path may need a slash at its end' : ''
    return {
      status: failure(
        502,
        `the cluster answered with a redirect (${status}), which is not followed${hint} (request ${requestId})`,
      ),
      reason: 'upstream_failed',
      detail: `redirect ${status}`,
    }
  }
  if (status === 401 && !isProxied) {
    return {
      status: failure(502, `the cluster does not accept Palisade’s credential (request ${requestId})`),
      reason: 'credential_refused',
      detail: '401',
    }
  }
  return undefined
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error'
  return 'code' in error ? String(error.code) : error.name
}
