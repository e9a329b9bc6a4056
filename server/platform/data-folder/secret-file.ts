import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, link, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { err, ok, type Result } from '../../../core/result.ts'
import { describeFileProblem } from './file-problem.ts'

/**
 * Reads a secret that is made once and kept for ever, such as a root key or a password.
 *
 * A new one is on the disk, under its name and whole, before this returns: whoever uses it never finds later that it was
 * lost. Two callers at once get the same bytes.
 *
 * @param path its folder exists already
 * @param make called only when there is no file yet
 * @returns the bytes; refused when the file is empty, a link, another user's, or others may read it
 */
export async function readOrCreateSecretFile(
  path: string,
  make: () => string | Uint8Array,
): Promise<Result<Buffer, { readonly message: string }>> {
  try {
    const existing = await readSecretFile(path)
    if (existing !== undefined) return existing
    await createFile(path, make(), 0o600)
    return (await readSecretFile(path)) ?? err({ message: `${path} was removed while it was being made` })
  } catch (cause) {
    return err({ message: `a secret cannot be kept: ${describeFileProblem(cause, path)}` })
  }
}

/**
 * Replaces a file in one step: whoever reads sees the old content or the new, also after a power cut.
 *
 * @param mode exactly this, whatever the umask says
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = await writeTemporary(path, content, mode)
  try {
    await rename(temporary, path)
  } catch (cause) {
    await unlink(temporary)
    throw cause
  }
  await syncFolder(dirname(path))
}

async function readSecretFile(path: string): Promise<Result<Buffer, { readonly message: string }> | undefined> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    // Not through a link: it could lead to a file that somebody else chose. Not blocking: a pipe would hang the start.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP') return err({ message: `${path} is a symbolic link; a secret must be a plain file` })
    throw cause
  }
  try {
    const found = await file.stat()
    if (!found.isFile()) return err({ message: `${path} is not a plain file` })
    const uid = process.getuid?.()
    if (uid !== undefined && found.uid !== uid)
      return err({ message: `${path} belongs to uid ${found.uid}, not to the user that runs this server (${uid})` })
    if ((found.mode & 0o077) !== 0)
      return err({ message: `${path} is open to other users; if nobody has read it, run chmod 600 on it` })
    const content = await file.readFile()
    if (content.length === 0) return err({ message: `${path} is empty; restore it from a backup` })
    return ok(content)
  } finally {
    await file.close()
  }
}

/** Like {@link writeFileAtomically}, but whoever came first stays: `link` does not replace, `rename` would. */
async function createFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = await writeTemporary(path, content, mode)
  try {
    await link(temporary, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    await unlink(temporary)
  }
  await syncFolder(dirname(path))
}

async function writeTemporary(path: string, content: string | Uint8Array, mode: number): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`)
  const file = await open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  try {
    await file.writeFile(content)
    if (mode !== 0o600) await chmod(temporary, mode)
    await file.sync()
  } catch (cause) {
    await unlink(temporary)
    throw cause
  } finally {
    await file.close()
  }
  return temporary
}

/** A new name is durable only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
