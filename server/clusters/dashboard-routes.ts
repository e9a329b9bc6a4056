import { refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/clusters.ts'
import { listMetaOf, type Page, pageOf, pageQuery, uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Route } from '../gateway/index.ts'
import { metaAnswer, metadataAnswer, overviewAnswer, summaryAnswer } from './answers.ts'
import { findCluster, load } from './found.ts'
import { compileMetadataFilter, compileSearch, schemaAnswer } from './search.ts'
import { listClusters } from './store.ts'
import { type Asking, visibleClusters } from './visibility.ts'

/** Lists that have no paging show everything; a tenant has no more clusters than this. */
const everything: Page = { limit: 10_000, offset: 0 }
const listed = { signedIn: 'shows the clusters on which the caller holds cluster.list' } as const

/** Clusters as dashboards show them: summaries, search, names. */
export const dashboardEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/dashboard/spectroclusters/meta',
    summary: 'Lists clusters with state and tags',
    permission: listed,
    reply: { status: 200, body: wire.clusterMetas },
    refusals: [],
    audit: 'refusals-only',
    async handle(c) {
      const visible = visibleClusters(c)
      if (!visible.ok) return visible
      const { clusters } = await listClusters(c.tx, { visible: visible.value, page: everything })
      return ok({ body: clusters.map((cluster) => metaAnswer(cluster, seenBy(c))) })
    },
  }),
  endpoint({
    route: 'GET /v1/dashboard/spectroclusters/metadata',
    summary: 'Lists the metadata of clusters',
    permission: listed,
    query: wire.clusterMetadataQuery,
    reply: { status: 200, body: wire.clusterMetadataList },
    refusals: [],
    audit: 'refusals-only',
    async handle(c) {
      const visible = visibleClusters(c)
      if (!visible.ok) return visible
      // Every quick filter asks for clusters that carry others, and imported ones carry none.
      if (c.query.quickFilter !== undefined) return ok({ body: { items: [] } })
      const { clusters } = await listClusters(c.tx, { visible: visible.value, page: everything })
      return ok({ body: { items: clusters.map((cluster) => metadataAnswer(cluster, seenBy(c))) } })
    },
  }),
  endpoint({
    route: 'POST /v1/dashboard/spectroclusters/metadata',
    summary: 'Lists the metadata of the clusters that a filter selects',
    permission: listed,
    body: wire.clusterMetadataSpec,
    reply: { status: 200, body: wire.clusterMetadataList },
    refusals: [],
    audit: 'refusals-only',
    async handle(c) {
      const visible = visibleClusters(c)
      if (!visible.ok) return visible
      const { condition, sorting } = compileMetadataFilter(c.body)
      const { clusters } = await listClusters(c.tx, {
        visible: visible.value,
        sorting,
        page: everything,
        ...(condition ? { condition } : {}),
      })
      return ok({ body: { items: clusters.map((cluster) => metadataAnswer(cluster, seenBy(c))) } })
    },
  }),
  endpoint({
    route: 'POST /v1/dashboard/spectroclusters/search',
    summary: 'Searches clusters by the properties that search/schema names',
    permission: listed,
    query: pageQuery,
    body: wire.clusterSearch,
    reply: { status: 200, body: wire.clusterSummaries },
    refusals: [],
    audit: 'refusals-only',
    async handle(c) {
      const visible = visibleClusters(c)
      if (!visible.ok) return visible
      const search = compileSearch(c.body)
      const page = pageOf(c.query)
      if (!search.ok) return err(refuse('invalid', search.error))
      if (!page.ok) return err(refuse('invalid', page.error))
      const { condition, sorting } = search.value
      const { clusters, count } = await listClusters(c.tx, {
        visible: visible.value,
        sorting,
        page: page.value,
        ...(condition ? { condition } : {}),
      })
      return ok({
        body: {
          items: clusters.map((cluster) => summaryAnswer(cluster, seenBy(c))),
          listmeta: listMetaOf(page.value, clusters.length, count),
        },
      })
    },
  }),
  endpoint({
    route: 'GET /v1/dashboard/spectroclusters/search/schema',
    summary: 'What clusters can be searched by',
    permission: { signedIn: 'the properties are the same for everybody and public' },
    reply: { status: 200, body: wire.searchSchema },
    refusals: [],
    audit: 'refusals-only',
    handle: async () => ok({ body: schemaAnswer() }),
  }),
  endpoint({
    route: 'GET /v1/dashboard/spectroclusters/search/input',
    summary: 'The projects and tags that the visible clusters have, to choose search values from',
    permission: listed,
    reply: { status: 200, body: wire.searchInputs },
    refusals: [],
    audit: 'refusals-only',
    async handle(c) {
      const visible = visibleClusters(c)
      if (!visible.ok) return visible
      const { clusters } = await listClusters(c.tx, { visible: visible.value, page: everything })
      const names = new Map(clusters.map(({ project, projectName }) => [project as string, projectName]))
      const tags = new Set(clusters.flatMap(({ labels }) => Object.keys(labels)))
      return ok({
        body: {
          inputs: {
            projectUid: { values: [...names].map(([uid, name]) => ({ uid, name })) },
            tags: { values: [...tags].toSorted().map((key) => ({ uid: key, name: key })) },
          },
        },
      })
    },
  }),
  overview('GET /v1/dashboard/spectroclusters/{uid}'),
  overview('GET /v1/dashboard/spectroclusters/{uid}/overview'),
]

function overview(route: Route): Endpoint {
  return endpoint({
    route,
    summary: 'Reads one cluster with its health and version',
    permission: { object: 'cluster.get', find: findCluster },
    params: uidPath,
    reply: { status: 200, body: wire.clusterOverview },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle({ tx, params, access }) {
      const cluster = await load(tx, params.uid)
      return cluster.ok ? ok({ body: overviewAnswer(cluster.value, { tenant: tx.tenant, access }) }) : cluster
    },
  })
}

const seenBy = ({ access, principal }: Asking) => ({ tenant: principal.tenant, access })
