import { err, ok, type Result } from '../../core/result.ts'

/**
 * Parses a JSON body after its bytes were looked at: valid UTF-8, no deeper than `maxDepth`. The depth is counted before
 * parsing, since a parser that recurses has spent the stack by then.
 */
export function parseJson(bytes: Buffer, maxDepth: number): Result<unknown, string> {
  if (bytes.length === 0) return ok(undefined)
  const deep = depthOver(bytes, maxDepth)
  if (deep) return err(`is nested deeper than ${maxDepth} levels`)
  try {
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)))
  } catch {
    return err('is not JSON in UTF-8')
  }
}

function depthOver(bytes: Buffer, maxDepth: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxDepth) return true
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return false
}
