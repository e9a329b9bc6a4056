import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { clusterSkipReason } from '../cluster/cluster.ts'
import { createProcessFamily, type Daemon, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'

// `npm run demo` prints commands to paste: each is pasted.

const skip = await clusterSkipReason()
const root = new URL('../../', import.meta.url).pathname
const run = promisify(execFile)

let family: ProcessFamily
let demo: Daemon
let folder: string
before(async () => {
  family = await createProcessFamily('demo')
  folder = await mkdtemp(join(tmpdir(), 'palisade-demo-test-'))
})
after(async () => {
  await family?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** As a person's shell would, in a folder of theirs. */
async function paste(command: string): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const here = command.replace(/^npx palisade /, `${join(root, 'cli/palisade')} `)
  try {
    const { stdout, stderr } = await run('sh', ['-c', here], { cwd: folder, timeout: 60_000 })
    return { code: 0, out: stdout, err: stderr }
  } catch (cause) {
    const failed = cause as { code: number; stdout: string; stderr: string }
    return { code: failed.code, out: failed.stdout, err: failed.stderr }
  }
}

test('every command that the demo prints does what it says', { skip: skip ?? false }, async () => {
  demo = await family.start('demo', join(root, 'scripts/node'), [join(root, 'tests/demo/demo.ts')], {
    // Its tools are in the home of whoever runs the tests.
    env: { HOME: process.env.HOME ?? '' },
    stopSignal: 'SIGINT',
  })
  const said = () => readFileSync(demo.logFile, 'utf8')
  await until(
    'the demo',
    async () => {
      await demo.assertRunning()
      return said().includes('Ctrl-C ends the demo') || undefined
    },
    { timeoutMs: 180_000 },
  )
  const commands = said()
    .split('\n')
    .flatMap((line) => /^ {2}(\S*kubectl\S* .*|curl .*|npx palisade .*)$/.exec(line)?.[1] ?? [])
    .map((command) => command.replace(/ +#.*$/, ''))
  const [watch = '', exec = '', editor = '', nobody = '', audits = '', exported = '', verify = '', ...more] = commands
  assert.deepEqual([commands.length, more], [7, []], commands.join('\n'))
  const kubeconfig = / --kubeconfig (\S+)/.exec(watch)?.[1] ?? ''
  // Nobody watches here: the list is enough, and there is no terminal.
  const list = watch.replace(/ -w$/, '')
  const shell = exec.replace(' -it ', ' -i ').replace(/ -- sh$/, ' -- sh -c true')
  const listed = await paste(list)
  assert.match(listed.out, /\bweb\b/, listed.err)
  const refused = await paste(shell)
  assert.notEqual(refused.code, 0)
  assert.match(refused.err, /cluster\.update/)
  assert.equal((await paste(editor)).code, 0)
  const allowed = await paste(shell)
  assert.equal(allowed.code, 0, allowed.err)
  assert.equal((await paste(nobody)).code, 0)
  assert.match((await paste(list)).err, /Forbidden|forbidden/)
  assert.equal(JSON.parse((await paste(audits)).out).items.length, 5)
  assert.equal((await paste(exported)).code, 0)
  const verified = await paste(verify)
  assert.match(verified.out, /^ok: \d+ entries/, verified.err)

  demo.kill('SIGINT')
  await until('its end', () => demo.ended())
  assert.equal(existsSync(dirname(kubeconfig)), false, 'the demo leaves nothing behind')
})
