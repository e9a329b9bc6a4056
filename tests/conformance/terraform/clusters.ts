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

export type Brownfield = { readonly name: string; readonly labels: Readonly<Record<string, string>> }

const clusters = '/v1/spectroclusters'

/** Registered, and waiting for somebody to apply the manifest: no agent comes in this replay. */
export const brownfield: Resource<Brownfield> = {
  name: 'spectrocloud_cluster_brownfield',
  context: 'project',
  async create(provider, { name, labels }) {
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
    await provider.call('in context', 'POST', `${clusters}/${uid}/upgrade/settings`, { spectroComponents: 'unlock' })
    return uid
  },
  async read(provider, uid) {
    const found = await unlessGone(provider.call('in context', 'GET', `${clusters}/${uid}`))
    if (!found || found.status.state === 'Deleted') return undefined
    if (found.spec.clusterConfig === null || typeof found.spec.cloudConfigRef.uid !== 'string') throw new Error('panic')
    // While it runs this must hold a status; before it is looked at all the same.
    const overview = await provider.call('in context', 'GET', `/v1/dashboard/spectroclusters/${uid}/overview`)
    if (typeof overview.status !== 'object') throw new Error('panic: no status')
    return { name: found.metadata.name, labels: found.metadata.labels }
  },
  // Refused by the provider itself until the cluster runs and is healthy.
  async update() {},
  async delete(provider, uid) {
    await provider.call('in context', 'DELETE', `${clusters}/${uid}`)
    const left = await unlessGone(provider.call('in context', 'GET', `${clusters}/${uid}`))
    const states = ['Pending', 'Provisioning', 'Deleting', 'Importing', 'Deleted']
    if (left && !states.includes(left.status.state)) throw new Error(`unexpected state '${left.status.state}'`)
  },
}

export type Workspace = {
  readonly name: string
  readonly clusters: readonly string[]
  readonly namespaces: readonly { readonly name: string; readonly cpuCores: number; readonly memoryMiB: number }[]
  readonly bindings: readonly { readonly namespace: string; readonly role: string; readonly users: readonly string[] }[]
}

const workspaces = '/v1/workspaces'

const bindingOf = ({ namespace, role, users }: Workspace['bindings'][number]) => ({
  type: 'RoleBinding',
  namespace,
  role: { kind: 'Role', name: role },
  subjects: users.map((name) => ({ type: 'User', name })),
})
const rbacOf = ({ bindings }: Workspace) => ({ spec: { bindings: bindings.map(bindingOf) } })
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

type ReadRbac = { metadata: { uid: string }; spec: { bindings: ReturnType<typeof bindingOf>[] } }

export const workspace: Resource<Workspace> = {
  name: 'spectrocloud_workspace',
  context: 'project',
  async create(provider, config) {
    const { uid } = await provider.call('in context', 'POST', workspaces, {
      metadata: metadata(config.name, { annotations: {}, labels: {} }),
      spec: {
        clusterNamespaces: namespacesOf(config),
        clusterRbacs: [rbacOf(config)],
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
      bindings: spec.clusterRbacs.flatMap((one: ReadRbac) =>
        one.spec.bindings.map(({ namespace, role, subjects }) => ({
          namespace,
          role: role.name,
          users: subjects.map(({ name }) => name),
        })),
      ),
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
    for (const { metadata: rbac } of was.spec.clusterRbacs as ReadRbac[])
      await provider.call('in context', 'PUT', `${workspaces}/${uid}/clusterRbacs/${rbac.uid}`, rbacOf(to))
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
