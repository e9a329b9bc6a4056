import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure, isFileError } from './failure.ts'

const othersMayAnything = 0o077
const othersMayWrite = 0o022

/**
 * The text of a file that holds secrets; undefined where there is none.
 *
 * Refused when others may read it: whoever made it so may have shown it already, and should know.
 */
export async function readPrivate(file: string): Promise<string | undefined> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (cause) {
    if (isFileError(cause) && cause.code === 'ENOENT') return undefined
    throw unreadable(file, cause)
  }
  try {
    // Of the open file, not of its name: the name may lead elsewhere a moment later.
    const { mode, uid } = await handle.stat()
    const self = process.getuid?.()
    if (self !== undefined && uid !== self)
      throw new Failure(`${file} belongs to another user, and is not used`, { hints: ['Remove it and sign in again.'] })
    if ((mode & othersMayAnything) !== 0)
      throw new Failure(`${file} holds secrets and can be read by others, so it is not used`, {
        hints: [
          `chmod 600 ${file}`,
          'If somebody else may have read it, replace what is in it: palisade key delete, then key create.',
        ],
      })
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** The text of an ordinary file; undefined where there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (isFileError(cause) && cause.code === 'ENOENT') return undefined
    throw unreadable(file, cause)
  }
}

/** Makes a folder for secrets, mode 0700, and those above it; refuses one that others may write in. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await failing(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }))
  const { mode } = await failing(folder, () => stat(folder))
  if ((mode & othersMayWrite) !== 0)
    throw new Failure(`others may write in ${folder}, so nothing is kept there`, { hints: [`chmod 700 ${folder}`] })
}

/** What a new file is like: its mode, whatever the umask, and whose it is where that is said. */
export type Looks = number | { readonly mode: number; readonly uid: number; readonly gid: number }

/**
 * Replaces a file whole or not at all: a reader sees the old text or the new one, also after a crash.
 */
export async function writeWhole(file: string, text: string | AsyncIterable<Uint8Array>, looks: Looks): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`)
  await failing(file, async () => {
    try {
      const handle = await open(temporary, 'wx', 0o600)
      try {
        if (typeof text === 'string') await handle.writeFile(text)
        else for await (const part of text) await handle.write(part)
        // Root changes a person's file and leaves it theirs.
        if (typeof looks !== 'number') await handle.chown(looks.uid, looks.gid)
        await handle.chmod(typeof looks === 'number' ? looks : looks.mode & 0o777)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, file)
    } catch (cause) {
      await rm(temporary, { force: true })
      throw cause
    }
  })
}

const lockPatienceMs = 5_000

/**
 * Runs while this process alone holds `<file>.lock`. kubectl locks its configuration the same way (client-go's
 * `lockFile`: a file that must not exist before), so neither overwrites what the other is writing.
 */
export async function withLock<T>(file: string, run: () => Promise<T>, patienceMs = lockPatienceMs): Promise<T> {
  const lock = `${file}.lock`
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      await (await open(lock, 'wx', 0o600)).close()
      break
    } catch (cause) {
      if (!isFileError(cause) || cause.code !== 'EEXIST') throw unwritable(file, cause)
      if (performance.now() > deadline)
        throw new Failure(`${file} is being changed by another program: ${lock} is there`, {
          hints: [`Try again. If no palisade or kubectl is running, one of them was killed: rm ${lock}`],
        })
    }
    await delay(50)
  }
  try {
    return await run()
  } finally {
    await rm(lock, { force: true })
  }
}

const unreadable = (file: string, cause: unknown) =>
  isFileError(cause) ? new Failure(`cannot read ${file}: ${cause.code}`) : cause
const unwritable = (file: string, cause: unknown) =>
  isFileError(cause) ? new Failure(`cannot write ${file}: ${cause.code}`) : cause

async function failing<T>(file: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw unwritable(file, cause)
  }
}
