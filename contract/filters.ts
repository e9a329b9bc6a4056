import { z } from 'zod'
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

export const FilterIn = z.strictObject({
  name: displayName(128),
  conjunction: z.enum(['and', 'or']).default('and'),
  expressions: z.array(FilterExpression).min(1, 'needs a comparison').max(50),
})

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
