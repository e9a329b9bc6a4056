import { z } from 'zod'
import { displayName, listMeta, listOf, metadataOut, pageQuery, storableText, stringMap } from './common.ts'

/** Tag filters, which say on which objects a resource role acts. */

const key = storableText(256).min(1, 'must not be empty')
const value = storableText(4096)

/** A filter without a comparison would select nothing, one without values neither: nobody means that. */
export const filterGroupIn = z.object({
  conjunction: z
    .enum(['and', 'or', ''])
    .nullish()
    .transform((word) => word || ('and' as const)),
  filters: z
    .array(
      z.object({
        key,
        negation: z
          .boolean()
          .nullish()
          .transform((negation) => negation ?? false),
        operator: z
          .enum(['eq', ''])
          .nullish()
          .transform(() => 'eq' as const),
        values: z.array(value).min(1, 'needs a value').max(100),
      }),
    )
    .min(1, 'needs a comparison')
    .max(50),
})

export const filterIn = z.object({
  metadata: z.object({ name: displayName(128), labels: stringMap, annotations: stringMap }),
  spec: z.object({ filterGroup: filterGroupIn }),
})

const filterGroup = z.object({
  conjunction: z.enum(['and', 'or']),
  filters: z.array(
    z.object({
      key: z.string(),
      negation: z.boolean(),
      operator: z.literal('eq'),
      values: z.array(z.string()),
    }),
  ),
})

export const filter = z.object({ metadata: metadataOut, spec: z.object({ filterGroup }) })

export const filterListQuery = pageQuery
export const filterList = z.object({
  items: z.array(z.object({ metadata: metadataOut, spec: z.object({ filterType: z.literal('tag') }) })),
  listmeta: listMeta,
})

/** Only tag filters can be made; of the other kinds there are none. */
export const filterMetadataQuery = z.object({ filterType: z.enum(['tag', 'meta', 'resource', '']).optional() })
export const filterMetadata = z.object({
  items: z.array(z.object({ uid: z.string(), name: z.string(), filterType: z.literal('tag') })),
})

const reference = z.string().max(128)
/** `POST` and `PATCH …/resourceRoles`. Which of the lists must not be empty is for the handler to say, all in one answer. */
export const resourceRoleIn = z.object({
  filterRefs: listOf(reference),
  projectUids: listOf(reference),
  roles: listOf(reference),
})

const named = z.array(z.object({ uid: z.string(), name: z.string() }))
export const resourceRoles = z.object({
  resourceRoles: z.array(z.object({ uid: z.string(), filterRefs: named, projectUids: named, roles: named })),
})
export const resourceRolePath = z.object({
  uid: z.string().min(1).max(128),
  resourceRoleUid: z.string().min(1).max(128),
})
