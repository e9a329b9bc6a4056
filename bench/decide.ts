/**
 * `npm run bench:decide`: what a decision costs, beside the plain rule and @casl/ability on the same workload in the same
 * run. Speed is reported, not asserted; answers that differ end it with exit 1.
 *
 * `--json` prints one JSON object instead of the tables.
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { checkEqualAnswers, createCasl, createCompiled, createPlain } from './decide/engines.ts'
import { measureIncremental } from './decide/incremental.ts'
import { type Latency, measureBuild, measureLatency, measureRates } from './decide/measure.ts'
import { large, makeWorkload, usual } from './decide/workload.ts'

const seed = 20_300_101
const rounds = 5
const roundMs = 400
/** Of the large workload: the plain rule walks 100,000 assignments for each of them. */
const largeChecks = 200

const { json } = parseArgs({ options: { json: { type: 'boolean', default: false } } }).values
setFlagsFromString('--expose-gc')
const gc: () => void = runInNewContext('gc')

const result = {
  node: process.version,
  usual: compareEngines(),
  large: measureLarge(),
  incremental: measureIncremental(seed, gc),
}
if (json) console.log(JSON.stringify(result, undefined, 2))
else print(result)

function compareEngines() {
  const workload = makeWorkload(usual, seed)
  const requests = workload.requests.length
  const compiled = measureBuild(() => createCompiled(workload), requests, gc)
  const plain = measureBuild(() => createPlain(workload), requests, gc)
  const casl = measureBuild(() => createCasl(workload), requests, gc)
  const allowed = checkEqualAnswers(workload, compiled.built, plain.built, casl.built)

  const contenders = [
    { name: 'compiled, with reasons', ...compiled, allows: (n: number) => compiled.built(n).effect === 'allow' },
    { name: 'plain rule, with reasons', ...plain, allows: (n: number) => plain.built(n).effect === 'allow' },
    { name: '@casl/ability, yes or no', ...casl, allows: casl.built },
  ]
  const rates = measureRates(
    contenders.map(({ allows }) => allows),
    requests,
    { rounds, roundMs },
  )
  const engines = contenders.map(({ name, allows, buildMs, firstPassMs, heapMiB }, at) => ({
    ...{ name, ...rates[at]!, againstCompiled: rates[at]!.perCpuSecond / rates[0]!.perCpuSecond },
    ...{ latencyUs: measureLatency(allows, requests), buildMs, firstPassMs, heapMiB },
  }))
  return { requests, allowed, assignments: countAssignments(workload), engines }
}

function measureLarge() {
  const workload = makeWorkload(large, seed)
  const requests = workload.requests.length
  const { built, buildMs, heapMiB } = measureBuild(() => createCompiled(workload), requests, gc)
  const checked = { ...workload, requests: workload.requests.slice(0, largeChecks) }
  checkEqualAnswers(checked, built, createPlain(checked), undefined)

  const fresh = createCompiled(workload)
  const firstUs = measureLatency((n) => fresh(n).effect === 'allow', requests)
  const allows = (n: number) => built(n).effect === 'allow'
  const [rate] = measureRates([allows], requests, { rounds, roundMs })
  const latencyUs = measureLatency(allows, requests)
  const assignments = countAssignments(workload)
  return { requests, assignments, ...rate!, latencyUs, firstUs, buildMs, heapMiB }
}

function countAssignments({ tenants }: ReturnType<typeof makeWorkload>): number {
  return tenants.reduce((sum, { assignments }) => sum + assignments.length, 0)
}

function print({ node, usual, large, incremental }: typeof result): void {
  console.log(
    `Node ${node}; ${usual.requests} requests, ${usual.allowed} allowed, ${usual.assignments} assignments in 4 tenants.`,
  )
  console.log(
    'All three give equal answers; compiled and plain rule also equal reasons. Medians of interleaved rounds.\n',
  )
  console.table(
    Object.fromEntries(
      usual.engines.map((engine) => [
        engine.name,
        {
          'decisions/s': engine.perSecond.toLocaleString('en'),
          'a CPU second': engine.perCpuSecond.toLocaleString('en'),
          'against compiled': `${engine.againstCompiled.toFixed(3)} x`,
          ...microseconds('', engine.latencyUs),
          'build ms': engine.buildMs.toFixed(1),
          'first pass ms': engine.firstPassMs.toFixed(1),
          'heap MiB': engine.heapMiB.toFixed(1),
        },
      ]),
    ),
  )
  console.log(`\nCompiled, one tenant with ${large.assignments.toLocaleString('en')} assignments:\n`)
  console.table({
    compiled: {
      'decisions/s': large.perSecond.toLocaleString('en'),
      'a CPU second': large.perCpuSecond.toLocaleString('en'),
      ...microseconds('', large.latencyUs),
      ...microseconds('first ', large.firstUs),
      'build ms': large.buildMs.toFixed(1),
      'heap MiB': large.heapMiB.toFixed(1),
    },
  })
  const { assignments, bytesPerAssignment, bytesPerAssignmentWarm, compileMs } = incremental
  console.log(`\nOne tenant with ${assignments.toLocaleString('en')} assignments, of which some change:\n`)
  console.table({
    'one user’s change, and a decision': microseconds('', incremental.oneUserUs),
    'one role’s change, and a decision': microseconds('', incremental.oneRoleUs),
  })
  console.log(
    `Compiled from nothing in ${compileMs.toFixed(0)} ms. Memory for one assignment, people and roles included: ` +
      `${bytesPerAssignment.toFixed(0)} bytes, after ${large.requests} decisions ${bytesPerAssignmentWarm.toFixed(0)}.`,
  )
  console.log(
    '\n"against compiled" compares by CPU second. Latencies include reading the clock. "first": each request when nothing has been asked before it.',
  )
}

function microseconds(prefix: string, { p50, p99 }: Latency) {
  return { [`${prefix}p50 us`]: p50.toFixed(2), [`${prefix}p99 us`]: p99.toFixed(2) }
}
