import { tooManyLabels } from '../../contract/clusters.ts'
import { refuse } from '../../contract/errors.ts'
import type { Permission } from '../../contract/permissions.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/clusters.ts'
import { uidPath } from '../../contract/wire/common.ts'
import { listQuery } from '../../contract/wire/list-filters.ts'
import { err, ok } from '../../core/result.ts'
import type { Secret } from '../../core/seal/index.ts'
import { mayRelabel } from '../access/index.ts'
import { type Endpoint, endpoint, type Principal, type Route } from '../gateway/index.ts'
import { clusterAnswer, stateNames } from './answers.ts'
import { issuedKubeconfig } from './assets.ts'
import { findCluster, load } from './found.ts'
import { yamlFor } from './import-routes.ts'
import type { Lists } from './list-answer.ts'
import { compileList } from './search.ts'
import { deleteCluster, isNameTaken, targetOf, updateMetadata } from './store.ts'

export type ClusterPorts = {
  /** A short-lived token of the caller's own session or key, for the Kubernetes door. It has no rights of its own. */
  readonly issueClusterToken: (principal: Principal) => Promise<{ readonly token: Secret; readonly expiresAt: Date }>
  readonly publicUrl: string
  /** What our own certificate is verified by; undefined where clients trust it anyway. Asked each time: it may be renewed. */
  readonly caPem: () => string | undefined
}

