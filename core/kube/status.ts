/**
 * Kubernetes' own error body, so that clients print what Palisade has to say.
 *
 * @see k8s.io/apimachinery/pkg/apis/meta/v1/types.go, `Status`
 */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, never>>
  readonly status: 'Failure'
  readonly message: string
  readonly reason: string
  readonly details?: StatusDetails
  readonly code: StatusCode
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  /** The resource, in the plural, as kube-apiserver puts it here too. */
  readonly kind?: string
  readonly causes?: readonly { readonly reason: string; readonly message: string; readonly field?: string }[]
  readonly retryAfterSeconds?: number
}

/**
 * kubectl prints the reason in brackets: "Error from server (Forbidden): …". 502 has none of Kubernetes' own; clients take
 * an unknown one by its status code.
 */
const reasons = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  413: 'RequestEntityTooLarge',
  429: 'TooManyRequests',
  500: 'InternalError',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'Timeout',
} as const

export type StatusCode = keyof typeof reasons

/**
 * @param message a whole sentence for people; for 403 begin with what was asked for, as kube-apiserver does
 */
export function failure(code: StatusCode, message: string, details?: StatusDetails): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: reasons[code],
    ...(details === undefined ? {} : { details }),
    code,
  }
}

/** The body and the headers that belong to it. A client that was told to wait gets the seconds in both places. */
export function renderStatus(status: Status): { readonly headers: Record<string, string>; readonly body: string } {
  const retryAfter = status.details?.retryAfterSeconds
  return {
    headers: {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    },
    body: `${JSON.stringify(status)}\n`,
  }
}
