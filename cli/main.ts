import { createReadStream } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { type NoteVerifier, parseVerifierKey } from '../core/ledger/index.ts'
import manifest from '../package.json' with { type: 'json' }
import { auditVerify, type CliEdges, type ExitCode } from './audit-verify.ts'

/** Runs one command. @param args what follows the program's name */
export async function run(args: readonly string[], edges: CliEdges): Promise<ExitCode> {
  let exitCode: ExitCode = 0
  const program = new Command('palisade')
    .description('The access plane for Kubernetes fleets.')
    .version(manifest.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .exitOverride() // Throws where commander would end the process with codes of its own.
    .configureOutput({ writeOut: edges.out, writeErr: edges.err })
    .showHelpAfterError('(--help tells more)')

  program
    .command('serve')
    .description('start the server; it is configured by PALISADE_ environment variables')
    .action(async () => {
      // Imported here: the other commands need nothing of the server, and start faster without it.
      const { main } = await import('../server/main.ts')
      exitCode = await main()
    })

  const audit = program.command('audit').description('the audit log')
  audit
    .command('verify')
    .description('prove offline that an export of the audit log is complete and unchanged')
    .argument('<file>', 'the export, as GET /v1/palisade/audit/export gives it; - reads the standard input')
    .requiredOption('--key <key>', "the log's public key (the text itself, not a file)", parseKey)
    .option('--json', 'print the verdict as one line of JSON')
    .addHelpText('after', verifyHelp)
    .action(async (file: string, options: { key: NoteVerifier; json?: true }) => {
      exitCode = await auditVerify({ file, key: options.key, json: options.json === true }, edges)
    })

  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause
    // Help that was asked for ends with 0; help that is shown because no command was named is wrong use.
    return cause.exitCode === 0 ? 0 : 2
  }
  return exitCode
}

const verifyHelp = `
The key is what GET /v1/palisade/audit/key gives. Get it once, over a channel of its own, and keep it: an export that
brings its own key proves nothing.

  palisade audit verify audit.jsonl --key "$(cat audit.key)"

Prints the number of entries, the root and how many entries were destroyed, and ends with 0; or names the first bad
index and ends with 1. Which of two entries that contradict each other was changed nobody can tell: the one whose hash
the next line denies is named.
`

function parseKey(text: string): NoteVerifier {
  const key = parseVerifierKey(text.trim())
  if (key.ok) return key.value
  const why = {
    malformed_key: 'It is not of the form name+hash+base64. Give the text of the key, not the name of a file.',
    unsupported_key_type: 'It is not an Ed25519 key.',
    key_id_mismatch: 'Its hash is not that of its name and key: a character was changed.',
  } as const
  throw new InvalidArgumentError(why[key.error])
}

if (import.meta.main) {
  process.exitCode = await run(process.argv.slice(2), {
    open: (file) => (file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 262_144 })),
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  })
}
