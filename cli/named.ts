import { z } from 'zod'
import type { Api } from './api.ts'
import { Failure, wrongUse } from './failure.ts'
import { type Kind, type KindName, kinds } from './kinds.ts'

const uidText = /^[0-9a-f]{24}$/

/** A thing that a person named. */
export type Named = { readonly uid: string; readonly name: string }

/**
 * The UID of what a person names by name or UID: what looks like a UID is one. A name is looked for in the whole list,
 * without case; one that several have is refused with their UIDs.
 */
export async function uidOf(api: Api, kind: KindName, given: string): Promise<string> {
  if (uidText.test(given)) return given
  return (await findByName(api, kinds[kind], given)).uid
}

/** The same with its name, for questions and messages. */
export async function named(api: Api, kind: KindName, given: string): Promise<Named> {
  const one = kinds[kind]
  if (!uidText.test(given)) return findByName(api, one, given)
  const found = one.item.parse(await api.call('GET', `${one.path}/${given}`))
  return { uid: given, name: one.names(found)[0] ?? given }
}

async function findByName(api: Api, kind: Kind, given: string): Promise<Named> {
  if (given === '') throw wrongUse(`the name of the ${kind.name} is empty`)
  const items = (await api.list(kind.path)).map((item) => kind.item.parse(item))
  const wanted = folded(given)
  const found = items.filter((item) => kind.names(item).some((name) => folded(name) === wanted))
  const [only, ...others] = found
  if (only === undefined)
    throw new Failure(`there is no ${kind.name} named "${given}" that you may see`, {
      hints: [`palisade ${kind.name} list`],
    })
  if (others.length > 0)
    throw new Failure(`several have the name "${given}"; name one by its UID`, {
      hints: found.map((item) => `${kind.uid(item)}   ${kind.names(item).join('   ')}`),
    })
  return { uid: kind.uid(only), name: kind.names(only)[0] ?? given }
}

const folded = (text: string) => text.normalize('NFKC').toLowerCase()

/** What has no commands of its own, and is a part of what others name: where its names are listed. */
const parts = {
  filter: { path: '/v1/filters/metadata', item: z.looseObject({ uid: z.string(), name: z.string() }) },
  workspace: {
    path: '/v1/dashboard/workspaces',
    item: z
      .looseObject({ metadata: z.looseObject({ uid: z.string(), name: z.string() }) })
      .transform(({ metadata }) => metadata),
  },
} as const

/** The UID of a filter or workspace that a person names by name or UID. Workspaces of two projects may have one name. */
export async function partOf(api: Api, kind: keyof typeof parts, given: string): Promise<string> {
  if (uidText.test(given)) return given
  const { path, item } = parts[kind]
  const { items } = z.object({ items: z.array(item) }).parse(await api.call('GET', path))
  const [only, ...others] = items.filter(({ name }) => folded(name) === folded(given))
  if (only === undefined) throw new Failure(`there is no ${kind} named "${given}" that you may see`)
  if (others.length > 0)
    throw new Failure(`several have the name "${given}"; name one by its UID`, {
      hints: [only, ...others].map(({ uid, name }) => `${uid}   ${name}`),
    })
  return only.uid
}

/** The UID of the project that `--project` names; undefined where it names none. */
export async function projectOf(api: Api, given: string | undefined): Promise<string | undefined> {
  return given === undefined ? undefined : uidOf(api, 'project', given)
}
