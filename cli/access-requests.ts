import {
  type AccessRequest,
  AccessRequestApproved,
  AccessRequestMade,
  AccessRequests,
} from '../contract/access-requests.ts'
import type { Api } from './api.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { wrongUse } from './failure.ts'
import { uidOf } from './named.ts'
import { printJson, printTable, shownTime } from './output.ts'

export type AskOptions = ServerAndOutput & {
  readonly project?: string
  readonly cluster?: string
  readonly lengthMs: number
  readonly reason: string
}
export type ListOptions = ServerAndOutput & { readonly mine?: true; readonly waiting?: true }
export type AnswerOptions = ServerAndOutput & { readonly note?: string }

const path = '/v1/palisade/access/requests'
/** As many as the server gives at once. */
const pageSize = 100

/** `palisade request ROLE`. Role and project are named as people know them: who asks need not see either. */
export async function requestRole(role: string, options: AskOptions, edges: CliEdges): Promise<void> {
  const { project, cluster, lengthMs, reason } = options
  if (project !== undefined && cluster !== undefined)
    throw wrongUse(
      '--project and --cluster exclude each other',
      'A cluster is in one project, which need not be named.',
    )
  await withApi(options, edges, async (api) => {
    const body = {
      ...{ role, seconds: Math.round(lengthMs / 1_000), reason },
      ...(project === undefined ? {} : { project }),
      ...(cluster === undefined ? {} : { cluster: await uidOf(api, 'cluster', cluster) }),
    }
    const made = AccessRequestMade.parse(await api.call('POST', path, { body }))
    if (options.output === 'json') return printJson(edges, made)
    edges.out(`${made.uid}\n`)
    edges.err(`asked; whoever may give it has until ${shownTime(made.expiresAt)} to answer\n`)
  })
}

/** `palisade requests`. */
export async function listRequests(options: ListOptions, edges: CliEdges): Promise<void> {
  if (options.mine && options.waiting)
    throw wrongUse('--mine and --waiting exclude each other', 'Both are shown without.')
  await withApi(options, edges, async (api) => {
    const waiting = options.mine ? [] : await all(api, 'waiting')
    const mine = options.waiting ? [] : await all(api, 'mine')
    const items = [...waiting, ...mine]
    if (options.output === 'json') return printJson(edges, items)
    printTable(edges, ['ID', 'WHO', 'ROLE', 'IN', 'FOR', 'STATE', 'UNTIL', 'REASON'], items.map(cellsOf))
  })
}

/** `palisade approve` and `palisade deny`. */
export async function answerRequest(
  act: 'approve' | 'deny',
  uid: string,
  options: AnswerOptions,
  edges: CliEdges,
): Promise<void> {
  await withApi(options, edges, async (api) => {
    const body = options.note === undefined ? {} : { note: options.note }
    const answer = await api.call('POST', `${path}/${uidIn(uid)}/${act}`, { body })
    if (act === 'deny') return edges.err('denied\n')
    const given = AccessRequestApproved.parse(answer)
    if (options.output === 'json') return printJson(edges, given)
    edges.err(`approved: it is held until ${shownTime(given.endsAt)}\n`)
  })
}

/** `palisade withdraw`. */
export async function withdrawRequest(uid: string, options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    await api.call('POST', `${path}/${uidIn(uid)}/withdraw`)
    edges.err('withdrawn\n')
  })
}

async function all(api: Api, view: 'mine' | 'waiting'): Promise<AccessRequest[]> {
  const items: AccessRequest[] = []
  for (let count = Number.POSITIVE_INFINITY; items.length < count; ) {
    const query = { view, limit: pageSize, offset: items.length }
    const page = AccessRequests.parse(await api.call('GET', path, { query }))
    items.push(...page.items)
    // Some may be gone meanwhile.
    count = page.items.length === 0 ? 0 : page.count
  }
  return items
}

function cellsOf({
  uid,
  user,
  role,
  project,
  seconds,
  state,
  expiresAt,
  endsAt,
  reason,
  isMine,
}: AccessRequest): string[] {
  const until = state === 'approved' ? endsAt : state === 'open' ? expiresAt : null
  return [
    uid,
    isMine ? 'you' : user.name,
    role.name,
    project === null ? 'tenant' : `project ${project.name}`,
    lengthOf(seconds),
    state,
    until === null ? '' : shownTime(until),
    reason,
  ]
}

/** `90 min`, `2 h`, `1 d 12 h`: the two largest units. */
function lengthOf(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  const parts = [
    [Math.floor(minutes / 1_440), 'd'],
    [Math.floor((minutes % 1_440) / 60), 'h'],
    [minutes % 60, 'min'],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .slice(0, 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

function uidIn(given: string): string {
  if (!/^[0-9a-f]{24}$/.test(given)) throw wrongUse('this is no request id', 'palisade requests lists them.')
  return given
}
