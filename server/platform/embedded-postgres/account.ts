import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ignoreMissing } from './ignore-missing.ts'

/** The user that PostgreSQL runs as. */
export type Account = {
  readonly uid: number
  readonly gid: number
  /** Set when that is not the user of this process: files must be handed over, and folders above must let it pass. */
  readonly isOther: boolean
}

/** PostgreSQL refuses to run as root; then it is `nobody`, who owns nothing else here. Otherwise it is ourselves. */
export async function databaseAccount(): Promise<Account> {
  // Both exist on every system that has binaries to run.
  const uid = process.getuid?.() ?? 0
  const gid = process.getgid?.() ?? 0
  if (uid !== 0) return { uid, gid, isOther: false }
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwd)
  return { uid: Number(nobody?.[1] ?? 65534), gid: Number(nobody?.[2] ?? 65534), isOther: true }
}

/** What to pass to `spawn`. libuv drops the supplementary groups with it. */
export function identity(account: Account): { uid?: number; gid?: number } {
  return account.isOther ? { uid: account.uid, gid: account.gid } : {}
}

/**
 * The folder above `path` that the account may not pass through, or nothing.
 *
 * Reads the permission bits; where access lists say more, the programs' own refusal is the answer.
 *
 * @param path absolute and without symbolic links; need not exist yet
 */
export async function barredBy(path: string, account: Account): Promise<string | undefined> {
  if (!account.isOther) return undefined
  const above: string[] = []
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    above.unshift(folder)
    if (folder === dirname(folder)) break
  }
  for (const folder of above) {
    const found = await stat(folder).catch(ignoreMissing)
    // What is missing will be made by us, with the mode it needs.
    if (found === undefined) return undefined
    const bit = found.uid === account.uid ? 0o100 : found.gid === account.gid ? 0o010 : 0o001
    if ((found.mode & bit) === 0) return folder
  }
  return undefined
}
