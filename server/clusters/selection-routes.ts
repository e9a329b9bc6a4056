import { FilterRule, FilterSelection } from '../../contract/filters.ts'
import { ok } from '../../core/result.ts'
import { canBeEvaluated, filterCondition } from '../access/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { ListClusters } from './listing.ts'
import { visibleClusters } from './visibility.ts'

/** How many of the clusters that a filter selects are named. */
const named = 10

/** What a tag filter selects, before anybody makes it: of what the caller may list, and nothing else is counted (D12). */
export function selectionEndpoints(list: ListClusters): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/palisade/filters/selection',
      summary: 'How many of the clusters that the caller may list a tag filter would select, and the first of them',
      permission: { signedIn: 'shows the clusters on which the caller holds cluster.list' },
      body: FilterRule,
      reply: { status: 200, body: FilterSelection },
      refusals: ['invalid'],
      audit: 'refusals-only',
      async handle(c) {
        const sound = canBeEvaluated(c.body)
        if (!sound.ok) return sound
        const visible = visibleClusters(c)
        if (!visible.ok) return visible
        const page = { limit: named, offset: 0 }
        const wanted = { condition: filterCondition(c.body, 'c.labels'), tallied: true }
        const selected = await list(c.tx, { visible: visible.value, wanted, page })
        const all = await list(c.tx, { visible: visible.value, page: { limit: 1, offset: 0 } })
        const clusters = selected.clusters.map(({ uid, name, project, projectName }) => ({
          ...{ uid, name },
          project: { uid: project, name: projectName },
        }))
        return ok({ body: { clusters, count: selected.count, of: all.count } })
      },
    }),
  ]
}
