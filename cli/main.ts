import { createReadStream } from 'node:fs'
import { homedir } from 'node:os'
import { Command, CommanderError } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { addAccountCommands } from './account-commands.ts'
import { addAssignmentCommands } from './assignment-commands.ts'
import { addAuditCommands } from './audit-commands.ts'
import { addClusterCommands } from './cluster-commands.ts'
import type { Wiring } from './command-options.ts'
import { addCompletion } from './completion-command.ts'
import type { CliEdges, ExitCode } from './edges.ts'
import { Failure } from './failure.ts'
import { addObjectCommands } from './object-commands.ts'
import { browse, runProgram } from './programs.ts'
import { addRequestCommands } from './request-commands.ts'
import { uninterrupted } from './signals.ts'
import { ask } from './terminal.ts'

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
    .addHelpText('after', firstSteps)

  program
    .command('serve')
    .description('start the server; it is configured by PALISADE_ environment variables')
    .action(async () => {
      // Imported here: the other commands need nothing of the server, and start faster without it.
      const { main } = await import('../server/main.ts')
      exitCode = await main()
    })

  const wiring: Wiring = {
    edges,
    end(code) {
      exitCode = code
    },
  }
  addAccountCommands(program, wiring)
  addObjectCommands(program, wiring)
  addAssignmentCommands(program, wiring)
  addClusterCommands(program, wiring)
  addAuditCommands(program, wiring)
  addRequestCommands(program, wiring)
  addCompletion(program, wiring)

  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (cause) {
    if (cause instanceof Failure) {
      edges.err(`palisade: ${[cause.message, ...cause.hints.map((hint) => `  ${hint}`)].map(cleanLine).join('\n')}\n`)
      return cause.exitCode
    }
    if (!(cause instanceof CommanderError)) throw cause
    // Help that was asked for ends with 0; help that is shown because no command was named is wrong use.
    return cause.exitCode === 0 ? 0 : 2
  }
  return exitCode
}

const firstSteps = `
First steps:
  palisade login --url https://palisade.example.com
  palisade cluster list
  palisade kubeconfig east && kubectl get pods

docs/cli.md tells the rest. Exit codes: 0 good, 1 refused or failed, 2 wrong use.
`

/** What a server says may hold what a terminal obeys. */
const cleanLine = (text: string) => text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\u{fffd}')

if (import.meta.main) {
  // Whoever reads along may end first (`| head`): then there is nobody left to tell.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause
    process.exit(0)
  })
  process.exitCode = await run(process.argv.slice(2), {
    open: (file) => (file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 262_144 })),
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    write: (bytes) =>
      new Promise((resolve) => {
        process.stdout.write(bytes, () => resolve())
      }),
    env: process.env,
    home: homedir(),
    cwd: process.cwd(),
    now: () => new Date(),
    startedBy: process.ppid,
    isTerminal: {
      in: process.stdin.isTTY === true,
      out: process.stdout.isTTY === true,
      err: process.stderr.isTTY === true,
    },
    ask: (question, options) => ask(process.stdin, process.stderr, question, options),
    runProgram: (program, args, input) => runProgram(program, args, { input, env: process.env }),
    browse: (url) => browse(url, { env: process.env }),
    uninterrupted,
    interrupted() {
      const stop = new AbortController()
      process.once('SIGINT', () => stop.abort())
      return stop.signal
    },
  })
}
