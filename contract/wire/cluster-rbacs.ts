import { z } from 'zod'
import { displayName, listOf, metadataOut, optionalText, storableText, stringMapIfGiven } from './common.ts'

/** Role bindings that are kept on clusters, by a workspace or for one cluster. */

const maxBindings = 200
const maxSubjects = 200

/** What the API server will say of a name it says itself; here it only has to be text. */
const kubernetesName = storableText(253)

/** `null` and absent members are empty, as the published clients send them. */
export const binding = z.object({
  type: z.enum(['RoleBinding', 'ClusterRoleBinding']),
  namespace: optionalText(253),
  role: z.object({ kind: z.enum(['Role', 'ClusterRole']), name: kubernetesName }),
  subjects: listOf(
    z.object({ type: z.enum(['User', 'Group', 'ServiceAccount']), name: kubernetesName, namespace: optionalText(253) }),
  ).refine((subjects) => subjects.length <= maxSubjects, `at most ${maxSubjects} subjects`),
})

export const metadataOfRbac = z
  .object({
    uid: z.string().max(128).nullish(),
    name: z.union([z.literal(''), displayName(253)]).nullish(),
    labels: stringMapIfGiven,
    annotations: stringMapIfGiven,
  })
  .nullish()

const errors = z.array(z.object({ msg: z.string(), name: z.string(), resourceType: z.string() }))

export const rbacIn = z.object({
  metadata: metadataOfRbac,
  spec: z.object({ bindings: listOf(binding) }).refine(({ bindings }) => bindings.length <= maxBindings, {
    path: ['bindings'],
    error: `at most ${maxBindings} bindings`,
  }),
})

export const rbac = z.object({
  metadata: metadataOut,
  spec: z.object({
    bindings: z.array(
      z.object({
        type: z.enum(['RoleBinding', 'ClusterRoleBinding']),
        namespace: z.string(),
        role: z.object({ kind: z.enum(['Role', 'ClusterRole']), name: z.string() }),
        subjects: z.array(
          z.object({ type: z.enum(['User', 'Group', 'ServiceAccount']), name: z.string(), namespace: z.string() }),
        ),
      }),
    ),
    isSystem: z.literal(false),
  }),
  /** What stands in the way of it on the clusters. */
  status: z.object({ errors }),
})
