import { z } from 'zod'
import { ApiKeysFound } from '../contract/lists.ts'
import { createdApiKey } from '../contract/wire/api-keys.ts'
import { uidReply } from '../contract/wire/common.ts'
import { me, user } from '../contract/wire/users.ts'
import type { Api } from './api.ts'
import type { ServerAndOutput } from './command-options.ts'
import { withApi } from './connect.ts'
import type { CliEdges } from './edges.ts'
import { Failure, wrongUse } from './failure.ts'
import { type KindName, kinds } from './kinds.ts'
import { named, projectOf, uidOf } from './named.ts'
import { clean, printJson, printSides, printTable } from './output.ts'

type InProject = { readonly project?: string }

/** `palisade KIND list` */
export async function list(kind: KindName, options: ServerAndOutput & InProject, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const { path, item, columns, uid } = kinds[kind]
    const items = await api.list(path, { project: await projectOf(api, options.project) })
    if (options.output === 'json') return printJson(edges, kind === 'user' ? items.map(withoutLink) : items)
    const parsed = items.map((one) => item.parse(one))
    const refused = kind === 'key' ? await refusedKeys(api) : undefined
    printTable(
      edges,
      columns.map(([header]) => header),
      parsed.map((one) => columns.map(([header, cell]) => (header === 'STATE' && refused?.get(uid(one))) || cell(one))),
    )
  })
}

/** A list is kept and passed on; links that set a password have no place in it. `user get` shows one. */
function withoutLink(item: unknown): unknown {
  const { status, ...rest } = item as { status: { activationLink: string } }
  const { activationLink: _, ...others } = status
  return { ...rest, status: others }
}

/** `palisade KIND get` */
export async function get(kind: KindName, given: string, options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const { path, item, columns, sides, uid } = kinds[kind]
    const answer = await api.call('GET', `${path}/${await uidOf(api, kind, given)}`)
    if (options.output === 'json') return printJson(edges, answer)
    const one = item.parse(answer)
    const refused = kind === 'key' ? await refusedKeys(api) : undefined
    printSides(
      edges,
      [...columns, ...sides].map(([header, cell]) => [
        header.toLowerCase(),
        (header === 'STATE' && refused?.get(uid(one))) || cell(one),
      ]),
    )
    if (kind === 'user') showLink(edges, user.parse(answer).status.activationLink)
  })
}

/** Only what is asked of it, so that what a newer server says besides does no harm. */
const foundKeys = z.object({
  items: z.array(
    ApiKeysFound.shape.items.element
      .pick({ uid: true, isActive: true, hasExpired: true, createdByName: true, makerHoldsTooLittle: true })
      .strip(),
  ),
  count: z.number(),
})

/** Keys that are switched on and refused because of who made them, by their uid; the published list does not tell. */
async function refusedKeys(api: Api): Promise<Map<string, string>> {
  const refused = new Map<string, string>()
  for (let offset = 0, count = 1; offset < count; offset += 100) {
    const page = foundKeys.parse(await api.call('GET', '/v1/palisade/apiKeys', { query: { limit: 100, offset } }))
    count = page.count
    for (const { uid, isActive, hasExpired, createdByName, makerHoldsTooLittle } of page.items)
      if (isActive && !hasExpired && makerHoldsTooLittle)
        refused.set(
          uid,
          createdByName === null
            ? 'refused: who made it was removed'
            : `refused: ${createdByName}, who made it, holds too little`,
        )
  }
  return refused
}

function showLink(edges: CliEdges, link: string): void {
  if (link === '') return
  edges.out(`${clean(link)}\n`)
  edges.err('Hand this link over: whoever opens it sets the password. It works once, and for a day.\n')
}

/** `palisade KIND delete`, after the name was typed again or with `--yes`. */
export async function remove(
  kind: KindName,
  given: string,
  options: ServerAndOutput & { readonly yes?: true },
  edges: CliEdges,
): Promise<void> {
  await withApi(options, edges, async (api) => {
    const { uid, name } = await named(api, kind, given)
    if (!options.yes) await confirm(kind, name, edges)
    await api.call('DELETE', `${kinds[kind].path}/${uid}`)
    if (options.output === 'json') printJson(edges, { uid })
    else edges.err(`Deleted ${kind} ${clean(name)} (${uid}).\n`)
  })
}

async function confirm(kind: KindName, name: string, edges: CliEdges): Promise<void> {
  if (!edges.isTerminal.in)
    throw wrongUse(`nobody is there to confirm that the ${kind} "${name}" goes`, 'In scripts say --yes.')
  const typed = await edges.ask(`This deletes the ${kind} "${clean(name)}". Type its name to go on: `)
  if (typed.trim() !== name) throw new Failure('that is another name; nothing was deleted')
}

export type NewTenantOptions = ServerAndOutput & {
  readonly email: string
  readonly firstName: string
  readonly lastName?: string
}

/** `palisade tenant create`: the organisation and its first administrator. */
export async function createTenant(org: string, options: NewTenantOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const { email, firstName, lastName = '' } = options
    const spec = { orgName: org, emailId: email, firstName, lastName }
    const { uid } = uidReply.parse(await api.call('POST', '/v1/tenants', { body: { metadata: { name: org }, spec } }))
    const { status } = user.parse(await api.call('GET', `/v1/tenants/${uid}/user`))
    madeWithLink({ kind: 'tenant', name: org, uid, link: status.activationLink }, options, edges)
  })
}

