import { type Command, InvalidArgumentError } from 'commander'
import type { AnswerOptions, AskOptions, ListOptions } from './access-requests.ts'
import { type ServerAndOutput, type Wiring, withOutput, withServer } from './command-options.ts'
import { parseLength } from './object-commands.ts'

/** Asking for a role for a time, and answering those who ask. */
export function addRequestCommands(program: Command, { edges }: Wiring): void {
  withOutput(withServer(program.command('request')))
    .description('ask for a role for a time: in the organisation, in a project or in a cluster’s project')
    .argument('<role>', 'name or UID of the role')
    .option('-p, --project <name|uid>', 'the project it is asked for in')
    .option('-c, --cluster <name|uid>', 'the cluster in whose project it is asked for')
    .requiredOption('--for <length>', 'how long, such as 45m, 2h or 1d; the time begins with the approval', parseTime)
    .requiredOption('--reason <text>', 'what it is needed for, as somebody else will read it')
    .addHelpText('after', "\n  palisade request 'Cluster Admin' --project payments --for 2h --reason 'INC-4711'\n")
    .action(async (role: string, { for: lengthMs, ...options }: Omit<AskOptions, 'lengthMs'> & { for: number }) => {
      const { requestRole } = await import('./access-requests.ts')
      await requestRole(role, { ...options, lengthMs }, edges)
    })

  withOutput(withServer(program.command('requests')))
    .description('list the roles that you asked for, and the requests that wait for you to decide')
    .option('--mine', 'only what you asked for')
    .option('--waiting', 'only what waits for you')
    .addHelpText('after', '\n  palisade requests --waiting\n')
    .action(async (options: ListOptions) => {
      const { listRequests } = await import('./access-requests.ts')
      await listRequests(options, edges)
    })

  for (const [act, about] of [
    ['approve', 'give somebody the role that they asked for, from now on'],
    ['deny', 'say no to somebody who asked for a role'],
  ] as const)
    withOutput(withServer(program.command(act)))
      .description(about)
      .argument('<request-id>', 'as `palisade requests` shows it')
      .option('--note <text>', 'what you say to them')
      .addHelpText('after', `\n  palisade ${act} 0123456789abcdef01234567 --note 'until the release is out'\n`)
      .action(async (uid: string, options: AnswerOptions) => {
        const { answerRequest } = await import('./access-requests.ts')
        await answerRequest(act, uid, options, edges)
      })

  withOutput(withServer(program.command('withdraw')))
    .description('take back a role that you asked for')
    .argument('<request-id>', 'as `palisade requests` shows it')
    .addHelpText('after', '\n  palisade withdraw 0123456789abcdef01234567\n')
    .action(async (uid: string, options: ServerAndOutput) => {
      const { withdrawRequest } = await import('./access-requests.ts')
      await withdrawRequest(uid, options, edges)
    })
}

function parseTime(text: string): number {
  const length = parseLength(text)
  if (length === undefined) throw new InvalidArgumentError('It is a length such as 45m, 2h or 1d.')
  return length
}
