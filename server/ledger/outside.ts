import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { TenantUid } from '../../contract/ids.ts'
import { type Frontier, parseFrontier, serializeFrontier } from '../../core/ledger/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { writeFileAtomically } from '../platform/data-folder/index.ts'

/** A signed checkpoint with the peaks of its tree, by which a longer log can be proved to extend it. */
export type Anchor = { readonly note: string; readonly frontier: Frontier }

/**
 * The last checkpoint of each log, kept where the database's administrator does not write: who rolls the database back,
 * or rewrites it, contradicts this file.
 */
export type Outside = {
  /** Refuses a file that is there and cannot be read as what was written. */
  read(log: LogName): Promise<Result<Anchor | undefined, string>>
  /** On the disk when it returns. */
  write(log: LogName, anchor: Anchor): Promise<void>
}

export type LogName = { readonly tenant: TenantUid; readonly generation: number }

const Content = z.strictObject({ checkpoint: z.string(), frontier: z.base64() })

/** @param folder exists, and is nobody else's to write */
export function createOutside(folder: string): Outside {
  // A restored log is a new one: it gets a file of its own, and the old one stays as it is.
  const path = ({ tenant, generation }: LogName) => join(folder, `${tenant}-${generation}.checkpoint.json`)
  return {
    async read(log) {
      let text: string
      try {
        text = await readFile(path(log), 'utf8')
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException
        return code === 'ENOENT' ? ok(undefined) : err(`${path(log)} cannot be read (${code ?? 'error'})`)
      }
      const content = Content.safeParse(jsonOf(text))
      const frontier = content.success ? parseFrontier(Buffer.from(content.data.frontier, 'base64')) : undefined
      if (!content.success || !frontier?.ok) return err(`${path(log)} is damaged`)
      return ok({ note: content.data.checkpoint, frontier: frontier.value })
    },
    async write(log, { note, frontier }) {
      const content = { checkpoint: note, frontier: serializeFrontier(frontier).toString('base64') }
      await writeFileAtomically(path(log), `${JSON.stringify(content)}\n`, 0o600)
    },
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
