import type { KeyObject } from 'node:crypto'
import type { TenantUid } from '../../contract/ids.ts'
import { blindIndex, type InstallationSalt, open, seal } from '../../core/seal/index.ts'

/** Where a sealed value stands inside its tenant; `row` is the row's UID (see core/seal's Binding). */
export type Field = { readonly table: string; readonly column: string; readonly row: string }

/** Seals and opens one tenant's fields. */
export type TenantSealer = {
  readonly tenant: TenantUid
  seal(field: Field, plaintext: string | Uint8Array): Buffer
  /** Throws when it does not open: a moved, changed or foreign ciphertext is a broken invariant, never an answer. */
  open(field: Field, sealed: Uint8Array): string
  openBytes(field: Field, sealed: Uint8Array): Buffer
  /** For equality in one tenant, table and column; `canonical` in the one spelling that equality is meant of. */
  blindIndex(table: string, column: string, canonical: string): Buffer
}

export function createTenantSealer(
  tenant: TenantUid,
  versions: ReadonlyMap<number, KeyObject>,
  salt: InstallationSalt,
  nonce: () => Buffer,
): TenantSealer {
  const version = Math.max(...versions.keys())
  const key = versions.get(version)
  if (!key) throw new Error(`tenant ${tenant} has no key`)
  const current = { tenant, version, key }
  const openBytes = (field: Field, sealed: Uint8Array) => {
    const opened = open({ tenant, versions }, sealed, { tenant, ...field })
    if (!opened.ok) throw new Error(`${field.table}.${field.column} of ${field.row} does not open: ${opened.error}`)
    return opened.value
  }
  return {
    tenant,
    seal(field, plaintext) {
      const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext, 'utf8') : plaintext
      return seal(current, bytes, { tenant, ...field }, nonce())
    },
    open: (field, sealed) => openBytes(field, sealed).toString('utf8'),
    openBytes,
    blindIndex: (table, column, canonical) => blindIndex(salt, { tenant, table, column }, canonical),
  }
}
