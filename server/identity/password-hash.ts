import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { normalPassword } from '../../core/password.ts'
import { err, type Result } from '../../core/result.ts'

/**
 * argon2id with 19 MiB, two passes, one lane: the smallest setting that the OWASP password storage guide takes, since every
 * hash under way holds its memory. It costs 12 to 20 ms here, so that one core makes some 50 a second.
 */
const parameters = {
  algorithm: 2, // Algorithm.Argon2id; the package declares it as an ambient const enum, which has no value to import
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
  outputLen: 32,
} as const

/** At once: more gain nothing on two cores, and the thread pool of four also serves files and name look-ups. */
const atOnce = 2
/** Attempts that may wait beyond those: about a second of work. More would wait longer than people do. */
const maxWaiting = 64

/** Password hashing for those who were let in. */
export type Hashing = {
  /** @returns the PHC string, salt included */
  hash(password: string): Promise<string>
  /**
   * Computes exactly one hash, whatever `stored` is: without one (nobody of that name, no password yet) it compares with
   * a hash that no password fits, so that the time tells nothing (threat B29).
   */
  verify(stored: string | undefined, password: string): Promise<boolean>
}

export type PasswordHasher = {
  /**
   * Lets `work` in, or refuses `busy` where too many are in already. Let in before anything is counted or looked up:
   * a refused attempt leaves no trace.
   */
  admit<T>(work: (hashing: Hashing) => Promise<Result<T, Refusal>>): Promise<Result<T, Refusal>>
  /** `computed`: hashes since the start, right or wrong; for metrics, and for the test that every attempt costs one. */
  stats(): { readonly inside: number; readonly computed: number }
}

export function createPasswordHasher(): PasswordHasher {
  const nobodys = hash(randomBytes(32), parameters)
  // Whoever needs it waits for it and sees the failure.
  nobodys.catch(() => undefined)
  const waiting: (() => void)[] = []
  let running = 0
  let inside = 0
  let computed = 0

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      computed++
      return await work()
    } finally {
      // The place goes to the next in line without becoming free in between.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }

  const hashing: Hashing = {
    hash: (password) => inTurn(() => hash(normalPassword(password), parameters)),
    async verify(stored, password) {
      const against = stored ?? (await nobodys)
      // Argon2 would read every lone surrogate as the same character.
      const fits = await inTurn(() => verify(against, normalPassword(password)))
      return fits && stored !== undefined && password.isWellFormed()
    },
  }

  return {
    async admit(work) {
      if (inside >= atOnce + maxWaiting)
        return err({ ...refuse('busy', 'Too many people sign in at this moment; try again'), retryAfterSeconds: 2 })
      inside++
      try {
        return await work(hashing)
      } finally {
        inside--
      }
    },
    stats: () => ({ inside, computed }),
  }
}
