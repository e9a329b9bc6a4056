import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TeamUid, UserUid } from '../../contract/ids.ts'
import type { binding } from '../../contract/wire/cluster-rbacs.ts'
import { isReservedName, type Level, permissionFor } from '../../core/kube/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { RequestAccess, Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { isDnsLabel, ownNamespace } from './namespaces.ts'

type Written = z.output<typeof binding>

/** A role binding as it is stored: as it was written, and with the names that its subjects have on the cluster. */
export type Binding = Omit<Written, 'subjects'> & {
  readonly subjects: readonly (Written['subjects'][number] & {
    /** Of a user or team of the tenant. */
    readonly onCluster?: string
  })[]
}

export type BindingPorts = {
  /** Who of the tenant goes by this: a user's e-mail or UID, a team's name or UID. */
  readonly subjects: {
    readonly user: (tx: Tx, text: string) => Promise<UserUid | undefined>
    readonly team: (tx: Tx, text: string) => Promise<TeamUid | undefined>
  }
  /** Where administrators of a cluster alone may change anything. */
  readonly protectedNamespaces: readonly string[]
}

/**
 * Role bindings as they may be stored. What the cluster would refuse by its form is refused here, and whatever names an
 * identity that is Kubernetes' own or Palisade's: those are given by levels.
 */
export async function storableBindings(
  { subjects }: Pick<BindingPorts, 'subjects'>,
  tx: Tx,
  written: readonly Written[],
): Promise<Result<Binding[], Refusal>> {
  const bindings: Binding[] = []
  for (const one of written) {
    const problem = problemOf(one)
    if (problem) return err(refuse('invalid', `spec.bindings: ${problem}`))
    const named: Binding['subjects'][number][] = []
    for (const subject of one.subjects) {
      const onCluster = await nameOnCluster(subjects, tx, subject)
      if (!onCluster.ok) return onCluster
      named.push({ ...subject, ...(onCluster.value === undefined ? {} : { onCluster: onCluster.value }) })
    }
    bindings.push({ ...one, subjects: named })
  }
  return ok(bindings)
}

function problemOf({ type, namespace, role, subjects }: Written): string | undefined {
  if (type === 'RoleBinding' && !isDnsLabel(namespace)) return 'a RoleBinding needs the name of one namespace'
  if (namespace === ownNamespace) return `the namespace ${ownNamespace} is Palisade's own`
  if (type === 'ClusterRoleBinding' && namespace !== '') return 'a ClusterRoleBinding has no namespace'
  if (type === 'ClusterRoleBinding' && role.kind !== 'ClusterRole') return 'a ClusterRoleBinding binds a ClusterRole'
  if (!pathSegment.test(role.name) || role.name === '.' || role.name === '..') return 'role.name is no name of a role'
  if (subjects.length === 0) return 'subjects: name somebody'
  for (const { type: kind, name, namespace: home } of subjects) {
    if (name === '') return 'subjects: each needs a name'
    if (kind === 'ServiceAccount' && !(dnsName.test(name) && isDnsLabel(home)))
      return 'subjects: a ServiceAccount needs a name and a namespace'
    if (kind === 'ServiceAccount' && home === ownNamespace)
      return `subjects: ServiceAccounts of ${ownNamespace} are Palisade's own`
  }
  return undefined
}

const pathSegment = /^[^/%\p{C}]+$/u
const dnsName = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/

/** The name that a subject of the tenant has on its clusters; nothing for all others, which stand for themselves. */
async function nameOnCluster(
  subjects: BindingPorts['subjects'],
  tx: Tx,
  { type, name }: Written['subjects'][number],
): Promise<Result<string | undefined, Refusal>> {
  if (type === 'ServiceAccount') return ok(undefined)
  if (isReservedName(name))
    return err(refuse('invalid', 'spec.bindings: subjects that Kubernetes reserves (system:…) are bound by nobody'))
  const [user, team] = [`palisade:${tx.tenant}:`, `palisade:team:${tx.tenant}:`]
  const uidOf = (prefix: string) => (name.startsWith(prefix) ? name.slice(prefix.length) : name)
  const found =
    type === 'User'
      ? prefixed(user, await subjects.user(tx, uidOf(user)))
      : prefixed(team, await subjects.team(tx, uidOf(team)))
  if (found === undefined && /^palisade:/i.test(name.normalize('NFKC')))
    return err(
      refuse('invalid', 'spec.bindings: names that begin with palisade: are those of users and teams of this tenant'),
    )
  return ok(found)
}

const prefixed = (prefix: string, uid: string | undefined) => (uid === undefined ? undefined : `${prefix}${uid}`)

/**
 * Refuses bindings that give more on a cluster than their author has there (threats D01, D09). Who edits a cluster may bind its
 * ClusterRoles `view` and `edit` in single namespaces, for that is what they may do there themselves; what any other role gives
 * nobody here knows, and protected namespaces and the whole cluster are for its administrators.
 */
export function mayBind(
  {
    access,
    requestId,
    protectedNamespaces,
  }: {
    readonly access: RequestAccess
    readonly requestId: string
    readonly protectedNamespaces: readonly string[]
  },
  bindings: readonly Binding[],
  clusters: readonly Target[],
): Result<undefined, Refusal> {
  for (const cluster of clusters)
    for (const binding of bindings) {
      const level = levelFor(binding, protectedNamespaces)
      const permission = permissionFor(level)
      // A binding stays when the request is over.
      if (access.allowsForGood(permission, cluster)) continue
      const { type, role } = binding
      return err(
        refuse(
          'exceeds_own_rights',
          `A ${type} of the ${role.kind} ${role.name} needs level "${level}" on cluster ${cluster.uid} (permission ${permission}, request ${requestId})`,
          { missing: [{ permission, scope: cluster.scope }], cluster: cluster.uid },
        ),
      )
    }
  return ok(undefined)
}

function levelFor({ type, namespace, role, subjects }: Binding, protectedNamespaces: readonly string[]): Level {
  const isProtected = (name: string) => protectedNamespaces.includes(name) || name.startsWith('kube-')
  const isPlain = role.kind === 'ClusterRole' && (role.name === 'view' || role.name === 'edit')
  const lifts = subjects.some((subject) => subject.type === 'ServiceAccount' && isProtected(subject.namespace))
  return type === 'RoleBinding' && isPlain && !isProtected(namespace) && !lifts ? 'edit' : 'admin'
}

/** Those that were not there before: what is sent back as it was read needs no right. */
export function newBindings(before: readonly Binding[], after: readonly Binding[]): Binding[] {
  const had = new Set(before.map((one) => spell(one)))
  return after.filter((one) => !had.has(spell(one)))
}

const spell = ({ type, namespace, role, subjects }: Binding) =>
  JSON.stringify([
    ...[type, namespace, role.kind, role.name],
    subjects.map((one) => [one.type, one.namespace, one.onCluster ?? one.name]),
  ])