/** Clusters as objects of `/v1`: read, rename and tag, remove, and the kubeconfigs that lead to them. */
export function clusterEndpoints(ports: ClusterPorts, lists: Lists): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/spectroclusters',
      summary: 'Lists the clusters of the selected project, or of all projects whose clusters the caller may list',
      permission: { signedIn: 'shows the clusters on which the caller holds cluster.list' },
      query: listQuery,
      reply: { status: 200, body: wire.clusterList },
      refusals: [],
      audit: 'refusals-only',
      async handle(c) {
        const list = compileList(c.query)
        if (!list.ok) return err(refuse('invalid', list.error))
        const page = await lists.page(c, c.query, list.value)
        if (!page.ok) return page
        const { clusters, listmeta } = page.value
        const seen = { tenant: c.tx.tenant, access: c.access, publicUrl: ports.publicUrl }
        return ok({ body: { items: clusters.map((cluster) => clusterAnswer(cluster, seen)), listmeta } })
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/validate/name',
      summary: 'Whether the selected project has room for a cluster of this name',
      permission: { project: 'cluster.import' },
      query: wire.nameQuery,
      reply: { status: 204 },
      refusals: ['project_required', 'cluster_name_taken'],
      audit: 'refusals-only',
      async handle({ tx, project, query }) {
        if (project === undefined) return err(refuse('project_required'))
        return (await isNameTaken(tx, project, query.name))
          ? err(refuse('cluster_name_taken'))
          : ok({ body: undefined })
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}',
      summary: 'Reads one cluster',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.cluster },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params, access }) {
        const cluster = await load(tx, params.uid)
        return cluster.ok
          ? ok({ body: clusterAnswer(cluster.value, { tenant: tx.tenant, access, publicUrl: ports.publicUrl }) })
          : cluster
      },
    }),
    endpoint({
      route: 'GET /v1/spectroclusters/{uid}/status',
      summary: 'Reads the state of one cluster',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.clusterStatus },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const cluster = await load(tx, params.uid)
        return cluster.ok ? ok({ body: { status: { state: stateNames[cluster.value.state] } } }) : cluster
      },
    }),
    endpoint({
      route: 'DELETE /v1/spectroclusters/{uid}',
      summary: 'Removes a cluster from Palisade; what an import made on the cluster stays there (docs/clusters.md)',
      permission: { object: 'cluster.delete', find: findCluster },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'cluster.deleted',
      changes: 'access',
      async handle({ tx, params }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        const { uid, name, reached, credential } = cluster.value
        await deleteCluster(tx, uid)
        return ok({
          body: undefined,
          resource: { uid, name },
          details: {
            server: reached?.serverUrl ?? 'none',
            ...(credential ? { leftOnCluster: credential.account } : {}),
          },
        })
      },
    }),
    endpoint({
      route: 'PATCH /v1/spectroclusters/{uid}/metadata',
      summary: 'Renames a cluster, or changes its labels and annotations; what is not sent stays',
      permission: { object: 'cluster.update', find: findCluster },
      params: uidPath,
      body: wire.clusterMetadataUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'cluster_name_taken', 'invalid', 'forbidden'],
      audit: 'cluster.updated',
      // Filters of roles read labels: who may reach the cluster may change with them.
      changes: 'access',
      async handle({ tx, params, body: { metadata }, access, requestId, now }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        const { uid } = cluster.value
        const name = metadata.name || cluster.value.name
        const labels = metadata.labels ?? cluster.value.labels
        const annotations = metadata.annotations ? clientAnnotations(metadata.annotations) : cluster.value.annotations
        if (tooManyLabels(labels)) return err(refuse('invalid', 'metadata.labels: are too many'))
        const relabel = mayRelabel(targetOf(cluster.value), labels, {
          ...{ permission: 'cluster.update', kinds: 'all', access, requestId },
        })
        if (!relabel.ok) return relabel
        const before = cluster.value.labels
        const changed = [...new Set([...Object.keys(before), ...Object.keys(labels)])].filter(
          (key) => before[key] !== labels[key],
        )
        const updated = await updateMetadata(tx, uid, { name, labels, annotations }, now)
        if (!updated.ok) return updated
        return ok({
          body: undefined,
          resource: { uid, name },
          details: {
            ...(name === cluster.value.name ? {} : { renamedFrom: cluster.value.name }),
            ...(changed.length === 0
              ? {}
              : { labels: { before: only(before, changed), after: only(labels, changed) } }),
          },
        })
      },
    }),
    kubeconfigEndpoint('GET /v1/spectroclusters/{uid}/assets/kubeconfig', 'cluster.get'),
    kubeconfigEndpoint('GET /v1/spectroclusters/{uid}/assets/kubeconfigclient', 'cluster.get'),
    // The same file: what may be done with it is decided at each call. Whoever may not be an administrator gets no such address.
    kubeconfigEndpoint('GET /v1/spectroclusters/{uid}/assets/adminKubeconfig', 'cluster.delete'),
    kubeconfigEndpoint('GET /v1/spectroclusters/{uid}/assets/adminTokenKubeconfig', 'cluster.delete'),
    kubeconfigEndpoint('GET /v1/spectroclusters/{uid}/assets/frpKubeconfig', 'cluster.get'),
    assetsEndpoint(),
  ]

  function assetsEndpoint(): Endpoint {
    return endpoint({
      route: 'GET /v1/spectroclusters/{uid}/assets',
      summary:
        'The kubeconfigs for the way through Palisade, and for who may remove the cluster its manifest; else empty',
      permission: { object: 'cluster.get', find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.clusterAssets },
      refusals: ['not_found'],
      audit: 'cluster.kubeconfig.issued',
      async prepare({ principal }) {
        return ok({ value: await ports.issueClusterToken(principal) })
      },
      async handle({ tx, params, access, prepared: { token, expiresAt } }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        const isReady = cluster.value.state === 'ready'
        const parts = { publicUrl: ports.publicUrl, caPem: ports.caPem(), token }
        const kubeconfig = isReady ? issuedKubeconfig(cluster.value, parts) : ''
        const manifest = access.allows('cluster.delete', targetOf(cluster.value)) ? yamlFor(cluster.value) : ''
        return ok({
          body: {
            spec: {
              kubeconfig,
              kubeconfigclient: kubeconfig,
              manifest,
              frpKubeconfig: kubeconfig,
              tokenkubeconfig: '',
            },
          },
          details: isReady ? { expiresAt: expiresAt.toISOString() } : { issued: 'none' },
        })
      },
    })
  }

  function kubeconfigEndpoint(route: Route, permission: Permission): Endpoint {
    return endpoint({
      route,
      summary: 'Issues a kubeconfig that leads through Palisade, with a token of 15 minutes for the caller',
      permission: { object: permission, find: findCluster },
      params: uidPath,
      reply: { status: 200, body: wire.kubeconfigFile, contentType: 'application/octet-stream' },
      refusals: ['not_found', 'cluster_not_ready'],
      audit: 'cluster.kubeconfig.issued',
      // Signing may read keys over a connection of its own. The token is no more than what the caller came with; where the
      // second decision refuses, nobody has seen it.
      async prepare({ principal }) {
        return ok({ value: await ports.issueClusterToken(principal) })
      },
      async handle({ tx, params, prepared: { token, expiresAt } }) {
        const cluster = await load(tx, params.uid)
        if (!cluster.ok) return cluster
        if (cluster.value.state !== 'ready') return err(refuse('cluster_not_ready'))
        const { publicUrl, caPem } = ports
        return ok({
          body: issuedKubeconfig(cluster.value, { publicUrl, caPem: caPem(), token }),
          headers: { 'content-disposition': `attachment; filename="${fileName(cluster.value.name)}.kubeconfig"` },
          details: { expiresAt: expiresAt.toISOString() },
        })
      },
    })
  }
}

/** A cluster's name as part of a file's, in a header and in a shell. */
const fileName = (name: string) => name.replaceAll(/[^\w.-]+/g, '-')

const only = (labels: Readonly<Record<string, string>>, keys: readonly string[]) =>
  Object.fromEntries(keys.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]]])))
