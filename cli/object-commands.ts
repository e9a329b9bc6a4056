import { type Command, InvalidArgumentError, Option } from 'commander'
import { collect, collectPair, type ServerAndOutput, type Wiring, withOutput, withServer } from './command-options.ts'
import type { KindName } from './kinds.ts'
import type {
  NewKeyOptions,
  NewProjectOptions,
  NewRoleOptions,
  NewTeamOptions,
  NewTenantOptions,
  NewUserOptions,
} from './resources.ts'

/** What administrators make and remove, each kind with list, get and what else `/v1` offers for it. */
export function addObjectCommands(program: Command, wiring: Wiring): void {
  const { edges } = wiring

  const tenant = kindCommand(program, 'tenant', 'organisations, for system administrators', wiring)
  withOutput(withServer(tenant.command('create')))
    .description('make an organisation with its first administrator; prints the link that activates their account')
    .argument('<name>', 'name of the organisation')
    .requiredOption('--email <address>', 'of the first administrator')
    .requiredOption('--first-name <name>', 'theirs')
    .option('--last-name <name>', 'theirs')
    .addHelpText('after', '\n  palisade tenant create acme --email ada@acme.example --first-name Ada\n')
    .action(async (name: string, options: NewTenantOptions) => {
      const { createTenant } = await import('./resources.ts')
      await createTenant(name, options, edges)
    })

  const project = kindCommand(program, 'project', 'projects, which hold clusters', wiring)
  withOutput(withServer(project.command('create')))
    .description('make a project, with who holds which role in it')
    .argument('<name>', 'name of the project')
    .option('--user <user=role>', 'a user who gets a role in it; several times', collect)
    .option('--team <team=role>', 'a team that gets a role in it; several times', collect)
    .option('--label <key=value>', 'several times', collectPair)
    .addHelpText('after', "\n  palisade project create payments --team devs='Cluster Viewer' --label env=prod\n")
    .action(async (name: string, options: NewProjectOptions) => {
      const { createProject } = await import('./resources.ts')
      await createProject(name, options, edges)
    })

  const user = kindCommand(program, 'user', 'people', wiring)
  withOutput(withServer(user.command('create')))
    .description('make a user; prints the link that activates the account')
    .argument('<email>', 'their address')
    .requiredOption('--first-name <name>', 'theirs')
    .option('--last-name <name>', 'theirs')
    .option('--team <name|uid>', 'a team they belong to; several times', collect)
    .option('--role <name|uid>', 'a role in the whole tenant; several times', collect)
    .addHelpText('after', '\n  palisade user create dan@acme.example --first-name Dan --team devs\n')
    .action(async (email: string, options: NewUserOptions) => {
      const { createUser } = await import('./resources.ts')
      await createUser(email, options, edges)
    })

  const team = kindCommand(program, 'team', 'teams, which hold roles for their members', wiring)
  withOutput(withServer(team.command('create')))
    .description('make a team')
    .argument('<name>', 'name of the team')
    .option('--user <email|uid>', 'a member; several times', collect)
    .option('--role <name|uid>', 'a role in the whole tenant; several times', collect)
    .addHelpText('after', '\n  palisade team create devs --user dan@acme.example\n')
    .action(async (name: string, options: NewTeamOptions) => {
      const { createTeam } = await import('./resources.ts')
      await createTeam(name, options, edges)
    })

  const role = kindCommand(program, 'role', 'roles, and what they give', wiring)
  withOutput(withServer(role.command('create')))
    .description('make a role of your own')
    .argument('<name>', 'name of the role')
    .addOption(
      new Option('--scope <scope>', 'where it is given: to all of the tenant, in projects, or on what filters select')
        .choices(['tenant', 'project', 'resource'])
        .makeOptionMandatory(),
    )
    .requiredOption('--permission <permission>', 'what it allows, such as cluster.get; several times', collect)
    .addHelpText(
      'after',
      '\n  palisade role create watcher --scope project --permission project.get --permission cluster.get\n',
    )
    .action(async (name: string, options: NewRoleOptions) => {
      const { createRole } = await import('./resources.ts')
      await createRole(name, options, edges)
    })
  withOutput(withServer(role.command('clone')))
    .description('make a role with the scope and the permissions of another, predefined ones too')
    .argument('<name|uid>', 'the role that is copied')
    .argument('<new-name>', 'name of the copy')
    .addHelpText('after', "\n  palisade role clone 'Cluster Viewer' 'Cluster Watcher'\n")
    .action(async (given: string, name: string, options: ServerAndOutput) => {
      const { cloneRole } = await import('./resources.ts')
      await cloneRole(given, name, options, edges)
    })

  const key = kindCommand(program, 'key', 'API keys', wiring)
  withOutput(withServer(key.command('create')))
    .description('make an API key; prints it, this once')
    .argument('<name>', 'name of the key')
    .option('--expires <time>', 'such as 90d, 12h or 2030-01-31', parseExpiry(edges.now))
    .option('--user <email|uid>', 'whose key it is (default: your own)')
    .addHelpText('after', '\n  palisade key create ci --expires 90d > key.txt\n')
    .action(async (name: string, options: NewKeyOptions) => {
      const { createKey } = await import('./resources.ts')
      await createKey(name, options, edges)
    })
}

/** A kind's command with `list`, `get` and `delete`. */
export function kindCommand(
  program: Command,
  kind: KindName,
  about: string,
  { edges }: Wiring,
  own: { readonly get?: (given: string, options: ServerAndOutput) => Promise<void> } = {},
): Command {
  const command = program.command(kind).description(about)
  const isInProject = kind === 'cluster'

  const list = withOutput(withServer(command.command('list')))
    .description(isInProject ? 'list the clusters that you may see' : 'list them all')
    .action(async (options: ServerAndOutput) => {
      const resources = await import('./resources.ts')
      await resources.list(kind, options, edges)
    })
  if (isInProject) list.option('-p, --project <name|uid>', 'only those of this project')

  const byName = kind === 'user' ? '<email|uid>' : '<name|uid>'
  withOutput(withServer(command.command('get')))
    .description('show one')
    .argument(byName)
    .action(async (given: string, options: ServerAndOutput) => {
      if (own.get) return own.get(given, options)
      const resources = await import('./resources.ts')
      await resources.get(kind, given, options, edges)
    })

  withOutput(withServer(command.command('delete')))
    .description('delete one, after its name was typed again')
    .argument(byName)
    .option('-y, --yes', 'do not ask')
    .action(async (given: string, options: ServerAndOutput & { yes?: true }) => {
      const resources = await import('./resources.ts')
      await resources.remove(kind, given, options, edges)
    })
  return command
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A length of time such as `30d`, in milliseconds; undefined for another text. */
export function parseLength(text: string): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? []
  return count === undefined ? undefined : Number(count) * unitMs[unit as keyof typeof unitMs] // as the pattern says
}

function parseExpiry(now: () => Date) {
  return (text: string): Date => {
    const length = parseLength(text)
    const date = length === undefined ? new Date(text) : new Date(now().getTime() + length)
    if (!/^[1-9]\d{0,4}[mhd]$|^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(date.getTime()))
      throw new InvalidArgumentError('Write a length such as 90d or 12h, or a day such as 2030-01-31.')
    if (date <= now()) throw new InvalidArgumentError('This is in the past.')
    return date
  }
}
