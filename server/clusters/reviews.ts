import { z } from 'zod'
import { err, ok, type Result } from '../../core/result.ts'
import type { Right } from './account.ts'
import {
  type ClusterProblem,
  type KubernetesCall,
  type KubernetesClient,
  notKubernetes,
  unexpected,
} from './kubernetes-client.ts'

/** What an API server is asked about itself and about whoever asks; none of it changes anything. */

/** As whom it is asked: by default as the client's own credential. */
export type As = Pick<KubernetesCall, 'impersonate' | 'token'>

/**
 * Nothing used here is younger than 1.22 (server-side apply, TokenRequest, `Impersonate-Uid`), but what is older than this
 * has had no security fixes for years.
 */
const oldestMinor = 26

const Version = z.object({
  major: z.string().regex(/^\d{1,3}$/),
  minor: z.string().regex(/^\d{1,3}\+?$/), // some distributions mark theirs with a plus
  gitVersion: z.string().regex(/^v[\w.+-]{1,60}$/),
})

/** The version as the API server says it; refuses one that is too old. */
export async function readVersion(client: KubernetesClient, as: As = {}): Promise<Result<string, ClusterProblem>> {
  const reply = await client.call('GET', '/version', as)
  if (!reply.ok) return reply
  const version = Version.safeParse(reply.value.body)
  if (reply.value.status !== 200 || !version.success)
    return err(reply.value.status === 200 ? notKubernetes : unexpected(reply.value, 'its version'))
  const { major, minor, gitVersion } = version.data
  if (Number(major) === 1 && Number.parseInt(minor, 10) >= oldestMinor) return ok(gitVersion)
  return err({
    kind: 'too-old',
    message: `The cluster runs Kubernetes ${gitVersion}; Palisade needs 1.${oldestMinor} or newer: upgrade it first.`,
  })
}

const SelfSubjectReview = z.object({
  status: z.object({
    userInfo: z.object({
      username: z.string(),
      uid: z.string().default(''),
      groups: z.array(z.string()).default([]),
      extra: z.record(z.string(), z.array(z.string())).default({}),
    }),
  }),
})
export type UserInfo = z.output<typeof SelfSubjectReview>['status']['userInfo']

/** Who the cluster takes a call for. Undefined where it cannot be asked: before 1.28, or without `system:basic-user`. */
export async function reviewSelf(
  client: KubernetesClient,
  as: As = {},
): Promise<Result<UserInfo | undefined, ClusterProblem>> {
  const reply = await client.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    ...as,
  })
  if (!reply.ok) return reply
  if (reply.value.status === 404 || reply.value.status === 403) return ok(undefined)
  const review = SelfSubjectReview.safeParse(reply.value.body)
  if (reply.value.status !== 201 || !review.success) return err(unexpected(reply.value, 'who this credential is'))
  return ok(review.data.status.userInfo)
}

const AccessReview = z.object({ status: z.object({ allowed: z.boolean() }) })

/** Whether the credential may do this, in the cluster's own words. `forbidden` where it may not even ask. */
export async function isAllowed(
  client: KubernetesClient,
  { verb, apiGroup, resource, namespace, name }: Right,
  as: As = {},
): Promise<Result<boolean, ClusterProblem>> {
  const slash = resource.indexOf('/')
  const reply = await client.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: {
        resourceAttributes: {
          verb,
          group: apiGroup,
          resource: slash < 0 ? resource : resource.slice(0, slash),
          // Of an extra the key is the subresource, slashes in it included.
          ...(slash < 0 ? {} : { subresource: resource.slice(slash + 1) }),
          ...(namespace === undefined ? {} : { namespace }),
          ...(name === undefined ? {} : { name }),
        },
      },
    },
    ...as,
  })
  if (!reply.ok) return reply
  const review = AccessReview.safeParse(reply.value.body)
  if (reply.value.status !== 201 || !review.success)
    return err(unexpected(reply.value, 'what this credential may do (SelfSubjectAccessReview)'))
  return ok(review.data.status.allowed)
}
