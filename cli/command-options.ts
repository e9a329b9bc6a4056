import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CliEdges, ExitCode } from './edges.ts'
import type { OutputFormat } from './output.ts'
import type { ServerOptions } from './settings.ts'

/** What the commands are built with. */
export type Wiring = {
  readonly edges: CliEdges
  /** Notes the exit code of a command that ends otherwise than with 0. */
  readonly end: (code: ExitCode) => void
}

export type ServerAndOutput = ServerOptions & { readonly output: OutputFormat }

/** `--url` and `--ca-file`, which every command that talks to a server has. */
export function withServer(command: Command): Command {
  return command
    .option(
      '--url <url>',
      'the server, such as https://palisade.example.com (default: PALISADE_URL, else the last sign-in)',
    )
    .option('--ca-file <file>', 'certificate of the authority to trust (default: PALISADE_CA_FILE, else the sign-in’s)')
}

/** `--output`, which every command that shows something has. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'for people, or for programs').choices(['table', 'json']).default('table'),
  )
}

export const projectOption = () => new Option('-p, --project <name|uid>', 'the project it is about')

/** For options that may come several times. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** `--label key=value`, which may come several times. */
export function collectPair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It is not of the form key=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
