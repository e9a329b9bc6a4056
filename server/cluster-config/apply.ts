import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { err, ok, type Result } from '../../core/result.ts'
import { type ClusterClient, type ClusterProblem, unexpected } from '../clusters/index.ts'
import { problemOfNamespace } from './namespaces.ts'
import type { Owner, Wanted, WantedObject } from './wanted.ts'

/** Something that stands in the way on a cluster, of one of those who want something there. */
export type ConfigError = {
  readonly owner: Owner
  readonly resourceType: 'Namespace' | WantedObject['kind']
  readonly name: string
  readonly msg: string
}

/** Whose objects they are: an import's, so that two imports of one cluster do not touch one another's. */
const ownerLabel = 'palisade.dev/cluster'
const labelsOf = (cluster: string) => ({ 'app.kubernetes.io/managed-by': 'palisade', [ownerLabel]: cluster })
/** No name of ours is of another form, and nothing of another form is ever removed. */
const ownName = /^palisade-[0-9a-f]{24}(?:-[0-9a-f]{10})?$/

const foundObject = z.looseObject({
  metadata: z.object({
    name: z.string(),
    namespace: z.string().optional(),
    uid: z.string(),
    resourceVersion: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
  }),
})
type Found = z.output<typeof foundObject> & Readonly<Record<string, unknown>>

const places = {
  ResourceQuota: { root: '/api/v1', plural: 'resourcequotas', apiVersion: 'v1' },
  RoleBinding: {
    root: '/apis/rbac.authorization.k8s.io/v1',
    plural: 'rolebindings',
    apiVersion: 'rbac.authorization.k8s.io/v1',
  },
  ClusterRoleBinding: {
    ...{ root: '/apis/rbac.authorization.k8s.io/v1', plural: 'clusterrolebindings' },
    apiVersion: 'rbac.authorization.k8s.io/v1',
  },
} as const

const collectionOf = (kind: WantedObject['kind'], namespace: string) =>
  `${places[kind].root}${namespace === '' ? '' : `/namespaces/${namespace}`}/${places[kind].plural}`

/**
 * Makes a cluster what is wanted: missing namespaces are made, objects of ours are made, put right or removed. Nothing else is
 * ever written: no namespace is changed or removed, no object without our label or of another name (threat D09).
 *
 * @returns what stands in the way of single things; a problem where the cluster cannot be asked
 */
export async function apply(
  client: ClusterClient,
  cluster: string,
  wanted: Wanted,
  protectedNamespaces: readonly string[],
): Promise<Result<readonly ConfigError[], ClusterProblem>> {
  const errors: ConfigError[] = []
  /** Namespaces that we made, in which limits are ours to set. */
  const own = new Set<string>()
  for (const { owner, name } of wanted.namespaces) {
    const problem = problemOfNamespace(name, protectedNamespaces)
    const made = problem
      ? ok<NamespaceState>({ problem: `The namespace ${problem}.` })
      : await namespace(client, cluster, name)
    if (!made.ok) return made
    if (made.value === 'own') own.add(name)
    else if (made.value !== 'foreign') errors.push({ owner, resourceType: 'Namespace', name, msg: made.value.problem })
  }
  const kept = new Set<string>()
  for (const object of wanted.objects) {
    const path = `${collectionOf(object.kind, object.namespace)}/${object.name}`
    kept.add(path)
    const problem =
      object.kind === 'ResourceQuota' && !own.has(object.namespace)
        ? ok(`Palisade did not make the namespace ${object.namespace}, so it sets no limits there.`)
        : await keep(client, cluster, object, path)
    if (!problem.ok) return problem
    if (problem.value !== undefined) {
      const name = object.roleRef ? object.roleRef.name : object.namespace
      errors.push({ owner: object.owner, resourceType: object.kind, name, msg: problem.value })
    }
  }
  const pruned = await prune(client, cluster, kept)
  return pruned.ok ? ok(errors) : pruned
}

type NamespaceState = 'own' | 'foreign' | { readonly problem: string }

async function namespace(
  client: ClusterClient,
  cluster: string,
  name: string,
): Promise<Result<NamespaceState, ClusterProblem>> {
  const found = await get(client, `/api/v1/namespaces/${name}`)
  if (!found.ok) return found
  if (found.value) {
    const { labels, deletionTimestamp } = found.value.metadata
    if (deletionTimestamp !== undefined) return ok({ problem: `The namespace ${name} is being deleted.` })
    return ok(labels[ownerLabel] === cluster ? 'own' : 'foreign')
  }
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: labelsOf(cluster) } }
  const made = await client.call('POST', '/api/v1/namespaces', { body })
  if (!made.ok) return made
  if (made.value.status === 201) return ok('own')
  if (made.value.status === 409) return ok({ problem: `The namespace ${name} is just being made by somebody else.` })
  return refused(unexpected(made.value, `the namespace ${name}`))
}

