import { EntryUid } from '../../contract/ids.ts'
import { parseEntryBody } from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { parseBody } from './entry.ts'
import type { OwnEntry } from './own-entries.ts'
import { pendingBody, type Sealer } from './pending.ts'

/** Entries of one tenant that are committed together, sealed as one: a row of audit_pending. */
export type Pack = { readonly uid: string; readonly body: Buffer; readonly entries: readonly OwnEntry[] }

/** Of the texts of a pack, unless one entry alone is longer: its row then fits on a page of the database. */
const maxBytes = 7_800

/** Packs entries in their order. */
export function pack(sealer: Sealer, newUid: () => string, entries: readonly OwnEntry[]): Pack[] {
  const packs: Pack[] = []
  let first = 0
  let bytes = 0
  const close = (end: number) => {
    const uid = newUid()
    const own = entries.slice(first, end)
    const text = own.map((entry) => entry.text).join('\n')
    packs.push({ uid, body: sealer.seal(pendingBody(uid), text), entries: own })
    first = end
    bytes = 0
  }
  for (const [i, { text }] of entries.entries()) {
    const more = Buffer.byteLength(text, 'utf8') + 1
    if (i > first && bytes + more > maxBytes) close(i)
    bytes += more
  }
  if (entries.length > first) close(entries.length)
  return packs
}

/** Opens what `pack` sealed; says why it holds no entries. */
export function unpack(sealer: Sealer, uid: string, body: Uint8Array): Result<readonly OwnEntry[], string> {
  let texts: string[]
  try {
    texts = sealer.open(pendingBody(uid), body).split('\n')
  } catch (cause) {
    return err(cause instanceof Error ? cause.message : 'it does not open')
  }
  const entries: OwnEntry[] = []
  for (const text of texts) {
    const checked = parseEntryBody(text)
    if (!checked.ok) return err(`it is no entry: ${checked.error}`)
    const entry = parseBody(checked.value)
    const parsed = EntryUid.safeParse(entry.uid)
    if (!parsed.success) return err('it is no entry: its uid is none')
    entries.push({ uid: parsed.data, entry, text: checked.value })
  }
  return ok(entries)
}
