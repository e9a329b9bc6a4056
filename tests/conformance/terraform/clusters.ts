import { metadata, oneNamed, type Provider, ProviderError, unlessGone } from './provider.ts'
import type { Resource } from './resource.ts'

export type Profile = {
  readonly name: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  readonly version: string
  /** Of its one pack. */
  readonly manifests: Readonly<Record<string, string>>
}

const profiles = '/v1/clusterprofiles'

type ReadPack = {
  readonly name: string
  readonly manifests: readonly { readonly name: string; readonly uid: string }[]
}

/** @param known uids of the manifests that are there already, by name */
const packOf = ({ manifests }: Profile, known: Readonly<Record<string, string>> = {}) => ({
  name: 'manifests',
  tag: '',
  registryUid: '',
  uid: 'spectro-manifest-pack',
  type: 'manifest',
  values: '',
  manifests: Object.entries(manifests).map(([name, content]) => ({ name, content, uid: known[name] ?? '' })),
})

const metaOf = ({ name, description, labels }: Profile) => ({ name, labels, annotations: { description } })

/** An add-on profile of manifests: made, and published at once. */
export const addOnProfile: Resource<Profile> = {
  name: 'spectrocloud_cluster_profile',
  context: 'project',
  async create(provider, config) {
    const { uid } = await provider.call('in context', 'POST', profiles, {
      metadata: metadata(config.name, metaOf(config)),
      spec: {
        template: { cloudType: 'all', type: 'add-on', packs: [packOf(config)] },
        variables: null,
        version: config.version,
      },
    })
    await provider.call('in context', 'PATCH', `${profiles}/${uid}/publish`)
    return uid
  },
  async read(provider, uid) {
    const found = await unlessGone(provider.call('in context', 'GET', `${profiles}/${uid}`))
    if (!found) return undefined
    const { packs } = found.spec.published
    const contents = await Promise.all(
      packs.map(async ({ name }: ReadPack) => {
        const { items } = await provider.call('in context', 'GET', `${profiles}/${uid}/packs/${name}/manifests`)
        return items.map((one: { metadata: { name: string }; spec: { published: { content: string } } }) => [
          one.metadata.name,
          one.spec.published.content,
        ])
      }),
    )
    await provider.call('in context', 'GET', `${profiles}/${uid}/variables`)
    return {
      name: found.metadata.name,
      description: found.metadata.annotations.description ?? '',
      labels: found.metadata.labels,
      version: found.spec.version,
      manifests: Object.fromEntries(contents.flat()),
    }
  },
  async update(provider, uid, _, to) {
    const was = await provider.call('in context', 'GET', `${profiles}/${uid}`)
    const [pack] = was.spec.published.packs as ReadPack[]
    const known = Object.fromEntries((pack?.manifests ?? []).map((one) => [one.name, one.uid]))
    await provider.call('in context', 'PUT', `${profiles}/${uid}`, {
      metadata: metadata(to.name, { ...metaOf(to), uid }),
      spec: { template: { type: 'add-on', packs: [packOf(to, known)] }, version: to.version },
    })
    await provider.call('in context', 'PATCH', `${profiles}/${uid}/metadata`, {
      metadata: metaOf(to),
      spec: { version: to.version },
    })
    await provider.call('in context', 'PATCH', `${profiles}/${uid}/publish`)
  },
  async delete(provider, uid) {
    const found = await unlessGone(provider.call('in context', 'GET', `${profiles}/${uid}`))
    if (found) await provider.call('in context', 'DELETE', `${profiles}/${uid}`)
  },
}

type KeptNamespace = { readonly name: string; readonly cpuCores: number; readonly memoryMiB: number }
type KeptBinding = { readonly namespace: string; readonly role: string; readonly users: readonly string[] }

export type Brownfield = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly namespaces: readonly KeptNamespace[]
  readonly bindings: readonly KeptBinding[]
  /** Whether somebody applies the manifest: then it must run and be healthy, or the provider changes nothing. */
  readonly isJoined: boolean
}

const clusters = '/v1/spectroclusters'
const overviewOf = (provider: Provider, uid: string) =>
  provider.call('in context', 'GET', `/v1/dashboard/spectroclusters/${uid}/overview`)

/** What is configured of namespaces and role bindings: looked at first, as the provider does, then written whole. */
async function keepOn(provider: Provider, uid: string, { namespaces, bindings }: Brownfield): Promise<void> {
  if (namespaces.length > 0) {
    await provider.call('in context', 'GET', `${clusters}/${uid}/config/namespaces`)
    await provider.call('in context', 'PUT', `${clusters}/${uid}/config/namespaces`, {
      namespaces: namespaces.map(({ name, cpuCores, memoryMiB }) => ({
        metadata: metadata(name, { annotations: null, labels: null }),
        spec: { isRegex: false, resourceAllocation: { cpuCores, memoryMiB } },
      })),
    })
  }
  if (bindings.length > 0) {
    // Nothing at all would send the provider to a workspace with the uid of this cluster.
    const found = await provider.call('in context', 'GET', `${clusters}/${uid}/config/rbacs`)
    if (!Array.isArray(found.items)) throw new Error('panic: no list of role bindings')
    await provider.call('in context', 'PUT', `${clusters}/${uid}/config/rbacs`, {
      rbacs: [{ spec: { bindings: bindings.map((one) => bindingOf({ type: 'RoleBinding', ...one })) } }],
    })
  }
}

