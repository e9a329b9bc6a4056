import { chown, mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, barredBy } from './account.ts'
import { EmbeddedPostgresError } from './failure.ts'
import { type Place, rememberedSocketFolder, rememberSocketFolder } from './place.ts'
import { portNumber } from './settings.ts'

/**
 * An empty folder for the socket, for the account alone.
 *
 * A socket's path has at most 107 bytes (unix(7)): where the database's folder is too deep, it is a short one elsewhere.
 */
export async function prepareSocketFolder(dataFolder: string, { folder }: Place, account: Account): Promise<string> {
  const last = await rememberedSocketFolder(dataFolder)
  if (last !== undefined) await removeSocketFolder(last)
  const near = join(folder, 'socket')
  if (fitsSocket(near)) {
    await rm(near, { recursive: true, force: true })
    await mkdir(near, { mode: 0o700 })
    if (account.isOther) await chown(near, account.uid, account.gid)
    return near
  }
  const short = await makeShortFolder(near, account)
  await rememberSocketFolder(dataFolder, short)
  return short
}

/**
 * Removes what a server that died left in the folder. PostgreSQL would do so too, but not while the PID in its lock file
 * belongs to somebody else by now.
 */
export async function clearSocketFolder(folder: string): Promise<void> {
  for (const name of [`.s.PGSQL.${portNumber}`, `.s.PGSQL.${portNumber}.lock`])
    await rm(join(folder, name), { force: true })
}

/** Removes a short folder that is not needed any more; what we did not make stays. */
export async function removeSocketFolder(folder: string): Promise<void> {
  if (!shortFolderName.test(folder)) return
  await clearSocketFolder(folder).catch(() => {})
  await rmdir(folder).catch(() => {})
}

const shortFolderName = /\/palisade-[A-Za-z0-9]{6}$/

async function makeShortFolder(near: string, account: Account): Promise<string> {
  for (const base of ['/run', tmpdir(), '/tmp', '/var/tmp']) {
    if (!fitsSocket(join(base, 'palisade-XXXXXX'))) continue
    if ((await barredBy(join(base, 'x'), account)) !== undefined) continue
    try {
      const folder = await mkdtemp(join(base, 'palisade-'))
      if (account.isOther) await chown(folder, account.uid, account.gid)
      return folder
    } catch (cause) {
      if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause
    }
  }
  throw new EmbeddedPostgresError(
    `${near} is too long for a socket, and neither /run, ${tmpdir()}, /tmp nor /var/tmp can hold one; ` +
      `set PALISADE_DATA_DIR to a shorter path`,
  )
}

function fitsSocket(folder: string): boolean {
  return Buffer.byteLength(join(folder, `.s.PGSQL.${portNumber}`)) <= 107
}