export type NewUserOptions = ServerAndOutput & {
  readonly firstName: string
  readonly lastName?: string
  readonly team?: readonly string[]
  readonly role?: readonly string[]
}

/** `palisade user create`: who activates the account with the link. */
export async function createUser(email: string, options: NewUserOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const { firstName, lastName = '' } = options
    const [teams, roles] = [await uidsOf(api, 'team', options.team), await uidsOf(api, 'role', options.role)]
    const body = { spec: { emailId: email, firstName, lastName, teams, roles } }
    const { uid } = uidReply.parse(await api.call('POST', '/v1/users', { body }))
    const { status } = user.parse(await api.call('GET', `/v1/users/${uid}`))
    madeWithLink({ kind: 'user', name: email, uid, link: status.activationLink }, options, edges)
  })
}

function madeWithLink(
  made: { readonly kind: KindName; readonly name: string; readonly uid: string; readonly link: string },
  { output }: ServerAndOutput,
  edges: CliEdges,
): void {
  if (output === 'json') printJson(edges, { uid: made.uid, activationLink: made.link })
  else {
    edges.err(`Created ${made.kind} ${clean(made.name)} (${made.uid}).\n`)
    showLink(edges, made.link)
  }
}

export type NewProjectOptions = ServerAndOutput & {
  readonly label?: Readonly<Record<string, string>>
  readonly user?: readonly string[]
  readonly team?: readonly string[]
}

/** `palisade project create`, with who holds which role in it. */
export async function createProject(name: string, options: NewProjectOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const users = await holders(api, 'user', options.user)
    const teams = await holders(api, 'team', options.team)
    const spec = {
      users: users.map(({ uid, roles }) => ({ userId: uid, roles })),
      teams: teams.map(({ uid, roles }) => ({ teamId: uid, roles })),
    }
    const body = { metadata: { name, labels: options.label ?? {} }, spec }
    made('project', name, await api.call('POST', '/v1/projects', { body }), options, edges)
  })
}

/** `WHO=ROLE`, several times: each holder once, with all their roles. */
async function holders(api: Api, kind: 'user' | 'team', given: readonly string[] = []) {
  const roles = new Map<string, string[]>()
  for (const pair of given) {
    const at = pair.indexOf('=')
    if (at < 1 || at === pair.length - 1)
      throw wrongUse(`--${kind} ${pair}: say who and as what, such as --${kind} devs='Cluster Viewer'`)
    const uid = await uidOf(api, kind, pair.slice(0, at))
    roles.set(uid, [...(roles.get(uid) ?? []), await uidOf(api, 'role', pair.slice(at + 1))])
  }
  return [...roles].map(([uid, list]) => ({ uid, roles: list }))
}

export type NewTeamOptions = ServerAndOutput & { readonly user?: readonly string[]; readonly role?: readonly string[] }

/** `palisade team create` */
export async function createTeam(name: string, options: NewTeamOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const [users, roles] = [await uidsOf(api, 'user', options.user), await uidsOf(api, 'role', options.role)]
    const body = { metadata: { name }, spec: { users, roles } }
    made('team', name, await api.call('POST', '/v1/teams', { body }), options, edges)
  })
}

export type NewRoleOptions = ServerAndOutput & { readonly scope: string; readonly permission: readonly string[] }

/** `palisade role create` */
export async function createRole(name: string, options: NewRoleOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const { scope, permission: permissions } = options
    const body = { metadata: { name }, spec: { scope, permissions } }
    made('role', name, await api.call('POST', '/v1/roles', { body }), options, edges)
  })
}

/** `palisade role clone` */
export async function cloneRole(given: string, name: string, options: ServerAndOutput, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const path = `/v1/roles/${await uidOf(api, 'role', given)}/clone`
    made('role', name, await api.call('POST', path, { body: { metadata: { name } } }), options, edges)
  })
}

export type NewKeyOptions = ServerAndOutput & { readonly expires?: Date; readonly user?: string }

/** `palisade key create`: prints the key, this once. */
export async function createKey(name: string, options: NewKeyOptions, edges: CliEdges): Promise<void> {
  await withApi(options, edges, async (api) => {
    const userUid = options.user === undefined ? '' : await uidOf(api, 'user', options.user)
    const body = { metadata: { name }, spec: { userUid, expiry: options.expires?.toISOString() ?? null } }
    const isForAnother = userUid !== '' && me.parse(await api.call('GET', '/v1/users/me')).metadata.uid !== userUid
    const answer = await api.call('POST', '/v1/apiKeys', { body })
    if (isForAnother)
      edges.err(
        'This key is refused from when you may not do all that its owner may: when a role of yours ends, or you leave.\n',
      )
    const { uid, apiKey } = createdApiKey.parse(answer)
    if (options.output === 'json') return printJson(edges, answer)
    edges.err(`Created key ${clean(name)} (${uid}). It is shown this once:\n`)
    edges.out(`${clean(apiKey)}\n`)
  })
}

function made(kind: KindName, name: string, answer: unknown, { output }: ServerAndOutput, edges: CliEdges): void {
  const { uid } = uidReply.parse(answer)
  if (output === 'json') printJson(edges, answer)
  else {
    edges.err(`Created ${kind} ${clean(name)}.\n`)
    edges.out(`${uid}\n`)
  }
}

async function uidsOf(api: Api, kind: KindName, given: readonly string[] = []): Promise<string[]> {
  const uids: string[] = []
  for (const one of given) uids.push(await uidOf(api, kind, one))
  return uids
}
