import { Assignment, AssignmentList, AssignmentMade } from '../contract/assignments.ts'
import { conditionsInWords } from '../contract/conditions-in-words.ts'
import { RequestConditions } from '../contract/request-conditions.ts'
import { problemOfConditions } from '../core/access/index.ts'
import type { Api } from './api.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { Failure, wrongUse } from './failure.ts'
import { projectOf, uidOf } from './named.ts'
import { clean, printJson, printSides, printTable, shownTime } from './output.ts'

type Whose = { readonly user?: string; readonly team?: string; readonly project?: string }
type EndOptions = { readonly endsIn?: number; readonly endsAt?: Date; readonly forGood?: true }
/** `false`: the condition is lifted. */
type ConditionOptions = {
  readonly network?: readonly string[] | false
  readonly window?: NonNullable<RequestConditions['timeWindow']> | false
  readonly signInWithin?: number | false
}

export type ListOptions = ServerAndOutput & Whose
export type GiveOptions = ServerAndOutput & Whose & EndOptions & ConditionOptions & { readonly role: string }
export type ChangeOptions = ServerAndOutput & EndOptions & ConditionOptions
export type TakeOptions = ServerAndOutput & { readonly yes?: true }

const path = '/v1/palisade/access/assignments'

/** `palisade assignment list`. */
export async function listAssignments(options: ListOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const query = await inUids(api, options)
    const { items } = AssignmentList.parse(await api.call('GET', path, { query }))
    if (options.output === 'json') return printJson(edges, items)
    printTable(
      edges,
      columns.map(([header]) => header),
      items.map((one) => columns.map(([, cell]) => cell(one))),
    )
  })
}

/** `palisade assignment get`. */
export async function getAssignment(uid: string, options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => show(await read(api, uidIn(uid)), options, edges))
}

/** `palisade assignment create`. */
export async function giveRole(options: GiveOptions, edges: CliEdges): Promise<void> {
  if (options.user === undefined && options.team === undefined)
    throw wrongUse('nobody is named who gets the role', 'Name them by --user or --team.')
  const endsAt = endOf(options, edges)
  if (endsAt === undefined)
    throw wrongUse('until when is not said', 'Say it by --ends-in, --ends-at or, without an end, --for-good.')
  const conditions = changed(null, options)
  await withApi(options, edges, async (api) => {
    const role = await uidOf(api, 'role', options.role)
    const body = { ...(await inUids(api, options)), role, endsAt, conditions }
    const answer = await api.call('POST', path, { body })
    if (options.output === 'json') return printJson(edges, answer)
    const made = AssignmentMade.parse(answer)
    edges.err(`Given ${clean(termsInWords({ endsAt: made.endsAt, conditions }))}.\n`)
    edges.out(`${made.uid}\n`)
  })
}

/** `palisade assignment update`: what is not named stays, each condition by itself. */
export async function changeAssignment(given: string, options: ChangeOptions, edges: CliEdges): Promise<void> {
  const uid = uidIn(given)
  const endsAt = endOf(options, edges)
  const namesConditions = [options.network, options.window, options.signInWithin].some((one) => one !== undefined)
  if (endsAt === undefined && !namesConditions)
    throw wrongUse('nothing is named that changes', 'palisade assignment update --help lists what can.')
  // What is wrong by itself is said before the server is asked.
  changed(null, options)
  await withApi(options, edges, async (api) => {
    const body = {
      ...(endsAt === undefined ? {} : { endsAt }),
      // The server takes conditions as a whole.
      ...(namesConditions ? { conditions: changed((await read(api, uid)).conditions, options) } : {}),
    }
    await api.call('PATCH', `${path}/${uid}`, { body })
    const after = await read(api, uid)
    if (options.output === 'json') return printJson(edges, after)
    edges.err(`${clean(inWords(after))}: held ${clean(termsInWords(after))} now.\n`)
  })
}

/** `palisade assignment delete`, after the name of the role was typed or with `--yes`. */
export async function takeAssignment(given: string, options: TakeOptions, edges: CliEdges): Promise<void> {
  const uid = uidIn(given)
  await withApi(options, edges, async (api) => {
    const before = await read(api, uid)
    if (!options.yes) await confirm(before, edges)
    await api.call('DELETE', `${path}/${uid}`)
    if (options.output === 'json') printJson(edges, { uid })
    else edges.err(`Taken: ${clean(inWords(before))}.\n`)
  })
}

