import { stringify } from 'yaml'
import type { ImportMode } from '../../contract/clusters.ts'
import { extraKeys, levelRows } from '../../core/kube/index.ts'

/**
 * What Palisade needs on a cluster: one account that may act as others and renew its own token, and what each level is
 * bound to. Why the account is worth cluster-admin all the same: docs/adr/0004-cluster-account.md.
 */

export const namespace = 'palisade-system'
export const accountName = 'palisade-impersonator'
const renewalRole = 'palisade-impersonator-renewal'
/** Who the account is in the cluster's own words. */
export const accountUser = `system:serviceaccount:${namespace}:${accountName}`
/** Owner of the fields that Palisade writes: what others wrote is not overwritten (server-side apply without force). */
export const fieldManager = 'palisade'

export const tokenPath = `/api/v1/namespaces/${namespace}/serviceaccounts/${accountName}/token`

/** One question of RBAC: this verb on this resource. Absent names mean all of them. */
export type Right = {
  readonly verb: string
  readonly apiGroup: string
  /** With its subresource, as RBAC spells it: `serviceaccounts/token`. */
  readonly resource: string
  readonly namespace?: string
  readonly name?: string
}

const rbac = 'rbac.authorization.k8s.io'
const authentication = 'authentication.k8s.io'

/** What the account may do, and nothing else: everything here is granted without names, since users and teams have none beforehand. */
export const impersonationRights: readonly Right[] = [
  { verb: 'impersonate', apiGroup: '', resource: 'users' },
  { verb: 'impersonate', apiGroup: '', resource: 'groups' },
  { verb: 'impersonate', apiGroup: authentication, resource: 'uids' },
  ...extraKeys.map((key) => ({
    verb: 'impersonate',
    apiGroup: authentication,
    resource: `userextras/palisade.dev/${key}`,
  })),
]

/** A token of its own, so that nobody has to be asked for the next one. */
export const renewalRight: Right = {
  verb: 'create',
  apiGroup: '',
  resource: 'serviceaccounts/token',
  namespace,
  name: accountName,
}

export type KubernetesObject = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly [member: string]: unknown
}

const labels = { 'app.kubernetes.io/managed-by': 'palisade', 'app.kubernetes.io/part-of': 'palisade' }
const theAccount = { kind: 'ServiceAccount', name: accountName, namespace }
const roleRef = (kind: 'Role' | 'ClusterRole', name: string) => ({ apiGroup: rbac, kind, name })

/** The levels that a cluster has: read-only, only the one that changes nothing. */
export const levelsOf = (mode: ImportMode) => levelRows.filter(({ level }) => mode === 'full' || level === 'view')

/** What the groups of the levels may do: all that is needed where the cluster takes our tokens. */
const levelBindings = (mode: ImportMode): readonly KubernetesObject[] =>
  levelsOf(mode).map(({ group, clusterRole }) => ({
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: group, labels },
    roleRef: roleRef('ClusterRole', clusterRole),
    subjects: [{ apiGroup: rbac, kind: 'Group', name: group }],
  }))

/** In the order in which they can be made. */
export const accountObjects = (mode: ImportMode = 'full'): readonly KubernetesObject[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
  {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: accountName, namespace, labels },
    // No pod runs as it; one that tries gets no token by itself.
    automountServiceAccountToken: false,
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: accountName, labels },
    rules: ['', authentication].map((apiGroup) => ({
      apiGroups: [apiGroup],
      resources: impersonationRights.filter((right) => right.apiGroup === apiGroup).map(({ resource }) => resource),
      verbs: ['impersonate'],
    })),
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: accountName, labels },
    roleRef: roleRef('ClusterRole', accountName),
    subjects: [theAccount],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'Role',
    metadata: { name: renewalRole, namespace, labels },
    rules: [
      { apiGroups: [''], resources: [renewalRight.resource], resourceNames: [accountName], verbs: [renewalRight.verb] },
    ],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata: { name: renewalRole, namespace, labels },
    roleRef: roleRef('Role', renewalRole),
    subjects: [theAccount],
  },
  ...levelBindings(mode),
]

