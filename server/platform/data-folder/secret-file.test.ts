import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readOrCreateSecretFile, writeFileAtomically } from './index.ts'

const home = await mkdtemp(join(tmpdir(), 'palisade-secret-file-'))
after(() => rm(home, { recursive: true, force: true }))

test('a secret is made once, for its owner alone, and read ever after', async () => {
  const path = join(home, 'once')
  const made = await readOrCreateSecretFile(path, () => 'first')
  assert.deepEqual(made, { ok: true, value: Buffer.from('first') })
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual(await readOrCreateSecretFile(path, () => assert.fail('made again')), made)
})

test('many that make it at once all get the same', async () => {
  const path = join(home, 'at-once')
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, index) => readOrCreateSecretFile(path, () => `secret ${index}`)),
  )
  const values = new Set(made.map((one) => (one.ok ? one.value.toString() : assert.fail(one.error.message))))
  assert.equal(values.size, 1)
  assert.deepEqual(new Set([await readFile(path, 'utf8')]), values)
})

const bad = [
  { name: 'empty', make: (path: string) => writeFile(path, '', { mode: 0o600 }), message: /is empty/ },
  {
    name: 'readable by others',
    make: async (path: string) => {
      await writeFile(path, 'secret')
      await chmod(path, 0o640)
    },
    message: /open to other users; if nobody has read it, run chmod 600/,
  },
  { name: 'a link', make: (path: string) => symlink('/etc/hostname', path), message: /is a symbolic link/ },
]
for (const { name, make, message } of bad)
  test(`a secret file that is ${name} is refused and left alone`, async () => {
    const path = join(home, name)
    await make(path)
    const read = await readOrCreateSecretFile(path, () => 'new')
    assert.match(read.ok ? 'accepted' : read.error.message, message)
    assert.notEqual(await readFile(path, 'utf8'), 'new')
  })

test('a missing folder is told', async () => {
  const read = await readOrCreateSecretFile(join(home, 'none', 'secret'), () => 'new')
  assert.match(read.ok ? 'accepted' : read.error.message, /a secret cannot be kept: .* does not exist/)
})

test('a file is replaced whole, with the mode asked for, and nothing is left beside it', async () => {
  const folder = await mkdtemp(join(home, 'replace-'))
  const path = join(folder, 'ca.crt')
  await writeFileAtomically(path, 'old', 0o600)
  await writeFileAtomically(path, 'new', 0o644)
  assert.equal(await readFile(path, 'utf8'), 'new')
  assert.equal((await stat(path)).mode & 0o777, 0o644)
  assert.deepEqual(await readdir(folder), ['ca.crt'])
})
