import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs'

/** A log beside the data, for a server that runs in somebody's terminal. Kept under twice `maxBytes`. */
const maxBytes = 32 * 1024 * 1024

/**
 * Appends lines to a file and turns it over when it is full (one older file is kept).
 *
 * Writes synchronously: a log that is written later is not there after a crash. A full disk loses lines, not the server.
 */
export function openLogFile(path: string): { readonly write: (line: string) => void; readonly close: () => void } {
  let file = openSync(path, 'a', 0o600)
  let size = statSync(path).size
  return {
    write(line) {
      try {
        if (size > maxBytes) {
          closeSync(file)
          renameSync(path, `${path}.1`)
          file = openSync(path, 'a', 0o600)
          size = 0
        }
        size += writeSync(file, line)
      } catch {
        // Nothing can be said about a log that cannot be written, except in the log.
      }
    },
    close: () => closeSync(file),
  }
}
