import { firstParameter, type Target } from './path.ts'

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
}
const duration = /^\+?(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|ns))+$/
const durationPart = /(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|ns)/g

/**
 * How long the client gives the API server, from the `timeout` parameter (`kubectl --request-timeout`), in milliseconds;
 * `undefined` where it says nothing, or nothing that is a Go duration of more than zero.
 */
export function requestedTimeoutMs(target: Target): number | undefined {
  const text = firstParameter(target, 'timeout')
  if (text === undefined || text.length > 64 || !duration.test(text)) return undefined
  let ms = 0
  for (const [, amount, unit] of text.matchAll(durationPart)) ms += Number(amount) * unitMs[unit!]! // the pattern's units
  return ms > 0 ? ms : undefined
}
