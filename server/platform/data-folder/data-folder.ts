import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, mkdir, open, realpath, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { err, ok, type Result } from '../../../core/result.ts'
import { describeFileProblem } from './file-problem.ts'
import { takeLock } from './lock.ts'

/** The folder that holds what must outlive the process: database, keys, CA certificate, logs. Ours alone while claimed. */
export type DataFolder = {
  /** Absolute, without symbolic links. */
  readonly path: string
  /** Lets the next server in. Call it last, when nothing writes any more; calling it again does nothing. */
  release(): Promise<void>
}

/** `message` is one sentence for the person who starts the server: what is wrong and what to do. */
export type DataFolderRefused = { readonly message: string }

/**
 * Makes the data folder where it is missing, checks that it can be trusted, and locks it against a second server.
 *
 * A new folder is readable by its owner alone (0700). Made by root it may also be passed through (0711): the database
 * inside runs under another uid, and everything else in there is 0700 or 0600 anyway.
 *
 * @param path where the folder is or shall be; parents are made too
 * @returns the claim; refused when another server holds the folder, it belongs to another user, others may write in it,
 *   or the disk is read-only or full
 */
export async function claimDataFolder(path: string): Promise<Result<DataFolder, DataFolderRefused>> {
  try {
    const folder = await makeFolder(path)
    const problem = await trustProblem(folder)
    if (problem !== undefined) return err({ message: problem })
    await probeWriting(folder)
    const lock = await takeLock(join(folder, 'lock'))
    if (!lock.ok) {
      const { pid } = lock.error
      return err({
        message: `another Palisade (pid ${pid}) uses this data folder: ${folder}; stop it or set PALISADE_DATA_DIR`,
      })
    }
    return ok({ path: folder, release: lock.value.release })
  } catch (cause) {
    return err({ message: `the data folder cannot be used: ${describeFileProblem(cause, path)}` })
  }
}

async function makeFolder(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  try {
    await mkdir(path, { mode: 0o700 })
    // Set apart from mkdir, whose mode the umask narrows.
    if (process.getuid?.() === 0) await chmod(path, 0o711)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  }
  return realpath(path)
}

/** Why secrets and a database may not be kept in the folder, or nothing. */
async function trustProblem(folder: string): Promise<string | undefined> {
  const found = await stat(folder)
  if (!found.isDirectory()) return `the data folder is not a folder: ${folder}; set PALISADE_DATA_DIR to another path`
  const uid = process.getuid?.()
  if (uid !== undefined && found.uid !== uid) {
    const [owner, we] = [found.uid, uid].map((one) => (one === 0 ? 'root' : `the user with uid ${one}`))
    return (
      `the data folder ${folder} belongs to ${owner}, but this server runs as ${we}; start it as ${owner}, ` +
      `set PALISADE_DATA_DIR to a folder of its own (one below this is enough), or hand it over with chown -R`
    )
  }
  const { mode } = found
  // Being listed is harmless, since every secret inside is 0600; somebody else's write access is not.
  if ((mode & 0o022) !== 0)
    return (
      `other users may write in the data folder ${folder} (mode ${(mode & 0o7777).toString(8).padStart(4, '0')}); ` +
      `run chmod go-w on it, or set PALISADE_DATA_DIR to a folder of its own (one below this is enough)`
    )
  return undefined
}

/** Writes a block through to the disk, so that a full or read-only one is told at once and not by a half-made database. */
async function probeWriting(folder: string): Promise<void> {
  const path = join(folder, `probe-${randomBytes(8).toString('hex')}`)
  const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  try {
    await file.writeFile(Buffer.alloc(4096, 1))
    await file.sync()
  } finally {
    await file.close()
    await unlink(path)
  }
}
