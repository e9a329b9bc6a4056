import { z } from 'zod'
import { nameKey, numberInQuery, storableText } from './wire/common.ts'
import { type Columns, sorted } from './wire/list-select.ts'

/** Our own lists for a reader who looks for something: searched, ordered and cut by the server. */

const uidAndName = z.strictObject({ uid: z.string(), name: z.string() })

/** What every such list is asked with. */
export const searchQuery = <const Orders extends readonly [string, ...string[]]>(orders: Orders) =>
  z.strictObject({
    /** A part of the name, however it is spelled. */
    q: storableText(512).default(''),
    orderBy: z.enum(orders).default(orders[0]),
    descending: z.enum(['true', 'false']).default('false'),
    limit: numberInQuery(1, 100).default(50),
    offset: numberInQuery(0, 1_000_000_000).default(0),
  })

export const searchFound = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({
    items: z.array(item),
    /** How many fit, on all pages. */
    count: z.int(),
  })

export const TeamsQuery = searchQuery(['name', 'createdAt'])
export const TeamsFound = searchFound(
  z.strictObject({
    ...uidAndName.shape,
    members: z.int(),
    /** Given in the whole tenant. */
    roles: z.array(uidAndName),
    /** Where roles are given in projects. */
    projects: z.array(uidAndName),
    createdAt: z.iso.datetime(),
  }),
)

const roleScopes = ['tenant', 'project', 'resource'] as const
/** `q` also finds the roles that carry the permission of exactly this name. */
export const RolesQuery = searchQuery(['name', 'permissions']).extend({ scope: z.enum(roleScopes).optional() })
export const RolesFound = searchFound(
  z.strictObject({
    ...uidAndName.shape,
    scope: z.enum(roleScopes),
    description: z.string(),
    /** How many it carries. */
    permissions: z.int(),
    isPredefined: z.boolean(),
    isEnabled: z.boolean(),
  }),
)

export const ApiKeysQuery = searchQuery(['name', 'expiresAt', 'createdAt'])
export const ApiKeysFound = searchFound(
  z.strictObject({
    ...uidAndName.shape,
    /** Whom it acts as. */
    user: uidAndName,
    /** The uid of who made it: while they may not do all that its owner may, it is refused. */
    createdBy: z.string(),
    /** What they are called; null: they were removed since. */
    createdByName: z.string().nullable(),
    /** Whether it is refused because of who made it: they are switched off or removed, or may not do all that its owner may. */
    makerHoldsTooLittle: z.boolean(),
    /** Whether it is switched on; an expired one is refused all the same. */
    isActive: z.boolean(),
    hasExpired: z.boolean(),
    expiresAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  }),
)

type Asked = {
  readonly orderBy: string
  readonly descending: 'true' | 'false'
  readonly limit: number
  readonly offset: number
}

/** One page of what fits, and how much does; equal ones stand as they came, on every page. */
export function pageOfFound<Item>(
  fitting: readonly Item[],
  { orderBy, descending, limit, offset }: Asked,
  columns: Columns<Item>,
): { readonly items: readonly Item[]; readonly count: number } {
  const order = [{ path: orderBy, descending: descending === 'true' }]
  return { items: sorted(fitting, order, columns).slice(offset, offset + limit), count: fitting.length }
}

/** Tests whether a text holds another one, however either is spelled; the sought one is folded once. */
export function holding(sought: string): (text: string) => boolean {
  const wanted = nameKey(sought.trim())
  return (text) => nameKey(text).includes(wanted)
}
