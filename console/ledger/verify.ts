import {
  leafHash,
  type NoteVerifier,
  nodeHash,
  openCheckpoint,
  parseVerifierKey,
  verifyExportBytes,
  verifyInclusion,
} from '../../core/ledger/index.ts'
import type { Asked, EntryProof, ShownEntry, Step, Told } from './steps.ts'

type Done = Extract<Told, { kind: 'done' }>

/** Verifies what is asked. Nothing here asks a server anything: what is trusted is the key, and this code. */
export async function verifyAsked(asked: Asked, progress: (bytes: number, lines: number) => void): Promise<Done> {
  const key = parseVerifierKey(asked.key.trim())
  if (!key.ok) return done([{ what: 'Read the log’s public key', ok: false, facts: [['Refused', words(key.error)]] }])
  const first = {
    what: 'Read the log’s public key',
    ok: true,
    facts: [
      ['Log', key.value.name],
      ['Key id', key.value.keyId.toString('hex')],
    ],
  } as const
  return asked.kind === 'entry'
    ? done([first, ...verifyEntry(asked.proof, asked.page, key.value)])
    : verifyFile(asked.file, key.value, first, progress)
}

/** Signature, leaf, path to the root; each step only where the one before it was good. */
export function verifyEntry(proof: EntryProof, page: ShownEntry, key: NoteVerifier): Step[] {
  const steps: Step[] = []
  const checkpoint = openCheckpoint(proof.checkpoint, key)
  if (!checkpoint.ok)
    return [{ what: 'Verify the checkpoint’s signature', ok: false, facts: [['Refused', words(checkpoint.error)]] }]
  const { size, root } = checkpoint.value
  steps.push({
    what: 'Verify the checkpoint’s signature (Ed25519)',
    ok: true,
    facts: [
      ['Entries', String(size)],
      ['Signed root', root.toString('base64')],
    ],
  })

  const kept = Buffer.from(proof.leaf, 'base64')
  const leaf = proof.line === undefined ? kept : leafHash(proof.line)
  const isSame = leaf.equals(kept)
  steps.push({
    what:
      proof.line === undefined
        ? 'Take the leaf hash that is left of the entry: its content is gone'
        : `Hash the entry’s ${Buffer.byteLength(proof.line, 'utf8')} bytes (SHA-256 over 0x00 and the line)`,
    ok: isSame,
    facts: [['Leaf', leaf.toString('base64')], ...(isSame ? [] : ([['The log’s', kept.toString('base64')]] as const))],
  })
  if (!isSame) return steps

  if (proof.line !== undefined) {
    const said = saidBy(proof.line)
    const wrong = (Object.entries(page) as [keyof ShownEntry, string][]).filter(([name, value]) => said[name] !== value)
    const isPlaced = proof.line.startsWith(`{"index":${proof.index},`)
    steps.push({
      what: 'Compare the line with what this page shows',
      ok: wrong.length === 0 && isPlaced,
      facts: [
        ['Index', isPlaced ? String(proof.index) : `not ${proof.index}`],
        ...wrong.map(([name, value]) => [name, `${String(said[name])}, and the page shows ${value}`] as const),
      ],
    })
    if (!steps.at(-1)?.ok) return steps
  }

  const path = proof.path.map((one) => Buffer.from(one, 'base64'))
  const isIn = verifyInclusion({ index: proof.index, leaf, size, root, proof: path })
  steps.push({
    what: `Climb from leaf ${proof.index} to the root: ${path.length} ${path.length === 1 ? 'hash' : 'hashes'}`,
    ok: isIn,
    facts: [
      ...climbed(proof.index, size, leaf, path).map((node, i) => [`Level ${i + 1}`, node] as const),
      ['Signed root', root.toString('base64')],
    ],
  })
  return steps
}

/** The hashes on the way up, for people to see; `verifyInclusion` has the verdict. RFC 9162 §2.1.3.2. */
function climbed(index: number, size: number, leaf: Buffer, path: readonly Buffer[]): string[] {
  const nodes: string[] = []
  let [fn, sn, node] = [index, size - 1, leaf]
  for (const sibling of path) {
    if (sibling.length !== leaf.length) break
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sibling, node)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    } else node = nodeHash(node, sibling)
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    nodes.push(node.toString('base64'))
  }
  return nodes
}

async function verifyFile(
  file: Blob,
  key: NoteVerifier,
  first: Step,
  progress: (bytes: number, lines: number) => void,
): Promise<Done> {
  async function* counted(): AsyncGenerator<Uint8Array> {
    let [bytes, lines] = [0, 0]
    for await (const piece of file.stream()) {
      bytes += piece.length
      for (const byte of piece) if (byte === 0x0a) lines++
      progress(bytes, lines)
      yield piece
    }
  }
  const verdict = await verifyExportBytes(counted(), key)
  if (!verdict.ok) {
    const { firstBadIndex } = verdict
    const steps = [
      first,
      { what: 'Verify the export, line by line', ok: false, facts: [['Found', verdict.message]] as const },
    ]
    return { ...done(steps), ...(firstBadIndex === undefined ? {} : { firstBadIndex }) }
  }
  const { size, root, destroyed } = verdict
  return done([
    first,
    {
      what: 'Verify the signature of the export’s checkpoint (Ed25519)',
      ok: true,
      facts: [['Entries', String(size)]],
    },
    {
      what: 'Hash every line, and compare it with what the next line says of it',
      ok: true,
      facts: [
        ['Unchanged', String(size - destroyed)],
        ['Destroyed on purpose', String(destroyed)],
      ],
    },
    {
      what: 'Build the tree of all lines, and compare its root with the signed one',
      ok: true,
      facts: [['Root', root.toString('base64')]],
    },
  ])
}

const done = (steps: readonly Step[]): Done => ({ kind: 'done', ok: steps.every((step) => step.ok), steps })

function saidBy(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown> // A line begins with a brace; of anything else no member is read.
  } catch {
    return {}
  }
}

const refused: Readonly<Record<string, string>> = {
  malformed_key: 'this is no key of a log',
  unsupported_key_type: 'the key is of a kind that is not known',
  key_id_mismatch: 'the key’s id is not that of its name and bytes: it was mistyped or changed',
  malformed_note: 'the checkpoint is not one',
  malformed_checkpoint: 'the checkpoint is not one',
  not_signed_by_key: 'it is not signed by this key: another log’s, or another key',
  bad_signature: 'its signature is wrong: it was changed',
  foreign_origin: 'it is signed by this key, but of another log',
}
const words = (code: string) => refused[code] ?? code
