import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdir, open, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Account, identity } from './account.ts'
import type { Binaries } from './binaries.ts'
import { describeFailure, describeSpawnFailure, EmbeddedPostgresError } from './failure.ts'
import { killUnfinished } from './leftovers.ts'
import { markerFile, markerFor, type Place } from './place.ts'

export const ownerRole = 'palisade_owner'

/** A new database takes 40 MB; the rest is for its first journal files. */
const neededBytes = 128 * 1024 * 1024

/** Everybody proves the password, through the socket; there is no other way in. */
const hostBasedAuthentication = 'local all all scram-sha-256\n'

/**
 * Makes the database: complete, checked into place by one rename, or not at all. What an earlier attempt left behind is
 * removed first; a complete database is never touched.
 */
export async function initialise(
  dataFolder: string,
  place: Place,
  binaries: Binaries,
  account: Account,
  signal?: AbortSignal,
): Promise<void> {
  await removeUnfinished(place.folder, account)
  const { bavail, bsize } = await statfs(place.folder)
  if (bavail * bsize < neededBytes)
    throw new EmbeddedPostgresError(
      `no database was made: it needs ${megabytes(neededBytes)} MB, and the disk that holds ${place.folder} has ` +
        `${megabytes(bavail * bsize)} MB left; make room`,
    )

  const unfinished = join(place.folder, `unfinished-${randomBytes(6).toString('hex')}`)
  const database = join(unfinished, 'database')
  const passwordFile = join(unfinished, 'owner-password')
  try {
    await mkdir(unfinished, { mode: 0o700 })
    await writeFile(passwordFile, `${place.ownerPassword.reveal()}\n`, { mode: 0o600 })
    if (account.isOther) for (const path of [passwordFile, unfinished]) await chown(path, account.uid, account.gid)
    await runInitdb(binaries, database, passwordFile, account, signal)
    await writeFile(join(database, 'pg_hba.conf'), hostBasedAuthentication)
    await writeFile(join(database, markerFile), markerFor(dataFolder, place.ownerPassword), { mode: 0o600 })
    if (account.isOther) await chown(join(database, markerFile), account.uid, account.gid)
    for (const path of [join(database, 'pg_hba.conf'), join(database, markerFile), database]) await sync(path)
    await rename(database, place.database)
    await sync(place.folder)
  } finally {
    await removeUnfinished(place.folder, account)
  }
}

async function removeUnfinished(folder: string, account: Account): Promise<void> {
  for (const name of await readdir(folder))
    if (/^unfinished-[0-9a-f]{12}$/.test(name)) {
      const path = join(folder, name)
      await killUnfinished(path, account.uid)
      // Its last process may still be writing: that is tried again.
      await chmod(path, 0o700)
      await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    }
}

/** @see https://www.postgresql.org/docs/18/app-initdb.html */
async function runInitdb(
  { initdb }: Binaries,
  database: string,
  passwordFile: string,
  account: Account,
  signal: AbortSignal | undefined,
): Promise<void> {
  const what = 'no database was made'
  const said: string[] = []
  const child = spawn(
    initdb,
    [
      ...['-D', database, '--username', ownerRole, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale', 'C', '--data-checksums', '--no-instructions'],
    ],
    // In a session of its own, so that Ctrl-C in the terminal leaves the end of it to us. Its environment is empty: ours
    // holds secrets.
    {
      ...identity(account),
      cwd: '/',
      env: { TZ: 'UTC', LC_ALL: 'C' },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  for (const stream of [child.stdout, child.stderr])
    stream
      .setEncoding('utf8')
      .on('data', (text: string) => said.push(...text.split('\n').filter((line) => line !== '')))
  // The whole group: initdb has started a server program that would go on for a while.
  const abort = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL')
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort)
  try {
    const [code] = await once(child, 'close')
    signal?.throwIfAborted()
    if (code !== 0) throw new EmbeddedPostgresError(describeFailure(what, said, account.uid))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (typeof code === 'string') throw new EmbeddedPostgresError(describeSpawnFailure(what, code, initdb), { cause })
    throw cause
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / 1024 / 1024)
}
