import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { claimDataFolder } from './index.ts'

const isRoot = process.getuid?.() === 0
const home = await mkdtemp(join(tmpdir(), 'palisade-data-folder-'))
const children: ChildProcess[] = []
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(home, { recursive: true, force: true })
})

test('a new folder is made with its parents, and is closed to other users', async () => {
  const path = join(home, 'made', 'with', 'parents')
  const folder = await claimed(path)
  assert.equal((await stat(path)).mode & 0o777, isRoot ? 0o711 : 0o700)
  await folder.release()
})

test('a second claim is refused with the holder, until the first is released', async () => {
  const path = join(home, 'second')
  const first = await claimed(path)
  const second = await claimDataFolder(path)
  assert.deepEqual(second, {
    ok: false,
    error: {
      message: `another Palisade (pid ${process.pid}) uses this data folder: ${path}; stop it or set PALISADE_DATA_DIR`,
    },
  })
  await first.release()
  await first.release()
  await (await claimed(path)).release()
})

test('a symbolic link to a claimed folder leads to the same lock', async () => {
  const folder = await claimed(join(home, 'linked'))
  await symlink(folder.path, join(home, 'link'))
  assert.match(await refusal(join(home, 'link')), /another Palisade/)
  await folder.release()
})

test('the lock of a killed server is taken over, and its socket removed', async () => {
  const path = join(home, 'killed')
  const { child, won } = await claimInProcess(path)
  assert.equal(won, true)
  assert.match(await refusal(path), new RegExp(`another Palisade \\(pid ${child.pid}\\)`))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal((await readdir(join(path, 'lock'))).length, 1, 'the kill left the socket behind')
  const folder = await claimed(path)
  assert.equal((await readdir(join(path, 'lock'))).length, 1, 'only our own is left')
  await folder.release()
  assert.deepEqual(await readdir(join(path, 'lock')), [])
})

test('a stopped holder still holds', async () => {
  const path = join(home, 'stopped')
  const { child } = await claimInProcess(path)
  child.kill('SIGSTOP')
  try {
    assert.match(await refusal(path), /another Palisade/)
  } finally {
    child.kill('SIGKILL')
  }
})

test('of several that claim at once exactly one wins, over dead locks too', async () => {
  const path = join(home, 'at-once')
  for (let round = 0; round < 40; round++) {
    await mkdir(join(path, 'lock'), { recursive: true, mode: 0o700 })
    await chmod(path, 0o700)
    for (const dead of ['0000000000000000-1', '8888888888888888-1', 'ffffffffffffffff-1'])
      await deadSocket(join(path, 'lock', `${dead}.sock`))
    const claims = await Promise.all(Array.from({ length: 8 }, () => claimDataFolder(path)))
    const winners = claims.filter((claim) => claim.ok)
    assert.equal(winners.length, 1, `round ${round}`)
    await winners[0]?.value.release()
  }
})

test('of several processes that claim at once exactly one wins', async () => {
  const path = join(home, 'processes')
  for (let round = 0; round < 3; round++) {
    const starters = await Promise.all(Array.from({ length: 4 }, () => claimInProcess(path)))
    assert.equal(starters.filter(({ won }) => won).length, 1, `round ${round}`)
    // Killed, so that the next round finds dead locks.
    for (const { child } of starters) child.kill('SIGKILL')
    await Promise.all(starters.map(({ child }) => child.exitCode ?? child.signalCode ?? once(child, 'exit')))
  }
})

test('a path far longer than a socket address may be works', async () => {
  const path = join(home, 'a'.repeat(120), 'b'.repeat(120))
  const folder = await claimed(path)
  assert.match(await refusal(path), /another Palisade/)
  await folder.release()
  await (await claimed(path)).release()
})

const untrusted = [
  { name: 'a file', make: (path: string) => writeFile(path, ''), message: /is not a folder/ },
  { name: 'a dangling link', make: (path: string) => symlink(`${path}-nowhere`, path), message: /link to nothing/ },
  { name: 'below a file', make: async () => {}, below: true, message: /is a file, not a folder/ },
  {
    name: 'writable by the group',
    make: async (path: string) => {
      await mkdir(path)
      await chmod(path, 0o770)
    },
    message: /other users may write in the data folder .* \(mode 0770\); run chmod go-w/,
  },
  {
    name: 'writable by all',
    make: async (path: string) => {
      await mkdir(path)
      await chmod(path, 0o777)
    },
    message: /other users may write/,
  },
  {
    name: 'an overlong name',
    make: async () => {},
    file: 'x'.repeat(300),
    message: /too long for the file system/,
  },
]
for (const [index, { name, make, below, file, message }] of untrusted.entries())
  test(`refused: ${name}`, async () => {
    const path = join(home, file ?? `untrusted-${index}`)
    if (below) await writeFile(path, '')
    await make(path)
    assert.match(await refusal(below ? join(path, 'data') : path), message)
  })

// What only root can prepare, or only another user can see.
if (isRoot)
  test("refused: another user's folder", async () => {
    const path = join(home, 'foreign')
    await mkdir(path)
    await chown(path, 1234, 1234)
    assert.match(await refusal(path), /belongs to the user with uid 1234, but this server runs as root; start it as/)
  })
else
  test('refused: a folder that may not be written', async () => {
    const path = join(home, 'read-only')
    await mkdir(path, { mode: 0o500 })
    assert.match(await refusal(path), /this user may not read or write/)
    assert.match(await refusal('/'), /belongs to root, but this server runs as the user/)
  })

async function claimed(path: string) {
  const claim = await claimDataFolder(path)
  assert.ok(claim.ok, claim.ok ? '' : claim.error.message)
  return claim.value
}

async function refusal(path: string): Promise<string> {
  const claim = await claimDataFolder(path)
  assert.ok(!claim.ok)
  return claim.error.message
}

/** A process that claims the folder, says whether it won, and stays. */
async function claimInProcess(path: string): Promise<{ child: ChildProcess; won: boolean }> {
  const script = `
    import { claimDataFolder } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const claim = await claimDataFolder(${JSON.stringify(path)})
    console.log(claim.ok ? 'won' : claim.error.message)
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await once(createInterface(child.stdout), 'line')
  if (line !== 'won') assert.match(String(line), /another Palisade/)
  return { child, won: line === 'won' }
}

/** What a killed process leaves: a name in the file system that nobody listens on. */
async function deadSocket(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`${path}.listening`, resolve))
  // Closing removes the name that was listened on; under another name it stays.
  await rename(`${path}.listening`, path)
  await new Promise((resolve) => server.close(resolve))
}
