import type { Result } from '../result.ts'
import { err, ok } from '../result.ts'
import { decodeBase64 } from './base64.ts'
import { hashBytes } from './hash.ts'

// The bytes of an entry. An entry is one line of JSON that begins `{"index":N,"prev":"<base64 of 32 bytes>",`; what
// follows is the entry's body without its opening brace.

/** No line of a log is longer, so that a verifier can bound its memory. */
export const maxLineBytes = 1_048_576
/** Room for `{"index":N,"prev":"…",` in front of a body. */
const prefixRoomBytes = 128
export const maxBodyBytes: number = maxLineBytes - prefixRoomBytes
/** Random bytes in each entry: its hash tells nothing about it once its content is destroyed. */
export const saltBytes = 16

/** The text of an entry before it has a place in the log, checked by `parseEntryBody`. */
export type EntryBody = string & { readonly __brand: 'EntryBody' }

export type BodyRefusal =
  /** Not one JSON object on one line, from brace to brace, in well-formed Unicode. */
  | 'not_an_object'
  /** Longer than `maxBodyBytes` in UTF-8. */
  | 'too_long'
  /** `index` and `prev` are given by the log. */
  | 'has_index_or_prev'
  /** `salt` is not the base64 of 16 bytes. */
  | 'no_salt'

/**
 * Composes an entry's body: the fields, and the salt in front.
 *
 * @param fields JSON values; throws where they name `index`, `prev` or `salt`
 * @param salt 16 random bytes, never used for another entry
 */
export function entryBody(fields: Readonly<Record<string, unknown>>, salt: Uint8Array): Result<EntryBody, BodyRefusal> {
  if (salt.length !== saltBytes) throw new RangeError('a salt has 16 bytes')
  if (['index', 'prev', 'salt'].some((name) => Object.hasOwn(fields, name)))
    throw new RangeError('index, prev and salt are not the fields of an event')
  return parseEntryBody(JSON.stringify({ salt: Buffer.from(salt).toString('base64'), ...fields }))
}

/** Checks a body's text. What passes here is taken by `composeLine` at any place of any log. */
export function parseEntryBody(text: string): Result<EntryBody, BodyRefusal> {
  if (Buffer.byteLength(text, 'utf8') > maxBodyBytes) return err('too_long')
  const body = parseObjectLine(text)
  if (body === undefined) return err('not_an_object')
  if (Object.hasOwn(body, 'index') || Object.hasOwn(body, 'prev')) return err('has_index_or_prev')
  const salt = Object.hasOwn(body, 'salt') ? body.salt : undefined
  if (typeof salt !== 'string' || decodeBase64(salt)?.length !== saltBytes) return err('no_salt')
  return ok(text as EntryBody) // The brand says that it was checked, and it was just now.
}

/**
 * The line of an entry at its place in the log, without a newline.
 *
 * @param prevLeaf leaf hash of the line before; `noPrevLeaf` for the first
 */
export function composeLine(index: number, prevLeaf: Uint8Array, body: EntryBody): string {
  assertPlace(index, prevLeaf)
  return linePrefix(index, base64(prevLeaf)) + body.slice(1)
}

/** How an entry's line begins; `prev` in base64. */
export function linePrefix(index: number, prev: string): string {
  return `{"index":${index},"prev":"${prev}",`
}

/** What an export holds in place of an entry whose content was destroyed, without a newline. */
export function destroyedLine(index: number, leaf: Uint8Array): string {
  assertPlace(index, leaf)
  return `{"index":${index},"leaf":"${base64(leaf)}"}`
}

/** The first line of an export, without a newline. */
export function exportHeader(signedCheckpoint: string): string {
  return JSON.stringify({ palisade: exportFormat, checkpoint: signedCheckpoint })
}

/** Names the format of an export in its first line. */
export const exportFormat = 'audit-export/1'

/** One JSON object, from brace to brace, with no line break or other control character in it; else undefined. */
export function parseObjectLine(text: string): Record<string, unknown> | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (!text.startsWith('{') || !text.endsWith('}') || !text.isWellFormed() || /[\x00-\x1f]/.test(text)) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown> // A JSON text that begins with a brace is an object.
  } catch {
    return undefined
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function assertPlace(index: number, hash: Uint8Array): void {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError('an index is a whole number from 0')
  if (hash.length !== hashBytes) throw new RangeError('a leaf hash has 32 bytes')
}
