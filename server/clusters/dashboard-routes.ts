import { refuse } from '../../contract/errors.ts'
import * as wire from '../../contract/wire/clusters.ts'
import { pageQuery, uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint, type Route } from '../gateway/index.ts'
import { metaAnswer, metadataAnswer, overviewAnswer, summaryAnswer } from './answers.ts'
import { findCluster, load } from './found.ts'
import type { Lists } from './list-answer.ts'
import { labelKeys, projectsWithClusters } from './listing.ts'
import { compileMetadataFilter, compileSearch, schemaAnswer } from './search.ts'
import { type Asking, visibleClusters } from './visibility.ts'

const listed = { signedIn: 'shows the clusters on which the caller holds cluster.list' } as const

/** Clusters as dashboards show them: summaries, search, names. */
export function dashboardEndpoints(lists: Lists, { publicUrl }: { readonly publicUrl: string }): readonly Endpoint[] {
  const seenBy = ({ access, principal }: Asking) => ({ tenant: principal.tenant, access, publicUrl })
  return [
    endpoint({
      route: 'GET /v1/dashboard/spectroclusters/meta',
      summary: 'Lists clusters with state and tags',
      permission: listed,
      reply: { status: 200, body: wire.clusterMetas },
      refusals: [],
      audit: 'refusals-only',
      async handle(c) {
        const clusters = await lists.all(c)
        return clusters.ok ? ok({ body: clusters.value.map((cluster) => metaAnswer(cluster, seenBy(c))) }) : clusters
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
        const clusters = await lists.all(c)
        if (!clusters.ok) return clusters
        // Every quick filter asks for clusters that carry others, and imported ones carry none.
        const shown = c.query.quickFilter === undefined ? clusters.value : []
        return ok({ body: { items: shown.map((cluster) => metadataAnswer(cluster, seenBy(c))) } })
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
        const clusters = await lists.all(c, compileMetadataFilter(c.body))
        if (!clusters.ok) return clusters
        return ok({ body: { items: clusters.value.map((cluster) => metadataAnswer(cluster, seenBy(c))) } })
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
        const search = compileSearch(c.body)
        if (!search.ok) return err(refuse('invalid', search.error))
        const page = await lists.page(c, c.query, search.value)
        if (!page.ok) return page
        const { clusters, listmeta } = page.value
        return ok({ body: { items: clusters.map((cluster) => summaryAnswer(cluster, seenBy(c))), listmeta } })
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
        const keys = await labelKeys(c.tx, visible.value)
        const projects = await projectsWithClusters(c.tx, visible.value)
        return ok({
          body: {
            inputs: {
              projectUid: { values: [...projects] },
              tags: { values: keys.map((key) => ({ uid: key, name: key })) },
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
        return cluster.ok
          ? ok({ body: overviewAnswer(cluster.value, { tenant: tx.tenant, access, publicUrl }) })
          : cluster
      },
    })
  }
}