async function keptOn(provider: Provider, uid: string, configured: Brownfield) {
  const namespaces =
    configured.namespaces.length === 0
      ? []
      : (await provider.call('in context', 'GET', `${clusters}/${uid}/config/namespaces`)).items
  const rbacs =
    configured.bindings.length === 0
      ? []
      : (await provider.call('in context', 'GET', `${clusters}/${uid}/config/rbacs`)).items
  return {
    namespaces: namespaces.map((one: { metadata: { name: string }; spec: { resourceAllocation: KeptNamespace } }) => ({
      name: one.metadata.name,
      ...pickAllocation(one.spec.resourceAllocation),
    })),
    bindings: bindingsOf(rbacs).map(({ type: _, ...one }) => one),
  }
}

/** @param join does what somebody does who applies the manifest of a cluster; its provider waits for nobody */
export const brownfield = (join: (uid: string) => Promise<void>): Resource<Brownfield> => ({
  name: 'spectrocloud_cluster_brownfield',
  context: 'project',
  async create(provider, config) {
    const { name, labels } = config
    const { uid } = await provider.call('in context', 'POST', `${clusters}/generic/import`, {
      metadata: { name, annotations: null, labels: null },
      spec: { clusterConfig: {} },
    })
    const found = await provider.call('in context', 'GET', `${clusters}/${uid}`)
    if (!found.status || found.status.state === 'Deleted') throw new Error('cluster not found')
    if (!/^kubectl apply -f https:\/\/\S+$/.test(found.status.clusterImport.importLink))
      throw new Error('no import link')
    await provider.call('in context', 'PATCH', `${clusters}/${uid}/metadata`, {
      metadata: { name, labels, annotations: null },
    })
    await keepOn(provider, uid, config)
    await provider.call('in context', 'POST', `${clusters}/${uid}/upgrade/settings`, { spectroComponents: 'unlock' })
    if (config.isJoined) await join(uid)
    return uid
  },
  async read(provider, uid, config) {
    const found = await unlessGone(provider.call('in context', 'GET', `${clusters}/${uid}`))
    if (!found || found.status.state === 'Deleted') return undefined
    if (found.spec.clusterConfig === null || typeof found.spec.cloudConfigRef.uid !== 'string') throw new Error('panic')
    const kept = await keptOn(provider, uid, config)
    // While it runs this must hold a status; before it is looked at all the same.
    const overview = await overviewOf(provider, uid)
    if (typeof overview.status !== 'object') throw new Error('panic: no status')
    const isJoined = found.status.state === 'Running' && overview.status.health.state === 'Healthy'
    return { name: found.metadata.name, labels: found.metadata.labels, ...kept, isJoined }
  },
  async update(provider, uid, _, to) {
    const found = await provider.call('in context', 'GET', `${clusters}/${uid}`)
    const overview = await overviewOf(provider, uid)
    // A warning to the person, and nothing is written.
    if (found.status.state !== 'Running' || overview.status.health.state !== 'Healthy') return
    await provider.call('in context', 'PATCH', `${clusters}/${uid}/metadata`, {
      metadata: { name: to.name, labels: to.labels, annotations: null },
    })
    await keepOn(provider, uid, to)
    await provider.call('in context', 'POST', `${clusters}/${uid}/upgrade/settings`, { spectroComponents: 'unlock' })
  },
  async delete(provider, uid) {
    await provider.call('in context', 'GET', `${clusters}/${uid}`)
    await provider.call('in context', 'DELETE', `${clusters}/${uid}`)
    // The provider looks after half a minute, for the first time. That it is seen running then, or healthy, fails the destroy.
    const left = await unlessGone(provider.call('in context', 'GET', `${clusters}/${uid}`))
    if (!left || left.status.state === 'Deleted') return
    const health = left.status.state === 'Running' ? (await overviewOf(provider, uid)).status.health?.state : undefined
    const state = health === undefined ? left.status.state : `Running-${health}`
    const states = ['Pending', 'Provisioning', 'Running', 'Deleting', 'Importing']
    if (!states.includes(state)) throw new Error(`unexpected state '${state}'`)
  },
})

export type Workspace = {
  readonly name: string
  readonly clusters: readonly string[]
  readonly namespaces: readonly KeptNamespace[]
  /** Of each type there is one set, which comes with its first binding and goes with its last. */
  readonly bindings: readonly TypedBinding[]
}

const bindingTypes = ['RoleBinding', 'ClusterRoleBinding'] as const
type TypedBinding = KeptBinding & { readonly type: (typeof bindingTypes)[number] }

const workspaces = '/v1/workspaces'

