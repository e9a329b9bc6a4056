import { type Command, InvalidArgumentError, Option } from 'commander'
import type { TailOptions } from './audit-log.ts'
import { projectOption, type Wiring, withOutput, withServer } from './command-options.ts'
import { parseLength } from './object-commands.ts'
import type { ServerOptions } from './settings.ts'
import type { WhatIfOptions } from './what-if.ts'
import type { WhoCanOptions } from './who-can.ts'
import type { WhyOptions } from './why.ts'

/** The audit log: getting it, watching it, proving it, and asking it about one request; and who may do what. */
export function addAuditCommands(program: Command, { edges, end }: Wiring): void {
  const audit = program.command('audit').description('the audit log')

  withServer(audit.command('export'))
    .description('get the whole log, with a signed checkpoint')
    .argument('[file]', 'where to; - is the standard output', '-')
    .addHelpText('after', '\n  palisade audit export audit.jsonl\n')
    .action(async (file: string, options: ServerOptions) => {
      const { exportAudit } = await import('./audit-log.ts')
      await exportAudit(file, options, edges)
    })

  withServer(audit.command('key'))
    .description('print the log’s public key')
    .addHelpText('after', '\n  palisade audit key > audit.key\n')
    .action(async (options: ServerOptions) => {
      const { auditKey } = await import('./audit-log.ts')
      await auditKey(options, edges)
    })

  withOutput(withServer(audit.command('tail')))
    .description('show the last entries')
    .option('-n, --lines <count>', 'how many', parseCount, 20)
    .option('-f, --follow', 'and those that come, until Ctrl-C')
    .addOption(projectOption())
    .addHelpText('after', '\n  palisade audit tail -n 50 --follow\n')
    .action(async (options: TailOptions) => {
      const { tailAudit } = await import('./audit-log.ts')
      await tailAudit(options, edges)
    })

  audit
    .command('verify')
    .description('prove offline that an export of the audit log is complete and unchanged')
    .argument('<file>', 'the export, as GET /v1/palisade/audit/export gives it; - reads the standard input')
    .requiredOption('--key <key>', "the log's public key (the text itself, not a file)")
    .option('--json', 'print the verdict as one line of JSON')
    .addHelpText('after', verifyHelp)
    .action(async (file: string, options: { key: string; json?: true }) => {
      const { auditVerify, parseKey } = await import('./audit-verify.ts')
      end(await auditVerify({ file, key: parseKey(options.key), json: options.json === true }, edges))
    })

  withOutput(withServer(program.command('why')))
    .description('what the audit log says about a request: who, what, and why it was allowed or refused')
    .argument('<request-id>', 'as it stands in a refusal, or in the x-request-id header')
    .option('--since <length>', 'how far to look back, such as 12h or 30d', parseSince, 7 * 86_400_000)
    .addOption(projectOption())
    .addHelpText('after', '\n  palisade why df619d7e3d9ffb98e92c264e --since 30d\n')
    .action(async (requestId: string, { since, ...options }: Omit<WhyOptions, 'sinceMs'> & { since: number }) => {
      const { why } = await import('./why.ts')
      await why(requestId, { ...options, sinceMs: since }, edges)
    })

  withOutput(withServer(program.command('who-can')))
    .description(
      'everybody who may do something, and by which roles: in the organisation, in a project or on an object',
    )
    .argument('<permission>', 'such as cluster.update')
    .addOption(projectOption())
    .option('-c, --cluster <name|uid>', 'the cluster it is about')
    .option('--workspace <uid>', 'the workspace it is about')
    .option('--profile <uid>', 'the cluster profile it is about')
    .option('--cloud-account <uid>', 'the cloud account it is about')
    .option('--ssh-key <uid>', 'the SSH key it is about')
    .option('--filtered', 'also who may on what filters select in the project or organisation')
    .addHelpText('after', '\n  palisade who-can cluster.update --cluster prod-1\n')
    .action(async (permission: string, options: WhoCanOptions) => {
      const { whoCan } = await import('./who-can.ts')
      await whoCan(permission, options, edges)
    })

  withOutput(withServer(program.command('what-if')))
    .description(
      'who would gain and lose what if a role had other permissions, and which of their requests would go otherwise',
    )
    .argument('<role>', 'one of the organisation’s own, by name or UID')
    .option('--add <permission...>', 'what it would have besides')
    .option('--remove <permission...>', 'what it would have no more')
    .addOption(
      new Option('--days <number>', 'how many days of the audit log are asked again, at most 30')
        .default(7)
        .argParser(parseDays),
    )
    .addHelpText('after', '\n  palisade what-if "Shop deployer" --remove cluster.update --days 30\n')
    .action(async (role: string, options: WhatIfOptions) => {
      const { whatIf } = await import('./what-if.ts')
      await whatIf(role, options, edges)
    })
}

const verifyHelp = `
The key is what 'palisade audit key' prints. Get it once, over a channel of its own, and keep it: an export that brings
its own key proves nothing.

  palisade audit verify audit.jsonl --key "$(cat audit.key)"

Prints the number of entries, the root and how many entries were destroyed, and ends with 0; or names the first bad
index and ends with 1. Which of two entries that contradict each other was changed nobody can tell: the one whose hash
the next line denies is named.
`

function parseDays(text: string): number {
  if (/^(?:[12]?\d|30)$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is not a number from 0 to 30.')
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is not a number from 1 on.')
}

function parseSince(text: string): number {
  const length = parseLength(text)
  if (length === undefined) throw new InvalidArgumentError('Write a length such as 12h or 30d.')
  return length
}