/** Makes one object what it should be. @returns why it is not, for people */
async function keep(
  client: ClusterClient,
  cluster: string,
  { kind, name, namespace: where, content, roleRef }: WantedObject,
  path: string,
): Promise<Result<string | undefined, ClusterProblem>> {
  if (roleRef) {
    const role = await get(client, rolePath(roleRef, where))
    if (!role.ok) return role
    if (!role.value)
      return ok(`There is no ${roleRef.kind} ${roleRef.name}${where === '' ? '' : ` for namespace ${where}`}.`)
  }
  const found = await get(client, path)
  if (!found.ok) return found
  const metadata = { name, ...(where === '' ? {} : { namespace: where }), labels: labelsOf(cluster) }
  const body = { apiVersion: places[kind].apiVersion, kind, metadata, ...content }
  if (!found.value) {
    const made = await client.call('POST', collectionOf(kind, where), { body })
    if (!made.ok) return made
    if (made.value.status === 201) return ok(undefined)
    if (made.value.status === 404) return ok(`There is no namespace ${where}.`)
    return problemIn(unexpected(made.value, `the ${kind} ${name}`))
  }
  if (found.value.metadata.labels[ownerLabel] !== cluster)
    return ok(`The ${kind} ${name} is there and somebody else’s.`)
  if (
    Object.entries(content).every(
      ([member, value]) =>
        isDeepStrictEqual(found.value?.[member], value) || (member === 'spec' && hasQuota(found.value?.spec, value)),
    )
  )
    return ok(undefined)
  const { uid, resourceVersion } = found.value.metadata
  const put = await client.call('PUT', path, { body: { ...body, metadata: { ...metadata, uid, resourceVersion } } })
  if (!put.ok) return put
  return put.value.status === 200 ? ok(undefined) : problemIn(unexpected(put.value, `the ${kind} ${name}`))
}

/** Removes what is ours and no longer wanted: the very objects that were seen. */
async function prune(
  client: ClusterClient,
  cluster: string,
  kept: ReadonlySet<string>,
): Promise<Result<undefined, ClusterProblem>> {
  for (const kind of ['ResourceQuota', 'RoleBinding', 'ClusterRoleBinding'] as const) {
    const found = await list(
      client,
      collectionOf(kind, ''),
      `labelSelector=${encodeURIComponent(`${ownerLabel}=${cluster}`)}`,
    )
    if (!found.ok) return found
    for (const { metadata } of found.value) {
      const path = `${collectionOf(kind, metadata.namespace ?? '')}/${metadata.name}`
      if (kept.has(path) || !ownName.test(metadata.name) || metadata.labels[ownerLabel] !== cluster) continue
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: metadata.uid } }
      const gone = await client.call('DELETE', path, { body })
      if (!gone.ok) return gone
      if (![200, 202, 404, 409].includes(gone.value.status)) return err(unexpected(gone.value, `to remove ${path}`))
    }
  }
  return ok(undefined)
}

function rolePath({ kind, name }: { readonly kind: string; readonly name: string }, where: string): string {
  const place = kind === 'Role' ? `/namespaces/${where}/roles` : '/clusterroles'
  return `/apis/rbac.authorization.k8s.io/v1${place}/${encodeURIComponent(name)}`
}

async function get(client: ClusterClient, path: string): Promise<Result<Found | undefined, ClusterProblem>> {
  const reply = await client.call('GET', path)
  if (!reply.ok) return reply
  if (reply.value.status === 404) return ok(undefined)
  // Roles have no namespace or labels that matter; everything else that is looked up has all of it.
  const found = foundObject.safeParse(reply.value.body)
  if (reply.value.status !== 200 || !found.success) return err(unexpected(reply.value, path))
  return ok(found.data)
}

const Page = z.object({
  metadata: z.object({ continue: z.string().default('') }).default({ continue: '' }),
  items: z.array(foundObject),
})
/** An answer is at most 1 MiB. */
const pageSize = 100

/** All objects of a collection, page by page. */
export async function list(
  client: ClusterClient,
  path: string,
  query = '',
): Promise<Result<readonly Found[], ClusterProblem>> {
  const items: Found[] = []
  for (let next = ''; ; ) {
    const page = `limit=${pageSize}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`
    const reply = await client.call('GET', `${path}?${page}${query === '' ? '' : `&${query}`}`)
    if (!reply.ok) return reply
    const found = Page.safeParse(reply.value.body)
    if (reply.value.status !== 200 || !found.success) return err(unexpected(reply.value, path))
    items.push(...found.data.items)
    next = found.data.metadata.continue
    if (next === '') return ok(items)
  }
}

/** What a cluster says of one object is told of that object; what it says of whoever asks is a problem of all. */
function problemIn(problem: ClusterProblem): Result<string, ClusterProblem> {
  return problem.kind === 'unauthorized' ? err(problem) : ok(problem.message)
}

function refused(problem: ClusterProblem): Result<NamespaceState, ClusterProblem> {
  const told = problemIn(problem)
  return told.ok ? ok({ problem: told.value }) : told
}

/** The API server writes quantities its own way (`2000m` as `2`), so that limits are compared by what they mean. */
function hasQuota(found: unknown, wanted: unknown): boolean {
  // A quota with scopes counts some pods only.
  const parsed = [found, wanted].map((one) => Quota.safeParse(one))
  const [had, wants] = parsed.map((one) => (one.success ? one.data.hard : undefined))
  if (!had || !wants) return false
  const names = new Set([...Object.keys(had), ...Object.keys(wants)])
  return [...names].every((name) => quantity(had[name]) === quantity(wants[name]))
}

const Quota = z.strictObject({ hard: z.record(z.string(), z.string()) })

function quantity(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti|Pi)?$/.exec(text ?? '') ?? []
  return digits === undefined ? undefined : Number(digits) * (units[unit] ?? 1)
}
const units: Readonly<Record<string, number>> = {
  ...{ m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 },
}
