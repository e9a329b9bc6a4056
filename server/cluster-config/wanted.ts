import { createHash } from 'node:crypto'
import type { Allocation } from '../../contract/wire/workspaces.ts'
import { type Allocated, type Limits, limitsOf, shareOut } from './allocations.ts'
import type { Binding } from './bindings.ts'
import type { Rbac } from './rbac-store.ts'

/** Everything that is to be on one cluster, as it is stored. */
export type Stored = {
  readonly cluster: string
  readonly workspaces: readonly (Allocated & { readonly uid: string; readonly rbacs: readonly Rbac[] })[]
  readonly rbacs: readonly Rbac[]
  readonly namespaces: readonly {
    readonly uid: string
    readonly name: string
    readonly allocation: Allocation | undefined
  }[]
}

/** An object on a cluster. `owner`: the workspace, set of bindings or namespace of ours that wants it. */
export type WantedObject = {
  readonly owner: Owner
  readonly kind: 'ResourceQuota' | 'RoleBinding' | 'ClusterRoleBinding'
  readonly name: string
  readonly namespace: string
  readonly content: Readonly<Record<string, unknown>>
  /** Of a binding: what it binds. */
  readonly roleRef?: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string }
}

export type Owner = { readonly kind: 'workspace' | 'rbac' | 'namespace'; readonly uid: string; readonly rbac?: string }

export type Wanted = {
  readonly namespaces: readonly { readonly owner: Owner; readonly name: string }[]
  readonly objects: readonly WantedObject[]
}

const rbacGroup = 'rbac.authorization.k8s.io'

/** What has to be on the cluster: namespaces, and objects of ours in them. */
export function wantedOn({ cluster, workspaces, rbacs, namespaces }: Stored): Wanted {
  const wanted: { namespaces: Wanted['namespaces'][number][]; objects: WantedObject[] } = {
    namespaces: [],
    objects: [],
  }
  for (const workspace of workspaces) {
    const owner = { kind: 'workspace', uid: workspace.uid } as const
    const shares = shareOut(workspace)
    for (const { name } of workspace.namespaces) {
      wanted.namespaces.push({ owner, name })
      // What was stored was judged; a cluster that left since can only have made room.
      const limits = shares.ok ? shares.value.get(`${cluster}/${name}`) : undefined
      wanted.objects.push(...quotaOf(owner, name, limits ?? {}))
    }
    for (const rbac of workspace.rbacs)
      wanted.objects.push(...bindingsOf({ ...owner, rbac: rbac.uid }, rbac.uid, rbac.bindings))
  }
  for (const rbac of rbacs) wanted.objects.push(...bindingsOf({ kind: 'rbac', uid: rbac.uid }, rbac.uid, rbac.bindings))
  for (const { uid, name, allocation } of namespaces) {
    const owner = { kind: 'namespace', uid } as const
    wanted.namespaces.push({ owner, name })
    wanted.objects.push(...quotaOf(owner, name, limitsOf(allocation)))
  }
  return wanted
}

function quotaOf(owner: Owner, namespace: string, { cpuMillis, memoryMiB, gpus }: Limits): WantedObject[] {
  const hard = {
    ...(cpuMillis === undefined ? {} : { 'limits.cpu': `${cpuMillis}m` }),
    ...(memoryMiB === undefined ? {} : { 'limits.memory': `${memoryMiB}Mi` }),
    ...(gpus === undefined ? {} : { 'requests.nvidia.com/gpu': String(gpus) }),
  }
  if (Object.keys(hard).length === 0) return []
  return [{ owner, kind: 'ResourceQuota', name: `palisade-${owner.uid}`, namespace, content: { spec: { hard } } }]
}

/** One object for each role and place; a role that is bound twice in a set is bound to all of its subjects. */
function bindingsOf(owner: Owner, rbac: string, bindings: readonly Binding[]): WantedObject[] {
  const byTarget = Map.groupBy(bindings, ({ type, namespace, role }) =>
    JSON.stringify([type, namespace, role.kind, role.name]),
  )
  return [...byTarget].flatMap(([target, same]) => {
    const [first] = same
    if (!first) return []
    const { type, namespace, role } = first
    return [
      {
        ...{ owner, kind: type, namespace, roleRef: role },
        // What is bound cannot be changed in place, so that it is part of the name.
        name: `palisade-${rbac}-${createHash('sha256').update(target).digest('hex').slice(0, 10)}`,
        content: {
          roleRef: { apiGroup: rbacGroup, kind: role.kind, name: role.name },
          subjects: subjectsOf(same),
        },
      },
    ]
  })
}

function subjectsOf(bindings: readonly Binding[]) {
  const subjects = bindings
    .flatMap((binding) => binding.subjects)
    .map(({ type, name, namespace, onCluster }) =>
      type === 'ServiceAccount'
        ? { kind: type, name, namespace }
        : { apiGroup: rbacGroup, kind: type, name: onCluster ?? name },
    )
  return [...new Map(subjects.map((subject) => [JSON.stringify(subject), subject])).values()]
}