const bindingOf = ({ type, namespace, role, users }: TypedBinding) => ({
  type,
  // Go leaves out what is empty.
  ...(namespace === '' ? {} : { namespace }),
  role: { kind: type === 'RoleBinding' ? 'Role' : 'ClusterRole', name: role },
  subjects: users.map((name) => ({ type: 'User', name })),
})

type ReadRbac = {
  readonly metadata: { readonly uid: string }
  readonly spec: {
    readonly bindings: readonly {
      readonly type: TypedBinding['type']
      readonly namespace: string
      readonly role: { readonly name: string }
      readonly subjects: readonly { readonly name: string }[]
    }[]
  }
}

const bindingsOf = (rbacs: readonly ReadRbac[]): TypedBinding[] =>
  rbacs.flatMap(({ spec }) =>
    spec.bindings.map(({ type, namespace, role, subjects }) => ({
      ...{ type, namespace, role: role.name },
      users: subjects.map(({ name }) => name),
    })),
  )

/** The set of one type; nothing where it would be empty. */
function rbacOf({ bindings }: Workspace, type: TypedBinding['type']) {
  const ofType = bindings.filter((one) => one.type === type)
  return ofType.length === 0 ? undefined : { spec: { bindings: ofType.map(bindingOf) } }
}
const namespacesOf = ({ namespaces }: Workspace) =>
  namespaces.map(({ name, cpuCores, memoryMiB }) => ({
    name,
    image: { blackListedImages: [] },
    namespaceResourceAllocation: {
      clusterResourceAllocations: null,
      defaultResourceAllocation: { cpuCores, memoryMiB },
    },
  }))

async function refsOf(provider: Provider, uids: readonly string[]) {
  return Promise.all(
    uids.map(async (uid) => {
      const { metadata: found } = await provider.call('in context', 'GET', `${clusters}/${uid}`)
      return { clusterUid: uid, clusterName: found.name }
    }),
  )
}

export const workspace: Resource<Workspace> = {
  name: 'spectrocloud_workspace',
  context: 'project',
  async create(provider, config) {
    const { uid } = await provider.call('in context', 'POST', workspaces, {
      metadata: metadata(config.name, { annotations: {}, labels: {} }),
      spec: {
        clusterNamespaces: namespacesOf(config),
        clusterRbacs: bindingTypes.flatMap((type) => rbacOf(config, type) ?? []),
        clusterRefs: await refsOf(provider, config.clusters),
        policies: null,
        quota: { resourceAllocation: {} },
      },
    })
    return uid
  },
  async read(provider, uid) {
    const found = await unlessGone(provider.call('in context', 'GET', `${workspaces}/${uid}`))
    if (!found) return undefined
    const { spec } = found
    for (const { clusterUid } of spec.clusterRefs) await provider.call('in context', 'GET', `${clusters}/${clusterUid}`)
    try {
      await provider.call('in context', 'GET', `${workspaces}/${uid}/backup`)
    } catch (cause) {
      if (!(cause instanceof ProviderError && cause.message.includes('Backup not configured'))) throw cause
    }
    return {
      name: found.metadata.name,
      clusters: spec.clusterRefs.map((one: { clusterUid: string }) => one.clusterUid),
      namespaces: spec.clusterNamespaces.map((one: ReturnType<typeof namespacesOf>[number]) => ({
        name: one.name,
        ...pickAllocation(one.namespaceResourceAllocation.defaultResourceAllocation),
      })),
      bindings: bindingsOf(spec.clusterRbacs),
    }
  },
  async update(provider, uid, _, to) {
    const was = await provider.call('in context', 'GET', `${workspaces}/${uid}`)
    await provider.call('in context', 'PUT', `${workspaces}/${uid}/meta`, metadata(to.name, { uid, labels: {} }))
    await provider.call('in context', 'PUT', `${workspaces}/${uid}/clusterNamespaces`, {
      clusterNamespaces: namespacesOf(to),
      clusterRefs: await refsOf(provider, to.clusters),
      quota: { resourceAllocation: {} },
    })
    const sets = `${workspaces}/${uid}/clusterRbacs`
    for (const type of bindingTypes) {
      const had = (was.spec.clusterRbacs as ReadRbac[]).find(({ spec }) => spec.bindings[0]?.type === type)
      const wanted = rbacOf(to, type)
      if (had && wanted) await provider.call('in context', 'PUT', `${sets}/${had.metadata.uid}`, wanted)
      else if (wanted) await provider.call('in context', 'POST', sets, wanted)
      else if (had) await provider.call('in context', 'DELETE', `${sets}/${had.metadata.uid}`)
    }
  },
  async delete(provider, uid) {
    await provider.call('in context', 'DELETE', `${workspaces}/${uid}`)
  },
  async import(provider, name) {
    const { items } = await provider.call('in context', 'GET', '/v1/dashboard/workspaces')
    return oneNamed<{ metadata: { name: string; uid: string } }>(items, name).metadata.uid
  },
}

const pickAllocation = ({ cpuCores, memoryMiB }: { readonly cpuCores: number; readonly memoryMiB: number }) => ({
  cpuCores,
  memoryMiB,
})