/** Path of an object below the API root. */
export function pathOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  const root = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${scope}/${pluralOf(kind)}/${encodeURIComponent(metadata.name)}`
}

/** A right that is wanting, and what it is needed for. */
export type Missing = Right & { readonly why: string }

/**
 * What whoever makes these objects must be allowed to do. Server-side apply is a patch, and a create where the object is not
 * there yet; RBAC knows no name of what is being created.
 */
export const installationRights = (mode: ImportMode = 'full'): readonly Missing[] => [
  ...[...Map.groupBy(accountObjects(mode), ({ kind }) => kind).values()].flatMap((objects) => [
    { verb: 'create', ...collectionOf(objects[0]!), why: `to make ${namesOf(objects)}` }, // groups are not empty
    ...objects.map((object) => ({
      verb: 'patch',
      ...collectionOf(object),
      name: object.metadata.name,
      why: `to make ${namesOf([object])}, or find it as it should be`,
    })),
  ]),
  { ...renewalRight, why: 'to get the account’s first token, and to give it the right to renew it' },
  {
    verb: 'escalate',
    apiGroup: rbac,
    resource: 'clusterroles',
    name: accountName,
    why: 'to give the account the right to impersonate, which this credential does not hold itself',
  },
  {
    verb: 'bind',
    apiGroup: rbac,
    resource: 'clusterroles',
    name: accountName,
    why: 'to bind the account to that role, whose rights this credential does not hold itself',
  },
  ...levelsOf(mode).map(({ level, group, clusterRole }) => ({
    verb: 'bind',
    apiGroup: rbac,
    resource: 'clusterroles',
    name: clusterRole,
    why: `to bind the group ${group} to the ClusterRole ${clusterRole}, which is level ${level}`,
  })),
]

/** Whether this is only needed by who does not hold `impersonationRights`: nobody needs leave to give what they have. */
export const isCoveredByImpersonation = (right: Right): boolean =>
  (right.verb === 'escalate' || right.verb === 'bind') && right.name === accountName

/** What shows that the group of a level is bound as it should be, and what to say when it is not. */
export const levelProbes = (
  mode: ImportMode = 'full',
): readonly { readonly group: string; readonly right: Right; readonly missing: Missing }[] =>
  levelsOf(mode).map(({ level, group, clusterRole }) => ({
    group,
    right: {
      view: { verb: 'list', apiGroup: '', resource: 'pods' },
      edit: { verb: 'create', apiGroup: 'apps', resource: 'deployments' },
      admin: { verb: '*', apiGroup: '*', resource: '*' },
    }[level],
    missing: {
      verb: 'bind',
      apiGroup: rbac,
      resource: 'clusterroles',
      name: clusterRole,
      why: `the group ${group} does not have what the ClusterRole ${clusterRole} gives: level ${level} reaches nothing until it is bound`,
    },
  }))

function collectionOf({ apiVersion, kind, metadata }: KubernetesObject): Omit<Right, 'verb'> {
  return {
    apiGroup: apiVersion === 'v1' ? '' : rbac,
    resource: pluralOf(kind),
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  }
}

function namesOf(objects: readonly KubernetesObject[]): string {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(', ')
}

function pluralOf(kind: string): string {
  return `${kind.toLowerCase()}s`
}

const documentsOf = (objects: readonly KubernetesObject[]) =>
  objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n')

/** The bindings of the levels alone, for `kubectl apply -f`. */
export const levelsYaml = (
  mode: ImportMode,
): string => `# What the levels of Palisade may do on this cluster. There is no account.
---
${documentsOf(levelBindings(mode))}`

/** How an administrator of the cluster removes the account, and leaves the bindings of the levels. */
export const removeAccountCommand = [
  `kubectl delete namespace ${namespace}`,
  `kubectl delete clusterrole,clusterrolebinding ${accountName}`,
].join(' && ')

/** The same objects for `kubectl apply -f`, with what to do afterwards. */
export function accountYaml(checkPath: string, mode: ImportMode = 'full'): string {
  return `# What Palisade needs on this cluster. Read it: the account may act as anybody, so it is worth cluster-admin.
# 1. kubectl apply -f <this file>
# 2. kubectl -n ${namespace} create token ${accountName} --duration=1h
# 3. Give that token to Palisade: *Check again* on the cluster's page in the console, or
#    POST ${checkPath} {"token": "<that token>"}
---
${documentsOf(accountObjects(mode))}`
}

/** The same of a cluster that is imported by it: nobody has said yet where it is. */
export function manifestYaml(uid: string, mode: ImportMode): string {
  return `# What Palisade needs on this cluster. Read it: the account may act as anybody, so it is worth cluster-admin.
# 1. kubectl apply -f <this file>
# 2. palisade cluster join ${uid}     (with kubectl's current context on this cluster; --apply does the first step too)
---
${documentsOf(accountObjects(mode))}`
}
