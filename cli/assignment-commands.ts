import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ChangeOptions, GiveOptions, ListOptions, TakeOptions } from './assignments.ts'
import { type ServerAndOutput, type Wiring, withOutput, withServer } from './command-options.ts'
import { parseLength } from './object-commands.ts'
import { parseTimeWindow } from './time-window.ts'

/** Roles that people and teams hold, given and taken one by one, with their ends and conditions. */
export function addAssignmentCommands(program: Command, wiring: Wiring): void {
  const { edges } = wiring
  const assignment = program
    .command('assignment')
    .description('roles that people and teams hold: until when, and for which requests')

  withOutput(withServer(assignment.command('list')))
    .description('list the roles that you hold, or somebody else, or everybody in a project')
    .addOption(
      new Option('--user <email|uid>', 'those of a user, with the user’s teams').conflicts(['team', 'project']),
    )
    .addOption(new Option('--team <name|uid>', 'those of a team').conflicts('project'))
    .addOption(new Option('-p, --project <name|uid>', 'those in a project, whoever holds them'))
    .addHelpText('after', '\n  palisade assignment list --user dan@acme.example\n')
    .action(async (options: ListOptions) => {
      const { listAssignments } = await import('./assignments.ts')
      await listAssignments(options, edges)
    })

  withOutput(withServer(assignment.command('get')))
    .description('show one')
    .argument('<uid>', 'as `palisade assignment list` shows it')
    .action(async (uid: string, options: ServerAndOutput) => {
      const { getAssignment } = await import('./assignments.ts')
      await getAssignment(uid, options, edges)
    })

  const create = withOutput(withServer(assignment.command('create')))
    .description('give a user or a team a role, in the organisation or in a project')
    .addOption(new Option('--user <email|uid>', 'who gets it').conflicts('team'))
    .option('--team <name|uid>', 'or the team that gets it')
    .requiredOption('--role <name|uid>', 'the role')
    .option('-p, --project <name|uid>', 'where (default: in the organisation, and so in all of its projects)')
  withConditions(withEnd(create, wiring))
    .addHelpText('after', createHelp)
    .action(async (options: GiveOptions) => {
      const { giveRole } = await import('./assignments.ts')
      await giveRole(options, edges)
    })

  withConditions(withEnd(withOutput(withServer(assignment.command('update'))), wiring))
    .description('change until when, or for which requests, somebody holds a role; what is not named stays')
    .argument('<uid>', 'as `palisade assignment list` shows it')
    .option('--no-network', 'from everywhere')
    .option('--no-window', 'at every time')
    .option('--no-sign-in-within', 'however long ago the sign-in was')
    .addHelpText('after', updateHelp)
    .action(async (uid: string, options: ChangeOptions) => {
      const { changeAssignment } = await import('./assignments.ts')
      await changeAssignment(uid, options, edges)
    })

  withOutput(withServer(assignment.command('delete')))
    .description('take a role from who holds it, after its name was typed')
    .argument('<uid>', 'as `palisade assignment list` shows it')
    .option('-y, --yes', 'do not ask')
    .action(async (uid: string, options: TakeOptions) => {
      const { takeAssignment } = await import('./assignments.ts')
      await takeAssignment(uid, options, edges)
    })
}

function withEnd(command: Command, { edges }: Wiring): Command {
  return command
    .addOption(
      new Option('--ends-in <length>', 'it ends so long from now: 45m, 8h, 30d')
        .argParser(lengthMs)
        .conflicts(['endsAt', 'forGood']),
    )
    .addOption(
      new Option('--ends-at <time>', 'it ends then: 2030-01-31 (as the day begins in UTC), 2030-01-31T18:00+01:00')
        .argParser(timeToCome(edges.now))
        .conflicts('forGood'),
    )
    .option('--for-good', 'it has no end')
}

function withConditions(command: Command): Command {
  return command
    .addOption(
      new Option('--network <cidr>', 'it counts from there alone, such as 10.0.0.0/8; several times').argParser(
        (value: string, before: readonly string[] | false | undefined) => [...(before || []), value],
      ),
    )
    .addOption(
      new Option(
        '--window <days times zone>',
        'it counts then alone: "mon-fri 08:00-18:00 Europe/Berlin", "daily 22:00-06:00 UTC"',
      ).argParser(window),
    )
    .addOption(
      new Option('--sign-in-within <length>', 'it counts for so long after signing in alone: 15m, 8h').argParser(
        lengthMs,
      ),
    )
}

function lengthMs(text: string): number {
  const length = parseLength(text)
  if (length === undefined) throw new InvalidArgumentError('It is a length such as 45m, 8h or 30d.')
  return length
}

function timeToCome(now: () => Date) {
  return (text: string): Date => {
    const date = new Date(text)
    if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$/.test(text) || Number.isNaN(date.getTime()))
      throw new InvalidArgumentError('Write a day such as 2030-01-31, or a time such as 2030-01-31T18:00Z.')
    if (date <= now()) throw new InvalidArgumentError('This is in the past.')
    return date
  }
}

function window(text: string) {
  const read = parseTimeWindow(text)
  if (!read)
    throw new InvalidArgumentError('Write days, times and a time zone, such as "mon-fri 08:00-18:00 Europe/Berlin".')
  return read
}

const createHelp = `
Say until when: --ends-in, --ends-at or --for-good. Where conditions are named it counts only for requests that meet all of them.

  palisade assignment create --user dan@acme.example --role 'Project Viewer' --project payments --ends-in 8h
  palisade assignment create --team oncall --role 'Cluster Admin' --project payments --for-good \\
    --window 'mon-fri 08:00-18:00 Europe/Berlin' --network 10.0.0.0/8 --network 2001:db8::/32 --sign-in-within 15m
`

const updateHelp = `
  palisade assignment update 0123456789abcdef01234567 --ends-in 2h
  palisade assignment update 0123456789abcdef01234567 --for-good --network 10.0.0.0/8 --no-window
`
