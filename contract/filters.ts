import { z } from 'zod'
import { searchFound, searchQuery } from './lists.ts'
import { displayName, storableText } from './wire/common.ts'

/** Our own `/v1/palisade/filters`: tag filters with every operator that there is. */

export const tagOperators = ['eq', 'in', 'prefix', 'exists', 'lt', 'lte', 'gt', 'gte', 'before', 'after'] as const

/** Which values an operator takes is for the handler to say. */
const FilterExpression = z.strictObject({
  key: storableText(256).min(1, 'must not be empty'),
  operator: z.enum(tagOperators),
  /** An object without the key matches then. */
  negation: z.boolean().default(false),
  /** Any of them; none for `exists`. */
  values: z.array(storableText(4096)).max(100).default([]),
})

/** What a filter compares, without its name. */
export const FilterRule = z.strictObject({
  conjunction: z.enum(['and', 'or']).default('and'),
  expressions: z.array(FilterExpression).min(1, 'needs a comparison').max(50),
})

export const FilterIn = z.strictObject({ name: displayName(128), ...FilterRule.shape })

export const FilterMade = z.strictObject({ uid: z.string() })

export const Filter = z.strictObject({
  uid: z.string(),
  name: z.string(),
  conjunction: z.enum(['and', 'or']),
  expressions: z.array(
    z.strictObject({
      key: z.string(),
      operator: z.enum(tagOperators),
      negation: z.boolean(),
      values: z.array(z.string()),
    }),
  ),
  /** Whether the published API can show it whole and change it: it compares by `eq` alone. */
  isPublished: z.boolean(),
})

export const FiltersQuery = searchQuery(['name'])
export const FiltersFound = searchFound(
  Filter.extend({
    /** How many resource roles act through it. */
    uses: z.int(),
  }),
)

const named = z.strictObject({ uid: z.string(), name: z.string() })

/** The resource roles that act through one filter, the oldest first. */
export const FilterUses = z.strictObject({
  items: z.array(
    z.strictObject({
      /** Of the resource role. */
      uid: z.string(),
      subject: named.extend({ kind: z.enum(['user', 'team']) }),
      roles: z.array(named),
      projects: z.array(named),
      /** All of its filters, this one among them: any of them selects. */
      filters: z.array(named),
    }),
  ),
})

/** What a filter would select, of what the caller may list. */
export const FilterSelection = z.strictObject({
  /** The first of them by name. */
  clusters: z.array(named.extend({ project: named })),
  count: z.int(),
  /** How many the caller may list at all. */
  of: z.int(),
})
