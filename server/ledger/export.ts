import { setTimeout as sleep } from 'node:timers/promises'
import type { EntryUid, TenantUid } from '../../contract/ids.ts'
import { destroyedLine, exportHeader } from '../../core/ledger/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { InTenant } from '../platform/postgres/index.ts'
import { entriesFrom, findEntry, type LogLine, readHead } from './log.ts'
import type { Sealer } from './pending.ts'

/** A signed checkpoint, and how many entries it covers. */
export type Pinned = { readonly note: string; readonly size: number }

/** How long an export waits for its checkpoint: logs are signed once a second. */
export const pinMs = 5_000
const pollMs = 25
const linesPerPage = 200

/**
 * The checkpoint that covers an entry, and so every entry that was committed before it.
 *
 * @returns undefined where none was signed in time
 */
export async function pinCheckpoint(
  deps: { readonly inTenant: InTenant; readonly clock: Clock },
  tenant: TenantUid,
  entry: EntryUid,
): Promise<Pinned | undefined> {
  const deadline = deps.clock.monotonicMs() + pinMs
  for (;;) {
    const pinned = await deps.inTenant(
      tenant,
      async (tx): Promise<Pinned | undefined> => {
        const head = await readHead(tx)
        if (head?.checkpoint === undefined) return undefined
        const found = await findEntry(tx, entry)
        return found && found.index < head.signedSize ? { note: head.checkpoint, size: head.signedSize } : undefined
      },
      { readOnly: true },
    )
    if (pinned || deps.clock.monotonicMs() >= deadline) return pinned
    await sleep(pollMs)
  }
}

/**
 * The text of an export, in pieces: its header, then every entry of the pinned tree in order, a line each. Pages are read
 * as they are asked for, each in a short transaction of its own: what is below a signed size does not change.
 */
export async function* exportText(
  inTenant: InTenant,
  tenant: TenantUid,
  sealer: Sealer,
  { note, size }: Pinned,
): AsyncGenerator<string, void, undefined> {
  yield `${exportHeader(note)}\n`
  for (let from = 0; from < size; ) {
    const page = await inTenant(tenant, (tx) => entriesFrom(tx, sealer, { from, below: size, limit: linesPerPage }), {
      readOnly: true,
    })
    const last = page.at(-1)
    // Entries are missing at the end: the reader's proof says so better than an error would.
    if (!last) return
    yield page.map((line) => `${exportLine(line)}\n`).join('')
    from = last.index + 1
  }
}

function exportLine({ index, leaf, line }: LogLine): string {
  if (line === 'destroyed') return destroyedLine(index, leaf)
  // No entry looks like this: a verifier names the index as the first bad one.
  if (line === 'unreadable') return JSON.stringify({ index, unreadable: true })
  return line.text
}
