import { type Grant, WhoCan } from '../contract/access.ts'
import { conditionsInWords } from '../contract/conditions-in-words.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { wrongUse } from './failure.ts'
import { projectOf, uidOf } from './named.ts'
import { printJson, printTable, shownTime } from './output.ts'

export type WhoCanOptions = ServerAndOutput & {
  readonly project?: string
  readonly cluster?: string
  readonly workspace?: string
  readonly profile?: string
  readonly cloudAccount?: string
  readonly sshKey?: string
  readonly filtered?: boolean
}

/** As many as the server gives at once. */
const pageSize = 100

/** `palisade who-can PERMISSION`: everybody who may, and a line for each way in which. */
export async function whoCan(permission: string, options: WhoCanOptions, edges: CliEdges): Promise<void> {
  const { workspace, profile, cloudAccount, sshKey } = options
  const places = [options.project, options.cluster, workspace, profile, cloudAccount, sshKey]
  if (places.filter((one) => one !== undefined).length > 1)
    throw wrongUse(
      '--project, --cluster, --workspace, --profile, --cloud-account and --ssh-key exclude each other',
      'An object is in one project, which need not be named.',
    )
  await withApi(options, edges, async (api) => {
    const project = await projectOf(api, options.project)
    const cluster = options.cluster === undefined ? undefined : await uidOf(api, 'cluster', options.cluster)
    const items: WhoCan['items'] = []
    for (let count = Number.POSITIVE_INFINITY; items.length < count; ) {
      const filtered = options.filtered ? 'true' : undefined
      const about = { project, cluster, workspace, profile, cloudAccount, sshKey, filtered }
      const query = { permission, ...about, limit: pageSize, offset: items.length }
      const page = WhoCan.parse(await api.call('GET', '/v1/palisade/access/who-can', { query }))
      items.push(...page.items)
      // Somebody may have lost it meanwhile.
      count = page.items.length === 0 ? 0 : page.count
    }
    if (options.output === 'json') return printJson(edges, items)
    printTable(edges, ['USER', 'ROLE', 'VIA', 'GIVEN IN', 'ON', 'UNTIL', 'ONLY'], rowsOf(items))
  })
}

/** A line for each way that the server names, and one that says how many more there are. */
export function rowsOf(items: WhoCan['items']): string[][] {
  return items.flatMap(({ user, because, becauseCount }) => {
    const more = becauseCount - because.length
    const rows = because.map((grant) => [user.name, ...cellsOf(grant)])
    return more > 0 ? [...rows, [user.name, `and ${more} more`]] : rows
  })
}

function placeOf({ kind, project, workspace }: Grant['scope']): string {
  if (workspace) return `workspace ${workspace.name}`
  return project ? `project ${project.name}` : kind
}

function cellsOf({ role, via, scope, filters, endsAt, conditions }: Grant): string[] {
  return [
    role.name,
    via.kind === 'user' ? 'own' : `team ${via.team.name}`,
    placeOf(scope),
    filters.length === 0 ? 'everything' : filters.map(({ name }) => name).join(' or '),
    endsAt === null ? '' : shownTime(endsAt),
    conditions === null ? '' : conditionsInWords(conditions),
  ]
}
