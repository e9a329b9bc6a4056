import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './support/until.ts'

const cases = [
  { rule: 'passing tests pass', body: `test('a', () => {})`, ci: 'true', code: 0, summary: { tests: 1, pass: 1 } },
  {
    rule: 'a skipped test is named, and no failure at home',
    body: `test('lonely', { skip: 'no cluster' }, () => {}); test('a', () => {})`,
    ci: '',
    code: 0,
    summary: { tests: 2, pass: 1, skipped: 1 },
    says: /NOT RUN:\n.*one\.test\.mjs: lonely \(no cluster\)/,
  },
  {
    rule: 'a skipped test fails with CI=true',
    body: `test('a', (t) => t.skip('no cluster'))`,
    ci: 'true',
    code: 1,
    summary: { tests: 1, skipped: 1 },
    says: /FAILED: CI=true: a test that is not run fails the run/,
  },
  {
    rule: 'a suite that is skipped as a whole counts',
    body: `describe('all', { skip: 'no cluster' }, () => { test('a', () => {}) })`,
    ci: 'true',
    code: 1,
    summary: { tests: 1, suites: 1, skipped: 1 },
  },
  {
    rule: 'a test that is still to be written fails with CI=true',
    body: `test('a', { todo: true }, () => {})`,
    ci: 'true',
    code: 1,
    summary: { tests: 1, todo: 1 },
  },
  {
    rule: 'a failing test fails, and the summary still comes last',
    body: `test('a', () => { throw new Error('broken') }); test('b', () => {})`,
    ci: '',
    code: 1,
    summary: { tests: 2, pass: 1, fail: 1 },
    says: /failing tests:[\s\S]*broken[\s\S]*FAILED: tests failed/,
  },
  {
    rule: 'a file that cannot be loaded fails',
    body: `import './none.mjs'`,
    ci: '',
    code: 1,
    summary: { tests: 1, fail: 1 },
  },
  {
    rule: 'a file that fails after its last test fails',
    body: `test('a', () => {}); process.on('exit', () => { process.exitCode = 3 })`,
    ci: '',
    code: 1,
    summary: { tests: 2, pass: 1, fail: 1 },
  },
]

for (const { rule, body, ci, code, summary, says } of cases) {
  test(rule, async (t) => {
    const file = await testFile(t, body)
    const result = await runner([file], { CI: ci })
    assert.equal(result.code, code, result.output)
    if (says !== undefined) assert.match(result.output, says)
    const zero = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 }
    assert.deepEqual(lastSummary(result.output), { ...zero, ...summary })
  })
}

const wrong = [
  { rule: 'an unknown option is refused', args: ['--fast'], says: /unknown option --fast/ },
  { rule: 'a file that is not there is refused', args: ['no/such.test.ts'], says: /no\/such\.test\.ts does not exist/ },
  { rule: 'a folder without tests is refused', args: ['docs'], says: /docs holds no \*\.test\.ts/ },
  { rule: 'a quick run takes no names', args: ['--quick', 'core'], says: /--quick takes no names/ },
]
for (const { rule, args, says } of wrong) {
  test(rule, async () => {
    const { code, output } = await runner(args, {})
    assert.equal(code, 2)
    assert.match(output, says)
  })
}

test('interrupted, it ends the files it runs', async (t) => {
  const file = await testFile(
    t,
    `import { writeFileSync } from 'node:fs'
    test('a', () => new Promise(() => setInterval(() => {}, 1000)))
    writeFileSync(import.meta.filename + '.pid', String(process.pid))`,
  )
  const { child, ended } = start([file], {})
  const pid = await until(
    'the test to run',
    async () => Number(await readFile(`${file}.pid`, 'utf8').catch(() => '')) || undefined,
  )
  child.kill('SIGTERM')
  const { code, output } = await ended
  assert.equal(code, 1, output)
  assert.match(output, /FAILED: .*interrupted/)
  await until('the end of the file', () => !existsSync(`/proc/${pid}`) || undefined)
})

async function testFile(t: { after(work: () => Promise<void>): void }, body: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'palisade-run-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'one.test.mjs')
  await writeFile(file, `import { describe, test } from 'node:test'\n${body}\n`)
  return file
}

interface Run {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; output: string }>
}

function start(args: readonly string[], env: Record<string, string>): Run {
  const { NODE_TEST_CONTEXT: _, CI: __, ...rest } = process.env // a runner that thinks itself inside a test runs nothing
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, output }))
  })
  return { child, ended }
}

function runner(args: readonly string[], env: Record<string, string>): Run['ended'] {
  return start(args, env).ended
}

/** The numbers of the last eight lines, which must be the summary, without the duration. */
function lastSummary(output: string): Record<string, number> {
  const lines = output.trimEnd().split('\n').slice(-8)
  const entries = lines.map((line) => /^ℹ (\w+) ([\d.]+)$/.exec(line)).map((match) => [match?.[1], Number(match?.[2])])
  const { duration_ms, ...counts } = Object.fromEntries(entries)
  assert.ok(duration_ms >= 0, output)
  return counts
}
