import { RE2JS, RE2JSException } from 're2js'
import { maxPatternLength } from '../../contract/wire/password-policy.ts'
import { err, ok, type Result } from '../../core/result.ts'

/** Instructions of the program that a pattern becomes: with the length of a password, what one match may cost. */
const maxInstructions = 1_000

/**
 * A pattern for passwords in RE2's syntax, which has no lookahead and no back reference: matching is linear in the password,
 * whatever the pattern (threat G04).
 *
 * @returns whether a password matches, in any place unless the pattern says `^` and `$`; the error goes on from "regex"
 */
export function compilePattern(pattern: string): Result<(password: string) => boolean, string> {
  if (pattern.length > maxPatternLength) return err(`has more than ${maxPatternLength} characters`)
  try {
    const compiled = RE2JS.compile(pattern)
    if (compiled.programSize() > maxInstructions) return err('repeats too much; count less, or nest fewer repetitions')
    return ok((password) => compiled.matcher(password).find())
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause
    return err(`is no pattern of RE2 (which has no lookahead and no back references): ${cause.message}`)
  }
}
