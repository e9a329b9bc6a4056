/** Microseconds. */
export type Latency = { readonly p50: number; readonly p99: number; readonly max: number }

/** Whether the n-th request is allowed. The answers are counted, so that no engine can be optimised away. */
type Allows = (n: number) => boolean

/** `perCpuSecond` counts only the time this process had a processor: what to compare when the machine is shared. */
export type Rate = { readonly perSecond: number; readonly perCpuSecond: number }

/**
 * Decisions per second: rounds in which each engine answers all requests over and over for a while, one engine after the
 * other, so that whatever else the machine does hits all of them.
 *
 * @returns the medians of each engine's rounds, in the order given
 */
export function measureRates(
  engines: readonly Allows[],
  requests: number,
  { rounds, roundMs }: { readonly rounds: number; readonly roundMs: number },
): Rate[] {
  const perRound = Array.from({ length: rounds }, () => engines.map((allows) => rateOf(allows, requests, roundMs)))
  return engines.map((_, at) => ({
    perSecond: median(perRound.map((rates) => rates[at]?.perSecond ?? 0)),
    perCpuSecond: median(perRound.map((rates) => rates[at]?.perCpuSecond ?? 0)),
  }))
}

/** Single decisions, the cost of reading the clock (tens of nanoseconds) included. */
export function measureLatency(allows: Allows, requests: number): Latency {
  const took = new Float64Array(requests)
  for (let n = 0; n < requests; n++) {
    const start = performance.now()
    allows(n)
    took[n] = performance.now() - start
  }
  return latencyOf(took)
}

/** @param took milliseconds; sorted by it */
export function latencyOf(took: Float64Array): Latency {
  took.sort()
  const at = (share: number) => (took[Math.min(took.length - 1, Math.floor(share * took.length))] ?? 0) * 1000
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Builds an engine and asks it every request once; `heapMiB` is what it holds on to after that. */
export function measureBuild<T>(build: () => (n: number) => T, requests: number, gc: () => void) {
  gc()
  const before = process.memoryUsage().heapUsed
  const start = performance.now()
  const built = build()
  const builtAt = performance.now()
  for (let n = 0; n < requests; n++) built(n)
  const passedAt = performance.now()
  gc()
  const heapMiB = (process.memoryUsage().heapUsed - before) / 2 ** 20
  return { built, buildMs: builtAt - start, firstPassMs: passedAt - builtAt, heapMiB }
}

function rateOf(allows: Allows, requests: number, roundMs: number): Rate {
  const start = performance.now()
  const cpuBefore = process.cpuUsage()
  let decided = 0
  let allowed = 0
  while (performance.now() - start < roundMs) {
    for (let n = 0; n < requests; n++) if (allows(n)) allowed++
    decided += requests
  }
  const seconds = (performance.now() - start) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  if (allowed === 0) throw new Error('a workload in which nothing is allowed measures nothing')
  return {
    perSecond: Math.round(decided / seconds),
    perCpuSecond: Math.round(decided / ((cpu.user + cpu.system) / 1_000_000)),
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}
