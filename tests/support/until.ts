import { setTimeout as delay } from 'node:timers/promises'

export interface UntilOptions {
  /** Gives up, with an error that names what was awaited, after this long. Default 30 s. */
  readonly timeoutMs?: number
  /** Pause between two probes. Default 50 ms. */
  readonly everyMs?: number
}

/**
 * Probes until there is something: for conditions that nobody announces, such as another program being ready.
 *
 * @param what completes the sentence "timed out waiting for …"
 * @param probe answers `undefined` for "not yet"; what it throws ends the wait at once
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 30_000, everyMs = 50 }: UntilOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`)
    await delay(everyMs)
  }
}