async function confirm(one: Assignment, edges: CliEdges): Promise<void> {
  if (!edges.isTerminal.in)
    throw wrongUse(`nobody is there to confirm that this is taken: ${inWords(one)}`, 'In scripts say --yes.')
  const typed = await edges.ask(`This takes ${clean(inWords(one))}. Type the name of the role to go on: `)
  if (typed.trim() !== what(one)) throw new Failure('that is another name; nothing was taken')
}

async function read(api: Api, uid: string): Promise<Assignment> {
  return Assignment.parse(await api.call('GET', `${path}/${uid}`))
}

/** Who and where, as the server knows them. */
async function inUids(api: Api, { user, team, project }: Whose) {
  const inProject = await projectOf(api, project)
  return {
    ...(user === undefined ? {} : { user: await uidOf(api, 'user', user) }),
    ...(team === undefined ? {} : { team: await uidOf(api, 'team', team) }),
    ...(inProject === undefined ? {} : { project: inProject }),
  }
}

/** When it ends as the API takes it, `null` being never; undefined: it is not said. */
function endOf({ endsIn, endsAt, forGood }: EndOptions, edges: CliEdges): string | null | undefined {
  if (forGood) return null
  const at = endsIn === undefined ? endsAt : new Date(edges.now().getTime() + endsIn)
  return at?.toISOString()
}

/** The conditions with those of the options in the place of what was there; `null`: there are none any more. */
function changed(before: RequestConditions | null, { network, window, signInWithin }: ConditionOptions) {
  const wanted = {
    timeWindow: window ?? before?.timeWindow,
    networks: network ?? before?.networks,
    signInWithinSeconds:
      typeof signInWithin === 'number' ? signInWithin / 1_000 : (signInWithin ?? before?.signInWithinSeconds),
  }
  const named = Object.fromEntries(Object.entries(wanted).filter(([, one]) => one !== undefined && one !== false))
  if (Object.keys(named).length === 0) return null
  const parsed = RequestConditions.safeParse(named)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw wrongUse(asOptions(`${issue?.path.join('.')}: ${issue?.message}`))
  }
  const problem = problemOfConditions(parsed.data)
  if (problem !== undefined) throw wrongUse(asOptions(problem))
  return parsed.data
}

/** What is wrong, by the names that were typed. */
const asOptions = (problem: string): string =>
  problem
    .replace(/^timeWindow(\.\w+)*: /, '--window: ')
    .replace(/^networks(\.\w+)*: /, '--network: ')
    .replace(/^signInWithinSeconds: /, '--sign-in-within: ')

const what = ({ role }: Assignment): string => role.name

const who = ({ subject }: Assignment): string =>
  `${subject.kind === 'team' ? 'team ' : ''}${subject.name === '' ? subject.uid : subject.name}`

const where = ({ project }: Assignment): string => (project === null ? 'tenant' : `project ${project.name}`)

const inWords = (one: Assignment): string =>
  `${what(one)} of ${who(one)} in ${one.project === null ? 'the ' : ''}${where(one)}`

/** `until 2030-01-31 08:00:00Z, only from 10.0.0.0/8`. */
const termsInWords = ({ endsAt, conditions }: Pick<Assignment, 'endsAt' | 'conditions'>): string =>
  [
    endsAt === null ? 'for good' : `until ${shownTime(endsAt)}`,
    ...(conditions === null ? [] : [`only ${conditionsInWords(conditions)}`]),
  ].join(', ')

const columns: readonly (readonly [header: string, cell: (one: Assignment) => string])[] = [
  ['UID', ({ uid }) => uid],
  ['WHO', who],
  ['ROLE', what],
  ['IN', where],
  ['UNTIL', ({ endsAt }) => (endsAt === null ? '' : shownTime(endsAt))],
  ['ONLY', ({ conditions }) => (conditions === null ? '' : conditionsInWords(conditions))],
]

function show(one: Assignment, { output }: ServerAndOutput, edges: CliEdges): void {
  const { createdAt, createdBy } = one
  if (output === 'json') printJson(edges, one)
  else
    printSides(edges, [
      ...columns.map(([header, cell]) => [header.toLowerCase(), cell(one)] as const),
      ['given', shownTime(createdAt)],
      ['by', createdBy === null ? '' : createdBy.name || createdBy.uid],
    ])
}

function uidIn(given: string): string {
  if (!/^[0-9a-f]{24}$/.test(given))
    throw wrongUse('this is no UID of an assignment', 'palisade assignment list shows them.')
  return given
}
