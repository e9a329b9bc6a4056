import { createHash } from 'node:crypto'
import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../log/index.ts'
import { EmbeddedPostgresError } from './failure.ts'
import { ignoreMissing } from './ignore-missing.ts'

/** One more than Linux ever gives out (`pid_max` is at most 2^22), so that no process can have it. */
const impossiblePid = 2 ** 22 + 1

/** A name for the database's processes that no other database on this machine has. */
export function clusterName(database: string): string {
  return `palisade-${createHash('sha256').update(database).digest('hex').slice(0, 12)}`
}

/**
 * Ends what a killed server left running on this database, so that a new one may start. Two servers on one database
 * folder would destroy it, and PostgreSQL's own guard is a PID in a file, which may be somebody else's by now.
 *
 * A process is ended only when it is verified: it runs as the database's user, its command line or title names this
 * database, and, where the system lets us look, its program is `postgres` and its working folder is the database.
 *
 * @param database absolute, as it was given to PostgreSQL
 */
export async function stopLeftovers(database: string, uid: number, logger: Logger): Promise<void> {
  const left = await findLeftovers(database, uid)
  if (left.length > 0) {
    logger.warn({ pids: left.map(({ pid }) => pid) }, 'stopping a PostgreSQL that an earlier server left behind')
    await end(database, uid)
  }
  const recorded = await recordedPid(database)
  if (recorded !== undefined && (await exists(`/proc/${recorded}`))) await disownPid(database, recorded, logger)
}

/** Ends the initdb processes that still write below `folder`, which holds nothing of value. */
export async function killUnfinished(folder: string, uid: number): Promise<void> {
  for (const { pid, words, owner } of await processes())
    if (owner === uid && basename(words[0] ?? '') === 'initdb' && words.some((word) => word.startsWith(`${folder}/`)))
      signal(pid, 'SIGKILL')
}

async function end(database: string, uid: number): Promise<void> {
  /** Signals whom `choose` picks, and says whether all are gone in time. */
  const ask = async (name: NodeJS.Signals, choose: (one: Leftover) => boolean, withinMs: number) => {
    for (const one of await findLeftovers(database, uid)) if (choose(one)) signal(one.pid, name)
    const until = performance.now() + withinMs
    while ((await findLeftovers(database, uid)).length > 0) {
      if (performance.now() > until) return false
      await sleep(20)
    }
    return true
  }
  const all = () => true
  if ((await findLeftovers(database, uid)).some(({ isServer }) => isServer)) {
    // The server passes both on to its processes: end their transactions, then go at once and recover at the next start.
    if (await ask('SIGINT', ({ isServer }) => isServer, 15_000)) return
    if (await ask('SIGQUIT', ({ isServer }) => isServer, 5_000)) return
  } else {
    // Without their server processes go by themselves as soon as they wait for anything.
    if (await ask('SIGQUIT', () => false, 2_000)) return
    if (await ask('SIGQUIT', all, 3_000)) return
  }
  if (await ask('SIGKILL', all, 5_000)) return
  const pids = (await findLeftovers(database, uid)).map(({ pid }) => pid)
  throw new EmbeddedPostgresError(
    `PostgreSQL processes of an earlier server do not end, even when killed (pids ${pids.join(', ')}); ` +
      'their disk may hang; end them or restart the machine',
  )
}

/**
 * PostgreSQL does not start while a process has the recorded number, whatever it is. The number alone is replaced, so
 * that PostgreSQL still checks the shared memory that the same file names.
 */
async function disownPid(database: string, pid: number, logger: Logger): Promise<void> {
  const file = join(database, 'postmaster.pid')
  const content = await readFile(file, 'utf8').catch(ignoreMissing)
  // After a clean end it is gone.
  if (content === undefined || Number.parseInt(content, 10) !== pid) return
  logger.info({ pid }, 'postmaster.pid names a process that is not PostgreSQL; it is left alone')
  await writeFile(file, content.replace(/^\s*\d+/, String(impossiblePid)))
}

async function recordedPid(database: string): Promise<number | undefined> {
  const content = await readFile(join(database, 'postmaster.pid'), 'utf8').catch(ignoreMissing)
  const pid = Number.parseInt(content ?? '', 10)
  return pid > 0 ? pid : undefined
}

type Leftover = {
  readonly pid: number
  /** The postmaster, or a process that it has just forked, to which the signals for a postmaster do no harm. */
  readonly isServer: boolean
}

async function findLeftovers(database: string, uid: number): Promise<Leftover[]> {
  const title = `postgres: ${clusterName(database)}: `
  const folder = await stat(database).catch(ignoreMissing)
  const found: Leftover[] = []
  for (const { pid, words, owner } of await processes()) {
    if (owner !== uid) continue
    const option = words.indexOf('-D')
    const isServer = basename(words[0] ?? '') === 'postgres' && option > 0 && words[option + 1] === database
    if (!isServer && !words[0]?.startsWith(title)) continue
    // Both links are closed to a root without CAP_SYS_PTRACE, as in most containers: then the words must do.
    const program = await readlink(`/proc/${pid}/exe`).catch(() => undefined)
    if (program !== undefined && !/\/postgres( \(deleted\))?$/.test(program)) continue
    const working = await stat(`/proc/${pid}/cwd`).catch(() => undefined)
    const isElsewhere = working !== undefined && (working.ino !== folder?.ino || working.dev !== folder?.dev)
    // At its very start the server is still in the root folder.
    if (isElsewhere && !(isServer && (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === '/')) continue
    found.push({ pid, isServer })
  }
  return found
}

type Process = { readonly pid: number; readonly owner: number; readonly words: readonly string[] }

/** Every process that has a command line, so neither kernel threads nor the dead that nobody has waited for. */
async function processes(): Promise<Process[]> {
  const found: Process[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const line = await readFile(`/proc/${entry}/cmdline`, 'utf8')
      if (line === '') continue
      const { uid } = await stat(`/proc/${entry}`)
      found.push({ pid: Number(entry), owner: uid, words: line.split('\0') })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing)) !== undefined
}
