import type { AuditEntry } from '../../contract/audit.ts'
import type { EntryUid, TenantUid } from '../../contract/ids.ts'
import type { EntryBody } from '../../core/ledger/index.ts'

/** An entry as this process wrote it, before it has a place in the log. */
export type OwnEntry = { readonly uid: EntryUid; readonly entry: AuditEntry; readonly text: EntryBody }

/**
 * What this process committed last. Whoever moves entries into the log takes them from here rather than back from the
 * database, which saves reading, opening and parsing what was just written. It is a cache alone: what is not here is in
 * audit_pending.
 */
export type OwnEntries = {
  /** Whether this process is the one that moves entries. Where it is not, nothing is kept: nobody would ask for it. */
  lead(leads: boolean): void
  committed(tenant: TenantUid, pack: { readonly uid: string; readonly entries: readonly OwnEntry[] }): void
  find(tenant: TenantUid, pack: string): readonly OwnEntry[] | undefined
  /** All that was committed before now has been moved, or is about to be: what came before the last call is forgotten. */
  moved(): void
}

/** Packs, some 20 KiB each with what was parsed of them. */
const most = 250

export function createOwnEntries(): OwnEntries {
  // Two generations that are forgotten as wholes: what is taken out of a Map is kept alive by the Map's outgrown tables, and
  // with it everything that came after it.
  let young = new Map<string, readonly OwnEntry[]>()
  let old = young
  let isKept = false
  const key = (tenant: TenantUid, pack: string) => `${tenant}/${pack}`
  const turn = () => {
    old = young
    young = new Map()
  }
  return {
    lead(leads) {
      isKept = leads
      turn()
      old = young
    },
    committed(tenant, pack) {
      if (!isKept) return
      if (young.size >= most) turn()
      young.set(key(tenant, pack.uid), pack.entries)
    },
    find(tenant, pack) {
      const name = key(tenant, pack)
      return young.get(name) ?? old.get(name)
    },
    moved: turn,
  }
}
