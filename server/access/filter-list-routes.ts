import { FiltersFound, FiltersQuery } from '../../contract/filters.ts'
import { holding, pageOfFound } from '../../contract/lists.ts'
import { ok } from '../../core/result.ts'
import { endpoint } from '../gateway/index.ts'
import { shownFilter } from './filter-routes.ts'
import { readFilters } from './filter-store.ts'
import { countUsesOfFilters } from './resource-role-store.ts'

/** Our own list of filters, each whole, with how many resource roles act through it; searched by name, a page at a time. */
export const filterListEndpoint = endpoint({
  route: 'GET /v1/palisade/filters',
  summary: 'Searches the filters of the tenant by a part of the name, a page at a time, with how often each is used',
  permission: { tenant: 'filter.list' },
  query: FiltersQuery,
  reply: { status: 200, body: FiltersFound },
  refusals: [],
  audit: 'refusals-only',
  async handle({ tx, query }) {
    const fits = holding(query.q)
    const uses = await countUsesOfFilters(tx)
    const { items, count } = pageOfFound(
      (await readFilters(tx)).filter(({ name }) => fits(name)),
      query,
      { name: ({ name }) => name },
    )
    return ok({ body: { items: items.map((one) => ({ ...shownFilter(one), uses: uses.get(one.uid) ?? 0 })), count } })
  },
})
