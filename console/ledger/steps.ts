/** What a verification did, step by step, as a page shows it. Hashes are base64. */
export type Step = {
  readonly what: string
  readonly ok: boolean
  /** What was computed, and what it was compared with. */
  readonly facts: readonly (readonly [name: string, value: string])[]
}

export type EntryProof = {
  readonly index: number
  readonly size: number
  readonly checkpoint: string
  readonly leaf: string
  readonly path: readonly string[]
  readonly line?: string | undefined
}

/** `page`: what the page shows of the entry, which must be what the line says. */
export type Asked =
  | { readonly kind: 'entry'; readonly key: string; readonly proof: EntryProof; readonly page: ShownEntry }
  | { readonly kind: 'export'; readonly key: string; readonly file: Blob }

export type ShownEntry = { readonly uid: string; readonly event: string; readonly outcome: string }

export type Told =
  | { readonly kind: 'progress'; readonly bytes: number; readonly lines: number }
  | { readonly kind: 'done'; readonly ok: boolean; readonly steps: readonly Step[]; readonly firstBadIndex?: number }
