import { SimulationAnswer } from '../contract/access.ts'
import { role } from '../contract/wire/roles.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { wrongUse } from './failure.ts'
import { uidOf } from './named.ts'
import { printJson, printTable, shownTime } from './output.ts'

export type WhatIfOptions = ServerAndOutput & {
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
  readonly days: number
}

/** As many as the server gives at once. */
const pageSize = 100

/** `palisade what-if ROLE`: who would gain and lose what if the role had other permissions, and what they did lately. */
export async function whatIf(name: string, options: WhatIfOptions, edges: CliEdges): Promise<void> {
  const { add = [], remove = [], days } = options
  if (add.length + remove.length === 0)
    throw wrongUse('nothing would change', 'Name a permission with --add or --remove.')
  await withApi(options, edges, async (api) => {
    const uid = await uidOf(api, 'role', name)
    const { spec } = role.parse(await api.call('GET', `/v1/roles/${uid}`))
    const unknown = remove.find((permission) => !spec.permissions.includes(permission))
    if (unknown !== undefined) throw wrongUse(`the role has no permission ${unknown} that could be removed`)
    const permissions = [...new Set([...spec.permissions, ...add])].filter((one) => !remove.includes(one))
    const users: SimulationAnswer['users']['items'] = []
    let replay: SimulationAnswer['replay'] = null
    for (let count = Number.POSITIVE_INFINITY; users.length < count; ) {
      const isFirst = users.length === 0
      const body = {
        change: { kind: 'role', role: uid, permissions },
        // The log is asked once.
        replayDays: isFirst ? days : 0,
        ...{ limit: pageSize, offset: users.length },
      }
      const page = SimulationAnswer.parse(await api.call('POST', '/v1/palisade/access/simulate', { body }))
      if (isFirst) replay = page.replay
      users.push(...page.users.items)
      count = page.users.items.length === 0 ? 0 : page.users.count
    }
    if (options.output === 'json') return printJson(edges, { users, replay })
    printTable(
      edges,
      ['USER', 'WHERE', 'GAINS', 'LOSES'],
      users.flatMap(({ user, places, selections }) => [
        ...places.map(({ scope, gains, loses }) => {
          const where = scope.workspace ?? scope.project
          return [user.name, where ? `${scope.kind} ${where.name}` : scope.kind, gains.join(' '), loses.join(' ')]
        }),
        ...selections.map(({ filters, gains, loses }) => {
          return [
            user.name,
            `what ${filters.map((one) => one.name).join(' or ')} selects`,
            gains.join(' '),
            loses.join(' '),
          ]
        }),
      ]),
    )
    if (replay === null) return
    edges.out(
      `\n${replay.requests} recorded requests of these people since ${shownTime(replay.since)}${replay.more ? ', and more that were not looked at' : ''}; ${replay.items.length === 0 ? 'none would go otherwise' : 'otherwise would go:'}\n`,
    )
    if (replay.items.length > 0)
      printTable(
        edges,
        ['USER', 'PERMISSION', 'ON', 'NOW', 'THEN', 'TIMES', 'LAST'],
        replay.items.map(({ user, permission, resource, before, after, count, latest }) => [
          ...[user.name, permission, `${resource.kind} ${resource.name || resource.uid}`],
          ...[before, after, String(count), shownTime(latest.time)],
        ]),
      )
  })
}
