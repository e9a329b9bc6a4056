import type { Result } from '../result.ts'
import { err, ok } from '../result.ts'
import { decodeBase64 } from './base64.ts'
import { hashBytes } from './hash.ts'
import { isKeyName, type NoteRefusal, type NoteSigner, type NoteVerifier, openNote, signNote } from './note.ts'

// C2SP checkpoints (https://c2sp.org/tlog-checkpoint): the head of a log, as the text of a signed note.

/** The head of a log: its identity, how many entries it has, and the root over them (32 bytes). */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Buffer }

export type CheckpointRefusal = NoteRefusal | 'malformed_checkpoint' | 'foreign_origin'

/**
 * The identity of a tenant's log, which is also the name of its key: `<host>/audit/<tenantUid>/<generation>`.
 *
 * @param host the installation's hostname, without port
 * @param generation 1 at first; a restore raises it, since the restored log may contradict what was signed before
 */
export function logOrigin(log: { host: string; tenantUid: string; generation: number }): string {
  const origin = `${log.host}/audit/${log.tenantUid}/${log.generation}`
  const partsFit = [log.host, log.tenantUid].every((part) => part !== '' && !part.includes('/'))
  if (!partsFit || !isKeyName(origin) || !Number.isSafeInteger(log.generation) || log.generation < 1)
    throw new RangeError('not the parts of a log origin')
  return origin
}

/** Signs the head of a log with the log's own key; throws where the key is not named after the origin. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  if (signer.name !== checkpoint.origin) throw new RangeError('a log signs with the key that bears its name')
  return signNote(checkpointText(checkpoint), [signer])
}

/** Verifies a signed checkpoint with the log's key. The origin must be the key's name: one key speaks for one log. */
export function openCheckpoint(note: string, verifier: NoteVerifier): Result<Checkpoint, CheckpointRefusal> {
  const text = openNote(note, verifier)
  if (!text.ok) return text
  const checkpoint = parseCheckpointText(text.value)
  if (!checkpoint.ok) return checkpoint
  return checkpoint.value.origin === verifier.name ? checkpoint : err('foreign_origin')
}

/** The text that is signed: origin, size in decimal, root in base64, a line each. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  if (!isKeyName(origin) || !Number.isSafeInteger(size) || size < 0 || root.length !== hashBytes)
    throw new RangeError('not a checkpoint')
  return `${origin}\n${size}\n${root.toString('base64')}\n`
}

/** Reads the text of a checkpoint. Extension lines may follow the three of ours and are ignored; sizes end at 2^53 - 1. */
export function parseCheckpointText(text: string): Result<Checkpoint, 'malformed_checkpoint'> {
  if (!text.endsWith('\n')) return err('malformed_checkpoint')
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n')
  const size = Number(sizeText)
  const root = decodeBase64(rootText)
  if (origin === '' || !/^(0|[1-9][0-9]*)$/.test(sizeText) || !Number.isSafeInteger(size))
    return err('malformed_checkpoint')
  if (root?.length !== hashBytes || extensions.includes('')) return err('malformed_checkpoint')
  return ok({ origin, size, root })
}
