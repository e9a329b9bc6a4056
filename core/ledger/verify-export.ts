import { isUtf8 } from 'node:buffer'
import { type Checkpoint, type CheckpointRefusal, openCheckpoint } from './checkpoint.ts'
import { appendLeaf, emptyFrontier, frontierRoot } from './frontier.ts'
import { leafHash, noPrevLeaf } from './hash.ts'
import { exportFormat, linePrefix, maxLineBytes, parseObjectLine } from './line.ts'
import type { NoteVerifier } from './note.ts'

/** What an export proved: all entries of the tree that the checkpoint signs, in order, each unchanged or destroyed. */
export type VerifiedExport = {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
  /** How many of the entries were destroyed: only their leaf hashes are left. */
  readonly destroyed: number
}

export type ExportProblem =
  /** The first line is not the header of an export. */
  | 'header'
  /** The header's checkpoint is not one, or not signed by the key. */
  | 'checkpoint'
  /** The line at `firstBadIndex` names another index. */
  | 'index'
  /** The line after `firstBadIndex` names another hash than that entry's. */
  | 'prev'
  /** The line at `firstBadIndex` is not an entry in its one spelling. */
  | 'entry'
  /** The checkpoint has more entries; `firstBadIndex` is the first that is not there. */
  | 'missing'
  /** The checkpoint has fewer entries; `firstBadIndex` is the first that should not be there. */
  | 'extra'
  /** No line contradicts another, and yet the entries do not give the root: no index can be named. */
  | 'root'

export type ExportFault = {
  readonly problem: ExportProblem
  readonly firstBadIndex?: number
  /** One line for people; begins with the index where there is one, and holds printable ASCII only. */
  readonly message: string
}

export type ExportVerdict = ({ readonly ok: true } & VerifiedExport) | ({ readonly ok: false } & ExportFault)

/** Takes an export line by line. Its memory does not grow with the export. */
export type ExportVerifier = {
  /** Takes the next line, without its newline. A fault is the verdict: feed it nothing more. */
  readonly line: (bytes: Buffer) => ExportFault | undefined
  /** Gives the verdict after the last line. */
  readonly end: () => ExportVerdict
}

/**
 * Verifies an export given as lines without their newlines (a string stands for its UTF-8), offline and in flat memory.
 * Stops reading at the first fault.
 *
 * The first bad index is, at the first place where something is wrong, the position whose `index` is not its own, else
 * the entry whose hash the next line's `prev` contradicts. Whoever changes a line's `prev` therefore makes the entry
 * before it the bad one: of two that contradict each other nobody can tell which was changed.
 */
export async function verifyExport(
  lines: AsyncIterable<string | Uint8Array>,
  key: NoteVerifier,
): Promise<ExportVerdict> {
  const verifier = createExportVerifier(key)
  for await (const line of lines) {
    const fault = verifier.line(typeof line === 'string' ? Buffer.from(line, 'utf8') : asBuffer(line))
    if (fault !== undefined) return { ok: false, ...fault }
  }
  return verifier.end()
}

/** As `verifyExport`, of an export given as bytes in pieces of any size, as a file gives them. */
export async function verifyExportBytes(pieces: AsyncIterable<Uint8Array>, key: NoteVerifier): Promise<ExportVerdict> {
  const verifier = createExportVerifier(key)
  let unfinished: Buffer[] = []
  let unfinishedBytes = 0
  for await (const piece of pieces) {
    const bytes = asBuffer(piece)
    let start = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      const rest = bytes.subarray(start, end)
      const fault = verifier.line(unfinished.length === 0 ? rest : Buffer.concat([...unfinished, rest]))
      if (fault !== undefined) return { ok: false, ...fault }
      unfinished = []
      unfinishedBytes = 0
      start = end + 1
    }
    if (start < bytes.length) {
      unfinished.push(bytes.subarray(start))
      unfinishedBytes += bytes.length - start
    }
    // A line without an end would fill the memory; what is there of it is too long already.
    if (unfinishedBytes > maxLineBytes) break
  }
  if (unfinishedBytes > 0) {
    const fault = verifier.line(Buffer.concat(unfinished))
    if (fault !== undefined) return { ok: false, ...fault }
  }
  return verifier.end()
}

/** @param key the log's public key; its name is the log's origin */
export function createExportVerifier(key: NoteVerifier): ExportVerifier {
  let checkpoint: Checkpoint | undefined
  let frontier = emptyFrontier
  let prevLeaf = noPrevLeaf
  let destroyed = 0

  function line(bytes: Buffer): ExportFault | undefined {
    if (checkpoint === undefined) {
      const header = readHeader(bytes, key)
      if ('problem' in header) return header
      checkpoint = header
      return undefined
    }
    const index = frontier.size
    if (index === checkpoint.size)
      return badAt(index, 'extra', `the checkpoint ends with ${checkpoint.size} entries, and a further line follows`)
    const entry = readEntry(bytes, index, prevLeaf)
    if ('problem' in entry) return entry
    frontier = appendLeaf(frontier, entry.leaf)
    prevLeaf = entry.leaf
    if (entry.destroyed) destroyed += 1
    return undefined
  }

  function end(): ExportVerdict {
    if (checkpoint === undefined) return { ok: false, problem: 'header', message: 'the export is empty' }
    const { origin, size, root } = checkpoint
    const here = frontier.size
    if (here < size) {
      const fault = badAt(here, 'missing', `the checkpoint has ${size} entries, and the export ends after ${here}`)
      return { ok: false, ...fault }
    }
    if (!frontierRoot(frontier).equals(root))
      return { ok: false, problem: 'root', message: rootDiffers(size, destroyed) }
    return { ok: true, origin, size, root, destroyed }
  }

  return { line, end }
}

