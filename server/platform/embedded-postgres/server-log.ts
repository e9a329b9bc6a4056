import { appendFile, mkdir, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { ignoreMissing } from './ignore-missing.ts'

/** What PostgreSQL says, kept in a file of bounded size. */
export type ServerLog = {
  readonly path: string
  write(chunk: Buffer): void
  /** The newest lines, oldest first, to explain a failure. */
  recentLines(): readonly string[]
  /** Resolves when everything written is in the file. */
  flush(): Promise<void>
}

const linesKept = 40
/** More than this waiting for a slow disk is dropped: a log must not fill the memory. */
const maxWaitingBytes = 1024 * 1024

/**
 * @param path the log; when it is full it becomes `<path>.1`, whose predecessor is deleted
 * @param maxBytes of each of the two files
 * @param onProblem called once when the log cannot be written, e.g. because the disk is full; PostgreSQL goes on
 */
export async function openServerLog(
  path: string,
  maxBytes: number,
  onProblem: (cause: unknown) => void,
): Promise<ServerLog> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  let size = (await stat(path).catch(ignoreMissing))?.size ?? 0
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let writing: Promise<void> | undefined
  let told = false
  const recent: string[] = []
  const decoder = new StringDecoder('utf8')
  let lastLine = ''

  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const chunk = Buffer.concat(waiting)
      waiting = []
      waitingBytes = 0
      try {
        if (size > 0 && size + chunk.length > maxBytes) {
          await rename(path, `${path}.1`)
          size = 0
        }
        await appendFile(path, chunk, { mode: 0o600 })
        size += chunk.length
      } catch (cause) {
        if (!told) onProblem(cause)
        told = true
      }
    }
    writing = undefined
  }

  return {
    path,
    write(chunk) {
      const lines = (lastLine + decoder.write(chunk)).split('\n')
      lastLine = lines.pop() ?? ''
      recent.push(...lines.filter((line) => line.trim() !== ''))
      recent.splice(0, recent.length - linesKept)
      if (waitingBytes + chunk.length > maxWaitingBytes) return
      waiting.push(chunk)
      waitingBytes += chunk.length
      writing ??= writeWaiting()
    },
    recentLines: () => (lastLine.trim() === '' ? [...recent] : [...recent, lastLine]),
    flush: async () => writing,
  }
}
