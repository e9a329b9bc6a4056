import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createProcessFamily } from './processes.ts'
import { until } from './until.ts'

/** Whether a process runs; one that has ended and only waits to be collected does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('stop ends the family and what it started itself, and removes the folder', async () => {
  const family = await createProcessFamily('stop')
  const parent = await family.start('parent', '/bin/sh', ['-c', 'sleep 300 & echo $!; wait'])
  const grandchild = await until('the grandchild', () => Number(readFileSync(parent.logFile, 'utf8')) || undefined)
  assert.deepEqual(family.pids(), [parent.pid])
  await family.stop()
  await family.stop()
  assert.deepEqual([isRunning(parent.pid), existsSync(family.folder)], [false, false])
  // Killed with the family; whose child it was not, we cannot wait for.
  await until('its end', () => !isRunning(grandchild) || undefined)
})

test('stop gives a program its own signal first', async (t) => {
  const family = await createProcessFamily('signal')
  const tidy = join(family.folder, '..', `palisade-tidied-${process.pid}`)
  t.after(() => rm(tidy, { force: true }))
  const script = `trap 'echo tidied > "$0"; exit 0' TERM; echo ready; while :; do sleep 0.05; done`
  const daemon = await family.start('tidy', '/bin/sh', ['-c', script, tidy], { stopSignal: 'SIGTERM' })
  await until('the trap', () => readFileSync(daemon.logFile, 'utf8').includes('ready') || undefined)
  await family.stop()
  assert.equal(readFileSync(tidy, 'utf8'), 'tidied\n')
})

test('a program that has ended is reported with the end of its log', async (t) => {
  const family = await createProcessFamily('ended')
  t.after(family.stop)
  const daemon = await family.start('failing', '/bin/sh', ['-c', 'echo cannot bind; exit 3'])
  await until('its end', daemon.ended)
  await assert.rejects(daemon.assertRunning(), /failing ended with exit code 3.*cannot bind/s)
  assert.deepEqual(family.pids(), [])
})

const deaths = [
  { how: 'is killed', last: 'process.kill(process.pid, "SIGKILL")' },
  { how: 'forgets to stop them', last: '' },
  { how: 'throws', last: 'throw new Error("broken test")' },
]
for (const { how, last } of deaths) {
  test(`a process that ${how} leaves neither programs nor folder behind`, async () => {
    const script = `
      import { createProcessFamily } from ${JSON.stringify(join(import.meta.dirname, 'processes.ts'))}
      const family = await createProcessFamily('orphans')
      const daemon = await family.start('sleeper', '/bin/sh', ['-c', 'sleep 300 & wait'])
      console.log(JSON.stringify({ pid: daemon.pid, folder: family.folder }))
      ${last}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let output = ''
    child.stdout.on('data', (text) => {
      output += text
    })
    await once(child, 'close')
    const { pid, folder } = JSON.parse(output) as { pid: number; folder: string } // as printed above
    await until('the reaper', () => (!isRunning(pid) && !existsSync(folder)) || undefined)
  })
}
