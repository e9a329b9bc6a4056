import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure, isFileError } from './failure.ts'
import { makePrivateFolder } from './private-files.ts'

/** For what others do in an instant. */
const lockPatienceMs = 5_000
const lookEveryMs = 25
/** SQLITE_BUSY: somebody else has the lock. @see https://www.sqlite.org/rescode.html#busy */
const busy = 5

/**
 * Runs while no other process that asks for the same lock file does. The kernel gives the lock back when its holder ends,
 * however it ends: kubectl and what it started are interrupted often, and a file that merely lies there would bar everybody
 * after. Node has no call for such locks but SQLite's, so the file is an empty database that nothing is ever written to.
 *
 * @param file in a folder of locks, which is made; stays behind, empty
 */
export async function exclusively<T>(file: string, run: () => Promise<T>, patienceMs = lockPatienceMs): Promise<T> {
  await makePrivateFolder(dirname(file))
  await make(file)
  const lock = opened(file)
  try {
    const deadline = performance.now() + patienceMs
    while (!taken(lock, file)) {
      if (performance.now() > deadline)
        throw new Failure(`another palisade is still at work with ${file}`, { hints: ['Try again when it has ended.'] })
      await delay(lookEveryMs)
    }
    return await run()
  } finally {
    lock.close()
  }
}

function opened(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 })
  } catch (cause) {
    throw notALock(file, cause)
  }
}

function taken(lock: DatabaseSync, file: string): boolean {
  try {
    lock.exec('begin exclusive')
    return true
  } catch (cause) {
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === busy) return false
    throw notALock(file, cause)
  }
}

const notALock = (file: string, cause: unknown) =>
  new Failure(`cannot lock ${file}: ${cause instanceof Error ? cause.message : String(cause)}`)

/** Never opens one that is there: to close it would give back what this process holds of it (fcntl(2), record locks). */
async function make(file: string): Promise<void> {
  try {
    await (await open(file, 'wx', 0o600)).close()
  } catch (cause) {
    if (!isFileError(cause)) throw cause
    if (cause.code !== 'EEXIST') throw new Failure(`cannot write ${file}: ${cause.code}`)
  }
}