const newline = 0x0a
const closingBrace = 0x7d

/** The checkpoint of the export's first line, verified. */
function readHeader(bytes: Buffer, key: NoteVerifier): Checkpoint | ExportFault {
  const fault = (message: string): ExportFault => ({ problem: 'header', message: `the first line ${message}` })
  if (bytes.length > maxLineBytes) return fault('is too long for the header of an audit export')
  // A header may end in white space: unlike an entry it is not hashed.
  const header = isUtf8(bytes) ? parseObjectLine(bytes.toString('utf8').trimEnd()) : undefined
  if (header === undefined || typeof header.palisade !== 'string' || typeof header.checkpoint !== 'string')
    return fault('is not the header of an audit export')
  if (header.palisade !== exportFormat)
    return fault(`names the format ${printable(header.palisade)}, not ${exportFormat}`)
  const checkpoint = openCheckpoint(header.checkpoint, key)
  if (checkpoint.ok) return checkpoint.value
  return {
    problem: 'checkpoint',
    message: `the checkpoint ${whyRefused[checkpoint.error]} (key ${printable(key.name)})`,
  }
}

const whyRefused: Readonly<Record<CheckpointRefusal, string>> = {
  malformed_note: 'is not a signed note',
  malformed_checkpoint: 'is a signed note, but not a checkpoint',
  not_signed_by_key: 'is not signed by this key',
  bad_signature: 'has a signature of this key that is wrong',
  foreign_origin: 'is signed by this key, but of another log',
}

type Entry = { readonly leaf: Buffer; readonly destroyed: boolean }

/** Reads the line at position `index`. `prevLeaf` is the leaf hash of the line before. */
function readEntry(bytes: Buffer, index: number, prevLeaf: Buffer): Entry | ExportFault {
  if (bytes.length > maxLineBytes) return badAt(index, 'entry', `the line is longer than ${maxLineBytes} bytes`)
  const prefix = linePrefix(index, prevLeaf.toString('base64'))
  // The bytes are compared, not what they mean: a log has one spelling, and JSON has many.
  if (bytes.toString('latin1', 0, prefix.length) !== prefix) return readOtherPrefix(bytes, index)
  return problemOfBody(bytes, prefix.length, index) ?? { leaf: leafHash(bytes), destroyed: false }
}

/** The line does not begin as an entry that follows from the one before: it is a destroyed one, or it is bad. */
function readOtherPrefix(bytes: Buffer, index: number): Entry | ExportFault {
  const [whole = '', foundIndex = '', kind, hash = '', closing] = anyPrefix.exec(bytes.toString('latin1', 0, 128)) ?? []
  if (whole === '')
    return badAt(index, 'entry', 'the line does not begin {"index":N,"prev":"<base64>", as every entry does')
  if (foundIndex !== String(index)) return badAt(index, 'index', `the line there has index ${foundIndex}`)
  if (kind === 'leaf') {
    return closing === '}' && bytes.length === whole.length
      ? { leaf: Buffer.from(hash, 'base64'), destroyed: true }
      : badAt(index, 'entry', 'a destroyed entry is {"index":N,"leaf":"<base64>"} and nothing more')
  }
  if (closing !== ',') return badAt(index, 'entry', 'the entry has no content')
  return index === 0
    ? badAt(0, 'prev', 'the first entry names an entry before it')
    : badAt(index - 1, 'prev', `its hash is not the one that the next line (index ${index}) has in "prev"`)
}

/** Both spellings of a line's beginning; 32 bytes in base64 have 43 characters of which the last has two zero bits. */
const anyPrefix = /^\{"index":(0|[1-9][0-9]{0,15}),"(prev|leaf)":"([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)"([,}])/

/** Whether what follows the prefix makes the line one JSON object in which `index` and `prev` are not named again. */
function problemOfBody(bytes: Buffer, prefixLength: number, index: number): ExportFault | undefined {
  if (bytes[bytes.length - 1] !== closingBrace)
    return badAt(index, 'entry', 'the line does not end in } (cut off, or its line ends were converted?)')
  const body = isUtf8(bytes) ? parseObjectLine(`{${bytes.toString('utf8', prefixLength)}`) : undefined
  // Without fields the prefix's last comma is loose: `{"index":N,"prev":"…",}` is no JSON.
  if (body === undefined || Object.keys(body).length === 0)
    return badAt(index, 'entry', 'the line is not one JSON object')
  // JSON readers take the last of two equal names: they would see another place than the one that is proved here.
  if (Object.hasOwn(body, 'index') || Object.hasOwn(body, 'prev'))
    return badAt(index, 'entry', 'the line has "index" or "prev" twice')
  return undefined
}

function rootDiffers(size: number, destroyed: number): string {
  if (size === 0) return 'only the root differs: the checkpoint of an empty log has the root of another one'
  const beforeDestroyed = destroyed > 0 ? ', one beside a destroyed entry' : ''
  return (
    'only the root differs: each line follows from the one before, but together they do not give the root that the ' +
    `checkpoint signs; changed was the last entry (index ${size - 1})${beforeDestroyed}, or all of them from some index on`
  )
}

function badAt(firstBadIndex: number, problem: ExportProblem, why: string): ExportFault {
  return { problem, firstBadIndex, message: `first bad index ${firstBadIndex}: ${why}` }
}

/** Text from outside as it may be printed: quoted, with everything but printable ASCII escaped, and not too long. */
function printable(text: string): string {
  const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(text.slice(0, 200)).replace(/[^\x20-\x7e]/g, escaped)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
