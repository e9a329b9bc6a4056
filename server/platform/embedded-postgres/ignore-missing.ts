/** For `.catch`: a missing file is an answer (undefined), everything else stays an error. */
export function ignoreMissing(cause: unknown): undefined {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
}
