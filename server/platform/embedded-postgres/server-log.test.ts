import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openServerLog } from './server-log.ts'

const home = await mkdtemp(join(tmpdir(), 'palisade-server-log-'))
after(() => rm(home, { recursive: true, force: true }))

test('the log never grows beyond its two files, and continues after a restart', async () => {
  const path = join(home, 'logs', 'bounded.log')
  for (let restart = 0; restart < 3; restart++) {
    const log = await openServerLog(path, 1_000, (cause) => assert.fail(String(cause)))
    for (let line = 0; line < 100; line++) {
      log.write(Buffer.from(`${restart} ${line} ${'x'.repeat(20)}\n`))
      if (line % 7 === 0) await log.flush()
    }
    await log.flush()
  }
  assert.deepEqual((await readdir(join(home, 'logs'))).sort(), ['bounded.log', 'bounded.log.1'])
  for (const file of [path, `${path}.1`]) {
    const { size, mode } = await stat(file)
    assert.ok(size > 0 && size <= 1_000, `${size}`)
    assert.equal(mode & 0o777, 0o600)
  }
  assert.match(await readFile(path, 'utf8'), /2 99 x+\n$/)
})

test('the newest lines are at hand, also one that is not finished and one that came in pieces', async () => {
  const log = await openServerLog(join(home, 'recent.log'), 100_000, (cause) => assert.fail(String(cause)))
  for (let line = 0; line < 100; line++) log.write(Buffer.from(`line ${line}\n`))
  const umlaut = Buffer.from('größer\nlast')
  log.write(umlaut.subarray(0, 3))
  log.write(umlaut.subarray(3))
  assert.deepEqual(log.recentLines().slice(-3), ['line 99', 'größer', 'last'])
  assert.ok(log.recentLines().length <= 41)
  await log.flush()
})

test('a log that cannot be written is told once and stops nobody', async () => {
  const path = join(home, 'a-folder')
  const problems: unknown[] = []
  const log = await openServerLog(path, 100_000, (cause) => problems.push(cause))
  await mkdir(path)
  for (let line = 0; line < 3; line++) {
    log.write(Buffer.from('said\n'))
    await log.flush()
  }
  assert.equal(problems.length, 1)
  assert.deepEqual(log.recentLines(), ['said', 'said', 'said'])
})
