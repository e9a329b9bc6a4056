import { type ExportVerdict, type NoteVerifier, parseVerifierKey, verifyExportBytes } from '../core/ledger/index.ts'
import type { CliEdges, ExitCode } from './edges.ts'
import { isFileError, wrongUse } from './failure.ts'

/** What is asked: the export's file (`-` for the standard input), the log's key, and whether to answer in JSON. */
export type AuditVerifyRequest = { readonly file: string; readonly key: NoteVerifier; readonly json: boolean }

/**
 * `palisade audit verify`: prints the verdict on an export. What is wrong with it is one line on standard error, in
 * JSON mode too, where standard output holds the verdict in any case.
 */
export async function auditVerify(
  { file, key, json }: AuditVerifyRequest,
  edges: Pick<CliEdges, 'open' | 'out' | 'err'>,
): Promise<ExitCode> {
  let verdict: ExportVerdict
  try {
    verdict = await verifyExportBytes(edges.open(file), key)
  } catch (cause) {
    if (!isFileError(cause)) throw cause
    const message = `cannot read the export: ${cause.message}`
    if (json) edges.out(`${JSON.stringify({ ok: false, problem: 'unreadable', message })}\n`)
    edges.err(`palisade: ${message}\n`)
    return 1
  }
  if (json) edges.out(`${JSON.stringify(verdictJson(verdict))}\n`)
  else if (verdict.ok) edges.out(`${verdictLine(verdict)}\n`)
  if (!verdict.ok) edges.err(`palisade: ${verdict.message}\n`)
  return verdict.ok ? 0 : 1
}

function verdictLine({ size, root, destroyed, origin }: ExportVerdict & { ok: true }): string {
  return `ok: ${size} entries, root ${root.toString('base64')}, ${destroyed} destroyed, origin ${origin}`
}

function verdictJson(verdict: ExportVerdict): object {
  return verdict.ok ? { ...verdict, root: verdict.root.toString('base64') } : verdict
}

/** The log's key as `--key` has it. */
export function parseKey(text: string): NoteVerifier {
  const key = parseVerifierKey(text.trim())
  if (key.ok) return key.value
  const why = {
    malformed_key: 'It is not of the form name+hash+base64. Give the text of the key, not the name of a file.',
    unsupported_key_type: 'It is not an Ed25519 key.',
    key_id_mismatch: 'Its hash is not that of its name and key: a character was changed.',
  } as const
  throw wrongUse('--key is not the key of a log', why[key.error])
}
