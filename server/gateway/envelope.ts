import { type Refusal, type RefusalCode, refusals } from '../../contract/errors.ts'

/** A refusal as bytes in the dialect of the door it came through. */
export type Envelope = { readonly status: number; readonly contentType: string; readonly body: string }

/**
 * `{code, message, details, ref}` under `/v1` (Palette's v1Error; `code` is always a string, or its clients lose it), an RFC
 * 9457 problem under `/v1/palisade`. `ref` and `request` are the request id.
 */
export function renderRefusal(path: string, refusal: Refusal, requestId: string): Envelope {
  const { status, code, title } = refusals[refusal.code]
  const message = refusal.detail ?? title
  const details = refusal.details ?? {}
  if (path === '/v1/palisade' || path.startsWith('/v1/palisade/'))
    return {
      status,
      contentType: 'application/problem+json',
      body: JSON.stringify({
        type: problemType(refusal.code),
        title,
        status,
        detail: message,
        code,
        ...details,
        request: requestId,
      }),
    }
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({ code, message, details, ref: requestId }),
  }
}

/** RFC 9457 §3.1.1: a URI that identifies the kind of problem; docs/errors.md lists them. */
export const problemType = (code: RefusalCode): string => `urn:palisade:problem:${code.replaceAll('_', '-')}`
