import type { Header } from '../../../core/kube/index.ts'
import type { AnswerHead, Call } from './call.ts'

/**
 * What a cluster may tell the client. A cluster can be hostile: it sets no cookies on our origin, sends nobody anywhere,
 * and no page of its is rendered here.
 */
const allowed: ReadonlySet<string> = new Set([
  'accept-ranges',
  'allow',
  'audit-id',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'etag',
  'last-modified',
  'retry-after',
  'vary',
  'warning',
  'x-kubernetes-pf-flowschema-uid',
  'x-kubernetes-pf-prioritylevel-uid',
])

/** On every answer of the door, whoever wrote it. Shared caches must not keep what one person was allowed to see. */
export const safetyHeaders: readonly Header[] = [
  ['cache-control', 'no-cache, private'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'; sandbox"],
  ['x-content-type-options', 'nosniff'],
]

/** What Palisade adds to every answer of a call, its own and the cluster's. What cannot be a header line is left out. */
export function addedHeaders(call: Call, answer: AnswerHead): Header[] {
  const added = call.decorateResponse(answer).filter(([, value]) => !forbiddenInValue.test(value))
  return [['x-request-id', call.requestId], ...added]
}

const forbiddenInValue = /[^\t\x20-\x7e\x80-\xff]/

/**
 * The lines of a cluster's answer that may be passed on, in lower case: name, value, name, value, as Node writes them.
 *
 * @param raw the same, as the parser gave them
 */
export function responseLines(raw: readonly (Buffer | string)[]): string[] {
  const lines: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i]!).toLowerCase() // in pairs by construction
    if (!allowed.has(name)) continue
    const value = text(raw[i + 1]!)
    if (!forbiddenInValue.test(value)) lines.push(name, value)
  }
  return lines
}

/** The first value of a line of a cluster's answer. */
export function firstValue(raw: readonly (Buffer | string)[], name: string): string | undefined {
  return allValues(raw, name)[0]
}

export function allValues(raw: readonly (Buffer | string)[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (text(raw[i]!).toLowerCase() === name) values.push(text(raw[i + 1]!))
  }
  return values
}

function text(part: Buffer | string): string {
  return typeof part === 'string' ? part : part.toString('latin1')
}
